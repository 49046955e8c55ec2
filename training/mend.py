"""Correct hazards on held-out rows; not at all where nothing helps.

Log-odds are corrected by `slope * z + shift_j`, which keeps every survival curve falling and every order of persons:

    shift       one shift for all buckets
    slope       a slope and one shift (Platt 1999, on hazards)
    intercepts  a slope, a shift, and a deviation a bucket, shrunk towards 0 as if drawn with standard deviation `SPREAD`

Fitted by Newton's method to the person-period log likelihood, and chosen as `calibrate.choose` chooses: each is fitted on four
fifths of the users and judged on the rest; the best is kept only if it gains in 95 of 100 draws of whole users. A bucket
that no held-out row was followed through keeps the common correction.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.special import expit

from models.hazardmodel import Correction, uncorrected

from .calibrate import FOLDS, MIN_ROWS, Choice, chosen, folds
from .periods import Periods

SPREAD: Final = 0.2
"""Standard deviation of a bucket's own shift, beforehand; in log-odds."""

MIN_EVENTS: Final = 50
"""With fewer events nothing is corrected."""

STEPS: Final = 25


def mend(
    z: np.ndarray, given: Periods, users: np.ndarray, methods: Sequence[str], n_buckets: int, seed: int
) -> Choice[Correction]:
    """The best of the methods, fitted to all rows.

    Args:
        z: (n,) uncorrected log-odds of the periods' hazards.
        given: n periods of held-out rows.
        users: (r,) int64 hash of each row's user, which makes the folds.
        methods: Of `models.hazardmodel.CORRECTIONS`; `none` is always a candidate.
        n_buckets: J.
        seed: For the draws of the interval.
    """
    plain = uncorrected(n_buckets)
    fold = folds(users)[given.row]
    if len(users) < MIN_ROWS or given.event.sum() < MIN_EVENTS:
        return Choice(plain, {}, None)
    each = {"none": losses(z, given, plain)}
    for method in methods:
        if method != "none":
            each[method] = np.empty(len(z))
            for k in range(FOLDS):
                fitted = fit(method, z, given, fold != k, n_buckets)
                each[method][fold == k] = losses(z, given, fitted)[fold == k]
    rows = {method: np.bincount(given.row, loss, len(users)) for method, loss in each.items()}
    return chosen(rows, users, seed, lambda method: fit(method, z, given, np.ones(len(z), bool), n_buckets))


def losses(z: np.ndarray, given: Periods, correction: Correction) -> np.ndarray:
    """(n,) weighted -ln of the probability given to each period's outcome."""
    eta = correction.slope * z + np.array(correction.shift)[given.bucket]
    found: np.ndarray = given.weight * np.logaddexp(0.0, np.where(given.event, -eta, eta))
    return found


def fit(method: str, z: np.ndarray, given: Periods, among: np.ndarray, n_buckets: int) -> Correction:
    """The correction of one method that gives the periods `among` the least penalised log loss.

    Args:
        method: One of `CORRECTIONS`.
        z: (n,) log-odds.
        given: n periods.
        among: (n,) bool.
        n_buckets: J.
    """
    if method == "none":
        return uncorrected(n_buckets)
    free = np.ones(n_buckets + 2, bool)  # slope, shift, deviations
    free[0] = method != "shift"
    free[2:] = method == "intercepts"
    theta = np.zeros(n_buckets + 2)
    theta[0] = 1.0
    ridge = np.concatenate([[0.0, 0.0], np.full(n_buckets, SPREAD**-2)])
    z, bucket = z[among], given.bucket[among]
    event, weight = given.event[among], given.weight[among]

    def sums(values: np.ndarray) -> np.ndarray:
        return np.bincount(bucket, values, n_buckets)

    for _ in range(STEPS):
        p = expit(theta[0] * z + (theta[1] + theta[2:])[bucket])
        gap, curve = weight * (p - event), weight * p * (1 - p)
        down, flat, tilt, bend = sums(gap), sums(curve), sums(curve * z), sums(curve * z * z)
        slope = np.concatenate([[gap @ z, down.sum()], down]) + ridge * theta
        hessian = np.diag(np.concatenate([[bend.sum(), flat.sum()], flat]) + ridge)
        hessian[0, 1] = hessian[1, 0] = tilt.sum()
        hessian[0, 2:] = hessian[2:, 0] = tilt
        hessian[1, 2:] = hessian[2:, 1] = flat
        step = np.linalg.solve(hessian[np.ix_(free, free)] + 1e-9 * np.eye(free.sum()), slope[free])
        theta[free] -= step / max(1.0, np.abs(step).max())
        if np.abs(step).max() < 1e-9:
            break
    theta[0] = max(theta[0], 0.05)
    return Correction(method, float(theta[0]), tuple((theta[1] + theta[2:]).tolist()))
