"""What is to be foreseen: a target is who is eligible, which questions are put to the future, and how their answers make a class.

All three are questions of the algebra, so the kernel that reads features reads labels too, looking forward.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from features.algebra import Age, Count, Feature, Repeat, Window
from features.errors import SpecError, TooLittleDataError, did_you_mean
from features.matrix import Matrix

from .hazard import Hazard

STAGES: Final = ("idle", "browsing", "considering", "buying")
"""The classes of a stage target, from nothing done to bought."""

CHURN: Final = ("active", "churned")
"""The classes of a churn target."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Where the answer to `question` is at least `at_least`, the class is `level` unless a later rule holds too."""

    question: str
    at_least: int
    level: int


@dataclass(frozen=True, slots=True)
class Stages:
    """Which events move a person how far down the funnel; the furthest reached within the horizon is the class.

    Attributes:
        browsing: Kinds of which one event reaches `browsing`.
        considering: Likewise; so do `repeat_item` events of `repeat_kinds` on one item, or `repeat_category` on one category.
        buying: Kinds of which one event reaches `buying`.
        repeat_kinds: Kinds that are counted by item and category.
        repeat_item: Least number on one item.
        repeat_category: Least number on one category.
    """

    browsing: tuple[str, ...]
    considering: tuple[str, ...]
    buying: tuple[str, ...]
    repeat_kinds: tuple[str, ...] = ("view",)
    repeat_item: int = 3
    repeat_category: int = 8

    @property
    def kinds(self) -> frozenset[str]:
        """Every kind that can move the stage."""
        return frozenset(self.browsing + self.considering + self.buying + self.repeat_kinds)


