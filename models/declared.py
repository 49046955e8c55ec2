"""The recipe of a target that a shop declares: any cohort, and classes told by any questions to the time to come.

[target]                                  [cohort]
name = "refund_14d"                       kinds = ["purchase"]
kind = "binary"                           lookback = "30d"
horizon = "14d"                           [outcome]
                                          kinds = ["refund"]
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

from features.algebra import Feature
from features.definition import feature_from_toml, feature_to_json
from features.errors import TooLittleDataError
from features.traits import named

from .recipe import Rule, Ruled

BINARY: Final = ("no", "yes")
"""The classes of a binary target; the score is the second's probability."""


@dataclass(frozen=True, slots=True)
class Case:
    """Where the answer to `question`, a forward one within the horizon, is at least `at_least`, the class is `label`."""

    label: str
    question: Feature
    at_least: float


@dataclass(frozen=True, slots=True)
class Declared(Ruled):
    """Classes by rules in order, the last that holds deciding.

    Attributes:
        among: Backward question; above 0 is eligible.
        classes: Names; the first is that of those for whom no rule holds, the others stand in the order of the rules.
        cases: The rules.
    """

    among: Feature
    classes: tuple[str, ...]
    cases: tuple[Case, ...]

    kind: ClassVar[str] = "declared"
    otherwise: ClassVar[int] = 0

    @property
    def cohort(self) -> Feature:
        """As declared."""
        return self.among

    @property
    def named(self) -> frozenset[str]:
        """Kinds of the cohort's question and of the rules'."""
        return frozenset(kind for one in (self.among, *(case.question for case in self.cases)) for kind in named(one))

    def rules(self, name: str) -> tuple[Rule, ...]:
        """One a case."""
        return tuple(
            Rule(f"{name}:{place}", case.at_least, self.classes.index(case.label))
            for place, case in enumerate(self.cases)
        )

    def questions(self, name: str, horizon: int) -> dict[str, Feature]:  # noqa: ARG002 - they have their own windows
        """One a case, by its place."""
        return {f"{name}:{place}": case.question for place, case in enumerate(self.cases)}

    def without(self, name: str, absent: Collection[str]) -> tuple["Declared", list[str]]:
        """See `Recipe`; a rule all of whose kinds are absent is left out."""
        among = _left(self.among, absent)
        if among is None:
            raise _unseen(name, "cohort", named(self.among))
        cases = [(case, _left(case.question, absent)) for case in self.cases]
        kept = tuple(replace(case, question=question) for case, question in cases if question is not None)
        if not kept:
            raise _unseen(name, "outcome", {kind for case in self.cases for kind in named(case.question)})
        labels = {case.label for case in kept}
        notes = []
        for label in self.classes[1:]:
            if label not in labels:
                kinds = sorted({kind for case in self.cases if case.label == label for kind in named(case.question)})
                notes.append(
                    f"{name}: the class '{label}' is left out, its probability is 0: "
                    f"the log has no event of kind {', '.join(kinds)}."
                )
        return replace(self, among=among, cases=kept), notes

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "cohort": feature_to_json(self.among),
            "classes": list(self.classes),
            "cases": [
                {"label": case.label, "question": feature_to_json(case.question), "at_least": case.at_least}
                for case in self.cases
            ],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Declared":
        """The recipe of such data."""
        cases = (
            Case(case["label"], feature_from_toml(case["question"]), float(case["at_least"])) for case in data["cases"]
        )
        return cls(feature_from_toml(data["cohort"]), tuple(data["classes"]), tuple(cases))


def _left(question: Feature, absent: Collection[str]) -> Feature | None:
    """The question of the kinds that there are, which has the same answers; None where it names kinds and none is left."""
    kinds = named(question)
    if kinds and set(kinds) <= set(absent):
        return None
    own = tuple(getattr(question, "kinds", ()))
    kept = tuple(kind for kind in own if kind not in absent)
    if not kept or kept == own:
        return question
    changed: dict[str, Any] = {"kinds": kept}
    return replace(question, **changed)


def _unseen(name: str, part: str, kinds: Collection[str]) -> TooLittleDataError:
    """The error that says that a log has no event of any of `kinds`."""
    return TooLittleDataError(
        f"{name}: the log has no event of kind {' or '.join(sorted(kinds))}, by which the {part} is told. "
        "Ingest such events, or leave this target out."
    )
