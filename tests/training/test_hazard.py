"""A hazard learned from the small shop's log: figures, the direct model on the same rows, the scorer's own answers, no leak."""

import numpy as np
import pytest

from features.events import DAY
from features.hashing import hash128
from features.matrix import evaluate
from models.bundle import program_of
from models.hazardmodel import HazardModel
from models.readout import ReadOut
from models.spec import HERE, load_specs
from models.timing import within
from training.champion import taken
from training.learn import learn
from training.metrics import NAMES, losses
from training.timing import common
from training.train import learn_all, shop_of

from .conftest import lean


@pytest.fixture(scope="module")
def learned(small, tmp_path_factory):
    """The hazard, and churn beside it."""
    spec = tmp_path_factory.mktemp("specs") / "next_purchase.toml"
    spec.write_text(lean((HERE / "next_purchase.toml").read_text()))
    shop = shop_of(small.workspace, seed=0, until=None)
    found, errors = learn_all(shop, load_specs([spec, small.specs[1]]))
    assert errors == {}
    return shop, load_specs([spec, small.specs[1]]), *found


def test_the_figures(learned):
    _, _, hazard, _ = learned
    assert set(hazard.metrics) == set(NAMES)
    assert hazard.differences["base_rate"]["high"] < 0
    assert hazard.further["timing_minus_life_table"]["high"] < 0
    for days in (1, 3, 7, 14, 30, 60):
        assert hazard.further[f"minus_life_table_{days}d"]["value"] < 0
    assert (
        "minus_life_table_90d" not in hazard.further
    )  # nobody of the test part was followed so long, and that is said
    assert [note for note in hazard.notes if "Not tested: P(buy within 90 days)" in note]
    assert 0.7 < hazard.further["coverage_80"]["value"] < 0.9
    assert {"one_time_buyers_said", "repeat_buyers_seen"} <= set(hazard.further)
    said = hazard.to_json()
    assert said["further"] == hazard.further
    assert said["calibration"]["method"] in {"none", "shift", "slope", "intercepts"}


def test_no_horizon_contradicts_a_longer_one_for_anybody_after_all_corrections(learned):
    """On a trained and corrected model: every read-out, and the interval of the date."""
    _, _, hazard, _ = learned
    recipe, p = hazard.model.recipe, hazard.test.full
    assert len(p) > 1000
    bought = np.array([within(p, recipe.edges, days) for days in (0, 0.5, *recipe.edges)])
    assert (np.diff(bought, axis=0) >= 0).all()
    scores = hazard.model.target.named_scores(p)
    named = np.array([scores[f"p_buy_{days}d"] for days in recipe.within])
    assert (np.diff(named, axis=0) >= 0).all()
    low, median, high = (
        np.nan_to_num(scores[f"next_order_{end}_days"], nan=np.inf) for end in ("low", "median", "high")
    )
    assert ((low <= median) & (median <= high)).all()


def test_churn_is_compared_on_the_rows_that_both_have_and_the_better_one_answers(learned):
    """By hand: both ways' rows joined by person and cutoff, on the calibration part and on the test part."""
    shop, specs, hazard, churn = learned
    direct = learn(shop, specs[1])

    def joined(part):
        mine, theirs = getattr(hazard, part), getattr(direct, part)
        keyed = dict(zip(zip(mine.users.tolist(), mine.cutoff.tolist(), strict=True), mine.full, strict=True))
        keys = list(zip(theirs.users.tolist(), theirs.cutoff.tolist(), strict=True))
        rows = [row for row, key in enumerate(keys) if key in keyed]
        ours = within(np.array([keyed[keys[row]] for row in rows]), hazard.model.recipe.edges, 30)
        churned = theirs.outcome[rows]
        read = np.column_stack([ours, 1 - ours])
        return rows, losses(churned, read) - losses(churned, theirs.full[rows]), read

    rows, gap, read = joined("test")
    told = [note for note in hazard.notes if "by churn_30d" in note]
    assert len(told) == 1
    assert f"the same {len(rows):,} rows" in told[0]
    assert hazard.further["minus_churn_30d"]["value"] == pytest.approx(gap.mean())

    _, held_out, _ = joined("held_out")
    assert len(held_out) > 200
    assert churn.further["held_out_hazard_minus_direct"]["value"] == pytest.approx(held_out.mean())
    assert any("calibration rows" in note for note in churn.notes)
    forced = taken(direct, hazard, *common(hazard.test, direct.test), 0)
    assert isinstance(forced.model, ReadOut)
    np.testing.assert_allclose(forced.test.full, read, atol=1e-12)
    assert forced.metrics["log_loss"]["value"] == pytest.approx(
        direct.metrics["log_loss"]["value"] + gap.mean(), abs=0.05
    )
    assert forced.to_json()["read_from"] == "next_purchase/no_buy_30d"
    assert isinstance(churn.model, ReadOut) == (held_out.mean() < 0)


def test_parts_follow_each_other_and_use_nothing_of_the_next(learned):
    shop, _, hazard, _ = learned
    made, first = hazard.split, hazard.model.recipe.edges[0] * DAY
    assert made.train[-1] + first <= made.calibrate[0]
    assert made.calibrate[-1] + 30 * DAY <= made.test[0]
    assert made.test[-1] + first <= shop.end
    assert made.calibrate[0] - made.train[0] >= hazard.model.target.horizon


def test_the_scorer_answers_as_training_measured(learned):
    """From the log, through the program of a bundle and the model's own predict: equal to the bit."""
    shop, _, hazard, _ = learned
    model = hazard.model
    assert isinstance(model, HazardModel)
    program = program_of(shop.facts, shop.catalogue, {"next_purchase": model.target})
    log, seen = shop.log, 0
    by_row = {
        (user, cutoff): p
        for user, cutoff, p in zip(
            hazard.test.users.tolist(), hazard.test.cutoff.tolist(), hazard.test.full, strict=True
        )
    }
    for bucket in log.buckets()[:2]:
        histories = log.informed(log.read(bucket, program.fields, program.texts), program.attributes)
        keys = hash128(histories.users)[1].tolist()
        rows = [(n, c) for n, key in enumerate(keys) for c in hazard.split.test if (key, c) in by_row][:300]
        person, cutoff = (np.array(column, np.int64) for column in zip(*rows, strict=True))
        p = model.predict(evaluate(program, histories, person, cutoff))
        expected = np.array([by_row[keys[n], c] for n, c in rows])
        assert np.array_equal(p, expected)
        seen += len(rows)
    assert seen > 100
