"""Coverage of intervals whose outcomes are days wide, and a known hazard found again by the trees."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import log_loss

from models.hazard import Hazard
from models.hazardmodel import PLACE, laid_out
from models.timing import distribution, within
from training.fit import Rows, fit
from training.metrics import losses
from training.periods import life_table, periods
from training.timing import Followed, coverage, figures, two

EDGES = (1, 3, 7, 14, 30)
RECIPE = Hazard(("purchase",), EDGES, (7, 30))
PARAMS = {"learning_rate": 0.2, "num_leaves": 7, "min_data_in_leaf": 100}


def happened(hazards, seed=0):
    """Bucket of the event, drawn from hazards."""
    happens = np.random.default_rng(seed).random(hazards.shape) < hazards
    return np.where(happens.any(axis=1), happens.argmax(axis=1), hazards.shape[1]).astype(np.int64)


def shop(n, seed=1):
    """Two features; the hazards that follow from them, the second one's in the last buckets only."""
    generator = np.random.default_rng(seed)
    x = generator.normal(0, 1, (n, 2)).astype(np.float32)
    z = -2.0 + 0.8 * x[:, [0]] + np.where(np.arange(len(EDGES)) >= 3, 1.0, 0.0) * (x[:, [1]] > 0)
    return x, expit(z), generator.integers(1, len(EDGES) + 1, n)


def test_a_known_hazard_is_found_again_from_censored_rows():
    x, hazards, seen = shop(15_000)
    labels = happened(hazards)
    given = periods(labels, seen)
    table = life_table(given, len(EDGES))
    values = np.column_stack([x[given.row], given.bucket]).astype(np.float32)
    stop = given.row % 4 == 0
    rows = Rows(values, given.event.astype(np.int64), given.weight, table.log_odds[given.bucket])
    fitted = fit(rows, ~stop, stop, ("a", "b", PLACE), [], 2, PARAMS, rounds=60, patience=10, seed=0, label="x")
    fresh, true, _ = shop(5000, seed=2)
    z = fitted.raw(laid_out(fresh, len(EDGES))).reshape(len(fresh), -1) + table.log_odds
    assert np.abs(expit(z) - true).mean() < 0.03
    p, exact = (distribution(odds, 1.0, np.zeros(len(EDGES))) for odds in (z, np.log(true / (1 - true))))
    later = happened(true, seed=5)
    for days in EDGES:
        assert np.abs(within(p, EDGES, days) - within(exact, EDGES, days)).mean() < 0.04
    assert coverage(p, later, np.full(len(p), len(EDGES))).mean() == pytest.approx(0.8, abs=0.02)


def test_without_features_the_model_is_the_life_table():
    _, hazards, seen = shop(4000)
    given = periods(happened(hazards), seen)
    table = life_table(given, len(EDGES))
    values = np.column_stack([np.zeros(len(given)), given.bucket]).astype(np.float32)
    rows = Rows(values, given.event.astype(np.int64), given.weight, table.log_odds[given.bucket])
    half = given.row % 2 == 0
    fitted = fit(rows, half, ~half, ("a", PLACE), [], 2, {"num_leaves": 7}, rounds=5, patience=5, seed=0, label="x")
    z = fitted.raw(laid_out(np.zeros((1, 1), np.float32), len(EDGES))) + table.log_odds
    np.testing.assert_allclose(expit(z), table.hazards, rtol=1e-6)


def test_coverage_of_true_distributions_is_80_percent_however_wide_the_buckets_and_less_where_too_sure():
    generator = np.random.default_rng(0)
    p = generator.dirichlet(np.full(6, 0.5), 50_000)
    labels = (generator.random(len(p))[:, None] > np.cumsum(p, axis=1)).sum(axis=1).clip(0, 5)
    whole = np.full(len(p), 5)
    assert coverage(p, labels, whole).mean() == pytest.approx(0.8, abs=0.006)
    short = generator.integers(1, 6, len(p))  # so is what is known of rows that were followed for less
    assert coverage(p, labels, short).mean() == pytest.approx(0.8, abs=0.006)
    hidden = np.where(labels < short, labels, 5)
    np.testing.assert_array_equal(coverage(p, labels, short), coverage(p, hidden, short))
    sure = p**3 / (p**3).sum(axis=1, keepdims=True)
    assert coverage(sure, labels, whole).mean() < 0.7


def test_coverage_by_hand():
    p = np.array([[0.05, 0.15, 0.6, 0.2]] * 4)
    # [0, .05] lies outside; of [.05, .2] two thirds above .1; [.2, .8] whole; of [.8, 1] half below .9
    np.testing.assert_allclose(coverage(p, np.arange(4), np.full(4, 3)), [0, 2 / 3, 1, 0.5])
    # not within two buckets: [.2, 1], of which [.2, .9] lies inside
    np.testing.assert_allclose(coverage(p, np.arange(4), np.full(4, 2)), [0, 2 / 3, 7 / 8, 7 / 8])


def test_figures_use_no_row_beyond_what_it_was_followed_through():
    _, hazards, seen = shop(6000)
    labels = happened(hazards)
    p = distribution(np.log(hazards / (1 - hazards)), 1.0, np.zeros(len(EDGES)))
    users = np.arange(len(p))
    rates = life_table(periods(labels, seen), len(EDGES)).log_odds
    rates = distribution(rates[None, :], 1.0, np.zeros(len(EDGES)))[0]
    groups = {"everybody": np.ones(len(p), bool), "nobody": np.zeros(len(p), bool)}

    def found(labels):
        return figures(Followed(p, rates, labels, seen, users, groups), RECIPE, 7, 0)

    one = found(labels)
    assert found(np.where(labels >= seen, len(EDGES), labels)) == one  # what happened later is not looked at
    there = seen >= 3
    bought = labels[there] < 3
    assert one["log_loss_7d"]["value"] == pytest.approx(log_loss(bought, within(p[there], EDGES, 7)), rel=1e-9)
    assert one["log_loss_7d"]["value"] == pytest.approx(
        losses(bought.astype(int), two(within(p[there], EDGES, 7))).mean()
    )
    assert one["minus_life_table_30d"]["high"] < 0
    assert one["timing_minus_life_table"]["high"] < 0
    assert one["everybody_seen"]["low"] <= one["everybody_said"]["value"] <= one["everybody_seen"]["high"]
    assert "nobody_seen" not in one
    assert one["coverage_80"]["value"] == pytest.approx(0.8, abs=0.04)
