"""What every recipe says: who is eligible, which questions are put to the future, and which rules make classes of the answers."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol, Self

from features.algebra import Feature
from features.errors import TooLittleDataError


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

    def without(self, name: str, absent: Collection[str]) -> tuple[Self, list[str]]:
        """The recipe as a log can show it that has no event of the kinds `absent`, and notes on what was left out.

        Raises:
            TooLittleDataError: Nothing is left to foresee.
        """

    def to_json(self) -> dict[str, Any]:
        """Plain data, which the class's `from_json` reads."""
