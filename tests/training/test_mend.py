"""Hazards are corrected where there is something to mend, and only there; what is known of them is found again."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from models.hazardmodel import CORRECTIONS
from training.mend import fit, losses, mend
from training.periods import periods

J = 6


def drawn(n=12_000, seed=0, bend=None):
    """Rows with known hazards: (their log-odds as a model says them, labels, buckets seen, users)."""
    generator = np.random.default_rng(seed)
    said = generator.normal(0, 1, n)[:, None] + np.linspace(-2.5, -1.5, J)
    true = said if bend is None else bend(said)
    happens = generator.random((n, J)) < expit(true)
    labels = np.where(happens.any(axis=1), happens.argmax(axis=1), J)
    return (
        said,
        labels,
        generator.integers(2, J + 1, n),
        generator.integers(0, 2**62, n // 3)[generator.integers(0, n // 3, n)],
    )


def mended(said, labels, seen, users):
    given = periods(labels, seen)
    return mend(said[given.row, given.bucket], given, users, CORRECTIONS, J, 0)


def test_true_hazards_are_left_alone():
    found = mended(*drawn())
    assert found.calibrator.method == "none"
    assert found.calibrator.shift == (0.0,) * J


@pytest.mark.parametrize("wrong", ["shift", "slope", "intercepts"])
def test_wrong_hazards_are_mended(wrong):
    own = np.array([0.6, -0.6, 0.5, -0.5, 0.4, -0.4])
    bends = {"shift": lambda z: z - 0.5, "slope": lambda z: 0.5 * z - 0.8, "intercepts": lambda z: z + own}
    said, labels, seen, users = drawn(bend=bends[wrong])
    found = mended(said, labels, seen, users)
    assert found.gain["high"] < 0
    assert found.log_loss[found.calibrator.method] == min(found.log_loss.values())
    z = found.calibrator.slope * said + np.array(found.calibrator.shift)
    np.testing.assert_allclose(z.mean(axis=0), bends[wrong](said).mean(axis=0), atol=0.12)
    assert found.calibrator.method in ({"intercepts"} if wrong == "intercepts" else {wrong, "slope", "intercepts"})


def test_slope_is_the_logistic_regression_of_scikit_learn():
    said, labels, seen, _ = drawn(bend=lambda z: 0.7 * z - 0.3)
    given = periods(labels, seen)
    z = said[given.row, given.bucket]
    found = fit("slope", z, given, np.ones(len(z), bool), J)
    theirs = LogisticRegression(C=np.inf, tol=1e-10).fit(z[:, None], given.event)
    assert found.slope == pytest.approx(theirs.coef_[0, 0], abs=1e-4)
    assert found.shift[0] == pytest.approx(theirs.intercept_[0], abs=1e-4)
    p = expit(found.slope * z + np.array(found.shift)[given.bucket])
    assert losses(z, given, found).mean() == pytest.approx(log_loss(given.event, p), rel=1e-9)


def test_a_bucket_that_nobody_was_followed_through_keeps_the_common_shift():
    said, labels, _, _ = drawn(bend=lambda z: z - 0.5)
    given = periods(labels, np.full(len(labels), 3))
    found = fit("intercepts", said[given.row, given.bucket], given, np.ones(len(given), bool), J)
    assert found.shift[3] == found.shift[5]
    assert found.shift[5] == pytest.approx(-0.5, abs=0.1)


def test_too_few_events_mend_nothing():
    said, labels, seen, users = drawn(bend=lambda z: z - 0.5)
    found = mended(said[:150], labels[:150], seen[:150], users[:150])
    assert (found.calibrator.method, found.log_loss) == ("none", {})
