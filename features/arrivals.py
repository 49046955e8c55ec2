"""Events on their way into the log: completed, keyed, sorted, and told from those that are there already."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .errors import InputError, did_you_mean
from .events import NULL
from .hashing import hash128
from .histories import ranks, sort_events
from .schema import EVENTS

ROWS: Final = pa.schema([field for field in EVENTS if field.name != "bucket"])
"""An events file's columns: the partition is in its path."""
CONTENT: Final = tuple(name for name in ROWS.names if name not in ("arrived_at", "key_hi", "key_lo"))
"""What must be equal for an event told twice to be no conflict."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """What is new among rows that came.

    Attributes:
        rows: The new ones, sorted by (user_id, ts, event_key).
        duplicate: Number of rows whose person and key were known.
        conflict: How many of those had other content.
    """

    rows: pa.Table
    duplicate: int
    conflict: int


def keyed(batch: pa.Table, kinds: Sequence[str], arrived_at: int | None) -> pa.Table:
    """Rows of an events file: columns in order, event keys made, `arrived_at` filled where null.

    Args:
        batch: Columns of the `EVENTS` schema; those that may be null may be absent, and so may `source`.
        kinds: The workspace's kinds.
        arrived_at: Stands where `arrived_at` is null; None leaves it null.

    Raises:
        InputError: A column is absent, has a null or another type, or a kind is unknown.
    """
    n = len(batch)
    columns: dict[str, pa.ChunkedArray] = {}
    for field in ROWS:
        if field.name in ("key_hi", "key_lo"):
            continue
        if field.name in batch.column_names:
            try:
                columns[field.name] = batch[field.name].cast(field.type)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
                raise InputError(f"Column {field.name!r} of events is not {field.type}: {error}.") from error
        elif field.nullable or field.name == "source":
            columns[field.name] = pa.array([""] * n if field.name == "source" else pa.nulls(n, field.type), field.type)
        else:
            raise InputError(f"Events need a column {field.name!r}; found {', '.join(batch.column_names)}.")
        if not field.nullable and columns[field.name].null_count:
            raise InputError(
                f"Column {field.name!r} of events has {columns[field.name].null_count} nulls; it allows none."
            )
    if arrived_at is not None:
        columns["arrived_at"] = columns["arrived_at"].fill_null(arrived_at)
    unknown = set(pc.unique(columns["kind"]).to_pylist()) - set(kinds)
    if unknown:
        word = min(unknown)
        raise InputError(f"Unknown event kind {word!r}. {did_you_mean(word, kinds)}")
    names = pc.binary_join_element_wise(columns["source"], columns["event_id"], "\0")
    hi, lo = hash128(names)
    return pa.table([*(columns[name] for name in ROWS.names[:-2]), pa.array(hi), pa.array(lo)], schema=ROWS)


def fresh(rows: pa.Table, known_hi: np.ndarray, known_rows: Callable[[np.ndarray], pa.Table]) -> Fresh:
    """Tell new rows from known ones; what is in the log wins, then the first arrival, then the earlier row.

    Args:
        rows: Of the `ROWS` schema, each column one chunk; one bucket's.
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
        return Fresh(_sorted(rows), 0, 0)
    there = known_rows(known) if len(known) else rows.slice(0, 0)
    both = pa.concat_tables([there, rows.take(pa.array(places))]).combine_chunks()
    winner = _winner(both, len(there))
    lost = np.flatnonzero(winner != np.arange(len(both)))
    dropped = places[lost - len(there)]
    keep = np.ones(len(rows), bool)
    keep[dropped] = False
    conflict = _differ(both, lost, winner[lost])
    return Fresh(_sorted(rows.filter(pa.array(keep)).combine_chunks()), len(dropped), int(conflict.sum()))


def order_of(rows: pa.Table) -> np.ndarray:
    """Places that sort rows by (user_id, ts, event_key)."""
    columns = (rows[name].to_numpy() for name in ("ts", "key_hi", "key_lo"))
    return sort_events(ranks(rows["user_id"].combine_chunks())[1], *columns)


def _sorted(rows: pa.Table) -> pa.Table:
    return rows.take(pa.array(order_of(rows))).combine_chunks()


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
    order = np.lexsort((arrived, new, lo, hi, person))
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
