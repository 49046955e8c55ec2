"""Histories as rows of Parquet: one row a person, list columns, whose offsets are the histories' own.

Layout of a row: `user_id`; `ts`, `kind`, `key_hi`, `key_lo` and the number fields as lists with an element an event
(`NULL` for null: a sentinel reads faster than null bits); `arrived` likewise, null for a person without late events; for a
coded field `item`, the lists `item_code` (an element an event, -1 for null) and `item` (the person's distinct texts in the
order of their codes), and their number `item_n`, from which offsets follow without reading texts.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from .delta import note_in
from .events import CODED_FIELDS, NUMBER_FIELDS
from .histories import Codes, Histories
from .runs import bounds_of

GROUP: Final = 512
"""Persons a row group: what a look-up of one person must read at least."""


def _list(of: pa.DataType, nullable: bool = False) -> pa.Field:
    return pa.list_(pa.field("element", of, nullable=nullable))


HISTORIES: Final = pa.schema(
    [
        pa.field("bucket", pa.int32(), nullable=False),
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("ts", _list(pa.int64()), nullable=False),
        pa.field("kind", _list(pa.int8()), nullable=False),
        pa.field("key_hi", _list(pa.int64()), nullable=False),
        pa.field("key_lo", _list(pa.int64()), nullable=False),
        pa.field("arrived", _list(pa.int64())),
        *(pa.field(name, _list(pa.int64()), nullable=False) for name in NUMBER_FIELDS),
        *(
            field
            for name in CODED_FIELDS
            for field in (
                pa.field(f"{name}_code", _list(pa.int32()), nullable=False),
                pa.field(f"{name}_n", pa.int32(), nullable=False),
                pa.field(name, _list(pa.string()), nullable=False),
            )
        ),
    ]
)
"""The `histories` table."""

_DELTA = ("ts", "arrived", *(f"{name}_code" for name in CODED_FIELDS))
_KEYS = ("key_hi", "key_lo")
OPTIONS: Final[dict[str, Any]] = {
    "group": GROUP,
    "write_statistics": False,
    "use_dictionary": ["kind.list.element"],
    "column_encoding": {f"{name}.list.element": "DELTA_BINARY_PACKED" for name in _DELTA},
    "compression": {
        field.name if not pa.types.is_list(field.type) else f"{field.name}.list.element": "NONE"
        if field.name in (*_DELTA, *_KEYS, "kind")
        else "LZ4"
        for field in HISTORIES
        if field.name != "bucket"
    },
}
"""Of `write_part`, measured: 20 M events read in half a second of one core where zstd takes twice that."""


def to_rows(histories: Histories) -> tuple[pa.Table, int]:
    """Rows of the `HISTORIES` schema without `bucket`, and the number of persons with late events."""
    offsets = pa.array(histories.offsets.astype(np.int32))
    late = np.zeros(len(histories), bool)
    if histories.arrived is not None:
        events = bounds_of((histories.arrived > histories.ts).astype(np.int64))
        late = events[histories.offsets[1:]] > events[histories.offsets[:-1]]
    columns: dict[str, pa.Array] = {"user_id": histories.users}
    columns |= {name: _lists(offsets, getattr(histories, name), name) for name in ("ts", "kind", *_KEYS)}
    columns["arrived"] = _arrived(histories, late)
    columns |= {name: _lists(offsets, histories.numbers[name], name) for name in NUMBER_FIELDS}
    for name in CODED_FIELDS:
        field = histories.coded[name]
        columns[f"{name}_code"] = _lists(offsets, field.codes, f"{name}_code")
        columns[f"{name}_n"] = pa.array(np.diff(field.offsets).astype(np.int32))
        columns[name] = _lists(pa.array(field.offsets.astype(np.int32)), field.values, name)
    schema = pa.schema([field for field in HISTORIES if field.name != "bucket"])
    return pa.table(columns, schema=schema), int(late.sum())


def _lists(offsets: pa.Array, values: Any, name: str) -> pa.Array:
    return pa.ListArray.from_arrays(offsets, pa.array(values), type=HISTORIES.field(name).type)


def _arrived(histories: Histories, late: np.ndarray) -> pa.Array:
    """Lists for the persons with late events, null for the others."""
    sizes = np.where(late, np.diff(histories.offsets), 0)
    chosen = np.repeat(late, np.diff(histories.offsets))
    values = np.empty(0, np.int64) if histories.arrived is None else histories.arrived[chosen]
    return pa.ListArray.from_arrays(
        pa.array(bounds_of(sizes).astype(np.int32)),
        pa.array(values),
        type=HISTORIES.field("arrived").type,
        mask=pa.array(~late),
    )


def read_rows(
    path: Path,
    fields: Collection[str],
    texts: Collection[str],
    keys: bool,
    users: pa.Array | None = None,
) -> Histories:
    """Histories of a file.

    Args:
        path: A file of the `histories` table.
        fields: Number and coded fields wanted.
        texts: Coded fields whose texts are wanted too.
        keys: Are event keys wanted?
        users: Only these persons, where the file has them, in the file's order; None for all.
    """
    from pyarrow import parquet

    names = ["user_id", "ts", "kind", *(_KEYS if keys else ()), *(name for name in NUMBER_FIELDS if name in fields)]
    coded = [name for name in CODED_FIELDS if name in fields]
    for name in coded:
        names += [f"{name}_code", f"{name}_n", *([name] if name in texts else [])]
    with parquet.ParquetFile(path) as file:
        if note_in(file)["n_late"]:
            names.append("arrived")
        if users is None:
            return _from_rows(file.read(columns=names, use_threads=False), coded)
        import pyarrow.compute as pc

        here = file.read(columns=["user_id"], use_threads=False)["user_id"]
        rows = np.flatnonzero(pc.is_in(here, value_set=users).to_numpy())
        groups = np.unique(rows // GROUP)
        found = _from_rows(file.read_row_groups(groups.tolist(), columns=names, use_threads=False), coded)
        return found.take(np.searchsorted(groups, rows // GROUP) * GROUP + rows % GROUP)


def _from_rows(rows: pa.Table, coded: list[str]) -> Histories:
    def flat(name: str) -> np.ndarray:
        values: np.ndarray = rows[name].combine_chunks().values.to_numpy()
        return values

    none = np.empty(0, np.int64)
    lists = rows["ts"].combine_chunks()
    ts, offsets = lists.values.to_numpy(), lists.offsets.to_numpy().astype(np.int64)
    present = set(rows.column_names)
    return Histories(
        users=rows["user_id"].combine_chunks(),
        offsets=offsets,
        ts=ts,
        arrived=_fill(rows["arrived"].combine_chunks(), ts, offsets) if "arrived" in present else None,
        kind=flat("kind"),
        key_hi=flat("key_hi") if "key_hi" in present else none,
        key_lo=flat("key_lo") if "key_lo" in present else none,
        numbers={name: flat(name) for name in NUMBER_FIELDS if name in present},
        coded={
            name: Codes(
                flat(f"{name}_code"),
                bounds_of(rows[f"{name}_n"].to_numpy()),
                rows[name].combine_chunks().values if name in present else pa.array([], pa.string()),
            )
            for name in coded
        },
    )


def _fill(lists: pa.Array, ts: np.ndarray, offsets: np.ndarray) -> np.ndarray | None:
    """(m,) arrival of every event: the lists' values for persons who have one, `ts` for the others."""
    late = lists.is_valid().to_numpy(zero_copy_only=False)
    if not late.any():
        return None
    arrived = ts.copy()
    arrived[np.repeat(late, np.diff(offsets))] = lists.flatten().to_numpy()
    return arrived
