"""Profile stores: every user's last RETENTION and what came before as a carry, one row a user, to be read within a request.

The log and the journal are the truth; a store is derived from them, and can be deleted at any time. `fill.py` makes it,
`SqliteStore.follow` keeps it up with the journal.

A carry cannot be told apart again. So a history to which something comes that precedes what was carried (a late event, or
one posted twice), or that an act of consent or identity concerns, is made anew from log and journal, as often as need be; and
whom an act concerns is kept whole.
"""

import dataclasses
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import acts
from features.events import ACTS, DAY
from features.hashing import bucket_of
from features.histories import Histories
from features.pack import merge, pack_all, unpack
from features.trim import trim
from features.union import concatenate
from features.views import attach
from features.workspace import Facts, Workspace

from . import known, links
from .database import Database, discard_older, of_users
from .journal import Journal
from .past import whole

FORMAT: Final = 2
SLACK: Final = 35 * DAY
"""A store holds this much more than RETENTION, so that an instant of the last weeks is answered from it too."""
SCHEMA: Final = """
CREATE TABLE profiles (user_id TEXT PRIMARY KEY, bucket INTEGER NOT NULL, history BLOB NOT NULL);
CREATE INDEX profiles_bucket ON profiles (bucket);
CREATE TABLE links (user_id TEXT, other TEXT, PRIMARY KEY (user_id, other)) WITHOUT ROWID;
CREATE TABLE standing (log_version INTEGER NOT NULL, floor INTEGER NOT NULL, last_ts INTEGER NOT NULL,
    journal TEXT NOT NULL, seq INTEGER NOT NULL, next_floor INTEGER NOT NULL, acts INTEGER NOT NULL);
INSERT INTO standing VALUES (-1, 0, -9223372036854775808, '', 0, 0, 0)
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a store holds.

    Attributes:
        log_version: All events of this version of the log are in it, from `floor` on; -1 while it is being filled.
        floor: Microseconds UTC; events before it may be in the carry.
        last_ts: The largest `ts` of the log and the journal; the clock `log` is 1 µs later.
        journal: Id of the journal that it follows.
        seq: All events of that journal up to here are in it.
        acts: May somebody have said something of consent or identity?
    """

    log_version: int
    floor: int
    last_ts: int
    journal: str
    seq: int
    acts: bool


class ProfileStore(Protocol):
    """What serving asks of a store; the same for SQLite here and for a store that many instances share."""

    def read(
        self, users: Sequence[str], fields: Iterable[str] | None = None, attributes: Collection[str] = ()
    ) -> tuple[Histories, Standing]:
        """The histories of `users`, in that order, and what the store held at that moment."""

    def follow(self, journal: Journal, oldest: int) -> None:
        """Take in what the journal has and the store has not; events before `oldest` may go into the carry."""

    def standing(self) -> Standing:
        """What the store holds now."""


