"""The users and items tables, and a shop's own tables of attributes: what is known of a person from a moment on, or of an item."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from . import delta
from .dated import Dated, from_rows
from .delta import Part, Snapshot
from .errors import InputError
from .hashing import bucket_of
from .schema import ITEMS, USERS
from .workspace import Workspace

NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
LOOKED_AT: Final = 10_000
"""Rows whose fields are listed."""
BUCKETED: Final = pa.schema([pa.field("bucket", pa.int32(), nullable=False), *USERS])
"""The users table as stored, partitioned by the bucket of the person."""


def put_users(workspace: Workspace, rows: pa.Table, table: str = "users") -> int:
    """Add rows of the `USERS` schema, or correct those of the same (user_id, valid_from); the caller holds the writer's lock.

    Args:
        workspace: Whose.
        rows: `valid_from` and `attributes` may be absent; of equal keys the last row counts.
        table: The users table, or one of the shop's own.

    Returns:
        Number of rows that were new or other than before; 0 leaves the table as it is.
    """
    rows = _conform(rows, USERS)
    bucket = bucket_of(rows["user_id"], workspace.facts.buckets)
    return _put(path_of(workspace, table), BUCKETED, rows, bucket, ["user_id", "valid_from"])


def put_items(workspace: Workspace, rows: pa.Table) -> int:
    """Add rows of the `ITEMS` schema, or correct those of the same item; as `put_users`."""
    rows = _conform(rows, ITEMS)
    return _put(workspace.items, ITEMS, rows, np.full(len(rows), -1, np.int32), ["item"])


def users(workspace: Workspace, table: str = "users") -> pa.Table:
    """The users table, or one of the shop's own, sorted by (user_id, valid_from) within a bucket."""
    return _read(delta.snapshot(path_of(workspace, table)).parts, USERS)


def path_of(workspace: Workspace, table: str) -> Path:
    """The Delta table of a table of attributes."""
    return workspace.users if table == "users" else workspace.attributes / table


def tables(workspace: Workspace) -> tuple[str, ...]:
    """The tables of attributes that there are: `users`, whether or not it has rows, then the shop's own by name."""
    own = sorted(path.parent.name for path in workspace.attributes.glob("*/_delta_log"))
    return ("users", *own)


def check_name(table: str) -> str:
    """The name of a table of the shop's own.

    Raises:
        InputError: It is none.
    """
    if table == "users" or not NAME.fullmatch(table):
        raise InputError(
            f"{table!r} is not a name for a table of attributes. Use 1 to 63 small letters, digits and '_', a letter first, and "
            "not 'users', which is the users table of a format."
        )
    return table


def own_tables(workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Table to its number of `rows`, and the `fields` that rows of its first users give; empty tables left out."""
    found = {}
    for table in tables(workspace):
        parts = [part for part in delta.snapshot(path_of(workspace, table)).parts if part.rows]
        if parts:
            texts = pc.unique(delta.read_part(parts[0], ["attributes"])["attributes"].slice(0, LOOKED_AT)).to_pylist()
            fields = sorted({field for text in texts for field in orjson.loads(text)})
            found[table] = {"rows": sum(part.rows for part in parts), "fields": fields}
    return found


def rows_of(snapshot: Snapshot, bucket: int) -> pa.Table:
    """A bucket's rows of a table, sorted by (user_id, valid_from)."""
    return _read(snapshot.of(bucket), USERS)


def known(snapshots: Mapping[str, Snapshot], n_buckets: int, persons: pa.Array) -> dict[str, Dated]:
    """What tables of attributes say of persons.

    Args:
        snapshots: Table to a snapshot of it.
        n_buckets: Of the workspace.
        persons: (n,) ids, nobody twice.
    """
    buckets = set(np.unique(bucket_of(persons, n_buckets)).tolist()) if len(persons) else set()
    return {
        table: from_rows(persons, _read([part for part in snapshot.parts if part.bucket in buckets], USERS))
        for table, snapshot in snapshots.items()
    }


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
