"""The recipe of churn by own cadence: silent for longer than is usual for this very person.

Times between purchases of a person are taken as exponential with a rate of the person's own, and rates as Gamma(a, b) over the shop
(Ehrenberg 1959; Schmittlein, Morrison & Colombo 1987). After n gaps that sum to S days the rate is Gamma(a + n, b + S), and the
next gap is longer than x with probability ((b + S) / (b + S + x)) ** (a + n). Its q-quantile is the person's own limit:

    limit = (b + S) * ((1 - q) ** (-1 / (a + n)) - 1)

Few gaps leave it near the shop's, many near the person's (empirical Bayes: a and b are estimated from the shop, Robbins 1956).
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import ClassVar, Final

import numpy as np

from features.algebra import ALL_BACK, Age, Distinct, Feature, Gaps, Until, Window
from features.errors import InternalError
from features.events import DAY
from features.matrix import Matrix

from .churn import CHURN
from .recipe import Plain, Rule, Ruled, left_of

LEAST: Final = 2.0
"""Days that a limit has at least: purchases of one day count once, so shorter gaps are not told from one visit."""


@dataclass(frozen=True, slots=True)
class Cadence(Ruled, Plain):
    """Eligible: bought in the last `lookback` and not yet beyond the own limit; churned: not before it is reached.

    Attributes:
        lookback: Microseconds.
        kinds: Whose gaps are meant.
        quantile: Share of a person's gaps that are no longer than the limit.
        prior: The shop's a, and b in days; None before training has estimated them.
    """

    lookback: int
    kinds: tuple[str, ...] = ("purchase",)
    quantile: float = 0.9
    prior: tuple[float, float] | None = None

    kind: ClassVar[str] = "cadence"
    classes: ClassVar[tuple[str, ...]] = CHURN
    otherwise: ClassVar[int] = 1

    @property
    def cohort(self) -> Feature:
        """Days since the last purchase; the other columns that tell who is eligible are `background`'s."""
        return Age(self.kinds)

    @property
    def named(self) -> frozenset[str]:
        """The kinds."""
        return frozenset(self.kinds)

    def background(self, column: str) -> dict[str, Feature]:
        """Backward questions beside the cohort's, of which `column` is the name: days with a purchase, mean gap between them."""
        return {
            f"{column}:days": Distinct("day", self.kinds, ALL_BACK),
            f"{column}:gap": Gaps(self.kinds, "mean", ALL_BACK, distinct_days=True),
        }

    def left(self, matrix: Matrix, column: str, horizon: int) -> np.ndarray:
        """(r,) float64 days until the own limit is reached, at most the horizon; below 0 beyond it, NaN outside the lookback."""
        age = matrix.column(column)
        limit = self.limit(*gaps(matrix, column), horizon)
        return np.where(age <= self.lookback / DAY, limit - age, np.nan)

    def limit(self, number: np.ndarray, total: np.ndarray, horizon: int) -> np.ndarray:
        """(r,) float64 days of silence that are usual after so many gaps of so many days in total, up to the horizon."""
        if self.prior is None:
            raise InternalError("A cadence is asked for before its prior was estimated.")
        a, b = self.prior
        found = (b + total) * ((1 - self.quantile) ** (-1 / (a + number)) - 1)
        return np.clip(found, LEAST, horizon / DAY)

    def eligible(self, known: Matrix, column: str, horizon: int) -> np.ndarray:
        """Where days are left."""
        inside: np.ndarray = self.left(known, column, horizon) > 0
        return inside

    def labels(self, name: str, horizon: int, answers: Matrix, known: Matrix | None) -> np.ndarray:
        """(r,) int64 class: is the next purchase before the limit?"""
        if known is None:
            raise InternalError(f"The labels of {name} are asked for without what is known at the cutoff.")
        until, left = answers.column(f"{name}:until"), self.left(known, f"cohort:{name}", horizon)
        return np.where(until < left, 0, 1)  # NaN is not below

    def reachable(self, name: str) -> tuple[int, ...]:  # noqa: ARG002 - a recipe's
        """Both."""
        return (0, 1)

    def rules(self, name: str) -> tuple[Rule, ...]:  # noqa: ARG002 - a recipe's
        """None: every person has a limit of their own."""
        return ()

    def questions(self, name: str, horizon: int) -> dict[str, Feature]:
        """Days to the next purchase."""
        return {f"{name}:until": Until(self.kinds, Window(0, horizon))}

    def without(self, name: str, absent: Collection[str]) -> tuple["Cadence", list[str]]:
        """See `Recipe`."""
        return replace(self, kinds=left_of(self.kinds, absent, name, "nobody has a cadence")), []


def gaps(matrix: Matrix, column: str) -> tuple[np.ndarray, np.ndarray]:
    """(r,) number of gaps between days of purchase, and (r,) days that they sum to; 0 where there is none."""
    number = np.maximum(matrix.column(f"{column}:days") - 1, 0.0)
    return number, np.where(number > 0, np.nan_to_num(matrix.column(f"{column}:gap")) * number, 0.0)
