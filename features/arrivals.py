"""Events on their way into the log: completed, stamped, keyed and sorted.

An event is seen at a cutoff only if it has happened (`ts`) and arrived (`arrived_at`) before it.

- The source's own `arrived_at`, where it has one, stays. One before `ts` counts as `ts`; the report counts such rows as `early`.
- Without one, the rows of a first load keep it open, and it counts as `ts`: else every cutoff before the load would see
  nothing. Rows of later loads arrive at the instant of the load, events posted to the service when they are posted.
- An arrival up to 5 minutes from now on is kept, since clocks differ; beyond that the row is put aside (`arrived_in_future`).
- Where our clock went back, so that the log knows an arrival later than now, a load arrives at that later instant: what a past
  cutoff saw stays what it saw. Beyond a day one of the two clocks was wrong, and the load arrives now. Both are told.
- Of an event told several times what arrived first counts, content and all; where that ties what the log has, then the row read
  first. A row that arrived before the one in the log takes its place, in the same commit, and is a duplicate like the others.
  Other content is counted as `conflict`. So the log reads the same in whatever order files and rows come, and however often,
  but for conflicts that arrive at one instant, and for stamps, which are those of the first load that tells an event.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .cells import whole
from .errors import InputError, did_you_mean
from .events import ACTS
from .hashing import hash128
from .histories import ranks, sort_events
from .schema import EVENTS

ROWS: Final = pa.schema([field for field in EVENTS if field.name != "bucket"])
"""An events file's columns: the partition is in its path."""
KEYS: Final = ("key_hi", "key_lo")
CODED: Final = pa.dictionary(pa.int32(), pa.string())


def stamp_of(last: int | None, now: int, notes: list[str]) -> int:
    """When a load arrives, microseconds UTC.

    Args:
        last: The latest arrival in the log; None where none is told.
        now: What our clock says.
        notes: Takes what is worth saying.
    """
    if last is None or last <= now:
        return now
    behind = timedelta(microseconds=last - now)
    at = datetime.fromtimestamp(last / 1e6, UTC).isoformat(timespec="seconds")
    if behind <= timedelta(days=1):
        notes.append(
            f"The clock is {behind} behind the last arrival in the log: events of this load arrive then, at {at}."
        )
        return last
    notes.append(
        f"The clock is {behind.days:,} days behind the last arrival in the log, {at}: one of the two was wrong. Events of this load "
        "arrive now; cutoffs between the two see them, and did not before."
    )
    return now


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
    return pa.table(columns, schema=_schema(plain))


def _schema(plain: Collection[str]) -> pa.Schema:
    """`ROWS`, texts as dictionaries but for the columns of `plain`, without keys."""
    return pa.schema(
        [
            field.with_type(CODED) if pa.types.is_string(field.type) and field.name not in plain else field
            for field in ROWS
            if field.name not in KEYS
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


def order_of(rows: pa.Table) -> np.ndarray:
    """Places that sort rows by (user_id, ts, event_key)."""
    columns = (rows[name].to_numpy() for name in ("ts", "key_hi", "key_lo"))
    return sort_events(ranks(rows["user_id"].combine_chunks())[1], *columns)


def sorted_rows(rows: pa.Table) -> pa.Table:
    """The rows sorted by (user_id, ts, event_key)."""
    order = pa.array(order_of(rows))
    columns = [pc.take(whole(column), order, boundscheck=False) for column in rows.columns]
    return pa.Table.from_arrays(columns, schema=rows.schema)
