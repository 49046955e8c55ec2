"""A SQLite file in WAL mode: many readers, one writer at a time, and nothing half-written whoever is killed."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

from features.errors import DamagedError, FormatError

WAIT_SECONDS: Final = 10
"""How long a transaction waits for another process's."""
MANY: Final = 500
"""Users asked for in one statement."""


class Database:
    """A connection a thread, short transactions, a stated format.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path, schema: str, *, format_: int, synchronous: Literal["NORMAL", "FULL"]) -> None:
        """Open the file, making it where it is absent.

        Args:
            path: Where it lies.
            schema: Statements, each ended by a semicolon, that make it.
            format_: What it must have been made as.
            synchronous: `FULL` puts each transaction on the disk before it ends; `NORMAL` leaves the last ones to the
                operating system: they outlive the process, not a loss of power.

        Raises:
            FormatError: Another version wrote it.
            DamagedError: It is not a SQLite file.
        """
        self.path = path
        self._synchronous = synchronous
        self._mine = threading.local()
        self._all: list[sqlite3.Connection] = []
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self.transaction() as connection:
                found = connection.execute("PRAGMA user_version").fetchone()[0]
                if found not in (0, format_):
                    raise FormatError(f"{path} has format {found}; this version reads format {format_}.")
                if found == 0:
                    for statement in schema.split(";"):
                        connection.execute(statement)
                    connection.execute(f"PRAGMA user_version = {format_}")
        except sqlite3.DatabaseError as error:
            self.close()
            if isinstance(error, sqlite3.OperationalError):
                raise
            raise DamagedError(f"{path} is not a SQLite file ({error}); move it away.") from error
        except FormatError:
            self.close()
            raise

    @property
    def connection(self) -> sqlite3.Connection:
        """This thread's connection, without a transaction of its own accord."""
        found: sqlite3.Connection | None = getattr(self._mine, "connection", None)
        if found is None:
            # closed by whichever thread closes the database
            found = sqlite3.connect(self.path, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False)
            self._all.append(found)
            self._mine.connection = found
            found.execute("PRAGMA journal_mode = WAL")
            found.execute(f"PRAGMA synchronous = {self._synchronous}")
        return found

    @contextmanager
    def transaction(self, kind: Literal["IMMEDIATE", "DEFERRED"] = "IMMEDIATE") -> Iterator[sqlite3.Connection]:
        """All of the body or nothing of it: `IMMEDIATE` to write, `DEFERRED` to read one state."""
        connection = self.connection
        connection.execute(f"BEGIN {kind}")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Close the connections of all threads."""
        while self._all:
            self._all.pop().close()
        self._mine = threading.local()


def of_users(connection: sqlite3.Connection, query: str, users: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """The rows of a query that ends in `user_id IN ({})`, or goes on behind it, for these users, `MANY` at a time."""
    for start in range(0, len(users), MANY):
        some = users[start : start + MANY]
        yield from connection.execute(query.format(", ".join("?" * len(some))), some)


def discard_older(path: Path, format_: int) -> None:
    """Remove a file of an older format: one that is derived, and made anew."""
    if not path.exists():
        return
    connection = sqlite3.connect(path, timeout=WAIT_SECONDS)
    try:
        found = connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.DatabaseError:
        return  # whoever opens it says what it is
    finally:
        connection.close()
    if 0 < found < format_:
        for end in ("", "-wal", "-shm"):
            path.with_name(path.name + end).unlink(missing_ok=True)
