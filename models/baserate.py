"""The answer below the data that a model needs: the shop's base rate and how far it can be trusted, the same for everybody.

The classes are gone through in order: of the persons whom no earlier class took, a share falls in class j. Each share has a
Beta distribution of its own, `Beta(happened_j, past_j)`, as a life table's hazards have; so one form serves a hazard, of whose
rows the newest were followed through the first buckets only (beta-Stacy process: Walker & Muliere 1997, Annals of Statistics
25, section 3), and every other target (a Dirichlet distribution broken stick by stick: Ferguson 1973).

The prior weighs as much as one person, so nothing is ever impossible or certain: 1/c a class, which for two classes is Jeffreys'
Beta(1/2, 1/2) (the reference prior of c classes: Perks 1947; Berger, Bernardo & Sun 2015), and for a hazard one person who buys
at the shop's own pace throughout. What was seen counts by persons, not by rows: rows of one person are alike.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from features.errors import DamagedError
from features.matrix import Matrix

from .targets import Target

METHOD: Final = "base_rate"
"""Where other models say how they are calibrated."""

LEVEL: Final = 0.9
"""Of the interval that notes tell."""


@dataclass(frozen=True, eq=False)
class BaseRateModel:
    """A target of which nothing but its base rate could be learned; it answers as `TargetModel` does.

    Attributes:
        target: What is foreseen.
        happened: (c - 1,) float64 persons, prior included, who fell in class j.
        past: (c - 1,) float64 persons, prior included, who came to class j and fell in a later one.
        users: Persons that were seen.

    Raises:
        DamagedError: The parts do not belong together.
    """

    target: Target
    happened: np.ndarray
    past: np.ndarray
    users: int

    def __post_init__(self) -> None:
        n = len(self.target.classes) - 1
        for counts in (self.happened, self.past):
            if np.shape(counts) != (n,) or not np.isfinite(counts).all() or (counts < 0).any():
                raise DamagedError(
                    f"The model of {self.target.name} cannot be used: its counts are not {n} numbers from 0. "
                    "Train again, or roll back."
                )

    @property
    def names(self) -> tuple[str, ...]:
        """None: no feature is asked."""
        return ()

    @property
    def vocabularies(self) -> Mapping[str, Mapping[str, int]]:
        """None."""
        return {}

    @property
    def booster_text(self) -> str:
        """Empty: no trees."""
        return ""

    @property
    def thresholds(self) -> Mapping[str, np.ndarray]:
        """None."""
        return {}

    @property
    def method(self) -> str:
        """That it is a base rate."""
        return METHOD

    @cached_property
    def base_rates(self) -> np.ndarray:
        """(c,) float64 the mean of each class's probability; sums to 1."""
        found = np.empty(len(self.happened) + 1)
        left = 1.0
        for j, (happened, past) in enumerate(zip(self.happened.tolist(), self.past.tolist(), strict=True)):
            share = happened / (happened + past) if happened + past > 0 else 0.0
            found[j] = left * share
            left *= 1.0 - share
        found[-1] = left
        return found

    def ready(self) -> "BaseRateModel":
        """The same."""
        return self

    def predict(self, matrix: Matrix) -> np.ndarray:
        """(r, c) float64: the base rates in the cohort, NaN outside it."""
        inside = self.target.eligible(matrix)[:, None]
        found: np.ndarray = np.where(inside, self.base_rates, np.nan)
        return found

    def explained(
        self,
        matrix: Matrix,  # noqa: ARG002 - the same for everybody
        rows: np.ndarray,
        class_index: int,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """No contributions: (r, 0); the read-out's log-odds as the rest; and as the score."""
        places = list(self.target.readouts.values())[class_index]
        p = min(max(float(self.base_rates[list(places)].sum()), 1e-12), 1 - 1e-12)
        score = np.full(len(rows), math.log(p) - math.log1p(-p))
        return np.zeros((len(rows), 0)), score, score.copy()

    def accounts(self, matrix: Matrix, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(r,) the log-odds of the last class, twice."""
        _, rest, score = self.explained(matrix, rows, len(self.target.classes) - 1)
        return rest, score

    @cached_property
    def bounds(self) -> Mapping[str, tuple[float, float]]:
        """`interval` at its usual level, found once: every answer shows it."""
        return self.interval()

    def interval(self, level: float = LEVEL) -> dict[str, tuple[float, float]]:
        """Read-out to the bounds that its probability lies between, given what was seen, with probability `level`.

        A read-out sums classes. Its distribution is taken as the Beta of the same mean and variance, which for a Dirichlet is
        what it is exactly.

        Args:
            level: Above 0, below 1; half of the rest lies on either side.
        """
        from scipy.special import betaincinv

        tails = np.array([(1 - level) / 2, (1 + level) / 2])
        found = {}
        for name, places in self.target.readouts.items():
            mean, variance = self._moments(places)
            if variance <= 1e-15:
                found[name] = (mean, mean)
                continue
            size = mean * (1 - mean) / variance - 1
            low, high = betaincinv(mean * size, (1 - mean) * size, tails).tolist()
            found[name] = (min(low, mean), max(high, mean))
        return found

    def note(self, readout: str) -> dict[str, str]:
        """What an answer says of itself, `en` and `zh`; the interval is of `readout`."""
        low, high = self.interval()[readout]
        return {
            "zh": f"数据太少，无法区分每个人：此为全店平均水平，在 {low:.1%} 到 {high:.1%} 之间。",
            "en": f"Too little data to tell people apart: this is the shop's rate, between {low:.1%} and {high:.1%}.",
        }

    def _moments(self, places: Sequence[int]) -> tuple[float, float]:
        """Mean and variance of the sum of the probabilities of the classes at `places`."""
        a, b = (np.append(counts, last) for counts, last in ((self.happened, 1.0), (self.past, 0.0)))
        n = np.where(a + b > 0, a + b, 1.0)
        share, rest = a / n, np.where(a + b > 0, b / n, 1.0)
        both = {  # second moments of a class's share of those who come to it, and of what it leaves
            "share": a * (a + 1) / (n * (n + 1)),
            "mixed": a * b / (n * (n + 1)),
            "rest": np.where(a + b > 0, b * (b + 1) / (n * (n + 1)), 1.0),
        }
        both["share"][-1] = 1.0  # whoever comes to the last class falls in it
        before = np.append(1.0, np.cumprod(both["rest"])[:-1])
        mean = float(self.base_rates[list(places)].sum())
        second = 0.0
        for k in places:
            second += before[k] * both["share"][k]
            for later in (place for place in places if place > k):
                between = float(np.prod(rest[k + 1 : later]))
                second += 2 * before[k] * both["mixed"][k] * between * share[later]
        return mean, second - mean**2

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "method": METHOD,
            "target": self.target.to_json(),
            "happened": self.happened.tolist(),
            "past": self.past.tolist(),
            "users": self.users,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "BaseRateModel":
        """The model of such data."""
        happened, past = (np.array(data[name], np.float64) for name in ("happened", "past"))
        return cls(Target.from_json(data["target"]), happened, past, data["users"])


def of_classes(target: Target, counts: np.ndarray, users: int) -> BaseRateModel:
    """The base rate of a target whose rows were all followed through its horizon.

    Args:
        target: What is foreseen; a class that no answer can give stays at 0.
        counts: (c,) rows by class.
        users: Persons whose rows they are.
    """
    weights = counts * (users / max(1.0, counts.sum()))
    weights[list(target.reachable)] += 1 / len(target.reachable)
    return BaseRateModel(target, weights[:-1], np.cumsum(weights[::-1])[::-1][1:], users)


def of_buckets(
    target: Target, edges: Sequence[int], events: np.ndarray, at_risk: np.ndarray, rows: int, users: int
) -> BaseRateModel:
    """The base rate of a hazard: its life table.

    Beyond the last bucket that anybody was followed through only the prior speaks: the pace goes on, and the interval is wide.

    Args:
        target: A hazard.
        edges: (J,) days, its buckets' ends.
        events: (J,) rows whose event falls in the bucket.
        at_risk: (J,) rows that were followed through the bucket and had no event before it.
        rows: Number of rows, whoever they are.
        users: Persons whose rows they are.
    """
    ends = np.array(edges, np.float64)
    share = users / max(1, rows)
    # The pace, events a day: half an event in the time of one person is thought to have been seen beforehand.
    exposed = float(at_risk @ np.diff(ends, prepend=0.0)) * share
    pace = (float(events.sum()) * share + 0.5) / (exposed + ends[-1])
    survival = np.exp(-pace * np.append(0.0, ends))
    happened = -np.diff(survival) + events * share
    return BaseRateModel(target, happened, survival[1:] + (at_risk - events) * share, users)
