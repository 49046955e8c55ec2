"""Files of rows as chunks of Arrow columns, whatever their form; rows keep their line in the file."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .delimited import SPACES, Chunk, open_delimited
from .encoding import TextFile, open_text
from .errors import InputError, NotFoundError
from .excel import open_sheet
from .jsonlines import open_json

ROWS: Final = 1 << 19
"""Rows of a chunk of Parquet."""

SHORT: Final = 8
"""Bytes a text in a file of Parquet, below which the texts are told once and repeated by number."""

TEXT: Final = (".csv", ".tsv", ".txt", ".tab", ".dat", ".data")
JSON: Final = (".jsonl", ".ndjson", ".json")
EXCEL: Final = (".xlsx", ".xlsm")
PARQUET: Final = (".parquet", ".pq")
SUFFIXES: Final = (*TEXT, *JSON, *EXCEL, *PARQUET)
REFUSED: Final = (".xls", ".zip", ".7z", ".rar", ".bz2", ".xz", ".zst", ".pdf", ".doc", ".docx")

MARKS: Final = ("quarantine_rule", "quarantine_value", "quarantine_file", "quarantine_line")
"""The columns that a quarantine file has before the source's own."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is laid out, where its name does not say.

    Attributes:
        header: The first line holds the columns' names, or it does not, or the names themselves.
        delimiter: One character, a space for any run of blanks; None to find it.
        encoding: None to detect it.
        quoted: Double quotes enclose fields.
        sheet: Name of an Excel sheet; None for the first.
    """

    header: bool | tuple[str, ...] = True
    delimiter: str | None = None
    encoding: str | None = None
    quoted: bool = True
    sheet: str | None = None


@dataclass(slots=True)
class Source:
    """A file whose rows can be read once.

    Attributes:
        path: The file.
        columns: The names of its columns, `MARKS` left out; of JSON lines those of the first 1,000 rows.
        chunks: The rows.
        form: "text", "json", "parquet" or "excel".
        mended: It is a quarantine file that comes back.
        delimiter: Of text.
        n_rows: Number of rows where known beforehand.
        notes: What a person would want to know about how it was read; complete when the rows have been read.
    """

    path: Path
    columns: tuple[str, ...]
    chunks: Iterator[Chunk]
    form: str
    mended: bool = False
    delimiter: str = ","
    n_rows: int | None = None
    notes: list[str] = field(default_factory=list)


def suffix_of(path: Path) -> str:
    """The suffix that tells the form, in lower case, `.gz` left off; empty where it is none of `SUFFIXES`."""
    name = path.name.lower().removesuffix(".gz")
    return next((suffix for suffix in SUFFIXES if name.endswith(suffix)), "")


def stem_of(path: Path) -> str:
    """The file's name without `.gz` and the suffix that tells the form."""
    name = path.name[: -len(".gz")] if path.name.lower().endswith(".gz") else path.name
    suffix = suffix_of(path)
    return name[: -len(suffix)] if suffix else name


def open_source(path: Path, layout: Layout) -> Source:
    """Open a file of rows.

    Raises:
        NotFoundError: No such file.
        InputError: It is empty, or not of the form that its name says.
    """
    if not path.exists():
        raise NotFoundError(f"There is no file {path}.")
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty: there is nothing to ingest.")
    if path.suffix.lower() in REFUSED:
        raise InputError(f"{path}: {path.suffix} cannot be read. Save it as .xlsx, .csv (or .csv.gz) or .parquet.")
    suffix = suffix_of(path)
    if suffix in PARQUET:
        return _parquet(path)
    if suffix in EXCEL:
        columns, chunks, notes = open_sheet(path, layout.sheet, layout.header)
        return Source(path, columns, chunks, "excel", notes=notes)
    mended = _is_quarantine(path)
    file = open_text(path, None if mended else layout.encoding)
    if suffix in JSON:
        columns, chunks = open_json(file)
        source = Source(path, columns, chunks, "json", mended)
    else:
        if mended:  # laid out in its own way, or the editor's, whatever its rows came from
            delimited = open_delimited(file, header=True)
        else:
            delimited = open_delimited(file, layout.header, layout.delimiter, quoted=layout.quoted)
        source = Source(path, delimited.columns, delimited.chunks(), "text", mended, delimited.delimiter)
        if layout.delimiter is None and delimited.delimiter not in (",", "\t"):
            shown = "blanks" if delimited.delimiter == SPACES else repr(delimited.delimiter)
            source.notes.append(f"{path.name}: columns stand apart by {shown} (found in the first line).")
    if file.note:
        source.notes.append(file.note)
    source.columns = tuple(name for name in source.columns if name not in MARKS)
    source.chunks = _followed(source, file, source.chunks)
    return source


def _is_quarantine(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(1024)
    return any(MARKS[0].encode(encoding) in start for encoding in ("utf-8", "utf-16-le", "utf-16-be"))


def _followed(source: Source, file: TextFile, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    for chunk in chunks:
        marks = [name for name in chunk.table.column_names if name in MARKS] if source.mended else []
        yield Chunk(chunk.table.drop_columns(marks), chunk.lines, chunk.broken) if marks else chunk
    if file.truncated:
        source.notes.append(f"{source.path.name}: the gzip stream ends in the middle; what came before it was read.")
    elif not file.ended:
        source.notes.append(f"{source.path.name}: the last line has no line end; was the file cut off?")


def _parquet(path: Path) -> Source:
    try:
        with pq.ParquetFile(path, memory_map=True) as file:
            schema, n_rows = file.schema_arrow, file.metadata.num_rows
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as Parquet: {error}. Is it whole, and Parquet indeed?") from error
    if n_rows == 0:
        raise InputError(f"{path} holds no rows: there is nothing to ingest.")
    return Source(path, tuple(schema.names), _batches(path, schema), "parquet", n_rows=n_rows)


def _batches(path: Path, schema: pa.Schema) -> Iterator[Chunk]:
    start = 1
    with closing(pq.ParquetFile(path, memory_map=True, read_dictionary=_repeating(path, schema))) as file:
        try:
            for batch in file.iter_batches(batch_size=ROWS):
                n = batch.num_rows
                yield Chunk(pa.Table.from_batches([batch]), np.arange(start, start + n))
                start += n
        except (pa.ArrowException, OSError, ValueError) as error:
            raise InputError(f"{path} cannot be read beyond row {start}: {error}. Have it delivered again.") from error


def _repeating(path: Path, schema: pa.Schema) -> list[str]:
    """Texts that repeat come as dictionaries: checks and casts then run over the different ones only."""
    found = [column.name for column in schema if _is_text(column.type) and column.name != "event_id"]
    with pq.ParquetFile(path, memory_map=True) as file:
        group = file.metadata.row_group(0)
    small = {
        group.column(i).path_in_schema
        for i in range(group.num_columns)
        if group.column(i).total_uncompressed_size < SHORT * group.num_rows
    }
    return [name for name in found if name != "text" or name in small]


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
