"""Churn by other windows and by activity: the specs of models/more, trained beside each other on the small shop."""

import numpy as np
import pytest

from models.spec import HERE, load_specs
from training.train import learn_all, shop_of

from .conftest import lean


@pytest.fixture(scope="module")
def learned(small, tmp_path_factory):
    """A week of purchases and a month of activity, learned from the small shop."""
    folder = tmp_path_factory.mktemp("more")
    for name in ("churn_7d", "churn_activity_30d"):
        (folder / f"{name}.toml").write_text(lean((HERE / "more" / f"{name}.toml").read_text()))
    found, errors = learn_all(shop_of(small.workspace, seed=0, until=None), load_specs([folder]))
    assert errors == {}
    return {one.model.target.name: one for one in found}


def test_both_learn_something_of_their_own(learned):
    for name, one in learned.items():
        assert one.differences["base_rate"]["high"] < 0, name
        assert one.model.target.columns == (f"p_{name}",)


def test_few_who_are_active_fall_silent_and_many_who_bought_do_not_buy_at_once(learned):
    silent, week = (learned[name].model.base_rates[1] for name in ("churn_activity_30d", "churn_7d"))
    assert 0.01 < silent < 0.6
    assert week > silent


def test_what_is_said_is_of_the_size_of_what_came(learned):
    for name, one in learned.items():
        came = np.bincount(one.test.outcome, minlength=2) / len(one.test.outcome)
        assert came == pytest.approx(one.test.full.mean(axis=0), abs=0.1), name
