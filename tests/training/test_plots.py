"""What the pictures are drawn from, and that they are drawn."""

import numpy as np
import pytest

from training.plots import calibration, caught, gain, importance, reliability
from training.resample import draw


def sample(n=3000):
    generator = np.random.default_rng(0)
    p = generator.beta(1, 3, n)
    return p, generator.random(n) < p, draw(generator.integers(0, 600, n), 50, seed=0)


def test_reliability_of_a_calibrated_score_lies_on_the_diagonal():
    p, positive, resamples = sample()
    said, seen, low, high = reliability(p, positive, resamples)
    assert len(said) == 15
    assert (low <= seen).all()
    assert (seen <= high).all()
    assert ((low <= said) & (said <= high)).mean() > 0.7
    assert np.average(seen) == pytest.approx(positive.mean(), abs=1e-9)


def test_caught_counts_the_likeliest_first_and_ties_evenly():
    positive = np.array([False, False, True, True])
    share = np.array([0, 0.25, 0.5, 1])
    assert caught(positive, np.array([1, 2, 3, 4.0]), share).tolist() == [0, 0.5, 1, 1]
    assert caught(positive, np.ones(4), share).tolist() == [0, 0.25, 0.5, 1]


def test_pictures_are_written(tmp_path):
    p, positive, resamples = sample()
    both = np.column_stack([1 - p, p])
    calibration(tmp_path / "a.png", "a", positive.astype(int), both, ("active", "churned"), resamples)
    gain(tmp_path / "b.png", "b", positive, {"model": p, "base_rate": np.ones(len(p))}, "churned")
    importance(tmp_path / "c.png", "c", [("purchase_age", "recency", 2.0), ("items_30d", "breadth", 0.0)])
    for name in "abc":
        assert (tmp_path / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
