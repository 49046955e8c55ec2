"""What every recipe says: who is eligible, which questions are put to the future, and which rules make classes of the answers."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from features.algebra import Feature
from features.errors import TooLittleDataError
from features.matrix import Matrix


@dataclass(frozen=True, slots=True)
class Rule:
    """Where the answer to `question` is at least `at_least`, the class is `level` unless a later rule holds too."""

    question: str
    at_least: float
    level: int


class Plain:
    """A dataclass of numbers, texts and tuples of them, as plain data and back."""

    __slots__ = ()

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        recipe = {one.name: getattr(self, one.name) for one in fields(self)}  # type: ignore[arg-type]
        return {name: list(value) if isinstance(value, tuple) else value for name, value in recipe.items()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The recipe of such data."""
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in data.items()})


def left_of(kinds: Collection[str], absent: Collection[str], name: str, so: str) -> tuple[str, ...]:
    """The kinds that a log has.

    Args:
        kinds: Of which one is enough.
        absent: What the log has no event of.
        name: Of the target.
        so: What follows where the log has none of them.

    Raises:
        TooLittleDataError: It has none.
    """
    kept = tuple(kind for kind in kinds if kind not in absent)
    if not kept:
        raise TooLittleDataError(
            f"{name}: the log has no event of kind {' or '.join(kinds)}, so {so}. "
            "Ingest such events, or leave this target out."
        )
    return kept


class Recipe(Protocol):
    """The meaning of a target's classes; questions bear the target's name, so that many targets share one program."""

    kind: ClassVar[str]
    """The word in a spec's `[target]`."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names, in the order of the probabilities."""

    @property
    def otherwise(self) -> int:
        """The place of the class where no rule holds."""

    @property
    def cohort(self) -> Feature:
        """Backward question; a person is eligible where the answer is above 0."""

    @property
    def named(self) -> frozenset[str]:
        """Every kind that the cohort or the classes depend on."""

    def rules(self, name: str) -> tuple[Rule, ...]:
        """In order; the last one that holds decides."""

    def questions(self, name: str, horizon: int) -> dict[str, Feature]:
        """Forward questions by name, `<target>:<question>`, over `[t, t + horizon)`, microseconds."""

    @property
    def readouts(self) -> dict[str, tuple[int, ...]]:
        """What a tag may read, by name: places of the classes whose probabilities it is the sum of; the classes come first."""

    def columns(self, name: str) -> tuple[str, ...]:
        """Score columns of a target of that name."""

    def worded(self, name: str) -> tuple[str, ...]:
        """Those of `columns` that hold texts."""

    def scores(self, p: np.ndarray) -> list[np.ndarray]:
        """(r,) for each of `columns`, from (r, c) probabilities: float64, NaN outside the cohort; or texts, None outside it."""

    def background(self, column: str) -> dict[str, Feature]:
        """What must be known at the cutoff beside the cohort's answer, by column; `column` is the cohort's name."""

    def eligible(self, known: Matrix, column: str, horizon: int) -> np.ndarray:
        """(r,) bool: is the row in the cohort, by the cohort's `column` and those of `background`?"""

    def labels(self, name: str, horizon: int, answers: Matrix, known: Matrix | None) -> np.ndarray:
        """(r,) int64 class of every row; see `Target.labels`."""

    def reachable(self, name: str) -> tuple[int, ...]:
        """Places of the classes that some answer can give, ascending."""

    def without(self, name: str, absent: Collection[str]) -> tuple[Self, list[str]]:
        """The recipe as a log can show it that has no event of the kinds `absent`, and notes on what was left out.

        Raises:
            TooLittleDataError: Nothing is left to foresee.
        """

    def to_json(self) -> dict[str, Any]:
        """Plain data, which the class's `from_json` reads."""


class Ruled:
    """What most recipes share: rules tell the class, and every class is a read-out and has a score column of its own."""

    __slots__ = ()

    @property
    def readouts(self: Recipe) -> dict[str, tuple[int, ...]]:
        """One a class."""
        return {name: (place,) for place, name in enumerate(self.classes)}

    def columns(self: Recipe, name: str) -> tuple[str, ...]:
        """`p_<name>`, the second class's, where there are two, else `p_<name>_<class>`."""
        if len(self.classes) == 2:
            return (f"p_{name}",)
        return tuple(f"p_{name}_{label}" for label in self.classes)

    def worded(self: Recipe, name: str) -> tuple[str, ...]:  # noqa: ARG002 - a recipe's
        """None."""
        return ()

    def scores(self: Recipe, p: np.ndarray) -> list[np.ndarray]:
        """The columns' classes."""
        return [p[:, place] for place in ([1] if len(self.classes) == 2 else range(p.shape[1]))]

    def background(self: Recipe, column: str) -> dict[str, Feature]:  # noqa: ARG002 - a recipe's
        """Nothing."""
        return {}

    def eligible(self: Recipe, known: Matrix, column: str, horizon: int) -> np.ndarray:  # noqa: ARG002 - a recipe's
        """Where the cohort's answer is above 0."""
        inside: np.ndarray = known.column(column) > 0  # NaN is not above 0
        return inside

    def labels(self: Recipe, name: str, horizon: int, answers: Matrix, known: Matrix | None) -> np.ndarray:  # noqa: ARG002 - a recipe's
        """By the rules."""
        label = np.full(len(answers.person), self.otherwise, np.int64)
        for rule in self.rules(name):
            label[answers.column(rule.question) >= rule.at_least] = rule.level
        return label

    def reachable(self: Recipe, name: str) -> tuple[int, ...]:
        """The rules' classes and that of no rule."""
        return tuple(sorted({self.otherwise, *(rule.level for rule in self.rules(name))}))
