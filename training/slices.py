"""Is a model right about every kind of people? Calibration errors by slice, with bounds that hold for all slices at once.

For each slice, on the test rows, and for each class (of two, the second):

- mean error: mean of p - y, signed: above 0, too much is said;
- ece: expected calibration error in bins of equal mass, at most 15 and at least `PER_BIN` rows each, mean over classes.

Bounds: whole users get Gaussian multipliers (Chernozhukov, Chetverikov & Kato 2013, Annals of Statistics 41). The mean errors'
studentised deviations have a largest one over slices and classes, whose 97.5 % quantile c gives mean error ± c · standard error
for all at once. An ece is the largest of linear functionals, so it is off by no more than the sum of its bins' deviations,
weighted; the largest of these over slices, each over its own expectation (the null's), gives the second quantile. Together both
hold with 95 % (Bonferroni), whichever slices overlap.

A slice *fails* where even the near end of a bound lies beyond the tolerance: with 95 %, none fails whose true error is within it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.sparse import csr_matrix

from .resample import N_BINS, bins_of

TOLERANCE: Final = 0.03
PER_BIN: Final = 200
LEAST_USERS: Final = 30
"""A slice of fewer users is not judged."""
N_DRAWS: Final = 400
SURE: Final = 0.975
"""Of either family of bounds."""
ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class Sums:
    """Gaps p - y of one slice, summed by user, class and bin.

    Attributes:
        by_user: (users, classes · bins) over the slice's rows.
        rows: (users, classes · bins) numbers of rows, likewise.
        n: Rows of the slice.
        classes: Number of classes.
    """

    by_user: csr_matrix
    rows: csr_matrix
    n: int
    classes: int

    @property
    def gaps(self) -> np.ndarray:
        """(classes, bins) each bin's share of the rows times its mean gap."""
        found: np.ndarray = np.asarray(self.by_user.sum(axis=0)).reshape(self.classes, -1) / self.n
        return found

    def drawn(self, multipliers: np.ndarray) -> np.ndarray:
        """(draws, classes, bins) deviations of `gaps` under (draws, users) multipliers, each user about the bin's mean."""
        totals = np.asarray(self.by_user.sum(axis=0)).ravel()
        mean = totals / np.maximum(1, np.asarray(self.rows.sum(axis=0)).ravel())
        moved = (self.by_user.T @ multipliers.T).T - (self.rows.T @ multipliers.T).T * mean
        found: np.ndarray = moved.reshape(len(multipliers), self.classes, -1) / self.n
        return found


def judge(
    labels: np.ndarray, p: np.ndarray, users: np.ndarray, inside: np.ndarray, names: Sequence[str], seed: int
) -> dict[str, Any]:
    """Calibration of one model by slice.

    Args:
        labels: (r,) int64 class.
        p: (r, c) probabilities.
        users: (r,) int64 hash of the row's user.
        inside: (r, s) bool: which rows are in which slice.
        names: (s,) the slices' names; all rows are one more, `all`, which comes first.
        seed: Of the draws.

    Returns:
        `tolerance`; `bound`: with 95 %, no judged slice's true ece or mean error is above, None where none is judged; `slices`:
        name to `rows`, `users` and, where judged, `ece` and `mean_error` (of the class `class`, where it is largest), each with
        `value`, `low`, `high`, and `excess`, the ece less `null`, which a perfect model would show; `failed` and `unjudged`:
        names.
    """
    everybody, person = np.unique(users, return_inverse=True)
    shown = list(range(p.shape[1])) if p.shape[1] > 2 else [1]
    members = {ALL: np.arange(len(labels))} | {name: np.flatnonzero(inside[:, i]) for i, name in enumerate(names)}
    n_users = {name: len(np.unique(person[rows])) for name, rows in members.items()}
    found: dict[str, dict[str, Any]] = {name: {"rows": len(members[name]), "users": n_users[name]} for name in members}
    sums = {
        name: _sums(labels[rows], p[rows], person[rows], shown, len(everybody))
        for name, rows in members.items()
        if n_users[name] >= LEAST_USERS
    }
    multipliers = np.random.default_rng(seed).standard_normal((N_DRAWS, len(everybody)))
    tops: dict[str, list[np.ndarray]] = {"mean_error": [], "ece": []}
    for name, one in sums.items():
        drawn, gaps = one.drawn(multipliers), one.gaps
        errors, off = gaps.sum(axis=1), drawn.sum(axis=2)
        spread = np.maximum(off.std(axis=0), 1e-12)
        noise = np.abs(drawn).sum(axis=2).mean(axis=1)
        null = float(noise.mean())
        ece = float(np.abs(gaps).sum(axis=1).mean())
        k = int(np.argmax(np.abs(errors)))
        found[name]["mean_error"] = {"value": float(errors[k]), "unit": float(spread[k]), "class": shown[k]}
        found[name]["ece"] = {"value": ece, "unit": max(null, 1e-12)}
        found[name] |= {"null": null, "excess": max(0.0, ece - null)}
        tops["mean_error"].append(np.abs(off / spread).max(axis=1))
        tops["ece"].append(noise / max(null, 1e-12))
    for measure, draws in tops.items():
        if draws:
            reach = float(np.quantile(np.max(draws, axis=0), SURE))
            for name in sums:
                _bound(found[name][measure], reach, -np.inf if measure == "mean_error" else 0.0)
    return {
        "tolerance": TOLERANCE,
        "bound": max((_ends(found[name])[1] for name in sums), default=None),
        "slices": found,
        "failed": [name for name in sums if _ends(found[name])[0] > TOLERANCE],
        "unjudged": [name for name in members if name not in sums],
    }


def _sums(labels: np.ndarray, p: np.ndarray, person: np.ndarray, shown: list[int], n_users: int) -> Sums:
    """One slice's rows, gathered."""
    n_bins = max(1, min(N_BINS, len(labels) // PER_BIN))
    gaps, columns = [], []
    for place, k in enumerate(shown):
        columns.append(place * n_bins + bins_of(p[:, k], n_bins))
        gaps.append(p[:, k] - (labels == k))
    shape = (n_users, len(shown) * n_bins)
    where = (np.tile(person, len(shown)), np.concatenate(columns))
    by_user = csr_matrix((np.concatenate(gaps), where), shape)
    return Sums(by_user, csr_matrix((np.ones(len(where[0])), where), shape), len(labels), len(shown))


def _bound(measure: dict[str, Any], reach: float, least: float) -> None:
    """Turn a measure's unit into its bounds."""
    unit = measure.pop("unit")
    measure["low"] = max(least, measure["value"] - reach * unit)
    measure["high"] = measure["value"] + reach * unit


def _ends(one: dict[str, Any]) -> tuple[float, float]:
    """Least and largest error that a slice's bounds allow."""
    low, high = one["mean_error"]["low"], one["mean_error"]["high"]
    least = max(low, -high, 0.0)
    return max(least, one["ece"]["low"]), max(abs(low), abs(high), one["ece"]["high"])
