"""`intently features compute`: the feature matrix of everyone, at any number of cutoffs, as one Parquet file."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import catalogue, delta, views
from .ahead import side_by_side
from .errors import NotReadyError
from .histories import Histories
from .log import EventLog
from .matrix import evaluate, grid
from .program import Program, compile_program
from .progress import track
from .reader import n_processors
from .union import concatenate, empty
from .workspace import Workspace
from .written import check_folder, writing

EVENTS: Final = 250_000  # small buckets are joined to so many, as each call has a cost of its own
CELLS: Final = 4_000_000  # numbers of a table, of which a few are under way at a time


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
    check_folder(out)
    log = EventLog(workspace)
    if not log.exists:
        raise NotReadyError(f"The log of {workspace.home} has no events yet; `intently ingest` some first.")
    n_users = n_rows = 0
    with writing(out, schema_of(program)) as write:
        for n, table in _tables(log, program, cutoffs):
            n_users += n
            n_rows += len(table)
            write(table)
    return {"users": n_users, "rows": n_rows, "features": len(program.names), "path": str(out)}


def schema_of(program: Program) -> pa.Schema:
    """The columns that `compute_file` writes."""
    return pa.schema(
        [
            pa.field("user_id", pa.string(), nullable=False),
            pa.field("cutoff", pa.timestamp("us", "UTC"), nullable=False),
            *(
                pa.field(name, pa.string())
                if name in program.categorical
                else pa.field(name, pa.float64(), nullable=False)  # NaN for nothing; without null bits written faster
                for name in program.names
            ),
        ]
    )


def _tables(log: EventLog, program: Program, cutoffs: list[int]) -> Iterator[tuple[int, pa.Table]]:
    """Everyone's rows, so many at a time that memory stays bounded, and of how many persons they are.

    While one table is being written, the next are made, and the histories of others read.
    """
    groups = list(_groups(log))
    read = partial(_read, log, program, delta.snapshot(log.workspace.users))
    read_ones = side_by_side(read, track("Computing features", groups), n_processors())
    size = max(1, CELLS // (len(program.names) * len(cutoffs)))
    parts = (part for histories in read_ones for part in _parts(histories, size))
    yield from side_by_side(partial(_answer, program, cutoffs), parts, 2 * n_processors())


def _groups(log: EventLog) -> Iterator[list[int]]:
    """All buckets, small ones together."""
    group, n_events = list[int](), 0
    for bucket in log.buckets():
        group.append(bucket)
        n_events += sum(part.rows for part in log.events.of(bucket))
        if n_events >= EVENTS:
            yield group
            group, n_events = [], 0
    if group:
        yield group


def _read(log: EventLog, program: Program, users: delta.Snapshot, buckets: list[int]) -> Histories:
    """The histories of some buckets."""
    found = [_bucket(log, program, users, bucket) for bucket in buckets]
    return concatenate(found) if len(found) > 1 else found[0]


def _bucket(log: EventLog, program: Program, users: delta.Snapshot, bucket: int) -> Histories:
    """A bucket's histories, those of the users table who have no events after the others."""
    histories = log.read(bucket, program.fields, program.texts)
    known = [delta.read_part(part, ["user_id"])["user_id"] for part in users.of(bucket)]
    if known:
        silent = pc.unique(pa.chunked_array([chunk for column in known for chunk in column.chunks], pa.string()))
        silent = silent.filter(pc.invert(pc.is_in(silent, value_set=histories.users)))
        if len(silent):
            histories = concatenate([histories, empty(silent, list(histories.numbers), list(histories.coded))])
    return log.informed(histories, program.attributes)


def _parts(histories: Histories, size: int) -> Iterator[Histories]:
    """The histories of so many persons at a time."""
    if len(histories) <= size:
        yield histories
        return
    for first in range(0, len(histories), size):
        yield histories.take(np.arange(first, min(first + size, len(histories))))


def _answer(program: Program, cutoffs: list[int], histories: Histories) -> tuple[int, pa.Table]:
    """The number of these persons, and their rows."""
    person, cutoff = grid(len(histories), cutoffs)
    if histories.acts is not None:  # an id that is another's by then has no row
        kept = views.own(histories, person, cutoff)
        person, cutoff = person[kept], cutoff[kept]
    matrix = evaluate(program, histories, person, cutoff, threads=1)
    return len(histories), matrix.to_table(histories).cast(schema_of(program))
