"""The scorer against LightGBM and scipy; independence of the batch, to the bit; contributions that sum."""

import re
import threading
import time
from dataclasses import replace

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, softmax

from features.errors import DamagedError, SpecError
from models.calibration import Calibrator, identity
from models.scorer import TargetModel, probabilities

from .conftest import NAMES, RISK, STAGE, VOCABULARY, fit, matrix_of, model_of

MODELS = ("churn_model", "stage_model", "till_model", "three_model")


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> TargetModel:
    found: TargetModel = request.getfixturevalue(request.param)
    return found


def test_raw_scores_are_lightgbms(model: TargetModel) -> None:
    matrix = matrix_of(500)
    values = matrix.model_input(NAMES, {"favorite_category": VOCABULARY})
    expected = lightgbm.Booster(model_str=model.booster_text).predict(values, raw_score=True)
    assert model.raw(matrix).tobytes() == np.asarray(expected).reshape(500, -1).tobytes()


def test_probabilities_are_sigmoid_and_softmax() -> None:
    raw = np.concatenate([np.linspace(-800, 800, 4001), [0.0, 1e-300]])
    found = probabilities(raw)
    np.testing.assert_allclose(found[:, 1], expit(raw), rtol=1e-14, atol=1e-300)
    np.testing.assert_array_equal(found.sum(axis=1), 1)
    many = np.random.default_rng(0).normal(0, 200, (500, 5))
    np.testing.assert_allclose(probabilities(many), softmax(many, axis=1), rtol=1e-12, atol=1e-300)


def test_rows_sum_to_one_in_the_cohort_and_are_nan_outside(model: TargetModel) -> None:
    matrix = matrix_of(400)
    inside = np.nan_to_num(matrix.column(model.target.cohort_column)) > 0
    assert 0 < inside.sum() < 400
    p = model.predict(matrix)
    assert p.shape == (400, len(model.target.classes))
    assert p.dtype == np.float64
    assert np.isnan(p[~inside]).all()
    np.testing.assert_allclose(p[inside].sum(axis=1), 1, atol=1e-14)
    never = [c for c in range(p.shape[1]) if c not in model.trained]
    assert (p[inside][:, never] == 0).all()
    assert (p[inside][:, list(model.trained)] > 0).all()


def test_nobody_in_the_cohort(model: TargetModel) -> None:
    assert np.isnan(model.predict(matrix_of(9, outside=1.1))).all()
    assert model.predict(matrix_of(9).take(np.array([], np.int64))).shape == (0, len(model.target.classes))


@settings(deadline=None)
@given(n=st.integers(1, 130), seed=st.integers(0, 10_000), data=st.data())
def test_a_row_does_not_depend_on_the_batch_to_the_bit(
    churn_model: TargetModel, stage_model: TargetModel, n: int, seed: int, data: st.DataObject
) -> None:
    matrix = matrix_of(n, seed)
    rows = np.array(data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=40)), np.int64)
    for model in (churn_model, stage_model):
        whole = model.predict(matrix)
        assert model.predict(matrix.take(rows)).tobytes() == whole[rows].tobytes()
        assert model.predict(matrix.take(rows[:1])).tobytes() == whole[rows[:1]].tobytes()


def test_a_thousand_rows_at_once_and_one_by_one(model: TargetModel) -> None:
    matrix = matrix_of(1000, seed=9)
    whole = model.predict(matrix)
    single = np.concatenate([model.predict(matrix.take(np.array([row]))) for row in range(1000)])
    assert single.tobytes() == whole.tobytes()


def test_columns_are_taken_by_name(model: TargetModel) -> None:
    matrix = matrix_of(200)
    order = [3, 6, 0, 5, 4, 2, 1]
    shuffled = replace(matrix, names=tuple(matrix.names[i] for i in order), values=matrix.values[:, order])
    assert model.predict(shuffled).tobytes() == model.predict(matrix).tobytes()


def test_a_missing_column_is_refused(model: TargetModel) -> None:
    matrix = matrix_of(20)
    with pytest.raises(SpecError, match="'b'"):
        model.predict(replace(matrix, names=tuple("z" if name == "b" else name for name in matrix.names)))


