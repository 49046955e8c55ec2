"""The recipe of an intent stage: how far down the funnel a person gets."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

from features.algebra import Age, Count, Feature, Repeat, Window
from features.errors import SpecError, TooLittleDataError, did_you_mean

from .recipe import Plain, Rule, Ruled

STAGES: Final = ("idle", "browsing", "considering", "buying")
"""The classes of a stage target, from nothing done to bought."""


@dataclass(frozen=True, slots=True)
class Stages(Ruled, Plain):
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

    kind: ClassVar[str] = "stage"
    classes: ClassVar[tuple[str, ...]] = STAGES
    otherwise: ClassVar[int] = 0

    @property
    def cohort(self) -> Feature:
        """The age of the latest event seen: above 0, NaN without one in RETENTION, whatever RETENTION the workspace has."""
        return Age(())

    @property
    def named(self) -> frozenset[str]:
        """Every kind that can move the stage."""
        return frozenset(self.browsing + self.considering + self.buying + self.repeat_kinds)

    def rules(self, name: str) -> tuple[Rule, ...]:
        """From browsing up."""
        rules = []
        for level, stage in enumerate(STAGES[1:], 1):
            if stage == "considering" and self.repeat_kinds:
                rules.append(Rule(f"{name}:repeat_item", self.repeat_item, level))
                rules.append(Rule(f"{name}:repeat_category", self.repeat_category, level))
            if getattr(self, stage):
                rules.append(Rule(f"{name}:{stage}", 1, level))
        return tuple(rules)

    def questions(self, name: str, horizon: int) -> dict[str, Feature]:
        """Number of events of each stage's kinds, most on one item and in one category."""
        window = Window(0, horizon)
        found: dict[str, Feature] = {}
        if self.repeat_kinds:
            found[f"{name}:repeat_item"] = Repeat("item", self.repeat_kinds, window)
            found[f"{name}:repeat_category"] = Repeat("category", self.repeat_kinds, window)
        for stage in STAGES[1:]:
            if getattr(self, stage):  # no kinds would mean every kind
                found[f"{name}:{stage}"] = Count(getattr(self, stage), window)
        return found

    def joined(self, own: Mapping[str, str]) -> "Stages":
        """The recipe with a shop's own kinds, as `Target.joined` says."""
        recipe = self
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
        return recipe

    def without(self, name: str, absent: Collection[str]) -> tuple["Stages", list[str]]:
        """See `Recipe`."""
        kept: dict[str, Any] = {
            stage: tuple(kind for kind in getattr(self, stage) if kind not in absent)
            for stage in (*STAGES[1:], "repeat_kinds")
        }
        left = replace(self, **kept)
        if not left.rules(name):
            raise TooLittleDataError(
                f"{name}: the log has none of the kinds that move a stage ({', '.join(sorted(self.named))}). "
                "Ingest such events, or map the shop's own kinds to a stage in intently.toml: [kinds.NAME] stage = …"
            )
        notes = []
        for level in sorted({rule.level for rule in self.rules(name)} - {rule.level for rule in left.rules(name)}):
            wanted = set(getattr(self, STAGES[level]))
            if STAGES[level] == "considering":
                wanted |= set(self.repeat_kinds)
            notes.append(
                f"{name}: the stage '{STAGES[level]}' is left out, its probability is 0: "
                f"the log has no event of kind {', '.join(sorted(wanted))}."
            )
        return left, notes
