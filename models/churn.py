"""The recipe of churn: who did something in the last days, and does nothing of it in the next."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from features.algebra import Count, Feature, Window

from .recipe import Plain, Rule, Ruled, left_of

CHURN: Final = ("active", "churned")
"""The classes of a churn target."""


@dataclass(frozen=True, slots=True)
class Churn(Ruled, Plain):
    """Eligible: an event of `kinds` in `[t - lookback, t)`, microseconds; churned: none in `[t, t + horizon)`."""

    lookback: int
    kinds: tuple[str, ...] = ("purchase",)

    kind: ClassVar[str] = "churn"
    classes: ClassVar[tuple[str, ...]] = CHURN
    otherwise: ClassVar[int] = 1

    @property
    def cohort(self) -> Feature:
        """Number of events in the time before."""
        return Count(self.kinds, Window(-self.lookback))

    @property
    def named(self) -> frozenset[str]:
        """The kinds."""
        return frozenset(self.kinds)

    def rules(self, name: str) -> tuple[Rule, ...]:
        """One event, and the person is active."""
        return (Rule(f"{name}:events", 1, 0),)

    def questions(self, name: str, horizon: int) -> dict[str, Feature]:
        """Number of events in the time to come."""
        return {f"{name}:events": Count(self.kinds, Window(0, horizon))}

    def without(self, name: str, absent: Collection[str]) -> tuple["Churn", list[str]]:
        """See `Recipe`."""
        kinds = left_of(self.kinds, absent, name, "nobody is eligible and nobody can be seen to stay")
        return replace(self, kinds=kinds), []