def test_contributions_and_expectation_sum_to_the_raw_score(model: TargetModel) -> None:
    matrix = matrix_of(300)
    rows = np.arange(0, 300, 3)
    raw = model.raw(matrix, rows)
    for place, class_index in enumerate(model.trained):
        found, expected, told = model.explained(matrix, rows, class_index)
        assert found.shape == (len(rows), len(NAMES))
        score = raw[:, place] if model.n_scores > 1 else raw[:, 0] * (1 if place else -1)
        np.testing.assert_array_equal(told, score)
        np.testing.assert_allclose(found.sum(axis=1) + expected, score, atol=1e-9)
        assert np.ptp(expected) == 0
        assert np.abs(found).max() > 0.1
    never = next((c for c in range(len(model.target.classes)) if c not in model.trained), None)
    if never is not None:
        assert not any(part.any() for part in model.explained(matrix, rows, never))


def test_threads_that_predict_and_explain_agree_with_one_alone(stage_model: TargetModel) -> None:
    matrix = matrix_of(60)
    rows = np.arange(60)
    expected = stage_model.predict(matrix), stage_model.explained(matrix, rows, 2)[0]
    wrong = []

    def work(turn: int) -> None:
        for _ in range(15):
            if turn % 2 and stage_model.predict(matrix).tobytes() != expected[0].tobytes():
                wrong.append("predict")
            if not turn % 2 and stage_model.explained(matrix, rows, 2)[0].tobytes() != expected[1].tobytes():
                wrong.append("contributions")

    threads = [threading.Thread(target=work, args=(turn,)) for turn in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_all_trees_of_the_text_are_used(texts: dict[int, str], churn_model: TargetModel) -> None:
    booster = lightgbm.Booster(model_str=texts[2])
    short = replace(churn_model, booster_text=booster.model_to_string(num_iteration=5), calibrator=identity())
    matrix = matrix_of(50)
    values = matrix.model_input(NAMES, {"favorite_category": VOCABULARY})
    np.testing.assert_array_equal(short.raw(matrix)[:, 0], booster.predict(values, raw_score=True, num_iteration=5))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"names": ("b", "a", "c", "d", "favorite_category")}, "other features, or in another order"),
        ({"names": NAMES[:4]}, "other features"),
        ({"trained": (0, 1)}, "does not give 1 scores"),
        ({"trained": (0,)}, "two or more"),
        ({"trained": (1, 0, 2, 3)}, "two or more"),
        ({"trained": (0, 1, 2, 4)}, "two or more"),
        ({"calibrator": Calibrator("platt", {"a": [1.0], "b": [0.0]})}, "not one of 4 classes"),
        ({"base_rates": np.array([0.5, 0.5])}, "not 4 numbers"),
        ({"base_rates": np.array([0.5, 0.5, np.nan, 0.0])}, "not 4 numbers"),
        ({"vocabularies": {"last_page": {"x": 0}}}, "does not use"),
        ({"booster_text": "tree\n"}, "other features"),
    ],
)
def test_parts_that_do_not_belong_together(stage_model: TargetModel, change: dict, says: str) -> None:
    with pytest.raises(DamagedError, match="model of stage_7d cannot be used") as error:
        replace(stage_model, **change)
    assert says in error.value.message


def test_a_text_that_lightgbm_reads_otherwise_is_not_used(churn_model: TargetModel) -> None:
    text = re.sub(r"max_feature_idx=\d+", "max_feature_idx=99", churn_model.booster_text)
    with pytest.raises((DamagedError, lightgbm.basic.LightGBMError)):
        replace(churn_model, booster_text=text).ready()


@pytest.mark.bench
def test_time_of_a_prediction(capsys: pytest.CaptureFixture[str]) -> None:
    """Microseconds for 1 and 1,000 rows, 300 rounds."""
    with capsys.disabled():
        for k, target in ((2, "churn_model"), (4, "stage_model")):
            text = fit(NAMES, k, rounds=300, leaves=31)
            model = model_of(
                RISK if k == 2 else STAGE, tuple(range(k)), text, Calibrator("temperature", {"temperature": 1.1})
            )
            for n, turns in ((1, 2000), (1000, 20)):
                matrix, times = matrix_of(n, outside=-1), []
                for _ in range(turns):
                    start = time.perf_counter()
                    model.predict(matrix)
                    times.append(time.perf_counter() - start)
                print(f"\n{target}, {n} rows: median {np.median(times) * 1e6:.0f} µs, least {min(times) * 1e6:.0f} µs")
