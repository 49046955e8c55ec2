"""Quotes that are never closed: one stray quote costs one line, not all up to the next quote."""

import csv
import io
from dataclasses import dataclass
from typing import Final

import numpy as np

MOST_LINES: Final = 1_000
"""Lines that a row may have."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A line or row that cannot be taken apart.

    Attributes:
        line: Line in the file, from 1.
        rule: Why, a name of `validate.RULES`.
        text: The line itself.
    """

    line: int
    rule: str
    text: str


def _n_fields(text: str, delimiter: str) -> int:
    """Fields of the text's one row; 0 where it is not exactly one row with every quote closed."""
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=delimiter, strict=True))
    except csv.Error:
        return 0
    return len(rows[0]) if len(rows) == 1 else 0


def mend_quotes(
    block: bytes, lines: np.ndarray, n_fields: int, delimiter: str, *, final: bool, ended: bool
) -> tuple[bytes, np.ndarray, list[Broken], bytes]:
    """Take out lines whose quote is never closed, so that one stray quote costs one line.

    Args:
        block: Whole lines.
        lines: (n,) numbers of the block's lines.
        n_fields: Fields of a row.
        delimiter: Between them.
        final: Nothing follows the block.
        ended: The file's last line has its end, as far as that is known.

    Returns:
        The block and its line numbers without them, the broken lines, and what to put before the next block.
    """
    data = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(data == ord("\n"))
    per_line = np.bincount(np.searchsorted(ends, np.flatnonzero(data == ord('"'))), minlength=len(lines))
    odd = np.flatnonzero(per_line % 2)
    if len(odd) == 0:
        return block, lines, [], b""
    starts = np.concatenate([[0], ends + 1])[: len(lines)]
    edges = np.append(starts, len(block))  # line i is block[edges[i]:edges[i + 1]]

    def fields(first: int, last: int) -> int:
        return _n_fields(block[edges[first] : edges[last + 1]].decode(), delimiter)

    drop: list[int] = []
    k, stop, end = 0, len(lines), len(lines) - 1
    while k < len(odd):
        i, j = int(odd[k]), int(odd[min(k + 1, len(odd) - 1)])
        near = i < j < i + MOST_LINES
        if fields(i, i) == n_fields:
            k += 1
        elif near and fields(i, j) == n_fields:
            k += 2
        elif (
            i == j
            and end - i < MOST_LINES
            and not (final and n_fields in (fields(m, m) for m in range(i + 1, end + 1)))
        ):
            stop = i  # the quote may be closed in the next block, or the file ends within it
            break
        elif near and final and j == end and fields(i, j) and not ended:
            stop = i  # the file ends within a row of several lines
            break
        else:
            drop.append(i)
            k += 1
    texts = [block[edges[i] : edges[i + 1]].decode().rstrip("\n") for i in drop]
    broken = [Broken(int(lines[i]), "malformed_line", text) for i, text in zip(drop, texts, strict=True)]
    firsts, lasts = [0, *(i + 1 for i in drop)], [*drop, stop]
    kept = b"".join(block[edges[first] : edges[last]] for first, last in zip(firsts, lasts, strict=True))
    rest = block[edges[stop] :]
    if final and rest:
        broken.append(Broken(int(lines[stop]), "cut_off_line", rest.decode().rstrip("\n")))
    return kept, np.delete(lines[:stop], drop), broken, b"" if final else rest
