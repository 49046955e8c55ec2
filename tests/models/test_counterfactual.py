"""What would change the answer: exact on one feature, found on two where one will not do, and answered as told."""

import itertools
import json

import lightgbm
import numpy as np
import pytest

from features.catalogue import load
from features.events import DAY
from features.matrix import Matrix
from models.assign import predicted, prediction
from models.calibration import Calibrator
from models.changes import what_if
from models.counterfactual import Move, changed, moves_of, together, values_of
from models.levers import levers
from models.scorer import TargetModel
from models.tags import OURS, load_tags
from models.targets import Churn, Stages, Target

CATALOGUE = load()
LEVERS = levers(CATALOGUE)
COUNTS = (
    "view_count_1d", "view_count_7d", "view_count_30d", "cart_count_1d", "cart_count_7d", "open_count_7d", "open_count_30d",
    "message_count_7d", "view_age",
)  # fmt: skip
NAMES = (*COUNTS, "purchase_count_90d")
RISK = Target("churn_30d", 30 * DAY, Churn(180 * DAY))
STAGE = Target("stage_7d", 7 * DAY, Stages(("view",), ("cart",), ("purchase",)))
TAGS = load_tags([OURS])


def invent(n, seed=0):
    """Rows whose windows hold each other; every feature of the catalogue has a column."""
    rng = np.random.default_rng(seed)
    values = np.zeros((n, len(CATALOGUE.names) + 2), order="F")
    names = (*CATALOGUE.names, RISK.cohort_column, STAGE.cohort_column)
    place = {name: column for column, name in enumerate(names)}
    for stem, spans in (
        ("view", (1, 7, 30, 90, 180, 365)),
        ("cart", (1, 7, 30, 90)),
        ("open", (7, 30, 90)),
        ("message", (7, 30, 90)),
    ):
        total = np.zeros(n)
        for days in spans:
            total += rng.poisson(1.2, n)
            values[:, place[f"{stem}_count_{days}d"]] = total
    values[:, place["view_age"]] = np.where(rng.random(n) < 0.2, np.nan, rng.gamma(1, 8, n))
    values[:, place["purchase_count_90d"]] = rng.poisson(1, n)
    values[:, -2:] = 1.0
    return Matrix(np.arange(n), np.zeros(n, np.int64), names, values, {})


def fit(target, label, k, rounds=25):
    matrix = invent(3000, seed=1)
    y = label({name: np.nan_to_num(matrix.column(name), nan=60.0) for name in NAMES}, np.random.default_rng(2))
    params = {"objective": "binary"} if k == 2 else {"objective": "multiclass", "num_class": k}
    params |= {"num_leaves": 15, "min_data_in_leaf": 20, "verbosity": -1, "num_threads": 1, "seed": 1}
    x = matrix.model_input(NAMES, {})
    text = lightgbm.train(params, lightgbm.Dataset(x, y, feature_name=list(NAMES)), rounds).model_to_string()
    rates = np.bincount(y, minlength=k) / len(y)
    return TargetModel(target, tuple(range(k)), NAMES, {}, text, Calibrator("none", {}), rates)


def fades(x, rng):
    score = 1.5 - 0.5 * x["open_count_30d"] - 0.4 * x["cart_count_7d"] - 0.2 * x["view_count_7d"] + 0.05 * x["view_age"]
    return (score + rng.logistic(0, 1, len(score)) > 0).astype(int)


def steps(x, rng):
    score = (
        0.4 * x["view_count_7d"]
        + 0.8 * x["cart_count_7d"]
        + 0.6 * x["open_count_7d"]
        + rng.logistic(0, 0.7, len(x["view_age"]))
    )
    return np.digitize(score, [1.5, 3.0, 4.5])


@pytest.fixture(scope="module")
def models():
    return {"churn_risk": fit(RISK, fades, 2), "stage": fit(STAGE, steps, 4)}


def judge_of(model, name):
    tag = TAGS.tags[name]
    return lambda rows: predicted(
        tag, tag.reading, prediction(model, model.predict(rows), "1"), np.ones(len(rows), bool)
    )


def every_single_change(row):
    """Feature, steps and the row's values after: all that one lever can do, thresholds or not."""
    for lever in LEVERS:
        now = {name: float(row.column(name)[0]) for name in lever.moved}
        for n, after in lever.values(now):
            yield lever, n, after


@pytest.mark.parametrize("name", ["churn_risk", "stage"])
def test_no_smaller_change_of_one_feature_crosses(models, name):
    model, judge, whole = models[name], judge_of(models[name], name), invent(14, seed=3)
    found_some = 0
    for n in range(len(whole)):
        row = whole.take(np.array([n]))
        code = int(judge(row).code[0])
        single = [(lever, k, after) for lever, k, after in every_single_change(row)]
        codes = judge(changed(row, [after for _, _, after in single])).code
        for told in what_if(model, CATALOGUE, LEVERS, row, judge):
            aim = judge(row).values.index(told["to"])
            reach = [
                k / lever.most
                for (lever, k, _), there in zip(single, codes, strict=True)
                if (there == aim if name == "stage" else (there - code) * (aim - code) > 0)
            ]
            if reach:
                assert len(told["features"]) == 1
                assert told["size"] == pytest.approx(min(reach))
                found_some += 1
            else:
                assert len(told["features"]) != 1
    assert found_some >= 5


