"""Bounds on calibration error by slice: they cover what is true, for all slices at once, and find what is wrong."""

import numpy as np

from training.slices import TOLERANCE, judge

NAMES = ["a", "b", "a and b", "rare"]


def shop(seed, off=0.0, n_users=500, each=4):
    """Users whose rows are alike (one draw a user moves all), true probabilities, and overlapping slices."""
    generator = np.random.default_rng(seed)
    users = np.repeat(generator.integers(0, 2**62, n_users), each)
    truth = np.repeat(generator.beta(2, 5, n_users), each)
    happened = np.repeat(generator.random(n_users), each) < truth
    a, b, rare = (np.repeat(generator.random(n_users) < share, each) for share in (0.5, 0.3, 0.01))
    said = np.where(b, np.clip(truth + off, 0.001, 0.999), truth)
    inside = np.column_stack([a, b, a & b, rare])
    return users, happened.astype(np.int64), np.column_stack([1 - said, said]), inside


def test_the_true_error_lies_within_the_bounds_of_all_slices_in_95_of_100_shops():
    held = missed = 0
    for seed in range(60):
        users, labels, p, inside = shop(seed)  # the truth itself: every true error is 0
        found = judge(labels, p, users, inside, NAMES, seed)
        judged = [one for one in found["slices"].values() if "ece" in one]
        held += all(
            one["mean_error"]["low"] <= 0 <= one["mean_error"]["high"] and one["ece"]["low"] == 0 for one in judged
        )
        missed += bool(found["failed"])
    assert held >= 53  # 0.95 of 60, less two standard errors
    assert missed <= 3


def test_a_slice_that_is_wrong_fails_with_those_that_it_overlaps_and_no_other():
    users, labels, p, inside = shop(1, off=0.15, n_users=8000)
    found = judge(labels, p, users, inside, NAMES, 0)
    assert {"b", "a and b"} <= set(found["failed"]) <= {"all", "b", "a and b"}
    wrong = found["slices"]["b"]
    assert wrong["mean_error"]["low"] < 0.15 < wrong["mean_error"]["high"]
    assert wrong["mean_error"]["low"] > TOLERANCE
    assert found["bound"] >= 0.15
    assert wrong["excess"] == wrong["ece"]["value"] - wrong["null"]


def test_a_slice_of_few_users_is_named_and_not_judged():
    users, labels, p, inside = shop(2, n_users=400)
    found = judge(labels, p, users, inside, NAMES, 0)
    assert found["unjudged"] == ["rare"]
    assert set(found["slices"]["rare"]) == {"rows", "users"}


def test_bounds_narrow_with_users():
    few, many = (judge(*(shop(3, n_users=n)[i] for i in (1, 2, 0, 3)), NAMES, 0) for n in (300, 6000))
    assert many["bound"] < few["bound"]


def test_several_classes_and_nothing_at_all():
    generator = np.random.default_rng(0)
    p = generator.dirichlet([2, 2, 2], 3000)
    labels = (generator.random(3000)[:, None] > np.cumsum(p, axis=1)).sum(axis=1).clip(0, 2)
    found = judge(labels, p, np.arange(3000), np.ones((3000, 1), bool), ["one"], 0)
    assert found["failed"] == []
    assert found["slices"]["all"]["ece"] == found["slices"]["one"]["ece"]
    assert judge(labels[:5], p[:5], np.arange(5), np.ones((5, 1), bool), ["one"], 0)["bound"] is None
