"""Draws the hidden part of the shop: types, states, and each day's class, views and searches."""

from dataclasses import dataclass

import numpy as np
from numba import njit

from .shop import Shop
from .sim_calendar import Calendar
from .sim_random import pick, streams, unit


@dataclass(frozen=True, slots=True)
class Chain:
    """What n users were and showed on each of the days; a day before sign-up holds state -1 and class 0.

    Args:
        joined: (n,) int64 day of sign-up; -1 for the opening base.
        reached: (n, campaigns) bool the campaign's message was sent to the user.
        states: (n, days + 1) int8 joint state on the day, the day after the last included.
        classes: (n, days) int8 place in `CLASSES`.
        views: (n, days) int8 different items viewed.
        searches: (n, days) int8 searches.
    """

    joined: np.ndarray
    reached: np.ndarray
    states: np.ndarray
    classes: np.ndarray
    views: np.ndarray
    searches: np.ndarray


def emissions(shop: Shop, cal: Calendar) -> np.ndarray:
    """P(class | s, d, z): (days, 2, S, 4) float64 by day, arm z, joint state and class; arms differ in campaigns only."""
    effects = np.stack([cal.effects, cal.effects + np.where(cal.running[:, None] >= 0, shop.reached, 0.0)], axis=1)
    weights = np.repeat(shop.weights[None, None], cal.days, axis=0).repeat(2, axis=1)
    weights[..., 1:] *= np.exp(effects)[:, :, None, :]
    return np.asarray(weights / weights.sum(axis=3, keepdims=True))


def draw_chain(shop: Shop, cal: Calendar, days: int, users: np.ndarray, seed: int) -> Chain:
    """Draw the chains of the users with these numbers.

    The opening base is `doubling / (doubling + days)` of all users, a coin each; the others sign up on a day drawn
    evenly. Both are independent of type and state.

    Args:
        shop: The parameters.
        cal: At least `days` long.
        days: Days to draw.
        users: (n,) int64 user numbers.
        seed: Of the whole shop.
    """
    n, m = len(users), int(np.searchsorted(cal.first, days))
    chain = Chain(
        np.full(n, -1, np.int64),
        np.zeros((n, m), np.bool_),
        np.full((n, days + 1), -1, np.int8),
        *(np.zeros((n, days), np.int8) for _ in range(3)),
    )
    _draw(
        streams(seed, 0, users),
        shop.doubling / (shop.doubling + days),
        shop.treated,
        np.cumsum(shop.opening),
        np.cumsum(shop.newcomer),
        np.cumsum(shop.transitions, axis=1),
        np.cumsum(emissions(shop, cal)[:days], axis=3),
        np.cumsum(shop.views, axis=1),
        np.cumsum(shop.searches, axis=1),
        cal.running[:days],
        cal.first[:m],
        chain.joined,
        chain.reached,
        chain.states,
        chain.classes,
        chain.views,
        chain.searches,
    )
    return chain


@njit(cache=True, nogil=True)
def _draw(  # type: ignore[no-untyped-def]
    rng, base, treated, opening, newcomer, moves, emits, views, searches, running, first,
    joined, reached, states, classes, n_views, n_searches,
):  # fmt: skip
    """Fill the chain's arrays, user by user; laws come as running sums."""
    days = classes.shape[1]
    for u in range(len(rng)):
        if unit(rng, u) >= base:
            joined[u] = int(unit(rng, u) * days)
        begin = max(joined[u], 0)
        for c in range(len(first)):
            reached[u, c] = unit(rng, u) < treated and joined[u] < first[c]
        s = pick(rng, u, opening if joined[u] < 0 else newcomer)
        for d in range(begin, days):
            states[u, d] = s
            arm = int(running[d] >= 0 and reached[u, running[d]])
            classes[u, d] = pick(rng, u, emits[d, arm, s])
            if classes[u, d] > 0:
                n_views[u, d] = 1 + pick(rng, u, views[s])
                n_searches[u, d] = pick(rng, u, searches[s])
            s = pick(rng, u, moves[s])
        states[u, days] = s
