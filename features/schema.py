"""The tables of the event log: canonical events, users and items, in Arrow's types; units as in `events.py`."""

from typing import Final

import pyarrow as pa

from .events import CODED_FIELDS, NUMBER_FIELDS, TEXT_FIELDS

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
