"""What a shop can act on (`what_if/levers.toml`), and what else moves when one such feature does.

The windows of one question hold each other: three cart additions more in the last 7 days are three more in the last 30. A
change of one window therefore changes the longer ones by as much, and keeps the shorter ones within it. Whatever else is made
from the same events (ratios, trends, other questions) stays as it is.
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
        longer: Features of the same question whose windows hold this one's.
        shorter: Those whose windows lie in this one's.
        ceiling: The largest possible value; infinite where there is none.
    """

    name: str
    direction: Literal["up", "down", "either"]
    step: float
    most: int
    nothing: float | None
    why: Words
    longer: tuple[str, ...]
    shorter: tuple[str, ...]
    ceiling: float

    @property
    def moved(self) -> tuple[str, ...]:
        """Every feature that a change of this one may change, itself first."""
        return (self.name, *self.longer, *self.shorter)

    def values(self, now: Mapping[str, float]) -> list[tuple[int, dict[str, float]]]:
        """What a change makes of the features that it moves.

        Args:
            now: Their values, NaN for nothing.

        Returns:
            Number of steps and values, by growing number of steps, up before down; nothing where there is no way.
        """
        value = now[self.name]
        if np.isnan(value):
            return [] if self.nothing is None else [(self.most, {self.name: self.nothing})]
        found = []
        for steps in range(1, self.most + 1):
            change = steps * self.step
            if self.direction != "down" and value + change <= self.ceiling:
                longer = {name: now[name] + change for name in self.longer}
                found.append((steps, {self.name: value + change} | longer))
            if self.direction != "up" and value - change > -self.step and value > 0:
                after = max(0.0, value - change)
                longer = {name: max(now[name] - (value - after), after) for name in self.longer}
                shorter = {name: min(now[name], after) for name in self.shorter}
                found.append((steps, {self.name: after} | longer | shorter))
        return found


def levers(catalogue: Catalogue, path: Path = OURS) -> tuple[Lever, ...]:
    """The features of a catalogue that can be acted on, in its order; a pattern that names nothing in it is passed over.

    Raises:
        SpecError: An entry that is not understood, or a feature of which it is not known what a change of it moves.
    """
    groups: dict[object, list[str]] = {}
    for name, entry in catalogue.entries.items():
        groups.setdefault(question(entry.feature), []).append(name)
    found: dict[str, Lever] = {}
    for table in _read(path):
        for name, entry in catalogue.entries.items():
            if any(fnmatchcase(name, pattern) for pattern in table["features"]):
                if name in found:
                    raise SpecError(f"{path.name}: {name!r} stands in two levers. Leave it in one.")
                found[name] = _lever(catalogue, name, table, groups[question(entry.feature)], path)
    return tuple(found[name] for name in catalogue.entries if name in found)


def _lever(catalogue: Catalogue, name: str, table: dict[str, Any], mates: list[str], path: Path) -> Lever:
    feature = catalogue.entries[name].feature
    days = _days(feature)
    if days is None:
        raise SpecError(
            f"{path.name}: {name!r} cannot be a lever: only counts, days, sessions, ages and streaks up to the cutoff can, "
            "of which it is known what moves along. Take it out."
        )
    lengths = {mate: _days(catalogue.entries[mate].feature) for mate in mates if mate != name}
    spans = {mate: length for mate, length in lengths.items() if length is not None}
    calendar = isinstance(feature, Distinct)
    return Lever(
        name=name,
        direction=table["direction"],
        step=float(table["step"]),
        most=int(table["most"]),
        nothing=float(table["nothing"]) if "nothing" in table else None,
        why=Words(**table["why"]),
        longer=tuple(mate for mate, span in spans.items() if span > days),
        shorter=tuple(mate for mate, span in spans.items() if span < days),
        ceiling=days if calendar else np.inf,
    )


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
