"""A trained next-event target: one binary booster over (person, bucket), its baseline, and how its hazards are corrected.

The log-odds of the hazard are those of the life table, bucket by bucket, and what the trees add for the person there
(discrete-time logistic hazard, Singer & Willett 1993, with trees in place of the linear term):

    logit h_j(x) = slope · (baseline_j + F(x, j)) + shift_j

`slope` is above 0 and neither depends on the person, so that the order of persons is kept, and survival falls in any case.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np

from features.errors import DamagedError
from features.matrix import Matrix

from .hazard import Hazard
from .targets import Target
from .timing import distribution
from .trees import Trees

PLACE: Final = "bucket.place"
"""The booster's last column, the bucket's place; no name of a catalogue has a dot."""

CORRECTIONS: Final = ("none", "shift", "slope", "intercepts")
"""Nothing; one shift for all buckets; a slope and one shift; a slope and a shift for each bucket."""

BLOCK: Final = 2048
"""Persons whose buckets are laid out at a time, which bounds memory."""


@dataclass(frozen=True, slots=True)
class Correction:
    """A monotone correction of log-odds: `slope * z + shift[j]`."""

    method: str
    slope: float
    shift: tuple[float, ...]

    @property
    def problem(self) -> str:
        """Why it cannot be used; empty where it can."""
        if self.method not in CORRECTIONS:
            return f"its correction {self.method!r} is unknown"
        whole = np.isfinite([self.slope, *self.shift]).all()
        return "" if whole and self.slope > 0 else "its correction is not of finite numbers with a slope above 0"

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"method": self.method, "slope": self.slope, "shift": list(self.shift)}


def uncorrected(n_buckets: int) -> Correction:
    """The correction that changes nothing."""
    return Correction("none", 1.0, (0.0,) * n_buckets)


def laid_out(values: np.ndarray, n_buckets: int) -> np.ndarray:
    """(r · J, k + 1) float32: every row once a bucket, with the bucket's place behind it."""
    out = np.empty((len(values), n_buckets, values.shape[1] + 1), np.float32)
    out[:, :, :-1] = values[:, None, :]
    out[:, :, -1] = np.arange(n_buckets, dtype=np.float32)
    return out.reshape(-1, values.shape[1] + 1)


