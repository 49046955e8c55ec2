"""Events cut off into the carry, against a fold in plain Python."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.events import KINDS, NULL, NUMBER_FIELDS, TOUCH
from features.histories import from_events
from features.pack import merge, pack_all, unpack
from features.trim import select, trim
from features.union import concatenate, union

from .logs import assert_dense, events_in, invent, some, tables, told, with_keys

FIELDS = ("ts", "hi", "lo", "arrived", "kind", *NUMBER_FIELDS, "item", "category", *TOUCH, "page", "referrer")


def folded(events):
    """Kind to (count, first, last, sums, known), and the first of each touch, of events as `told` tells them."""
    rows, touch = {}, dict.fromkeys(TOUCH)
    for event in (dict(zip(FIELDS, values, strict=True)) for values in events):
        row = rows.setdefault(event["kind"], [0, event["ts"], event["ts"], *([0, 0] for _ in NUMBER_FIELDS)])
        row[0], row[1], row[2] = row[0] + 1, min(row[1], event["ts"]), max(row[2], event["ts"])
        for place, name in enumerate(NUMBER_FIELDS, 3):
            if event[name] is not None:
                row[place] = [(row[place][0] + event[name] + 2**63) % 2**64 - 2**63, row[place][1] + 1]
        for name in TOUCH:
            if event[name] is not None and touch[name] is None:
                touch[name] = (event[name], event["ts"], event["hi"], event["lo"])
    return rows, touch


def carried(histories):
    """The same, of every person's carry."""
    people, carry = {}, histories.carry
    for u, user in enumerate(histories.users.to_pylist()):
        rows, touch = {}, dict.fromkeys(TOUCH)
        if carry is not None:
            for c in range(carry.offsets[u], carry.offsets[u + 1]):
                sums = ([int(carry.sums[name][c]), int(carry.known[name][c])] for name in NUMBER_FIELDS)
                rows[KINDS[carry.kind[c]]] = [int(carry.count[c]), int(carry.first[c]), int(carry.last[c]), *sums]
            for name in TOUCH:
                if carry.touch[name][u] >= 0:
                    field = histories.coded[name]
                    text = field.values[int(field.offsets[u] + carry.touch[name][u])].as_py()
                    touch[name] = (text, *carry.touch_key[name][u].tolist())
        people[user] = (rows, touch)
    return people


def assert_split(trimmed, table, floors):
    """Held and carried are what plain Python makes of the flat events; `floors` by person."""
    people = told(table)
    for user, events in people.items():
        assert events_in(trimmed)[user] == [event for event in events if event[0] >= floors[user]]
        old = folded([event for event in events if event[0] < floors[user]])
        assert carried(trimmed)[user] == old


def packed(histories):
    return unpack(list(zip(histories.users.to_pylist(), pack_all(histories), strict=True)))


@some
@given(tables, st.integers(0, 7))
def test_held_and_carried_are_the_whole(table, floor):
    table = with_keys(table)
    trimmed = trim(from_events(table), floor)
    assert_split(trimmed, table, dict.fromkeys(told(table), floor))
    if trimmed.carry is not None:
        assert (np.diff(trimmed.carry.kind)[np.diff(trimmed.carry.person) == 0] > 0).all()
        assert (trimmed.carry.ends()[trimmed.carry.person] < floor).all()


@some
@given(tables, st.lists(st.integers(0, 7), min_size=1, max_size=4))
def test_the_order_of_trimming_packing_and_merging_does_not_matter(table, floors):
    table = with_keys(table)
    whole, stepwise = from_events(table), from_events(table)
    for floor in sorted(floors):
        stepwise = packed(trim(stepwise, floor))
    at_once = trim(whole, max(floors))
    assert events_in(stepwise) == events_in(at_once)
    assert carried(stepwise) == carried(at_once)
    for name in whole.coded:  # the texts of touches stand after those of the events
        for u in range(len(whole)):
            part = slice(stepwise.coded[name].offsets[u], stepwise.coded[name].offsets[u + 1])
            assert sorted(stepwise.coded[name].values[part].to_pylist()) == sorted(
                at_once.coded[name]
                .values[at_once.coded[name].offsets[u] : at_once.coded[name].offsets[u + 1]]
                .to_pylist()
            )


