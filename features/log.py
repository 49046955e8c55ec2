"""The event log of a workspace: `events`, the truth, and `histories`, derived from it; both Delta tables by bucket.

An `EventLog` is one snapshot, taken at first use: many buckets read from one object see one version, whatever a writer
does meanwhile. Readers never wait. Writers hold `workspace.writing(...)`.
"""

from collections.abc import Collection, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import attributes, compact, delta, flat, standing
from .compact import Compacted
from .concern import Concern
from .delta import Snapshot
from .errors import NotReadyError
from .fresh import Appended
from .hashing import bucket_of
from .histories import Histories
from .landing import Landing
from .schema import EVENTS
from .spill import Spill
from .standing import Asked, Cover
from .union import concatenate, empty
from .views import attach
from .workspace import Workspace


class EventLog:
    """The log of a workspace, as it stood when this object first looked."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._events: Snapshot | None = None
        self._histories: Snapshot | None = None
        self._tables: dict[str, Snapshot] = {}
        self._concern: Concern | None = None
        self._lock = Lock()

    def refresh(self) -> "EventLog":
        """Take a new snapshot."""
        self._histories = delta.snapshot(self.workspace.histories)  # first: what it covers is then among the events
        self._events = delta.snapshot(self.workspace.events)
        self._tables = {}
        self._concern = None
        return self

    @property
    def events(self) -> Snapshot:
        """The snapshot of `events`."""
        if self._events is None:
            self.refresh()
        assert self._events is not None
        return self._events

    @property
    def histories(self) -> Snapshot:
        """The snapshot of `histories`."""
        if self._histories is None:
            self.refresh()
        assert self._histories is not None
        return self._histories

    @property
    def exists(self) -> bool:
        """Are there events?"""
        return bool(self.events.parts)

    @property
    def version(self) -> int:
        """Version of the `events` table; -1 where there is none."""
        return self.events.version

    @property
    def n_events(self) -> int:
        """Number of events."""
        return sum(part.rows for part in self.events.parts)

    @property
    def first_ts(self) -> int:
        """Smallest `ts` in the log."""
        return min(first for first, _ in self._spans())

    @property
    def last_ts(self) -> int:
        """Largest `ts` in the log; the log's last instant, as a clock, is one microsecond later."""
        return max(last for _, last in self._spans())

    def _spans(self) -> list[tuple[int, int]]:
        """Smallest and largest `ts` of every file.

        Raises:
            NotReadyError: There are none.
        """
        if not self.exists:
            raise NotReadyError(f"The log of {self.workspace.home} has no events yet; `intently ingest` some first.")
        return [flat.span(part) for part in self.events.parts]

    def kinds(self) -> dict[str, int]:
        """Number of events of every kind that the log has, in the order of the workspace's kinds."""
        counts = dict.fromkeys(self.workspace.facts.kinds, 0)
        for part in self.events.parts:
            for kind, n in flat.kinds(part).items():
                counts[kind] += n
        return {kind: n for kind, n in counts.items() if n}

    def buckets(self) -> range:
        """All buckets."""
        return range(self.workspace.facts.buckets)

    def append(
        self, batches: Iterable[pa.Table], *, arrived_at: int | None, total: int | None = None, histories: bool = False
    ) -> Appended:
        """Add events in one commit, or none.

        The caller holds the writer's lock. Memory is bounded by some buckets of `ahead.AT_A_TIME` rows together, or one that is
        larger, and `spill.BUDGET`.

        Args:
            batches: Columns of the `EVENTS` schema without bucket and key, in chunks; iterated in a thread.
            arrived_at: Fills nulls in `arrived_at`; None leaves them (a first load).
            total: Number of rows, where known, for the progress bar.
            histories: Also bring histories up to date where `due`; those of a first load are made of its rows in memory.

        Raises:
            InputError: A chunk is no table of events; nothing was added.
        """
        self.refresh()
        appended = Appended()
        landing = Landing(self.workspace, self.events, derive=histories and not self.exists)
        try:
            with (
                Spill(self.workspace.events.parent) as spill,
                closing(landing.sift(batches, arrived_at, spill, total)) as news,
            ):
                for one in news:
                    appended += one
            if landing.parts:
                note = {"rows": appended.accepted}
                delta.commit(self.workspace.events, EVENTS, landing.parts, landing.replaced, note)
        except BaseException:
            if delta.snapshot(self.workspace.events).version == self.version:
                delta.discard([*landing.parts, *landing.histories])
            raise
        self.refresh()
        if landing.histories:
            compact.replace(self.workspace, landing.histories, self.histories.parts)
            self.refresh()
        elif compact.tidy(self.workspace, self.events, self.histories):
            self.refresh()
        if histories and self.due:
            self.compact()
        return appended

    def flat(self, bucket: int | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """The events as they are, of one bucket or of all; sorted within an append's bucket only."""
        names = list(columns) if columns is not None else EVENTS.names
        schema = pa.schema([EVENTS.field(name) for name in names])
        parts = self.events.parts if bucket is None else self.events.of(bucket)
        return pa.concat_tables([schema.empty_table(), *(flat.read(part, names) for part in parts)])

    def read(
        self,
        bucket: int,
        fields: Collection[str] | None = None,
        texts: Collection[str] | None = None,
        keys: bool = False,
    ) -> Histories:
        """The histories of a bucket's persons, sorted by id: those compacted, and the events added since.

        Args:
            bucket: Which.
            fields: Number and coded fields wanted; None for all.
            texts: Coded fields whose texts are wanted; None for all that are read.
            keys: Are event keys wanted?
        """
        asked = Asked.of(fields, texts, keys)
        found = _uninformed(standing.of_bucket(self._cover(bucket), self.workspace.facts.kinds, asked))
        return found if self.concern.nothing else self.concern.of_bucket(bucket, found, asked)

    def read_users(
        self, users: Sequence[str], fields: Collection[str] | None = None, texts: Collection[str] | None = None
    ) -> Histories:
        """These persons' histories in the given order, with keys; an unknown one has no events.

        Args:
            users: Ids; one may stand there twice.
            fields: Number and coded fields wanted; None for all.
            texts: Coded fields whose texts are wanted; None for all that are read.
        """
        if self.concern.nothing:
            return _uninformed(self._of_users(users, Asked.of(fields, texts, keys=True)))
        asked = list(dict.fromkeys(users))
        found = attach(
            self.whole(self.concern.with_linked(asked), fields),
            len(asked),
            self.workspace.facts.kinds,
            self.concern.required,
        )
        places = pc.index_in(pa.array(users, pa.string()), value_set=found.users).to_numpy().astype(np.int64)
        return _uninformed(found.take(places))

    def whole(self, users: Sequence[str], fields: Collection[str] | None = None) -> Histories:
        """The same as the log has them, whatever acts say, and with the texts of all fields and of `item`."""
        return self._of_users(users, Asked.of(None if fields is None else {*fields, "item"}, None, keys=True))

    def whole_bucket(self, bucket: int) -> Histories:
        """Everything that the log has of a bucket's persons, whatever acts say."""
        return standing.of_bucket(self._cover(bucket), self.workspace.facts.kinds, Asked.of(None, None, keys=True))

    @property
    def concern(self) -> Concern:
        """The acts in the log, and whom they concern."""
        with self._lock:  # several threads read buckets
            if self._concern is None:
                self._concern = Concern(self.workspace, self.events.parts, self._of_users)
            return self._concern

    def _of_users(self, users: Sequence[str], asked: Asked) -> Histories:
        facts = self.workspace.facts
        wanted = pc.unique(pa.array(users, pa.string()))
        bucket = bucket_of(wanted, facts.buckets)
        found = [
            standing.of_users(self._cover(b), facts.kinds, asked, wanted.filter(pa.array(bucket == b)))
            for b in np.unique(bucket).tolist()
        ]
        have = pa.concat_arrays([pa.array([], pa.string()), *(part.users for part in found)])
        unknown = wanted.filter(pc.invert(pc.is_in(wanted, value_set=have)))
        both = concatenate([*found, empty(unknown, asked.numbers, asked.coded)])
        return both.take(pc.index_in(pa.array(users, pa.string()), value_set=both.users).to_numpy().astype(np.int64))

    def _cover(self, bucket: int) -> Cover:
        return compact.cover(self.histories.of(bucket), self.events.of(bucket))

    def user_ids(self, bucket: int) -> pa.Array:
        """Ids of the bucket's persons, known to the log or to the users table, sorted."""
        asked = Asked.of((), (), keys=False)
        found = standing.of_bucket(self._cover(bucket), self.workspace.facts.kinds, asked)
        ids = [found.users, *attributes.user_ids(self.workspace, bucket)]
        return pc.unique(pa.chunked_array(ids)).sort()

    @property
    def due(self) -> bool:
        """Is there so much outside `histories` that `compact` is worth its while?"""
        return compact.due(self.events, self.histories)

    def compact(self) -> Compacted:
        """Bring `histories` up to date, in one commit; the caller holds the writer's lock."""
        self.refresh()
        done = compact.run(self.workspace, self.events, self.histories)
        self.refresh()
        return done

    def informed(self, histories: Histories, tables: Collection[str]) -> Histories:
        """The histories with what these tables of attributes say of their persons; as they are where no table is asked for.

        Args:
            histories: Nobody twice.
            tables: Names; one that is not there says nothing of anybody.
        """
        if not tables:
            return histories
        for table in tables:
            if table not in self._tables:
                self._tables[table] = delta.snapshot(attributes.path_of(self.workspace, table))
        asked = {table: self._tables[table] for table in sorted(tables)}
        found = attributes.known(asked, self.workspace.facts.buckets, histories.users)
        acts = histories.acts and replace(histories.acts, sources=self.informed(histories.acts.sources, tables))
        return replace(histories, attributes=found, acts=acts)

    def put_users(self, rows: pa.Table, table: str = "users") -> int:
        """Add or correct rows of the users table, or one of the shop's own; the number of those that were new or other."""
        return attributes.put_users(self.workspace, rows, table)

    def put_items(self, rows: pa.Table) -> int:
        """Add or correct rows of the items table; the number of rows that were new or other than before."""
        return attributes.put_items(self.workspace, rows)

    def users(self) -> pa.Table:
        """The users table."""
        return attributes.users(self.workspace)

    def items(self) -> pa.Table:
        """The items table."""
        return attributes.items(self.workspace)

    def attributes(self, users: Sequence[str], as_of: int) -> list[dict[str, Any]]:
        """What was known of each person at an instant; empty where nothing was."""
        return attributes.as_of(self.workspace, users, as_of)


def _uninformed(histories: Histories) -> Histories:
    """The same, of whose attributes nothing was read: who asks for some without `informed` is told so."""
    return replace(histories, attributes={})
