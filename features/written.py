"""Files written whole or not at all: pages, pictures, and tables piece by piece (Parquet, or CSV where the name ends so)."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .errors import InputError
from .progress import progress

OPTIONS: Final[dict[str, Any]] = {"compression": "SNAPPY", "write_statistics": False}
"""Of `ParquetWriter`. ZSTD takes a third less room, and twice the time."""


@contextmanager
def writing(out: Path, schema: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
    """What writes a table of the schema behind those before; the file appears, or is replaced, when the body has ended well.

    Args:
        out: The file: CSV where its name ends in `.csv`, NaN and null being empty there; else Parquet.
        schema: The columns.

    Raises:
        InputError: The file's folder is not there.
    """
    with drafted(out) as draft, _writer(out, draft, schema) as write:
        yield write


@contextmanager
def in_order(out: Path, schema: pa.Schema, n_rows: int, size: int) -> Iterator[Callable[[np.ndarray, pa.Table], None]]:
    """As `writing`, for rows that are made in another order than they are to stand in.

    What is made is put aside in a folder beside the file, and read back in order through the memory map: memory holds `size`
    rows, and the rows' places.

    Args:
        out: As `writing`.
        schema: As `writing`.
        n_rows: Number of rows in all; each is given once.
        size: Rows written at a time.

    Returns:
        What takes (m,) ascending places and the m rows that are to stand there.
    """
    check_folder(out)
    aside = draft_of(out).with_suffix(".rows")
    aside.mkdir()
    places: list[np.ndarray] = []

    def put(rows: np.ndarray, table: pa.Table) -> None:
        with pa.OSFile(str(aside / str(len(places))), "wb") as sink, pa.ipc.new_file(sink, schema) as file:
            file.write_table(table.cast(schema))
        places.append(rows)

    try:
        yield put
        with writing(out, schema) as write, progress("Writing rows", n_rows) as advance:
            made = [pa.ipc.open_file(pa.memory_map(str(aside / str(n)))).read_all() for n in range(len(places))]
            for first in range(0, n_rows, size):
                spans = [np.searchsorted(rows, (first, first + size)).tolist() for rows in places]
                parts = [table.slice(start, stop - start) for table, (start, stop) in zip(made, spans, strict=True)]
                order = np.argsort(
                    np.concatenate([rows[slice(*span)] for rows, span in zip(places, spans, strict=True)])
                )
                write(pa.concat_tables(parts).combine_chunks().take(pa.array(order)))
                advance(len(order))
    finally:
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def drafted(out: Path) -> Iterator[Path]:
    """Where to make a file: it takes its name, or another's place, when the body has ended well, and is gone otherwise.

    Raises:
        InputError: The file's folder is not there.
    """
    check_folder(out)
    draft = draft_of(out)
    try:
        yield draft
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)


def check_drawn(out: Path, forms: Sequence[str]) -> None:
    """Refuse a page or picture that cannot be written, before anything is asked.

    Args:
        out: The file.
        forms: How its name may end, small letters.

    Raises:
        InputError: It ends otherwise, or its folder is not there.
    """
    if out.suffix.lower() not in forms:
        ends = f"{', '.join(forms[:-1])} or {forms[-1]}"
        raise InputError(f"--out {out.name}: a page or a picture is written, so the name must end in {ends}.")
    check_folder(out)


def check_folder(out: Path) -> None:
    """Refuse a file whose folder is not there.

    Raises:
        InputError: It is not.
    """
    if not out.parent.is_dir():
        raise InputError(
            f"There is no folder {out.parent} to write {out.name} into. Make it first, or name another file."
        )


def draft_of(out: Path) -> Path:
    """Where a file is made, before it takes its name."""
    return out.with_name(f".{out.name}.{os.getpid()}")


@contextmanager
def _writer(out: Path, draft: Path, schema: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
    if out.suffix.lower() == ".csv":
        from pyarrow import csv

        with csv.CSVWriter(draft, schema) as lines:
            yield lambda table: lines.write_table(_without_nan(table))
        return
    from pyarrow import parquet

    repeated = [field.name for field in schema if field.type != pa.float64() and field.name != "user_id"]
    with parquet.ParquetWriter(draft, schema, use_dictionary=repeated, **OPTIONS) as writer:
        yield lambda table: writer.write_table(table, max(1, len(table)))


def _without_nan(table: pa.Table) -> pa.Table:
    """NaN as null, which CSV writes as nothing."""
    for place, field in enumerate(table.schema):
        if pa.types.is_floating(field.type):
            column = table.column(place)
            table = table.set_column(place, field, pc.if_else(pc.is_nan(column), pa.scalar(None, field.type), column))
    return table
