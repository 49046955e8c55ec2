"""A column of ours as the mapping finds it in a source's rows: texts, times, numbers; what is wrong is marked."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .cells import join_given, recoded, text_column, whole
from .errors import InputError
from .mapping import Mapping
from .numbers import LARGEST, to_numbers
from .times import likely, to_instants
from .validate import Faults, check_time


@dataclass(slots=True)
class Money:
    """The workspace's currency, empty until something says which."""

    currency: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """What a file's rows are read by.

    Attributes:
        mapping: Bound to the file's columns.
        zone: Timezone of naive times; None where it is not known.
        kinds: The workspace's.
        now: Microseconds UTC.
        where: The file's name, for messages.
        joined: Rows to look columns up in, of `mapping.join`.
        money: The workspace's currency, which the first row with one settles where nothing else does.
        notes: Takes what is worth saying.
    """

    mapping: Mapping
    zone: str | None
    kinds: tuple[str, ...]
    now: int
    where: str
    joined: pa.Table | None = None
    money: Money = field(default_factory=Money)
    notes: list[str] = field(default_factory=list)


def complete(table: pa.Table, context: Context) -> pa.Table:
    """The rows with the joined table's columns, and empty ones for those that no row of this chunk has (JSON lines)."""
    other, join = context.joined, context.mapping.join
    if other is not None and join is not None:
        keys = text_column(table[join.on]).cast(pa.string())
        places = pc.index_in(keys, value_set=whole(text_column(other[join.on]).cast(pa.string())))
        found = other.drop_columns([join.on]).take(places)
        for name in found.column_names:
            table = table.append_column(name, found[name]) if name not in table.column_names else table
    for ours in context.mapping.columns:
        for name in context.mapping.theirs(ours):
            if name not in table.column_names:
                table = table.append_column(name, pa.nulls(len(table), pa.string()))
    return table


def texts(table: pa.Table, mapping: Mapping, ours: str) -> pa.Array | None:
    """A text column of ours: strings or dictionary of strings, null for nothing; None where the mapping has none."""
    source = mapping.columns.get(ours)
    if source is None:
        return None
    if source.how == "constant":
        return pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(table), np.int32)), [source.constant])
    columns = [text_column(table[str(name)]) for name in source.columns]
    if source.how == "one":
        column = nothing_null(columns[0])
    elif source.how == "first":
        column = pc.coalesce(*(nothing_null(plain(column)) for column in columns))
    else:  # a path: "/" stands between its levels, so not within one
        levels = [pc.replace_substring(nothing_null(plain(column)), "/", "-") for column in columns]
        column = nothing_null(join_given(levels, "/"))
    if ours == "category" and mapping.separator:
        mark = mapping.separator
        column = _on_values(column, lambda values: pc.replace_substring(values, mark, "/"))
    return column


def plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts without a dictionary."""
    return column.cast(pa.string())


def nothing_null(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Texts, empty ones as null; a dictionary stays one where it has no empty text."""
    column = whole(column)
    if pa.types.is_dictionary(column.type):
        if not pc.any(pc.equal(column.dictionary, "")).as_py():
            return column
        column = column.cast(pa.string())
    empty = pc.equal(pc.binary_length(column), 0)
    return pc.if_else(empty, pa.scalar(None, pa.string()), column) if pc.any(empty).as_py() else column


def _on_values(column: pa.Array, change: Callable[[pa.Array], pa.Array]) -> pa.Array:
    if pa.types.is_dictionary(column.type):
        return recoded(column.indices, change(column.dictionary))
    return change(column)


def is_null(column: pa.Array) -> np.ndarray:
    """(n,) bool."""
    missing: np.ndarray = column.is_null().to_numpy(zero_copy_only=False)
    return missing


