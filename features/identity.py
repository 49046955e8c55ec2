"""Names for events whose source gives none: from the row's content, and its number among equal rows of the file.

The same export read twice, in another order, cut in other chunks or other files' company, gives the same names; two equal
purchases in one file get two. A name does not depend on what is looked up elsewhere (a category from the items table).
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .cells import join_given
from .events import CODED_FIELDS, NUMBER_FIELDS, TEXT_FIELDS
from .hashing import hash128

CONTENT: Final = ("user_id", "ts", "kind", *CODED_FIELDS, *NUMBER_FIELDS, *TEXT_FIELDS)
"""What makes two rows equal: all but when they arrived."""


class Numbering:
    """How often each content was seen in a file: 8 bytes a row, in sorted runs of doubling size."""

    def __init__(self) -> None:
        self._runs: list[np.ndarray] = []

    def number(self, contents: np.ndarray) -> np.ndarray:
        """(n,) int64: how many equal ones came before each of the (n,) int64 content hashes, in this call or an earlier one."""
        order = np.argsort(contents, kind="stable")
        ordered = contents[order]
        starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
        places = np.arange(len(ordered)) - np.repeat(starts, np.diff(np.append(starts, len(ordered))))
        for run in self._runs:
            low = np.searchsorted(run, ordered)
            known = run[np.minimum(low, len(run) - 1)] == ordered
            if known.any():
                places[known] += np.searchsorted(run, ordered[known], side="right") - low[known]
        self._add(ordered)
        numbers = np.empty(len(ordered), np.int64)
        numbers[order] = places
        return numbers

    def _add(self, run: np.ndarray) -> None:
        while self._runs and len(self._runs[-1]) <= 2 * len(run):
            run = np.sort(np.concatenate([self._runs.pop(), run]), kind="stable")  # two runs: one merge
        if len(run):
            self._runs.append(run)


def name_events(events: pa.Table, fields: Sequence[str], numbering: Numbering) -> pa.Array:
    """(n,) event ids: those given, and for null ones the content's hash and number.

    Args:
        events: n rows of the `EVENTS` schema, good ones only.
        fields: The columns that the mapping fills: of these the content is made.
        numbering: The file's.
    """
    given = events["event_id"].combine_chunks()
    if given.null_count == 0:
        return given
    places = (
        None
        if given.null_count == len(given)
        else pa.array(np.flatnonzero(given.is_null().to_numpy(zero_copy_only=False)))
    )
    rows = events if places is None else events.take(places)
    parts = []
    for field in fields:
        if rows[field].null_count == len(rows):
            continue
        text = rows[field].cast(pa.string())
        # a field that is null is not told at all: a column that a later export adds empty changes nothing
        parts.append(pc.binary_join_element_wise(pa.scalar(f"{field}="), text, ""))
    content = join_given(parts, "\x1f")
    hi, lo = hash128(content)
    numbers = numbering.number(hi)
    names = _hex(hi, lo)
    again = np.flatnonzero(numbers)
    if len(again):
        numbered = pc.binary_join_element_wise(
            names.take(pa.array(again)), pa.array(numbers[again]).cast(pa.string()), "-"
        )
        names = pc.replace_with_mask(names, pa.array(numbers > 0), numbered)
    if places is None:
        return names
    return pc.replace_with_mask(given, pc.is_null(given), names)


def _hex(hi: np.ndarray, lo: np.ndarray) -> pa.Array:
    """(n,) 32 hexadecimal digits of two (n,) int64 halves."""
    digits = np.frombuffer(b"0123456789abcdef", np.uint8)
    raw = np.stack([hi, lo], axis=1).astype(">i8").view(np.uint8).reshape(len(hi), 16)
    text = np.empty((len(hi), 32), np.uint8)
    text[:, 0::2], text[:, 1::2] = digits[raw >> 4], digits[raw & 15]
    offsets = np.arange(0, 32 * (len(hi) + 1), 32, dtype=np.int32)
    return pa.StringArray.from_buffers(len(hi), pa.py_buffer(offsets), pa.py_buffer(text))