@dataclass(frozen=True, slots=True)
class Churn:
    """Eligible: an event of `kinds` in `[t - lookback, t)`, microseconds; churned: none in `[t, t + horizon)`."""

    lookback: int
    kinds: tuple[str, ...] = ("purchase",)


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
    recipe: Stages | Churn | Hazard

    @property
    def kind(self) -> str:
        """`stage`, `churn` or `hazard`."""
        return type(self.recipe).__name__.lower().removesuffix("s")

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the probabilities; a stage target has all four always."""
        if isinstance(self.recipe, Hazard):
            return self.recipe.classes
        return STAGES if isinstance(self.recipe, Stages) else CHURN

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
        """Backward question; a person is eligible where the answer is above 0.

        For a stage or hazard it is the age of the latest event seen, always above 0, and NaN without one in RETENTION,
        whatever RETENTION the workspace has.
        """
        if not isinstance(self.recipe, Churn):
            return Age(())
        return Count(self.recipe.kinds, Window(-self.recipe.lookback))

    def eligible(self, matrix: Matrix) -> np.ndarray:
        """(r,) bool: is the row in the cohort, by the matrix's column `cohort_column`?"""
        inside: np.ndarray = matrix.column(self.cohort_column) > 0  # NaN is not above 0
        return inside

    @property
    def rules(self) -> tuple[Rule, ...]:
        """In order; the last one that holds decides, `otherwise` where none does; a hazard has none."""
        if isinstance(self.recipe, Hazard):
            return ()
        if isinstance(self.recipe, Churn):
            return (Rule(f"{self.name}:events", 1, 0),)
        stages, rules = self.recipe, []
        for level, name in enumerate(STAGES[1:], 1):
            if name == "considering" and stages.repeat_kinds:
                rules.append(Rule(f"{self.name}:repeat_item", stages.repeat_item, level))
                rules.append(Rule(f"{self.name}:repeat_category", stages.repeat_category, level))
            if getattr(stages, name):
                rules.append(Rule(f"{self.name}:{name}", 1, level))
        return tuple(rules)

    @property
    def otherwise(self) -> int:
        """The class where no rule holds: idle, churned, or later."""
        return 0 if isinstance(self.recipe, Stages) else len(self.classes) - 1

    @property
    def reachable(self) -> tuple[int, ...]:
        """Places of the classes that some answer can give, ascending."""
        if isinstance(self.recipe, Hazard):
            return tuple(range(len(self.classes)))
        return tuple(sorted({self.otherwise, *(rule.level for rule in self.rules)}))

    @property
    def questions(self) -> dict[str, Feature]:
        """Forward questions by name, `<target>:<question>`, so that many targets share one program."""
        if isinstance(self.recipe, Hazard):
            return self.recipe.questions(self.name)
        window = Window(0, self.horizon)
        if isinstance(self.recipe, Churn):
            return {f"{self.name}:events": Count(self.recipe.kinds, window)}
        stages = self.recipe
        found: dict[str, Feature] = {}
        if stages.repeat_kinds:
            found[f"{self.name}:repeat_item"] = Repeat("item", stages.repeat_kinds, window)
            found[f"{self.name}:repeat_category"] = Repeat("category", stages.repeat_kinds, window)
        for name in STAGES[1:]:
            if getattr(stages, name):  # no kinds would mean every kind
                found[f"{self.name}:{name}"] = Count(getattr(stages, name), window)
        return found

    def labels(self, answers: Matrix) -> np.ndarray:
        """(r,) int64 class of every row, in the cohort or not.

        Args:
            answers: The answers to `questions`, among others.
        """
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
        recipe = self.recipe
        if not isinstance(recipe, Stages):
            return self
        for kind, stage in sorted(own.items()):
            if stage not in STAGES:
                raise SpecError(f"Event kind {kind!r} is mapped to the stage {stage!r}. {did_you_mean(stage, STAGES)}")
            changed: dict[str, Any] = {}
            for name in STAGES[1:]:
                kinds = set(getattr(recipe, name)) - {kind}
                changed[name] = tuple(sorted(kinds | {kind} if name == stage else kinds))
            if stage == "idle":
                changed["repeat_kinds"] = tuple(other for other in recipe.repeat_kinds if other != kind)
            recipe = replace(recipe, **changed)
        return replace(self, recipe=recipe)

    def without(self, absent: Collection[str]) -> tuple["Target", list[str]]:
        """The target as a log can show it that has no event of the kinds `absent`, and notes on what was left out.

        Raises:
            TooLittleDataError: Nothing is left to foresee.
        """
        missing = frozenset(absent)
        if not isinstance(self.recipe, Stages):
            kinds = tuple(kind for kind in self.recipe.kinds if kind not in missing)
            if not kinds:
                raise TooLittleDataError(
                    f"{self.name}: the log has no event of kind {' or '.join(self.recipe.kinds)}, so nobody is eligible and "
                    "nobody can be seen to stay. Ingest such events, or leave this target out."
                )
            return replace(self, recipe=replace(self.recipe, kinds=kinds)), []
        kept: dict[str, Any] = {
            name: tuple(kind for kind in getattr(self.recipe, name) if kind not in missing)
            for name in (*STAGES[1:], "repeat_kinds")
        }
        left = replace(self, recipe=replace(self.recipe, **kept))
        if left.reachable == (0,):
            raise TooLittleDataError(
                f"{self.name}: the log has none of the kinds that move a stage ({', '.join(sorted(self.recipe.kinds))}). "
                "Ingest such events, or map the shop's own kinds to a stage in intently.toml: [kinds.NAME] stage = …"
            )
        notes = []
        for level in sorted(set(self.reachable) - set(left.reachable)):
            wanted = set(getattr(self.recipe, STAGES[level]))
            if STAGES[level] == "considering":
                wanted |= set(self.recipe.repeat_kinds)
            notes.append(
                f"{self.name}: the stage '{STAGES[level]}' is left out, its probability is 0: "
                f"the log has no event of kind {', '.join(sorted(wanted))}."
            )
        return left, notes

    @property
    def kinds(self) -> frozenset[str]:
        """Every kind that the classes depend on."""
        return self.recipe.kinds if isinstance(self.recipe, Stages) else frozenset(self.recipe.kinds)

    def to_json(self) -> dict[str, Any]:
        """Plain data; `from_json` gives the same target."""
        recipe = {name: getattr(self.recipe, name) for name in self.recipe.__slots__}
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in recipe.items()}
        return {"name": self.name, "kind": self.kind, "horizon": self.horizon, "recipe": plain}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Target":
        """The target of such data."""
        recipe: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in data["recipe"].items()
        }
        made = RECIPES[data["kind"]](**recipe)
        return cls(data["name"], data["horizon"], made)


RECIPES: Final[Mapping[str, type[Stages | Churn | Hazard]]] = {"stage": Stages, "churn": Churn, "hazard": Hazard}
"""Recipes by kind."""
