"""Baselines find what simple models can find, and are never worse than the base rate where there is something to find."""

import numpy as np
import pytest
from scipy.special import expit

from training.baselines import NAMES, PREFIX, QUESTIONS, Part, Regression, Shares, Steps, run, terms
from training.metrics import losses


def column(name):
    return NAMES.index(PREFIX + name)


def part(n, seed, n_classes, *, never=0.1):
    """Answers in which only the age of the purchase tells; some never bought."""
    generator = np.random.default_rng(seed)
    answers = generator.gamma(1.0, 20.0, (n, len(NAMES)))
    missing = generator.random(n) < never
    answers[missing, column("purchase_age")] = np.nan
    age = np.where(missing, 400.0, answers[:, column("purchase_age")])
    far = expit((age - 30) / 10)
    if n_classes == 2:
        labels = (generator.random(n) < far).astype(int)
        truth = np.column_stack([1 - far, far])
    else:
        truth = np.column_stack([far * 0.8, far * 0.2, 1 - far])
        labels = (generator.random(n)[:, None] > np.cumsum(truth, axis=1)).sum(axis=1).clip(0, 2)
    return Part(answers, labels, generator.integers(0, 2**62, n)), truth


@pytest.mark.parametrize("n_classes", [2, 3])
def test_baselines_beat_the_base_rate_and_come_near_the_truth(n_classes):
    train, _ = part(8000, 1, n_classes)
    calibrate, _ = part(3000, 2, n_classes)
    test, truth = part(6000, 3, n_classes)
    found = run(train, calibrate, test.answers, n_classes, ("none", "isotonic"), seed=0)
    assert list(found) == ["base_rate", "recency", "frequency", "rfm", "aipl"]
    loss = {name: losses(test.labels, p).mean() for name, p in found.items()}
    best = losses(test.labels, truth).mean()
    for p in found.values():
        assert p.shape == (6000, n_classes)
        assert np.allclose(p.sum(axis=1), 1)
    gain = loss["base_rate"] - best
    assert loss["base_rate"] - loss["recency"] > 0.9 * gain
    assert loss["base_rate"] - loss["rfm"] > 0.9 * gain
    assert abs(loss["base_rate"] - loss["frequency"]) < 0.1 * gain  # it knows nothing here, and does no harm


def test_the_base_rate_is_the_training_rows_shares():
    train, _ = part(500, 1, 3)
    found = run(train, train, train.answers[:2], 3, ("none",), seed=0)["base_rate"]
    assert found[0] == pytest.approx(np.bincount(train.labels) / 500)


def test_never_is_a_column_of_its_own():
    answers = np.full((2, len(NAMES)), 3.0)
    answers[1, column("purchase_age")] = np.nan
    assert terms(answers, ["purchase_age"]).tolist() == [[np.log(4.0), 0.0], [0.0, 1.0]]
    assert terms(answers, ["spent"]).shape == (2, 1)


def test_money_taken_back_does_not_break_the_logarithm():
    answers = np.full((2, len(NAMES)), -5.0)
    assert np.isfinite(terms(answers, ["spent", "purchases"])).all()


@pytest.mark.parametrize("candidate", [Steps("age"), Regression(("age",), 1.0)])
def test_a_constant_answer_gives_the_base_rate(candidate):
    labels = np.array([0, 0, 0, 1] * 100)
    constant = Part(np.ones((400, len(NAMES))), labels, np.arange(400))
    assert candidate.fit(constant)(constant.answers) == pytest.approx(np.tile([0.75, 0.25], (400, 1)), abs=1e-3)


def test_questions_look_back():
    from features.traits import is_forward

    assert not any(is_forward(question) for question in QUESTIONS.values())


def test_the_rule_view_gives_each_state_its_own_shares():
    answers = np.zeros((600, len(NAMES)))
    bought = np.arange(600) % 3 == 0
    answers[bought, column("aipl_bought")] = 1
    labels = np.where(bought, np.arange(600) % 2, 0)
    found = Shares(1.0).fit(Part(answers, labels, np.arange(600)))(answers)
    rate = labels.mean()
    assert found[bought][:, 1] == pytest.approx((100 + rate) / 201)
    assert found[~bought][:, 1] == pytest.approx(rate / 401)
