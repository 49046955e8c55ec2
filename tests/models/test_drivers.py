"""Drivers of a planted model are those that were planted, and the parts sum to the gap."""

import numpy as np
import pytest

from models.assign import predicted, prediction
from models.drivers import FEWEST, drivers, typical

from .test_counterfactual import CATALOGUE, RISK, STAGE, TAGS, fit, invent


def told(target, name, label, k, n=400):
    model, matrix = fit(target, label, k), invent(n, seed=5)
    tag = TAGS.tags[name]
    block = predicted(tag, tag.reading, prediction(model, model.predict(matrix), "1"), np.ones(n, bool))
    readouts = list(target.readouts)
    places = [readouts.index(tag.reading.label or value) for value in block.values]
    return model, matrix, block, places, drivers(model, CATALOGUE, matrix, block, places, "CNY")


def test_the_planted_driver_leads_with_its_sign_and_typical_values():
    def label(x, rng):
        return (2.0 - 1.2 * x["open_count_30d"] + rng.logistic(0, 0.5, len(x["view_age"])) > 0).astype(int)

    _, matrix, block, _, found = told(RISK, "churn_risk", label, 2)
    shown = [value for value in found if value["features"]]
    assert len(shown) >= 2
    for value in shown:
        first = value["features"][0]
        assert first["feature"].startswith("open_count_")
        assert value["families"][0]["family"] == "engagement"
        inside = block.code == block.values.index(value["value"])
        column = matrix.column(first["feature"])[block.person]
        assert first["typical"] == {"inside": np.median(column[inside]), "outside": np.median(column[~inside])}
        assert (first["gap"] > 0) == (first["typical"]["inside"] < first["typical"]["outside"])
        assert "messages opened in the last" in first["en"] or "message opened in the last" in first["en"]
        assert "打开消息" in first["zh"]


def test_parts_sum_to_the_gap_of_the_mean_scores():
    def label(x, rng):
        score = 0.5 * x["view_count_7d"] + 0.8 * x["cart_count_7d"] + rng.logistic(0, 0.7, len(x["view_age"]))
        return np.digitize(score, [1.0, 2.0, 3.0])

    model, matrix, block, places, found = told(STAGE, "stage", label, 4)
    assert [value["value"] for value in found] == ["idle", "browsing", "considering", "buying"]
    assert sum(value["people"] for value in found) == len(block)
    for code, value in enumerate(found):
        inside = block.code == code
        if min(inside.sum(), (~inside).sum()) < FEWEST:
            assert (value["gap"], value["families"], value["features"]) == (None, [], [])
            continue
        _, _, score = model.explained(matrix, block.person, places[code])
        gap = score[inside].mean() - score[~inside].mean()
        assert value["gap"] == pytest.approx(gap, abs=1e-9)
        assert sum(family["gap"] for family in value["families"]) == pytest.approx(gap, abs=1e-9)
        assert value["gap"] > 0  # who has the class scores higher for it
        for family in value["families"]:
            assert family["gap"] == pytest.approx(family["inside"] - family["outside"], abs=1e-9)


def test_a_value_that_all_have_has_no_drivers():
    def label(x, rng):
        return (rng.random(len(x["view_age"])) < 0.5).astype(int)

    *_, found = told(RISK, "churn_risk", label, 2, n=4)
    assert all(value["features"] == [] for value in found)


def test_typical_values():
    matrix = invent(50, seed=1)
    entry = CATALOGUE.entries["view_age"]
    column = matrix.column("view_age")
    assert typical(entry, matrix, np.flatnonzero(np.isnan(column))) is None
    assert typical(entry, matrix, np.flatnonzero(~np.isnan(column))) == np.nanmedian(column)