@pytest.mark.parametrize("name", ["churn_risk", "stage"])
def test_the_answer_is_what_was_told_when_scored_anew(models, name):
    model, judge, whole = models[name], judge_of(models[name], name), invent(10, seed=4)
    for n in range(len(whole)):
        row = whole.take(np.array([n]))
        before = row.values.tobytes()
        for told in what_if(model, CATALOGUE, LEVERS, row, judge):
            after = {}
            for one in told["features"]:
                after |= {one["feature"]: one["to"]} | {other: to["to"] for other, to in one["along"].items()}
                assert one["from"] == (
                    None if np.isnan(row.column(one["feature"])[0]) else row.column(one["feature"])[0]
                )
            if after:
                block = judge(changed(row, [after]))
                assert block.values[block.code[0]] == told["to"]
                assert float(block.probability[0]) == told["probability"]
                held = changed(row, [after])
                for stem, spans in (
                    ("view", (1, 7, 30, 90)),
                    ("cart", (1, 7, 30)),
                    ("open", (7, 30)),
                    ("message", (7, 30)),
                ):
                    counts = [held.column(f"{stem}_count_{days}d")[0] for days in spans]
                    assert counts == sorted(counts)
            json.dumps(told, allow_nan=False)
        assert row.values.tobytes() == before


def planted(x, _):
    """Churned unless two things are so at once."""
    return 1 - ((x["open_count_7d"] >= 3) & (x["cart_count_7d"] >= 3)).astype(int)


def low(**values):
    row = invent(1)
    held = np.zeros_like(row.values)
    held[:, -2:] = 1.0
    row = Matrix(row.person, row.cutoff, row.names, held, {})
    return changed(row, [dict.fromkeys(COUNTS, 0.0) | values])


def test_two_features_are_found_where_one_will_not_do():
    model = fit(RISK, planted, 2, rounds=60)
    judge, row = judge_of(model, "churn_risk"), low()
    assert judge(row).values[judge(row).code[0]] != "low"
    told = next(one for one in what_if(model, CATALOGUE, LEVERS, row, judge) if one["features"])
    assert sorted(one["feature"].split("_")[0] for one in told["features"]) == ["cart", "open"]
    named = [one["feature"] for one in told["features"]]
    ways = [
        [
            Move(lever, k, after[name] > row.column(name)[0], after)
            for lever, k, after in every_single_change(row)
            if lever.name == name
        ]
        for name in named
    ]
    pairs = list(itertools.product(*ways))
    codes = judge(changed(row, [together(pair, values_of(row, pair)) for pair in pairs])).code
    aim = judge(row).values.index(told["to"])
    smallest = min(sum(move.size for move in pair) for pair, code in zip(pairs, codes, strict=True) if code == aim)
    assert told["size"] == pytest.approx(smallest)
    assert " and " in told["en"]
    assert "，且" in told["zh"]


def test_nothing_small_is_an_answer():
    model = fit(RISK, lambda x, _: 1 - (x["purchase_count_90d"] >= 3).astype(int), 2)
    (told,) = what_if(model, CATALOGUE, LEVERS, low(), judge_of(model, "churn_risk"))
    assert (told["features"], told["probability"], told["size"]) == ([], None, None)
    assert told["en"].startswith("Nothing small that a shop can act on would make it “")
    assert told["zh"].startswith("店铺可影响的小幅变化都不会使其变为“")


def test_words():
    model = fit(RISK, lambda x, _: 1 - (x["open_count_30d"] >= 4).astype(int), 2)
    row = low(open_count_7d=1.0, open_count_30d=1.0, open_count_90d=1.0)
    (told,) = what_if(model, CATALOGUE, LEVERS, row, judge_of(model, "churn_risk"))
    (one,) = told["features"]
    assert one["en"] in (
        "4 messages opened in the last 7 days (now 1)",
        "4 messages opened in the last 30 days (now 1)",
    )
    assert one["zh"] in ("近7天打开消息4次（现为1次）", "近30天打开消息4次（现为1次）")
    assert told["en"].startswith(f"“{told['title']['en']}” (")
    assert told["zh"].startswith("若近")


def test_moves_are_those_that_cross_a_threshold(models):
    row = invent(1, seed=8)
    model = models["churn_risk"]
    for move in moves_of(model, LEVERS, row):
        before = {name: row.column(name)[0] for name in move.after}
        crossed = [
            name
            for name, value in move.after.items()
            if name in model.thresholds
            and (
                np.isnan(before[name])
                or ((model.thresholds[name] < value) != (model.thresholds[name] < before[name])).any()
            )
        ]
        assert crossed


def test_two_events_more_are_two_events_more_of_any_kind():
    row = low(event_count_7d=1.0, event_count_30d=5.0, view_count_7d=1.0, view_age=5.0, event_age=5.0)
    moves = []
    for lever in LEVERS:
        if lever.name in ("cart_count_7d", "view_count_1d"):
            values = {name: float(row.column(name)[0]) for name in lever.moved}
            steps, after = lever.values(values)[1]
            moves.append(Move(lever, steps, True, after))
    then = together(moves, values_of(row, moves))
    assert (then["event_count_1d"], then["event_count_7d"], then["event_count_30d"]) == (2.0, 5.0, 9.0)
    assert (then["view_count_7d"], then["cart_count_7d"], then["view_age"], then["event_age"]) == (3.0, 2.0, 1.0, 1.0)
    assert together(moves[:1], values_of(row, moves)) == moves[0].after
