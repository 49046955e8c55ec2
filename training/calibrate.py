"""Choose and fit a calibrator on held-out rows; none where none helps.

Every method is fitted on four fifths of the users and judged on the rest, five times round, by log loss: halves, which
differ by chance, took a drift that all rows show for noise. The best one is kept only if it gains over no calibration in 95
of 100 draws of whole users; it is then fitted to all rows. Calibrating a model that needs none makes it worse more often
than not (arXiv 2601.19944).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from models.calibration import TINY, Calibrator, identity
from models.hazardmodel import Correction

from .metrics import Measure, interval, losses
from .resample import draw
from .vennabers import steps

MIN_ROWS: Final = 200
"""Fewer rows than this calibrate nothing."""

N_DRAWS: Final = 200
FOLDS: Final = 5
SURE: Final = 0.95
"""Share of the draws in which a calibrator must gain."""

Fits = TypeVar("Fits", Calibrator, Correction)


@dataclass(frozen=True, slots=True)
class Choice(Generic[Fits]):
    """A calibrator, or a hazard's correction, and why it was chosen.

    Attributes:
        calibrator: Fitted to all rows given.
        log_loss: Method to its mean log loss on rows that it was not fitted to.
        gain: Of the best method: log loss less that of `none`, with its interval; None where nothing was tried.
    """

    calibrator: Fits
    log_loss: dict[str, float]
    gain: Measure | None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"method": self.calibrator.method, "log_loss": self.log_loss, "gain": self.gain}


def choose(
    labels: np.ndarray, p: np.ndarray, users: np.ndarray, methods: Sequence[str], seed: int
) -> Choice[Calibrator]:
    """The best of the methods, fitted to all rows.

    Args:
        labels: (r,) int64 class.
        p: (r, c) uncalibrated probabilities.
        users: (r,) int64 hash of the row's user, which makes the folds.
        methods: Of `models.calibration.METHODS`; `none` is always a candidate.
        seed: For the draws of the interval.
    """
    n_classes = p.shape[1]
    fold = folds(users)
    rest = [fold != k for k in range(FOLDS)]
    if len(labels) < MIN_ROWS or any(len(np.unique(labels[rows])) < n_classes for rows in rest):
        return Choice(identity(), {}, None)
    held_out = {"none": p}
    for method in methods:
        if method != "none":
            held_out[method] = np.array(p)
            for rows in rest:
                held_out[method][~rows] = fit(method, labels[rows], p[rows]).apply(p[~rows])
    each = {method: losses(labels, q) for method, q in held_out.items()}
    return chosen(each, users, seed, lambda method: fit(method, labels, p))


def folds(users: np.ndarray) -> np.ndarray:
    """(r,) int64 in [0, FOLDS), of (r,) hashes: a user's rows are all in one."""
    return (users.astype(np.uint64) % np.uint64(FOLDS)).astype(np.int64)


def chosen(
    held_out: Mapping[str, np.ndarray], users: np.ndarray, seed: int, fitted: Callable[[str], Fits]
) -> Choice[Fits]:
    """The method with the least loss, `none` where it does not surely gain on that.

    Args:
        held_out: Method to (r,) losses of rows that it was not fitted to; `none` is one.
        users: (r,) int64 hash of the row's user.
        seed: For the draws.
        fitted: Fits a method to all rows.
    """
    log_loss = {method: float(loss.mean()) for method, loss in held_out.items()}
    best = min(log_loss, key=lambda method: log_loss[method])
    if best == "none":
        return Choice(fitted(best), log_loss, None)
    gap = held_out[best] - held_out["none"]
    draws = draw(users, N_DRAWS, seed).mean(gap)
    helps = float(np.quantile(draws, SURE)) < 0
    return Choice(fitted(best if helps else "none"), log_loss, interval(float(gap.mean()), draws))


