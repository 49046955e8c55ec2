"""One person's history as bytes and back."""

import struct
import time

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given

from features.errors import DamagedError, FormatError
from features.histories import from_events
from features.pack import HEAD, merge, pack, pack_all, unpack

from .logs import assert_dense, assert_same_codes, events_in, invent, some, tables, told, with_keys


def assert_same(one, other):
    assert events_in(one) == events_in(other)
    assert one.users.equals(other.users)
    assert (one.arrived is None) == (other.arrived is None)
    for name in one.coded:
        assert_same_codes(one.coded[name], other.coded[name])
        assert one.coded[name].codes.dtype == np.int32


@some
@given(tables)
def test_there_and_back(table):
    histories = from_events(with_keys(table))
    packed = list(pack_all(histories))
    assert packed == [pack(histories, u) for u in range(len(histories))]
    back = unpack(list(zip(histories.users.to_pylist(), packed, strict=True)))
    assert_same(back, histories)
    assert back.kind.dtype == np.int8


def test_many_texts_take_wider_codes():
    n = 40_000
    table = invent(n, users=1)
    table = table.set_column(3, "item", pa.array([f"i{i}" for i in range(n)]))
    table = table.set_column(4, "category", pa.array([f"c{i % 300}" for i in range(n)]))
    histories = from_events(with_keys(table))
    assert_same(unpack([("u0", pack(histories, 0))]), histories)


def test_an_unknown_person_has_no_events():
    histories = from_events(with_keys(invent(30, users=2)))
    back = unpack([("nobody", None), ("u1", pack(histories, 1)), ("nothing", b"")])
    assert events_in(back) == {"nobody": [], "u1": events_in(histories)["u1"], "nothing": []}
    assert len(unpack([])) == 0


def test_fields_not_asked_for_are_left_out():
    histories = from_events(with_keys(invent(100)))
    packed = [(user, pack(histories, u)) for u, user in enumerate(histories.users.to_pylist())]
    back = unpack(packed, fields=("value", "category"))
    assert (list(back.numbers), list(back.coded)) == (["value"], ["category"])
    assert_same_codes(back.coded["category"], histories.coded["category"])


def test_a_slice_of_texts_packs_as_itself():
    histories = from_events(with_keys(invent(500)))
    part = histories.take(np.array([7, 3]))
    assert pack(part, 1) == pack(histories, 3)


@some
@given(tables, tables)
def test_merge_is_from_events_of_the_union(before, after):
    before, after = with_keys(before), with_keys(after)
    histories = from_events(before)
    merged = merge(histories, after)
    assert events_in(merged) == told(pa.concat_tables([before, after]))
    known = histories.users.to_pylist()
    assert merged.users.to_pylist() == known + sorted(set(told(after)) - set(known))
    assert_dense(merged)


def test_merge_into_unpacked_keeps_silent_persons():
    table = with_keys(invent(10, users=1))
    merged = merge(unpack([("silent", None), ("u0", None)]), table)
    assert events_in(merged) == {"silent": [], **told(table)}


def test_another_version_is_refused():
    packed = pack(from_events(with_keys(invent(5, users=1))), 0)
    with pytest.raises(FormatError, match="version 9"):
        unpack([("u0", packed[:2] + bytes([9]) + packed[3:])])


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-1], lambda b: b + b"x", lambda b: b[:9], lambda b: b"xx" + b[2:], lambda b: b[: HEAD.size]]
)
def test_damage_is_told_with_the_person(damage):
    packed = pack(from_events(with_keys(invent(50, users=1))), 0)
    with pytest.raises(DamagedError, match="'u0'"):
        unpack([("u0", damage(packed))])


def test_a_width_that_does_not_exist_is_damage():
    histories = from_events(with_keys(invent(5, users=1)), fields=("item",))
    packed = pack(histories, 0)
    place = HEAD.size + 5 * (3 * 8 + 1)
    assert struct.unpack_from("<B", packed, place) == (1,)
    with pytest.raises(DamagedError):
        unpack([("u0", packed[:place] + bytes([7]) + packed[place + 1 :])])


def test_packing_and_unpacking_take_microseconds():
    histories = from_events(with_keys(invent(100, users=1)))
    packed = pack(histories, 0)
    assert len(packed) < 100 * 80

    def best(work):
        times = []
        for _ in range(50):
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
        return min(times)

    assert best(lambda: pack(histories, 0)) < 1e-3  # some 20 µs when idle
    assert best(lambda: unpack([("u0", packed)])) < 1e-3  # some 60 µs
