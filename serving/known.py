"""What tables of attributes say of users, in the profile store: copied from the log, and copied anew when a table changed."""

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import numpy as np
import orjson
import pyarrow as pa

from features import attributes, dated, delta
from features.attributes import rows_of
from features.dated import Dated
from features.delta import Snapshot
from features.events import NULL
from features.workspace import Workspace

from .database import of_users

SCHEMA: Final = (
    """CREATE TABLE IF NOT EXISTS attributes (user_id TEXT NOT NULL, source TEXT NOT NULL, bucket INTEGER NOT NULL,
    known BLOB NOT NULL, PRIMARY KEY (user_id, source)) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS attributes_bucket ON attributes (bucket)",
    "CREATE TABLE IF NOT EXISTS sources (source TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID",
)
"""A row a user and table: its rows as JSON, `[[valid_from or null, object as text], …]`; and each table's version."""


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables where they are absent."""
    for statement in SCHEMA:
        connection.execute(statement)


def snapshots(workspace: Workspace) -> dict[str, Snapshot]:
    """Every table of attributes as it stands in the log."""
    found = {table: delta.snapshot(attributes.path_of(workspace, table)) for table in attributes.tables(workspace)}
    return {table: snapshot for table, snapshot in found.items() if snapshot.version >= 0}


def is_behind(connection: sqlite3.Connection, snapshots: Mapping[str, Snapshot]) -> bool:
    """Has a table another version than what was copied?"""
    have = dict(connection.execute("SELECT source, version FROM sources"))
    return have != {table: snapshot.version for table, snapshot in snapshots.items()}


def replace(connection: sqlite3.Connection, bucket: int, snapshots: Mapping[str, Snapshot]) -> None:
    """Put what the tables say of a bucket's users in the place of what is there."""
    connection.execute("DELETE FROM attributes WHERE bucket = ?", (bucket,))
    for table, snapshot in snapshots.items():
        connection.executemany("INSERT INTO attributes VALUES (?, ?, ?, ?)", _packed(table, snapshot, bucket))


def finish(connection: sqlite3.Connection, snapshots: Mapping[str, Snapshot]) -> None:
    """Every bucket was replaced from these versions."""
    connection.execute("DELETE FROM sources")
    pairs = [(table, snapshot.version) for table, snapshot in snapshots.items()]
    connection.executemany("INSERT INTO sources VALUES (?, ?)", pairs)


def read(connection: sqlite3.Connection, users: Sequence[str], tables: Collection[str]) -> dict[str, Dated]:
    """What tables say of users, in that order, nobody twice; a table that was never ingested says nothing."""
    found: dict[str, dict[str, bytes]] = {table: {} for table in tables}
    query = "SELECT user_id, source, known FROM attributes WHERE user_id IN ({})"
    for user, table, known in of_users(connection, query, users if tables else ()):
        if table in found:
            found[table][user] = known
    return {table: _dated(users, rows) for table, rows in found.items()}


def _packed(table: str, snapshot: Snapshot, bucket: int) -> Iterable[tuple[str, str, int, bytes]]:
    rows = rows_of(snapshot, bucket)
    pairs = zip(rows["valid_from"].to_pylist(), rows["attributes"].to_pylist(), strict=True)
    users: dict[str, list[tuple[int | None, str]]] = {}
    for user, pair in zip(rows["user_id"].to_pylist(), pairs, strict=True):
        users.setdefault(user, []).append(pair)
    return ((user, table, bucket, orjson.dumps(known)) for user, known in users.items())


def _dated(users: Sequence[str], rows: Mapping[str, bytes]) -> Dated:
    if not rows:
        return dated.nothing(len(users))
    known = [orjson.loads(rows[user]) if user in rows else [] for user in users]
    pairs = [pair for some in known for pair in some]
    return Dated(
        np.cumsum([0, *map(len, known)]).astype(np.int64),
        np.array([NULL if since is None else since for since, _ in pairs], np.int64),
        pa.array([text for _, text in pairs], pa.string()),
    )
