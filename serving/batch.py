"""`intently score`: the whole base at one instant, a bucket at a time, into two Parquet files that appear whole.

    HOME/scores/as_of=2025-12-31T00-00-00Z/scores.parquet    one row a person known to the log or the users table
                                           tags.parquet      one row a person and tag

Plain files, replaced in one step each, and not a Delta table: a path is to open with `pandas.read_parquet` and to hold one
snapshot, also after a rerun, and a Delta folder holds the files of overwritten versions too.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import views
from features.events import CODED_FIELDS, NUMBER_FIELDS
from features.histories import Histories
from features.instants import to_iso
from features.log import EventLog
from features.progress import track
from features.union import empty, union
from features.workspace import Workspace
from models.bundle import Bundle
from models.model import Model
from models.tagframe import SCHEMA as TAGS

from .live import load
from .score import Scored
from .score import score as score_histories

DRAFT: Final = ".draft-"


def score(workspace: Workspace, as_of: int, out: Path | None = None) -> dict[str, Any]:
    """Score everybody.

    Args:
        workspace: With a log and a champion.
        as_of: Microseconds UTC; events at or after it are not seen.
        out: Folder to write into; default `HOME/scores/as_of=…`.

    Returns:
        `as_of`, `users`, `version`, and the paths `scores` and `tags`. Scores: `user_id`, and `p_<target>` or
        `p_<target>_<class>`, null outside the cohort. Tags: the columns of `models.tagframe.SCHEMA`.

    Raises:
        NotReadyError: Nothing was ingested, or no version was promoted.
        DamagedError: The champion is not what was promoted.
    """
    live = load(workspace)
    folder = out if out is not None else workspace.output / f"as_of={to_iso(as_of).replace(':', '-')}"
    log = EventLog(workspace)
    n_users = 0
    with drafted(folder) as draft, writers(draft, live.bundle) as (scores, tags):
        for bucket in track("Scoring", log.buckets()):
            histories = views.canonical(everybody(log, bucket, live.bundle), as_of)
            if len(histories):
                scored = score_histories(live.bundle, live.tagset, histories, as_of)
                scores.write_table(probabilities(live.bundle, scored))
                tags.write_table(scored.tags.to_table(scored.users))
                n_users += len(histories)
    return {
        "as_of": to_iso(as_of),
        "users": n_users,
        "version": live.bundle.version,
        "scores": str(folder / "scores.parquet"),
        "tags": str(folder / "tags.parquet"),
    }


def everybody(log: EventLog, bucket: int, bundle: Bundle) -> Histories:
    """The histories of a bucket's persons, sorted by id, those without events among them."""
    fields = bundle.program.fields
    found = log.read(bucket, fields, bundle.program.texts)
    known = log.user_ids(bucket)
    others = known.filter(pc.invert(pc.is_in(known, value_set=found.users)))
    if len(others):
        names = [[name for name in among if name in fields] for among in (NUMBER_FIELDS, CODED_FIELDS)]
        found = union([found, empty(others, *names)])
        found = found.take(pc.array_sort_indices(found.users).to_numpy().astype(np.int64))
    return log.informed(found, bundle.program.attributes)


def probabilities(bundle: Bundle, scored: Scored) -> pa.Table:
    """The scores of some persons, of `score_schema`."""
    columns: list[pa.Array] = [scored.users]
    for name, model in bundle.models.items():
        found = model.target.named_scores(scored.probabilities[name])
        columns += [pa.array(column, kind_of(model, key), from_pandas=True) for key, column in found.items()]
    return pa.table(columns, schema=score_schema(bundle))


def kind_of(model: Model, column: str) -> pa.DataType:
    """Type of a score column."""
    return pa.string() if column in model.target.worded else pa.float64()


def score_schema(bundle: Bundle) -> pa.Schema:
    """`user_id`, and the columns of every target."""
    fields = [pa.field(name, kind_of(model, name)) for model in bundle.models.values() for name in model.target.columns]
    return pa.schema([pa.field("user_id", pa.string(), nullable=False), *fields])


@contextmanager
def drafted(folder: Path) -> Iterator[Path]:
    """A draft's folder, whose files take the place of those in `folder` when the body ends well.

    Drafts that were left by killed processes are removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(f"{DRAFT}*"):
        if not _runs(left.name.removeprefix(DRAFT)):
            shutil.rmtree(left, ignore_errors=True)
    draft = folder / f"{DRAFT}{os.getpid()}"
    draft.mkdir()
    try:
        yield draft
        for path in sorted(draft.iterdir()):
            with path.open("rb") as file:
                os.fsync(file.fileno())
        for path in sorted(draft.iterdir()):
            path.replace(folder / path.name)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        if not any(folder.iterdir()):
            folder.rmdir()


@contextmanager
def writers(draft: Path, bundle: Bundle) -> Iterator[tuple[Any, Any]]:
    """Writers of the two files, a row group a bucket."""
    from pyarrow import parquet

    options = {"compression": "zstd", "version": "2.6"}
    with (
        parquet.ParquetWriter(draft / "scores.parquet", score_schema(bundle), **options) as scores,
        parquet.ParquetWriter(draft / "tags.parquet", TAGS, **options) as tags,
    ):
        yield scores, tags


def _runs(pid: str) -> bool:
    """Is there a process of that number?"""
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
