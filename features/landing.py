"""Rows on their way into the log: put aside by bucket, told from those that are there, written bucket by bucket."""

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from . import compact, flat
from .ahead import abreast, ahead, side_by_side
from .arrivals import ROWS, coded, completed, sorted_rows, with_keys
from .delta import Part, Snapshot
from .events import ACTS
from .fresh import Appended, Fresh, fresh
from .hashing import bucket_of
from .progress import progress, track
from .spill import Spill
from .workspace import Facts, Workspace

R = TypeVar("R")


@dataclass(slots=True)
class Landing:
    """An append under way: the files that it has written, none of them committed.

    Attributes:
        workspace: Whose log.
        events: The log as it was.
        derive: Histories are made of the new rows too; there were no events before.
        parts: Files of new events.
        histories: Files of histories made of them.
        replaced: Files of events that some of `parts` stand for, as another arrival of an event counts now.
    """

    workspace: Workspace
    events: Snapshot
    derive: bool
    parts: list[Part] = field(default_factory=list)
    histories: list[Part] = field(default_factory=list)
    replaced: list[Part] = field(default_factory=list)

    def recorded(self, batch: pa.Table) -> pa.Table:
        """The batch; where it holds acts, their kinds are among the workspace's from now on."""
        if "kind" in batch.column_names and not set(ACTS).isdisjoint(pc.unique(batch["kind"]).to_pylist()):
            self.workspace.add_acts()
        return batch

    def sift(
        self, batches: Iterable[pa.Table], arrived_at: int | None, spill: Spill, total: int | None
    ) -> Generator[Appended]:
        """Land them all, bucket by bucket."""
        batches = map(self.recorded, batches)
        return sift(batches, self.workspace.facts, arrived_at, spill, self.events, self.land, total)

    def land(self, bucket: int, news: Fresh) -> Appended:
        """Write a bucket's new rows; threads may land several buckets."""
        rows = news.rows
        if len(news.outdone):
            parts, kept = flat.without(self.events.of(bucket), news.outdone)
            rows = sorted_rows(pa.concat_tables([kept, rows.cast(ROWS)]).combine_chunks())
            self.replaced += parts
        if len(rows):
            part = flat.write(self.workspace, bucket, rows)
            self.parts.append(part)
            if self.derive:
                self.histories.append(compact.derive(self.workspace, part, rows))
        return news.counts


def sift(
    batches: Iterable[pa.Table],
    facts: Facts,
    arrived_at: int | None,
    spill: Spill,
    events: Snapshot,
    each: Callable[[int, Fresh], R],
    total: int | None = None,
) -> Generator[R]:
    """What `each` makes of every bucket's news, in the order of the buckets, some at a time in threads.

    Args:
        batches: Columns of the `EVENTS` schema without bucket and key, texts as dictionaries or not, in chunks.
        facts: The workspace's, as they are or would be.
        arrived_at: Fills nulls in `arrived_at`; None leaves them.
        spill: Where rows are put aside.
        events: The log as it is.
        each: From bucket and news.
        total: Number of rows, where known, for the progress bar.

    Raises:
        InputError: A chunk is no table of events.
    """
    plain: tuple[str, ...] | None = None
    with progress("Sorting events", total) as advance, closing(ahead(batches)) as coming:
        for batch in coming:
            rows = completed(batch, facts.kinds, arrived_at)
            if plain is None:  # texts that seldom repeat are no dictionaries, unless they come so
                plain = ("event_id", *(n for n in ("text", "properties") if not pt.is_dictionary(rows[n].type)))
            rows = coded(rows, plain)
            spill.add(rows, bucket_of(rows["user_id"].chunk(0), facts.buckets))
            advance(len(rows))
    spill.end()
    buckets = spill.buckets()

    def work(bucket: int) -> R:
        parts = events.of(bucket)
        return each(bucket, fresh(with_keys(spill.take(bucket)), flat.keys(parts), partial(flat.rows_at, parts)))

    workers = abreast(spill.n_rows // max(1, len(buckets)))
    with closing(side_by_side(work, buckets, workers)) as done:
        yield from track("Writing events", done, len(buckets))
