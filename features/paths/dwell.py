"""Time on a step: exact numbers and means, quantiles to three digits, in memory that does not grow with the log."""

from typing import Any, Final

import numpy as np

from ..events import NULL
from ..histories import Histories
from .journeys import Units

QUANTILES: Final = {"q10": 10, "q25": 25, "median": 50, "q75": 75, "q90": 90}
"""Percent."""
DIGITS: Final = 1000
LONGEST: Final = 11
"""Powers of ten, from DIGITS on, that have bins of their own: up to 10^13 ms."""
BINS: Final = DIGITS + (LONGEST - 1) * 900
SECOND: Final = 1000
"""Milliseconds."""


def times(seen: Histories, visits: Units) -> tuple[np.ndarray, np.ndarray]:
    """(m,) int64 milliseconds on every event of the sessions, `NULL` for none; (m,) bool, was it given?

    Args:
        seen: n persons' m events, with `dwell`.
        visits: Their sessions.
    """
    spent = np.full(seen.n_events, NULL)
    spent[:-1] = (seen.ts[1:] - seen.ts[:-1]) // 1000
    spent[visits.close - 1] = NULL
    dwell = seen.numbers["dwell"]
    given = dwell >= 0  # a negative one is no time, as null
    return np.where(given, dwell, spent), given


class Dwell:
    """Times on s steps."""

    def __init__(self, n_steps: int) -> None:
        self.bins = np.zeros((n_steps, BINS), np.int64)
        self.total = np.zeros(n_steps, np.int64)  # milliseconds
        self.n_given = np.zeros(n_steps, np.int64)

    def add(self, step: np.ndarray, spent: np.ndarray, given: np.ndarray) -> None:
        """Count events; those with `NULL` spent are passed over.

        Args:
            step: (e,) int64.
            spent: (e,) int64 milliseconds.
            given: (e,) bool.
        """
        known = spent != NULL
        step, spent, given = step[known], spent[known], given[known]
        n = len(self.total)
        self.bins += np.bincount(step * BINS + bin_of(spent), minlength=n * BINS).reshape(n, BINS)
        np.add.at(self.total, step, spent)
        self.n_given += np.bincount(step[given], minlength=n)

    def describe(self, names: tuple[str, ...]) -> list[dict[str, Any]]:
        """A row a step that has times, the most time in all first; seconds."""
        rows = []
        for step in np.argsort(-self.total, kind="stable").tolist():
            n = int(self.bins[step].sum())
            if not n:
                continue
            upto = np.cumsum(self.bins[step])
            quantiles = {
                name: value_of(int(np.searchsorted(upto, -(-q * n // 100)))) / SECOND for name, q in QUANTILES.items()
            }
            mean = int(self.total[step]) / n / SECOND
            rows.append({"step": names[step], "n": n, "given": int(self.n_given[step]), "mean": mean, **quantiles})
        return rows


def bin_of(spent: np.ndarray) -> np.ndarray:
    """(e,) int64 bin of each time: its first three digits, and how many follow."""
    powers = 10 ** np.arange(3, 3 + LONGEST - 1)
    more = np.searchsorted(powers, spent, "right")  # digits behind the first three
    leading = np.minimum(spent // 10**more, DIGITS - 1)
    bins: np.ndarray = np.where(more == 0, spent, DIGITS + (more - 1) * 900 + leading - 100)
    return bins


def value_of(place: int) -> int:
    """The least time, in milliseconds, of a bin.

    >>> value_of(int(bin_of(np.array([83_456]))[0]))
    83400
    """
    if place < DIGITS:
        return place
    more, leading = divmod(place - DIGITS, 900)
    return int((leading + 100) * 10 ** (more + 1))
