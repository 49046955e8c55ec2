"""Venn-Abers steps against their definition: isotonic regression with the row added, by scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from training.calibrate import fit
from training.vennabers import interval, steps


def by_definition(positive, scores, s, label):
    fitted = IsotonicRegression(y_min=0, y_max=1).fit(np.append(scores, s), np.append(positive, label).astype(float))
    return fitted.predict([s])[0]


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_the_steps_are_isotonic_regression_with_the_row_added(data):
    grid = st.integers(1, 19).map(lambda i: i / 20)
    rows = data.draw(st.lists(st.tuples(grid, st.booleans()), min_size=1, max_size=25))
    scores, positive = (np.array(column) for column in zip(*rows, strict=True))
    values = steps(positive, scores)
    asked = np.arange(1, 40) / 40  # on the scores, and between them
    p0, p1 = interval(values, asked)
    assert p0 == pytest.approx([by_definition(positive, scores, s, 0) for s in asked], abs=1e-9)
    assert p1 == pytest.approx([by_definition(positive, scores, s, 1) for s in asked], abs=1e-9)
    assert (p0 <= p1).all()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_as_a_calibrator_it_merges_the_two(n_classes):
    generator = np.random.default_rng(1)
    p = generator.dirichlet(np.ones(n_classes), 600)
    labels = (generator.random(600)[:, None] > np.cumsum(p**2 / (p**2).sum(axis=1, keepdims=True), axis=1)).sum(axis=1)
    labels = labels.clip(0, n_classes - 1)
    made = fit("venn_abers", labels, p)
    merged = []
    for k in range(n_classes) if n_classes > 2 else [1]:
        p0, p1 = interval(steps(labels == k, p[:, k]), p[:, k])
        merged.append(p1 / (1 - p0 + p1))
    expected = np.column_stack(merged if n_classes > 2 else [1 - merged[0], merged[0]])
    assert made.apply(p) == pytest.approx(expected / expected.sum(axis=1, keepdims=True), abs=1e-9)


def test_a_hundred_thousand_rows_are_a_matter_of_a_moment_and_of_few_steps():
    generator = np.random.default_rng(2)
    scores = generator.uniform(0.001, 0.999, 100_000)
    values = steps(generator.random(100_000) < scores, scores)
    assert len(values["x0"]) < 3000
    p0, p1 = interval(values, scores)
    assert np.abs(p1 / (1 - p0 + p1) - scores).mean() < 0.02
