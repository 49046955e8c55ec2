"""Rows of a source, through its mapping, as rows of our tables; what is wrong with a row is marked, not raised."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .cells import text_column
from .delimited import Chunk
from .errors import InputError, SpecError
from .events import CODED_FIELDS, EVENTS, FIXED_POINT, NUMBER_FIELDS
from .mapping import MONEY, From, Mapping
from .numbers import LARGEST, to_fixed, to_numbers
from .objects import check_objects, to_objects
from .times import BOUND, likely, to_instants
from .validate import Faults, check_text, check_time

TEXTS = ("user_id", "event_id", *CODED_FIELDS, "text")


@dataclass(frozen=True, slots=True)
class Context:
    """What a file's rows are read by.

    Attributes:
        mapping: Bound to the file's columns.
        zone: Timezone of naive times; None where it is not known.
        kinds: The workspace's.
        currency: The workspace's; empty where it has none.
        now: Microseconds UTC.
        joined: Rows to look columns up in, of `mapping.join`.
        where: The file's name, for messages.
    """

    mapping: Mapping
    zone: str | None
    kinds: tuple[str, ...]
    currency: str
    now: int
    where: str
    joined: pa.Table | None = None


def joined(table: pa.Table, context: Context) -> pa.Table:
    """The rows with the columns of the joined table."""
    other, join = context.joined, context.mapping.join
    if other is None or join is None:
        return table
    keys = text_column(table[join.on]).cast(pa.string())
    places = pc.index_in(keys, value_set=text_column(other[join.on]).cast(pa.string()).combine_chunks())
    found = other.drop_columns([join.on]).take(places)
    for name in found.column_names:
        table = table.append_column(name, found[name]) if name not in table.column_names else table
    return table


def adapt_events(chunk: Chunk, context: Context) -> tuple[pa.Table, Faults]:
    """Events of a chunk.

    Args:
        chunk: n rows.
        context: What they are read by; its mapping is one of events.

    Returns:
        n rows of the `EVENTS` schema without bucket, key and source, `event_id` null where the source has none (a bad row's
        values mean nothing), and what is wrong with them.

    Raises:
        InputError: The times of most rows are written otherwise than the mapping says, or currencies are mixed.
    """
    table, mapping = joined(chunk.table, context), context.mapping
    faults = Faults(len(table))
    columns: dict[str, pa.Array] = {}
    for name in TEXTS:
        column = texts(table, mapping, name)
        if column is not None:
            check_text(column, name, faults)
            columns[name] = column
    faults.mark(_null(columns["user_id"]), "missing_user", "user_id")
    ts = times(table, context, "ts", faults)
    columns["ts"] = pa.array(ts)
    if "arrived_at" in mapping.columns:
        arrived = times(table, context, "arrived_at", faults)
        columns["arrived_at"] = pa.array(arrived, mask=arrived == -BOUND)
    columns["kind"] = _kinds(table, context, faults)
    amounts = _amounts(table, mapping, ts, context, faults)
    if mapping.negative:
        columns["kind"] = _turn(amounts, columns["kind"], mapping.negative)
    for name in NUMBER_FIELDS:
        if name in amounts:
            below = np.zeros(len(table), bool) if name == "rating" else amounts[name] < 0
            faults.mark(below, "negative_value", name)
            columns[name] = to_fixed(amounts[name], 1 if name == "dwell" else FIXED_POINT)
    if "properties" in mapping.columns:
        columns["properties"] = _properties(table, mapping.columns["properties"], faults)
    made = []
    for field in EVENTS:
        if field.name in ("bucket", "source", "key_hi", "key_lo"):
            continue
        column = columns.get(field.name)
        made.append((field, pa.nulls(len(table), field.type) if column is None else column.cast(field.type)))
    return pa.table(
        [column for _, column in made], schema=pa.schema([field.with_nullable(True) for field, _ in made])
    ), faults


def whole(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """A column as one array."""
    if isinstance(column, pa.ChunkedArray):
        if column.num_chunks == 1:
            return column.chunk(0)
        if pa.types.is_dictionary(column.type):
            column = column.unify_dictionaries()
        column = column.combine_chunks()
        return column if isinstance(column, pa.Array) else pa.concat_arrays(column.chunks)
    return column


def texts(table: pa.Table, mapping: Mapping, ours: str) -> pa.Array | None:
    """A text column of ours: strings or dictionary of strings, null for nothing; None where the mapping has none."""
    source = mapping.columns.get(ours)
    if source is None:
        return None
    if source.how == "constant":
        return pa.array([source.constant] * len(table), pa.string()).dictionary_encode()
    columns = [text_column(table[str(name)]) for name in source.columns]
    if source.how == "one":
        found = columns[0]
    elif source.how == "first":
        found = pc.coalesce(*(_nothing_null(column) for column in columns))
    else:
        found = pc.binary_join_element_wise(
            *(pc.replace_substring(_nothing_null(column.cast(pa.string())), "/", "-") for column in columns),
            "/",
            null_handling="skip",
        )
    column = _nothing_null(found)
    if ours == "category" and mapping.separator:
        column = _on_values(column, lambda values: pc.replace_substring(values, mapping.separator, "/"))
    return whole(column)


def _nothing_null(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Empty texts as null; dictionaries keep their form."""
    column = whole(column)
    if pa.types.is_dictionary(column.type):
        if not pc.any(pc.equal(column.dictionary, "")).as_py():
            return column
        column = column.cast(pa.string())
    empty = pc.equal(pc.binary_length(column), 0)
    return pc.if_else(empty, pa.scalar(None, pa.string()), column) if pc.any(empty).as_py() else column


