"""Reasons: exact sums over questions, the strongest first, in words of both languages, the same in any company."""

import json

import lightgbm
import numpy as np
import pyarrow as pa
import pytest

from features.algebra import Age, Count, Favorite, Ratio, Trend, back
from features.catalogue import Entry
from features.catalogue import load as load_catalogue
from features.events import DAY
from features.matrix import Matrix
from models.calibration import Calibrator
from models.reasons import MOST, explain, question, questions, reason
from models.scorer import TargetModel
from models.targets import Churn, Stages, Target

CATALOGUE = load_catalogue()
NAMES = (
    "view_count_1d", "view_count_7d", "view_count_30d", "purchase_age", "discount_rate_365d", "cart_count_7d",
    "favorite_category_30d", "favorite_category_90d",
)  # fmt: skip
WORDS = ("鞋", "书", "奶粉")
STAGE = Target("stage_7d", 7 * DAY, Stages(("view",), ("cart",), ("purchase",)))
RISK = Target("churn_30d", 30 * DAY, Churn(180 * DAY))


def invent(n, seed=0):
    rng = np.random.default_rng(seed)
    values = np.asfortranarray(rng.gamma(1, 3, (n, len(NAMES) + 2)))
    values[rng.random(n) < 0.3, 3] = np.nan
    texts = {
        name: pa.array([None if code < 0 else WORDS[code] for code in rng.integers(-1, 3, n)], pa.string())
        for name in NAMES[6:]
    }
    cohorts = (STAGE.cohort_column, RISK.cohort_column)
    return Matrix(np.arange(n), np.zeros(n, np.int64), (*NAMES, *cohorts), values, texts)


def model_of(target, k):
    matrix = invent(800)
    vocabularies = {name: {word: code for code, word in enumerate(WORDS)} for name in NAMES[6:]}
    x = matrix.model_input(NAMES, vocabularies)
    y = (np.nan_to_num(x[:, 1]) + np.nan_to_num(x[:, 3]) + np.nan_to_num(x[:, 6])).astype(int) % k
    params = {"objective": "binary"} if k == 2 else {"objective": "multiclass", "num_class": k}
    params |= {"verbosity": -1, "num_threads": 1, "seed": 1, "num_leaves": 15}
    text = lightgbm.train(params, lightgbm.Dataset(x, y, feature_name=list(NAMES)), 20).model_to_string()
    return TargetModel(target, tuple(range(k)), NAMES, vocabularies, text, Calibrator("none", {}), np.full(k, 1 / k))


def reasons(*asked):
    return [one.reasons for one in explain(*asked)]


@pytest.fixture(scope="module")
def models():
    return {"stage": model_of(STAGE, 4), "risk": model_of(RISK, 2)}


def test_one_question_in_several_windows_is_one_group():
    assert questions(NAMES, CATALOGUE) == [[0, 1, 2], [3], [4], [5], [6, 7]]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Count(("view",), back(1)), Count(("view",), back(30)), True),
        (Count(("view",), back(1)), Count(("cart",), back(1)), False),
        (Favorite("item", (), back(1)), Favorite("category", (), back(1)), False),
        (Age(("view",)), Age(("view",)), True),
        (Age(("view",)), Count(("view",), back(1)), False),
        (Ratio(Age(()), Age(("view",))), Ratio(Age(("view",)), Age(())), False),
        (Ratio(Count((), back(1)), Count((), back(2))), Ratio(Count((), back(3)), Count((), back(3))), True),
        (Trend(Count((), back(1)), Count((), back(9))), Trend(Count((), back(2)), Count((), back(9))), True),
        (Trend(Count((), back(1)), Count((), back(9))), Ratio(Count((), back(1)), Count((), back(9))), False),
    ],
)
def test_what_makes_a_question(one, other, same):
    assert (question(one) == question(other)) is same


