"""How the drawing of events holds them: one int64 row an event, -1 for null, until they become Arrow columns."""

from typing import Final

import numpy as np
from numba import njit

from features.events import DAY, KINDS, SECOND

USER, TS, ARRIVED, KIND, ITEM, CATEGORY, VALUE, QUANTITY, DISCOUNT = range(9)
CHANNEL, CAMPAIGN, PAGE, REFERRER, DWELL, RATING, TEXT, PROPERTIES = range(9, 17)
WIDTH: Final = 17
"""Columns of a row. Money is in cents, dwell in milliseconds, times in microseconds UTC; the rest are codes."""
(VIEW, CLICK, SEARCH, FAVORITE, CART, UNCART, PURCHASE, REFUND, REVIEW, COMPLAIN, SURVEY, MESSAGE, OPEN, JOIN, SHARE, REFER, SIGNUP) = (
    KINDS.index(kind)
    for kind in (
        "view", "click", "search", "favorite", "cart", "uncart", "purchase", "refund", "review", "complain", "survey",
        "message", "open", "join", "share", "refer", "signup",
    )
)  # fmt: skip


@njit
def room(rows: np.ndarray, n: int, more: int) -> np.ndarray:
    """The rows, or a larger copy of them where fewer than `more` are free after the first `n`."""
    if n + more <= len(rows):
        return rows
    grown = np.full((2 * len(rows) + more, WIDTH), -1, np.int64)
    grown[:n] = rows[:n]
    return grown


@njit
def put(rows: np.ndarray, n: int, user: int, ts: int, kind: int) -> int:
    """Write the start of a row at place `n`; returns the next place."""
    rows[n, USER] = user
    rows[n, TS] = ts
    rows[n, KIND] = kind
    return n + 1


@njit
def midnight(ts: int) -> int:
    """Microseconds UTC of the day's start."""
    return ts - ts % DAY


@njit
def seconds(n: float) -> int:
    """Microseconds of so many seconds."""
    return int(n * SECOND)
