"""Who may be one person with whom, in the profile store: a superset, of which the acts in the histories say what holds."""

import sqlite3
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from .database import of_users


def note(connection: sqlite3.Connection, said: pa.Table) -> None:
    """Remember the pairs of these acts (rows of `features.acts.SAID`), and that there are acts at all."""
    if not len(said):
        return
    connection.execute("UPDATE standing SET acts = 1")
    named = said.filter(pc.is_valid(said["other"]))
    one, other = named["user_id"].to_pylist(), named["other"].to_pylist()
    both = [*zip(one, other, strict=True), *zip(other, one, strict=True)]
    connection.executemany("INSERT OR IGNORE INTO links VALUES (?, ?)", both)


def linked(connection: sqlite3.Connection, users: Sequence[str]) -> list[str]:
    """Others who may be one person with some of the users, directly or through others."""
    found, ahead = dict.fromkeys(users), list(users)
    while ahead:
        others = dict.fromkeys(other for _, other in pairs(connection, ahead))
        ahead = [other for other in others if other not in found]
        found |= dict.fromkeys(ahead)
    return list(found)[len(users) :]


def pairs(connection: sqlite3.Connection, users: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(user, other) of those users who were ever linked with another."""
    return of_users(connection, "SELECT user_id, other FROM links WHERE user_id IN ({})", users)
