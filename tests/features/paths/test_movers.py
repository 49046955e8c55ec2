"""Intervals against published figures, removal effects against every walk through a small chain, dwell to three digits."""

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.paths import dwell, movers, show, tables
from features.paths.flows import removal
from features.paths.movers import newcombe, wilson
from tests.features.logs import some


@pytest.mark.parametrize("module", [dwell, movers, show, tables], ids=lambda module: module.__name__)
def test_examples_in_docstrings(module):
    assert doctest.testmod(module, extraglobs={"np": np}).failed == 0


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 29, 0.8830, 1),
    ],
)
def test_wilson_as_in_table_1_of_newcombe_1998a(k, n, low, high):
    assert wilson(k, n) == (pytest.approx(low, abs=6e-5), pytest.approx(high, abs=6e-5))


@pytest.mark.parametrize(
    ("k1", "n1", "k2", "n2", "low", "high"),
    [
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (6, 7, 2, 7, 0.0582, 0.8062),
        (5, 56, 0, 29, -0.0381, 0.1926),
        (0, 10, 0, 20, -0.1611, 0.2775),
        (10, 10, 0, 10, 0.6075, 1),
    ],
)
def test_newcombe_as_in_table_2_of_newcombe_1998b(k1, n1, k2, n2, low, high):
    assert newcombe(k1, n1, k2, n2) == (pytest.approx(low, abs=6e-5), pytest.approx(high, abs=6e-5))


@pytest.mark.parametrize(("others", "sure"), [(0, True), (19, False)])
def test_the_more_is_compared_the_less_is_sure(others, sure):
    tally = movers.Tally(1 + others, n=200, converted=100)
    tally.having[:, 0] = 100, 58  # 58 % with it, 42 % without
    tally.having[:, 1:] = [[100], [50]]
    found = tally.describe(tuple(f"s{k}" for k in range(1 + others)), 10)["steps"][0]
    assert (found["steps"], found["sure"]) == (["s0"], sure)
    assert 0 < found["low"] < found["difference"] == pytest.approx(0.16)


def walked(rates, without=None, length=60):
    """Probability of conversion, a walk of each length after the other, of a chain of which one step leads nowhere."""
    s, converted = len(rates) - 3, 0.0
    at = {s: 1.0}  # START
    for _ in range(length):
        after = {}
        for here, chance in at.items():
            for there in range(s + 3):
                p = chance * rates[here][there]
                if there == s + 1:
                    converted += p
                elif there < s and there != without and p:
                    after[there] = after.get(there, 0.0) + p
        at = after
    return converted


counts = st.lists(st.lists(st.integers(0, 5), min_size=6, max_size=6), min_size=4, max_size=4)


@some
@given(counts)
def test_removal_effects_are_those_of_all_walks(rows):
    table = np.zeros((6, 6), np.int64)  # three steps, START, conversion, nothing
    table[:4] = rows
    table[:, 3] = 0  # nothing leads to START
    table[:3, 5] += 1  # from everywhere one may leave, as in any log
    rates = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    whole, lost = removal(table)
    assert whole == pytest.approx(walked(rates, length=400), abs=1e-9)
    for step in range(3):
        if whole > 0:
            assert lost[step] == pytest.approx(1 - walked(rates, step, 400) / whole, abs=1e-9)
        else:
            assert np.isnan(lost[step])


@some
@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=50))
def test_bins_keep_three_digits_and_order(values):
    values = np.sort(np.array(values))
    bins = dwell.bin_of(values)
    assert (np.diff(bins) >= 0).all()
    for value, place in zip(values.tolist(), bins.tolist(), strict=True):
        assert 0 <= place < dwell.BINS
        assert dwell.value_of(place) == int(str(value)[:3].ljust(len(str(value)), "0"))
