"""The canonical event, user and item: their columns, types and units.

Times are int64 microseconds UTC. Money, quantity and rating are int64 fixed point, `FIXED_POINT` to the unit; dwell is
int64 milliseconds: sums are exact and free of order. `value` is the line's total after `discount`.
"""

from typing import Final

import pyarrow as pa

KINDS: Final = (
    "view", "click", "search", "favorite", "cart", "uncart", "purchase", "refund", "review", "complain", "survey",
    "message", "open", "join", "share", "refer", "signup",
)  # fmt: skip
"""The kinds every shop has; a kind's place is its code, a workspace's own kinds follow."""

MAX_KINDS: Final = 63  # a kind mask is an int64
FIXED_POINT: Final = 10_000
SECOND: Final = 1_000_000
HOUR: Final = 3600 * SECOND
DAY: Final = 24 * HOUR
RETENTION_DAYS: Final = 400
SESSION_GAP: Final = 30 * 60 * SECOND
NULL: Final = -(2**63)
"""Stands for null in int64 number columns of a history."""

NUMBER_FIELDS: Final = ("value", "quantity", "discount", "rating", "dwell")
CODED_FIELDS: Final = ("item", "category", "channel", "campaign", "page", "referrer")
TEXT_FIELDS: Final = ("text", "properties")

EVENTS: Final = pa.schema(
    [
        pa.field("bucket", pa.int32(), nullable=False),  # partition: stable hash of the person
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("ts", pa.int64(), nullable=False),
        pa.field("arrived_at", pa.int64()),  # null: with the first bulk load, counts as ts
        pa.field("kind", pa.string(), nullable=False),
        *(pa.field(name, pa.string()) for name in CODED_FIELDS),
        *(pa.field(name, pa.int64()) for name in NUMBER_FIELDS),
        *(pa.field(name, pa.string()) for name in TEXT_FIELDS),  # properties: a JSON object
        pa.field("event_id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("key_hi", pa.int64(), nullable=False),  # event_key: hash128(source \0 event_id), two halves
        pa.field("key_lo", pa.int64(), nullable=False),
    ]
)
"""The `events` table, in the order of its columns."""

USERS: Final = pa.schema(
    [
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("valid_from", pa.int64()),  # null: known from the start
        pa.field("attributes", pa.string(), nullable=False),  # a JSON object
    ]
)
"""The `users` table: what is known of a user from a moment on."""

ITEMS: Final = pa.schema(
    [
        pa.field("item", pa.string(), nullable=False),
        pa.field("category", pa.string()),
        pa.field("price", pa.int64()),
        pa.field("attributes", pa.string(), nullable=False),
    ]
)
"""The `items` table: category path ('/' between levels) and price."""
