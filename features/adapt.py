"""Rows of a source, through its mapping, as rows of our tables; what is wrong with a row is marked, not raised."""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .amounts import amounts_of, exchange, turn
from .cells import recoded, text_column
from .columns import Context, complete, is_null, nothing_null, numbers, plain, texts, times
from .delimited import Chunk
from .errors import SpecError
from .events import ACTS, CODED_FIELDS, FIXED_POINT
from .numbers import to_fixed
from .objects import check_objects, to_objects
from .schema import EVENTS, ITEMS, USERS
from .times import BOUND
from .validate import Faults, check_text

TEXTS: Final = ("user_id", "event_id", *CODED_FIELDS, "text")
MADE_LATER: Final = ("bucket", "source", "key_hi", "key_lo")


def adapt_events(chunk: Chunk, context: Context) -> tuple[pa.Table, Faults]:
    """Events of a chunk.

    Args:
        chunk: n rows.
        context: What they are read by; its mapping is one of events.

    Returns:
        n rows of the `EVENTS` schema without `MADE_LATER`, texts as dictionaries where they come so, `event_id` null where the
        source has none (a bad row's values mean nothing), and what is wrong with them.

    Raises:
        InputError: Most times are written otherwise than the mapping says, or currencies are mixed.
    """
    table, mapping = complete(chunk.table, context), context.mapping
    faults = Faults(len(table))
    columns: dict[str, pa.Array] = {}
    for name in TEXTS:
        column = texts(table, mapping, name)
        if column is not None:
            check_text(column, name, faults)
            columns[name] = column
    faults.mark(is_null(columns["user_id"]), "missing_user", "user_id")
    ts = times(table, context, "ts", faults)
    columns["ts"] = pa.array(ts)
    if "arrived_at" in mapping.columns:
        arrived = times(table, context, "arrived_at", faults)
        columns["arrived_at"] = pa.array(arrived, mask=arrived == -BOUND)
    columns["kind"] = _kinds(table, context, faults)
    _check_named(columns, faults)
    amounts = amounts_of(table, context, ts, faults)
    if mapping.negative:
        columns["kind"] = turn(amounts, columns["kind"], mapping.negative)
    for name, values in amounts.items():
        if name != "rating":
            faults.mark(values < 0, "negative_value", name)
        columns[name] = to_fixed(values, 1 if name == "dwell" else FIXED_POINT)
    if "properties" in mapping.columns:
        columns["properties"] = _properties(table, context, faults)
    fields = [field for field in EVENTS if field.name not in MADE_LATER]
    made = {
        field.name: _made(columns[field.name], field) if field.name in columns else _nulls(table, field)
        for field in fields
    }
    return pa.table(made), faults


def adapt_users(chunk: Chunk, context: Context) -> tuple[pa.Table, Faults]:
    """Rows of the `USERS` schema, and what is wrong with them; as `adapt_events`."""
    table, mapping = complete(chunk.table, context), context.mapping
    faults = Faults(len(table))
    users = texts(table, mapping, "user_id")
    assert users is not None
    check_text(users, "user_id", faults)
    faults.mark(is_null(users), "missing_user", "user_id")
    since = np.full(len(table), -BOUND)
    if "valid_from" in mapping.columns:
        since = times(table, context, "valid_from", faults)
    made = [plain(users), pa.array(since, mask=since == -BOUND), _attributes(chunk.table, table, context, faults)]
    return pa.table(made, schema=_open(USERS)), faults


def adapt_items(chunk: Chunk, context: Context) -> tuple[pa.Table, Faults]:
    """Rows of the `ITEMS` schema, and what is wrong with them; as `adapt_events`."""
    table, mapping = complete(chunk.table, context), context.mapping
    faults = Faults(len(table))
    items, category = texts(table, mapping, "item"), texts(table, mapping, "category")
    assert items is not None
    check_text(items, "item", faults)
    faults.mark(is_null(items), "missing_item", "item")
    if category is not None:
        check_text(category, "category", faults)
    price = np.full(len(table), np.nan)
    if "price" in mapping.columns:
        price = numbers(table, mapping, "price", faults)
        faults.mark(price < 0, "negative_value", "price")
        factors = exchange(table, context, np.full(len(table), context.now), faults)
        price = price if factors is None else price * factors
    made = [
        plain(items),
        pa.nulls(len(table), pa.string()) if category is None else plain(category),
        to_fixed(price, FIXED_POINT),
        _attributes(chunk.table, table, context, faults),
    ]
    return pa.table(made, schema=_open(ITEMS)), faults


def _kinds(table: pa.Table, context: Context, faults: Faults) -> pa.Array:
    column = texts(table, context.mapping, "kind")
    assert column is not None
    check_text(column, "kind", faults)
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    words = encoded.dictionary.to_pylist()
    ours = [context.mapping.kinds.get(word, word) for word in words]
    ours = [kind if kind in context.kinds else None for kind in ours]
    places = encoded.indices.fill_null(len(words)).to_numpy(zero_copy_only=False)
    faults.mark(places == len(words), "missing_kind", "kind")
    faults.mark(np.array([*(kind is None for kind in ours), False])[places], "unknown_kind", "kind")
    return recoded(encoded.indices, pa.array(ours, pa.string()))


def _check_named(columns: dict[str, pa.Array], faults: Faults) -> None:
    """Mark rows that link an id with none."""
    kind = columns["kind"]
    links = pc.is_in(kind.dictionary, value_set=pa.array(ACTS[2:])).to_numpy(zero_copy_only=False)
    if links.any():
        rows = np.append(links, False)[kind.indices.fill_null(-1).to_numpy(zero_copy_only=False)]
        faults.mark(rows & is_null(columns["item"]) if "item" in columns else rows, "missing_item", "item")


def _properties(table: pa.Table, context: Context, faults: Faults) -> pa.Array:
    source = context.mapping.columns["properties"]
    if source.how == "all":
        return to_objects(table, [str(name) for name in source.columns])
    if source.how != "one":
        raise SpecError("`properties` is one column of JSON objects, or a list of columns to make one of.")
    return _objects(table, str(source.columns[0]), "properties", faults)


def _objects(table: pa.Table, name: str, field: str, faults: Faults) -> pa.Array:
    column = nothing_null(text_column(table[name]))
    check_text(column, field, faults)
    check_objects(column, field, faults)
    return column


def _attributes(rows: pa.Table, table: pa.Table, context: Context, faults: Faults) -> pa.Array:
    """(n,) JSON objects: the columns that the mapping names as `attributes`, or those it names nowhere.

    One column `attributes` holds JSON objects, and is taken as it is.
    """
    mapping = context.mapping
    source = mapping.columns.get("attributes")
    if source is not None and source.how == "one" and source.columns[0] in rows.column_names:
        return plain(_objects(table, str(source.columns[0]), "attributes", faults)).fill_null("{}")
    used = {name for ours in mapping.columns for name in mapping.theirs(ours)}
    listed = source is not None and source.how == "all"
    names = list(mapping.theirs("attributes")) if listed else [n for n in rows.column_names if n not in used]
    return to_objects(table, names)


def _made(column: pa.Array, field: pa.Field) -> pa.Array:
    return column if pa.types.is_dictionary(column.type) and field.name != "event_id" else column.cast(field.type)


def _nulls(table: pa.Table, field: pa.Field) -> pa.Array:
    return pa.nulls(len(table), field.type)


def _open(schema: pa.Schema) -> pa.Schema:
    """The schema with nulls allowed: bad rows have them until they are taken out."""
    return pa.schema([field.with_nullable(True) for field in schema])