def _on_values(column: pa.Array, change) -> pa.Array:  # type: ignore[no-untyped-def]
    if pa.types.is_dictionary(column.type):
        return pa.DictionaryArray.from_arrays(column.indices, change(column.dictionary))
    return change(column)


def _null(column: pa.Array) -> np.ndarray:
    if column.null_count == 0:
        return np.zeros(len(column), bool)
    missing: np.ndarray = pc.is_null(column).to_numpy(zero_copy_only=False)
    return missing


def times(table: pa.Table, context: Context, ours: str, faults: Faults) -> np.ndarray:
    """(n,) int64 microseconds UTC of a time column of ours.

    Raises:
        InputError: Most of it is written otherwise than the mapping says.
    """
    mapping = context.mapping
    source = mapping.columns[ours]
    if source.how == "constant":
        column = pa.chunked_array([pa.array([source.constant] * len(table), pa.string())])
    elif source.how == "one":
        column = table[str(source.columns[0])]
    else:  # a date and a time of day in columns of their own
        column = pa.chunked_array(
            [pc.binary_join_element_wise(*(text_column(table[str(c)]).cast(pa.string()) for c in source.columns), " ")]
        )
    if pa.types.is_string(column.type) and pc.any(pc.equal(column, "")).as_py():
        column = pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
    where = f"{context.where}: column {mapping.theirs(ours)[0]!r}" if mapping.theirs(ours) else context.where
    instants = to_instants(column, mapping.time, context.zone, where)
    given = column.is_valid().to_numpy()
    before = faults.bad.sum()
    check_time(instants, given, context.now, ours, faults)
    if 2 * (faults.bad.sum() - before) > max(given.sum(), 1):
        _refuse_if_otherwise(column, mapping.time, where, given.sum())
    return instants


def _refuse_if_otherwise(column: pa.ChunkedArray, how: str, where: str, n: int) -> None:
    seems = likely(column)
    known = "unix_us" if how == "any" else how
    if seems is None or seems in (known, how) or (how == "any" and seems == "iso"):
        return
    example = column.drop_null()[0].as_py()
    raise InputError(
        f'{where} has times such as {example}, which are no times when read with `time = "{how}"` '
        f'(most of the {n:,} rows looked at). They look like `time = "{seems}"`: say so in a mapping.'
    )


def _kinds(table: pa.Table, context: Context, faults: Faults) -> pa.Array:
    column = texts(table, context.mapping, "kind")
    assert column is not None
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    words = encoded.dictionary.to_pylist()
    known = [context.mapping.kinds.get(word, word) if word is not None else None for word in words]
    ours = [kind if kind in context.kinds else None for kind in known]
    places = np.asarray(encoded.indices.fill_null(len(words)).to_numpy(zero_copy_only=False))
    missing = places == len(words)
    unknown = np.array([*(kind is None for kind in ours), False])[places] & ~missing
    faults.mark(missing, "missing_kind", "kind")
    faults.mark(unknown, "unknown_kind", "kind")
    return pa.DictionaryArray.from_arrays(encoded.indices, pa.array(ours, pa.string()))


def number(table: pa.Table, mapping: Mapping, ours: str, faults: Faults) -> np.ndarray:
    """(n,) float64 of a number column in its own unit, NaN for nothing; bad ones are marked."""
    source = mapping.columns[ours]
    if source.how == "constant":
        columns = [pa.chunked_array([pa.array([source.constant] * len(table), pa.string())])]
    else:
        columns = [table[str(name)] for name in source.columns]
    total = np.full(len(table), np.nan)
    for column in columns:
        read = to_numbers(column)
        empty = np.zeros(len(table), bool)
        if read.wrong.any() and pa.types.is_string(column.type):
            empty = _mask(pc.equal(pc.utf8_trim_whitespace(column), ""))
        faults.mark(read.wrong & ~read.infinite & ~empty, "bad_number", ours)
        faults.mark(read.infinite, "not_finite", ours)
        if source.how == "first":
            total = np.where(np.isnan(total), read.values, total)
        else:
            total = np.where(np.isnan(total), read.values, np.where(np.isnan(read.values), total, total + read.values))
    total = total * mapping.units.scale.get(ours, 1.0)
    large = np.abs(total) > LARGEST
    faults.mark(large, "bad_number", ours)
    total[large] = np.nan
    return total


