"""The simulated shop's Parquet files: canonical columns in human units, words dictionary-encoded inside the files."""

from pathlib import Path
from typing import Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.events import KINDS

from . import sim_rows as at
from .sim_goods import CATEGORIES, ITEMS
from .sim_words import (
    AGES,
    AUTOMATIC,
    CHANNELS,
    CITIES,
    ENTRY_CODES,
    GENDERS,
    PAGES,
    REFERRERS,
    TEXTS,
    Papers,
    coded,
)  # fmt: skip
from .sim_words import PROPERTIES as PROPERTY_WORDS

INSTANT: Final = pa.timestamp("us", tz="UTC")
PREFIXED: Final = "DELTA_BYTE_ARRAY"
"""Parquet's encoding of sorted strings, each as what it adds to the one before."""


class Sheet:
    """A Parquet file written in row groups, its words dictionary-encoded, read back as plain strings.

    Nothing is made until the first table; `close` makes the file of `schema` where there was none.
    """

    def __init__(self, path: Path, prefixed: tuple[str, ...] = ()) -> None:
        self.path, self.prefixed, self.rows = path, prefixed, 0
        self.writer: pq.ParquetWriter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.writer is not None:
            self.writer.close()

    def write(self, table: pa.Table) -> None:
        """Add a row group."""
        if self.writer is None:
            encodings = dict.fromkeys(self.prefixed, PREFIXED)
            words = [name for name in table.schema.names if name not in encodings]
            self.writer = pq.ParquetWriter(
                self.path, table.schema, compression="zstd", store_schema=False, use_dictionary=words,
                column_encoding=encodings or None,
            )  # fmt: skip
        self.writer.write_table(table)
        self.rows += len(table)


def user_ids(users: np.ndarray) -> pa.Array:
    """Ids such as `u0000042` of the users with these numbers."""
    return pa.array([f"u{number:07d}" for number in users.tolist()], pa.string())


def instants(us: np.ndarray) -> pa.Array:
    """Microseconds UTC as timestamps, null for -1."""
    return pa.array(us, pa.int64(), mask=us == -1).cast(INSTANT)


def numbers(values: np.ndarray, scale: int = 1) -> pa.Array:
    """Whole numbers, null for -1; divided by `scale` where that is above 1."""
    if scale == 1:
        return pa.array(values, pa.int64(), mask=values < 0)
    return pa.array(values / scale, pa.float64(), mask=values < 0)


def events_table(rows: np.ndarray, ids: pa.Array, campaigns: tuple[str, ...]) -> pa.Table:
    """`events.parquet`: the rows, sorted by (user, ts), in the canonical columns.

    Args:
        rows: (n, WIDTH) int64, users as places in `ids`.
        ids: User ids.
        campaigns: Of the calendar; automatic messages and entry codes follow them in the codes.
    """
    user = rows[:, at.USER]
    starts = np.searchsorted(user, np.arange(len(ids)))
    who = pa.DictionaryArray.from_arrays(pa.array(user, pa.int32()), ids)
    number = pa.array(np.arange(len(rows)) - starts[user]).cast(pa.string())
    return pa.table(
        {
            "event_id": pc.binary_join_element_wise(who.dictionary_decode(), number, "-"),
            "user_id": who,
            "ts": instants(rows[:, at.TS]),
            "arrived_at": instants(rows[:, at.ARRIVED]),
            "kind": coded(rows[:, at.KIND], KINDS),
            "item": coded(rows[:, at.ITEM], ITEMS),
            "category": coded(rows[:, at.CATEGORY], CATEGORIES),
            "value": numbers(rows[:, at.VALUE], 100),
            "quantity": numbers(rows[:, at.QUANTITY]),
            "discount": numbers(rows[:, at.DISCOUNT], 100),
            "channel": coded(rows[:, at.CHANNEL], CHANNELS),
            "campaign": coded(rows[:, at.CAMPAIGN], (*campaigns, *AUTOMATIC, *ENTRY_CODES)),
            "page": coded(rows[:, at.PAGE], PAGES),
            "referrer": coded(rows[:, at.REFERRER], REFERRERS),
            "dwell": numbers(rows[:, at.DWELL]),
            "rating": numbers(rows[:, at.RATING]),
            "text": coded(rows[:, at.TEXT], TEXTS),
            "properties": coded(rows[:, at.PROPERTIES], PROPERTY_WORDS),
        }
    )


def users_table(sheet: Papers, ids: pa.Array, joined: np.ndarray, rows: np.ndarray) -> pa.Table:
    """`users.parquet`: everyone; known from the moment of sign-up, or for the opening base from the start (null)."""
    since = np.full(len(ids), -1, np.int64)
    signups = rows[rows[:, at.KIND] == at.SIGNUP]
    since[signups[:, at.USER]] = signups[:, at.TS]
    assert ((since >= 0) == (joined >= 0)).all()
    return pa.table(
        {
            "user_id": ids,
            "valid_from": instants(since),
            "gender": coded(sheet.gender, GENDERS),
            "city": coded(sheet.city, CITIES),
            "age_band": coded(sheet.age, AGES),
            "entry_channel": coded(sheet.channel, CHANNELS),
            "entry_code": coded(sheet.code, ENTRY_CODES),
        }
    )
