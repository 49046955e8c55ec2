"""What bundle, scorer, batch and explanations ask of a trained target, of whatever kind."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from features.matrix import Matrix

from .baserate import METHOD, BaseRateModel
from .hazardmodel import HazardModel
from .interestmodel import InterestModel
from .readout import ReadOut
from .scorer import TargetModel
from .targets import Target


class Model(Protocol):
    """A trained target."""

    @property
    def target(self) -> Target:
        """What is foreseen, as it was trained."""

    @property
    def names(self) -> tuple[str, ...]:
        """(k,) features of the catalogue."""

    @property
    def vocabularies(self) -> Mapping[str, Mapping[str, int]]:
        """Categorical feature to its codes by text."""

    @property
    def booster_text(self) -> str:
        """LightGBM's model text; empty of a model without trees."""

    @property
    def base_rates(self) -> np.ndarray:
        """(c,) float64 probabilities of the classes for somebody of whom nothing is known."""

    @property
    def method(self) -> str:
        """How it is calibrated."""

    @property
    def thresholds(self) -> Mapping[str, np.ndarray]:
        """Feature to the ascending values at which its trees split: up to one goes left, above it right."""

    def ready(self) -> "Model":
        """The same, loaded."""

    def predict(self, matrix: Matrix) -> np.ndarray:
        """(r, c) float64 probabilities of the target's classes, NaN outside the cohort; a row's do not depend on the others."""

    def explained(
        self, matrix: Matrix, rows: np.ndarray, class_index: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What each feature adds to the score of a read-out, by its place in `target.readouts`.

        Returns:
            (r, k) contributions in the order of `names`, (r,) the rest, (r,) the score that they sum to.
        """

    def accounts(self, matrix: Matrix, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(r,) contributions to the last class with what is expected, summed; and the raw score that they must give."""

    def to_json(self) -> dict[str, Any]:
        """All but the booster's text and the vocabularies, as plain data."""


def from_json(data: Mapping[str, Any], vocabularies: Mapping[str, Mapping[str, int]], text: str) -> Model:
    """The model of such data, of the class that its target's kind has."""
    if data.get("method") == METHOD:
        return BaseRateModel.from_json(data)
    if "read_from" in data:
        return ReadOut.from_json(data, vocabularies, text)
    if data["target"]["kind"] == "interest":
        return InterestModel.from_json(data, text)
    made = HazardModel if data["target"]["kind"] == "hazard" else TargetModel
    return made.from_json(data, vocabularies, text)
