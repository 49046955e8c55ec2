"""Tabulate how far probabilities can be trusted, from the calibration rows and a rival model of fewer persons.

In a cell (kind of person, bin of the probability q said) of n rows, in log-odds, where a probability's slope is 1/(q(1-q)):

    h = z · sqrt(max(gap², noise²) + spread²),   z = 1.645 for 90 %

- gap: mean of what happened less what was said.
- noise: of that mean, rows of one person being alike: n counts as n / max(1, D) rows, D the cluster variance over the
  binomial one (Kish 1965, section 5.4), and half a row's worth of information is thought to be there beforehand.
- spread: of models learned from other persons. The rival has a share s of the persons and sqrt(s) of the rounds; for means,
  E(model - rival)² = (1/s - 1) V, V the model's own variance. A model tuned on held-out rows errs about as much by what it
  left out as by chance, hence spread² = 2 V.

The interval is for the probability given all of a person's history. On real data that is never seen: there groups are judged.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from models.interval import Cells, Interval, kind_of
from models.timing import total

from .fit import Fitted, Rows

Z: Final = 1.6448536269514722
SHARE: Final = 0.25
"""Of the persons that the rival is grown on."""
N_BINS: Final = 10
LEAST: Final = 100
"""Rows a bin."""
MOST_GAP: Final = 3.0


def rival(fitted: Fitted, train: Rows, part: np.ndarray, names: Sequence[str], categorical: Sequence[str]) -> Fitted:
    """The same model of some of the rows: their labels' number of classes is the whole's.

    Args:
        fitted: The model.
        train: All rows that it was grown on.
        part: (r,) bool, those that the rival is grown on.
        names: (k,) feature names.
        categorical: Those that hold codes.
    """
    import lightgbm

    params = fitted.params
    data = lightgbm.Dataset(
        train.values[part],
        train.labels[part].astype(np.float32),
        weight=None if train.weight is None else train.weight[part],
        feature_name=list(names),
        categorical_feature=list(categorical),
        params={name: value for name, value in params.items() if name not in {"metric", "objective", "num_class"}},
    )
    rounds = max(1, math.ceil(fitted.rounds * math.sqrt(SHARE)))
    booster = lightgbm.train(params, data, num_boost_round=rounds)
    return Fitted(booster.model_to_string(), rounds, params, fitted.gain, fitted.splits, fitted.curve)


def tabulate(
    labels: np.ndarray,
    p: np.ndarray,
    other: np.ndarray | None,
    users: np.ndarray,
    inside: np.ndarray,
    kinds: tuple[str, ...],
    readouts: Mapping[str, tuple[int, ...]],
    base: Mapping[str, tuple[float, float]],
) -> Interval:
    """The intervals of a target.

    Args:
        labels: (r,) int64 class of the calibration rows.
        p: (r, c) calibrated probabilities.
        other: (r, c) the rival's, calibrated alike; None for no spread.
        users: (r,) int64 hash of the row's user.
        inside: (r, k) bool memberships of the slices `kinds`.
        kinds: Their names.
        readouts: Name to the places of the classes that it sums.
        base: Read-out to the bounds of the base rate.
    """
    kind = kind_of(inside)
    cells: dict[str, dict[int, Cells]] = {}
    for name, places in readouts.items():
        said, happened = total(p, places), np.isin(labels, places)
        far = np.zeros(len(said)) if other is None else (_logit(said) - _logit(total(other, places))) ** 2
        table = {one: _cells(said, happened, far, users, kind == one) for one in np.unique(kind).tolist()}
        widest = max((h for one in table.values() for h in one.half), default=Z * math.sqrt(2))
        cells[name] = {**table, -1: Cells((), (widest,))}
    return Interval(kinds, cells, base)


def _cells(said: np.ndarray, happened: np.ndarray, far: np.ndarray, users: np.ndarray, rows: np.ndarray) -> Cells:
    """One kind's bins, about equally many rows each."""
    said, happened, far, users = said[rows], happened[rows], far[rows], users[rows]
    n_bins = max(1, min(N_BINS, len(said) // LEAST))
    edges = np.unique(np.quantile(said, np.arange(1, n_bins) / n_bins)) if n_bins > 1 else np.empty(0)
    place = np.searchsorted(edges, said, "right")
    half = [_half(said[b], happened[b], far[b], users[b]) for b in (place == i for i in range(len(edges) + 1))]
    return Cells(tuple(edges.tolist()), tuple(half))


def _half(said: np.ndarray, happened: np.ndarray, far: np.ndarray, users: np.ndarray) -> float:
    """The half width of one cell's rows, in log-odds."""
    if not len(said):
        return Z * math.sqrt(2)
    gap = happened - said
    binomial = float((said * (1 - said)).sum())
    person = np.unique(users, return_inverse=True)[1]
    clustered = float((np.bincount(person, gap - gap.mean()) ** 2).sum())
    information = binomial / max(1.0, clustered / max(binomial, 1e-9)) + 0.5
    off = min(MOST_GAP, abs(float(gap.sum())) / max(binomial, 0.5))
    spread = 2 * float(far.mean()) / (1 / SHARE - 1)
    return Z * math.sqrt(max(off**2, 1 / information) + spread)


def grouped(
    said: np.ndarray, low: np.ndarray, high: np.ndarray, happened: np.ndarray, groups: np.ndarray
) -> dict[str, Any]:
    """How many groups' share lies between the mean bounds of their rows: what can be measured where no truth is known.

    Args:
        said: (r,) probabilities.
        low: (r,) bounds; likewise:
        high: the upper ones.
        happened: (r,) bool.
        groups: (r,) int64 kind; each is cut by tenths of what was said, and groups below `LEAST` rows are left out.

    Returns:
        `groups`, and `covered`, a share; None where there are none.
    """
    parts: list[np.ndarray] = []
    for one in np.unique(groups):
        rows = np.flatnonzero(groups == one)
        parts += np.array_split(rows[np.argsort(said[rows], kind="stable")], max(1, min(10, len(rows) // LEAST)))
    found = [low[part].mean() <= happened[part].mean() <= high[part].mean() for part in parts if len(part) >= LEAST]
    return {"groups": len(found), "covered": float(np.mean(found)) if found else None}


def _logit(p: np.ndarray) -> np.ndarray:
    q = np.clip(p, 1e-6, 1 - 1e-6)
    found: np.ndarray = np.log(q) - np.log1p(-q)
    return found
