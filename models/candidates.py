"""What is known of (person, candidate category): one row a pair, the same in training and in serving.

The trees begin from the person's own frequencies, shrunk to the shop's (the posterior mean of a Dirichlet-multinomial):

    q(c | u) = (n_uc + weight · share_c) / (n_u + weight)

with n_uc the person's purchases in c within RETENTION; a Markov table says where purchases go from the last order's categories.
"""

import math
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numba import njit

from features import touches
from features.algebra import Touches

from .interest import GROUPS, WINDOWS

FAR: Final = 1e9
"""Days that stand for never while the least is sought."""

OWN: Final = tuple(f"{group}s_{days}d" for group in GROUPS for days in WINDOWS)
SINCE: Final = tuple(f"days_since_{group}" for group in GROUPS)
SHARES: Final = tuple(f"share_of_{group}s" for group in GROUPS)
PERSON: Final = ("all_buys", "all_browses", "n_touched", "days_since_touch")
NAMES: Final = (
    *OWN, *SINCE, *SHARES, "bought_first", "gap_position", "in_last_order", "expected", "markov", "popularity", "place", *PERSON,
)  # fmt: skip
"""(k,) columns of a pair."""


@dataclass(frozen=True, slots=True)
class Shop:
    """What is frozen in training, for c candidates, the last being `other`.

    Attributes:
        share: (c,) float64 share of each candidate among the training labels; sums to 1, none is 0.
        moves: (c, c) float64 P(next | one of the last order's categories), rows sum to 1.
        weight: Purchases that `share` counts as.
    """

    share: np.ndarray
    moves: np.ndarray
    weight: float

    @property
    def problem(self) -> str:
        """Why it cannot be used; empty where it can."""
        c = len(self.share)
        if np.shape(self.moves) != (c, c) or not (np.isfinite(self.moves).all() and np.isfinite(self.share).all()):
            return "its tables of popularity and moves are not of finite numbers, one a candidate"
        good = (self.share > 0).all() and (self.moves > 0).all() and np.isfinite(self.weight) and self.weight > 0
        return "" if good else "its tables of popularity and moves are not above 0"

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"share": self.share.tolist(), "moves": self.moves.tolist(), "weight": self.weight}


@dataclass(frozen=True, slots=True)
class Own:
    """What r persons did with c candidates.

    Attributes:
        counts: (r, c, groups · windows) float64.
        last: (r, c, groups) float64 days since the last event, NaN for none; `first` since the first.
        first: Likewise.
        touched: (r,) distinct categories, candidates or not.
    """

    counts: np.ndarray
    last: np.ndarray
    first: np.ndarray
    touched: np.ndarray

    def take(self, rows: np.ndarray) -> "Own":
        """The rows where a mask is true."""
        return Own(self.counts[rows], self.last[rows], self.first[rows], self.touched[rows])

    @property
    def bought(self) -> np.ndarray:
        """(r, c) purchases within RETENTION."""
        found: np.ndarray = self.counts[:, :, -1]
        return found

    @property
    def in_last_order(self) -> np.ndarray:
        """(r, c) bool: was it bought at the instant of the last purchase?"""
        ago = self.last[:, :, -1]
        newest = np.where(np.isnan(ago), FAR, ago).min(axis=1)
        found: np.ndarray = ago == newest[:, None]
        return found


BLOCK: Final = 1024
"""Answers that are read at a time, which bounds memory."""


def own(texts: pa.Array, asked: Touches, candidates: tuple[str, ...]) -> Own:
    """The answers about the past, category by category, summed to the candidates; the last is for all others."""
    blocks = [_own(texts[n : n + BLOCK], asked, candidates) for n in range(0, max(1, len(texts)), BLOCK)]
    return Own(*(np.concatenate([getattr(block, field.name) for block in blocks]) for field in fields(Own)))


