"""Calibrators against scikit-learn, scipy and NumPy, and their independence of the batch."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit, softmax
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from features.errors import DamagedError, InternalError
from models.calibration import METHODS, Calibrator, identity

RNG = np.random.default_rng(3)


def rows_of(n: int, k: int, seed: int = 0) -> np.ndarray:
    """(n, k) probabilities, some of them 0 or 1."""
    rng = np.random.default_rng(seed)
    p = softmax(rng.normal(0, 4, (n, k)), axis=1)
    p[: n // 10] = np.eye(k)[rng.integers(0, k, n // 10)]
    return p


def examples(k: int) -> list[Calibrator]:
    m = 1 if k == 2 else k
    knots = [0.0, 0.1, 0.4, 0.9, 1.0]
    return [
        identity(),
        Calibrator("temperature", {"temperature": 1.7}),
        Calibrator("vector", {"a": [0.8 + 0.1 * i for i in range(k)], "b": [0.2 * i for i in range(k)]}),
        Calibrator("platt", {"a": [1.3] * m, "b": [-0.2] * m}),
        Calibrator("beta", {"a": [1.2] * m, "b": [0.7] * m, "c": [0.1] * m}),
        Calibrator("isotonic", {"x": [knots] * m, "y": [[0.0, 0.05, 0.5, 0.8, 1.0]] * m}),
        Calibrator(
            "venn_abers",
            {"x0": [[0.0, 0.4]] * m, "p0": [[0.0, 0.3]] * m, "x1": [[0.4, 1.0]] * m, "p1": [[0.4, 0.9]] * m},
        ),
    ]


@pytest.mark.parametrize("k", [2, 4])
def test_every_method_gives_finite_rows_that_sum_to_one(k: int) -> None:
    p = rows_of(1001, k)
    assert [c.method for c in examples(k)] == list(METHODS)
    for calibrator in examples(k):
        q = calibrator.apply(p)
        assert q.shape == p.shape
        assert np.isfinite(q).all()
        assert ((q >= 0) & (q <= 1)).all()
        np.testing.assert_allclose(q.sum(axis=1), 1, rtol=0, atol=1e-14)


@pytest.mark.parametrize("k", [2, 3, 4])
@settings(deadline=None)
@given(data=st.data())
def test_a_row_does_not_depend_on_the_others_to_the_bit(k: int, data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 67))
    p = rows_of(n, k, data.draw(st.integers(0, 1000)))
    start = data.draw(st.integers(0, n - 1))
    stop = data.draw(st.integers(start + 1, n))
    step = data.draw(st.integers(1, 3))
    for calibrator in examples(k):
        whole = calibrator.apply(p)
        assert calibrator.apply(p[start:stop:step]).tobytes() == whole[start:stop:step].tobytes()
        assert calibrator.apply(np.asfortranarray(p)).tobytes() == whole.tobytes()


def test_none_changes_no_bit_and_makes_a_copy() -> None:
    p = rows_of(50, 4)
    q = identity().apply(p)
    assert q.tobytes() == p.tobytes()
    assert not np.shares_memory(p, q)


@pytest.mark.parametrize("k", [2, 4])
def test_temperature_and_vector_are_softmaxes_of_scaled_logarithms(k: int) -> None:
    p = np.clip(rows_of(500, k), 1e-12, 1 - 1e-12)
    found = Calibrator("temperature", {"temperature": 2.5}).apply(p)
    np.testing.assert_allclose(found, softmax(np.log(p) / 2.5, axis=1), rtol=1e-12)
    a, b = np.linspace(0.5, 1.5, k), np.linspace(-1, 1, k)
    found = Calibrator("vector", {"a": a.tolist(), "b": b.tolist()}).apply(p)
    np.testing.assert_allclose(found, softmax(np.log(p) * a + b, axis=1), rtol=1e-12)


def test_platt_is_scikit_learns_logistic_regression_on_the_logit() -> None:
    p1 = RNG.uniform(0.01, 0.99, 2000)
    y = (RNG.random(2000) < expit(0.6 * logit(p1) - 0.4)).astype(int)
    fitted = LogisticRegression(C=np.inf).fit(logit(p1)[:, None], y)
    ours = Calibrator("platt", {"a": fitted.coef_[0].tolist(), "b": fitted.intercept_.tolist()})
    expected = fitted.predict_proba(logit(p1)[:, None])
    np.testing.assert_allclose(ours.apply(np.column_stack([1 - p1, p1])), expected, rtol=1e-9)


def test_beta_is_scikit_learns_logistic_regression_on_both_logarithms() -> None:
    p1 = RNG.uniform(0.01, 0.99, 2000)
    y = (RNG.random(2000) < expit(0.9 * np.log(p1) - 0.5 * np.log1p(-p1))).astype(int)
    inputs = np.column_stack([np.log(p1), -np.log1p(-p1)])
    fitted = LogisticRegression(C=np.inf).fit(inputs, y)
    (a, b), c = fitted.coef_[0].tolist(), fitted.intercept_.tolist()
    assert a > 0
    assert b > 0
    ours = Calibrator("beta", {"a": [a], "b": [b], "c": c})
    np.testing.assert_allclose(ours.apply(np.column_stack([1 - p1, p1])), fitted.predict_proba(inputs), rtol=1e-9)


def test_isotonic_is_scikit_learns_on_its_own_knots() -> None:
    p1 = RNG.uniform(0, 1, 3000)
    y = RNG.random(3000) < p1**2
    fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(p1, y)
    ours = Calibrator("isotonic", {"x": [fitted.X_thresholds_.tolist()], "y": [fitted.y_thresholds_.tolist()]})
    asked = np.concatenate([[0.0, 1.0], fitted.X_thresholds_, RNG.uniform(0, 1, 3000)])
    found = ours.apply(np.column_stack([1 - asked, asked]))[:, 1]
    np.testing.assert_allclose(found, np.clip(fitted.predict(asked), 1e-12, 1 - 1e-12), atol=1e-14)
    assert found.min() > 0  # a certainty that fails would cost an infinite log loss


def test_more_than_two_classes_are_corrected_one_by_one_and_divided_by_the_sum() -> None:
    p = np.clip(rows_of(400, 3), 1e-12, 1 - 1e-12)
    a, b = np.array([0.5, 1.0, 2.0]), np.array([0.1, -0.3, 0.0])
    single = expit(a * logit(p) + b)
    found = Calibrator("platt", {"a": a.tolist(), "b": b.tolist()}).apply(p)
    np.testing.assert_allclose(found, single / single.sum(axis=1, keepdims=True), rtol=1e-9, atol=1e-11)
    x, y = [[0.0, 0.5, 1.0]] * 3, [[0.1, 0.2, 0.9], [0.0, 0.5, 1.0], [0.3, 0.3, 0.3]]
    single = np.column_stack([np.interp(p[:, k], x[k], y[k]) for k in range(3)])
    found = Calibrator("isotonic", {"x": x, "y": y}).apply(p)
    np.testing.assert_allclose(found, single / single.sum(axis=1, keepdims=True), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("k", [2, 4])
def test_json_gives_back_the_same_bits(k: int) -> None:
    p = rows_of(300, k)
    for calibrator in examples(k):
        again = Calibrator.from_json(json.loads(json.dumps(calibrator.to_json())))
        assert again.apply(p).tobytes() == calibrator.apply(p).tobytes()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"method": "plat", "a": [1.0], "b": [0.0]}, "Did you mean 'platt'"),
        ({}, "Known: "),
        ({"method": "platt", "a": [1.0]}, "needs"),
        ({"method": "platt", "a": [1.0], "b": [float("nan")]}, "not finite"),
        ({"method": "platt", "a": [1.0, 2.0], "b": [0.0]}, "inhomogeneous"),
        ({"method": "platt", "a": ["x"], "b": [0.0]}, "could not convert"),
        ({"method": "temperature", "temperature": 0.0}, "above 0"),
        ({"method": "temperature", "temperature": None}, "not finite"),
        ({"method": "beta", "a": [-1.0], "b": [1.0], "c": [0.0]}, "below 0"),
        ({"method": "isotonic", "x": [[0.0, 1.0]], "y": [[0.0, 1.0], [0.0, 1.0]]}, "one list a class"),
        ({"method": "isotonic", "x": [[0.0, 0.0]], "y": [[0.0, 1.0]]}, "ascend"),
        ({"method": "isotonic", "x": [[0.0, 1.0]], "y": [[0.5, 0.4]]}, "not descend"),
        ({"method": "isotonic", "x": [[0.0, 1.0]], "y": [[0.5, float("nan")]]}, "not descend"),
        ({"method": "isotonic", "x": [[]], "y": [[]]}, "at least one"),
        ({"method": "none", "extra": 1}, "needs"),
    ],
)
def test_what_is_no_calibrator_is_refused(data: dict, says: str) -> None:
    with pytest.raises(DamagedError, match="cannot be used") as error:
        Calibrator.from_json(data)
    assert says in error.value.message


def test_a_calibrator_of_other_classes_is_a_fault_of_ours() -> None:
    platt = Calibrator("platt", {"a": [1.0], "b": [0.0]})
    assert platt.fits(2)
    assert not platt.fits(3)
    with pytest.raises(InternalError):
        platt.apply(rows_of(5, 3))
    assert not Calibrator("vector", {"a": [1.0], "b": [0.0]}).fits(2)


def test_warming_compiles_all_that_answering_needs() -> None:
    code = (
        "import models.calibration as c, numpy as np; c.warm(); before = (len(c._apply.signatures), len(c._probabilities.signatures));"
        "[k.apply(c.probabilities(np.zeros((5, n)))) for n, k in ((1, c.Calibrator('beta', {'a': [1.0], 'b': [1.0], 'c': [0.0]})),"
        " (4, c.Calibrator('isotonic', {'x': [[0.0, 1.0]] * 4, 'y': [[0.1, 0.9]] * 4})))];"
        "assert before == (len(c._apply.signatures), len(c._probabilities.signatures)) == (1, 1)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
