"""Columns of numbers, however written, as float64, and as our fixed point."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

LARGEST: Final = 1e11
"""Amounts beyond are no amounts: fixed point would not hold their sums."""

_NUMBER: Final = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$"
_NOT_FINITE: Final = r"^(?i)[+-]?(nan|inf|infinity)$"


@dataclass(frozen=True, slots=True)
class Numbers:
    """A column of n numbers.

    Attributes:
        values: (n,) float64, NaN where null, no number, or not finite.
        given: (n,) bool, not null.
        wrong: (n,) bool, given and no number.
        infinite: (n,) bool, given and infinite or not a number by the standard.
    """

    values: np.ndarray
    given: np.ndarray
    wrong: np.ndarray
    infinite: np.ndarray


def to_numbers(column: pa.ChunkedArray) -> Numbers:
    """The numbers of a column of any type."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    given = column.is_valid().to_numpy()
    n = len(column)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        values = column.cast(pa.float64(), safe=False).fill_null(0.0).to_numpy()
        infinite = given & ~np.isfinite(values)
        return Numbers(np.where(given & ~infinite, values, np.nan), given, np.zeros(n, bool), infinite)
    if pa.types.is_null(kind):
        return Numbers(np.full(n, np.nan), given, given, given)
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return Numbers(np.full(n, np.nan), given, given, np.zeros(n, bool))
    try:
        values = column.cast(pa.float64()).fill_null(0.0).to_numpy()
        if np.isfinite(values).all():
            return Numbers(np.where(given, values, np.nan), given, np.zeros(n, bool), np.zeros(n, bool))
    except pa.ArrowInvalid:
        pass
    texts = pc.utf8_trim_whitespace(column)
    good = pc.match_substring_regex(texts, _NUMBER).fill_null(False)
    infinite = pc.match_substring_regex(texts, _NOT_FINITE).fill_null(False).to_numpy().astype(bool)
    plain = pc.replace_substring_regex(pc.if_else(good, texts, pa.scalar(None, pa.string())), r"^\+", "")
    values = plain.cast(pa.float64()).fill_null(np.nan).to_numpy()
    infinite |= np.isinf(values)
    given = given & pc.not_equal(texts, "").fill_null(False).to_numpy().astype(bool)
    wrong = given & ~good.to_numpy().astype(bool) & ~infinite
    return Numbers(np.where(infinite, np.nan, values), given, wrong, infinite)


def to_fixed(values: np.ndarray, per_unit: float) -> pa.Array:
    """(n,) int64 of float64 amounts times `per_unit`, half to even; NaN becomes null."""
    missing = np.isnan(values)
    whole = np.rint(np.where(missing, 0.0, values) * per_unit).astype(np.int64)
    return pa.array(whole, mask=missing)
