"""The carry: a fixed-size state a person of what lies before the events that a history holds.

A profile store keeps the events of the last RETENTION only; lifetime questions read carry and events together, and answer as
they would from the whole log.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

TOUCH: Final = ("channel", "campaign")
"""Coded fields whose first value is kept: first channel, and entry code."""


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
        touch_key: Field of `TOUCH` to (n, 3) int64: `ts`, `key_hi`, `key_lo` of that event.
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
