"""JSON lines, one object a row (or one list of objects), as chunks of Arrow columns."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa

from .cells import as_text
from .delimited import Chunk
from .encoding import TextFile
from .errors import InputError
from .quotes import Broken

LOOKED_AT: Final = 1_000
"""Rows whose names are taken for the file's columns."""


def open_json(file: TextFile) -> tuple[tuple[str, ...], Iterator[Chunk]]:
    """The columns of the first rows, and the rows.

    Raises:
        InputError: The first lines are no objects.
    """
    first = file.head()
    if first.lstrip().startswith(b"["):
        return _array(file)
    columns: dict[str, None] = {}
    for line in first.split(b"\n")[:LOOKED_AT]:
        row = _object(line)
        columns.update(dict.fromkeys(row if isinstance(row, dict) else ()))
    if not columns:
        raise InputError(f"{file.path}: none of the first lines is a JSON object. JSON lines has one object a line.")
    return tuple(columns), _lines(file)


def _lines(file: TextFile) -> Iterator[Chunk]:
    number = 0
    block = b""
    for following in file.blocks():
        if block:
            yield _chunk(block, number, cut=False)
            number += block.count(b"\n")
        block = following
    yield _chunk(block, number, cut=not file.ended)


def _chunk(block: bytes, before: int, *, cut: bool) -> Chunk:
    """Rows of whole lines.

    Args:
        block: The lines.
        before: Number of lines before them.
        cut: The last one has no line end.
    """
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    broken: list[Broken] = []
    texts = block.split(b"\n")
    for number, line in enumerate(texts, start=before + 1):
        if not line.strip():
            continue
        row = _object(line)
        if isinstance(row, dict):
            rows.append(row)
            lines.append(number)
        else:
            last = cut and number == before + len(texts)
            broken.append(Broken(number, "cut_off_line" if last else row, line.decode()))
    return Chunk(_table(rows), np.array(lines, np.int64), tuple(broken))


def _object(line: bytes) -> dict[str, Any] | str:
    """The line's JSON object, or the name of the rule that it breaks."""
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return "bad_characters" if "surrogate" in str(error) else "bad_json"
    return row if isinstance(row, dict) else "bad_json"


def _array(file: TextFile) -> tuple[tuple[str, ...], Iterator[Chunk]]:
    try:
        rows = orjson.loads(b"".join(file.blocks()))
    except orjson.JSONDecodeError as error:
        raise InputError(
            f"{file.path} is not JSON: {error}. One object a line (JSON lines) can be read in part."
        ) from error
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{file.path} is an empty list, or one of other things than JSON objects.")
    table = _table(rows)
    return tuple(table.column_names), iter([Chunk(table, np.arange(1, len(rows) + 1))])


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    """Rows as columns; a column of several types is text, lists and objects are JSON."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: _column([row.get(name) for row in rows]) for name in names})


def _column(values: list[Any]) -> pa.Array:
    kinds = {type(value) for value in values if value is not None}
    if (kinds and kinds <= {int, float}) or kinds == {bool}:
        try:
            return pa.array(values, pa.float64() if float in kinds else None)
        except (pa.ArrowException, OverflowError):
            pass  # integers beyond 64 bits are texts
    return pa.array([None if value is None else as_text(value) for value in values], pa.string())
