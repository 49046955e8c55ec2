"""Delta tables, and nothing else of Delta: snapshots, data files of our own making, and commits that take all or nothing.

The one home of `deltalake` in this folder. Data files are written here with pyarrow (so that encodings, row groups and
statistics are ours to choose) and become visible by one commit; a file that no commit names does not exist for a reader,
and `vacuum` removes it. The only statistics kept in a table's log are row counts and the span of `ts`: ids would outlive
their erasure there.
"""

import json
import os
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from .errors import DamagedError

NOTE: Final = b"intently"
"""Key of the JSON object that a file of ours carries in its footer."""


@dataclass(frozen=True, slots=True)
class Part:
    """A data file of a Delta table.

    Attributes:
        path: Where it lies.
        name: Its path inside the table, by which the table's log knows it.
        bucket: Its partition; -1 in a table without partitions.
        rows: Number of rows.
        size: Bytes.
        first: Smallest `ts`; None where the table has no `ts`, or another program wrote the file without statistics.
        last: Largest `ts`, likewise.
    """

    path: Path
    name: str
    bucket: int
    rows: int
    size: int
    first: int | None = None
    last: int | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A table as it stood at one version; version -1 and no parts where there is no table."""

    version: int
    parts: tuple[Part, ...]

    def of(self, bucket: int) -> tuple[Part, ...]:
        """The parts of one partition, by name."""
        return tuple(part for part in self.parts if part.bucket == bucket)


def snapshot(table: Path) -> Snapshot:
    """The table's newest version.

    Raises:
        DamagedError: There is a table, and it cannot be read.
    """
    if not (table / "_delta_log").is_dir():
        return Snapshot(-1, ())
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, TableNotFoundError

    try:
        opened = DeltaTable(str(table))
        files = pa.table(opened.get_add_actions(flatten=True)).to_pylist()
    except TableNotFoundError:
        return Snapshot(-1, ())
    except DeltaError as error:
        raise DamagedError(f"The table {table} cannot be read ({error}); restore the folder from a backup.") from error
    parts = (
        Part(
            path=table / file["path"],
            name=file["path"],
            bucket=file.get("partition.bucket", -1),
            rows=file.get("num_records") or 0,
            size=file["size_bytes"],
            first=file.get("min.ts"),
            last=file.get("max.ts"),
        )
        for file in files
    )
    return Snapshot(opened.version(), tuple(sorted(parts, key=lambda part: (part.bucket, part.name))))


def write_part(
    table: Path,
    bucket: int,
    rows: pa.Table,
    note: Mapping[str, Any],
    name: str = "",
    span: tuple[int, int] | None = None,
    group: int = 131_072,
    **options: Any,
) -> Part:
    """Write rows as a data file that no reader sees until it is committed.

    The file appears under its name whole or not at all, and is on the disk, not only in the system's memory.

    Args:
        table: The table's folder.
        bucket: Its partition, or -1.
        rows: The rows, without the partition column.
        note: What the file says of itself, kept in its footer.
        name: The file's name without suffix; unique by default.
        span: Smallest and largest `ts`, to be kept in the table's log.
        group: Rows a row group.
        options: Of pyarrow's `ParquetWriter`.
    """
    from pyarrow import parquet

    path = _place(table, bucket, name or uuid.uuid4().hex)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.stem}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            with parquet.ParquetWriter(file, rows.schema, store_schema=False, **options) as writer:
                writer.write_table(rows, row_group_size=group)
                writer.add_key_value_metadata({NOTE: json.dumps({**note, "span": span}).encode()})
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return Part(path, str(path.relative_to(table)), bucket, len(rows), path.stat().st_size, *(span or (None, None)))


def written(table: Path, bucket: int, name: str) -> Part | None:
    """The part that `write_part` made under this name, perhaps in a process that was killed before it could commit."""
    from pyarrow import parquet

    path = _place(table, bucket, name)
    if not path.exists():
        return None
    with parquet.ParquetFile(path) as file:
        n, span = file.metadata.num_rows, note_in(file)["span"]
    return Part(path, str(path.relative_to(table)), bucket, n, path.stat().st_size, *(span or (None, None)))


def note_of(path: Path) -> dict[str, Any]:
    """What a file of ours says of itself; empty for another program's file."""
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        return note_in(file)


