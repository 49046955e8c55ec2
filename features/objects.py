"""JSON objects as columns of texts: made from columns, and checked, whole columns at a time."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from .cells import as_text, join_given, text_column
from .validate import Faults

SLICE: Final = 20_000


def to_objects(table: pa.Table, names: Sequence[str]) -> pa.Array:
    """(n,) JSON objects of the named columns, keys sorted, nulls left out; numbers and truth values stay such."""
    parts = []
    for name in sorted(names):
        key = orjson.dumps(name).decode()
        parts.append(pc.binary_join_element_wise(pa.scalar(f"{key}:"), _values(table[name]), ""))
    if not parts:
        return pa.array(["{}"] * len(table), pa.string())
    inner = join_given(parts, ",")
    made = pc.binary_join_element_wise(pa.scalar("{"), inner, pa.scalar("}"), "")
    return made.combine_chunks() if isinstance(made, pa.ChunkedArray) else made


def _values(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_nested(kind):
        return pa.chunked_array(
            [pa.array([None if v is None else as_text(v) for v in column.to_pylist()], pa.string())]
        )
    texts = text_column(column).cast(pa.string())
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return texts
    if pa.types.is_floating(kind):
        return pc.if_else(pc.is_finite(column.cast(pa.float64())), texts, pa.scalar(None, pa.string()))
    texts = pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
    plain = pc.invert(pc.match_substring_regex(texts, r'[\x00-\x1f"\\]'))
    quoted = pc.binary_join_element_wise(pa.scalar('"'), texts, pa.scalar('"'), "")
    if pc.all(plain).as_py() in (True, None):
        return quoted
    escaped = [None if text is None else orjson.dumps(text).decode() for text in texts.to_pylist()]
    return pa.chunked_array([pa.array(escaped, pa.string())])


def check_objects(column: pa.Array, field: str, faults: Faults) -> None:
    """Mark texts that are no JSON objects.

    Args:
        column: (n,) strings or dictionary of strings, null for none.
        field: Name of the column.
        faults: Where to mark.
    """
    if pa.types.is_dictionary(column.type):
        bad = np.append(_no_objects(column.dictionary), False)
        faults.mark(bad[column.indices.fill_null(-1).to_numpy(zero_copy_only=False)], "bad_json", field)
    else:
        faults.mark(_no_objects(column), "bad_json", field)


def _no_objects(column: pa.Array) -> np.ndarray:
    """(n,) bool: texts that are no JSON objects; null is none to be wrong."""
    places = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
    bad = np.zeros(len(column), bool)
    for start in range(0, len(places), SLICE):
        some = places[start : start + SLICE]
        texts = column.take(pa.array(some)).to_pylist()
        try:  # one call for all; a text that closes the list early gives another number of objects
            found = orjson.loads("[" + ",".join(texts) + "]")
        except orjson.JSONDecodeError:
            found = []
        if len(found) != len(texts) or not all(type(value) is dict for value in found):
            bad[some] = [not _is_object(text) for text in texts]
    return bad


def _is_object(text: str) -> bool:
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False
