"""Delimited text (CSV, TSV, columns apart by spaces) as chunks of text columns, each row with its line in the file."""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.csv import ConvertOptions, InvalidRow, ParseOptions, ReadOptions, read_csv

from .cut import looks_cut
from .encoding import TextFile
from .errors import InputError
from .quotes import Broken, mend_quotes

NULLS: Final = ["", "\\N", "NULL", "null"]
"""Texts that stand for nothing in a delimited file."""

SPACES: Final = " "
BLANK: Final = " \t\x1a"
"""What a line that holds nothing may have; 1A is DOS's end of file."""

LOOKED_BACK: Final = 10_000


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a file.

    Attributes:
        table: n rows, the file's columns.
        lines: (n,) int64 line or row in the file, from 1.
        broken: Rows that are not in `table`.
    """

    table: pa.Table
    lines: np.ndarray
    broken: tuple[Broken, ...] = ()


@dataclass(slots=True)
class DelimitedFile:
    """A delimited file; `chunks` reads it once.

    Attributes:
        file: Where the bytes come from.
        columns: Names, in order; "1", "2", … where the file has none.
        delimiter: One character; a space stands for any run of blanks.
        skip: Lines before the first row: 1 where the first line holds the names.
        quoted: Double quotes enclose fields.
    """

    file: TextFile
    columns: tuple[str, ...]
    delimiter: str
    skip: int
    quoted: bool = True
    _line: int = field(default=1)

    def chunks(self) -> Iterator[Chunk]:
        """The rows, a block at a time."""
        carried, last = b"", b""
        for block in self.file.blocks():
            if last:
                chunk, carried = self._chunk(carried + last, final=False)
                yield chunk
            last = block
        yield self._chunk(carried + last, final=True)[0]

    def _chunk(self, block: bytes, *, final: bool) -> tuple[Chunk, bytes]:
        while self.skip and block:
            _, _, block = block.partition(b"\n")
            self.skip -= 1
            self._line += 1
        if self.delimiter == SPACES:
            block = re.sub(rb"(?m)^[ \t]+|[ \t]+$", b"", block)
            block = re.sub(rb"[ \t]+", b" ", block)
        broken: list[Broken] = []
        end_line = self._line + _n_lines(block)
        if final and self.file.truncated and not self.file.ended:
            block, _, cut = block.rpartition(b"\n")
            broken.append(Broken(end_line - 1, "cut_off_line", cut.decode()))
        lines = np.arange(self._line, self._line + _n_lines(block))
        carry = b""
        if self.quoted and b'"' in block:
            block, lines, bad, carry = mend_quotes(
                block, lines, len(self.columns), self.delimiter, final=final, ended=self.file.ended
            )
            broken += bad
        self._line = end_line - carry.count(b"\n")
        table, lines, bad = self._parse(block, lines, _blank(block, lines))
        broken += bad
        if final and not self.file.ended and not self.file.truncated:
            table, lines, bad = self._cut(table, lines, broken, end_line - 1)
            broken = bad
        return Chunk(table, lines, tuple(broken)), carry

    def _parse(self, block: bytes, lines: np.ndarray, blank: np.ndarray) -> tuple[pa.Table, np.ndarray, list[Broken]]:
        """Take whole rows apart; those with another number of fields are broken, those on `blank` lines are none."""
        if not block:
            return pa.table({name: pa.array([], pa.string()) for name in self.columns}), lines[:0], []
        bad: list[tuple[int, str]] = []

        def set_aside(row: InvalidRow) -> str:
            bad.append((row.number - 1, row.text))
            return "skip"

        table = read_csv(
            pa.BufferReader(block),
            ReadOptions(column_names=list(self.columns), use_threads=False, block_size=len(block) + 1),
            ParseOptions(
                delimiter=self.delimiter,
                quote_char='"' if self.quoted else False,
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=set_aside,
            ),
            ConvertOptions(
                column_types=dict.fromkeys(self.columns, pa.string()), null_values=NULLS, strings_can_be_null=True
            ),
        )
        places = np.array([place for place, _ in bad], np.int64)
        sizes = np.ones(table.num_rows + len(bad), np.int64)
        good = np.setdiff1d(np.arange(len(sizes)), places, assume_unique=True)
        if len(sizes) != len(lines):  # rows of several lines
            for column in table.columns:
                sizes[good] += pc.fill_null(pc.count_substring(column, "\n"), 0).to_numpy()
            sizes[places] += np.array([text.count("\n") for _, text in bad], np.int64)
        starts = lines[np.cumsum(sizes) - sizes] if len(sizes) else lines[:0]
        broken = [
            Broken(int(line), "malformed_line", text)
            for line, (_, text) in zip(starts[places], bad, strict=True)
            if text.strip(BLANK)
        ]
        lines = starts[good]
        if len(blank):
            kept = ~np.isin(lines, blank)
            table, lines = table.filter(pa.array(kept)), lines[kept]
        if any(_at_an_edge(block, blank, self.delimiter) for blank in " \t" if blank != self.delimiter):
            table = pa.table({name: _trimmed(table[name]) for name in table.column_names})
        return table, lines, broken

    def _cut(
        self, table: pa.Table, lines: np.ndarray, broken: list[Broken], last: int
    ) -> tuple[pa.Table, np.ndarray, list[Broken]]:
        """Take out the last line, which has no line end, where it cannot be taken apart or its last field looks cut."""
        broken = [Broken(b.line, "cut_off_line", b.text) if b.line == last else b for b in broken]
        n = len(lines)
        fields = list(table.slice(n - 1).to_pylist()[0].values()) if n else []
        if n == 0 or lines[-1] + sum(text.count("\n") for text in fields if text) != last:
            return table, lines, broken
        before = table.column(table.num_columns - 1).slice(max(0, n - LOOKED_BACK), min(n, LOOKED_BACK) - 1).to_pylist()
        if not looks_cut(fields[-1], before):
            return table, lines, broken
        text = self.delimiter.join(text or "" for text in fields)
        return table.slice(0, n - 1), lines[:-1], [*broken, Broken(int(lines[-1]), "cut_off_line", text)]


def open_delimited(
    file: TextFile, header: bool | tuple[str, ...], delimiter: str | None = None, *, quoted: bool = True
) -> DelimitedFile:
    """Find the delimiter, where not given, and the columns.

    Args:
        file: The text.
        header: The first line holds the names, or it does not, or the names themselves.
        delimiter: None for the one of `, tab ; |` that the first line has most of, else blanks.
        quoted: Double quotes enclose fields.

    Raises:
        InputError: Nothing but blank lines, or the header names a column twice.
    """
    start = file.head().decode()
    first_lines = [line for line in start[: 1 << 20].split("\n")[:100] if line.strip()]
    if not first_lines:
        raise InputError(f"{file.path} holds nothing but blank lines: there is nothing to ingest.")
    delimiter = delimiter or _delimiter_of(first_lines[0])
    quoted = quoted and delimiter != SPACES
    fields = [_split(line, delimiter, quoted=quoted) for line in first_lines]
    if header is True:
        skip = start[: start.index(first_lines[0])].count("\n") + 1
        columns = tuple(name.strip() or str(i) for i, name in enumerate(fields[0], start=1))
        twice = [name for name, n in Counter(columns).items() if n > 1]
        if twice:
            raise InputError(f"{file.path} names column {twice[0]!r} twice. Give each column a name of its own.")
        return DelimitedFile(file, columns, delimiter, skip, quoted)
    n_columns = Counter(len(row) for row in fields).most_common(1)[0][0]
    names = header or tuple(str(i) for i in range(1, n_columns + 1))
    return DelimitedFile(file, names, delimiter, 0, quoted)


def _delimiter_of(line: str) -> str:
    counts = {mark: line.count(mark) for mark in (",", "\t", ";", "|")}
    best = max(counts, key=lambda mark: counts[mark])
    if counts[best]:
        return best
    return SPACES if len(line.split()) > 1 else ","


def _split(line: str, delimiter: str, *, quoted: bool) -> list[str]:
    if delimiter == SPACES:
        return line.split()
    try:
        return next(csv.reader([line], delimiter=delimiter, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE))
    except csv.Error:  # longer than it takes
        return line.split(delimiter)


def _n_lines(block: bytes) -> int:
    return block.count(b"\n") + (bool(block) and not block.endswith(b"\n"))


def _blank(block: bytes, lines: np.ndarray) -> np.ndarray:
    """Numbers of the lines that hold nothing."""
    if not (block.startswith(b"\n") or b"\n\n" in block):
        return lines[:0]
    ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n"))
    return lines[np.flatnonzero(np.diff(ends, prepend=-1) == 1)]


def _at_an_edge(block: bytes, blank: str, delimiter: str) -> bool:
    """Does a blank stand beside a delimiter, or begin or end a line, where it is no part of a field?"""
    if blank.encode() in (block[:1], block[-1:]):
        return True
    letters = np.frombuffer(block, np.uint8)
    places = np.flatnonzero(letters == ord(blank))
    beside = np.concatenate([letters[places - 1], letters[places + 1]])
    return bool(((beside == ord(delimiter)) | (beside == ord("\n"))).any())


def _trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    column = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.is_in(column, pa.array(NULLS)), pa.scalar(None, pa.string()), column)