def _mask(column: pa.ChunkedArray) -> np.ndarray:
    values: np.ndarray = column.fill_null(False).to_numpy()
    return values.astype(bool)


def _amounts(
    table: pa.Table, mapping: Mapping, ts: np.ndarray, context: Context, faults: Faults
) -> dict[str, np.ndarray]:
    """Number columns of events in our units."""
    names: tuple[str, ...] = (*NUMBER_FIELDS, "price")
    amounts = {name: number(table, mapping, name, faults) for name in names if name in mapping.columns}
    for name in mapping.positive:
        if name in amounts:
            faults.mark(~(amounts[name] > 0), "not_positive", name)
    factors = exchange(table, mapping, ts, context, faults)
    if factors is not None:
        for name in MONEY:
            if name in amounts:
                amounts[name] = amounts[name] * factors
    price = amounts.pop("price", None)
    if price is not None:
        quantity = amounts.get("quantity")
        line = price * np.where(np.isnan(quantity), 1.0, quantity) if quantity is not None else price.copy()
        value = amounts.get("value")
        amounts["value"] = line if value is None else np.where(np.isnan(value), line, value)
        large = np.abs(amounts["value"]) > LARGEST
        faults.mark(large, "bad_number", "value")
        amounts["value"][large] = np.nan
    return amounts


def exchange(table: pa.Table, mapping: Mapping, ts: np.ndarray, context: Context, faults: Faults) -> np.ndarray | None:
    """(n,) factor of every row's money to the workspace's currency; None where all is in it.

    Raises:
        InputError: Currencies are mixed, or not the workspace's, and the mapping has no rates.
    """
    if "currency" not in mapping.columns or not any(name in mapping.columns for name in MONEY):
        return None
    encoded = texts(table, mapping, "currency")
    assert encoded is not None
    encoded = encoded if pa.types.is_dictionary(encoded.type) else encoded.dictionary_encode()
    words = encoded.dictionary.to_pylist()
    target = mapping.units.currency or context.currency
    foreign = [word for word in words if word is not None and word != target]
    if not foreign:
        return None
    if not mapping.units.rates:
        raise InputError(
            f"{context.where} has amounts in {', '.join(sorted({*foreign}))}, and the workspace is in "
            f"{target or 'no stated currency'}: sums over several currencies mean nothing. Give a mapping dated rates: "
            f'`[units]` `currency = "{target or foreign[0]}"`, `[units.rates]` `{foreign[0]} = {{ 2024-01-01 = 7.1 }}`.'
        )
    places = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    factors = np.ones(len(table))
    for i, word in enumerate(words):
        if word not in foreign:
            continue
        rows = places == i
        rates = mapping.units.rates.get(word, ())
        days, values = np.array([d for d, _ in rates], np.int64), np.array([0.0, *(r for _, r in rates)])
        found = values[np.searchsorted(days, ts[rows], side="right")]
        factors[rows] = np.where(found > 0, found, np.nan)
    faults.mark(np.isnan(factors), "unknown_currency", "currency")
    return factors


def _turn(amounts: dict[str, np.ndarray], kinds: pa.Array, kind: str) -> pa.Array:
    """Rows of a negative quantity or value become `kind`, with positive amounts."""
    below = np.zeros(len(kinds), bool)
    for name in ("quantity", "value"):
        if name in amounts:
            below |= amounts[name] < 0
    for name in ("quantity", "value", "discount"):
        if name in amounts:
            amounts[name] = np.where(below, np.abs(amounts[name]), amounts[name])
    return pc.if_else(pa.array(below), pa.scalar(kind), kinds.cast(pa.string()))


def _properties(table: pa.Table, source: From, faults: Faults) -> pa.Array:
    if source.how == "all":
        return to_objects(table, [str(name) for name in source.columns])
    if source.how != "one":
        raise SpecError("`properties` is one column of JSON objects, or a list of columns to make one of.")
    column = _nothing_null(text_column(table[str(source.columns[0])]).cast(pa.string()))
    check_text(column, "properties", faults)
    check_objects(column, "properties", faults)
    return column


def attributes(table: pa.Table, mapping: Mapping, columns: Sequence[str], faults: Faults) -> pa.Array:
    """(n,) JSON objects: the columns that the mapping names as `attributes`, or those it names nowhere.

    A column `attributes` of JSON objects is taken as it is.
    """
    source = mapping.columns.get("attributes")
    if source is not None and source.how == "one":
        column = _nothing_null(text_column(table[str(source.columns[0])]).cast(pa.string()))
        check_text(column, "properties", faults)
        check_objects(column, "attributes", faults)
        return column.fill_null("{}")
    used = {name for ours in mapping.columns for name in mapping.theirs(ours)}
    names = [str(name) for name in source.columns] if source else [name for name in columns if name not in used]
    return to_objects(table, names)
