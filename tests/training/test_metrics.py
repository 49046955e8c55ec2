"""Measures against scikit-learn and against naive loops; intervals against known coverage."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from training.metrics import NAMES, calibration_error, difference, evaluate, interval, lift
from training.resample import bins_of, draw, measure


def sample(n, n_classes, seed, *, ties=False, n_users=None):
    generator = np.random.default_rng(seed)
    p = generator.dirichlet(np.ones(n_classes), n)
    if ties:
        p = np.round(p, 1) + 0.01
        p /= p.sum(axis=1, keepdims=True)
    labels = (generator.random(n)[:, None] > np.cumsum(p, axis=1)).sum(axis=1).clip(0, n_classes - 1)
    return labels, p, generator.integers(0, n_users or max(2, n // 5), n)


def naive_ece(labels, p, n_bins):
    """Bins by quantile, row by row."""
    total = []
    for k in range(p.shape[1]) if p.shape[1] > 2 else [1]:
        edges = [np.quantile(p[:, k], i / n_bins) for i in range(1, n_bins)]
        sums = {}
        for score, label in zip(p[:, k], labels, strict=True):
            which = len({edge for edge in edges if edge <= score})
            said, seen, count = sums.get(which, (0.0, 0, 0))
            sums[which] = (said + score, seen + (label == k), count + 1)
        total.append(sum(count / len(labels) * abs(said / count - seen / count) for said, seen, count in sums.values()))
    return sum(total) / len(total)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_values_are_scikit_learns(n_classes, ties):
    labels, p, users = sample(2000, n_classes, seed=1, ties=ties)
    found = evaluate(labels, p, draw(users, 50, seed=0))
    assert tuple(found) == NAMES
    assert found["log_loss"]["value"] == pytest.approx(log_loss(labels, p))
    if n_classes == 2:
        assert found["brier"]["value"] == pytest.approx(brier_score_loss(labels, p[:, 1]))
        assert found["auc"]["value"] == pytest.approx(roc_auc_score(labels, p[:, 1]))
        assert found["average_precision"]["value"] == pytest.approx(average_precision_score(labels, p[:, 1]))
    else:
        onehot = np.eye(n_classes)[labels]
        assert found["brier"]["value"] == pytest.approx(((p - onehot) ** 2).sum(axis=1).mean())
        assert found["auc"]["value"] == pytest.approx(roc_auc_score(labels, p, multi_class="ovr", average="macro"))
        assert found["average_precision"]["value"] == pytest.approx(average_precision_score(onehot, p, average="macro"))
    for name in NAMES:
        assert found[name]["low"] <= found[name]["value"] <= found[name]["high"]
    assert found["log_loss"]["low"] < found["log_loss"]["high"]


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_ece_is_the_naive_loops(n_classes, ties):
    labels, p, _ = sample(700, n_classes, seed=2, ties=ties)
    assert calibration_error(labels, p) == pytest.approx(naive_ece(labels, p, 15))


def test_ece_of_a_perfect_model_is_what_noise_makes_it():
    labels, p, _ = sample(100_000, 2, seed=3)
    assert calibration_error(labels, p) < 2 * 0.8 * np.sqrt(0.25 * 15 / 100_000)
    assert calibration_error(labels, np.roll(p, 1, axis=1)) > 0.2


def test_a_constant_prediction_has_one_bin_and_no_lift():
    labels = np.array([0, 0, 0, 1] * 100)
    p = np.tile([0.7, 0.3], (400, 1))
    assert set(bins_of(p[:, 1])) == {1}
    assert calibration_error(labels, p) == pytest.approx(0.05)
    assert lift(labels == 1, p[:, 1]) == pytest.approx(1.0)


def test_lift_of_a_perfect_ranking():
    positive = np.arange(1000) >= 950
    assert lift(positive, np.arange(1000) / 1000) == pytest.approx(10.0)
    assert lift(np.arange(1000) >= 500, np.arange(1000) / 1000) == pytest.approx(2.0)


@pytest.mark.parametrize("ties", [False, True])
def test_one_draw_is_scikit_learns_weighted_value(ties):
    labels, p, users = sample(900, 2, seed=4, ties=ties)
    drawn = draw(users, 3, seed=5)
    got = measure(p[:, 1], labels == 1, drawn)
    for b in range(3):
        w = drawn.weights[b, drawn.person]
        assert got[b, 0] == pytest.approx(roc_auc_score(labels, p[:, 1], sample_weight=w))
        assert got[b, 1] == pytest.approx(average_precision_score(labels, p[:, 1], sample_weight=w))
        rows = np.repeat(np.arange(900), w.astype(int))
        assert got[b, 3] == pytest.approx(lift(labels[rows] == 1, p[rows, 1]))
        gap = (p[:, 1] - labels) * w
        assert got[b, 2] == pytest.approx(np.abs(np.bincount(bins_of(p[:, 1]), gap)).sum() / w.sum())


def test_a_draw_takes_whole_users():
    users = np.repeat(np.arange(40), 3)
    drawn = draw(users, 20, seed=1)
    assert (drawn.weights.sum(axis=1) == 40).all()
    assert (drawn.weights == draw(users, 20, seed=1).weights).all()
    assert (drawn.weights != draw(users, 20, seed=2).weights).any()


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    generator = np.random.default_rng(6)
    covered = 0
    for trial in range(200):
        rate = generator.beta(2, 6, 150)  # a user's own rate: rows of one user are alike
        users = np.repeat(np.arange(150), 4)
        y = (generator.random(600) < rate[users]).astype(int)
        drawn = draw(users, 200, seed=trial)
        found = interval(y.mean(), drawn.mean(y.astype(float)))
        covered += found["low"] <= 0.25 <= found["high"]
    assert 0.89 <= covered / 200 <= 0.99


def test_a_paired_difference_is_narrower_than_the_two_apart():
    labels, p, users = sample(3000, 3, seed=7)
    worse = 0.9 * p + 0.1 / 3
    drawn = draw(users, 200, seed=0)
    paired = difference(labels, p, worse, drawn)
    apart = evaluate(labels, p, drawn)["log_loss"]
    assert paired["high"] < 0
    assert paired["high"] - paired["low"] < 0.5 * (apart["high"] - apart["low"])
    assert difference(labels, p, p, drawn) == {"value": 0.0, "low": 0.0, "high": 0.0}


@pytest.mark.parametrize("n_classes", [2, 4])
def test_one_class_in_the_test_leaves_ranking_undefined_and_says_so(n_classes):
    _, p, users = sample(100, n_classes, seed=8)
    found = evaluate(np.zeros(100, int), p, draw(users, 20, seed=0))
    for name in ("auc", "average_precision", "lift_10"):
        assert found[name]["value"] is None
        assert "one class" in found[name]["reason"]
    assert found["log_loss"]["value"] > 0
    assert found["ece"]["low"] is not None


def test_a_class_unseen_in_the_test_is_left_out_of_the_mean():
    labels, p, users = sample(500, 4, seed=9)
    labels[labels == 2] = 1
    found = evaluate(labels, p, draw(users, 20, seed=0))
    expected = np.mean([roc_auc_score(labels == k, p[:, k]) for k in (0, 1, 3)])
    assert found["auc"]["value"] == pytest.approx(expected)
