"""A cadence from the small shop's log: the prior found again, the target learned, and the bundle's answers those of training."""

import numpy as np
import pytest

from features.hashing import hash128
from models import bundle
from models.cadence import Cadence
from models.model import from_json
from models.spec import HERE, load_specs
from training.cadence import prior, settled
from training.learn import learn
from training.train import shop_of

from .conftest import lean


def test_the_prior_of_drawn_gaps_is_found_again():
    generator = np.random.default_rng(1)
    rate = generator.gamma(2.0, 1 / 30.0, 20_000)
    number = generator.integers(1, 8, 20_000).astype(float)
    a, b = prior(number, generator.gamma(number, 1 / rate))
    assert a == pytest.approx(2.0, rel=0.05)
    assert b == pytest.approx(30.0, rel=0.07)


def test_a_shop_of_equals_has_a_prior_too():
    """Everybody alike: a stands at its bound, and a limit is the shop's whatever a person did."""
    a, b = prior(np.full(200, 3.0), np.full(200, 30.0))
    assert b / a == pytest.approx(10, rel=0.1)


def test_a_cadence_is_learned_and_answers_as_in_training(small, tmp_path):
    path = tmp_path / "churn_cadence.toml"
    path.write_text(lean((HERE / "more" / "churn_cadence.toml").read_text()))
    shop = shop_of(small.workspace, seed=0, until=None)
    one = learn(shop, load_specs([path])[0])
    recipe = one.model.target.recipe
    assert isinstance(recipe, Cadence)
    assert recipe.prior is not None
    assert one.differences["base_rate"]["high"] < 0
    assert 0.05 < one.model.base_rates[1] < 0.9
    again = settled(shop.log, shop.facts, load_specs([path])[0].target, one.split.train[-1])
    assert again == one.model.target
    model = from_json(one.model.to_json(), one.model.vocabularies, one.model.booster_text)
    program = bundle.program_of(shop.facts, shop.catalogue, {model.target.name: model.target})
    said = dict(
        zip(zip(one.test.users.tolist(), one.test.cutoff.tolist(), strict=True), one.test.full[:, 1], strict=True)
    )
    cutoff, asked = one.split.test[-1], 0
    for bucket in shop.log.buckets():
        histories = shop.log.informed(shop.log.read(bucket, program.fields, program.texts), program.attributes)
        p = model.predict(bundle.golden_rows.read(program, histories, cutoff))[:, 1]
        for user, mine in zip(hash128(histories.users)[1].tolist(), p.tolist(), strict=True):
            assert ((user, cutoff) in said) == (not np.isnan(mine))
            if (user, cutoff) in said:
                assert mine == pytest.approx(said[user, cutoff], abs=1e-12)
                asked += 1
    assert asked > 50
