"""The scorer: one target's booster and calibrator, from a feature matrix to calibrated probabilities and their reasons.

The input is built by name: LightGBM takes columns by position and says nothing when they are swapped.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from features.errors import DamagedError
from features.matrix import Matrix

from .calibration import Calibrator, probabilities
from .targets import Target
from .trees import Trees

__all__ = ["TargetModel", "probabilities"]


@dataclass(frozen=True, eq=False)
class TargetModel:
    """A trained target.

    Attributes:
        target: What is foreseen, as it was trained: stages that the log could not show are left out of its rules.
        trained: Places, in `target.classes`, of the classes that training saw; the others have probability 0. Two make
            the booster's objective `binary`, more `multiclass`, whose classes are these in order.
        names: (k,) names of the booster's features, in its order.
        vocabularies: Categorical feature to its codes by text.
        booster_text: LightGBM's model text, cut to the best iteration.
        calibrator: Of the trained classes.
        base_rates: (c,) float64 share of every class among training's rows.

    Raises:
        DamagedError: The parts do not belong together.
    """

    target: Target
    trained: tuple[int, ...]
    names: tuple[str, ...]
    vocabularies: Mapping[str, Mapping[str, int]]
    booster_text: str = field(repr=False)
    calibrator: Calibrator
    base_rates: np.ndarray

    def __post_init__(self) -> None:
        places = range(len(self.target.classes))
        if (
            len(self.trained) < 2
            or sorted(set(self.trained)) != list(self.trained)
            or not set(self.trained) <= set(places)
        ):
            raise self._damaged(f"its trained classes {self.trained} are not two or more of {list(places)}")
        if self._trees.problem:
            raise self._damaged(self._trees.problem)
        if not self.calibrator.fits(len(self.trained)):
            raise self._damaged(f"its calibrator is not one of {len(self.trained)} classes")
        if np.shape(self.base_rates) != (len(places),) or not np.isfinite(self.base_rates).all():
            raise self._damaged(f"its base rates are not {len(places)} numbers")
        if not set(self.vocabularies) <= set(self.names):
            raise self._damaged("it has a vocabulary of a feature that it does not use")

    @property
    def n_scores(self) -> int:
        """Raw scores a row: 1 for two trained classes, else one each."""
        return 1 if len(self.trained) == 2 else len(self.trained)

    def ready(self) -> "TargetModel":
        """The same, its booster loaded; the first use would load it else."""
        self._trees.booster  # noqa: B018 - loading is the effect
        return self

    def predict(self, matrix: Matrix) -> np.ndarray:
        """Calibrated probabilities; a row's do not depend on the other rows, to the bit.

        Args:
            matrix: Has every feature of `names` and the column `target.cohort_column`.

        Returns:
            (r, c) float64; rows in the cohort sum to 1, the others are NaN; a class that training never saw is 0.

        Raises:
            SpecError: The matrix lacks a feature.
        """
        out = np.full((len(matrix.person), len(self.target.classes)), np.nan)
        inside = np.flatnonzero(self.target.eligible(matrix))
        if len(inside):
            raw = self.raw(matrix, None if len(inside) == len(out) else inside)
            found = np.zeros((len(inside), out.shape[1]))
            found[:, self.trained] = self.calibrator.apply(probabilities(raw))
            out[inside] = found
        return out

    def raw(self, matrix: Matrix, rows: np.ndarray | None = None) -> np.ndarray:
        """(r, n_scores) float64 raw scores of `rows`, all where None, in the cohort or not."""
        return self._trees.raw(self._input(matrix, rows))

    def explained(
        self, matrix: Matrix, rows: np.ndarray, class_index: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What each feature adds to the raw score of a class (TreeSHAP, Lundberg et al. 2018): exact and signed.

        Args:
            matrix: As for `predict`.
            rows: (r,) places of its rows.
            class_index: Place in `target.classes`. Of two trained classes the first's score is minus the second's; a class
                never trained has no score, and zeros here.

        Returns:
            (r, k) contributions in the order of `names`; (r,) what is expected before any feature is known, the mean over
            training's rows; (r,) the class's raw score, their sum.
        """
        values = self._input(matrix, rows)
        given = self._of_class(values, class_index)
        score = np.zeros(len(values))
        if class_index in self.trained:
            place = self.trained.index(class_index)
            raw = self._trees.raw(values)
            score = raw[:, place] if self.n_scores > 1 else raw[:, 0] * (1.0 if place else -1.0)
        return given[:, :-1], given[:, -1], score

    def accounts(self, matrix: Matrix, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(r,) contributions to the last trained class with what is expected, summed; and the raw score that they must give."""
        given, expected, score = self.explained(matrix, rows, self.trained[-1])
        return given.sum(axis=1) + expected, score

    @property
    def thresholds(self) -> Mapping[str, np.ndarray]:
        """Feature to the ascending values at which its trees split."""
        return self._trees.thresholds

    def _of_class(self, values: np.ndarray, class_index: int) -> np.ndarray:
        """(r, k + 1) contributions and bias of one class."""
        if class_index not in self.trained:
            return np.zeros((len(values), len(self.names) + 1))
        place = self.trained.index(class_index)
        if self.n_scores == 1:
            return self._trees.contributions(values) * (1.0 if place else -1.0)
        return self._trees.contributions(values, place)

    def _input(self, matrix: Matrix, rows: np.ndarray | None) -> np.ndarray:
        """(r, k) float32 by name."""
        return (matrix if rows is None else matrix.take(rows)).model_input(self.names, self.vocabularies)

    @cached_property
    def _trees(self) -> Trees:
        return Trees(self.booster_text, self.names, self.n_scores)

    @property
    def method(self) -> str:
        """How it is calibrated."""
        return self.calibrator.method

    def to_json(self) -> dict[str, Any]:
        """All but the booster's text and the vocabularies, as plain data."""
        return {
            "target": self.target.to_json(),
            "trained": list(self.trained),
            "names": list(self.names),
            "calibrator": self.calibrator.to_json(),
            "base_rates": self.base_rates.tolist(),
        }

    @classmethod
    def from_json(
        cls, data: Mapping[str, Any], vocabularies: Mapping[str, Mapping[str, int]], text: str
    ) -> "TargetModel":
        """The model of such data."""
        return cls(
            target=Target.from_json(data["target"]),
            trained=tuple(data["trained"]),
            names=tuple(data["names"]),
            vocabularies=vocabularies,
            booster_text=text,
            calibrator=Calibrator.from_json(data["calibrator"]),
            base_rates=np.array(data["base_rates"], np.float64),
        )

    def _damaged(self, what: str) -> DamagedError:
        return DamagedError(f"The model of {self.target.name} cannot be used: {what}. Train again, or roll back.")
