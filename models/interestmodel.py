"""A trained next-category target: one booster over (person, candidate), its scores turned to probabilities among the candidates.

    P(c | u) = softmax_c((ln q(c | u) + F(u, c)) / T)

with `q` the person's own frequencies shrunk to the shop's, `F` the trees' sum, and T a temperature: a conditional logit (McFadden
1974) with trees in place of the linear term, so one set of trees serves every category, however many there are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
import pyarrow as pa

from features.errors import DamagedError
from features.matrix import Matrix

from .calibration import Calibrator, probabilities
from .candidates import NAMES, Own, Shop, own, pairs
from .interest import Interest, touched
from .targets import Target
from .trees import Trees

BLOCK: Final = 2048
"""Persons whose candidates are laid out at a time, which bounds memory."""


@dataclass(frozen=True, eq=False)
class InterestModel:
    """It answers as `TargetModel` does, its classes being the candidates and `other`.

    Attributes:
        target: What is foreseen, with the candidates.
        booster_text: LightGBM's model text, over `candidates.NAMES`.
        shop: Popularity and moves, frozen.
        calibrator: None, or a temperature.

    Raises:
        DamagedError: The parts do not belong together.
    """

    target: Target
    booster_text: str = field(repr=False)
    shop: Shop
    calibrator: Calibrator

    def __post_init__(self) -> None:
        problem = self._trees.problem or self.shop.problem
        if not problem and len(self.shop.share) != len(self.recipe.classes):
            problem = f"its tables are not of {len(self.recipe.classes)} candidates"
        if not problem and not self.calibrator.fits(len(self.recipe.classes)):
            problem = "its calibrator is one of another number of classes"
        if problem:
            raise DamagedError(f"The model of {self.target.name} cannot be used: {problem}. Train again, or roll back.")

    @property
    def recipe(self) -> Interest:
        """The target's."""
        assert isinstance(self.target.recipe, Interest)
        return self.target.recipe

    @property
    def names(self) -> tuple[str, ...]:
        """None: it reads touches by category, and no feature of the catalogue."""
        return ()

    @property
    def vocabularies(self) -> Mapping[str, Mapping[str, int]]:
        """The candidates, by the column of touches, so that golden histories hold them."""
        return {touched(self.target.cohort_column): {text: k for k, text in enumerate(self.recipe.candidates)}}

    @property
    def base_rates(self) -> np.ndarray:
        """(c,) float64 the shop's shares."""
        return self.shop.share

    @property
    def method(self) -> str:
        """How it is calibrated."""
        return self.calibrator.method

    @property
    def thresholds(self) -> Mapping[str, np.ndarray]:
        """None: what would change the answer is no feature of the catalogue."""
        return {}

    def ready(self) -> "InterestModel":
        """The same, its booster loaded; the first use would load it else."""
        self._trees.booster  # noqa: B018 - loading is the effect
        return self

    def predict(self, matrix: Matrix) -> np.ndarray:
        """Which category comes next, if one does; a row's answer does not depend on the other rows, to the bit.

        Args:
            matrix: Has the columns `target.backward`.

        Returns:
            (r, c) float64; rows in the cohort sum to 1, the others are NaN.
        """
        out = np.full((len(matrix.person), len(self.recipe.classes)), np.nan)
        inside = np.flatnonzero(self.target.eligible(matrix))
        for first in range(0, len(inside), BLOCK):
            rows = inside[first : first + BLOCK]
            out[rows] = self.calibrator.apply(probabilities(self.raw(self.own(matrix, rows))))
        return out

    def own(self, matrix: Matrix, rows: np.ndarray) -> Own:
        """What the persons of some rows did with each candidate."""
        texts = matrix.texts[touched(self.target.cohort_column)].take(pa.array(rows))
        return own(texts, self.recipe.touches, self.recipe.candidates)

    def raw(self, mine: Own) -> np.ndarray:
        """(r, c) float64 scores before the softmax."""
        values, start = pairs(mine, self.shop)
        found: np.ndarray = self._trees.raw(values).reshape(start.shape) + start
        return found

    def explained(
        self, matrix: Matrix, rows: np.ndarray, class_index: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """No feature of the catalogue adds anything: (r, 0); and the candidate's score, as the rest and as the score."""
        score = self.raw(self.own(matrix, rows))[:, class_index]
        return np.zeros((len(rows), 0)), score, score

    def accounts(self, matrix: Matrix, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(r,) what each column of a pair adds to the last candidate's score, summed with where it began; and that score."""
        given, rest = self.contributions(matrix, rows, len(self.recipe.classes) - 1)
        return given.sum(axis=1) + rest, self.raw(self.own(matrix, rows))[:, -1]

    def contributions(self, matrix: Matrix, rows: np.ndarray, class_index: int) -> tuple[np.ndarray, np.ndarray]:
        """What each column of a pair adds to a candidate's score (TreeSHAP, Lundberg et al. 2018): exact and signed.

        Returns:
            (r, len(NAMES)) and (r,) the rest: the trees' mean and ln q.
        """
        values, start = pairs(self.own(matrix, rows), self.shop)
        asked = values.reshape(*start.shape, -1)[:, class_index]
        each = self._trees.contributions(np.ascontiguousarray(asked))
        return each[:, :-1], each[:, -1] + start[:, class_index]

    @cached_property
    def _trees(self) -> Trees:
        return Trees(self.booster_text, NAMES, 1)

    def to_json(self) -> dict[str, Any]:
        """All but the booster's text, as plain data."""
        return {
            "target": self.target.to_json(),
            "shop": self.shop.to_json(),
            "calibrator": self.calibrator.to_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], text: str) -> "InterestModel":
        """The model of such data."""
        shop = data["shop"]
        return cls(
            target=Target.from_json(data["target"]),
            booster_text=text,
            shop=Shop(np.array(shop["share"]), np.array(shop["moves"]), shop["weight"]),
            calibrator=Calibrator.from_json(data["calibrator"]),
        )
