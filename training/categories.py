"""The simple answers to "which category next", tuned on the same rows and split as ours.

popularity      the candidates' shares among the training labels
last_bought     those of the last order alike, mixed with popularity
favourite       the one bought most often, mixed with popularity
own_frequency   own purchases shrunk to popularity (Dirichlet-multinomial), `candidates.expected`
markov          where purchases went from the last order's categories, mixed with popularity

What a mixture or a prior weighs is chosen by log loss on the calibration rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from models.candidates import Own, Shop, expected, markov

from .metrics import losses

PRIORS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
"""Candidates for the purchases that popularity weighs."""
MIXES: Final = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0)
"""Candidates for popularity's share in a mixture."""
MOVES: Final = 50.0
"""Purchases that popularity weighs in a row of the Markov table."""


def shop_of(mine: Own, labels: np.ndarray, c: int) -> Shop:
    """Popularity, moves and prior of the training rows.

    Args:
        mine: What their persons did before.
        labels: (r,) int64 what came.
        c: Candidates, `other` among them.
    """
    share = (np.bincount(labels, minlength=c) + 0.5) / (len(labels) + 0.5 * c)
    before = mine.in_last_order
    chosen = np.arange(c) == labels[:, None]
    counts = before.T.astype(np.float64) @ chosen
    moves = (counts + MOVES * share) / (counts.sum(axis=1)[:, None] + MOVES)
    shop = Shop(share, moves, PRIORS[0])
    return replace(shop, weight=_best(PRIORS, lambda w: expected(mine, replace(shop, weight=w)), labels))


def run(shop: Shop, calibrate: Own, labels: np.ndarray, test: Own) -> dict[str, np.ndarray]:
    """Each one's (r, c) probabilities of the test rows.

    Args:
        shop: Of the training rows.
        calibrate: What the calibration rows' persons did.
        labels: (q,) int64 what came to them.
        test: What the test rows' persons did.
    """

    def mixed(guess: Callable[[Own], np.ndarray]) -> np.ndarray:
        there, here = guess(calibrate), guess(test)
        mix = _best(MIXES, lambda m: m * shop.share + (1 - m) * there, labels)
        found: np.ndarray = mix * shop.share + (1 - mix) * here
        return found

    weight = _best(PRIORS, lambda w: expected(calibrate, replace(shop, weight=w)), labels)
    return {
        "popularity": np.tile(shop.share, (len(test.bought), 1)),
        "last_bought": mixed(lambda mine: _alike(mine.in_last_order, shop)),
        "favourite": mixed(lambda mine: _alike(_most(mine), shop)),
        "own_frequency": expected(test, replace(shop, weight=weight)),
        "markov": mixed(lambda mine: markov(mine, shop)),
    }


def _most(mine: Own) -> np.ndarray:
    n = mine.bought
    found: np.ndarray = (n == n.max(axis=1)[:, None]) & (n > 0)
    return found


def _alike(marked: np.ndarray, shop: Shop) -> np.ndarray:
    """(r, c) the marked ones alike, popularity where none is."""
    n = marked.sum(axis=1)[:, None]
    found: np.ndarray = np.where(n > 0, marked / np.maximum(n, 1), shop.share)
    return found


def _best(values: Sequence[float], p: Callable[[float], np.ndarray], labels: np.ndarray) -> float:
    return min(values, key=lambda value: float(losses(labels, p(value)).mean()))
