"""Rows of a table of attributes beside histories: what is known of n persons, and from when on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from .events import NULL
from .runs import bounds_of, owners, ranges


@dataclass(frozen=True, slots=True)
class Dated:
    """What one table says of n persons.

    Attributes:
        offsets: (n + 1,) int64; the rows of person u are `[offsets[u], offsets[u + 1])`.
        valid_from: (a,) int64 microseconds UTC, ascending within a person; `NULL` for always.
        texts: (a,) JSON objects.
    """

    offsets: np.ndarray
    valid_from: np.ndarray
    texts: pa.Array

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def take(self, persons: np.ndarray) -> "Dated":
        """The rows of `persons` (int64 places), in that order."""
        if not len(self.valid_from):
            return nothing(len(persons))
        return self.gathered(np.arange(len(persons) + 1), persons)

    def gathered(self, offsets: np.ndarray, members: np.ndarray) -> "Dated":
        """The rows of several persons as if they were one's.

        Args:
            offsets: (k + 1,) int64; person i of the result is `members[offsets[i]:offsets[i + 1]]`, nobody where that is empty.
            members: int64 places; where two have rows valid from one instant, the later member's counts.
        """
        sizes = np.diff(self.offsets)[members]
        owner = np.repeat(owners(offsets), sizes)
        rows = ranges(self.offsets[members], sizes)
        return of(len(offsets) - 1, owner, self.valid_from[rows], self.texts.take(pa.array(rows)))


def of(n: int, person: np.ndarray, valid_from: np.ndarray, texts: pa.Array) -> Dated:
    """Rows sorted into persons.

    Args:
        n: Number of persons.
        person: (a,) int64 place of each row's person.
        valid_from: (a,) int64, `NULL` for always; of equal ones the later row counts.
        texts: (a,) JSON objects.
    """
    order = np.lexsort((valid_from, person))
    if not (order[1:] > order[:-1]).all():
        person, valid_from, texts = person[order], valid_from[order], texts.take(pa.array(order))
    return Dated(np.searchsorted(person, np.arange(n + 1)).astype(np.int64), valid_from, texts)


def nothing(n: int) -> Dated:
    """Nothing is known of n persons."""
    return Dated(np.zeros(n + 1, np.int64), np.empty(0, np.int64), pa.array([], pa.string()))


def from_rows(users: pa.Array, rows: pa.Table) -> Dated:
    """Rows of the `USERS` schema, of these persons; those of others are left out."""
    import pyarrow.compute as pc

    place = pc.index_in(rows["user_id"], value_set=users)
    rows = rows.filter(place.is_valid())
    person = place.drop_null().to_numpy().astype(np.int64)
    texts = rows["attributes"].combine_chunks()
    return of(len(users), person, rows["valid_from"].fill_null(NULL).to_numpy(), texts)


def concatenate(parts: Sequence[tuple[int, dict[str, Dated] | None]]) -> dict[str, Dated] | None:
    """The tables of several groups of persons, one group after the other.

    Args:
        parts: Number of persons, and what is known of them. A table that a part lacks says nothing of its persons.

    Returns:
        None where nothing is known in any part.
    """
    tables = dict.fromkeys(table for _, known in parts for table in known or ())
    if all(known is None for _, known in parts):
        return None
    made = {}
    for table in tables:
        found = [nothing(n) if known is None or table not in known else known[table] for n, known in parts]
        made[table] = Dated(
            bounds_of(np.concatenate([np.diff(part.offsets) for part in found])),
            np.concatenate([part.valid_from for part in found]),
            pa.concat_arrays([part.texts for part in found]),
        )
    return made
