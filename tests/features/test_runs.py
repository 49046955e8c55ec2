"""Runs in flat arrays, against plain Python."""

from bisect import bisect_left

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.runs import bounds_of, first_from, owners, ranges

from .logs import some


def test_ranges_are_runs_of_integers():
    assert ranges(np.array([5, 0, 9]), np.array([2, 0, 3])).tolist() == [5, 6, 9, 10, 11]


@some
@given(st.lists(st.lists(st.integers(-9, 9)).map(sorted), max_size=6), st.data())
def test_places_are_found_within_their_run(runs, data):
    values = np.array([value for run in runs for value in run], np.int64)
    offsets = bounds_of(np.array([len(run) for run in runs], np.int64))
    assert owners(offsets).tolist() == [u for u, run in enumerate(runs) for _ in run]
    asked = data.draw(st.lists(st.tuples(st.integers(0, len(runs) - 1), st.integers(-10, 10)))) if runs else []
    u, wanted = np.array(asked, np.int64).reshape(-1, 2).T
    expected = [offsets[run] + bisect_left(runs[run], value) for run, value in asked]
    assert first_from(values, offsets[u], offsets[u + 1], wanted).tolist() == expected