def note_in(file: Any) -> dict[str, Any]:
    """The same, of an open `ParquetFile`."""
    found: dict[str, Any] = json.loads((file.metadata.metadata or {}).get(NOTE, b"{}"))
    return found


def read_part(part: Part, columns: Sequence[str] | None = None, coded: Sequence[str] = ()) -> pa.Table:
    """Rows of a part, without the partition column.

    Args:
        part: Which.
        columns: Which columns; None for all.
        coded: Text columns wanted as dictionaries, as they are stored.

    Raises:
        DamagedError: The file is missing or is no Parquet.
    """
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(part.path, read_dictionary=list(coded)) as file:
            return file.read(columns=columns, use_threads=False).replace_schema_metadata(None)
    except (OSError, pa.ArrowInvalid) as error:
        raise DamagedError(f"{part.path} cannot be read ({error}); restore it from a backup.") from error


def commit(
    table: Path,
    schema: pa.Schema,
    add: Sequence[Part],
    remove: Sequence[Part] = (),
    note: Mapping[str, Any] | None = None,
    data_change: bool = True,
) -> None:
    """Add and remove parts in one commit, making the table where there is none.

    Args:
        table: The table's folder.
        schema: Its columns; partitioned by `bucket` if that is one of them.
        add: Parts written before.
        remove: Parts of the newest snapshot.
        note: Kept in the commit's metadata.
        data_change: False where the same rows are only laid out anew.
    """
    from deltalake import CommitProperties, DeltaTable, Schema
    from deltalake.transaction import (
        AddAction,
        RemoveAction,
        create_table_with_add_actions,
    )

    now = time.time_ns() // 1_000_000
    adds = [
        AddAction(part.name, part.size, _partition(part), now, data_change, json.dumps(_statistics(part)))
        for part in add
    ]
    for part in remove:
        if part.path.exists():
            os.utime(part.path)  # from now on `sweep` counts the hours
    removes = [RemoveAction(part.name, data_change, now, part.size, _partition(part)) for part in remove]
    columns = Schema.from_arrow(schema)
    by = ["bucket"] if "bucket" in schema.names else []
    properties = CommitProperties(custom_metadata=dict(note or {}))
    if DeltaTable.is_deltatable(str(table)):
        opened = DeltaTable(str(table))
        opened.create_write_transaction(
            [*adds, *removes], "append", columns, partition_by=by, commit_properties=properties
        )
        opened.update_incremental()
        version = opened.version()
    else:
        table.mkdir(parents=True, exist_ok=True)
        create_table_with_add_actions(
            str(table),
            columns,
            adds,
            partition_by=by,
            configuration={"delta.dataSkippingStatsColumns": "ts"},
            commit_properties=properties,
        )
        version = 0
    _sync(table / "_delta_log" / f"{version:020d}.json")


def sweep(table: Path, keep_hours: float) -> None:
    """Remove files that no reader can need: they left the table, or a killed writer left them, so many hours ago.

    Unlike Delta's own vacuum this writes no commit, so that the table's version counts changes of its rows.
    """
    current = {part.path for part in snapshot(table).parts}
    oldest = time.time() - keep_hours * 3600
    for path in [*table.glob("bucket=*/*"), *table.glob("*.parquet"), *table.glob(".*")]:
        if path.is_file() and path not in current and path.stat().st_mtime < oldest:
            path.unlink()


def discard(parts: Iterable[Part]) -> None:
    """Remove parts that will not be committed."""
    for part in parts:
        part.path.unlink(missing_ok=True)


def _place(table: Path, bucket: int, name: str) -> Path:
    return (table / f"bucket={bucket}" if bucket >= 0 else table) / f"{name}.parquet"


def _partition(part: Part) -> dict[str, str | None]:
    return {"bucket": str(part.bucket)} if part.bucket >= 0 else {}


def _statistics(part: Part) -> dict[str, Any]:
    """Delta's statistics of a part: the row count, and the span of `ts` where it has one."""
    found: dict[str, Any] = {"numRecords": part.rows}
    if part.first is not None:
        found |= {"minValues": {"ts": part.first}, "maxValues": {"ts": part.last}, "nullCount": {"ts": 0}}
    return found


def _sync(path: Path) -> None:
    """Bring a file, and its name, from the system's memory to the disk."""
    for place in (path, path.parent):
        handle = os.open(place, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