def _own(texts: pa.Array, asked: Touches, candidates: tuple[str, ...]) -> Own:
    """The same of a block."""
    bounds, values, counts, days = touches.read(texts, asked)
    place = {text: k for k, text in enumerate(candidates)}
    rows, c = len(bounds) - 1, len(candidates) + 1
    row = np.repeat(np.arange(rows), np.diff(bounds))
    at = row * c + np.array([place.get(value, c - 1) for value in values], np.int64)
    total = np.zeros((rows * c, counts.shape[1]))
    np.add.at(total, at, counts)
    first, last = (np.full((rows * c, len(GROUPS)), fill) for fill in (-FAR, FAR))
    known = np.isnan(days)
    np.maximum.at(first, at, np.where(known, -FAR, days)[:, 0::2])
    np.minimum.at(last, at, np.where(known, FAR, days)[:, 1::2])
    first[first == -FAR], last[last == FAR] = np.nan, np.nan
    return Own(
        total.reshape(rows, c, -1), last.reshape(rows, c, -1), first.reshape(rows, c, -1), np.diff(bounds).astype(float)
    )


def expected(mine: Own, shop: Shop) -> np.ndarray:
    """(r, c) float64 own frequencies shrunk to the shop's; rows sum to 1."""
    n = mine.bought
    found: np.ndarray = (n + shop.weight * shop.share) / (_sum(n)[:, None] + shop.weight)
    return found


def markov(mine: Own, shop: Shop) -> np.ndarray:
    """(r, c) float64 the moves from the last order's categories, their mean; the shop's shares where nothing was bought."""
    before = mine.in_last_order
    found = np.zeros(before.shape)
    for k in range(before.shape[1]):  # one by one, so that a row's sum does not depend on the other rows
        found += np.where(before[:, k, None], shop.moves[k], 0.0)
    n = before.sum(axis=1)[:, None]
    filled: np.ndarray = np.where(n > 0, found / np.maximum(n, 1), shop.share)
    return filled


def pairs(mine: Own, shop: Shop) -> tuple[np.ndarray, np.ndarray]:
    """The trees' input, and where they begin.

    Returns:
        (r · c, len(NAMES)) float32, candidate after candidate; (r, c) float64 logarithm of `expected`.
    """
    r, c = mine.bought.shape
    out = np.empty((r, c, len(NAMES)), np.float32)
    column = {name: out[:, :, k] for k, name in enumerate(NAMES)}
    width = len(WINDOWS)
    for k, name in enumerate(OWN):
        column[name][:] = mine.counts[:, :, k]
    sums = [_sum(mine.counts[:, :, width * g + width - 1]) for g in range(len(GROUPS))]
    for g, (since, share) in enumerate(zip(SINCE, SHARES, strict=True)):
        column[since][:] = mine.last[:, :, g]
        n = mine.counts[:, :, width * g + width - 1]
        column[share][:] = np.where(sums[g][:, None] > 0, n / np.maximum(sums[g], 1)[:, None], np.nan)
    first, last, n = mine.first[:, :, -1], mine.last[:, :, -1], mine.bought
    gap = (first - last) / np.maximum(n - 1, 1)
    q = expected(mine, shop)
    column["bought_first"][:] = first
    column["gap_position"][:] = np.where(gap > 0, last / np.where(gap > 0, gap, 1), np.nan)
    column["in_last_order"][:] = mine.in_last_order
    column["expected"][:] = logarithm(q)
    column["markov"][:] = logarithm(markov(mine, shop))
    column["popularity"][:] = logarithm(shop.share[None, :])
    column["place"][:] = np.arange(c)
    column["all_buys"][:], column["all_browses"][:] = sums[-1][:, None], sums[0][:, None]
    column["n_touched"][:] = mine.touched[:, None]
    ago = np.where(np.isnan(mine.last), FAR, mine.last).min(axis=(1, 2))
    column["days_since_touch"][:] = np.where(ago == FAR, np.nan, ago)[:, None]
    return out.reshape(r * c, -1), logarithm(q)


@njit(cache=True)
def _logarithm(values, out):  # type: ignore[no-untyped-def]
    for r in range(values.shape[0]):
        for c in range(values.shape[1]):
            out[r, c] = math.log(values[r, c])


def logarithm(values: np.ndarray) -> np.ndarray:
    """(r, c) logarithms; scalar, as NumPy's may round differently in an array's body and tail."""
    out = np.empty(values.shape)
    _logarithm(np.ascontiguousarray(values), out)
    return out


def _sum(values: np.ndarray) -> np.ndarray:
    """(r,) sums of (r, c) whole numbers, exact in whatever order."""
    found: np.ndarray = values.sum(axis=1)
    return found