def fit(method: str, labels: np.ndarray, p: np.ndarray) -> Calibrator:
    """Fit one method; its form is in `models.calibration`.

    Args:
        method: One of `models.calibration.METHODS`.
        labels: (r,) int64 class; every class occurs.
        p: (r, c) uncalibrated probabilities.
    """
    p = np.clip(p, TINY, 1 - TINY)
    if method == "none":
        return identity()
    if method == "temperature":
        return Calibrator(method, {"temperature": temperature(labels, p)})
    if method == "vector":
        a, b = vector(labels, p)
        return Calibrator(method, {"a": a, "b": b})
    fitted = [ONE_CLASS[method](labels == k, p[:, k]) for k in (range(p.shape[1]) if p.shape[1] > 2 else [1])]
    return Calibrator(method, {name: [values[name] for values in fitted] for name in fitted[0]})


def temperature(labels: np.ndarray, p: np.ndarray) -> float:
    """T that gives softmax(ln p / T) the least log loss (Guo et al. 2017)."""
    logs = np.log(p)

    def loss(log_t: float) -> float:
        return float(-log_softmax(logs / np.exp(log_t), axis=1)[np.arange(len(labels)), labels].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-2.0, 2.0), method="bounded", options={"xatol": 1e-6}).x))


def vector(labels: np.ndarray, p: np.ndarray) -> tuple[list[float], list[float]]:
    """a, b that give softmax(a_k ln p_k + b_k) the least log loss; a light ridge towards no change picks one of the equals."""
    logs, n_classes = np.log(p), p.shape[1]
    truth = np.eye(n_classes)[labels]

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        a, b = theta[:n_classes], theta[n_classes:]
        z = a * logs + b
        gap = (softmax(z, axis=1) - truth) / len(labels)
        ridge = 1e-6 * (((a - 1) ** 2).sum() + (b**2).sum())
        value = -log_softmax(z, axis=1)[np.arange(len(labels)), labels].mean() + ridge
        slope = np.concatenate([(gap * logs).sum(axis=0) + 2e-6 * (a - 1), gap.sum(axis=0) + 2e-6 * b])
        return float(value), slope

    start = np.concatenate([np.ones(n_classes), np.zeros(n_classes)])
    found = minimize(loss, start, jac=True, method="L-BFGS-B").x
    return found[:n_classes].tolist(), found[n_classes:].tolist()


def platt(positive: np.ndarray, p: np.ndarray) -> dict[str, Any]:
    """sigmoid(a logit p + b), by logistic regression (Platt 1999)."""
    slope, bias = logistic(np.log(p) - np.log1p(-p), positive)
    return {"a": slope[0], "b": bias}


def beta(positive: np.ndarray, p: np.ndarray) -> dict[str, Any]:
    """sigmoid(a ln p - b ln(1 - p) + c), a and b not below 0 (Kull et al. 2017): a term with a negative slope is left out."""
    terms = np.column_stack([np.log(p), -np.log1p(-p)])
    (a, b), c = logistic(terms, positive)
    if a < 0:
        a, ((b,), c) = 0.0, logistic(terms[:, 1], positive)
    elif b < 0:
        b, ((a,), c) = 0.0, logistic(terms[:, 0], positive)
    return {"a": max(a, 0.0), "b": max(b, 0.0), "c": c}


def isotonic(positive: np.ndarray, p: np.ndarray) -> dict[str, Any]:
    """The best non-decreasing steps (Zadrozny and Elkan 2002), kept off 0 and 1 by half a row, where log loss has no end."""
    margin = 0.5 / len(p)
    steps = IsotonicRegression(y_min=margin, y_max=1 - margin, out_of_bounds="clip").fit(p, positive)
    return {"x": steps.X_thresholds_.tolist(), "y": steps.y_thresholds_.tolist()}


def logistic(terms: np.ndarray, positive: np.ndarray) -> tuple[list[float], float]:
    """Slopes and bias of an unpenalised logistic regression on (r,) or (r, d) terms."""
    model = LogisticRegression(C=np.inf, max_iter=1000, tol=1e-6).fit(terms.reshape(len(terms), -1), positive)
    return model.coef_[0].tolist(), float(model.intercept_[0])


ONE_CLASS: Final[dict[str, Callable[[np.ndarray, np.ndarray], dict[str, Any]]]] = {
    "platt": platt,
    "beta": beta,
    "isotonic": isotonic,
    "venn_abers": steps,
}
