"""The carry: a fixed-size state a person of what lies before the events that a history holds.

A profile store keeps the events of the last RETENTION only; lifetime questions read carry and events together, and answer as
they would from the whole log. `trim.py` cuts events off into it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .runs import bounds_of, owners, ranges


@dataclass(frozen=True, slots=True)
class Carry:
    """What n persons did before the first event that their histories hold; c rows, one a (person, kind) met.

    Attributes:
        offsets: (n + 1,) int64; the rows of person u are `[offsets[u], offsets[u + 1])`.
        kind: (c,) int8, ascending within a person.
        count: (c,) int64 number of events.
        first: (c,) int64 smallest `ts`.
        last: (c,) int64 largest `ts`.
        sums: Number field to (c,) int64, the sum of its non-null values.
        known: Number field to (c,) int64, how many values were not null.
        touch: Field of `TOUCH` to (n,) int32: the person's own code (in the history's `coded` of that field, whose texts then
            hold it) of the earliest non-null value; -1 for none.
        touch_key: Field of `TOUCH` to (n, 3) int64: `ts`, `key_hi`, `key_lo` of that event; zeros for none.
    """

    offsets: np.ndarray
    kind: np.ndarray
    count: np.ndarray
    first: np.ndarray
    last: np.ndarray
    sums: dict[str, np.ndarray]
    known: dict[str, np.ndarray]
    touch: dict[str, np.ndarray]
    touch_key: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def person(self) -> np.ndarray:
        """(c,) int64 place of each row's person."""
        return owners(self.offsets)

    def ends(self) -> np.ndarray:
        """(n,) int64 `ts` of each person's last event here; `-2**63` where there is none."""
        ends = np.full(len(self), -(2**63))
        np.maximum.at(ends, self.person, self.last)
        return ends

    def take(self, persons: np.ndarray) -> "Carry":
        """The rows of `persons` (int64 places), in that order."""
        sizes = np.diff(self.offsets)[persons]
        rows = ranges(self.offsets[persons], sizes)
        return Carry(
            bounds_of(sizes),
            self.kind[rows],
            self.count[rows],
            self.first[rows],
            self.last[rows],
            {name: column[rows] for name, column in self.sums.items()},
            {name: column[rows] for name, column in self.known.items()},
            {name: codes[persons] for name, codes in self.touch.items()},
            {name: keys[persons] for name, keys in self.touch_key.items()},
        )


def nothing(n: int, numbers: Sequence[str], touch: Sequence[str]) -> Carry:
    """Nothing lies before the events of n persons."""
    none = np.empty(0, np.int64)
    return Carry(
        np.zeros(n + 1, np.int64),
        np.empty(0, np.int8),
        none,
        none,
        none,
        dict.fromkeys(numbers, none),
        dict.fromkeys(numbers, none),
        {name: np.full(n, -1, np.int32) for name in touch},
        {name: np.zeros((n, 3), np.int64) for name in touch},
    )


def concatenate(parts: Sequence[tuple[int, Carry | None]]) -> Carry | None:
    """The carries of groups of persons, one group after the other; None where nobody has one.

    Args:
        parts: Number of persons, and their carry. Fields are those that all carries have.
    """
    if len(parts) == 1:
        return parts[0][1]
    given = [carry for _, carry in parts if carry is not None]
    if not given:
        return None
    numbers = [name for name in given[0].sums if all(name in carry.sums for carry in given)]
    touch = [name for name in given[0].touch if all(name in carry.touch for carry in given)]
    all_ = [nothing(n, numbers, touch) if carry is None else carry for n, carry in parts]
    return Carry(
        bounds_of(np.concatenate([np.diff(carry.offsets) for carry in all_])),
        np.concatenate([carry.kind for carry in all_]),
        np.concatenate([carry.count for carry in all_]),
        np.concatenate([carry.first for carry in all_]),
        np.concatenate([carry.last for carry in all_]),
        {name: np.concatenate([carry.sums[name] for carry in all_]) for name in numbers},
        {name: np.concatenate([carry.known[name] for carry in all_]) for name in numbers},
        {name: np.concatenate([carry.touch[name] for carry in all_]) for name in touch},
        {name: np.concatenate([carry.touch_key[name] for carry in all_]) for name in touch},
    )


def collected(n: int, owner: np.ndarray, carry: Carry) -> Carry:
    """Rows brought together by owner and kind.

    Args:
        n: Number of owners.
        owner: (p,) int64 owner of each of the p persons of `carry`.
        carry: Rows of a person in any order, several of one kind among them; a touch is in codes that all persons share.
    """
    person, touch, touch_key = owner[carry.person], {}, {}
    order = np.lexsort((carry.kind, person))
    p, k = person[order], carry.kind[order]
    starts = np.flatnonzero(np.append(True, (p[1:] != p[:-1]) | (k[1:] != k[:-1]))) if len(p) else order

    def totals(column: np.ndarray) -> np.ndarray:
        found: np.ndarray = np.add.reduceat(column[order], starts) if len(starts) else column
        return found

    for name, codes in carry.touch.items():
        touch[name], touch_key[name] = earliest(n, owner, codes, carry.touch_key[name])
    return Carry(
        bounds_of(np.bincount(p[starts], minlength=n)),
        k[starts],
        totals(carry.count),
        np.minimum.reduceat(carry.first[order], starts) if len(starts) else carry.first,
        np.maximum.reduceat(carry.last[order], starts) if len(starts) else carry.last,
        {name: totals(column) for name, column in carry.sums.items()},
        {name: totals(column) for name, column in carry.known.items()},
        touch,
        touch_key,
    )


def earliest(n: int, owner: np.ndarray, codes: np.ndarray, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The code of each owner's first non-null touch, (n,) int32 and its (n, 3) key.

    Args:
        n: Number of owners.
        owner: (e,) int64.
        codes: (e,) int32, -1 for null.
        keys: (e, 3) int64: `ts`, `key_hi`, `key_lo`.
    """
    found, found_keys = np.full(n, -1, np.int32), np.zeros((n, 3), np.int64)
    rows = np.flatnonzero(codes >= 0)
    order = rows[np.lexsort((keys[rows, 2], keys[rows, 1], keys[rows, 0], owner[rows]))][::-1]
    found[owner[order]] = codes[order]  # of several, the last assigned stays: the first in order
    found_keys[owner[order]] = keys[order]
    return found, found_keys
