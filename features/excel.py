"""Sheets of Excel files as chunks of text columns."""

import warnings
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from .cells import as_text
from .delimited import Chunk
from .errors import InputError

ROWS: Final = 1 << 17


def open_sheet(
    path: Path, name: str | None, header: bool | tuple[str, ...]
) -> tuple[tuple[str, ...], Iterator[Chunk], list[str]]:
    """The columns, the rows, and notes.

    Args:
        path: An .xlsx file.
        name: The sheet; None for the first.
        header: The first row that holds anything holds the names, or it does not, or the names themselves.

    Raises:
        InputError: Not readable, no such sheet, or an empty one.
    """
    from openpyxl import load_workbook

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about styles, which are not read
        try:
            book = load_workbook(path, read_only=True, data_only=True)
        except Exception as error:  # a damaged file raises almost anything there
            raise InputError(f"{path} cannot be read as Excel: {error}. Save it again as .xlsx or .csv.") from error
    if name is not None and name not in book.sheetnames:
        raise InputError(f"{path} has no sheet {name!r}. It has: {', '.join(book.sheetnames)}.")
    sheet = book[name or book.sheetnames[0]]
    rows = ((line, row) for line, row in enumerate(sheet.iter_rows(values_only=True), start=1) if _holds(row))
    line, first = next(rows, (0, ()))
    if not first:
        raise InputError(f"{path}: sheet {sheet.title!r} is empty: there is nothing to ingest.")
    if header is True:
        names = ["" if value is None else as_text(value).strip() for value in first]
    else:
        names = list(header or (str(i) for i in range(1, len(first) + 1)))
        rows = chain([(line, first)], rows)  # type: ignore[assignment]
    places = {column: i for i, column in enumerate(names) if column}
    notes = (
        [f"{path.name}: sheet {sheet.title!r} of {len(book.sheetnames)} was read."] if len(book.sheetnames) > 1 else []
    )
    return tuple(places), _chunks(book, rows, places), notes


def _holds(row: tuple[Any, ...]) -> bool:
    return any(value is not None for value in row)


def _chunks(book: Any, rows: Iterator[tuple[int, Any]], places: dict[str, int]) -> Iterator[Chunk]:
    lines: list[int] = []
    columns: dict[str, list[str | None]] = {name: [] for name in places}
    for line, row in rows:
        lines.append(line)
        for name, i in places.items():
            value = row[i] if i < len(row) else None
            columns[name].append(None if value is None else as_text(value).strip() or None)
        if len(lines) == ROWS:
            yield _chunk(columns, lines)
            lines, columns = [], {name: [] for name in places}
    yield _chunk(columns, lines)
    book.close()


def _chunk(columns: dict[str, list[str | None]], lines: list[int]) -> Chunk:
    table = pa.table({name: pa.array(column, pa.string()) for name, column in columns.items()})
    return Chunk(table, np.array(lines, np.int64))
