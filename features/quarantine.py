"""Rows refused, kept in files that a person mends in an editor and ingests again with the same format.

A row keeps its own columns; before them stand the rule it broke, the offending value, the file and the line. The file is a
draft until the ingest is done, and gone if it fails.
"""

import csv
import filecmp
import glob
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import orjson
import pyarrow as pa

from .cells import as_text, text_column
from .delimited import SPACES, Chunk
from .encoding import UNDECODABLE
from .mapping import Mapping
from .quotes import Broken
from .reading import MARKS, Source, stem_of
from .validate import Faults

DRAFTS: Final = ".*.draft"
"""Files that are not finished yet."""


class Quarantine:
    """The refused rows of one file.

    Args:
        folder: Where the file goes; None to count only.
        stamp: Begins the file's name.
        source: The file that the rows come from.
        mapping: Bound to it.

    Attributes:
        counts: Rule to number of rows.
        example: (rule, line, value) of the first row of each rule.
    """

    def __init__(self, folder: Path | None, stamp: str, source: Source, mapping: Mapping) -> None:
        suffix = ".jsonl" if source.form == "json" else ".csv"
        self._source, self._mapping = source, mapping
        self._path = folder / f"{stamp}-{stem_of(source.path)}{suffix}" if folder is not None else None
        self._file: IO[str] | None = None
        self.counts: Counter[str] = Counter()
        self.example: dict[str, tuple[int, str]] = {}

    def add(self, chunk: Chunk, faults: Faults) -> None:
        """Put the chunk's refused and broken rows aside."""
        places = np.flatnonzero(faults.bad)
        if len(places):
            rows, lines = chunk.table.take(pa.array(places)), chunk.lines[places].tolist()
            reasons = faults.reasons(places)
            marks = [
                self._marks(rule, value, line)
                for (rule, _), value, line in zip(reasons, self._values(rows, reasons), lines, strict=True)
            ]
            self._write_rows(rows, marks)
        for broken in chunk.broken:
            self._write_broken(broken, self._marks(broken.rule, _shown(broken.text), broken.line))

    def _marks(self, rule: str, value: str, line: int) -> tuple[str, str, str, int]:
        """The values of `MARKS`, counted."""
        self.counts[rule] += 1
        self.example.setdefault(rule, (line, value))
        return rule, value, self._source.path.name, line

    def _values(self, rows: pa.Table, reasons: Sequence[tuple[str, str]]) -> list[str]:
        """What each row has where it broke its rule."""
        texts: dict[str, list[list[str | None]]] = {}
        for field in {field for _, field in reasons}:
            names = self._mapping.theirs(field) or (self._mapping.theirs("price") if field == "value" else ())
            texts[field] = [_texts(rows[name]) for name in names if name in rows.column_names]
        return [" ".join(_shown(column[i] or "") for column in texts[field]) for i, (_, field) in enumerate(reasons)]

    def _write_rows(self, rows: pa.Table, marks: list[tuple[str, str, str, int]]) -> None:
        if self._path is None:
            return
        if self._source.form == "json":
            for mark, row in zip(marks, rows.to_pylist(), strict=True):
                kept = {name: value for name, value in row.items() if value is not None}
                self._json(dict(zip(MARKS, mark, strict=True)) | kept)
            return
        columns = [[_shown(text or "") for text in _texts(rows[name])] for name in self._source.columns]
        self._csv([*mark, *values] for mark, values in zip(marks, zip(*columns, strict=True), strict=True))

    def _write_broken(self, broken: Broken, mark: tuple[str, str, str, int]) -> None:
        if self._path is None:
            return
        if self._source.form == "json":
            self._json(dict(zip(MARKS, mark, strict=True)))
            return
        n = len(self._source.columns)
        text = _shown(broken.text.split("\n", 1)[0])
        fields = text.split() if self._source.delimiter == SPACES else _fields(text, self._source.delimiter)
        self._csv([[*mark, *(fields + [""] * n)[:n]]])

    def _json(self, row: dict[str, Any]) -> None:
        self._open().write(orjson.dumps(row, default=as_text).decode() + "\n")

    def _csv(self, rows: Iterable[Sequence[Any]]) -> None:
        new = self._file is None
        writer = csv.writer(self._open(), lineterminator="\n")
        if new:
            writer.writerow([*MARKS, *self._source.columns])
        writer.writerows(rows)

    def _open(self) -> IO[str]:
        if self._file is None:
            assert self._path is not None
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._draft.open("w", encoding="utf-8", newline="")
        return self._file

    @property
    def _draft(self) -> Path:
        assert self._path is not None
        return self._path.with_name(f".{self._path.name}.draft")

    def keep(self) -> Path | None:
        """Finish the file; its path, None where no row was refused."""
        if self._file is None:
            return None
        assert self._path is not None
        self._file.close()
        suffix = self._path.suffix
        for other in sorted(self._path.parent.glob(f"*-{glob.escape(stem_of(self._source.path))}*{suffix}")):
            if filecmp.cmp(other, self._draft, shallow=False):  # the same file again: its rows wait there already
                self._draft.unlink()
                return other
        path, n = self._path, 2
        while path.exists():
            path, n = self._path.with_stem(f"{self._path.stem}-{n}"), n + 1
        return self._draft.rename(path)

    def drop(self) -> None:
        """Leave nothing."""
        if self._file is not None and not self._file.closed:
            self._file.close()
            self._draft.unlink(missing_ok=True)


def _fields(text: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error:
        return text.split(delimiter)


def _texts(column: pa.ChunkedArray) -> list[str | None]:
    texts: list[str | None] = text_column(column).cast(pa.string()).to_pylist()
    return texts


def _shown(text: str) -> str:
    """The text as a file can hold it."""
    return text.replace(UNDECODABLE, "\ufffd").replace("\0", "\ufffd")
