"""Events on their way into the log: completed, keyed, sorted, and told from those that are there already."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .cells import whole
from .errors import InputError, did_you_mean
from .events import ACTS, NULL
from .hashing import hash128
from .histories import ranks, sort_events
from .schema import EVENTS

ROWS: Final = pa.schema([field for field in EVENTS if field.name != "bucket"])
"""An events file's columns: the partition is in its path."""
KEYS: Final = ("key_hi", "key_lo")
CODED: Final = pa.dictionary(pa.int32(), pa.string())
CONTENT: Final = tuple(name for name in ROWS.names if name not in ("arrived_at", *KEYS))
"""What must be equal for an event told twice to be no conflict."""


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of the rows of an append.

    Attributes:
        accepted: Rows that are new in the log.
        duplicate: Rows whose person and event key were known, or came twice.
        conflict: How many of the duplicates had other content.
    """

    accepted: int = 0
    duplicate: int = 0
    conflict: int = 0

    def __add__(self, other: "Appended") -> "Appended":
        return Appended(
            self.accepted + other.accepted, self.duplicate + other.duplicate, self.conflict + other.conflict
        )


@dataclass(frozen=True, slots=True)
class Fresh:
    """What is new among rows that came.

    Attributes:
        rows: Those to be written, sorted by (user_id, ts, event_key).
        outdone: (k,) int64, sorted places of events in the log that give way to one of them.
        counts: How many rows are new, known, and known otherwise.
    """

    rows: pa.Table
    outdone: np.ndarray
    counts: Appended


def completed(batch: pa.Table, kinds: Sequence[str], arrived_at: int | None) -> pa.Table:
    """Rows of an events file but for the keys: columns in order, `arrived_at` filled where null; dictionaries stay such.

    Args:
        batch: Columns of the `EVENTS` schema; those that may be null may be absent, and so may `source`. Texts may be
            dictionaries, of different words and none of them null.
        kinds: The workspace's kinds.
        arrived_at: Stands where `arrived_at` is null; None leaves it null.

    Raises:
        InputError: A column is absent, has a null or another type, or a kind is unknown.
    """
    n = len(batch)
    columns: dict[str, pa.Array | pa.ChunkedArray] = {}
    for field in ROWS:
        if field.name in KEYS:
            continue
        if field.name in batch.column_names:
            columns[field.name] = _cast(batch[field.name], field)
        elif field.name == "source":
            columns[field.name] = pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), pa.array([""]))
        elif field.nullable:
            columns[field.name] = pa.nulls(n, field.type)
        else:
            raise InputError(f"Events need a column {field.name!r}; found {', '.join(batch.column_names)}.")
        if not field.nullable and columns[field.name].null_count:
            raise InputError(
                f"Column {field.name!r} of events has {columns[field.name].null_count} nulls; it allows none."
            )
    if arrived_at is not None:
        columns["arrived_at"] = columns["arrived_at"].fill_null(arrived_at)
    unknown = set(pc.unique(columns["kind"]).to_pylist()) - {*kinds, *ACTS}
    if unknown:
        word = min(unknown)
        raise InputError(f"Unknown event kind {word!r}. {did_you_mean(word, kinds)}")
    kind = whole(columns["kind"])
    if pa.types.is_dictionary(kind.type) and not set(kinds).issuperset(kind.dictionary.to_pylist()):
        columns["kind"] = kind.cast(pa.string())  # words that no row has
    return pa.table(columns)


def _cast(column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    dictionary = pa.types.is_dictionary(column.type)
    if dictionary and pa.types.is_string(column.type.value_type) and pa.types.is_string(field.type):
        return column
    try:
        return column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(f"Column {field.name!r} of events is not {field.type}: {error}.") from error


def coded(rows: pa.Table, plain: Collection[str]) -> pa.Table:
    """What `completed` gives, each column one chunk, and texts as dictionaries but for the columns of `plain`."""
    columns = {}
    for field in ROWS:
        if field.name in KEYS:
            continue
        column = whole(rows[field.name])
        if column.null_count == len(column) and field.name not in plain and pa.types.is_string(field.type):
            column = pa.nulls(len(column), CODED)
        elif pa.types.is_string(field.type) and (field.name in plain) == pa.types.is_dictionary(column.type):
            column = column.cast(pa.string()) if field.name in plain else column.dictionary_encode()
        elif pa.types.is_dictionary(column.type) and column.type != CODED:
            column = column.cast(CODED)
        columns[field.name] = column
    return pa.table(columns, schema=schema_of(plain))


def schema_of(plain: Collection[str], keys: bool = False) -> pa.Schema:
    """`ROWS`, texts as dictionaries but for the columns of `plain`, with or without keys."""
    return pa.schema(
        [
            field.with_type(CODED) if pa.types.is_string(field.type) and field.name not in plain else field
            for field in ROWS
            if keys or field.name not in KEYS
        ]
    )


def with_keys(rows: pa.Table) -> pa.Table:
    """The rows with their event keys."""
    source, names = whole(rows["source"]), whole(rows["event_id"])
    if pa.types.is_dictionary(source.type):
        used = pc.unique(source.indices)
        source = source.dictionary[used[0].as_py()] if len(used) == 1 else source.cast(pa.string())
    hi, lo = hash128(pc.binary_join_element_wise(source, names, "\0"))
    for name, half in zip(KEYS, (hi, lo), strict=True):
        rows = rows.append_column(ROWS.field(name), pa.array(half))
    return rows


def keyed(batch: pa.Table, kinds: Sequence[str], arrived_at: int | None) -> pa.Table:
    """Rows of an events file: `completed`, with event keys."""
    return with_keys(completed(batch, kinds, arrived_at).cast(pa.schema([f for f in ROWS if f.name not in KEYS])))


def fresh(rows: pa.Table, known_hi: np.ndarray, known_rows: Callable[[np.ndarray], pa.Table]) -> Fresh:
    """Tell new rows from known ones: of equal keys the first arrival counts, where that ties the log's, then the earlier row.

    A row that arrived before the event that the log has takes its place, and is a duplicate all the same: in which order loads
    come changes nothing.

    Args:
        rows: Of the `ROWS` schema, texts perhaps as dictionaries, each column one chunk; one bucket's.
        known_hi: (k,) int64, first halves of the keys of the bucket's events in the log.
        known_rows: From (places,) int64 to those events' rows.
    """
    hi = rows["key_hi"].to_numpy()
    suspect = _repeated(hi)
    known = np.flatnonzero(_within(known_hi, hi)) if len(known_hi) else np.empty(0, np.int64)
    if len(known):
        suspect |= _within(hi, known_hi[known])
    places = np.flatnonzero(suspect)
    if not len(places):
        return Fresh(sorted_rows(rows), places, Appended(len(rows)))
    there = known_rows(known) if len(known) else ROWS.empty_table()
    both = pa.concat_tables([there, rows.take(pa.array(places)).cast(ROWS)]).combine_chunks()
    winner = _winner(both, len(there))
    lost, n = np.flatnonzero(winner != np.arange(len(both))), len(there)
    lost = lost[(lost >= n) | (winner[lost] >= n)]  # what another program wrote twice is not ours to judge
    old, new = lost[lost < n], lost[lost >= n]
    keep = np.ones(len(rows), bool)
    keep[places[new - n]] = False
    duplicate = len(new) + len(np.unique(winner[old]))
    conflict = int(_differ(both, lost, winner[lost]).sum())
    counts = Appended(len(rows) - duplicate, duplicate, conflict)
    return Fresh(sorted_rows(rows.filter(pa.array(keep)).combine_chunks()), known[old], counts)


def order_of(rows: pa.Table) -> np.ndarray:
    """Places that sort rows by (user_id, ts, event_key)."""
    columns = (rows[name].to_numpy() for name in ("ts", "key_hi", "key_lo"))
    return sort_events(ranks(rows["user_id"].combine_chunks())[1], *columns)


def sorted_rows(rows: pa.Table) -> pa.Table:
    """The rows sorted by (user_id, ts, event_key)."""
    order = pa.array(order_of(rows))
    columns = [pc.take(whole(column), order, boundscheck=False) for column in rows.columns]
    return pa.Table.from_arrays(columns, schema=rows.schema)


def _repeated(values: np.ndarray) -> np.ndarray:
    """(n,) whether a value occurs more than once."""
    ordered = np.sort(values)
    twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    return _within(values, twice)


def _within(values: np.ndarray, among: np.ndarray) -> np.ndarray:
    """(n,) whether a value is one of `among`."""
    if not len(among):
        return np.zeros(len(values), bool)
    ordered = np.sort(among)
    found: np.ndarray = ordered[np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)] == values
    return found


def _winner(both: pa.Table, n_known: int) -> np.ndarray:
    """(n,) the place of the row that counts for every row's (person, key); the first `n_known` rows are the log's."""
    person = ranks(both["user_id"].combine_chunks())[1]
    hi, lo, ts = both["key_hi"].to_numpy(), both["key_lo"].to_numpy(), both["ts"].to_numpy()
    arrived = np.maximum(both["arrived_at"].fill_null(NULL).to_numpy(), ts)
    place = np.arange(len(both))
    new = place >= n_known
    order = np.lexsort((new, arrived, lo, hi, person))
    p, h, k = person[order], hi[order], lo[order]
    first = np.ones(len(order), bool)
    first[1:] = (p[1:] != p[:-1]) | (h[1:] != h[:-1]) | (k[1:] != k[:-1])
    winner = np.empty(len(order), np.int64)
    winner[order] = order[first][np.cumsum(first) - 1]
    return winner


def _differ(rows: pa.Table, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n,) whether the rows at places `a` and `b` have other content."""
    differ = np.zeros(len(a), bool)
    for name in CONTENT:
        x, y = rows[name].take(pa.array(a)), rows[name].take(pa.array(b))
        equal = pc.or_(pc.fill_null(pc.equal(x, y), False), pc.and_(x.is_null(), y.is_null()))
        differ |= ~equal.to_numpy()
    return differ
