"""How good lists of categories are, beside how good their probabilities are.

hit_n      is one of the n most probable among those that were bought within the horizon? mean over rows
recall_n   share of those that were bought that are among the n most probable, mean over rows
ndcg_n     sum of 1 / log2(rank + 1) over the bought ones among the n, over the most that it could be (Järvelin & Kekäläinen
           2002, binary gain)
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from .metrics import Measure, interval
from .resample import Resamples

MEASURES: Final = (("hit", 1), ("hit", 3), ("recall", 5), ("ndcg", 5))


def bought(rows: Sequence[Sequence[int]], c: int) -> np.ndarray:
    """(r, c) bool, of places of what each row bought."""
    out = np.zeros((len(rows), c), bool)
    for row, places in enumerate(rows):
        out[row, list(places)] = True
    return out


def each(p: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
    """(r,) a measure; of equal probabilities the earlier, commoner candidate comes first.

    `other`, the last, is named to nobody: whoever buys nothing else is a miss.

    Args:
        p: (r, c) probabilities.
        truth: (r, c) bool, at least one true a row.
    """
    order = np.argsort(-p[:, :-1], axis=1, kind="stable")
    ranked = np.take_along_axis(truth, order, axis=1)
    n_bought = truth.sum(axis=1)
    gain = 1 / np.log2(np.arange(order.shape[1]) + 2)
    ideal = np.cumsum(gain)
    found: dict[str, np.ndarray] = {}
    for name, n in MEASURES:
        top = ranked[:, :n]
        if name == "hit":
            value: np.ndarray = np.asarray(top.any(axis=1), np.float64)
        elif name == "recall":
            value = np.asarray(top.sum(axis=1) / n_bought)
        else:
            value = (top * gain[: top.shape[1]]).sum(axis=1) / ideal[np.minimum(n_bought, min(n, len(ideal))) - 1]
        found[f"{name}_{n}"] = value
    return found


def figures(
    model: np.ndarray, baselines: Mapping[str, np.ndarray], truth: np.ndarray, resamples: Resamples
) -> dict[str, Measure]:
    """`hit_1`, …, each baseline's `popularity.hit_1` and the paired `minus_popularity.hit_1`, above 0 where ours is better."""
    ours = each(model, truth)
    found = {name: interval(float(value.mean()), resamples.mean(value)) for name, value in ours.items()}
    for baseline, p in baselines.items():
        for name, value in each(p, truth).items():
            gap = ours[name] - value
            found[f"{baseline}.{name}"] = interval(float(value.mean()), resamples.mean(value))
            found[f"minus_{baseline}.{name}"] = interval(float(gap.mean()), resamples.mean(gap))
    return found
