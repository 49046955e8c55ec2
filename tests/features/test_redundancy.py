"""Redundancy against SciPy, pandas and scikit-learn, and on features of which it is known who says the same."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import normalized_mutual_info_score

from features.redundancy import ALIKE, both, groups, mutual_information, of_numbers, of_texts, spearman

RNG = np.random.default_rng(3)
N = 2000
BASE = RNG.normal(size=N)


def test_spearman_is_pandas_and_scipys():
    values = np.column_stack([BASE, RNG.poisson(2, N), BASE**3 + RNG.normal(size=N), np.round(BASE)])
    np.testing.assert_allclose(spearman(values), pd.DataFrame(values).corr("spearman"), atol=1e-12)
    np.testing.assert_allclose(spearman(values), spearmanr(values).statistic, atol=1e-12)


def test_nothing_ranks_below_every_number():
    values = np.column_stack([BASE, RNG.poisson(2, N)])
    values[RNG.random((N, 2)) < 0.3] = np.nan
    low = np.where(np.isnan(values), -1e9, values)
    np.testing.assert_allclose(spearman(values)[0, 1], spearmanr(low).statistic, atol=1e-12)
    known = values[~np.isnan(values).any(axis=1)]
    assert both(values[:, 0], values[:, 1]) == pytest.approx(spearmanr(known).statistic, abs=1e-12)


def test_mutual_information_is_scikit_learns():
    one, other = RNG.integers(0, 6, N), RNG.integers(0, 4, N)
    mixed = np.where(RNG.random(N) < 0.7, one % 4, other)
    for a, b in ((one, other), (one, mixed), (one, one), (one, (one + 3) % 6)):
        assert mutual_information(a, b) == pytest.approx(normalized_mutual_info_score(a, b), abs=1e-12)
    assert mutual_information(np.zeros(5, int), np.zeros(5, int)) == 1.0


def test_who_says_the_same_is_found_and_named():
    columns = {
        "days": BASE,
        "hours": BASE * 24,
        "ago": -np.exp(BASE),
        "near": BASE + 0.05 * RNG.normal(size=N),
        "other": RNG.normal(size=N),
        "half": BASE + RNG.normal(size=N),
        "constant": np.ones(N),
        "empty": np.full(N, np.nan),
    }
    (found,) = of_numbers(columns, {})
    assert set(found.names) == {"days", "hours", "ago", "near"}
    assert found.names[0] in {"days", "hours", "ago"}
    assert found.likeness[0] == 1.0
    rho = pd.DataFrame(columns)[list(found.names)].corr("spearman").abs()
    np.testing.assert_allclose(found.likeness, rho.iloc[0], atol=1e-12)
    assert found.least == pytest.approx(rho.to_numpy().min())
    (weighed,) = of_numbers(columns, {"near": 0.2, "other": 1.0})
    assert weighed.names[0] == "near"


def test_being_silent_about_the_same_people_is_not_saying_the_same():
    silent = RNG.random(N) < 0.97
    one, other = np.where(silent, np.nan, RNG.normal(size=N)), np.where(silent, np.nan, RNG.normal(size=N))
    assert spearman(np.column_stack([one, other]))[0, 1] > 0.9
    rare = np.where(silent, np.nan, 1 + np.arange(N) % 2)  # nothing apart, the ranks are next to nothing
    assert abs(spearman(np.column_stack([rare, one]))[0, 1]) > 0.9
    assert of_numbers({"one": one, "other": other}, {}) == []
    (found,) = of_numbers({"one": one, "twice": 2 * one, "other": other}, {})
    assert set(found.names) == {"one", "twice"}
    few = np.where(np.arange(N) < 20, RNG.normal(size=N), np.nan)
    assert spearman(np.column_stack([few, 2 * few]))[0, 1] > ALIKE
    assert of_numbers({"one": few, "twice": 2 * few}, {}) == []  # 20 people are too few to tell


def test_every_two_of_a_group_are_alike():
    like = np.array([[1, 0.97, 0.90], [0.97, 1, 0.96], [0.90, 0.96, 1]])
    (found,) = groups(["a", "b", "c"], like, {})
    assert found.names == ("a", "b")
    assert groups(["a"], np.ones((1, 1)), {}) == []
    assert groups(["a", "b"], np.array([[1, 0.94], [0.94, 1]]), {}) == []


def test_texts():
    channel = RNG.choice(["app", "web", "store"], N)
    renamed = np.array([{"app": "x", "web": "y", "store": "z"}[word] for word in channel])
    columns = {
        "channel": pa.array(channel),
        "renamed": pa.array(renamed),
        "free": pa.array(RNG.choice(["a", "b"], N)),
        "none": pa.nulls(N, pa.string()),
    }
    (found,) = of_texts(columns, {})
    assert set(found.names) == {"channel", "renamed"}
    assert found.least == pytest.approx(1)
    assert of_texts({}, {}) == of_numbers({}, {}) == []
