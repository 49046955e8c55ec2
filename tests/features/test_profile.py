"""Profiles and histograms against pandas and NumPy."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.profile import LEVELS, edges, histogram, numbers, texts

RNG = np.random.default_rng(5)
SHAPES = {
    "normal": RNG.normal(3, 2, 5000),
    "skewed": np.exp(RNG.normal(2, 3, 5000)),
    "counts": RNG.poisson(1.3, 5000).astype(float),
    "wide counts": RNG.geometric(0.02, 5000).astype(float),
    "mostly zero": np.where(RNG.random(5000) < 0.95, 0.0, RNG.normal(50, 5, 5000)),
    "holes": np.where(RNG.random(5000) < 0.4, np.nan, RNG.random(5000)),
    "constant": np.full(100, 7.25),
    "one": np.array([np.nan, 3.0]),
}


@pytest.mark.parametrize("values", SHAPES.values(), ids=SHAPES)
def test_numbers_are_pandas(values):
    series, found = pd.Series(values), numbers(values)
    assert (found.n, found.answered, found.distinct) == (len(series), series.count(), series.nunique())
    assert found.something == (series.notna() & (series != 0)).sum()
    assert found.top == pytest.approx(series.value_counts(normalize=True, dropna=False).iloc[0])
    assert found.mean == pytest.approx(series.mean())
    assert found.deviation == pytest.approx(series.std(ddof=0), abs=1e-12)
    np.testing.assert_allclose(found.quantiles, series.quantile(list(LEVELS)))


def test_nobody_answers():
    found = numbers(np.full(4, np.nan))
    assert (found.n, found.answered, found.distinct, found.top) == (4, 0, 0, 1.0)
    assert np.isnan([found.mean, found.deviation, *found.quantiles]).all()
    assert len(edges(np.full(4, np.nan))) == 0
    assert len(histogram(np.full(4, np.nan), edges(np.full(4, np.nan)))) == 0
    assert np.isnan(numbers(np.empty(0)).top)


def test_texts_are_pandas():
    values = RNG.choice(["app", "web", "store", None], 1000, p=[0.2, 0.5, 0.2, 0.1]).tolist()
    found, series = texts(pa.array(values, pa.string())), pd.Series(values, dtype="str")
    assert found.counts == series.value_counts().to_dict()
    assert next(iter(found.counts)) == "web"
    assert (found.n, found.answered, found.distinct) == (1000, series.count(), 3)
    assert found.top == pytest.approx(series.value_counts(normalize=True, dropna=False).iloc[0])
    none = texts(pa.array([None, None], pa.string()))
    assert (none.answered, none.distinct, none.top, none.counts) == (0, 0, 1.0, {})
    assert list(texts(pa.array(["b", "a", "b", "a", "c"])).counts) == ["a", "b", "c"]


@pytest.mark.parametrize("values", SHAPES.values(), ids=SHAPES)
def test_histograms_hold_everybody(values):
    at = edges(values)
    counts = histogram(values, at)
    assert (np.diff(at) > 0).all()
    assert len(counts) == len(at) - 1 <= 26
    assert counts.sum() == np.count_nonzero(~np.isnan(values))
    inside = values[(values >= at[1]) & (values < at[-2])]
    assert len(at) <= 3 or counts[1:-1].tolist() == np.histogram(inside, at[1:-1])[0].tolist()


def test_whole_numbers_have_bins_of_whole_numbers():
    few = edges(np.array([0.0, 1, 1, 2, 5]))
    assert few.tolist() == [-0.5, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5]
    assert histogram(np.array([0.0, 1, 1, 2, 5]), few).tolist() == [1, 2, 1, 0, 0, 1]
    wide = edges(np.arange(1000.0))
    assert set(np.diff(wide)) == {42.0}
    assert (wide % 1 == 0.5).all()


def test_skewed_answers_have_bins_that_grow():
    widths = np.diff(edges(SHAPES["skewed"]))
    assert (np.diff(widths) > 0).all()
    assert (edges(SHAPES["mostly zero"]) >= 0).all()


@given(
    st.lists(st.floats(-1e12, 1e12) | st.integers(-3, 40).map(float) | st.just(float("nan")), min_size=1, max_size=60)
)
def test_any_answers_have_a_histogram(values):
    column = np.array(values)
    at = edges(column)
    assert histogram(column, at).sum() == np.count_nonzero(~np.isnan(column))
    assert (np.diff(at) > 0).all()