class SqliteStore(Database):
    """The store of one machine: a SQLite file.

    Attributes:
        required: Is nothing seen of somebody who never consented? As `intently.toml` said when this was made.
    """

    def __init__(self, workspace: Workspace) -> None:
        discard_older(workspace.profiles, FORMAT)
        super().__init__(workspace.profiles, SCHEMA, format_=FORMAT, synchronous="NORMAL")
        with self.transaction() as connection:
            known.prepare(connection)
        self._workspace = workspace  # whose kinds may become more at any time
        self._kinds: tuple[str, ...] = ()
        self.required = acts.required(workspace)

    def read(
        self, users: Sequence[str], fields: Iterable[str] | None = None, attributes: Collection[str] = ()
    ) -> tuple[Histories, Standing]:
        """The histories of `users`, in that order, and what the store held at that moment.

        Args:
            users: Ids, nobody twice; one that is not there has no events.
            fields: Number and coded fields wanted; None for all. `item` comes too where there are acts.
            attributes: Tables of attributes wanted.
        """
        everyone = list(users)
        with self.transaction("DEFERRED") as connection:
            standing = _standing(connection)
            if standing.acts:
                everyone += links.linked(connection, everyone)
            found = dict(_chosen(connection, everyone))
            told = known.read(connection, everyone, attributes)
        packed = [(user, found.get(user)) for user in everyone]
        histories = unpack(packed, None if fields is None else {*fields, *(["item"] if standing.acts else [])})
        if attributes:
            histories = dataclasses.replace(histories, attributes=told)
        if standing.acts or self.required:
            kinds = self._kinds_with_acts() if standing.acts else ()
            if self.required or len(everyone) > len(users) or np.isin(histories.kind, acts.codes(kinds)).any():
                histories = attach(histories, len(users), kinds, self.required)
        return histories, standing

    def _kinds_with_acts(self) -> tuple[str, ...]:
        """The workspace's kinds, the acts among them, whose codes stay what they are."""
        if not acts.codes(self._kinds):
            self._kinds = self._workspace.facts.kinds
        return self._kinds

    def standing(self) -> Standing:
        """What the store holds now."""
        return _standing(self.connection)

    def anybody(self) -> str:
        """Some user's id, for an example; `u1` where there is nobody."""
        found = self.connection.execute("SELECT user_id FROM profiles LIMIT 1").fetchone()
        return str(found[0]) if found else "u1"

    def follow(self, journal: Journal, oldest: int) -> None:
        """Take in what the journal has and the store has not.

        Args:
            journal: The workspace's.
            oldest: Microseconds UTC; events before it go into the carry of the histories that are written anyway.
        """
        with self.transaction() as connection:
            standing = _standing(connection)
            known = standing.seq if standing.journal == journal.id else 0
            seq, events = journal.since(known)
            if len(events):
                self._merge(connection, events, journal, oldest)
                last = max(standing.last_ts, int(np.max(events["ts"].to_numpy())))
                connection.execute("UPDATE standing SET last_ts = ?", (last,))
            if (seq, journal.id) != (standing.seq, standing.journal):
                connection.execute("UPDATE standing SET seq = ?, journal = ?", (seq, journal.id))

    def _merge(self, connection: sqlite3.Connection, events: pa.Table, journal: Journal, oldest: int) -> None:
        """Write the histories of the events' users anew, with these events."""
        facts = self._workspace.facts
        plain = set(ACTS).isdisjoint(events["kind"].to_pylist())
        said = acts.SAID.empty_table() if plain else acts.said(events)
        links.note(connection, said)
        concerned = acts.ids_of(said)
        users = list(dict.fromkeys(events["user_id"].to_pylist()))
        found = dict(_chosen(connection, list(dict.fromkeys([*users, *concerned.to_pylist()]))))
        users = list(dict.fromkeys([*users, *found]))
        before = unpack([(user, found.get(user)) for user in users])
        lost = _lost(before, events, concerned)
        if not lost.any():
            self._write(connection, merge(before, events, facts.kinds), facts, oldest)
            return
        anew = before.users.filter(pa.array(lost))
        events = events.filter(pc.invert(pc.is_in(events["user_id"], value_set=anew)))
        kept = merge(before.take(np.flatnonzero(~lost)), events, facts.kinds)
        both = concatenate([kept, whole(self._workspace, journal, anew.to_pylist())])
        self._write(connection, both, facts, oldest)

    def _write(self, connection: sqlite3.Connection, histories: Histories, facts: Facts, oldest: int) -> None:
        """Write histories, what is before `oldest` in the carry of those whom no act concerns."""
        users = histories.users.to_pylist()
        acted = np.isin(histories.kind, acts.codes(facts.kinds))
        concerned = np.diff(np.concatenate([[0], np.cumsum(acted)])[histories.offsets]) > 0
        if connection.execute("SELECT acts FROM standing").fetchone()[0]:
            linked = {user for user, _ in links.pairs(connection, users)}
            concerned |= np.array([user in linked for user in users], bool)
        asked = oldest + facts.retention_days * DAY  # the first cutoff that is answered from here
        kept = trim(histories, oldest, arrived_before=asked, whole=concerned)
        if kept.n_events < histories.n_events:
            connection.execute(
                "UPDATE standing SET floor = max(floor, ?1), next_floor = max(next_floor, ?1)", (oldest,)
            )
        buckets = bucket_of(histories.users, facts.buckets).tolist()
        connection.executemany(
            "INSERT OR REPLACE INTO profiles VALUES (?, ?, ?)", zip(users, buckets, pack_all(kept), strict=True)
        )

    def replace(self, bucket: int, histories: Histories, journal: Journal, oldest: int) -> None:
        """Put the log's histories of one bucket in the place of what is there, with what the journal has of it.

        The caller holds the writer lock: no event goes from the journal to the log meanwhile.

        Args:
            bucket: Which.
            histories: Whole, with keys.
            journal: The workspace's.
            oldest: Microseconds UTC; events before it go into the carry.
        """
        with self.transaction() as connection:
            connection.execute("DELETE FROM profiles WHERE bucket = ?", (bucket,))
            self._write(connection, histories, self._workspace.facts, oldest)
            pending = journal.of_bucket(bucket)
            if len(pending):
                self._merge(connection, pending, journal, oldest)

    def begin(self, oldest: int, said: pa.Table) -> None:
        """From now on, until `finish`, buckets are replaced by what the log has, with `oldest` as the floor.

        Args:
            oldest: Microseconds UTC.
            said: The log's acts.
        """
        with self.transaction() as connection:
            links.note(connection, said)
            connection.execute("UPDATE standing SET log_version = -1, next_floor = ?", (oldest,))

    def finish(self, log_version: int, last_ts: int) -> None:
        """Every bucket was replaced from this version of the log, whose largest `ts` is `last_ts`."""
        with self.transaction() as connection:
            connection.execute(
                "UPDATE standing SET log_version = ?, floor = next_floor, last_ts = max(last_ts, ?)",
                (log_version, last_ts),
            )

    def advance(self, before: int, after: int, journal: str, seq: int) -> None:
        """The log went from version `before` to `after` by the journal's events up to `seq`, which the store may have."""
        with self.transaction() as connection:
            connection.execute(
                "UPDATE standing SET log_version = ? WHERE log_version = ? AND journal = ? AND seq >= ?",
                (after, before, journal, seq),
            )


def _lost(before: Histories, events: pa.Table, concerned: pa.Array) -> np.ndarray:
    """(n,) bool: whose carry would have to be taken apart, for an event before its end or an act?"""
    if before.carry is None:
        return np.zeros(len(before), bool)
    place = pc.index_in(events["user_id"], value_set=before.users).to_numpy()
    first = np.full(len(before), np.iinfo(np.int64).max)
    np.minimum.at(first, place, events["ts"].to_numpy())
    acted = pc.is_in(before.users, value_set=concerned).to_numpy(zero_copy_only=False)
    lost: np.ndarray = (first <= before.carry.ends()) | (acted & (np.diff(before.carry.offsets) > 0))
    return lost


def _standing(connection: sqlite3.Connection) -> Standing:
    query = "SELECT log_version, floor, last_ts, journal, seq, acts FROM standing"
    version, floor, last_ts, journal, seq, acted = connection.execute(query).fetchone()
    return Standing(version, floor, last_ts, journal, seq, bool(acted))


def _chosen(connection: sqlite3.Connection, users: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """(user, packed history) of those users who have one."""
    return of_users(connection, "SELECT user_id, history FROM profiles WHERE user_id IN ({})", users)
