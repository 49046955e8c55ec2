"""Periods: what a censored row shows, the life table against one counted by hand, thinning that changes no mean."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.events import DAY
from models.timing import distribution
from training.periods import followed, life_table, likelihood, periods, thinned

EDGES = (1, 3, 7, 14)


def drawn(n, seed=0):
    """Exponential days to the event, and days that each row is followed."""
    generator = np.random.default_rng(seed)
    return generator.exponential(generator.choice([2, 8, 40], n)), generator.uniform(0, 20, n)


def labelled(days):
    return np.minimum(np.searchsorted(EDGES, days, side="right"), len(EDGES)).astype(np.int64)


def test_a_bucket_counts_only_where_it_was_over():
    cutoff = np.array([0, 1, 2, 3, 4, 10]) * DAY
    assert followed(cutoff, 4 * DAY, EDGES).tolist() == [2, 2, 1, 1, 0, 0]
    assert followed(cutoff, 14 * DAY, EDGES)[0] == 4
    assert followed(cutoff, 14 * DAY - 1, EDGES)[0] == 3


def test_the_periods_of_four_rows():
    given = periods(np.array([1, 4, 3, 0]), np.array([4, 2, 2, 0]))
    assert given.row.tolist() == [0, 0, 1, 1, 2, 2]  # the last was followed through no bucket
    assert given.bucket.tolist() == [0, 1, 0, 1, 0, 1]
    assert given.event.tolist() == [False, True, False, False, False, False]


def test_the_life_table_is_kaplan_and_meiers_estimate():
    """With every censoring on an edge, survival is the product-limit estimate, computed here row by row from the days."""
    days, until = drawn(3000)
    seen = np.searchsorted(EDGES, until, side="right")
    table = life_table(periods(labelled(days), seen), len(EDGES))
    stop = np.array([0, *EDGES])[seen]  # whoever is censored leaves at the last edge that was seen
    survival, edge_survival = 1.0, []
    ordered = sorted({d for d, s in zip(days.tolist(), stop.tolist(), strict=True) if d < s})
    for start, end in zip((0, *EDGES), EDGES, strict=False):
        for moment in (d for d in ordered if start <= d < end):
            at_risk = sum(1 for d, s in zip(days.tolist(), stop.tolist(), strict=True) if d >= moment and s > moment)
            survival *= 1 - 1 / at_risk
        edge_survival.append(survival)
    p = distribution(table.log_odds[None, :], 1.0, np.zeros(len(EDGES)))
    np.testing.assert_allclose(1 - np.cumsum(p[0, :-1]), edge_survival, rtol=1e-9)


def test_censoring_does_not_bend_the_hazards():
    generator = np.random.default_rng(3)
    days, until = generator.exponential(6, 200_000), generator.uniform(0, 20, 200_000)
    table = life_table(periods(labelled(days), np.searchsorted(EDGES, until, side="right")), len(EDGES))
    true = 1 - np.exp(-np.diff([0, *EDGES]) / 6)
    np.testing.assert_allclose(table.hazards, true, atol=4 * np.sqrt(0.25 / table.at_risk.min()))


def test_a_bucket_without_events_has_finite_log_odds():
    table = life_table(periods(np.full(10, 4), np.full(10, 2)), len(EDGES))
    assert np.isfinite(table.log_odds).all()
    assert table.at_risk.tolist() == [10, 10, 0, 0]


def test_thinning_keeps_every_event_and_every_total_on_average():
    days, until = drawn(40_000)
    whole = periods(labelled(days), np.searchsorted(EDGES, until, side="right"))
    few, share = thinned(whole, np.random.default_rng(1).random(len(whole)), most=30_000)
    assert few.event.sum() == whole.event.sum()
    assert len(few) == pytest.approx(max(30_000, 2 * whole.event.sum()), rel=0.05)
    assert set(np.unique(few.weight)) == {1.0, 1 / share}
    np.testing.assert_allclose(life_table(few, 4).hazards, life_table(whole, 4).hazards, rtol=0.05)
    assert thinned(whole, np.zeros(len(whole)), most=10**9)[1] == 1.0


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_the_likelihood_of_a_row_is_the_product_over_its_periods(seed, n):
    generator = np.random.default_rng(seed)
    raw = generator.normal(0, 2, (n, len(EDGES)))
    labels, seen = generator.integers(0, 5, n), generator.integers(0, 5, n)
    given = periods(labels, seen)
    hazard = 1 / (1 + np.exp(-raw[given.row, given.bucket]))
    expected = np.ones(n)
    np.multiply.at(expected, given.row, np.where(given.event, hazard, 1 - hazard))
    p = distribution(raw, 1.0, np.zeros(len(EDGES)))
    np.testing.assert_allclose(likelihood(p, labels, seen), expected, rtol=1e-9, atol=1e-12)
