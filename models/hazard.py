"""The recipe of a next-event target: in which bucket of days after the cutoff does the first such event fall?

One model answers for every horizon, so that P(buy within 7 days) cannot exceed P(buy within 30).
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import ClassVar, Final

import numpy as np

from features.algebra import Age, Feature, Until, ahead
from features.matrix import Matrix

from .recipe import Plain, Rule, Ruled, left_of
from .timing import quantile, total

LATER: Final = "later"
"""The class of those for whom it does not happen before the last edge."""

INTERVAL: Final = (0.1, 0.9)
"""Levels of the interval beside the median: 80 % lie within."""


@dataclass(frozen=True, slots=True)
class Hazard(Ruled, Plain):
    """The first event of `kinds` at or after the cutoff.

    Attributes:
        kinds: Any of them.
        edges: Ends of the buckets in days, ascending; a bucket is `[one edge, the next)`, the first begins at the cutoff.
        within: Horizons in days, each an edge, that have a name: `buy_7d` and its complement, `no_buy_7d`.
        act: The word in `p_buy_7d`.
        thing: The word in `next_order_median_days`.
    """

    kinds: tuple[str, ...]
    edges: tuple[int, ...]
    within: tuple[int, ...]
    act: str = "buy"
    thing: str = "order"

    kind: ClassVar[str] = "hazard"

    @property
    def cohort(self) -> Feature:
        """The age of the latest event seen: above 0, NaN without one in RETENTION."""
        return Age(())

    @property
    def named(self) -> frozenset[str]:
        """The kinds."""
        return frozenset(self.kinds)

    @property
    def otherwise(self) -> int:
        """Later."""
        return len(self.edges)

    def rules(self, name: str) -> tuple[Rule, ...]:  # noqa: ARG002 - a recipe's
        """None: the class is the bucket that the answer falls in."""
        return ()

    @property
    def classes(self) -> tuple[str, ...]:
        """`0-1d`, `1-2d`, … `60-90d`, `later`."""
        return (*(f"{a}-{b}d" for a, b in zip((0, *self.edges), self.edges, strict=False)), LATER)

    @property
    def readouts(self) -> dict[str, tuple[int, ...]]:
        """Name to the places of the classes whose probabilities it is the sum of: every class, then every horizon."""
        found: dict[str, tuple[int, ...]] = {name: (place,) for place, name in enumerate(self.classes)}
        for days in self.within:
            found[f"{self.act}_{days}d"] = tuple(range(self.edges.index(days) + 1))
        for days in self.within:
            found[f"no_{self.act}_{days}d"] = tuple(range(self.edges.index(days) + 1, len(self.classes)))
        return found

    def columns(self, name: str) -> tuple[str, ...]:  # noqa: ARG002 - the act and the thing name them
        """Score columns: `p_buy_7d`, …, and `next_order_median_days`, `_low_days`, `_high_days`."""
        ends = ("median_days", "low_days", "high_days")
        return (*(f"p_{self.act}_{days}d" for days in self.within), *(f"next_{self.thing}_{end}" for end in ends))

    def scores(self, p: np.ndarray) -> list[np.ndarray]:
        """(r,) float64 a column; days are NaN where they lie beyond the last edge: later, no date is made up."""
        found = [total(p, range(self.edges.index(days) + 1)) for days in self.within]
        for level in (0.5, *INTERVAL):
            days = quantile(p, self.edges, level)
            found.append(np.where(np.isinf(days) | np.isnan(p[:, 0]), np.nan, days))
        return found

    def questions(self, name: str, horizon: int) -> dict[str, Feature]:  # noqa: ARG002 - the last edge is the horizon
        """The forward question: days to the first event before the last edge."""
        return {f"{name}:until": Until(self.kinds, ahead(self.edges[-1]))}

    def reachable(self, name: str) -> tuple[int, ...]:  # noqa: ARG002 - a recipe's
        """All."""
        return tuple(range(len(self.classes)))

    def labels(self, name: str, horizon: int, answers: Matrix, known: Matrix | None) -> np.ndarray:  # noqa: ARG002 - a recipe's
        """(r,) int64 bucket that the first event falls in."""
        return self.bucket(answers.column(f"{name}:until"))

    def bucket(self, until: np.ndarray) -> np.ndarray:
        """(r,) int64 class, of days to the first event, NaN for none; an event on an edge falls in the later bucket."""
        later = len(self.edges)
        found = np.searchsorted(
            np.array(self.edges, np.float64), np.where(np.isnan(until), np.inf, until), side="right"
        )
        return np.minimum(found, later).astype(np.int64)

    def up_to(self, days: int) -> "Hazard":
        """The buckets that end at `days` or before."""
        kept = tuple(edge for edge in self.edges if edge <= days)
        return replace(self, edges=kept, within=tuple(d for d in self.within if d in kept))

    def without(self, name: str, absent: Collection[str]) -> tuple["Hazard", list[str]]:
        """See `Recipe`."""
        return replace(self, kinds=left_of(self.kinds, absent, name, "there is nothing to foresee")), []
