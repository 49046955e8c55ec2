"""The journal: events that were acknowledged and are not in the log yet.

SQLite in WAL mode with `synchronous=FULL`: when `append` returns, the events are on the disk, whoever is killed next. A
row a (person, event key); the first arrival counts. `drain.py` moves rows to the log and then forgets them.
"""

import uuid
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa

from features.events import ACTS, NULL
from features.hashing import bucket_of
from features.schema import EVENTS

from .database import Database, of_users

FORMAT: Final = 1
DERIVED: Final = ("bucket", "key_hi", "key_lo")
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS pending (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, bucket INTEGER NOT NULL, user_id TEXT NOT NULL,
    ts INTEGER NOT NULL, key_hi INTEGER NOT NULL, key_lo INTEGER NOT NULL, event TEXT NOT NULL, UNIQUE (user_id, key_hi, key_lo));
CREATE INDEX IF NOT EXISTS pending_bucket ON pending (bucket);
CREATE INDEX IF NOT EXISTS pending_ts ON pending (ts);
CREATE TABLE IF NOT EXISTS identity (id TEXT NOT NULL);
"""


class Journal(Database):
    """The acknowledged events of one workspace.

    Attributes:
        id: Made with the file; a journal that was deleted and made again has another one.
    """

    def __init__(self, path: Path, n_buckets: int) -> None:
        super().__init__(path, SCHEMA, format_=FORMAT, synchronous="FULL")
        self._n_buckets = n_buckets
        with self.transaction() as connection:
            found = connection.execute("SELECT id FROM identity").fetchone()
            if found is None:
                found = (uuid.uuid4().hex,)
                connection.execute("INSERT INTO identity VALUES (?)", found)
        self.id: str = found[0]

    def append(self, events: pa.Table) -> np.ndarray:
        """Write events to the disk; one that is there already is left as it was.

        Args:
            events: n rows of `EVENTS`; `bucket` may be absent.

        Returns:
            (n,) bool: was it new?
        """
        buckets = bucket_of(events["user_id"], self._n_buckets).tolist()
        kept = [name for name in EVENTS.names if name not in DERIVED]
        bodies = [
            orjson.dumps({name: value for name, value in row.items() if value is not None}).decode()
            for row in events.select(kept).to_pylist()
        ]
        keys = zip(
            buckets,
            events["user_id"].to_pylist(),
            events["ts"].to_pylist(),
            events["key_hi"].to_pylist(),
            events["key_lo"].to_pylist(),
            bodies,
            strict=True,
        )
        new = np.zeros(len(bodies), bool)
        with self.transaction() as connection:
            for place, row in enumerate(keys):
                done = connection.execute(
                    "INSERT INTO pending (bucket, user_id, ts, key_hi, key_lo, event) VALUES (?, ?, ?, ?, ?, ?)"
                    " ON CONFLICT DO NOTHING",
                    row,
                )
                new[place] = done.rowcount == 1
        return new

    def since(self, seq: int = 0, limit: int = 1_000_000) -> tuple[int, pa.Table]:
        """Events after `seq`, oldest first; with the last one's seq, or `seq` where there is none."""
        rows = self.connection.execute(
            "SELECT seq, bucket, key_hi, key_lo, event FROM pending WHERE seq > ? ORDER BY seq LIMIT ?", (seq, limit)
        ).fetchall()
        return (rows[-1][0] if rows else seq), _table(rows)

    def of_bucket(self, bucket: int) -> pa.Table:
        """All events of the persons of one bucket."""
        return _table(
            self.connection.execute(
                "SELECT seq, bucket, key_hi, key_lo, event FROM pending WHERE bucket = ? ORDER BY seq", (bucket,)
            ).fetchall()
        )

    def of_users(self, users: list[str]) -> pa.Table:
        """All events of these persons."""
        query = "SELECT seq, bucket, key_hi, key_lo, event FROM pending WHERE user_id IN ({}) ORDER BY seq"
        return _table(list(of_users(self.connection, query, users)))

    def acts(self) -> pa.Table:
        """All events by which somebody says who they are, or what they allow."""
        marks = ", ".join("?" * len(ACTS))
        return _table(
            self.connection.execute(
                "SELECT seq, bucket, key_hi, key_lo, event FROM pending"
                f" WHERE json_extract(event, '$.kind') IN ({marks}) ORDER BY seq",
                ACTS,
            ).fetchall()
        )

    def forget(self, seq: int) -> None:
        """Drop the events up to `seq`: the log has them."""
        with self.transaction() as connection:
            connection.execute("DELETE FROM pending WHERE seq <= ?", (seq,))

    @property
    def last_ts(self) -> int:
        """The largest `ts` of the events here; `-2**63` where there is none."""
        found = self.connection.execute("SELECT max(ts) FROM pending").fetchone()[0]
        return NULL if found is None else int(found)

    @property
    def backlog(self) -> int:
        """Number of events that are not in the log yet."""
        return int(self.connection.execute("SELECT count(*) FROM pending").fetchone()[0])


def _table(rows: list[tuple[Any, ...]]) -> pa.Table:
    """Rows (seq, bucket, key_hi, key_lo, event) as a table of `EVENTS`."""
    events = [orjson.loads(event) | {"bucket": bucket, "key_hi": hi, "key_lo": lo} for _, bucket, hi, lo, event in rows]
    return pa.Table.from_pylist(events, schema=EVENTS)
