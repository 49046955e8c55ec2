"""Files of the `events` table: flat rows of one bucket, sorted by (user_id, ts, event_key), and how they are laid out."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import delta
from .arrivals import KEYS, ROWS, sorted_rows
from .cells import used_only, whole
from .delta import Part
from .schema import EVENTS
from .workspace import Workspace

PLAIN: Final = ("ts", "arrived_at", "event_id", "text", "properties", "key_hi", "key_lo")
OPTIONS: Final[dict[str, Any]] = {
    "compression": {name: "NONE" if name in KEYS else "ZSTD" for name in ROWS.names},
    "compression_level": {name: 1 for name in ROWS.names if name not in KEYS},
    "write_statistics": False,
    "column_encoding": {"ts": "DELTA_BINARY_PACKED", "arrived_at": "DELTA_BINARY_PACKED"},
}
"""Of pyarrow's `ParquetWriter`."""


def write(workspace: Workspace, bucket: int, rows: pa.Table, name: str = "") -> Part:
    """Write a bucket's sorted rows, texts perhaps as dictionaries, as a file that is not committed yet."""
    span = pc.min_max(rows["ts"]).as_py()
    note = {"kinds": _counts(rows["kind"]), "arrived": pc.max(rows["arrived_at"]).as_py()}
    columns = [used_only(whole(c)) if pa.types.is_dictionary(c.type) else c for c in rows.columns]
    rows = pa.Table.from_arrays(columns, schema=rows.schema)
    repeating = [f.name for f in rows.schema if f.name not in PLAIN or pa.types.is_dictionary(f.type)]
    options = {**OPTIONS, "use_dictionary": repeating}
    return delta.write_part(workspace.events, bucket, rows, note, name, (span["min"], span["max"]), **options)


def read(part: Part, columns: Sequence[str] | None = None, coded: bool = False) -> pa.Table:
    """Columns of the `EVENTS` schema, all by default, in the order asked for.

    Args:
        part: Which file.
        columns: Which columns; None for all.
        coded: Are texts wanted as dictionaries, where they are stored so? That is faster.
    """
    names = list(columns) if columns is not None else EVENTS.names
    texts = [name for name in names if coded and name not in PLAIN and pa.types.is_string(EVENTS.field(name).type)]
    stored = delta.read_part(part, [name for name in names if name != "bucket"], texts)
    bucket = pa.array(np.full(part.rows, part.bucket, np.int32)) if "bucket" in names else None
    columns_of = {name: bucket if name == "bucket" else stored[name] for name in names}
    schema = pa.schema([field_of(name, name in texts) for name in names])
    return pa.table(columns_of, schema=schema)


def field_of(name: str, coded: bool) -> pa.Field:
    """A field of the `EVENTS` schema, as a dictionary where it is wanted so."""
    field = EVENTS.field(name)
    return field.with_type(pa.dictionary(pa.int32(), pa.string())) if coded else field


def rows_at(parts: Sequence[Part], places: np.ndarray) -> pa.Table:
    """Rows of the `ROWS` schema at sorted places, counted through the parts."""
    tables, passed = [ROWS.empty_table()], 0
    for part in parts:
        here = places[(places >= passed) & (places < passed + part.rows)] - passed
        if len(here):
            tables.append(read(part, ROWS.names).take(pa.array(here)))
        passed += part.rows
    return pa.concat_tables(tables)


def without(parts: Sequence[Part], places: np.ndarray) -> tuple[list[Part], pa.Table]:
    """The parts that hold any of the sorted places, counted through all parts, and their other rows, of the `ROWS` schema."""
    held, tables, passed = [], [ROWS.empty_table()], 0
    for part in parts:
        here = places[(places >= passed) & (places < passed + part.rows)] - passed
        if len(here):
            keep = np.ones(part.rows, bool)
            keep[here] = False
            held.append(part)
            tables.append(read(part, ROWS.names).filter(pa.array(keep)))
        passed += part.rows
    return held, pa.concat_tables(tables)


def keys(parts: Sequence[Part]) -> np.ndarray:
    """First halves of the event keys of all parts, one after the other."""
    return np.concatenate([np.empty(0, np.int64), *(read(part, ["key_hi"])["key_hi"].to_numpy() for part in parts)])


def kinds(part: Part) -> dict[str, int]:
    """Number of events of every kind in a part: from its footer, or counted in a file of another program."""
    found: dict[str, int] = delta.note_of(part.path).get("kinds") or _counts(read(part, ["kind"])["kind"])
    return found


def last_arrival(parts: Sequence[Part]) -> int | None:
    """The latest arrival told in parts: from their footers, or read from files of other programs; None where none is told."""
    notes = [(part, delta.note_of(part.path)) for part in parts]
    told = [
        note["arrived"] if "arrived" in note else pc.max(read(part, ["arrived_at"])["arrived_at"]).as_py()
        for part, note in notes
    ]
    return max((arrival for arrival in told if arrival is not None), default=None)


def span(part: Part) -> tuple[int, int]:
    """Smallest and largest `ts` of a part: from the table's log, or read from a file of another program."""
    if part.first is not None and part.last is not None:
        return part.first, part.last
    found = pc.min_max(read(part, ["ts"])["ts"]).as_py()
    return found["min"], found["max"]


def gather(parts: Sequence[Part]) -> pa.Table:
    """All rows of the parts, sorted."""
    return sorted_rows(pa.concat_tables([read(part, ROWS.names) for part in parts]).combine_chunks())


def _counts(kind: pa.ChunkedArray) -> dict[str, int]:
    return {entry["values"]: entry["counts"] for entry in pc.value_counts(kind).to_pylist()}
