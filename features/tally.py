"""What adding rows to a log would come to, without adding them."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from .fresh import Appended
from .landing import sift
from .log import EventLog
from .spill import Spill
from .workspace import Facts


def tally(log: EventLog, facts: Facts, batches: Iterable[pa.Table], arrived_at: int | None, scratch: Path) -> Appended:
    """The answer of `EventLog.append`, nothing written but in `scratch`.

    Args:
        log: The log, which may be empty.
        facts: The workspace's, as they would be.
        batches: As `append` takes them.
        arrived_at: As `append` takes it.
        scratch: An empty folder outside the workspace.
    """
    counts = Appended()
    with Spill(scratch) as spill:
        for news in sift(batches, facts, arrived_at, spill, log.events, lambda _, found: found.counts):
            counts += news
    return counts


def count_new(rows: pa.Table, known: pa.Table, key: list[str]) -> int:
    """Number of rows that are new or other than before; of equal keys the last row counts.

    Args:
        rows: What came, of users or items.
        known: The table as it is, of the same columns.
        key: Columns that name a row.
    """
    have = {tuple(row.values()) for row in known.select(rows.column_names).to_pylist()}
    last = {tuple(row[name] for name in key): tuple(row.values()) for row in rows.to_pylist()}
    return sum(1 for row in last.values() if row not in have)
