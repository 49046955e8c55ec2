"""The simple models that a shop would try first, tuned on the same rows and split as ours.

base_rate   the classes' shares among the training rows
recency     days since the last event and since the last purchase
frequency   numbers of events and of purchases in 30, 90 and all days
rfm         recency, frequency and money together (Hughes 1994), logarithms, logistic regression
aipl        the rule view Awareness, Interest, Purchase, Loyalty: the classes' shares by state

The last four learn on the training rows; which form and how much penalty is chosen by log loss on the calibration rows,
and the winner is calibrated there as ours is. Their questions are asked for under reserved names, whatever features a spec
selects.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from features.algebra import ALL_BACK, Age, Count, Feature, Sum, Tenure, back

from . import aipl
from .calibrate import choose
from .metrics import losses

PREFIX: Final = "baseline:"
BOUGHT: Final = ("purchase",)
QUESTIONS: Final[dict[str, Feature]] = {
    PREFIX + "age": Age(()),
    PREFIX + "purchase_age": Age(BOUGHT),
    PREFIX + "tenure": Tenure(()),
    PREFIX + "events_30d": Count((), back(30)),
    PREFIX + "events_90d": Count((), back(90)),
    PREFIX + "events": Count((), ALL_BACK),
    PREFIX + "purchases_30d": Count(BOUGHT, back(30)),
    PREFIX + "purchases_90d": Count(BOUGHT, back(90)),
    PREFIX + "purchases": Count(BOUGHT, ALL_BACK),
    PREFIX + "spent_90d": Sum("value", BOUGHT, back(90)),
    PREFIX + "spent": Sum("value", BOUGHT, ALL_BACK),
    **{PREFIX + name: question for name, question in aipl.QUESTIONS.items()},
}
NAMES: Final = tuple(QUESTIONS)
RECENCY: Final = ("age", "purchase_age")
FREQUENCY: Final = ("events_30d", "events_90d", "events", "purchases_30d", "purchases_90d", "purchases")
PENALTIES: Final = (0.001, 0.1, 10.0)
"""Candidates for scikit-learn's C, small is strong."""

PSEUDO: Final = (1.0, 30.0)
"""Candidates for the rows at the base rate that a state's shares are mixed with."""

