"""What a shop can act on (`what_if/levers.toml`), and what else moves when one such feature does.

An event that is in a window is in every longer one, and is of every kind among which its own is counted. Three cart additions
more in the last 7 days are therefore three more in the last 30 and three more events of any kind, the last one is at most 7 days
ago, and with fewer the shorter windows hold no more than that; a view 3 days ago is an event within 7 days. Whatever else is
made from the same events (ratios, trends, sessions, streaks) stays as it is.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from features.algebra import SESSION, Abandoned, Age, Count, Distinct, Feature, Sessions, Streak
from features.catalogue import Catalogue
from features.errors import SpecError
from features.events import DAY

from .reasons import question
from .tag import Words

OURS: Final = Path(__file__).with_name("what_if") / "levers.toml"
KEYS: Final = frozenset({"features", "direction", "step", "most", "why"})
DIRECTIONS: Final = ("up", "down", "either")


@dataclass(frozen=True, slots=True)
class Lever:
    """A feature that can be acted on.

    Attributes:
        name: Of the catalogue.
        direction: Which way.
        step: The least change, in the feature's unit.
        most: Steps within which a change is small.
        nothing: The value that one without an answer can get; None where there is none.
        why: Why it can be acted on.
        days: The window's length; 0 where there is none.
        more: Counts that hold what this one counts: they change by as much.
        fewer: Counts of the same question in shorter windows: they hold no more.
        least: Counts, by the length of their windows in days, that hold at least this many, or the one event of an age.
        ages: Days since the last event of kinds that hold this one's: such an event is no longer ago than that.
        ceiling: The largest possible value; infinite where there is none.
    """

    name: str
    direction: Literal["up", "down", "either"]
    step: float
    most: int
    nothing: float | None
    why: Words
    days: float
    more: tuple[str, ...]
    fewer: tuple[str, ...]
    least: Mapping[str, float]
    ages: tuple[str, ...]
    ceiling: float

    @property
    def moved(self) -> tuple[str, ...]:
        """Every feature that a change of this one may change, itself first."""
        return (self.name, *self.more, *self.fewer, *self.least, *self.ages)

    def values(self, now: Mapping[str, float]) -> list[tuple[int, dict[str, float]]]:
        """What a change makes of the features that it moves.

        Args:
            now: Their values, NaN for nothing.

        Returns:
            Number of steps and values, by growing number of steps, up before down; nothing where there is no way.
        """
        value = now[self.name]
        if np.isnan(value):
            return [] if self.nothing is None else [(self.most, self._fallen(now, self.nothing))]
        found = []
        for steps in range(1, self.most + 1):
            change = steps * self.step
            if self.direction != "down" and value + change <= self.ceiling:
                found.append((steps, self._risen(now, value + change)))
            if self.direction != "up" and value - change > -self.step and value > 0:
                found.append((steps, self._fallen(now, max(0.0, value - change))))
        return found

    def pulled(self, now: Mapping[str, float], to: float, up: bool) -> dict[str, float]:
        """What it makes of the features, as they stand by now, to bring this one up or down to a value; nothing where it is."""
        value = now[self.name]
        if up and value < to:
            return self._risen(now, to)
        return self._fallen(now, to) if not up and not value <= to else {}  # NaN is above all

    def _risen(self, now: Mapping[str, float], after: float) -> dict[str, float]:
        change = after - now[self.name]
        return (
            {self.name: after}
            | {name: now[name] + change for name in self.more}
            | {name: max(now[name], after) for name in self.least}
            | {name: _lesser(now[name], self.days) for name in self.ages}
        )

    def _fallen(self, now: Mapping[str, float], after: float) -> dict[str, float]:
        found = {self.name: after}
        if self.days == 0:  # an age, or a streak, of which nothing is known
            found |= {name: _lesser(now[name], after) for name in self.ages}
            return found | {name: max(now[name], 1.0) for name, days in self.least.items() if after <= days}
        change = now[self.name] - after
        found |= {name: max(now[name] - change, after) for name in self.more}
        return found | {name: min(now[name], after) for name in self.fewer}


def _lesser(known: float, other: float) -> float:
    """The smaller one; the other where nothing is known."""
    return min(other, known)  # NaN is not below it


def levers(catalogue: Catalogue, path: Path = OURS) -> tuple[Lever, ...]:
    """The features of a catalogue that can be acted on, in its order; a pattern that names nothing in it is passed over.

    Raises:
        SpecError: An entry that is not understood, or a feature of which it is not known what a change of it moves.
    """
    found: dict[str, Lever] = {}
    for table in _read(path):
        for name in catalogue.names:
            if any(fnmatchcase(name, pattern) for pattern in table["features"]):
                if name in found:
                    raise SpecError(f"{path.name}: {name!r} stands in two levers. Leave it in one.")
                found[name] = _lever(catalogue, name, table, path)
    return tuple(found[name] for name in catalogue.entries if name in found)


def _lever(catalogue: Catalogue, name: str, table: dict[str, Any], path: Path) -> Lever:
    feature = catalogue.entries[name].feature
    days = _days(feature)
    if days is None:
        raise SpecError(
            f"{path.name}: {name!r} cannot be a lever: only counts, days, sessions, ages and streaks up to the cutoff can, "
            "of which it is known what moves along. Take it out."
        )
    more, fewer, least, ages = [], [], {}, []
    for mate, entry in catalogue.entries.items():
        other, length = entry.feature, _days(entry.feature)
        if mate == name or length is None or isinstance(feature, Streak):
            continue
        same = question(other) == question(feature)
        if same and length < days:
            fewer.append(mate)
        elif _holds(other, feature) and length >= days and isinstance(other, type(feature)) and days:
            more.append(mate)
        elif isinstance(other, Age) and _holds(other, feature):
            ages.append(mate)
        elif isinstance(other, Count) and _holds(other, feature) and length >= days:
            least[mate] = length
    return Lever(
        name=name,
        direction=table["direction"],
        step=float(table["step"]),
        most=int(table["most"]),
        nothing=float(table["nothing"]) if "nothing" in table else None,
        why=Words(**table["why"]),
        days=days,
        more=tuple(more),
        fewer=tuple(fewer),
        least=least,
        ages=tuple(ages),
        ceiling=days if isinstance(feature, Distinct) else np.inf,
    )


def _holds(other: Feature, feature: Feature) -> bool:
    """Is every event that a feature is about of a kind that the other is about too?"""
    wide, narrow = (getattr(one, "kinds", None) for one in (other, feature))
    if isinstance(feature, Abandoned) or isinstance(other, Abandoned):
        return isinstance(feature, Abandoned) and isinstance(other, Abandoned)
    if isinstance(other, Age) and other.lifetime:
        return False  # what is known of it lies beyond what is seen
    return wide is not None and narrow is not None and (not wide or (bool(narrow) and set(narrow) <= set(wide)))


def _days(feature: Feature) -> float | None:
    """The window's length; 0 of one without a window; None where a change by one is not a change of what moves along."""
    if isinstance(feature, Age | Streak):
        return 0.0
    adds = isinstance(feature, Count | Abandoned)
    adds |= isinstance(feature, Distinct) and feature.field == "day"
    adds |= isinstance(feature, Sessions) and feature.statistic == "count"
    if not adds or feature.window.stop != 0 or feature.window == SESSION:  # type: ignore[union-attr]
        return None
    return -feature.window.start / DAY  # type: ignore[union-attr]


@cache
def _read(path: Path) -> tuple[dict[str, Any], ...]:
    with path.open("rb") as file:
        tables = tomllib.load(file)["lever"]
    for table in tables:
        where = f"{path.name}, lever {table.get('features')}"
        if not set(table) - {"nothing"} == KEYS:
            raise SpecError(f"{where}: its keys must be {', '.join(sorted(KEYS))}, and perhaps nothing.")
        if table["direction"] not in DIRECTIONS:
            raise SpecError(f"{where}: direction {table['direction']!r} is none of {', '.join(DIRECTIONS)}.")
        if not table["step"] > 0 or not table["most"] >= 1:
            raise SpecError(f"{where}: step and most must be above 0.")
    return tuple(tables)
