"""Features that say the same: groups in which every two order the people alike, or of texts part them alike.

Numbers are compared by Spearman's rho (1904), equals sharing their mean rank. Once over all rows, nothing ranking below every
number, as a tree may treat it; and once over the rows where both answer. The smaller of the two |rho| counts, so that two
features are not called alike for being silent about the same people. Texts are compared by normalised mutual information:
I(X; Y) over the mean of H(X) and H(Y), nothing being a value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

ALIKE: Final = 0.95
LEAST: Final = 50
"""Rows where both answer, below which two features are not called alike."""


@dataclass(frozen=True, slots=True)
class Group:
    """Features every two of which are alike.

    Attributes:
        names: First the one with most weight, of equals the one most like the others; then by likeness to it.
        likeness: (m,) each one's |rho|, or mutual information, with the first, which has 1.
        least: The smallest between any two.
    """

    names: tuple[str, ...]
    likeness: tuple[float, ...]
    least: float


def of_numbers(columns: Mapping[str, np.ndarray], weights: Mapping[str, float]) -> list[Group]:
    """Groups of features by name, the largest first.

    Args:
        columns: (n,) float64 answers by name, NaN for nothing.
        weights: What speaks for a feature: the one with most stands first in its group. Absent is 0.
    """
    names = [name for name, values in columns.items() if _varies(values)]
    if len(names) < 2:
        return []
    values = np.column_stack([columns[name] for name in names])
    rho = np.abs(spearman(values))
    holes = np.isnan(values).any(axis=0)
    for i, j in np.argwhere(np.triu(rho >= ALIKE, 1)).tolist():
        if holes[i] or holes[j]:
            rho[i, j] = rho[j, i] = min(rho[i, j], abs(both(values[:, i], values[:, j])))
    return groups(names, rho, weights)


def of_texts(columns: Mapping[str, pa.Array], weights: Mapping[str, float]) -> list[Group]:
    """Groups of text features by name, as `of_numbers`."""
    codes = {
        name: texts.dictionary_encode(null_encoding="encode").indices.to_numpy() for name, texts in columns.items()
    }
    names = [name for name, found in codes.items() if len(found) and (found != found[0]).any()]
    like = np.eye(len(names))
    for i, one in enumerate(names):
        for j in range(i):
            like[i, j] = like[j, i] = mutual_information(codes[one], codes[names[j]])
    return groups(names, like, weights)


def spearman(values: np.ndarray) -> np.ndarray:
    """(k, k) Spearman's rho between the columns of (n, k) float64, each with two values or more; NaN ranks lowest."""
    from scipy.stats import rankdata

    ranks = rankdata(np.where(np.isnan(values), -np.inf, values), axis=0)
    ranks -= ranks.mean(axis=0)
    ranks /= np.linalg.norm(ranks, axis=0)
    rho: np.ndarray = np.clip(ranks.T @ ranks, -1, 1)
    return rho


def both(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's rho over the rows where both answer; 0 where they are fewer than `LEAST`, or one of them does not vary."""
    rows = ~(np.isnan(one) | np.isnan(other))
    x, y = one[rows], other[rows]
    if len(x) < LEAST or not _varies(x) or not _varies(y):
        return 0.0
    return float(spearman(np.column_stack([x, y]))[0, 1])


def mutual_information(one: np.ndarray, other: np.ndarray) -> float:
    """Normalised mutual information of (n,) codes from 0; 1 where neither varies."""

    def entropy(codes: np.ndarray) -> float:
        shares = np.unique(codes, return_counts=True)[1] / len(codes)
        return float(-np.sum(shares * np.log(shares)))

    h_one, h_other = entropy(one), entropy(other)
    together = entropy(one.astype(np.int64) * (int(other.max()) + 1) + other)
    mean = (h_one + h_other) / 2
    return 1.0 if mean == 0 else max(0.0, (h_one + h_other - together) / mean)


def groups(names: list[str], like: np.ndarray, weights: Mapping[str, float]) -> list[Group]:
    """Groups in which every two are alike, by complete linkage of (k, k) likenesses; the largest first, then by name."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if len(names) < 2:
        return []
    distance = np.clip(1 - like, 0, 1)
    np.fill_diagonal(distance, 0)
    label = fcluster(linkage(squareform(distance, checks=False), "complete"), 1 - ALIKE + 1e-12, "distance")
    found = []
    for cluster in np.unique(label):
        members = np.flatnonzero(label == cluster).tolist()
        if len(members) > 1:
            total = like[np.ix_(members, members)].sum(axis=0)
            first = max(range(len(members)), key=lambda m: (weights.get(names[members[m]], 0.0), total[m]))
            found.append(_group(names, like, members, members[first]))
    return sorted(found, key=lambda group: (-len(group.names), group.names[0]))


def _group(names: list[str], like: np.ndarray, members: list[int], first: int) -> Group:
    order = sorted(members, key=lambda m: (m != first, -like[first, m], names[m]))
    inner = like[np.ix_(order, order)]
    return Group(
        tuple(names[m] for m in order),
        (1.0, *(float(value) for value in inner[0, 1:])),
        float(inner[np.triu_indices(len(order), 1)].min()),
    )


def _varies(values: np.ndarray) -> bool:
    """Are there two different values, nothing being one?"""
    if not len(values) or np.isnan(values).all():
        return False
    return bool((values != values[0]).any()) if not np.isnan(values).any() else True