@pytest.mark.parametrize("name", ["stage", "risk"])
def test_contributions_are_the_strongest_sums_of_lightgbms_own(models, name):
    model, matrix = models[name], invent(60, seed=3)
    rows = np.arange(0, 60, 2)
    labels = np.arange(len(rows)) % len(model.trained)
    found = reasons(model, CATALOGUE, matrix, rows, labels)
    booster = lightgbm.Booster(model_str=model.booster_text)
    contrib = booster.predict(matrix.model_input(NAMES, model.vocabularies), pred_contrib=True).reshape(
        60, -1, len(NAMES) + 1
    )
    for got, row, label in zip(found, rows, labels, strict=True):
        own = contrib[row, label] if name == "stage" else contrib[row, 0] * (1 if label else -1)
        sums = {NAMES[group[0]]: own[group].sum() for group in questions(NAMES, CATALOGUE)}
        wanted = sorted(map(abs, sums.values()), reverse=True)[:MOST]
        assert [abs(one["contribution"]) for one in got] == pytest.approx(wanted, abs=1e-12)
        for one in got:
            mates = next(group for group in questions(NAMES, CATALOGUE) if NAMES.index(one["feature"]) in group)
            assert one["contribution"] == pytest.approx(sums[NAMES[mates[0]]], abs=1e-12)
            assert NAMES.index(one["feature"]) == max(mates, key=lambda n: abs(own[n]))


def test_a_row_has_the_same_reasons_alone_and_among_many(models):
    matrix = invent(40, seed=5)
    rows, labels = np.arange(40), np.arange(40) % 4
    together = reasons(models["stage"], CATALOGUE, matrix, rows, labels)
    alone = [reasons(models["stage"], CATALOGUE, matrix, rows[n : n + 1], labels[n : n + 1])[0] for n in range(40)]
    assert json.dumps(together) == json.dumps(alone)


def test_values_are_told_as_they_are(models):
    matrix = invent(200, seed=6)
    told = reasons(models["stage"], CATALOGUE, matrix, np.arange(200), np.zeros(200, np.int64))
    kinds = set()
    for row, some in enumerate(told):
        for one in some:
            name = one["feature"]
            if name in matrix.texts:
                assert one["value"] == matrix.texts[name][row].as_py()
            else:
                number = matrix.column(name)[row]
                assert one["value"] == (None if np.isnan(number) else number)
            assert set(one) == {"feature", "family", "value", "unit", "contribution", "en", "zh", "effect", "sentence"}
            kinds.add(type(one["value"]))
    assert kinds == {float, str, type(None)}
    json.dumps(told, allow_nan=False)


def test_nothing_that_weighs_nothing_is_a_reason(models):
    target = models["risk"]
    assert reasons(models["stage"], CATALOGUE, invent(0), np.empty(0, np.int64), np.empty(0, np.int64)) == []
    never = TargetModel(
        STAGE, (0, 3), NAMES, target.vocabularies, target.booster_text, target.calibrator, np.full(4, 0.25)
    )
    assert reasons(never, CATALOGUE, invent(2), np.arange(2), np.array([1, 2])) == [[], []]  # classes never trained


def entry(unit, en="purchases", zh="购买"):
    return Entry("x", Count((), back(1)), "frequency", unit, en, zh)


@pytest.mark.parametrize(
    ("made", "value", "contribution", "en", "zh"),
    [
        (
            CATALOGUE.entries["purchase_age"],
            3.0,
            0.4249,
            "days since the last purchase: 3 days (+0.42)",
            "距上次购买天数：3天（+0.42）",
        ),
        (
            CATALOGUE.entries["purchase_age"],
            None,
            -1.0,
            "days since the last purchase: none (-1.00)",
            "距上次购买天数：无（-1.00）",
        ),
        (entry("events"), 4.0, -0.1, "purchases: 4 (-0.10)", "购买：4次（-0.10）"),
        (entry("seconds"), 12.345, 0.0, "purchases: 12 seconds (+0.00)", "购买：12秒（+0.00）"),
        (entry("share"), 0.256, 2.0, "purchases: 26% (+2.00)", "购买：26%（+2.00）"),
        (entry("ratio"), 0.256, 2.0, "purchases: 0.26 (+2.00)", "购买：0.26（+2.00）"),
        (entry("currency"), 12345.6, 2.0, "purchases: 12,346 (+2.00)", "购买：12,346（+2.00）"),
        (entry("category"), "童书", 2.0, "purchases: 童书 (+2.00)", "购买：童书（+2.00）"),
    ],
)
def test_words(made, value, contribution, en, zh):
    told = reason(made, value, contribution, "buying")
    assert (told["en"], told["zh"], told["value"], told["contribution"]) == (en, zh, value, contribution)


def test_every_unit_of_the_catalogue_has_its_words():
    for made in CATALOGUE.entries.values():
        told = reason(made, 2.5, 0.1, "buying")
        assert told["en"].startswith(f"{made.en}: ")
        assert told["zh"].startswith(f"{made.zh}：")