MAX_ROWS: Final = 50_000
"""A dozen numbers need no more rows."""


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one part.

    Attributes:
        answers: (r, len(NAMES)) float64 answers to `QUESTIONS`.
        labels: (r,) int64 class.
        users: (r,) int64 hash of the row's user.
    """

    answers: np.ndarray
    labels: np.ndarray
    users: np.ndarray


Predict = Callable[[np.ndarray], np.ndarray]
"""(r, len(NAMES)) answers to (r, c) probabilities."""


def run(
    train: Part, calibrate: Part, test: np.ndarray, n_classes: int, methods: Sequence[str], seed: int
) -> dict[str, np.ndarray]:
    """Every baseline's probabilities on the test rows.

    Args:
        train: To learn on; every class occurs.
        calibrate: To choose settings and calibrate on.
        test: (r, len(NAMES)) answers of the test rows.
        n_classes: Number of classes, c.
        methods: Of calibration, as the model has.
        seed: For the calibration's draws.

    Returns:
        Name to (r, c) probabilities, rows sum to 1.
    """
    rate = np.bincount(train.labels, minlength=n_classes) / len(train.labels)
    few, calibrate = spread(train, MAX_ROWS), spread(calibrate, MAX_ROWS)
    out = {"base_rate": np.tile(rate, (len(test), 1))}
    for name, candidates in (
        ("recency", [Regression(RECENCY, c) for c in PENALTIES] + [Steps("age"), Steps("purchase_age")]),
        ("frequency", [Regression(FREQUENCY, c) for c in PENALTIES]),
        ("rfm", [Regression((*RECENCY, "tenure", *FREQUENCY, "spent_90d", "spent"), c) for c in PENALTIES]),
        ("aipl", [Shares(pseudo) for pseudo in PSEUDO]),
    ):
        fitted = [candidate.fit(few) for candidate in candidates]
        held_out = [predict(calibrate.answers) for predict in fitted]
        best = int(np.argmin([losses(calibrate.labels, p).mean() for p in held_out]))
        mended = choose(calibrate.labels, held_out[best], calibrate.users, methods, seed).calibrator
        out[name] = mended.apply(fitted[best](test))
    return out


def spread(part: Part, most: int) -> Part:
    """At most `most` rows, evenly out of all."""
    if len(part.labels) <= most:
        return part
    rows = np.linspace(0, len(part.labels) - 1, most).astype(np.int64)
    return Part(part.answers[rows], part.labels[rows], part.users[rows])


def terms(answers: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """(r, d) logarithms of the named answers; one never given is 0, with a column that says so."""
    columns: list[np.ndarray] = []
    for name in names:
        column = answers[:, NAMES.index(PREFIX + name)]
        missing = np.isnan(column)
        columns.append(np.log1p(np.maximum(np.where(missing, 0.0, column), 0.0)))
        if name in (*RECENCY, "tenure"):
            columns.append(missing.astype(np.float64))
    return np.column_stack(columns)


@dataclass(frozen=True, slots=True)
class Regression:
    """Logistic regression, multinomial for more than two classes, on logarithms and their squares."""

    names: tuple[str, ...]
    penalty: float

    def _terms(self, answers: np.ndarray) -> np.ndarray:
        plain = terms(answers, self.names)
        return np.hstack([plain, plain**2])

    def fit(self, part: Part) -> Predict:
        """Learn; every class occurs."""
        model: Any = make_pipeline(StandardScaler(), LogisticRegression(C=self.penalty, max_iter=500, tol=1e-3))
        model.fit(self._terms(part.answers), part.labels)
        return lambda answers: floored(model.predict_proba(self._terms(answers)))


@dataclass(frozen=True, slots=True)
class Steps:
    """Each class's rate as a monotone step function of one age (isotonic, either way), divided by their sum."""

    name: str

    def _age(self, answers: np.ndarray) -> np.ndarray:
        column = answers[:, NAMES.index(PREFIX + self.name)]
        return np.where(np.isnan(column), 1e6, column)  # never: beyond every age

    def fit(self, part: Part) -> Predict:
        """Learn; every class occurs, and more than one."""
        age = self._age(part.answers)
        rank = np.searchsorted(np.sort(age), age)
        steps = []
        for k in range(int(part.labels.max()) + 1):
            is_k = part.labels == k
            rising = bool(rank[is_k].mean() >= rank[~is_k].mean())
            steps.append(IsotonicRegression(increasing=rising, out_of_bounds="clip").fit(age, is_k))
        return lambda answers: floored(np.column_stack([step.predict(self._age(answers)) for step in steps]))


@dataclass(frozen=True, slots=True)
class Shares:
    """Each AIPL state's shares of the classes, with so many more rows at the base rate."""

    pseudo: float

    def _states(self, answers: np.ndarray) -> np.ndarray:
        return aipl.states(lambda name: answers[:, NAMES.index(PREFIX + name)], len(answers))

    def fit(self, part: Part) -> Predict:
        """Learn; every class occurs."""
        n_classes = int(part.labels.max()) + 1
        rate = np.bincount(part.labels) / len(part.labels)
        cells = self._states(part.answers) * n_classes + part.labels
        counts = np.bincount(cells, minlength=len(aipl.STATES) * n_classes).reshape(-1, n_classes) + self.pseudo * rate
        shares = counts / counts.sum(axis=1, keepdims=True)
        return lambda answers: floored(shares[self._states(answers)])


def floored(p: np.ndarray) -> np.ndarray:
    """Probabilities kept off 0, where log loss has no end, rows divided by their sum."""
    kept = np.maximum(p, 1e-4)
    out: np.ndarray = kept / kept.sum(axis=1, keepdims=True)
    return out
