"""How far a feature's answers moved between two cutoffs: the population stability index, and Kolmogorov-Smirnov.

PSI = Σ over bins of (p - q) · ln(p / q), p the later shares, q the earlier: the symmetric Kullback-Leibler divergence of
Jeffreys (1946), used under this name in credit scoring (Siddiqi 2006, Credit Risk Scorecards), where below 0.1 counts as stable
and from 0.25 on as a shift. Bins are the deciles of the earlier answers, equals in one bin, and one for nothing; of texts the
commonest, the others together, and nothing. Half a row is added to each bin that either side has rows in, so that one that is
empty on a side stays finite.

KS = the largest distance between the two distribution functions of the answers (Smirnov 1939), nothing left out.
"""

from typing import Final

import numpy as np

from .profile import Texts

STABLE: Final = 0.1
SHIFTED: Final = 0.25
VALUES: Final = 20
"""Values of a text with a bin of their own."""


def psi(earlier: np.ndarray, later: np.ndarray) -> float:
    """The population stability index of (b,) counts; NaN where either has no rows."""
    if not earlier.sum() or not later.sum():
        return float("nan")
    held = earlier + later > 0
    q, p = ((counts[held] + 0.5) / (counts.sum() + 0.5 * held.sum()) for counts in (earlier, later))
    return float(np.sum((p - q) * np.log(p / q)))


def psi_of_numbers(earlier: np.ndarray, later: np.ndarray) -> float:
    """PSI of float64 answers, NaN for nothing."""
    known = np.sort(earlier[~np.isnan(earlier)])
    at = np.unique(known[-(-np.arange(1, 10) * len(known) // 10) - 1]) if len(known) else known

    def counts(values: np.ndarray) -> np.ndarray:
        nothing = np.isnan(values)
        bins = np.searchsorted(at, values[~nothing], side="left")  # a bin holds its upper edge
        return np.append(np.bincount(bins, minlength=len(at) + 1), nothing.sum())

    return psi(counts(earlier), counts(later))


def psi_of_texts(earlier: Texts, later: Texts) -> float:
    """PSI of texts."""
    own = list(earlier.counts)[:VALUES]

    def counts(profile: Texts) -> np.ndarray:
        named = [profile.counts.get(value, 0) for value in own]
        return np.array([*named, profile.answered - sum(named), profile.n - profile.answered])

    return psi(counts(earlier), counts(later))


def ks(earlier: np.ndarray, later: np.ndarray) -> float:
    """The Kolmogorov-Smirnov distance of float64 answers, NaN for nothing; NaN where either has none."""
    one, other = (np.sort(values[~np.isnan(values)]) for values in (earlier, later))
    if not len(one) or not len(other):
        return float("nan")
    at = np.concatenate([one, other])
    below = [np.searchsorted(values, at, side="right") / len(values) for values in (one, other)]
    return float(np.abs(below[0] - below[1]).max())
