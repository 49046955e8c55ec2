"""Intervals narrow with persons, widen with what models disagree on, and cover the groups' true rates."""

import numpy as np
import pytest

from training.interval import grouped, tabulate

READOUTS = {"no": (0,), "yes": (1,)}


def rows(n, seed=0, each=2):
    generator = np.random.default_rng(seed)
    truth = np.repeat(generator.beta(2, 4, n // each), each)
    labels = (np.repeat(generator.random(n // each), each) < truth).astype(np.int64)
    users = np.repeat(generator.integers(0, 2**62, n // each), each)
    return labels, np.column_stack([1 - truth, truth]), users


def made(n, seed=0, other=None, inside=None):
    labels, p, users = rows(n, seed)
    inside = np.zeros((n, 1), bool) if inside is None else inside
    rival = None if other is None else np.column_stack([1 - other(p[:, 1]), other(p[:, 1])])
    return tabulate(labels, p, rival, users, inside, ("new",), READOUTS, {})


def widths(interval, kind=0):
    p = np.array([0.1, 0.3, 0.6])
    low, high = interval.around("yes", np.full(3, kind), p)
    return high - low


def test_fewer_persons_have_wider_intervals():
    means = [np.mean([widths(made(n, seed)).mean() for seed in range(8)]) for n in (60, 400, 4000, 40_000)]
    assert means == sorted(means, reverse=True)


def test_a_rare_kind_has_wider_ones_and_an_unseen_kind_the_widest():
    inside = np.zeros((8000, 1), bool)
    inside[:80] = True
    interval = made(8000, inside=inside)
    assert (widths(interval, 1) > widths(interval, 0)).all()
    assert (widths(interval, 5) >= widths(interval, 1) - 1e-12).all()


def test_models_that_disagree_widen_it():
    assert (widths(made(8000, other=lambda p: p**2)) > widths(made(8000)) + 0.05).all()


def test_both_sides_of_a_binary_read_out_mirror_each_other():
    interval, p = made(20_000, other=lambda p: p**1.2), np.array([0.21, 0.52])
    low, high = interval.around("yes", np.zeros(2, np.int64), p)
    other = interval.around("no", np.zeros(2, np.int64), 1 - p)
    assert 1 - other[1] == pytest.approx(low, abs=0.02)
    assert 1 - other[0] == pytest.approx(high, abs=0.02)


def test_groups_that_truth_made_are_covered():
    found = []
    for seed in range(20):
        interval = made(3000, seed)
        labels, p, _ = rows(40_000, 100 + seed, each=1)
        low, high = interval.around("yes", np.zeros(len(labels), np.int64), p[:, 1])
        found.append(grouped(p[:, 1], low, high, labels == 1, np.zeros(len(labels), np.int64))["covered"])
    assert np.mean(found) > 0.9
    assert grouped(p[:5, 1], low[:5], high[:5], labels[:5] == 1, np.zeros(5, np.int64)) == {
        "groups": 0,
        "covered": None,
    }
