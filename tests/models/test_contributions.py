"""For every target, class and read-out, whatever the row: contributions and the rest sum to the score."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.matrix import Matrix
from models.bundle import Bundle
from models.reasons import explain

VALUES = st.floats(-1e6, 1e6, width=32) | st.just(float("nan")) | st.integers(0, 40).map(float)


@st.composite
def seeds(draw: st.DrawFn) -> tuple[int, list[float]]:
    """A seed, and values that are strewn over a golden row."""
    return draw(st.integers(0, 10_000)), draw(st.lists(VALUES, min_size=3, max_size=30))


def rows_of(bundle: Bundle, seed: int, strewn: list[float]) -> Matrix:
    """Three golden rows with values strewn over them, in every cohort."""
    golden, rng = bundle.golden, np.random.default_rng(seed)
    values = np.array(golden.values[rng.integers(0, len(golden.values), 3)], order="F")
    for value in strewn:
        values[rng.integers(0, 3), rng.integers(0, values.shape[1])] = value
    for place, name in enumerate(golden.names):
        if name.startswith("cohort:"):
            values[:, place] = 1.0
    words = np.array(["category-1", "channel-2", "unseen", None], object)
    texts = {name: pa.array(words[rng.integers(0, 4, 3)].tolist(), pa.string()) for name in golden.texts}
    return Matrix(np.arange(3), np.zeros(3, np.int64), golden.names, values, texts)


@pytest.mark.parametrize("name", ["churn_30d", "stage_7d", "next_purchase"])
@settings(max_examples=8, deadline=None)
@given(case=seeds())
def test_contributions_sum_to_the_score_of_every_readout(bundle: Bundle, name: str, case: tuple) -> None:
    model, matrix = bundle.models[name], rows_of(bundle, *case)
    rows = np.arange(3)
    raw = model.raw(matrix, rows)
    for place in range(len(model.target.readouts)):
        given_, rest, score = model.explained(matrix, rows, place)
        np.testing.assert_allclose(given_.sum(axis=1) + rest, score, atol=1e-6)
        if name == "stage_7d":
            np.testing.assert_array_equal(score, raw[:, place])
        if name == "churn_30d":
            np.testing.assert_array_equal(score, raw[:, 0] * (1 if place else -1))
        if name == "next_purchase" and place < raw.shape[1]:
            np.testing.assert_allclose(score, raw[:, place], atol=1e-12)


@settings(max_examples=5, deadline=None)
@given(case=seeds())
def test_families_with_what_is_expected_sum_to_the_score(bundle: Bundle, case: tuple) -> None:
    matrix = rows_of(bundle, *case)
    for model in bundle.models.values():
        labels = np.arange(3) % len(model.target.classes)
        for one in explain(model, bundle.catalogue, matrix, np.arange(3), labels):
            told = one.account
            total = told["expected"] + sum(family["contribution"] for family in told["families"])
            assert abs(total - told["score"]) < 1e-6
            assert told["en"].startswith("What speaks for (+) and against (−) ")
            sizes = [abs(family["contribution"]) for family in told["families"]]
            assert sizes == sorted(sizes, reverse=True)
