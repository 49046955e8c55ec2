"""Calibrators are found where there is something to mend, and only there."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, logit, softmax
from sklearn.isotonic import IsotonicRegression

from models.calibration import METHODS
from training.calibrate import choose, fit
from training.metrics import losses

ALL = METHODS[1:]


def drawn(p, generator):
    return (generator.random(len(p))[:, None] > np.cumsum(p, axis=1)).sum(axis=1).clip(0, p.shape[1] - 1)


def sample(n_classes, n=20_000, seed=0):
    """True probabilities, what happened, and users."""
    generator = np.random.default_rng(seed)
    p = softmax(generator.normal(0, 1.5, (n, n_classes)) + np.linspace(1, -1, n_classes), axis=1)
    return p, drawn(p, generator), generator.integers(0, 2**62, n // 4)[generator.integers(0, n // 4, n)]


def sharpened(p, power):
    return softmax(power * np.log(p), axis=1)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_a_calibrated_model_is_left_alone(n_classes):
    p, labels, users = sample(n_classes)
    assert choose(labels, p, users, ALL, seed=0).calibrator.method == "none"


@pytest.mark.parametrize("n_classes", [2, 4])
def test_an_overconfident_model_is_mended(n_classes):
    p, labels, users = sample(n_classes)
    worse = sharpened(p, 2.0)
    made = choose(labels, worse, users, ALL, seed=0)
    assert made.gain["high"] < 0
    q = made.calibrator.apply(worse)
    assert np.allclose(q.sum(axis=1), 1)
    assert losses(labels, q).mean() < losses(labels, p).mean() + 0.003
    assert made.to_json()["method"] == made.calibrator.method


@pytest.mark.parametrize("n_classes", [2, 3])
def test_temperature_undoes_a_temperature(n_classes):
    p, labels, _ = sample(n_classes, n=60_000)
    made = fit("temperature", labels, sharpened(p, 2.0))
    assert made.values["temperature"] == pytest.approx(2.0, rel=0.05)


def test_vector_undoes_a_scale_and_a_shift():
    p, labels, _ = sample(3, n=60_000)
    worse = softmax(1.5 * np.log(p) + [0.5, -0.5, 0.0], axis=1)
    assert np.abs(fit("vector", labels, worse).apply(worse) - p).mean() < 0.01


def test_platt_and_beta_are_the_minimisers():
    generator = np.random.default_rng(1)
    p1 = expit(generator.normal(-1, 1, 5000))
    labels = (generator.random(5000) < expit(0.7 * logit(p1) + 0.4)).astype(int)
    p = np.column_stack([1 - p1, p1])

    def nll(q):
        return -np.where(labels == 1, np.log(q), np.log1p(-q)).mean()

    platt = minimize(lambda t: nll(expit(t[0] * logit(p1) + t[1])), [1, 0]).fun
    beta = minimize(lambda t: nll(expit(t[0] * np.log(p1) - t[1] * np.log1p(-p1) + t[2])), [1, 1, 0]).fun
    assert losses(labels, fit("platt", labels, p).apply(p)).mean() == pytest.approx(platt, abs=1e-6)
    assert losses(labels, fit("beta", labels, p).apply(p)).mean() == pytest.approx(beta, abs=1e-6)


def test_beta_never_bends_downwards():
    generator = np.random.default_rng(2)
    p1 = generator.beta(1, 1, 3000)
    for truth in (p1**0.2, 1 - (1 - p1) ** 0.2, 1 - p1):
        made = fit("beta", (generator.random(3000) < truth).astype(int), np.column_stack([1 - p1, p1]))
        assert min(made.values["a"] + made.values["b"]) >= 0


def test_isotonic_is_scikit_learns_kept_off_the_ends():
    p, labels, _ = sample(2, n=3000)
    made = fit("isotonic", labels, p).apply(p)[:, 1]
    steps = IsotonicRegression(out_of_bounds="clip").fit(p[:, 1], labels).predict(p[:, 1])
    assert np.abs(made - steps).max() <= 0.5 / 3000 + 1e-12
    assert made.min() > 0
    assert made.max() < 1


def test_few_rows_or_a_missing_class_calibrate_nothing():
    p, labels, users = sample(4, n=150)
    assert choose(labels, sharpened(p, 3), users, ALL, seed=0).calibrator.method == "none"
    p, labels, users = sample(4, n=5000)
    labels[labels == 3] = 0  # unseen: nothing can be fitted to it
    assert choose(labels, sharpened(p, 3), users, ALL, seed=0).log_loss == {}
