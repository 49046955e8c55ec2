"""What the feature report tells: of each feature, and of all together; and as plain data."""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from features import profile
from features.catalogue import Entry
from features.instants import to_iso
from features.population import Population
from features.profile import LEVELS, Numbers, Texts
from features.redundancy import Group
from features.workspace import Facts

from .importance import Importance

FLAGS: Final = ("empty", "constant", "sparse", "dominated", "shifted", "moved", "redundant", "unused")
"""What may deserve a look; of the first four a feature has one at most."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of one feature.

    Attributes:
        entry: Name, question, titles.
        now: Profile at the report's instant.
        then: Profile at the instant compared with.
        edges: (b + 1,) of the histograms' bins; empty of a text.
        bars: (b,) answers a bin, now and then.
        psi: NaN where one side has nobody.
        ks: NaN of a text, and where one side has no answers.
        group: Place among the report's groups.
        gain: Largest share of a target's gain; None without a model.
        flags: Of `FLAGS`, in that order.
    """

    entry: Entry
    now: Numbers | Texts
    then: Numbers | Texts
    edges: np.ndarray
    bars: tuple[np.ndarray, np.ndarray]
    psi: float
    ks: float
    group: int | None = None
    gain: float | None = None
    flags: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        found: dict[str, Any] = {
            "name": self.entry.name,
            "family": self.entry.family,
            "unit": self.entry.unit,
            "answered": share(self.now.answered, self.now.n),
            "answered_then": share(self.then.answered, self.then.n),
            "distinct": self.now.distinct,
            "top": finite(self.now.top),
            "psi": finite(self.psi),
            "ks": finite(self.ks),
            "group": self.group,
            "gain": self.gain,
            "flags": list(self.flags),
        }
        if isinstance(self.now, Texts):
            return found | {"type": "text", "values": dict(list(self.now.counts.items())[: profile.COMMONEST])}
        return found | {
            "type": "number",
            "something": share(self.now.something, self.now.n),
            "mean": finite(self.now.mean),
            "deviation": finite(self.now.deviation),
            "quantiles": {f"{level:g}": finite(value) for level, value in zip(LEVELS, self.now.quantiles, strict=True)},
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What a page shows.

    Attributes:
        facts: Of the shop.
        people: Answers now and then.
        told: Of every feature, in the catalogue's order.
        groups: Features that say the same.
        importances: Of every target of the model; none without one.
        version: The model's.
        first: The log's first instant, microseconds UTC; and
        last: its last.
    """

    facts: Facts
    people: Population
    told: tuple[Told, ...]
    groups: tuple[Group, ...]
    importances: tuple[Importance, ...]
    version: str | None
    first: int
    last: int

    @property
    def sampled(self) -> tuple[int, int]:
        """People looked at, now and then."""
        now, then = self.people.matrices
        return len(now), len(then)

    def flagged(self, flag: str) -> list[Told]:
        """The features with a flag."""
        return [one for one in self.told if flag in one.flags]

    def families(self, one: Importance) -> dict[str, tuple[float, float]]:
        """Family to its share of a target's gain and contributions, the largest first; of features not told of, `other`."""
        family = {told.entry.name: told.entry.family for told in self.told}
        total = float(one.contribution.sum()) or 1.0
        found: dict[str, tuple[float, float]] = {}
        for name, gain, contribution in zip(one.names, one.gain.tolist(), one.contribution.tolist(), strict=True):
            own = family.get(name, "other")
            before = found.get(own, (0.0, 0.0))
            found[own] = (before[0] + gain, before[1] + contribution / total)
        return dict(sorted(found.items(), key=lambda pair: -pair[1][0]))

    def to_json(self) -> dict[str, Any]:
        """What `intently features report --json` prints, but for the path."""
        (as_of, against), (now, then) = self.people.cutoffs, self.people.people
        return {
            "as_of": to_iso(as_of),
            "against": to_iso(against),
            "people": {"sampled": self.sampled[0], "of": now, "sampled_then": self.sampled[1], "of_then": then},
            "model": self.version,
            "summary": {flag: [one.entry.name for one in self.flagged(flag)] for flag in FLAGS},
            "groups": [
                {"names": list(group.names), "likeness": list(group.likeness), "least": group.least}
                for group in self.groups
            ],
            "importance": {one.target: self._weights(one) for one in self.importances},
            "features": [one.to_json() for one in self.told],
        }

    def _weights(self, one: Importance) -> dict[str, Any]:
        rows = sorted(
            zip(one.names, one.gain.tolist(), one.contribution.tolist(), strict=True), key=lambda r: (-r[1], r[0])
        )
        return {
            "people": one.people,
            "families": {name: {"gain": g, "contribution": c} for name, (g, c) in self.families(one).items()},
            "features": [{"name": name, "gain": g, "contribution": c} for name, g, c in rows],
        }


def share(part: int, whole: int) -> float | None:
    """A share; None of nothing."""
    return part / whole if whole else None


def finite(value: float) -> float | None:
    """A number for JSON; None where there is none."""
    return float(value) if math.isfinite(value) else None
