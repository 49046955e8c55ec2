"""Bootstrap over users: every measure of ranking and calibration, under many resamples, in one pass over sorted rows.

Rows of one user are alike, so that intervals which resampled rows would be too narrow: whole users are drawn, with
replacement, and each row carries its user's number of draws as weight (the cluster bootstrap: Davison & Hinkley 1997,
section 3.8).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numba import njit, prange

N_BINS: Final = 15
"""Bins of equal mass for the expected calibration error."""

TOP: Final = 0.1
"""Share of users that the lift looks at."""


@dataclass(frozen=True, slots=True)
class Resamples:
    """b draws of n users, for r rows.

    Attributes:
        users: (n,) int64 hash of every user, ascending.
        person: (r,) int64 place of the row's user in `users`.
        weights: (b, n) float64, how often each user was drawn.
    """

    users: np.ndarray
    person: np.ndarray
    weights: np.ndarray

    def mean(self, values: np.ndarray) -> np.ndarray:
        """(b,) weighted means of (r,) values, under every draw."""
        n = self.weights.shape[1]
        total = np.bincount(self.person, values, n)
        rows = np.bincount(self.person, minlength=n).astype(np.float64)
        means: np.ndarray = (self.weights @ total) / (self.weights @ rows)
        return means


def draw(users: np.ndarray, n_draws: int, seed: int) -> Resamples:
    """Draw the users of (r,) rows with replacement, `n_draws` times; the same seed draws the same."""
    different, person = np.unique(users, return_inverse=True)
    n = len(different)
    generator = np.random.default_rng(seed)
    weights = np.empty((n_draws, n))
    for i in range(n_draws):
        weights[i] = np.bincount(generator.integers(0, n, n), minlength=n)
    return Resamples(different, person.astype(np.int64), weights)


def bins_of(scores: np.ndarray, n_bins: int = N_BINS) -> np.ndarray:
    """(r,) int64 bin of every score: about equal numbers of rows a bin, equal scores always together."""
    edges = np.unique(np.quantile(scores, np.arange(1, n_bins) / n_bins))
    return np.searchsorted(edges, scores, side="right")


@njit(cache=True, parallel=True)
def _measure(person, positive, score, bins, last, weights, totals):  # type: ignore[no-untyped-def]
    n_draws, n_rows = len(weights), len(person)
    out = np.full((n_draws, 4), np.nan)
    for b in prange(n_draws):
        errors = np.zeros(bins.max() + 1)
        limit = TOP * totals[b]
        tp = fp = tp_group = fp_group = area = precision = top = 0.0
        for i in range(n_rows):
            w = weights[b, person[i]]
            if positive[i]:
                tp_group += w
                errors[bins[i]] += w * (1.0 - score[i])
            else:
                fp_group += w
                errors[bins[i]] -= w * score[i]
            if last[i]:
                seen, group = tp + fp, tp_group + fp_group
                if group > 0.0:
                    area += fp_group * (tp + 0.5 * tp_group)
                    precision += tp_group * (tp + tp_group) / (seen + group)
                    if seen < limit:
                        top += tp_group * min(1.0, (limit - seen) / group)
                tp, fp = tp + tp_group, fp + fp_group
                tp_group = fp_group = 0.0
        if tp > 0.0:
            out[b, 1] = precision / tp
            out[b, 3] = top / TOP / tp
            if fp > 0.0:
                out[b, 0] = area / (tp * fp)
        if totals[b] > 0.0:
            out[b, 2] = np.abs(errors).sum() / totals[b]
    return out


def measure(scores: np.ndarray, positive: np.ndarray, resamples: Resamples) -> np.ndarray:
    """Ranking and calibration of one class's scores, under every draw.

    Args:
        scores: (r,) probabilities of the class.
        positive: (r,) bool, is it the class?
        resamples: b draws of the rows' users.

    Returns:
        (b, 4): area under the ROC curve, average precision, expected calibration error (bins fixed by all rows), lift of
        the top 10 % (a tie at the border counts by the share of it that fits). NaN where a draw lacks a class.
    """
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.ones(len(order), bool)
    last[:-1] = ranked[1:] != ranked[:-1]
    rows = np.bincount(resamples.person, minlength=resamples.weights.shape[1])
    measured: np.ndarray = _measure(
        resamples.person[order],
        positive[order],
        ranked,
        bins_of(scores)[order],
        last,
        resamples.weights,
        resamples.weights @ rows,
    )
    return measured


def warm() -> None:
    """Compile, so that the first training does not wait for it."""
    users = np.arange(4)
    measure(users / 4, users > 1, draw(users, 2, 0))