@some
@given(tables, tables, st.integers(1, 6), st.integers(1, 6))
def test_later_events_merge_into_what_was_trimmed(old, new, floor, later):
    """The journal's way: a store that was trimmed takes in events from its floor on, and is trimmed again."""
    old = with_keys(old).filter(pa.compute.less(with_keys(old)["ts"], 10))
    new = with_keys(new)
    new = new.filter(pa.compute.greater_equal(new["ts"], floor))
    seen = {(row["user_id"], row["key_hi"]) for row in old.to_pylist()}
    new = new.filter(pa.array([(row["user_id"], row["key_hi"]) not in seen for row in new.to_pylist()], pa.bool_()))
    merged = trim(merge(packed(trim(from_events(old), floor)), new), max(floor, later))
    both = pa.concat_tables([old, new])
    assert_split(merged, both, dict.fromkeys(told(both), max(floor, later)))


@some
@given(tables, st.integers(0, 7), st.integers(0, 9))
def test_what_arrived_late_stays_and_all_after_it(table, floor, arrived_before):
    table = with_keys(table)
    trimmed = trim(from_events(table), floor, arrived_before=arrived_before)
    for user, events in told(table).items():
        first = next(
            (i for i, event in enumerate(events) if event[0] >= floor or event[3] >= arrived_before), len(events)
        )
        assert events_in(trimmed)[user] == events[first:]
        assert carried(trimmed)[user] == folded(events[:first])


@some
@given(tables, st.integers(0, 7))
def test_take_and_concatenate_carry_along(table, floor):
    table = with_keys(table)
    whole = trim(from_events(table), floor)
    order = np.arange(len(whole))[::-1].copy()
    turned = whole.take(order)
    assert carried(turned) == carried(whole)
    assert events_in(turned) == events_in(whole)
    parts = [whole.take(order[i : i + 1]) for i in range(len(whole))]
    if parts:
        both = concatenate([*parts, from_events(with_keys(invent(20, users=1)))])
        assert {user: carried(both)[user] for user in told(table)} == carried(whole)


@some
@given(tables, st.integers(0, 7), st.integers(0, 7))
def test_persons_who_keep_everything(table, floor, seed):
    table = with_keys(table)
    histories = from_events(table)
    whole = np.random.default_rng(seed).random(len(histories)) < 0.5
    trimmed = trim(histories, floor, whole=whole)
    floors = {u: -1 if keeps else floor for u, keeps in zip(histories.users.to_pylist(), whole, strict=True)}
    assert_split(trimmed, table, floors)


@some
@given(tables, tables)
def test_union_adds_up_two_carries_of_one_person(one, other):
    """Of disjoint events: what lies before the floor in either part lies before it in both."""
    one, other = with_keys(one), with_keys(other)
    seen = {row["key_hi"] for row in one.to_pylist()}
    other = other.filter(pa.array([row["key_hi"] not in seen for row in other.to_pylist()], pa.bool_()))
    both = pa.concat_tables([one, other])
    merged = union([trim(from_events(one), 4), trim(from_events(other), 4)])
    assert_split(merged, both, dict.fromkeys(told(both), 4))


@some
@given(tables, st.integers(0, 2**20))
def test_select_keeps_texts_of_the_events_that_stay(table, seed):
    histories = from_events(with_keys(table))
    kept = np.random.default_rng(seed).random(histories.n_events) < 0.5
    some_of = select(histories, kept)
    person = np.repeat(np.arange(len(histories)), np.diff(histories.offsets))
    expected = {user: [] for user in histories.users.to_pylist()}
    for (user, events), u in zip(events_in(histories).items(), range(len(histories)), strict=True):
        expected[user] = [e for e, k in zip(events, kept[person == u].tolist(), strict=True) if k]
    assert events_in(some_of) == expected
    assert_dense(some_of)


@pytest.mark.parametrize("fields", [("value",), ("item", "channel"), ()])
def test_fields_not_asked_for_are_left_out_of_the_carry(fields):
    table = with_keys(invent(50, users=2))
    table = table.set_column(table.column_names.index("channel"), "channel", pa.array(["shop", "web"] * 25))
    trimmed = trim(from_events(table), int(table["ts"][25].as_py()))
    found = unpack(list(zip(trimmed.users.to_pylist(), pack_all(trimmed), strict=True)), fields)
    assert set(found.carry.sums) == set(found.carry.known) == set(fields) & set(NUMBER_FIELDS)
    assert set(found.carry.touch) == set(fields) & set(TOUCH)
    assert found.carry.count.sum() == trimmed.carry.count.sum() == 50 - trimmed.n_events
    assert (found.n_events, NULL) == (trimmed.n_events, -(2**63))
