"""The canonical event, user and item: their columns, types and units.

Times are int64 microseconds UTC. Money, quantity and rating are int64 fixed point, `FIXED_POINT` to the unit; dwell is
int64 milliseconds: sums are exact and free of order. `value` is the line's total after `discount`.
"""

from typing import Final

KINDS: Final = (
    "view", "click", "search", "favorite", "cart", "uncart", "purchase", "refund", "review", "complain", "survey",
    "message", "open", "join", "share", "refer", "signup",
)  # fmt: skip
"""The kinds every shop has; a kind's place is its code, a workspace's own kinds follow."""

ACTS: Final = ("consent", "withdraw", "alias", "unalias")
"""Kinds with a fixed meaning, which no question counts; a workspace has them among its own kinds once one was met."""

MAX_KINDS: Final = 63  # a kind mask is an int64
FIXED_POINT: Final = 10_000
SECOND: Final = 1_000_000
HOUR: Final = 3600 * SECOND
DAY: Final = 24 * HOUR
RETENTION_DAYS: Final = 400
SESSION_GAP: Final = 30 * 60 * SECOND
NULL: Final = -(2**63)
"""Stands for null in int64 number columns of a history."""

TOUCH: Final = ("channel", "campaign")
"""Coded fields whose first value is kept for ever: first channel, and entry code."""
NUMBER_FIELDS: Final = ("value", "quantity", "discount", "rating", "dwell")
CODED_FIELDS: Final = ("item", "category", "channel", "campaign", "page", "referrer")
TEXT_FIELDS: Final = ("text", "properties")
