"""Work beside work: order is kept, errors come through, nothing runs on once nobody wants it."""

import threading
import time

import pytest

from features.ahead import AT_A_TIME, abreast, ahead, side_by_side


def test_items_made_ahead_come_in_order():
    assert list(ahead(iter(range(100)))) == list(range(100))
    assert list(ahead([])) == []


def test_they_are_made_in_another_thread_and_not_far_ahead():
    made = []

    def items():
        for i in range(10):
            made.append(threading.get_ident())
            yield i

    found = ahead(items(), n=2)
    assert next(found) == 0
    time.sleep(0.05)
    assert len(made) <= 4  # one given, two waiting, one in the hand
    assert list(found) == list(range(1, 10))
    assert threading.get_ident() not in made


def test_an_error_comes_after_what_was_made_before_it():
    def items():
        yield 1
        raise KeyError("two")

    found = ahead(items())
    assert next(found) == 1
    with pytest.raises(KeyError, match="two"):
        next(found)


def test_closed_early_the_source_is_closed_too():
    ended = threading.Event()

    def items():
        try:
            while True:
                yield 1
        finally:
            ended.set()

    found = ahead(items())
    assert next(found) == 1
    found.close()
    assert ended.is_set()


def test_side_by_side_keeps_order_and_bounds_what_is_under_way():
    lock, under_way, most = threading.Lock(), [0], [0]

    def work(i):
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        time.sleep(0.002 * (i % 3))
        with lock:
            under_way[0] -= 1
        return i * i

    assert list(side_by_side(work, range(20), 3)) == [i * i for i in range(20)]
    assert 1 < most[0] <= 3


def test_where_one_fails_those_begun_are_ended_and_no_more_begin():
    begun, ended = [], []

    def work(i):
        begun.append(i)
        if i == 1:
            raise ValueError("one")
        time.sleep(0.02)
        ended.append(i)
        return i

    with pytest.raises(ValueError, match="one"):
        list(side_by_side(work, range(50), 2))
    assert set(begun) - set(ended) == {1}
    assert len(begun) < 6


def test_large_buckets_are_worked_at_one_by_one():
    assert abreast(AT_A_TIME) == abreast(50 * AT_A_TIME) == 1
    assert 1 <= abreast(0) <= 4
