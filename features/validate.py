"""What a row must be: rules with stable names, applied to whole columns, one reason a row."""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .encoding import UNDECODABLE
from .events import SECOND
from .times import BOUND

RULES: Final = {
    "cut_off_line": "the file ends within this line",
    "malformed_line": "the line cannot be taken apart: another number of fields, or a quote that is never closed",
    "bad_json": "not a JSON object",
    "missing_user": "no user_id",
    "missing_item": "no item",
    "missing_time": "no time",
    "bad_time": "not a time as the format writes it",
    "time_out_of_range": "a time before 1990, or more than 5 minutes from now on",
    "missing_kind": "no kind",
    "unknown_kind": "a kind that the workspace does not have",
    "too_long": "a text longer than its column allows",
    "bad_characters": "a NUL, a lone surrogate, or bytes that the file's encoding does not have",
    "bad_number": "not a number, or one beyond 100 billion",
    "not_finite": "NaN or infinite",
    "not_positive": "zero or below, where the format asks for more",
    "negative_value": "below zero",
    "unknown_currency": "a currency without a rate on that day",
    "arrived_in_future": "an arrival more than 5 minutes from now on",
}
"""Name to what it means; of several that a row breaks, the first in this order is its reason."""

ORDER: Final = tuple(RULES)
FIRST_TIME: Final = 631_152_000 * SECOND  # 1990-01-01
AHEAD: Final = 300 * SECOND
LONGEST: Final = {
    "user_id": 256, "event_id": 256, "item": 256, "kind": 256, "category": 1_024, "channel": 256, "campaign": 256,
    "page": 4_096, "referrer": 4_096, "text": 65_536, "properties": 65_536,
    "attributes": 65_536,
}  # fmt: skip
"""Characters that a text may have."""

FIELDS: Final = (
    "user_id", "ts", "kind", "event_id", "arrived_at", "item", "category", "channel", "campaign", "page", "referrer",
    "value", "quantity", "discount", "rating", "dwell", "text", "properties", "price", "currency", "valid_from",
    "attributes",
)  # fmt: skip
_NONE: Final = 65_535


class Faults:
    """The reason, if any, why each of n rows is refused.

    Args:
        n: Number of rows.
    """

    def __init__(self, n: int) -> None:
        self._code = np.full(n, _NONE, np.uint16)

    def mark(self, rows: np.ndarray, rule: str, field: str) -> None:
        """Rows (bool mask) break `rule` in `field`."""
        if rows.any():
            code = ORDER.index(rule) * 64 + FIELDS.index(field)
            self._code[rows] = np.minimum(self._code[rows], code)

    @property
    def found(self) -> bool:
        """Is there one?"""
        return bool((self._code != _NONE).any())

    @property
    def bad(self) -> np.ndarray:
        """(n,) bool: refused rows."""
        bad: np.ndarray = self._code != _NONE
        return bad

    def reasons(self, rows: np.ndarray) -> list[tuple[str, str]]:
        """(rule, field) of each of the given rows (places)."""
        return [(ORDER[code // 64], FIELDS[code % 64]) for code in self._code[rows].tolist()]


def check_text(column: pa.Array, field: str, faults: Faults) -> None:
    """Mark texts that are too long, or hold characters that no text may have.

    Args:
        column: (n,) strings, or dictionary of strings.
        field: Name of the column.
        faults: Where to mark.
    """
    if pa.types.is_dictionary(column.type):
        texts, places = column.dictionary, column.indices
    else:
        texts, places = column, None
    for rule, mask in (("too_long", _too_long(texts, LONGEST[field])), ("bad_characters", _unfit(texts))):
        if mask is not None and places is not None:
            faults.mark(np.append(mask, False)[places.fill_null(-1).to_numpy(zero_copy_only=False)], rule, field)
        elif mask is not None:
            faults.mark(mask, rule, field)


def _too_long(texts: pa.Array, longest: int) -> np.ndarray | None:
    most = pc.max(pc.binary_length(texts)).as_py()
    if most is None or most <= longest:
        return None
    return pc.greater(pc.utf8_length(texts), longest).fill_null(False).to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]


def _unfit(texts: pa.Array) -> np.ndarray | None:
    """(n,) bool: texts with a NUL or a mark of undecodable bytes; None where there is none."""
    data = texts.buffers()[-1]
    if data is None or len(texts) == 0:
        return None
    start, stop = _extent(texts)
    seen = np.frombuffer(data, np.uint8)[start:stop]
    # UNDECODABLE is EF B7 90: EF is rare enough in what people write for a look at single bytes
    if not (seen == 0).any() and not (seen == 0xEF).any():
        return None
    mask = pc.or_(pc.match_substring(texts, "\0"), pc.match_substring(texts, UNDECODABLE))
    found: np.ndarray = mask.fill_null(False).to_numpy(zero_copy_only=False)
    return found if found.any() else None


def _extent(texts: pa.Array) -> tuple[int, int]:
    wide = pa.types.is_large_string(texts.type)
    bounds = np.frombuffer(texts.buffers()[1], np.int64 if wide else np.int32)[
        texts.offset : texts.offset + len(texts) + 1
    ]
    return int(bounds[0]), int(bounds[-1])


def check_time(instants: np.ndarray, given: np.ndarray, now: int, field: str, faults: Faults) -> int:
    """Mark times that are absent, unreadable, or outside what a shop's log can hold.

    Args:
        instants: (n,) int64 microseconds UTC, `-BOUND` where null or unreadable.
        given: (n,) bool, the source has something there.
        now: Microseconds UTC.
        field: "ts", "arrived_at" or "valid_from".
        faults: Where to mark.

    Returns:
        Number of those that are given and not right.
    """
    unread = given & (instants == -BOUND)
    beyond = given & ~unread & (instants < FIRST_TIME)
    ahead = given & (instants > now + AHEAD)
    if field == "ts":
        faults.mark(~given, "missing_time", field)
        beyond |= ahead
    elif field == "arrived_at":
        faults.mark(ahead, "arrived_in_future", field)
    else:  # an attribute may date from any time
        beyond &= False
    faults.mark(unread, "bad_time", field)
    faults.mark(beyond, "time_out_of_range", field)
    return int((unread | beyond | ahead).sum())