@dataclass(frozen=True, eq=False)
class HazardModel:
    """A trained hazard; it answers as `TargetModel` does, its classes being buckets and `later`.

    Attributes:
        target: What is foreseen; buckets that the log could not show are left out.
        names: (k,) the booster's features without the bucket's place.
        vocabularies: Categorical feature to its codes by text.
        booster_text: LightGBM's model text.
        baseline: (J,) float64 log-odds of the life table's hazards in training.
        correction: Of the hazards.
        base_rates: (J + 1,) float64 the life table's distribution.

    Raises:
        DamagedError: The parts do not belong together.
    """

    target: Target
    names: tuple[str, ...]
    vocabularies: Mapping[str, Mapping[str, int]]
    booster_text: str = field(repr=False)
    baseline: np.ndarray
    correction: Correction
    base_rates: np.ndarray

    def __post_init__(self) -> None:
        n = len(self.recipe.edges)
        if self._trees.problem:
            raise self._damaged(self._trees.problem)
        if np.shape(self.baseline) != (n,) or not np.isfinite(self.baseline).all():
            raise self._damaged(f"its baseline is not {n} numbers")
        if np.shape(self.base_rates) != (n + 1,) or not np.isfinite(self.base_rates).all():
            raise self._damaged(f"its base rates are not {n + 1} numbers")
        if self.correction.problem or len(self.correction.shift) != n:
            raise self._damaged(self.correction.problem or f"its correction is not one of {n} buckets")
        if not set(self.vocabularies) <= set(self.names):
            raise self._damaged("it has a vocabulary of a feature that it does not use")

    @property
    def recipe(self) -> Hazard:
        """The target's."""
        assert isinstance(self.target.recipe, Hazard)
        return self.target.recipe

    @property
    def method(self) -> str:
        """How it is calibrated."""
        return self.correction.method

    def ready(self) -> "HazardModel":
        """The same, its booster loaded; the first use would load it else."""
        self._trees.booster  # noqa: B018 - loading is the effect
        return self

    def predict(self, matrix: Matrix) -> np.ndarray:
        """When the event falls; a row's answer does not depend on the other rows, to the bit.

        Args:
            matrix: Has every feature of `names` and the column `target.cohort_column`.

        Returns:
            (r, J + 1) float64: probability of each bucket and of none of them; NaN outside the cohort.
        """
        out = np.full((len(matrix.person), len(self.target.classes)), np.nan)
        inside = np.flatnonzero(self.target.eligible(matrix))
        for first in range(0, len(inside), BLOCK):
            rows = inside[first : first + BLOCK]
            out[rows] = self.distributions(matrix, None if len(rows) == len(out) else rows)
        return out

    def distributions(self, matrix: Matrix, rows: np.ndarray | None = None) -> np.ndarray:
        """(r, J + 1) float64 as `predict`, of `rows`, all where None, in the cohort or not."""
        return distribution(self.raw(matrix, rows), self.correction.slope, np.array(self.correction.shift))

    def raw(self, matrix: Matrix, rows: np.ndarray | None = None) -> np.ndarray:
        """(r, J) float64 uncorrected log-odds of the hazards of `rows`, all where None, in the cohort or not."""
        return self._raw(self._input(matrix, rows))

    def explained(
        self, matrix: Matrix, rows: np.ndarray, class_index: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What each feature adds to a read-out (TreeSHAP, Lundberg et al. 2018): exact and signed.

        The score that is explained is a mean of the log-odds of the read-out's buckets, each weighted by its hazard, which is
        the slope of `-ln S` there; turned about where the read-out is that the event comes later.

        Args:
            matrix: As for `predict`.
            rows: (r,) places of its rows.
            class_index: Place in `target.readouts`, of which the classes are the first.

        Returns:
            (r, k) contributions in the order of `names`; (r,) the baseline's and the bucket's; (r,) the score, their sum.
        """
        places, n = self._readouts[class_index], len(self.baseline)
        later = n in places
        among = [j for j in range(n) if (j in places) != later] or [0]
        values = self._input(matrix, rows)
        raw = self._raw(values)
        asked = laid_out(values, n).reshape(len(values), n, -1)[:, among].reshape(-1, len(self.names) + 1)
        each = self._trees.contributions(asked).reshape(len(values), len(among), -1)
        hazards = 1 / (1 + np.exp(-(self.correction.slope * raw + np.array(self.correction.shift))))
        sign = -1.0 if later else 1.0
        given, rest, score = np.zeros((len(values), len(self.names))), np.zeros(len(values)), np.zeros(len(values))
        weight = np.zeros(len(values))
        for j in among:  # one by one, so that a row's sum does not depend on the other rows
            weight += hazards[:, j]
        for place, j in enumerate(among):
            share = sign * hazards[:, j] / weight
            given += share[:, None] * each[:, place, :-2]
            rest += share * (each[:, place, -2] + each[:, place, -1] + self.baseline[j])
            score += share * raw[:, j]
        return given, rest, score

    def accounts(self, matrix: Matrix, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(r,) contributions to `later` with the rest, summed; and the score that they must give."""
        given, rest, score = self.explained(matrix, rows, len(self.baseline))
        return given.sum(axis=1) + rest, score

    @property
    def thresholds(self) -> Mapping[str, np.ndarray]:
        """Feature to the ascending values at which its trees split."""
        return self._trees.thresholds

    def _input(self, matrix: Matrix, rows: np.ndarray | None) -> np.ndarray:
        """(r, k) float32 by name."""
        return (matrix if rows is None else matrix.take(rows)).model_input(self.names, self.vocabularies)

    def _raw(self, values: np.ndarray) -> np.ndarray:
        """(r, J) float64 of (r, k) input."""
        scores = self._trees.raw(laid_out(values, len(self.baseline))).reshape(len(values), -1)
        found: np.ndarray = scores + self.baseline
        return found

    @cached_property
    def _trees(self) -> Trees:
        return Trees(self.booster_text, (*self.names, PLACE), 1)

    @cached_property
    def _readouts(self) -> list[tuple[int, ...]]:
        return list(self.target.readouts.values())

    def to_json(self) -> dict[str, Any]:
        """All but the booster's text and the vocabularies, as plain data."""
        return {
            "target": self.target.to_json(),
            "names": list(self.names),
            "baseline": self.baseline.tolist(),
            "correction": self.correction.to_json(),
            "base_rates": self.base_rates.tolist(),
        }

    @classmethod
    def from_json(
        cls, data: Mapping[str, Any], vocabularies: Mapping[str, Mapping[str, int]], text: str
    ) -> "HazardModel":
        """The model of such data."""
        said = data["correction"]
        return cls(
            target=Target.from_json(data["target"]),
            names=tuple(data["names"]),
            vocabularies=vocabularies,
            booster_text=text,
            baseline=np.array(data["baseline"], np.float64),
            correction=Correction(said["method"], said["slope"], tuple(said["shift"])),
            base_rates=np.array(data["base_rates"], np.float64),
        )

    def _damaged(self, what: str) -> DamagedError:
        return DamagedError(f"The model of {self.target.name} cannot be used: {what}. Train again, or roll back.")
