"""Drift against its formulas written out, against SciPy, and on shifts of which the answer is known."""

from math import isnan, log

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import ks_2samp, norm

from features.drift import SHIFTED, STABLE, ks, psi, psi_of_numbers, psi_of_texts
from features.profile import texts

RNG = np.random.default_rng(8)


def by_hand(earlier, later):
    """PSI of lists of counts, term by term."""
    n = len(earlier)
    q = [(count + 0.5) / (sum(earlier) + 0.5 * n) for count in earlier]
    p = [(count + 0.5) / (sum(later) + 0.5 * n) for count in later]
    return sum((a - b) * log(a / b) for a, b in zip(p, q, strict=True))


def test_psi_of_counts():
    assert psi(np.array([50, 50]), np.array([50, 50])) == 0
    assert psi(np.array([50, 50]), np.array([500, 500])) == pytest.approx(0, abs=1e-12)
    assert psi(np.array([10, 20, 70]), np.array([20, 20, 60])) == pytest.approx(by_hand([10, 20, 70], [20, 20, 60]))
    assert psi(np.array([100, 0]), np.array([0, 100])) == pytest.approx(by_hand([100, 0], [0, 100]))
    assert psi(np.array([10, 0, 90]), np.array([20, 0, 80])) == pytest.approx(by_hand([10, 90], [20, 80]))
    assert isnan(psi(np.array([0, 0]), np.array([1, 2])))


def test_psi_of_numbers_parts_at_the_deciles_of_the_earlier():
    earlier = np.append(np.arange(1.0, 101), np.full(10, np.nan))
    later = np.append(np.arange(51.0, 151), np.full(30, np.nan))
    assert psi_of_numbers(earlier, later) == pytest.approx(by_hand([10] * 10 + [10], [0] * 5 + [10] * 4 + [60, 30]))
    assert psi_of_numbers(earlier, earlier[::-1]) == pytest.approx(0, abs=1e-12)


def test_equal_answers_share_a_bin():
    earlier, later = np.repeat([0.0, 1, 5], [80, 15, 5]), np.repeat([0.0, 1, 5], [40, 40, 20])
    assert psi_of_numbers(earlier, later) == pytest.approx(by_hand([80, 15, 5], [40, 40, 20]))


def test_nothing_is_a_bin_of_its_own():
    full = np.zeros(1000)
    holed = np.where(np.arange(1000) < 400, np.nan, 0.0)
    assert psi_of_numbers(full, holed) > SHIFTED
    assert isnan(psi_of_numbers(np.empty(0), full))
    assert psi_of_numbers(np.full(10, np.nan), np.full(20, np.nan)) == 0


def test_thresholds_mean_what_they_are_said_to_mean():
    """For normal answers that move by d deviations, the exact divergence is d² (Jeffreys 1946)."""
    one = norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    assert psi_of_numbers(one, one + 0.2) == pytest.approx(0.04, rel=0.1)
    assert psi_of_numbers(one, one + 0.2) < STABLE < psi_of_numbers(one, one + 0.45)
    assert psi_of_numbers(one, one + 0.45) < SHIFTED < psi_of_numbers(one, one + 0.6)
    same = [psi_of_numbers(RNG.normal(size=5000), RNG.normal(size=5000)) for _ in range(20)]
    assert max(same) < 0.02


def test_psi_of_texts():
    earlier = texts(pa.array(["a"] * 60 + ["b"] * 30 + [None] * 10))
    later = texts(pa.array(["a"] * 30 + ["c"] * 50 + [None] * 20))
    assert psi_of_texts(earlier, later) == pytest.approx(by_hand([60, 30, 0, 10], [30, 0, 50, 20]))


@pytest.mark.parametrize("holes", [0.0, 0.3])
def test_ks_is_scipys(holes):
    for other in (RNG.normal(0.3, 1, 700), RNG.poisson(1, 500).astype(float), np.repeat(0.0, 30)):
        one = RNG.poisson(2, 900).astype(float)
        one[RNG.random(900) < holes] = np.nan
        assert ks(one, other) == pytest.approx(ks_2samp(one[~np.isnan(one)], other).statistic, abs=1e-12)
    assert isnan(ks(np.full(3, np.nan), np.ones(3)))
