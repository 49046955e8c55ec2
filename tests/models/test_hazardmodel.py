"""A hazard's model: rows by themselves, horizons in order, contributions that sum, parts that do not belong together."""

from dataclasses import replace

import numpy as np
import pytest

from features.errors import DamagedError
from features.matrix import Matrix
from models import golden
from models.bundle import Bundle
from models.hazardmodel import Correction, HazardModel
from models.model import from_json
from models.timing import total


@pytest.fixture(scope="module")
def model(bundle: Bundle) -> HazardModel:
    found = bundle.models["next_purchase"]
    assert isinstance(found, HazardModel)
    return found


@pytest.fixture(scope="module")
def matrix(bundle: Bundle) -> Matrix:
    return golden.read(bundle.program, golden.invent(len(bundle.facts.kinds), 31, {}), golden.NOW)


def test_predictions_are_the_product_over_the_boosters_own_scores(model: HazardModel, matrix: Matrix) -> None:
    p = model.predict(matrix)
    values = matrix.model_input(model.names, model.vocabularies)
    inside = model.target.eligible(matrix)
    assert 0 < inside.sum() < len(inside)
    assert np.isnan(p[~inside]).all()
    left = np.ones(len(p))
    for j in range(len(model.baseline)):
        column = np.full((len(values), 1), j, np.float32)
        z = model._trees.booster.predict(np.hstack([values, column]), raw_score=True) + model.baseline[j]
        hazard = 1 / (1 + np.exp(-(model.correction.slope * z + model.correction.shift[j])))
        np.testing.assert_allclose(p[inside, j], (left * hazard)[inside], rtol=1e-9)
        left = left * (1 - hazard)
    np.testing.assert_allclose(p[inside, -1], left[inside], rtol=1e-9)


def test_every_persons_horizons_are_in_order(model: HazardModel, matrix: Matrix) -> None:
    p = model.predict(matrix)[model.target.eligible(matrix)]
    within = np.column_stack([total(p, model.target.readouts[f"buy_{d}d"]) for d in model.recipe.within])
    assert (np.diff(within, axis=1) >= 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-12)


def test_a_row_does_not_depend_on_the_batch_to_the_bit(model: HazardModel, matrix: Matrix) -> None:
    whole = model.predict(matrix)
    for row in range(0, len(whole), 9):
        assert np.array_equal(model.predict(matrix.take(np.array([row])))[0], whole[row], equal_nan=True)


@pytest.mark.parametrize("name", ["buy_7d", "no_buy_7d", "2-3d", "later"])
def test_contributions_with_the_rest_are_the_weighted_log_odds(model: HazardModel, matrix: Matrix, name: str) -> None:
    rows = np.arange(0, len(matrix), 5)
    place = list(model.target.readouts).index(name)
    given, rest, score = model.explained(matrix, rows, place)
    np.testing.assert_allclose(given.sum(axis=1) + rest, score, atol=1e-6)
    raw = model.raw(matrix, rows)
    sign = -1 if name in {"no_buy_7d", "later"} else 1
    assert ((sign * score >= raw.min(axis=1) - 1e-9) & (sign * score <= raw.max(axis=1) + 1e-9)).all()


def test_a_readout_and_its_complement_are_explained_by_the_same_reasons(model: HazardModel, matrix: Matrix) -> None:
    rows, names = np.arange(4), list(model.target.readouts)
    buy, not_buy = (model.explained(matrix, rows, names.index(name))[0] for name in ("buy_30d", "no_buy_30d"))
    np.testing.assert_array_equal(buy, -not_buy)


def test_json_round_trip(model: HazardModel, matrix: Matrix) -> None:
    again = from_json(model.to_json(), model.vocabularies, model.booster_text)
    assert np.array_equal(again.predict(matrix), model.predict(matrix), equal_nan=True)


def test_another_correction_is_noticed(bundle: Bundle, model: HazardModel) -> None:
    other = replace(model, correction=replace(model.correction, slope=model.correction.slope * (1 + 1e-6)))
    with pytest.raises(DamagedError, match="target next_purchase answers otherwise"):
        golden.check(bundle.golden, bundle.program, {"next_purchase": other})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"baseline": np.zeros(3)}, "baseline is not 12 numbers"),
        ({"base_rates": np.full(13, np.nan)}, "base rates are not 13 numbers"),
        ({"correction": Correction("shift", -1.0, (0.0,) * 12)}, "slope above 0"),
        ({"correction": Correction("bend", 1.0, (0.0,) * 12)}, "'bend' is unknown"),
        ({"correction": Correction("shift", 1.0, (0.0,) * 11)}, "not one of 12 buckets"),
        ({"names": ("a", "b")}, "other features"),
    ],
)
def test_parts_that_do_not_belong_together(model: HazardModel, change: dict, says: str) -> None:
    with pytest.raises(DamagedError, match="model of next_purchase cannot be used") as error:
        replace(model, **change)
    assert says in error.value.message
