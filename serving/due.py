"""`intently due`: who bought n days ago and not since, at an instant, with when each will buy again.

    HOME/scores/due=2025-12-31T00-00-00Z/due.parquet    one row a person

Days are the shop's: T+1 is the calendar day after the last purchase's. A person is on at most one of the lists.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from features import views
from features.algebra import Age
from features.errors import NotReadyError
from features.events import DAY
from features.instants import to_iso
from features.log import EventLog
from features.matrix import evaluate
from features.program import Program, compile_program
from features.progress import track
from features.workspace import Workspace
from models.bundle import Bundle
from models.columns import shop_day
from models.hazard import Hazard
from models.targets import Target

from .batch import drafted, everybody
from .live import load

AFTER: Final = (1, 7, 21)
"""Days after a purchase at which a shop asks: did it arrive, is it liked, is another due?"""
AGE: Final = "due:age"


def due(workspace: Workspace, as_of: int, after: Sequence[int] = AFTER, out: Path | None = None) -> dict[str, Any]:
    """Write the lists of one instant.

    Args:
        workspace: With a log, and a champion that says when.
        as_of: Microseconds UTC; events at or after it are not seen.
        after: Shop days since the last purchase.
        out: Folder to write into; default `HOME/scores/due=…`.

    Returns:
        `as_of`, `version`, `due` (persons by list, such as `T+7`), and the path `lists`: `user_id`, `days_since`, and the
        hazard's columns; by list, the likeliest to buy soon first.

    Raises:
        NotReadyError: Nothing was ingested, no version was promoted, or it has no hazard.
        DamagedError: The champion is not what was promoted.
    """
    bundle = load(workspace).bundle
    target = timed(bundle)
    log, program = EventLog(workspace), last_purchase(bundle, target)
    buckets = track("Looking for who is due", log.buckets())
    table = pa.concat_tables([_of(log, bucket, bundle, target, program, as_of, after) for bucket in buckets]).sort_by(
        [("days_since", "ascending"), (target.columns[0], "descending")]
    )
    folder = out if out is not None else workspace.output / f"due={to_iso(as_of).replace(':', '-')}"
    with drafted(folder) as draft:
        pq.write_table(table, draft / "due.parquet", compression="zstd")
    counted = table["days_since"].to_numpy()
    return {
        "as_of": to_iso(as_of),
        "version": bundle.version,
        "due": {f"T+{days}": int((counted == days).sum()) for days in after},
        "lists": str(folder / "due.parquet"),
    }


def timed(bundle: Bundle) -> Target:
    """The first target that says when.

    Raises:
        NotReadyError: There is none.
    """
    for model in bundle.models.values():
        if isinstance(model.target.recipe, Hazard):
            return model.target
    raise NotReadyError(
        f"Version {bundle.version} has no target of kind hazard, which says when. Train models/next_purchase.toml and promote."
    )


def last_purchase(bundle: Bundle, target: Target) -> Program:
    """Days since the last event of the target's kinds."""
    facts = bundle.facts
    return compile_program(
        {AGE: Age(tuple(sorted(target.kinds)))},
        kinds=facts.kinds,
        retention_days=facts.retention_days,
        timezone=facts.timezone,
    )


def _of(
    log: EventLog,
    bucket: int,
    bundle: Bundle,
    target: Target,
    program: Program,
    as_of: int,
    after: Sequence[int],
) -> pa.Table:
    """One bucket's part of the lists."""
    histories = views.canonical(everybody(log, bucket, bundle), as_of)
    here = np.arange(len(histories), dtype=np.int64)
    age = evaluate(program, histories, here, np.full(len(here), as_of, np.int64)).column(AGE)
    bought = np.flatnonzero(~np.isnan(age))
    then = as_of - np.rint(age[bought] * DAY).astype(np.int64)
    since = shop_day(np.array(as_of), bundle.facts.timezone) - shop_day(then, bundle.facts.timezone)
    listed = np.isin(since, after)
    some = histories.take(bought[listed])
    p = bundle.models[target.name].predict(bundle.answers(some, as_of))
    columns = [pa.array(column, from_pandas=True) for column in target.scores(p)]
    names = ["user_id", "days_since", *target.columns]
    return pa.table([some.users, pa.array(since[listed].astype(np.int64)), *columns], names=names)
