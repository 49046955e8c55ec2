"""Draws the events of users from their chains: each day's visits, messages and what follows purchases, with times."""

from typing import Final

import numpy as np
from numba import njit

from features.events import DAY, HOUR, SECOND

from . import sim_rows as at
from .shop import Habits
from .sim_after import after_sales, notify
from .sim_calendar import Calendar
from .sim_chain import Chain
from .sim_goods import PER_CATEGORY, prices
from .sim_plan import BASKET, BUYING, PLAN, plan_day
from .sim_random import below, streams, unit
from .sim_rows import put, room
from .sim_taste import N_CATEGORIES, no_memory
from .sim_words import (
    AT_RESULTS,
    AT_REWARD,
    AT_SHARED,
    AUTOMATIC,
    CHANNELS,
    PAGES,
    REFERRERS,
    SEARCH_FORMS,
    Papers,
)

MOST: Final = 80
"""Events that one day can bring, at most."""
SLOTS: Final = np.array([[6.5, 3.0], [12.0, 3.5], [18.0, 3.5]])
"""Start and width, in hours, of the times of day in which a visit may start; a visit lasts under two hours."""
PAGE_OF: Final = np.array(
    [
        PAGES.index(page) if page else -1
        for page in (
            "item", "list", "list", "item", "item", "cart", "pay", "", "", "", "", "", "home", "activity", "item", "home", "home",
        )
    ]
)  # fmt: skip
"""Page of a visit's event, by kind."""
FORMS: Final = len(SEARCH_FORMS)
STORE: Final = CHANNELS.index("store")
BY_MESSAGE: Final = REFERRERS.index("message")
DISCOUNTS: Final = np.array([0.05, 0.10, 0.15, 0.20, 0.30])
"""Shares of the price that a discount takes off."""


def draw_events(
    habits: Habits, cal: Calendar, days: int, chain: Chain, sheet: Papers, users: np.ndarray, seed: int
) -> np.ndarray:
    """Draw all events of the users.

    Returns:
        (events, at.WIDTH) int64 rows sorted by (user, ts, order of drawing); a user is a place in `users`.
    """
    rows = _draw(
        streams(seed, 1, users), habits, cal.start, days, cal.running[:days], len(cal.campaigns), chain.joined, chain.reached,
        chain.classes, chain.views, chain.searches, prices(), sheet.channel, sheet.code,
    )  # fmt: skip
    return np.asarray(rows[np.lexsort((rows[:, at.TS], rows[:, 0]))])


@njit(cache=True, nogil=True)
def _draw(  # type: ignore[no-untyped-def]
    rng, habits, start, days, running, n_campaigns, joined, reached, classes, views, searches, price, entry_channel, entry_code
):  # fmt: skip
    """User by user, day by day."""
    rows = np.full((1024, at.WIDTH), -1, np.int64)
    plan = np.empty((PLAN, 2), np.int64)
    tastes = np.empty(3, np.int64)
    n = 0
    end = start + days * DAY
    for u in range(len(rng)):
        seen = no_memory()
        basket = np.full(BASKET, -1, np.int64)
        for place in range(3):
            tastes[place] = below(rng, u, N_CATEGORIES)
        tier, thrift, home = unit(rng, u), unit(rng, u), below(rng, u, 3)
        remind, told, about = -1, -9, -1
        for d in range(max(joined[u], 0), days):
            rows = room(rows, n, MOST)
            now = start + d * DAY
            sale = running[d]
            if sale >= 0 and reached[u, sale] and (d == 0 or running[d - 1] != sale):
                n = notify(rng, u, rows, n, now + int((6 + unit(rng, u) / 3) * HOUR), sale, 3)
                told, about = d, sale
            if d == remind:
                n = notify(rng, u, rows, n, now + int((10 + unit(rng, u) / 3) * HOUR), n_campaigns + 1, 1)
                told, about = d, n_campaigns + 1
            if d > joined[u] and unit(rng, u) < habits.newsletter:
                n = notify(rng, u, rows, n, now + int((11 + unit(rng, u) / 3) * HOUR), n_campaigns + 2, 2)
                told, about = d, n_campaigns + 2
            first = n
            if classes[u, d] == 0:
                if d == joined[u]:
                    n = put(rows, n, u, now + int((7 + 15 * unit(rng, u)) * HOUR), at.SIGNUP)
            else:
                length = plan_day(
                    rng, u, habits, tastes, seen, basket, tier, d, classes[u, d], views[u, d], searches[u, d], plan
                )
                opening = -1
                if d == joined[u]:
                    opening = at.SIGNUP
                elif d - told <= 3 and unit(rng, u) < habits.open:
                    opening = at.OPEN
                n = _visits(rng, u, habits, rows, n, now, plan, length, opening, home, sale)
                _money(rng, u, rows, first, n, price, thrift, sale)
                if opening == at.OPEN:
                    rows[first, at.CAMPAIGN] = about
                    told = -9
                carted = False
                for row in range(first, n):
                    if rows[row, at.KIND] == at.PURCHASE:
                        n = after_sales(rng, u, habits, rows, n, row, end)
                    carted = carted or rows[row, at.KIND] == at.CART
                if carted and classes[u, d] != BUYING and unit(rng, u) < habits.reminder:
                    remind = d + 1
            if d == joined[u]:
                rows[first, at.CHANNEL] = entry_channel[u]
                rows[first, at.CAMPAIGN] = n_campaigns + len(AUTOMATIC) + entry_code[u] if entry_code[u] >= 0 else -1
                rows[first, at.PAGE] = PAGE_OF[at.SIGNUP]
                n = notify(rng, u, rows, n, rows[first, at.TS] + 60 * SECOND, n_campaigns, 0)
    return rows[:n]


