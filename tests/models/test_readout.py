"""Churn read from a hazard: the hazard's own number, of churn's cohort, the same after a bundle was written and read."""

from dataclasses import replace

import numpy as np
import pytest

from features.errors import DamagedError
from features.events import DAY
from features.matrix import Matrix
from models import bundle as bundles
from models import golden
from models.hazardmodel import HazardModel
from models.model import from_json
from models.readout import ReadOut, read_outs
from models.targets import Churn, Target
from models.timing import within


@pytest.fixture
def read(parts):
    """The packaged churn, read from the invented hazard."""
    hazard = parts["models"]["next_purchase"]
    assert isinstance(hazard, HazardModel)
    return ReadOut(parts["models"]["churn_30d"].target, hazard, np.array([0.6, 0.4]))


def people(parts) -> Matrix:
    """Invented histories, in and out of the cohort."""
    targets = {name: model.target for name, model in parts["models"].items()}
    program = bundles.program_of(parts["facts"], parts["catalogue"], targets)
    return golden.read(program, golden.invent(len(parts["facts"].kinds), 901, {}), golden.NOW)


def test_it_says_what_the_hazard_says_of_the_horizon_and_only_of_the_cohort(parts, read):
    matrix = people(parts)
    p, inside = read.predict(matrix), read.target.eligible(matrix)
    assert 0 < inside.sum() < len(inside)
    assert np.isnan(p[~inside]).all()
    both = inside & read.hazard.target.eligible(matrix)
    bought = within(read.hazard.predict(matrix)[both], read.hazard.recipe.edges, 30)
    np.testing.assert_allclose(p[both], np.column_stack([bought, 1 - bought]), atol=1e-12)
    alone = np.concatenate([read.predict(matrix.take(np.array([row]))) for row in range(len(inside))])
    assert np.array_equal(p, alone, equal_nan=True)
    assert read.read_from == "next_purchase/no_buy_30d"


def test_its_reasons_sum_to_its_score_and_point_the_other_way_for_the_other_class(parts, read):
    matrix = people(parts)
    rows = np.flatnonzero(read.target.eligible(matrix))
    given, rest, score = read.explained(matrix, rows, 1)
    np.testing.assert_allclose(given.sum(axis=1) + rest, score, atol=1e-6)
    assert np.corrcoef(score, read.predict(matrix)[rows, 1])[0, 1] > 0.5
    other, _, against = read.explained(matrix, rows, 0)
    np.testing.assert_allclose(other, -given, atol=1e-12)
    np.testing.assert_allclose(against, -score, atol=1e-12)
    total, raw = read.accounts(matrix, rows)
    np.testing.assert_allclose(total, raw, atol=1e-6)


def test_a_bundle_keeps_it(parts, read, tmp_path):
    models = {**parts["models"], "churn_30d": read}
    digest = bundles.write(tmp_path / "7", **{**parts, "models": models})
    bundles.verify(tmp_path / "7", digest)
    loaded = bundles.load(tmp_path / "7", digest).models["churn_30d"]
    assert isinstance(loaded, ReadOut)
    assert loaded.read_from == read.read_from
    matrix = people(parts)
    assert np.array_equal(loaded.predict(matrix), read.predict(matrix), equal_nan=True)


def test_it_stands_alone_without_the_hazard_beside_it(parts, read):
    targets = {"churn_30d": read.target}
    program = bundles.program_of(parts["facts"], parts["catalogue"], targets)
    matrix = golden.read(program, golden.invent(len(parts["facts"].kinds), 901, {}), golden.NOW)
    assert np.array_equal(read.predict(matrix), read.predict(people(parts)), equal_nan=True)


@pytest.mark.parametrize(
    "target",
    [
        Target("churn_31d", 31 * DAY, Churn(180 * DAY)),
        Target("churn_30d", 30 * DAY + 1, Churn(180 * DAY)),
        Target("churn_view_30d", 30 * DAY, Churn(180 * DAY, ("view",))),
    ],
)
def test_a_question_that_the_hazard_does_not_answer_is_refused(read, target):
    assert read_outs(read.hazard.target, target) is None
    with pytest.raises(DamagedError, match="does not foresee it"):
        replace(read, target=target)


def test_damaged_parts_are_refused(read):
    data = read.to_json()
    with pytest.raises(DamagedError, match="baseline"):
        from_json(
            {**data, "hazard": {**data["hazard"], "baseline": [0.0]}}, read.vocabularies, read.booster_text
        ).ready()
