"""Single values and whole columns as text: numbers without needless fractions, times in ISO form."""

import math
from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from .encoding import UNDECODABLE


def as_text(value: Any) -> str:
    """A single value as text, the way columns of its type are: integral floats without a fraction, times as ISO."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if math.isfinite(value) and value == int(value) and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, dict | list):
        return orjson.dumps(value).decode()
    return str(value)


def join_given(columns: Sequence[pa.Array | pa.ChunkedArray], mark: str) -> pa.Array | pa.ChunkedArray:
    """(n,) the given texts of each row with `mark` between them; empty where all are null."""
    first, *others = columns
    nothing = first.is_null()
    for other in others:
        nothing = pc.and_(nothing, other.is_null())
    first = pc.if_else(nothing, "", first)  # Arrow 25 leaves out rows where all is null, so that the result is shorter
    return pc.binary_join_element_wise(first, *others, mark, null_handling="skip")


def whole(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """A column as one array."""
    if isinstance(column, pa.ChunkedArray) and column.num_chunks != 1:
        if pa.types.is_dictionary(column.type):
            column = column.unify_dictionaries()
        column = column.combine_chunks()
    return column.chunk(0) if isinstance(column, pa.ChunkedArray) else column


def recoded(indices: pa.Array, words: pa.Array) -> pa.Array:
    """A dictionary of texts from other words for its codes, of which some may be alike or null; its own are not."""
    once = words.dictionary_encode()
    return pa.DictionaryArray.from_arrays(once.indices.take(indices), once.dictionary)


def used_only(column: pa.Array) -> pa.Array:
    """A dictionary of texts without words that no row has: they would be written, and outlive the rows that had them."""
    used = np.bincount(column.indices.drop_null().to_numpy(), minlength=len(column.dictionary)) > 0
    if used.all():
        return column
    places = pa.array((np.cumsum(used) - 1).astype(np.int32))
    return pa.DictionaryArray.from_arrays(places.take(column.indices), column.dictionary.filter(pa.array(used)))


def decoded(value: bytes | None) -> str | None:
    """The text of UTF-8 bytes, `UNDECODABLE` where they are none."""
    return None if value is None else value.decode("utf-8", errors="replace").replace("\ufffd", UNDECODABLE)


def valid(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The texts, bytes that are no UTF-8 (nothing in Parquet rules them out) marked `UNDECODABLE`."""
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        if pa.types.is_dictionary(column.type):
            column = column.cast(pa.string())
        raw = [chunk.view(pa.binary()).to_pylist() for chunk in column.chunks]
        return pa.chunked_array([pa.array([decoded(value) for value in values], pa.string()) for values in raw])
    return column


def text_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of any type as text; a dictionary of texts stays one.

    Args:
        column: (n,) values.

    Returns:
        (n,) strings or dictionary of strings, null where the column is (or is NaN).
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        if pa.types.is_string(kind.value_type):
            return valid(column)
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_string(kind):
        return valid(column)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_integer(kind):
        return column.cast(pa.string())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return _decoded(column)
    if pa.types.is_null(kind):
        return pa.chunked_array([pa.nulls(len(column), pa.string())])
    if pa.types.is_floating(kind):
        column = column.cast(pa.float64())
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, pa.float64()), column)
        whole = pc.and_(pc.equal(pc.trunc(column), column), pc.less(pc.abs(column), 1e15))
        integers = pc.if_else(whole, column, pa.scalar(None, pa.float64())).cast(pa.int64()).cast(pa.string())
        return integers if integers.null_count == column.null_count else pc.coalesce(integers, _each(column))
    if pa.types.is_timestamp(kind) and kind.tz is None:
        text = pc.strftime(column.cast(pa.timestamp("us")), format="%Y-%m-%d %H:%M:%S")
        return pc.replace_substring_regex(text, r"\.0+$", "")
    return _each(column)


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Bytes that are texts, as some writers of Parquet leave them."""
    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.chunked_array([pa.array([decoded(value) for value in column.to_pylist()], pa.string())])


def _each(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Value by value: the rare types."""
    return pa.chunked_array([pa.array([None if v is None else as_text(v) for v in column.to_pylist()], pa.string())])
