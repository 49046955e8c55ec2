"""Runs side by side in flat arrays: where each begins, whose a place is, and what stands where within one.

Run u of offsets is `[offsets[u], offsets[u + 1])`.
"""

import numpy as np


def bounds_of(sizes: np.ndarray) -> np.ndarray:
    """(n + 1,) int64 offsets of runs of the given sizes."""
    offsets = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    return offsets


def owners(offsets: np.ndarray) -> np.ndarray:
    """(m,) int64: the run that each place lies in."""
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


def ranges(starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The integers of all `[start, start + size)`, one run after the other."""
    offsets = bounds_of(sizes)
    places: np.ndarray = np.arange(offsets[-1], dtype=np.int64) + np.repeat(starts - offsets[:-1], sizes)
    return places


def first_from(values: np.ndarray, low: np.ndarray, high: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """(k,) int64: the first place in each `[low, high)` whose value is `wanted` or above, `high` where none is.

    Args:
        values: (m,) int64, ascending within each of the runs.
        low: (k,) int64.
        high: (k,) int64.
        wanted: (k,) int64.
    """
    while (open_ := low < high).any():  # halving, all at once
        middle = (low + high) // 2
        before = open_ & (values[np.minimum(middle, len(values) - 1)] < wanted)
        low, high = np.where(before, middle + 1, low), np.where(open_ & ~before, middle, high)
    return low
