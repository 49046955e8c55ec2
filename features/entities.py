"""Rows that somebody asks for: a file of users and cutoffs, any of them, in any order."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .cells import whole
from .errors import InputError, NotFoundError, did_you_mean
from .instants import parse_instant, to_iso, to_us
from .validate import FIRST_TIME

COLUMNS: Final = ("user_id", "cutoff")
LAST_TIME: Final = to_us(datetime(2200, 1, 1, tzinfo=UTC))
TIMES: Final = (
    "A cutoff is a time with an offset, such as 2025-06-15T08:00:00+08:00 or 2025-06-15T00:00:00Z, a date (midnight in the "
    "shop's timezone), or whole microseconds since 1970 UTC."
)


@dataclass(frozen=True, slots=True)
class Entities:
    """r rows.

    Attributes:
        users: (r,) ids; one that the log does not know is somebody who has done nothing.
        cutoff: (r,) int64 microseconds UTC.
        unread: Other columns of the file.
    """

    users: pa.Array
    cutoff: np.ndarray
    unread: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.cutoff)


def read_entities(path: Path, timezone: str) -> Entities:
    """The rows of a Parquet or CSV file with the columns `user_id` and `cutoff`.

    Args:
        path: The file; it is Parquet if it begins as such, else CSV with a header.
        timezone: The shop's, for bare dates.

    Raises:
        NotFoundError: No such file.
        InputError: A column is not there, or a row cannot be used; the message names it, counted from 1 without the header.
    """
    if not path.is_file():
        raise NotFoundError(f"There is no file {path} of users and cutoffs.")
    with path.open("rb") as file:
        parquet = file.read(4) == b"PAR1"
    try:
        table, unread = _parquet(path) if parquet else _csv(path)
    except (pa.ArrowInvalid, pa.ArrowKeyError, OSError) as error:
        raise InputError(f"{path.name} cannot be read as {'Parquet' if parquet else 'CSV'}: {error}") from error
    users = _users(table["user_id"], path.name)
    return Entities(users, _cutoffs(table["cutoff"], timezone, path.name), unread)


def _parquet(path: Path) -> tuple[pa.Table, tuple[str, ...]]:
    from pyarrow import parquet

    file = parquet.ParquetFile(path)
    unread = _checked(file.schema_arrow.names, path)
    return file.read(list(COLUMNS)), unread


def _csv(path: Path) -> tuple[pa.Table, tuple[str, ...]]:
    from pyarrow import csv

    with csv.open_csv(path) as reader:
        unread = _checked(reader.schema.names, path)
    convert = csv.ConvertOptions(include_columns=list(COLUMNS), column_types=dict.fromkeys(COLUMNS, pa.string()))
    return csv.read_csv(path, convert_options=convert), unread


def _checked(names: list[str], path: Path) -> tuple[str, ...]:
    for name in COLUMNS:
        if names.count(name) != 1:
            found = "is there twice" if name in names else f"is missing. {did_you_mean(name, names)}"
            raise InputError(
                f"{path.name}: the column {name!r} {found} It needs one column user_id and one column cutoff."
            )
    return tuple(name or "(without a name)" for name in names if name not in COLUMNS)


def _users(column: pa.ChunkedArray, where: str) -> pa.Array:
    """(r,) strings."""
    column = _plain(column)
    if not (_is_text(column.type) or pa.types.is_integer(column.type) or pa.types.is_null(column.type)):
        raise InputError(f"{where}: user_id has the type {column.type}. Give texts, or whole numbers.")
    users = column.cast(pa.string())
    row = _first(pc.or_kleene(pc.is_null(users), pc.equal(users, "")))
    if row is not None:
        raise InputError(f"{where}, row {row + 1}: user_id is empty. Every row needs one; take the row out.")
    return users


def _cutoffs(column: pa.ChunkedArray, timezone: str, where: str) -> np.ndarray:
    """(r,) int64 microseconds UTC."""
    column = _plain(column)
    empty = _first(
        pc.or_kleene(pc.is_null(column), pc.equal(column, "")) if _is_text(column.type) else pc.is_null(column)
    )
    if empty is not None:
        raise InputError(f"{where}, row {empty + 1}: cutoff is empty. {TIMES}")
    kind = column.type
    if pa.types.is_timestamp(kind):
        if kind.tz is None and len(column):
            raise InputError(
                f"{where}, row 1: the cutoff {column[0]} has no offset, nor has any other. Give the column a timezone; in pandas: "
                f"cutoff.dt.tz_localize({timezone!r})."
            )
        cutoff = _whole(column.cast(pa.int64()), kind.unit, where)
    elif pa.types.is_integer(kind) and not pa.types.is_uint64(kind):
        cutoff = column.cast(pa.int64()).to_numpy()
    elif _is_text(kind) or pa.types.is_date(kind):
        cutoff = _each(column.cast(pa.string()), lambda text: _parsed(text, timezone), where)
    elif len(column):
        raise InputError(f"{where}: cutoff has the type {kind} (row 1: {column[0]}). {TIMES}")
    else:
        cutoff = np.empty(0, np.int64)
    outside = np.flatnonzero((cutoff < FIRST_TIME) | (cutoff >= LAST_TIME))
    if len(outside):
        row = int(outside[0])
        raise InputError(
            f"{where}, row {row + 1}: the cutoff {column[row]} lies outside 1990 to 2200"
            + (f" ({to_iso(cutoff[row])})" if 0 <= cutoff[row] < LAST_TIME else "")
            + ". Numbers are microseconds since 1970 UTC: multiply seconds by 1,000,000, milliseconds by 1,000."
        )
    return np.ascontiguousarray(cutoff, np.int64)


def _whole(ticks: pa.Array, unit: str, where: str) -> np.ndarray:
    """Microseconds of ticks of a timestamp."""
    found: np.ndarray = np.array(ticks.to_numpy())
    if unit != "ns":
        found *= {"s": 1_000_000, "ms": 1_000, "us": 1}[unit]
        return found
    finer = np.flatnonzero(found % 1_000)
    if len(finer):
        raise InputError(
            f"{where}, row {finer[0] + 1}: the cutoff {to_iso(found[finer[0]] // 1_000)} is followed by {found[finer[0]] % 1_000} ns. "
            "Events are known to the microsecond; round the cutoffs up to one."
        )
    whole: np.ndarray = found // 1_000
    return whole


def _each(texts: pa.Array, parse: Callable[[str], int], where: str) -> np.ndarray:
    """The instant of each text; a text that comes again is read once."""
    coded = texts.dictionary_encode()
    places, found = coded.indices.to_numpy(), np.empty(len(coded.dictionary), np.int64)
    for place, text in enumerate(coded.dictionary.to_pylist()):
        try:
            found[place] = parse(text)
        except InputError as error:
            row = int(np.argmax(places == place)) + 1
            raise InputError(f"{where}, row {row}: {error.message}") from None
    instants: np.ndarray = found[places]
    return instants


def _parsed(text: str, timezone: str) -> int:
    return int(text) if re.fullmatch(r"-?\d{9,18}", text) else parse_instant(text, timezone)


def _plain(column: pa.ChunkedArray) -> pa.Array:
    """One array, no dictionary."""
    return whole(column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _first(mask: pa.Array) -> int | None:
    """Place of the first true."""
    place = pc.index(mask, True).as_py()
    return None if place < 0 else int(place)
