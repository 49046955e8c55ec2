"""The users and items tables: what is known of a person from a moment on, and of an item."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import delta
from .delta import Part
from .errors import InputError
from .hashing import bucket_of
from .schema import ITEMS, USERS
from .workspace import Workspace

BUCKETED: Final = pa.schema([pa.field("bucket", pa.int32(), nullable=False), *USERS])
"""The users table as stored, partitioned by the bucket of the person."""


def put_users(workspace: Workspace, rows: pa.Table) -> int:
    """Add rows of the `USERS` schema, or correct those of the same (user_id, valid_from); the caller holds the writer's lock.

    Args:
        workspace: Whose.
        rows: `valid_from` and `attributes` may be absent; of equal keys the last row counts.

    Returns:
        Number of rows that were new or other than before; 0 leaves the table as it is.
    """
    rows = _conform(rows, USERS)
    bucket = bucket_of(rows["user_id"], workspace.facts.buckets)
    return _put(workspace.users, BUCKETED, rows, bucket, ["user_id", "valid_from"])


def put_items(workspace: Workspace, rows: pa.Table) -> int:
    """Add rows of the `ITEMS` schema, or correct those of the same item; as `put_users`."""
    rows = _conform(rows, ITEMS)
    return _put(workspace.items, ITEMS, rows, np.full(len(rows), -1, np.int32), ["item"])


def users(workspace: Workspace) -> pa.Table:
    """The users table, sorted by (user_id, valid_from) within a bucket."""
    return _read(delta.snapshot(workspace.users).parts, USERS)


def items(workspace: Workspace) -> pa.Table:
    """The items table, sorted by item."""
    return _read(delta.snapshot(workspace.items).parts, ITEMS)


def user_ids(workspace: Workspace, bucket: int) -> list[pa.Array]:
    """Ids in a bucket of the users table, in chunks."""
    return [
        delta.read_part(part, ["user_id"])["user_id"].combine_chunks()
        for part in delta.snapshot(workspace.users).of(bucket)
    ]


def as_of(workspace: Workspace, persons: Sequence[str], instant: int) -> list[dict[str, Any]]:
    """What was known of each person at an instant.

    Args:
        workspace: Whose.
        persons: Ids.
        instant: Microseconds UTC; a row counts from its `valid_from` on, a null one always did.

    Returns:
        The attributes of each person's latest row; empty where there is none.
    """
    ids = pa.array(persons, pa.string())
    table = delta.snapshot(workspace.users)
    wanted = set(bucket_of(ids, workspace.facts.buckets).tolist())
    rows = _read([part for part in table.parts if part.bucket in wanted], USERS)
    known = rows.filter(
        pc.and_(
            pc.is_in(rows["user_id"], value_set=ids), pc.fill_null(pc.less_equal(rows["valid_from"], instant), True)
        )
    )
    latest = dict(
        zip(known["user_id"].to_pylist(), known["attributes"].to_pylist(), strict=True)
    )  # sorted: the last wins
    return [json.loads(latest.get(person, "{}")) for person in persons]


def _conform(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """The schema's columns; absent ones are null, or an empty object.

    Raises:
        InputError: A column is absent, has a null or another type.
    """
    columns = []
    for field in schema:
        if field.name in rows.column_names:
            try:
                column = rows[field.name].cast(field.type)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
                raise InputError(f"Column {field.name!r} is not {field.type}: {error}.") from error
        elif field.nullable or field.name == "attributes":
            column = pa.chunked_array([pa.nulls(len(rows), field.type)])
        else:
            raise InputError(f"A column {field.name!r} is needed; found {', '.join(rows.column_names)}.")
        if field.name == "attributes":
            column = column.fill_null("{}")
        if not field.nullable and column.null_count:
            raise InputError(f"Column {field.name!r} has {column.null_count} nulls; it allows none.")
        columns.append(column)
    return pa.table(columns, schema=schema)


def _put(path: Path, schema: pa.Schema, rows: pa.Table, bucket: np.ndarray, keys: list[str]) -> int:
    table = delta.snapshot(path)
    add: list[Part] = []
    remove: list[Part] = []
    n_changed = 0
    for b in np.unique(bucket).tolist():
        before = table.of(b)
        merged, changed = _upsert(_read(before, rows.schema), rows.filter(pa.array(bucket == b)), keys)
        if changed:
            n_changed += changed
            remove += before
            add.append(
                delta.write_part(path, b, merged, {}, compression="ZSTD", compression_level=1, write_statistics=False)
            )
    if add:
        delta.commit(path, schema, add, remove)
        delta.sweep(path, 24)
    return n_changed


def _upsert(old: pa.Table, new: pa.Table, keys: list[str]) -> tuple[pa.Table, int]:
    """Old rows with the new ones put over them, sorted by key; and how many of those kept are new or other."""
    both = pa.concat_tables([old, new]).combine_chunks()
    place = both.append_column("_row", pa.array(np.arange(len(both))))
    ends = place.group_by(keys).aggregate([("_row", "min"), ("_row", "max")])
    first, last = ends["_row_min"].to_numpy(), ends["_row_max"].to_numpy()
    other = last >= len(old)  # then `first` is the old row of the key, if there was one
    replaced = other & (first < len(old))
    same = np.ones(len(first), bool)
    for name in both.column_names:
        x, y = both[name].take(pa.array(first)), both[name].take(pa.array(last))
        same &= pc.or_(pc.fill_null(pc.equal(x, y), False), pc.and_(x.is_null(), y.is_null())).to_numpy()
    changed = int((other & ~(replaced & same)).sum())
    merged = both.take(pa.array(last))
    order = pc.sort_indices(merged, [(key, "ascending", "at_start") for key in keys])
    return merged.take(order), changed


def _read(parts: Sequence[Part], schema: pa.Schema) -> pa.Table:
    return pa.concat_tables(
        [schema.empty_table(), *(delta.read_part(part, schema.names).cast(schema) for part in parts)]
    )