@njit
def _visits(rng, u, habits, rows, n, now, plan, length, opening, home, sale):  # type: ignore[no-untyped-def]
    """Write the plan as one to three visits in different times of the day; `opening` is a kind put first, -1 for none."""
    visits = 1 + int(length > 2 and unit(rng, u) < 0.35) + int(length > 5 and unit(rng, u) < 0.25)
    left_out = below(rng, u, 3)
    till = unit(rng, u) < habits.store
    done = 0
    visit = 0
    for slot in range(3):
        if (visits == 1 and slot != left_out) or (visits == 2 and slot == left_out):
            continue
        visit += 1
        ts = now + int((SLOTS[slot, 0] + unit(rng, u) * SLOTS[slot, 1]) * HOUR)
        channel = home if unit(rng, u) < 0.75 else below(rng, u, 3)
        referrer = below(rng, u, BY_MESSAGE)
        head = n
        if visit == 1 and opening >= 0:
            n = put(rows, n, u, ts, opening)
            rows[n - 1, at.PAGE] = PAGE_OF[opening]
            referrer = BY_MESSAGE if opening == at.OPEN else referrer
            ts += int((2 + 18 * unit(rng, u)) * SECOND)
        if visit == 1 and sale >= 0 and unit(rng, u) < habits.join:
            n = put(rows, n, u, ts, at.JOIN)
            rows[n - 1, at.CAMPAIGN] = sale
            rows[n - 1, at.PAGE] = PAGE_OF[at.JOIN]
            ts += int((2 + 18 * unit(rng, u)) * SECOND)
        stop = length if visit == visits else done + (length - done) // (visits - visit + 1)
        while done < stop:
            kind = plan[done, 0]
            if kind != at.PURCHASE or done == 0 or plan[done - 1, 0] != at.PURCHASE or n == head:
                ts += int((3 + 20 * unit(rng, u)) * SECOND)
            n = put(rows, n, u, ts, kind)
            rows[n - 1, at.PAGE] = PAGE_OF[kind]
            _fill(rng, u, rows[n - 1], kind, plan[done, 1])
            if kind == at.VIEW:
                ts += rows[n - 1, at.DWELL] * 1000
            done += 1
        if visit == visits and plan[length - 1, 0] == at.PURCHASE and unit(rng, u) < habits.refer:
            n = put(rows, n, u, ts + 30 * SECOND, at.REFER)
            rows[n - 1, at.PAGE] = PAGE_OF[at.REFER]
            rows[n - 1, at.PROPERTIES] = AT_REWARD
        for row in range(head, n):
            rows[row, at.CHANNEL] = channel
            if till and rows[row, at.KIND] == at.PURCHASE:
                rows[row, at.CHANNEL] = STORE
                rows[row, at.PAGE] = -1
        if n > head:
            rows[head, at.REFERRER] = referrer
    return n


@njit
def _fill(rng, u, row, kind, what):  # type: ignore[no-untyped-def]
    """The columns of a visit's event other than money: item, category, text, dwell, properties."""
    if kind == at.SEARCH:
        row[at.CATEGORY] = what
        row[at.TEXT] = what * FORMS + below(rng, u, FORMS)
        row[at.PROPERTIES] = AT_RESULTS + below(rng, u, 8)
        return
    row[at.ITEM] = what
    row[at.CATEGORY] = what // PER_CATEGORY
    if kind == at.VIEW:
        row[at.DWELL] = 2000 + int(min(-25_000.0 * np.log(1.0 - unit(rng, u)), 140_000.0))
    if kind == at.SHARE:
        row[at.PROPERTIES] = AT_SHARED + below(rng, u, 3)


@njit
def _money(rng, u, rows, first, n, price, thrift, sale):  # type: ignore[no-untyped-def]
    """Quantity, discount and value of the carts, uncarts and purchases in rows [first, n); more discounts in a sale."""
    for row in range(first, n):
        kind = rows[row, at.KIND]
        if kind in (at.CART, at.UNCART):
            rows[row, at.QUANTITY] = 1
            rows[row, at.VALUE] = price[rows[row, at.ITEM]]
        if kind == at.PURCHASE:
            x = unit(rng, u)
            quantity = 1 + int(x < 0.20) + int(x < 0.06)
            full = price[rows[row, at.ITEM]] * quantity
            off = 0
            if unit(rng, u) < 0.10 + 0.45 * thrift + (0.30 if sale >= 0 else 0.0):
                off = int(full * DISCOUNTS[below(rng, u, len(DISCOUNTS))])
            rows[row, at.QUANTITY] = quantity
            rows[row, at.DISCOUNT] = off
            rows[row, at.VALUE] = full - off
