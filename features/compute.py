"""`intently features compute`: the feature matrix of everyone, at any number of cutoffs, as one Parquet file."""

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from . import catalogue, delta, views
from .errors import InputError, NotReadyError
from .histories import Histories
from .log import EventLog
from .matrix import evaluate, grid
from .program import Program, compile_program
from .progress import track
from .union import concatenate, empty
from .workspace import Workspace

EVENTS: Final = 500_000  # small buckets are joined to so many, as each call has a cost of its own
AHEAD: Final = 4  # buckets being read, or read and waiting
CELLS: Final = 16_000_000  # numbers held at a time, of one bucket's part and of the part being written


def compute_file(workspace: Workspace, cutoffs: list[int], names: list[str] | None, out: Path) -> dict[str, Any]:
    """Write the features of everyone whom the log or the users table knows.

    Args:
        workspace: Whose log.
        cutoffs: Microseconds UTC.
        names: Features, by name or pattern, in the order of the columns; None for the whole catalogue.
        out: The file, replaced whole or not at all: `user_id`, `cutoff` (timestamp[us, UTC]), then a column a feature, float64
            or strings; all rows of a person together, by cutoff in the order given.

    Returns:
        Numbers of users, rows and features, and the path.

    Raises:
        SpecError: An unknown feature.
        NotReadyError: The log is empty.
        InputError: The file's folder is not there.
    """
    from pyarrow import parquet

    facts = workspace.facts
    chosen = catalogue.of(workspace)
    chosen = chosen.select(names) if names is not None else chosen
    program = compile_program(
        chosen.features,
        kinds=facts.kinds,
        retention_days=facts.retention_days,
        timezone=facts.timezone,
        sources=workspace.features,
    )
    if not out.parent.is_dir():
        raise InputError(
            f"There is no folder {out.parent} to write {out.name} into. Make it first, or name another file."
        )
    log = EventLog(workspace)
    if not log.exists:
        raise NotReadyError(f"The log of {workspace.home} has no events yet; `intently ingest` some first.")
    schema = schema_of(program)
    texts = [field.name for field in schema if field.type == pa.string()]
    options = {"compression": "ZSTD", "compression_level": 1, "write_statistics": False, "use_dictionary": texts}
    draft = out.with_name(f".{out.name}.{os.getpid()}")
    n_users = n_rows = 0
    try:
        with parquet.ParquetWriter(draft, schema, **options) as writer, ThreadPoolExecutor(1) as pen:
            written = pen.submit(int)
            for histories in _people(log, program):
                n_users += len(histories)
                for table in _tables(program, histories, cutoffs):
                    n_rows += len(table)
                    written.result()  # one table is being written while the next is made
                    written = pen.submit(writer.write_table, table, len(table))
            written.result()
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)
    return {"users": n_users, "rows": n_rows, "features": len(program.names), "path": str(out)}


def schema_of(program: Program) -> pa.Schema:
    """The columns that `compute_file` writes."""
    return pa.schema(
        [
            pa.field("user_id", pa.string(), nullable=False),
            pa.field("cutoff", pa.timestamp("us", "UTC"), nullable=False),
            *(pa.field(name, pa.string() if name in program.categorical else pa.float64()) for name in program.names),
        ]
    )


def _people(log: EventLog, program: Program) -> Iterator[Histories]:
    """Everyone's histories, some buckets at a time; the next are read while the last are worked at."""
    users, held = delta.snapshot(log.workspace.users), list[Histories]()
    with ThreadPoolExecutor(2) as readers:
        ahead = deque[Future[Histories]]()
        buckets = iter(log.buckets())
        for _ in track("Computing features", log.buckets()):
            for bucket in islice(buckets, AHEAD - len(ahead)):
                ahead.append(readers.submit(_bucket, log, program, users, bucket))
            held.append(ahead.popleft().result())
            if sum(histories.n_events for histories in held) >= EVENTS:
                yield concatenate(held) if len(held) > 1 else held[0]
                held = []
    if held:
        yield concatenate(held)


def _bucket(log: EventLog, program: Program, users: delta.Snapshot, bucket: int) -> Histories:
    """A bucket's histories, those of the users table who have no events after the others."""
    histories = log.read(bucket, program.fields, program.texts)
    known = [delta.read_part(part, ["user_id"])["user_id"] for part in users.of(bucket)]
    silent = pc.unique(pa.chunked_array([chunk for column in known for chunk in column.chunks], pa.string()))
    silent = silent.filter(pc.invert(pc.is_in(silent, value_set=histories.users)))
    if len(silent):
        histories = concatenate([histories, empty(silent, list(histories.numbers), list(histories.coded))])
    return log.informed(histories, program.attributes)


def _tables(program: Program, histories: Histories, cutoffs: list[int]) -> Iterator[pa.Table]:
    """The rows of everyone, so many at a time that memory stays bounded."""
    size = max(1, CELLS // (len(program.names) * len(cutoffs)))
    for first in range(0, len(histories), size):
        person, cutoff = grid(min(size, len(histories) - first), cutoffs)
        person += first
        if histories.acts is not None:  # an id that is another's by then has no row
            kept = views.own(histories, person, cutoff)
            person, cutoff = person[kept], cutoff[kept]
        matrix = evaluate(program, histories, person, cutoff)
        yield matrix.to_table(histories).cast(schema_of(program))
