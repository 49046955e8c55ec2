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
from .recipe import Recipe, Rule
from .stages import STAGES, Stages

__all__ = ["CHURN", "STAGES", "Cadence", "Churn", "Declared", "Hazard", "Rule", "Stages", "Target"]


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
        """`stage`, `churn`, `cadence`, `declared` or `hazard`."""
        return self.recipe.kind

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the probabilities; a stage target has all four always."""
        return self.recipe.classes

    @property
    def readouts(self) -> dict[str, tuple[int, ...]]:
        """What a tag may read, by name: places of the classes whose probabilities it is the sum of; the classes come first."""
        if isinstance(self.recipe, Hazard):
            return self.recipe.readouts
        return {name: (place,) for place, name in enumerate(self.classes)}

    @property
    def binary(self) -> bool:
        """Are there two classes? Then the score is P(second)."""
        return len(self.classes) == 2

    @property
    def columns(self) -> tuple[str, ...]:
        """Score columns: `p_<name>` where binary, else `p_<name>_<class>`; of a hazard, `Hazard.columns`."""
        if isinstance(self.recipe, Hazard):
            return self.recipe.columns
        if self.binary:
            return (f"p_{self.name}",)
        return tuple(f"p_{self.name}_{label}" for label in self.classes)

    def scores(self, p: np.ndarray) -> list[np.ndarray]:
        """(r,) float64 for each of `columns`, from (r, c) probabilities; NaN outside the cohort."""
        if isinstance(self.recipe, Hazard):
            return self.recipe.scores(p)
        return [p[:, place] for place in ([1] if self.binary else range(p.shape[1]))]

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
        further = self.recipe.background(self.cohort_column) if isinstance(self.recipe, Cadence) else {}
        return {self.cohort_column: self.cohort} | further

    def eligible(self, matrix: Matrix) -> np.ndarray:
        """(r,) bool: is the row in the cohort, by the matrix's columns `backward`?"""
        if isinstance(self.recipe, Cadence):
            left: np.ndarray = self.recipe.left(matrix, self.cohort_column, self.horizon) > 0
            return left
        inside: np.ndarray = matrix.column(self.cohort_column) > 0  # NaN is not above 0
        return inside

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
        if isinstance(self.recipe, Hazard | Cadence):
            return tuple(range(len(self.classes)))
        return tuple(sorted({self.otherwise, *(rule.level for rule in self.rules)}))

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
        if isinstance(self.recipe, Cadence):
            assert known is not None
            left = self.recipe.left(known, self.cohort_column, self.horizon)
            return self.recipe.labels(answers.column(f"{self.name}:until"), left)
        if isinstance(self.recipe, Hazard):
            return self.recipe.labels(answers.column(f"{self.name}:until"))
        label = np.full(len(answers.person), self.otherwise, np.int64)
        for rule in self.rules:
            label[answers.column(rule.question) >= rule.at_least] = rule.level
        return label

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


RECIPES: Final[Mapping[str, type[Stages | Churn | Cadence | Declared | Hazard]]] = {
    "stage": Stages,
    "churn": Churn,
    "cadence": Cadence,
    "declared": Declared,
    "hazard": Hazard,
}
"""Recipes by kind."""
