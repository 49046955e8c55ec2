"""What reaches or follows a simulated user outside visits: messages, and what comes of a purchase.

By the history alone: a purchase's line is refunded, reviewed, complained of or asked about by chance, and only these
kinds may arrive late, for they say nothing of intent.
"""

from typing import Final

from numba import njit

from features.events import DAY, HOUR, SECOND

from . import sim_rows as at
from .sim_random import below, unit
from .sim_rows import put
from .sim_words import AT_COMPLAINTS, AT_NOTICES, AT_QUESTION, AT_REASON, AT_REVIEWS, AT_SURVEYS, AT_TEMPLATE, CHANNELS

SMS: Final = CHANNELS.index("sms")


@njit
def notify(rng, u, rows, n, ts, campaign, template):  # type: ignore[no-untyped-def]
    """A message at `ts`; `template` is its place among the automatic ones, 3 for a campaign's. Returns the next row."""
    n = put(rows, n, u, ts, at.MESSAGE)
    row = rows[n - 1]
    row[at.CHANNEL] = SMS + below(rng, u, 3)
    row[at.CAMPAIGN] = campaign
    row[at.TEXT] = AT_NOTICES + template
    row[at.PROPERTIES] = AT_TEMPLATE + template
    return n


@njit
def after_sales(rng, u, habits, rows, n, line, end):  # type: ignore[no-untyped-def]
    """What comes of the purchase in row `line`, where it happens and arrives before `end`. Returns the next row."""
    start = n
    if unit(rng, u) < habits.refund:
        n = _later(rng, u, habits, rows, n, line, at.REFUND, 2, 14)
        rows[n - 1, at.VALUE] = rows[line, at.VALUE]
        rows[n - 1, at.QUANTITY] = rows[line, at.QUANTITY]
        rows[n - 1, at.PROPERTIES] = AT_REASON + below(rng, u, 3)
    if unit(rng, u) < habits.review:
        n = _later(rng, u, habits, rows, n, line, at.REVIEW, 3, 20)
        rows[n - 1, at.RATING] = _rating(unit(rng, u))
        rows[n - 1, at.TEXT] = AT_REVIEWS + 3 * (rows[n - 1, at.RATING] - 1) + below(rng, u, 3)
    if unit(rng, u) < habits.complain:
        n = _later(rng, u, habits, rows, n, line, at.COMPLAIN, 1, 7)
        rows[n - 1, at.TEXT] = AT_COMPLAINTS + below(rng, u, 3)
        rows[n - 1, at.PROPERTIES] = rows[n - 1, at.TEXT] - AT_COMPLAINTS + AT_REASON + 3
    if unit(rng, u) < habits.survey:
        n = _later(rng, u, habits, rows, n, line, at.SURVEY, 1, 10)
        rows[n - 1, at.RATING] = _rating(unit(rng, u))
        rows[n - 1, at.TEXT] = AT_SURVEYS + below(rng, u, 3)
        rows[n - 1, at.PROPERTIES] = AT_QUESTION
    kept = start
    for row in range(start, n):
        if rows[row, at.TS] < end and rows[row, at.ARRIVED] < end:
            rows[kept] = rows[row]
            kept += 1
    rows[kept:n] = -1
    return kept


@njit
def _later(rng, u, habits, rows, n, line, kind, first, last):  # type: ignore[no-untyped-def]
    """An event of the line's item, `first` to `last` days after it, by day; late by 1 to 72 hours with its chance."""
    day = rows[line, at.TS] // DAY + first + below(rng, u, last - first + 1)
    n = put(rows, n, u, day * DAY + 8 * HOUR + int(unit(rng, u) * 14 * HOUR), kind)
    row = rows[n - 1]
    if unit(rng, u) < habits.late:
        row[at.ARRIVED] = row[at.TS] + HOUR + int(unit(rng, u) * 71 * 3600) * SECOND
    row[at.ITEM] = rows[line, at.ITEM]
    row[at.CATEGORY] = rows[line, at.CATEGORY]
    row[at.CHANNEL] = below(rng, u, 3)
    return n


@njit
def _rating(x):  # type: ignore[no-untyped-def]
    """5, 4, 3, 2, 1 in 50, 25, 12, 7, 6 of 100 cases."""
    return 1 + int(x >= 0.06) + int(x >= 0.13) + int(x >= 0.25) + int(x >= 0.50)