def times(table: pa.Table, context: Context, ours: str, faults: Faults) -> np.ndarray:
    """(n,) int64 microseconds UTC of a time column of ours, `-times.BOUND` for nothing.

    Raises:
        InputError: Most of it is written otherwise than the mapping says, or an offset is wanting.
    """
    mapping = context.mapping
    source = mapping.columns[ours]
    if source.how == "one":
        column = table[str(source.columns[0])]
        if pa.types.is_string(column.type):
            column = pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
    else:  # a date and a time of day in columns of their own, or a constant
        found = texts(table, mapping, ours) if source.how != "all" else None
        if found is None:
            parts = [plain(text_column(table[str(name)])) for name in source.columns]
            found = pc.binary_join_element_wise(*parts, " ")
        column = pa.chunked_array([whole(found)])
    where = f"{context.where}: column {source.columns[0]!r}" if source.columns else f"{context.where}: `{ours}`"
    zone = context.zone
    if zone is None and _has_no_place_for_an_offset(column, mapping.time):
        zone = "UTC"
        context.notes.append(f"{where}: times without an offset, read as UTC since no timezone was given (--timezone).")
    instants = to_instants(column, mapping.time, zone, where)
    given = column.is_valid().to_numpy()
    wrong = check_time(instants, given, context.now, ours, faults)
    if 2 * wrong > max(int(given.sum()), 1):
        _refuse_if_otherwise(column, mapping.time, where)
    return instants


def _has_no_place_for_an_offset(column: pa.ChunkedArray, how: str) -> bool:
    """Typed times without a zone, formats without one, bare dates: there UTC may be assumed; a clock in ISO is refused."""
    if pa.types.is_timestamp(column.type):
        return column.type.tz is None
    if pa.types.is_date(column.type) or "%" in how:
        return "%z" not in how
    if how not in ("iso", "any") or not pa.types.is_string(column.type):
        return False
    longest = pc.max(pc.binary_length(column)).as_py()
    return longest is not None and longest <= len("2024-01-31")


def _refuse_if_otherwise(column: pa.ChunkedArray, how: str, where: str) -> None:
    """Times that are wrong one and all for one reason: read in another unit or form than they are written in."""
    seems = likely(column)
    same = {"any": ("unix_us", "iso"), "iso": ("iso",)}.get(how, (how,))
    if seems is None or seems in same:
        return
    raise InputError(
        f"{where} has times such as {column.drop_null()[0].as_py()}, most of which are out of range or no times at all when read "
        f'as {"ISO 8601 or microseconds" if how == "any" else how}. They look like `time = "{seems}"`: say so in a mapping '
        "and pass it with --format mapping.toml."
    )


def numbers(table: pa.Table, mapping: Mapping, ours: str, faults: Faults) -> np.ndarray:
    """(n,) float64 of a number column of ours in our unit, NaN for nothing; bad ones are marked."""
    source = mapping.columns[ours]
    if source.how == "constant":
        columns = [pa.chunked_array([pa.array([source.constant] * len(table), pa.string())])]
    else:
        columns = [table[str(name)] for name in source.columns]
    total = np.full(len(table), np.nan)
    for column in columns:
        if mapping.decimal != "." and pa.types.is_string(column.type):
            column = pc.replace_substring(column, mapping.decimal, ".", max_replacements=1)  # noqa: PLW2901
        read = to_numbers(column)
        faults.mark(read.wrong, "bad_number", ours)
        faults.mark(read.infinite, "not_finite", ours)
        both = ~np.isnan(total) & ~np.isnan(read.values)
        added = total if source.how == "first" else total + read.values
        total = np.where(both, added, np.where(np.isnan(total), read.values, total))
    return within(total * mapping.units.scale.get(ours, 1.0), ours, faults)


def within(values: np.ndarray, ours: str, faults: Faults) -> np.ndarray:
    """The values, those too large for fixed point marked and NaN."""
    large = np.abs(values) > LARGEST
    faults.mark(large, "bad_number", ours)
    return np.where(large, np.nan, values)
