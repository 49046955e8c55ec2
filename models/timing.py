"""When, in discrete time: from hazards by bucket to the distribution of the first event, and what is read from it.

Time from the cutoff is cut at edges `0 = e_0 < e_1 < … < e_J` (days) into buckets `[e_(j-1), e_j)`. The hazard `h_j` is the
probability that the event falls in bucket j, given that it has not fallen before it. Then

    S_j = (1 - h_1) … (1 - h_j)        no event before e_j           (Singer & Willett 1993, equation 2; Allison 1982)
    f_j = S_(j-1) h_j                  the event falls in bucket j
    P(event within e_j) = 1 - S_j

so that a longer horizon never has a smaller probability, for anybody, and all of `f_1 … f_J, S_J` sum to 1. Within a bucket
the hazard is taken as constant in continuous time, so that `ln S` is linear between edges (piecewise exponential; Tutz &
Schmid 2016, section 3.5).

The loops are scalar (numba): a person's answer does not depend, to the bit, on who else is in the batch.
"""

import math
from collections.abc import Sequence

import numpy as np
from numba import njit

from .calibration import _sigmoid


@njit(cache=True)
def _distribution(raw, slope, shift, out):  # type: ignore[no-untyped-def]
    for r in range(raw.shape[0]):
        left = 1.0
        for j in range(raw.shape[1]):
            hazard = _sigmoid(slope * raw[r, j] + shift[j])
            out[r, j] = left * hazard
            left *= 1.0 - hazard
        out[r, raw.shape[1]] = left


def distribution(raw: np.ndarray, slope: float, shift: np.ndarray) -> np.ndarray:
    """When the event falls, from log-odds of hazards.

    Args:
        raw: (r, J) log-odds of the hazards.
        slope: Above 0; of the correction `slope * raw + shift`.
        shift: (J,) one a bucket.

    Returns:
        (r, J + 1) float64: probability of each bucket, and, last, of none of them.
    """
    out = np.empty((len(raw), raw.shape[1] + 1))
    _distribution(np.ascontiguousarray(raw, np.float64), float(slope), np.ascontiguousarray(shift, np.float64), out)
    return out


def total(p: np.ndarray, places: Sequence[int]) -> np.ndarray:
    """(r,) sum of the classes at `places`, added one after the other, at most 1."""
    out = np.zeros(len(p))
    for place in places:
        out += p[:, place]
    return np.minimum(out, 1.0)


@njit(cache=True)
def _within(p, edges, days, out):  # type: ignore[no-untyped-def]
    for r in range(p.shape[0]):
        before, start = 0.0, 0.0
        for j in range(len(edges)):
            after = min(before + p[r, j], 1.0)
            if days >= edges[j]:
                before, start = after, edges[j]
                continue
            if days > start and after > before:
                share = (days - start) / (edges[j] - start)
                if after < 1.0:
                    left = math.log1p(-before)
                    before = min(max(-math.expm1(left + share * (math.log1p(-after) - left)), before), after)
                else:
                    before += share * (after - before)
            break
        out[r] = before


def within(p: np.ndarray, edges: Sequence[float], days: float) -> np.ndarray:
    """(r,) P(event in `[cutoff, cutoff + days)`).

    Args:
        p: (r, J + 1), as `distribution` gives it.
        edges: (J,) ends of the buckets in days, ascending.
        days: 0 to the last edge.
    """
    assert 0 <= days <= edges[-1], f"{days} days lie beyond the last bucket"
    out = np.empty(len(p))
    _within(np.ascontiguousarray(p), np.asarray(edges, np.float64), float(days), out)
    return out


@njit(cache=True)
def _quantile(p, edges, level, out):  # type: ignore[no-untyped-def]
    for r in range(p.shape[0]):
        before, start = 0.0, 0.0
        out[r] = math.inf
        for j in range(len(edges)):
            after = min(before + p[r, j], 1.0)
            if after >= level:
                share = 1.0
                if after < 1.0:
                    left = math.log1p(-before)
                    share = (math.log1p(-level) - left) / (math.log1p(-after) - left)
                elif after > before:
                    share = (level - before) / (after - before)
                out[r] = start + min(max(share, 0.0), 1.0) * (edges[j] - start)
                break
            before, start = after, edges[j]


def quantile(p: np.ndarray, edges: Sequence[float], level: float) -> np.ndarray:
    """(r,) days after which the event has happened with probability `level`; infinite where that lies beyond the last edge.

    Args:
        p: (r, J + 1), as `distribution` gives it.
        edges: (J,) ends of the buckets in days.
        level: Above 0, below 1.
    """
    out = np.empty(len(p))
    _quantile(np.ascontiguousarray(p), np.asarray(edges, np.float64), float(level), out)
    return out
