"""Trees: the same text twice, ended on later rows, nothing learned where there is nothing."""

import numpy as np
import pytest
from scipy.special import softmax

from training.fit import Rows, fit, fitting
from training.metrics import losses

PARAMS = {"learning_rate": 0.1, "num_leaves": 7, "feature_fraction": 0.7, "bagging_fraction": 0.7, "bagging_freq": 1}
NAMES = ("a", "b", "c", "shelf")


def rows(n, n_classes, seed):
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(n, 4)).astype(np.float32)
    values[:, 3] = generator.integers(0, 5, n)
    values[generator.random((n, 4)) < 0.1] = np.nan
    known = np.nan_to_num(values)
    z = np.column_stack([known[:, 0] * k + (known[:, 3] == k) * 1.5 for k in range(n_classes)])
    p = softmax(z, axis=1)
    labels = (generator.random(n)[:, None] > np.cumsum(p, axis=1)).sum(axis=1).clip(0, n_classes - 1)
    return Rows(values, labels)


def both(first, second):
    values = np.concatenate([first.values, second.values])
    return Rows(values, np.concatenate([first.labels, second.labels]))


def fitted(grow, stop, n_classes, seed=0, rounds=60, params=PARAMS):
    """Grown on some rows, ended on others, then grown on all."""
    first = np.arange(len(grow.labels) + len(stop.labels)) < len(grow.labels)
    return fit(
        both(grow, stop), first, ~first, NAMES, ("shelf",), n_classes, params,
        rounds=rounds, patience=10, seed=seed, label="test",
    )  # fmt: skip


@pytest.mark.parametrize("n_classes", [2, 3])
def test_twice_is_the_same_text_to_the_byte(n_classes):
    train, stop = rows(4000, n_classes, 1), rows(1500, n_classes, 2)
    first, second = fitted(train, stop, n_classes), fitted(train, stop, n_classes)
    assert first.text == second.text
    assert fitted(train, stop, n_classes, seed=1).text != first.text


@pytest.mark.parametrize("n_classes", [2, 3])
def test_it_learns_for_as_long_as_later_rows_gain(n_classes):
    train, stop, test = rows(4000, n_classes, 1), rows(1500, n_classes, 2), rows(3000, n_classes, 3)
    made = fitted(train, stop, n_classes)
    more = np.sqrt(5500 / 4000)
    assert made.rounds == min(60, int(np.ceil((np.argmin(made.curve) + 1) * more)))
    assert made.text.count("Tree=") == made.rounds * (1 if n_classes == 2 else n_classes)
    rate = np.bincount(train.labels) / len(train.labels)
    blind = losses(test.labels, np.tile(rate, (3000, 1))).mean()
    assert losses(test.labels, made.predict(test.values)).mean() < blind - 0.1
    assert set(np.argsort(-made.gain)[:2]) == {0, 3}
    assert made.splits.sum() > 0


def test_shuffled_labels_give_no_gain():
    """The canary: where the target is noise, a model that gains has seen what it must not."""
    generator = np.random.default_rng(5)
    train, stop, test = rows(4000, 2, 1), rows(1500, 2, 2), rows(3000, 2, 3)
    for part in (train, stop, test):
        generator.shuffle(part.labels)
    made = fitted(train, stop, 2)
    rate = np.bincount(train.labels) / len(train.labels)
    blind = losses(test.labels, np.tile(rate, (3000, 1))).mean()
    assert losses(test.labels, made.predict(test.values)).mean() > blind - 0.002


def test_early_stopping_ends_the_growing():
    train, stop = rows(500, 2, 1), rows(500, 2, 2)
    made = fitted(train, stop, 2, rounds=2000)
    assert int(np.argmin(made.curve)) + 1 + 10 == len(made.curve) < 2000


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_trees_are_lightgbms_own_on_all_rows(n_classes):
    import lightgbm

    grow, stop = rows(3000, n_classes, 1), rows(1000, n_classes, 2)
    made = fitted(grow, stop, n_classes)
    whole = both(grow, stop)
    data = lightgbm.Dataset(whole.values, whole.labels, feature_name=list(NAMES), categorical_feature=["shelf"])
    expected = lightgbm.train({**made.params, "num_threads": 1}, data, made.rounds)
    test = rows(500, n_classes, 3)
    assert np.array_equal(made.raw(test.values), expected.predict(test.values, raw_score=True))


def test_a_small_shop_gets_few_and_small_leaves_and_a_large_one_the_specs():
    params = {"min_data_in_leaf": 200, "num_leaves": 12, "learning_rate": 0.06}
    assert fitting(params, 4000) == params
    assert fitting(params, 300) == {**params, "min_data_in_leaf": 15, "num_leaves": 4}
    assert fitting(params, 100)["min_data_in_leaf"] == 10
    assert fitting({"num_leaves": 3, "min_data_in_leaf": 30}, 400) == {"num_leaves": 3, "min_data_in_leaf": 20}
