"""Inductive Venn-Abers predictors as two step functions, found once for every score that may come.

For a score s, `p0(s)` is what isotonic regression gives s when (s, 0) is added to the calibration rows, `p1(s)` when (s, 1) is
(Vovk, Petej & Fedorova 2015, "Large-scale probabilistic predictors with and without guarantees of validity", NIPS 28,
definition 1). One of the two is calibrated whatever the scores are; `p1 / (1 - p0 + p1)` makes one probability of them
(ibid., section 4, for log loss).

Adding a row only joins it to a calibration score next to it, so both functions are steps with jumps at calibration scores.
"""

from typing import Any

import numpy as np
from numba import njit


@njit(cache=True)
def _upper(size, hits):  # type: ignore[no-untyped-def]
    """(m,) p1 at each of m ascending distinct scores: ibid., algorithm 1.

    The greatest convex minorant of the cumulative sums, all moved by (1, 1); its points go back one by one from the left, and
    the line over the next score is drawn anew only where a point falls below it.
    """
    m = len(size)
    x, y = np.zeros(m + 1), np.zeros(m + 1)
    for i in range(m):
        x[i + 1], y[i + 1] = x[i] + size[i], y[i] + hits[i]
    out = np.empty(m)
    corner, slope = 0, 0.0
    for i in range(m):
        if i == 0 or y[i] < y[corner] + (x[i] - x[corner]) * slope:
            corner, slope = i, 1.0
            for j in range(i + 1, m + 1):
                slope = min(slope, (y[j] + 1.0 - y[i]) / (x[j] + 1.0 - x[i]))
        out[i] = slope
    return out


def steps(positive: np.ndarray, scores: np.ndarray) -> dict[str, list[float]]:
    """Both functions, their jumps only.

    Args:
        positive: (r,) bool.
        scores: (r,) float64, above 0 and below 1.

    Returns:
        `x0`, `p0`: at a score s, p0 is that of the last x0 that is at most s; the first x0 is 0, its p0 is 0. `x1`, `p1`: p1
        is that of the first x1 that is at least s; the last x1 is 1, its p1 is 1.
    """
    x, place = np.unique(scores, return_inverse=True)
    size = np.bincount(place).astype(np.float64)
    hits = np.bincount(place, positive)
    upper = np.maximum.accumulate(_upper(size, hits))
    lower = np.maximum.accumulate((1.0 - _upper(size[::-1], (size - hits)[::-1]))[::-1])
    begins = np.flatnonzero(np.diff(lower, prepend=0.0) > 0)
    ends = np.flatnonzero(np.diff(upper, append=1.0) > 0)
    return {
        "x0": [0.0, *x[begins].tolist()],
        "p0": [0.0, *np.clip(lower[begins], 0.0, 1.0).tolist()],
        "x1": [*x[ends].tolist(), 1.0],
        "p1": [*np.clip(upper[ends], 0.0, 1.0).tolist(), 1.0],
    }


def interval(values: dict[str, Any], scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(r,) p0 and p1 of scores, above 0 and below 1, by the steps."""
    p0 = np.array(values["p0"])[np.searchsorted(values["x0"], scores, "right") - 1]
    p1 = np.array(values["p1"])[np.searchsorted(values["x1"], scores, "left")]
    return p0, p1
