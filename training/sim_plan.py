"""What a simulated user does on a day that is not one of nothing, in order, without times.

Nothing here sees a type or a state: only the day's class, views and searches, what the user did before, and tastes.
"""

from typing import Final

import numpy as np
from numba import njit

from . import sim_rows as at
from .sim_goods import PER_CATEGORY
from .sim_random import below, unit
from .sim_taste import N_CATEGORIES, choose, favourite, remember

PLAN: Final = 48
"""Rows of a plan at most: 6 views and their clicks, 3 searches, a share, 2 carts and uncarts, 4 lines and their carts."""
BASKET: Final = 4
BROWSING: Final = 1
CONSIDERING: Final = 2
BUYING: Final = 3


@njit
def plan_day(rng, u, habits, tastes, seen, basket, tier, day, kind, v, q, plan):  # type: ignore[no-untyped-def]
    """Fill `plan` with rows of (kind, item; for a search its category); returns their number. Purchases come last.

    Args:
        rng: Streams.
        u: Place of the user's stream.
        habits: Chances.
        tastes: (3,) int64 the user's favourite categories; one may be replaced.
        seen: The ring of recent views; the day's are added.
        basket: (BASKET,) int64 items carted and not bought, the newest first, -1 for none; kept up.
        tier: Taste for expensive things.
        day: Today.
        kind: The day's class.
        v: Different items viewed, at least 1.
        q: Searches.
        plan: (PLAN, 2) int64.
    """
    if unit(rng, u) < habits.drift:
        tastes[below(rng, u, len(tastes))] = below(rng, u, N_CATEGORIES)
    focus = favourite(rng, u, tastes)
    chosen = np.empty(v, np.int64)
    n = 0
    for i in range(v):
        wish = focus if unit(rng, u) < habits.focus else favourite(rng, u, tastes)
        chosen[i] = choose(rng, u, seen, tier, day, wish, kind == BROWSING)
        remember(seen, day, chosen[i])
        if i < q:
            n = _add(plan, n, at.SEARCH, chosen[i] // PER_CATEGORY)
        if unit(rng, u) < habits.click:
            n = _add(plan, n, at.CLICK, chosen[i])
        n = _add(plan, n, at.VIEW, chosen[i])
    for _ in range(v, q):
        n = _add(plan, n, at.SEARCH, focus)
    if unit(rng, u) < habits.share:
        n = _add(plan, n, at.SHARE, chosen[0])
    if kind == CONSIDERING:
        n = _consider(rng, u, habits, seen, basket, day, chosen, plan, n)
    if kind == BUYING:
        n = _buy(rng, u, habits, tastes, seen, basket, tier, day, chosen, plan, n)
    return n


@njit
def _add(plan, n, kind, what):  # type: ignore[no-untyped-def]
    plan[n, 0] = kind
    plan[n, 1] = what
    return n + 1


@njit
def _consider(rng, u, habits, seen, basket, day, chosen, plan, n):  # type: ignore[no-untyped-def]
    """The mark of a considering day: a cart or a favorite, perhaps one more, or the first item viewed three times."""
    x = unit(rng, u)
    if x >= habits.cart + habits.favorite:
        for _ in range(2):
            n = _add(plan, n, at.VIEW, chosen[0])
            remember(seen, day, chosen[0])
        return n
    for action in range(1 + int(unit(rng, u) < habits.second_action)):
        item = chosen[below(rng, u, len(chosen))]
        if (x if action == 0 else unit(rng, u)) >= habits.cart:
            n = _add(plan, n, at.FAVORITE, item)
            continue
        n = _add(plan, n, at.CART, item)
        if unit(rng, u) < habits.uncart:
            n = _add(plan, n, at.UNCART, item)
        else:
            basket[1:] = basket[:-1].copy()
            basket[0] = item
    return n


@njit
def _buy(rng, u, habits, tastes, seen, basket, tier, day, chosen, plan, n):  # type: ignore[no-untyped-def]
    """An order of one to four lines: what was viewed today, then what lies in the basket, then things known by heart."""
    x = unit(rng, u)
    lines = 1 + int(x < 0.28) + int(x < 0.09) + int(x < 0.03)
    bought = np.empty(lines, np.int64)
    for line in range(lines):
        if line < len(chosen):
            bought[line] = chosen[line]
            if unit(rng, u) < habits.cart_before_buying:
                n = _add(plan, n, at.CART, bought[line])
        elif basket[0] >= 0:
            bought[line] = basket[0]
            basket[:-1] = basket[1:].copy()
            basket[-1] = -1
        else:
            bought[line] = choose(rng, u, seen, tier, day, favourite(rng, u, tastes), False)
    for line in range(lines):
        n = _add(plan, n, at.PURCHASE, bought[line])
    return n
