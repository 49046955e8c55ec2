"""What is to be foreseen: a target is who is eligible, which questions are put to the future, and how their answers make a class.

All three are questions of the algebra, so the kernel that reads features reads labels too, looking forward.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from features.algebra import Feature
from features.matrix import Matrix

from .cadence import Cadence
from .churn import CHURN, Churn
from .declared import Declared
from .hazard import Hazard
from .interest import Interest
from .recipe import Recipe, Rule
from .stages import STAGES, Stages

__all__ = ["CHURN", "STAGES", "Cadence", "Churn", "Declared", "Hazard", "Interest", "Rule", "Stages", "Target"]


@dataclass(frozen=True, slots=True)
class Target:
    """Something to be foreseen at a cutoff `t` about `[t, t + horizon)`.

    Attributes:
        name: Such as `stage_7d`; score columns are named from it.
        horizon: Microseconds.
        recipe: What the classes mean.
    """

    name: str
    horizon: int
    recipe: Recipe

    @property
    def kind(self) -> str:
        """`stage`, `churn`, `cadence`, `declared`, `hazard` or `interest`."""
        return self.recipe.kind

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the probabilities; a stage target has all four always."""
        return self.recipe.classes

    @property
    def readouts(self) -> dict[str, tuple[int, ...]]:
        """What a tag may read, by name: places of the classes whose probabilities it is the sum of; the classes come first."""
        return self.recipe.readouts

    @property
    def binary(self) -> bool:
        """Are there two classes? Then the score is P(second)."""
        return len(self.classes) == 2

    @property
    def columns(self) -> tuple[str, ...]:
        """Score columns: `p_<name>` where binary, else `p_<name>_<class>`; of a hazard, `Hazard.columns`."""
        return self.recipe.columns(self.name)

    @property
    def worded(self) -> tuple[str, ...]:
        """Those of `columns` that hold texts."""
        return self.recipe.worded(self.name)

    def scores(self, p: np.ndarray) -> list[np.ndarray]:
        """(r,) for each of `columns`, from (r, c) probabilities: float64, NaN outside the cohort; or texts, None outside it."""
        return self.recipe.scores(p)

    def named_scores(self, p: np.ndarray) -> dict[str, np.ndarray]:
        """`scores` by column."""
        return dict(zip(self.columns, self.scores(p), strict=True))

    @property
    def cohort_column(self) -> str:
        """Name, among features, of the cohort's answer; catalogue names have no colon."""
        return f"cohort:{self.name}"

    @property
    def cohort(self) -> Feature:
        """Backward question; a person is eligible where the answer is above 0."""
        return self.recipe.cohort

    @property
    def backward(self) -> dict[str, Feature]:
        """All that must be known at the cutoff to tell who is eligible, by column; `labels` of a cadence reads it too."""
        return {self.cohort_column: self.cohort} | self.recipe.background(self.cohort_column)

    def eligible(self, matrix: Matrix) -> np.ndarray:
        """(r,) bool: is the row in the cohort, by the matrix's columns `backward`?"""
        return self.recipe.eligible(matrix, self.cohort_column, self.horizon)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """In order; the last one that holds decides, `otherwise` where none does; a hazard has none."""
        return self.recipe.rules(self.name)

    @property
    def otherwise(self) -> int:
        """The class where no rule holds: idle, churned, later, or a declared target's first."""
        return self.recipe.otherwise

    @property
    def reachable(self) -> tuple[int, ...]:
        """Places of the classes that some answer can give, ascending."""
        return self.recipe.reachable(self.name)

    @property
    def questions(self) -> dict[str, Feature]:
        """Forward questions by name, `<target>:<question>`, so that many targets share one program."""
        return self.recipe.questions(self.name, self.horizon)

    def labels(self, answers: Matrix, known: Matrix | None = None) -> np.ndarray:
        """(r,) int64 class of every row, in the cohort or not.

        Args:
            answers: The answers to `questions`, among others.
            known: Those to `backward`, among others; only a cadence asks for them.
        """
        return self.recipe.labels(self.name, self.horizon, answers, known)

    def joined(self, own: Mapping[str, str]) -> "Target":
        """The target with the shop's own kinds counted to a stage.

        Args:
            own: Kind to stage; a kind that the recipe already has at some stage is moved, to idle: taken out everywhere.

        Raises:
            SpecError: No such stage.
        """
        if not isinstance(self.recipe, Stages):
            return self
        return replace(self, recipe=self.recipe.joined(own))

    def without(self, absent: Collection[str]) -> tuple["Target", list[str]]:
        """The target as a log can show it that has no event of the kinds `absent`, and notes on what was left out.

        Raises:
            TooLittleDataError: Nothing is left to foresee.
        """
        recipe, notes = self.recipe.without(self.name, frozenset(absent))
        return replace(self, recipe=recipe), notes

    @property
    def kinds(self) -> frozenset[str]:
        """Every kind that the classes depend on."""
        return self.recipe.named

    def to_json(self) -> dict[str, Any]:
        """Plain data; `from_json` gives the same target."""
        return {"name": self.name, "kind": self.kind, "horizon": self.horizon, "recipe": self.recipe.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Target":
        """The target of such data."""
        return cls(data["name"], data["horizon"], RECIPES[data["kind"]].from_json(data["recipe"]))


RECIPES: Final[Mapping[str, type[Stages | Churn | Cadence | Declared | Hazard | Interest]]] = {
    "stage": Stages,
    "churn": Churn,
    "cadence": Cadence,
    "declared": Declared,
    "hazard": Hazard,
    "interest": Interest,
}
"""Recipes by kind."""
