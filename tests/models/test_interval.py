"""Intervals around probabilities: kinds, bins, bounds."""

import numpy as np
import pytest

from features.errors import DamagedError
from models.interval import Cells, Interval, kind_of

MADE = Interval(
    ("new", "one_time"),
    {"churned": {0: Cells((0.5,), (0.1, 0.4)), 1: Cells((), (1.0,)), -1: Cells((), (2.0,))}},
    {"churned": (0.2, 0.3)},
)


def test_memberships_make_kinds():
    assert kind_of(np.array([[False, False], [True, False], [False, True], [True, True]])).tolist() == [0, 1, 2, 3]


def test_bounds_are_of_the_kind_and_the_bin_and_hold_the_probability():
    p = np.array([0.49, 0.5, 0.5, 0.5, 0.0, 1.0])
    low, high = MADE.around("churned", np.array([0, 0, 1, 3, 0, 0]), p)
    assert ((low <= p) & (p <= high) & (low >= 0) & (high <= 1)).all()
    width = high - low
    assert width[0] < width[1] < width[2] < width[3]
    assert low[1] == pytest.approx(1 / (1 + np.exp(0.4)))


def test_a_row_does_not_depend_on_the_others():
    p, kind = np.linspace(0, 1, 50), np.arange(50) % 3
    low, high = MADE.around("churned", kind, p)
    for i in range(50):
        alone = MADE.around("churned", kind[i : i + 1], p[i : i + 1])
        assert (alone[0][0], alone[1][0]) == (low[i], high[i])


def test_there_and_back():
    assert Interval.from_json(MADE.to_json()).to_json() == MADE.to_json()


def test_a_table_that_is_none_is_refused():
    with pytest.raises(DamagedError, match="interval of 'x'"):
        Interval((), {"x": {0: Cells((0.5,), (0.1,)), -1: Cells((), (1.0,))}}, {})
    with pytest.raises(DamagedError, match="Train again"):
        Interval((), {"x": {0: Cells((), (0.1,))}}, {})
