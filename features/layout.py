"""Rows of users and items, through their mappings."""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from .adapt import Context, attributes, exchange, joined, number, texts, times
from .delimited import Chunk
from .events import FIXED_POINT, ITEMS, USERS
from .numbers import to_fixed
from .times import BOUND
from .validate import Faults, check_text

Adapt = Callable[[Chunk, Context, Sequence[str]], tuple[pa.Table, Faults]]


def adapt_users(chunk: Chunk, context: Context, columns: Sequence[str]) -> tuple[pa.Table, Faults]:
    """Rows of the `USERS` schema, and what is wrong with them.

    Args:
        chunk: n rows.
        context: What they are read by; its mapping is one of users.
        columns: The file's.
    """
    table, mapping = joined(chunk.table, context), context.mapping
    faults = Faults(len(table))
    users = texts(table, mapping, "user_id")
    assert users is not None
    check_text(users, "user_id", faults)
    faults.mark(~users.is_valid().to_numpy(zero_copy_only=False), "missing_user", "user_id")
    since = (
        times(table, context, "valid_from", faults) if "valid_from" in mapping.columns else np.full(len(table), -BOUND)
    )
    made = [users.cast(pa.string()), pa.array(since, mask=since == -BOUND), attributes(table, mapping, columns, faults)]
    return pa.table(made, schema=_open(USERS)), faults


def adapt_items(chunk: Chunk, context: Context, columns: Sequence[str]) -> tuple[pa.Table, Faults]:
    """Rows of the `ITEMS` schema, and what is wrong with them; arguments as for `adapt_users`."""
    table, mapping = joined(chunk.table, context), context.mapping
    faults = Faults(len(table))
    items, category = texts(table, mapping, "item"), texts(table, mapping, "category")
    assert items is not None
    check_text(items, "item", faults)
    faults.mark(~items.is_valid().to_numpy(zero_copy_only=False), "missing_item", "item")
    if category is not None:
        check_text(category, "category", faults)
    price = number(table, mapping, "price", faults) if "price" in mapping.columns else np.full(len(table), np.nan)
    faults.mark(price < 0, "negative_value", "price")
    factors = exchange(table, mapping, np.full(len(table), context.now), context, faults)
    made = [
        items.cast(pa.string()),
        pa.nulls(len(table), pa.string()) if category is None else category.cast(pa.string()),
        to_fixed(price if factors is None else price * factors, FIXED_POINT),
        attributes(table, mapping, columns, faults),
    ]
    return pa.table(made, schema=_open(ITEMS)), faults


def _open(schema: pa.Schema) -> pa.Schema:
    """The schema with nulls allowed: bad rows have them until they are taken out."""
    return pa.schema([field.with_nullable(True) for field in schema])


def count_new(rows: pa.Table, known: pa.Table, key: list[str]) -> int:
    """Number of rows that are new or other than before; of equal keys the last row counts.

    Args:
        rows: What came.
        known: The table as it is, of the same columns.
        key: Columns that name a row.
    """
    have = set(map(tuple, (row.values() for row in known.select(rows.column_names).to_pylist())))
    last = {tuple(row[name] for name in key): tuple(row.values()) for row in rows.to_pylist()}
    return sum(1 for row in last.values() if row not in have)
