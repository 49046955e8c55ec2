"""Profile stores: every user's last RETENTION, one row a user, to be read within a request.

The log and the journal are the truth; a store is derived from them, and can be deleted at any time. `fill.py` makes it,
`SqliteStore.follow` keeps it up with the journal.
"""

import dataclasses
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import pyarrow as pa

from features.events import DAY
from features.hashing import bucket_of
from features.histories import Histories, bounds_of, localise
from features.pack import merge, pack_all, unpack
from features.workspace import Workspace

from . import known
from .database import Database
from .journal import Journal

FORMAT: Final = 1
SLACK: Final = 35 * DAY
"""A store holds this much more than RETENTION, so that an instant of the last weeks is answered from it too."""
MANY: Final = 500
SCHEMA: Final = """
CREATE TABLE profiles (user_id TEXT PRIMARY KEY, bucket INTEGER NOT NULL, history BLOB NOT NULL);
CREATE INDEX profiles_bucket ON profiles (bucket);
CREATE TABLE standing (log_version INTEGER NOT NULL, floor INTEGER NOT NULL, last_ts INTEGER NOT NULL,
    journal TEXT NOT NULL, seq INTEGER NOT NULL, next_floor INTEGER NOT NULL);
INSERT INTO standing VALUES (-1, 0, -9223372036854775808, '', 0, 0)
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a store holds.

    Attributes:
        log_version: All events of this version of the log are in it, from `floor` on; -1 while it is being filled.
        floor: Microseconds UTC; events before it may be missing.
        last_ts: The largest `ts` of the log and the journal; the clock `log` is 1 µs later.
        journal: Id of the journal that it follows.
        seq: All events of that journal up to here are in it.
    """

    log_version: int
    floor: int
    last_ts: int
    journal: str
    seq: int


class ProfileStore(Protocol):
    """What serving asks of a store; the same for SQLite here and for a store that many instances share."""

    def read(
        self, users: Sequence[str], fields: Iterable[str] | None = None, attributes: Collection[str] = ()
    ) -> tuple[Histories, Standing]:
        """The histories of `users`, in that order, and what the store held at that moment."""

    def follow(self, journal: Journal, oldest: int) -> None:
        """Take in what the journal has and the store has not; events before `oldest` may be dropped."""

    def standing(self) -> Standing:
        """What the store holds now."""


class SqliteStore(Database):
    """The store of one machine: a SQLite file."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace.profiles, SCHEMA, format_=FORMAT, synchronous="NORMAL")
        with self.transaction() as connection:
            known.prepare(connection)
        self._workspace = workspace  # whose kinds may become more at any time

    def read(
        self, users: Sequence[str], fields: Iterable[str] | None = None, attributes: Collection[str] = ()
    ) -> tuple[Histories, Standing]:
        """The histories of `users`, in that order, and what the store held at that moment.

        Args:
            users: Ids, nobody twice; one that is not there has no events.
            fields: Number and coded fields wanted; None for all.
            attributes: Tables of attributes wanted.
        """
        with self.transaction("DEFERRED") as connection:
            standing = _standing(connection)
            found = dict(_chosen(connection, users))
            told = known.read(connection, users, attributes)
        packed = [(user, found.get(user)) for user in users]
        histories = unpack(packed, None if fields is None else set(fields))
        return (dataclasses.replace(histories, attributes=told) if attributes else histories), standing

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
            oldest: Microseconds UTC; events before it are dropped from the histories that are written anyway.
        """
        with self.transaction() as connection:
            standing = _standing(connection)
            known = standing.seq if standing.journal == journal.id else 0
            seq, events = journal.since(known)
            if len(events):
                self._merge(connection, events, oldest)
                last = max(standing.last_ts, int(np.max(events["ts"].to_numpy())))
                connection.execute("UPDATE standing SET last_ts = ?", (last,))
            if (seq, journal.id) != (standing.seq, standing.journal):
                connection.execute("UPDATE standing SET seq = ?, journal = ?", (seq, journal.id))

    def _merge(self, connection: sqlite3.Connection, events: pa.Table, oldest: int) -> None:
        """Write the histories of the events' users anew, with these events."""
        users = list(dict.fromkeys(events["user_id"].to_pylist()))
        found = dict(_chosen(connection, users))
        before = unpack([(user, found.get(user)) for user in users])
        after = merge(before, events, self._workspace.facts.kinds)
        kept = since(after, oldest)
        if kept.n_events < after.n_events:
            connection.execute(
                "UPDATE standing SET floor = max(floor, ?1), next_floor = max(next_floor, ?1)", (oldest,)
            )
        self._write(connection, kept)

    def _write(self, connection: sqlite3.Connection, histories: Histories) -> None:
        users = histories.users.to_pylist()
        buckets = bucket_of(histories.users, self._workspace.facts.buckets).tolist()
        connection.executemany(
            "INSERT OR REPLACE INTO profiles VALUES (?, ?, ?)", zip(users, buckets, pack_all(histories), strict=True)
        )

    def replace(self, bucket: int, histories: Histories, journal: Journal, oldest: int) -> None:
        """Put the log's histories of one bucket in the place of what is there, with what the journal has of it.

        The caller holds the writer lock: no event goes from the journal to the log meanwhile.
        """
        with self.transaction() as connection:
            connection.execute("DELETE FROM profiles WHERE bucket = ?", (bucket,))
            self._write(connection, since(histories, oldest))
            pending = journal.of_bucket(bucket)
            if len(pending):
                self._merge(connection, pending, oldest)

    def begin(self, oldest: int) -> None:
        """From now on, until `finish`, buckets are replaced by what the log has from `oldest` on."""
        with self.transaction() as connection:
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


def since(histories: Histories, oldest: int) -> Histories:
    """The same persons with their events from `oldest` on."""
    kept = histories.ts >= oldest
    if kept.all():
        return histories
    before = bounds_of(kept.astype(np.int64))
    offsets = before[histories.offsets]
    person = np.repeat(np.arange(len(histories)), np.diff(offsets))
    coded = {}
    for name, field in histories.coded.items():
        codes = field.codes[kept].astype(np.int64)
        shared = np.where(codes < 0, -1, codes + field.offsets[person])
        coded[name] = localise(shared.astype(np.int32), field.values, offsets)
    return Histories(
        users=histories.users,
        offsets=offsets,
        ts=histories.ts[kept],
        arrived=None if histories.arrived is None else histories.arrived[kept],
        kind=histories.kind[kept],
        key_hi=histories.key_hi[kept],
        key_lo=histories.key_lo[kept],
        numbers={name: column[kept] for name, column in histories.numbers.items()},
        coded=coded,
    )


def _standing(connection: sqlite3.Connection) -> Standing:
    return Standing(*connection.execute("SELECT log_version, floor, last_ts, journal, seq FROM standing").fetchone())


def _chosen(connection: sqlite3.Connection, users: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """(user, packed history) of those users who have one."""
    for start in range(0, len(users), MANY):
        some = users[start : start + MANY]
        yield from connection.execute(
            f"SELECT user_id, history FROM profiles WHERE user_id IN ({', '.join('?' * len(some))})", some
        )
