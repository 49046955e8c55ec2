"""The next category on the small shop: learned better than by simple rules, and the same answer wherever it is asked."""

import numpy as np
import pyarrow as pa
import pytest

from features.errors import TooLittleDataError
from models import bundle
from models.interest import Interest
from models.interestmodel import InterestModel
from models.spec import HERE, load, load_specs
from models.targets import Target
from training import baserate, ranking
from training.conditional import grow
from training.interest import Rows, with_candidates
from training.record import draw
from training.train import learn_all, shop_of

from .conftest import NOW, lean

SIMPLE = ("popularity", "last_bought", "favourite", "own_frequency", "markov")


@pytest.fixture(scope="module")
def learned(small, tmp_path_factory):
    path = tmp_path_factory.mktemp("interest") / "category_interest.toml"
    path.write_text(lean((HERE / "more" / "category_interest.toml").read_text()).replace("most = 50", "most = 12"))
    (one,), errors = learn_all(shop_of(small.workspace, seed=0, until=None), load_specs([path]))
    assert errors == {}
    return one


def test_it_is_better_than_every_simple_rule(learned):
    assert set(learned.baselines) == set(SIMPLE)
    assert learned.differences["popularity"]["high"] < 0
    assert all(learned.differences[name]["value"] < 0 for name in SIMPLE)
    assert learned.further["minus_popularity.ndcg_5"]["low"] > 0


def test_probabilities_are_of_the_candidates(learned):
    np.testing.assert_allclose(learned.test.full.sum(axis=1), 1)
    assert len(learned.model.target.classes) == 13
    assert learned.counts["train"]["other"] > 0


def test_the_record_can_be_drawn(learned, tmp_path):
    draw(learned, tmp_path)
    assert {"figures.json", "calibration.png"} <= {path.name for path in tmp_path.iterdir()}


def test_a_bundle_answers_as_it_was_trained(learned, small, tmp_path):
    shop = shop_of(small.workspace, seed=0, until=None)
    name, folder = learned.model.target.name, tmp_path / "1"
    digest = bundle.write(
        folder, facts=shop.facts, catalogue=shop.catalogue, models={name: learned.model},
        specs={name: learned.spec.text}, created=NOW,
    )  # fmt: skip
    bundle.verify(folder, digest)
    back = bundle.load(folder, digest)
    assert isinstance(back.models[name], InterestModel)
    assert back.models[name].to_json() == learned.model.to_json()
    histories = shop.log.read(next(iter(shop.log.buckets())), back.program.fields, back.program.texts)
    matrix = back.answers(shop.log.informed(histories, back.program.attributes), shop.end)
    p = back.predict(matrix)[name]
    assert np.isfinite(p).all(axis=1).any()
    np.testing.assert_array_equal(back.models[name].predict(matrix.take(np.array([3])))[0], p[3])
    given, rest = back.models[name].contributions(matrix, np.arange(5), 2)
    score = back.models[name].explained(matrix, np.arange(5), 2)[2]
    np.testing.assert_allclose(given.sum(axis=1) + rest, score, rtol=0, atol=1e-6)


def test_the_same_rows_give_the_same_trees(learned, small):
    again = learn_all(shop_of(small.workspace, seed=0, until=None), [learned.spec])[0][0]
    assert again.model.booster_text == learned.model.booster_text


def test_candidates_are_the_commonest_and_ties_go_by_name():
    rows = [["tea"]] * 30 + [["hats"]] * 100 + [["coats"]] * 100 + [["rare"]] * 3 + [["other"]] * 50
    none = np.zeros(len(rows), np.int64)
    train = Rows(pa.nulls(len(rows), pa.string()), rows, none, none, none)
    target = Target("category_interest", 1, Interest(("purchase",), 2))
    assert with_candidates(target, train).candidates == ("coats", "hats")
    with pytest.raises(TooLittleDataError, match="at least 200 rows"):
        with_candidates(target, train.take(np.arange(150)))


def test_lists_are_measured_by_what_was_bought():
    p = np.array([[0.5, 0.3, 0.15, 0.05], [0.1, 0.2, 0.3, 0.4]])
    truth = ranking.bought([[0], [1, 3]], 4)
    found = ranking.each(p, truth)
    assert found["hit_1"].tolist() == [1, 0]  # the last candidate, other, is named to nobody
    assert found["hit_3"].tolist() == [1, 1]
    assert found["recall_5"].tolist() == [1, 0.5]
    np.testing.assert_allclose(found["ndcg_5"], [1, (1 / np.log2(3)) / (1 + 1 / np.log2(3))])


def test_trees_learn_a_choice_among_rows():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(3000, 4, 2)).astype(np.float32)
    chosen = np.argmax(2 * values[:, :, 0] + rng.gumbel(size=(3000, 4)), axis=1)
    stop = np.arange(3000) % 4 == 0
    fitted = grow(
        values.reshape(-1, 2), np.zeros((3000, 4)), chosen, ~stop, stop, ("a", "b"),
        {"num_leaves": 8, "learning_rate": 0.2, "min_data_in_leaf": 50}, rounds=60, patience=10, seed=0, label="Growing",
    )  # fmt: skip
    assert fitted.gain[0] > 20 * fitted.gain[1]
    assert fitted.curve.min() < 0.75 * np.log(4)


def test_without_categories_there_is_no_base_rate_to_fall_back_on(small):
    spec = load(HERE / "more" / "category_interest.toml")
    with pytest.raises(TooLittleDataError, match="no categories"):
        baserate.learn(shop_of(small.workspace, seed=0, until=None), spec, TooLittleDataError("no categories"))


def test_the_spec_in_more_is_named_as_its_file():
    assert load(HERE / "more" / "category_interest.toml").name == "category_interest"
