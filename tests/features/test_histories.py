"""Histories from flat events, against plain Python; taking persons; merging."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import InternalError
from features.events import CODED_FIELDS, KINDS, NUMBER_FIELDS
from features.histories import from_events
from features.union import empty, thin, union

from .logs import assert_dense, events_in, invent, some, tables, told, with_keys


@some
@given(tables)
def test_from_events_sorts_and_keeps_the_first_arrival(table):
    table = with_keys(table)
    histories = from_events(table)
    assert events_in(histories) == told(table)
    assert histories.users.to_pylist() == sorted(told(table))
    assert_dense(histories)
    late = any(event[3] > event[0] for events in told(table).values() for event in events)
    assert (histories.arrived is not None) == late


@some
@given(tables, st.randoms())
def test_the_order_of_rows_decides_only_among_equal_arrivals(table, random):
    """Without two rows of one key, person and arrival, any order of the rows is the same history."""
    table = with_keys(table)
    seen, kept = set(), []
    for place, row in enumerate(table.to_pylist()):
        arrived = max(row["ts"] if row["arrived_at"] is None else row["arrived_at"], row["ts"])
        mark = (row["user_id"], row["key_hi"], row["key_lo"], arrived)
        if mark not in seen:
            seen.add(mark)
            kept.append(place)
    shuffled = random.sample(kept, len(kept))
    one, other = (from_events(table.take(pa.array(order, pa.int64()))) for order in (kept, shuffled))
    assert events_in(one) == events_in(other)


@some
@given(tables)
def test_strings_and_dictionaries_are_the_same(table):
    table = with_keys(table)
    coded = pa.table(
        {
            name: table[name].dictionary_encode() if pa.types.is_string(table.schema.field(name).type) else table[name]
            for name in table.column_names
        }
    )
    assert events_in(from_events(coded)) == events_in(from_events(table))


def test_the_workspaces_own_kinds_have_codes_after_ours():
    table = invent(5).drop_columns("kind").append_column("kind", pa.array(["tasting"] * 5))
    table = with_keys(table)
    assert set(from_events(table, (*KINDS, "tasting")).kind.tolist()) == {len(KINDS)}


def test_only_the_fields_asked_for_are_there():
    histories = from_events(with_keys(invent(50)), fields=("value", "item"))
    assert (list(histories.numbers), list(histories.coded)) == (["value"], ["item"])


@some
@given(tables, st.lists(st.integers(0, 4), max_size=8))
def test_take_is_the_persons_in_the_order_given(table, places):
    histories = from_events(with_keys(table))
    rows = np.array([place for place in places if place < len(histories)], np.int64)
    taken = histories.take(rows)
    users = histories.users.to_pylist()
    assert taken.users.to_pylist() == [users[row] for row in rows]
    whole = events_in(histories)
    for u, row in enumerate(rows):
        one = taken.take(np.array([u]))
        assert events_in(one) == {users[row]: whole[users[row]]}
    assert_dense(taken)


@some
@given(st.lists(tables, min_size=1, max_size=4))
def test_union_is_from_events_of_all(parts):
    keyed = [with_keys(table) for table in parts]
    merged = union([from_events(table) for table in keyed])
    assert events_in(merged) == told(pa.concat_tables(keyed))
    assert merged.users.to_pylist() == list(dict.fromkeys(u for table in keyed for u in sorted(told(table))))
    assert_dense(merged)


def test_union_of_strangers_needs_neither_keys_nor_texts():
    table = with_keys(invent(200))
    whole = from_events(table)
    halves = [whole.take(np.arange(start, stop)) for start, stop in ((0, 20), (20, len(whole)))]
    assert events_in(union(halves)) == events_in(whole)
    bare = union([thin(half, (), keys=False) for half in halves])
    assert len(bare.key_hi) == len(bare.coded["item"].values) == 0
    np.testing.assert_array_equal(bare.coded["item"].codes, whole.coded["item"].codes)
    np.testing.assert_array_equal(bare.coded["item"].offsets, whole.coded["item"].offsets)


def test_union_of_one_person_without_keys_is_refused():
    part = thin(from_events(with_keys(invent(20))), (), keys=False)
    with pytest.raises(InternalError, match="keys and texts"):
        union([part, part])


def test_take_of_thin_histories_keeps_offsets():
    whole = from_events(with_keys(invent(300)))
    rows = np.array([5, 0, 5, 17])
    taken, thinned = whole.take(rows), thin(whole, ("category",), keys=False).take(rows)
    for name in CODED_FIELDS[:2]:
        np.testing.assert_array_equal(taken.coded[name].offsets, thinned.coded[name].offsets)
        np.testing.assert_array_equal(taken.coded[name].codes, thinned.coded[name].codes)
    assert taken.coded["category"].values.equals(thinned.coded["category"].values)
    assert len(thinned.coded["item"].values) == len(thinned.key_lo) == 0


def test_nobody_and_nothing():
    nothing = from_events(with_keys(invent(0)))
    assert (len(nothing), nothing.n_events, nothing.offsets.tolist()) == (0, 0, [0])
    silent = empty(pa.array(["a", "b"]), NUMBER_FIELDS, CODED_FIELDS)
    assert events_in(silent) == {"a": [], "b": []}
    assert events_in(union([silent, from_events(with_keys(invent(3, users=1)))]))["a"] == []
