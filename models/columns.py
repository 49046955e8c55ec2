"""What rules read: the columns of a feature matrix, a tag's tiers, other tags' values, and the shop's calendar."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import pyarrow as pa

from features.events import DAY
from features.matrix import Matrix
from features.zones import transitions

from .tag import Tag

FARTHEST: Final = 40_000
"""Days back that `days` tells apart."""

FEW: Final = 16
"""Texts that Python codes faster than Arrow's kernels are called."""


@dataclass(frozen=True, slots=True)
class Coded:
    """n texts as codes into `values`, -1 for missing."""

    codes: np.ndarray
    values: Sequence[str]

    @classmethod
    def of(cls, texts: pa.Array) -> "Coded":
        """Codes of (n,) strings with nulls, in order of first appearance."""
        if len(texts) <= FEW:
            listed = texts.to_pylist()
            places = {text: place for place, text in enumerate(dict.fromkeys(t for t in listed if t is not None))}
            return cls(np.array([places.get(text, -1) for text in listed], np.int64), list(places))
        coded = texts.dictionary_encode()
        return cls(coded.indices.fill_null(-1).to_numpy().astype(np.int64), coded.dictionary.to_pylist())

    def place(self, text: str) -> int:
        """The code of a text; -2 where nobody has it."""
        try:
            return self.values.index(text)
        except ValueError:
            return -2


class PersonColumns:
    """n persons at one instant, as the rules of all tags see them.

    Args:
        matrix: One row a person.
        now: The instant, microseconds UTC.
        timezone: The shop's.
    """

    def __init__(self, matrix: Matrix, now: int, timezone: str) -> None:
        self._matrix, self._now, self._timezone = matrix, now, timezone
        self._texts: dict[str, Coded] = {}
        self._numbers: dict[str, np.ndarray] = {}
        self._days: dict[str, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self._matrix.person)

    def number(self, name: str) -> np.ndarray:
        """(n,) float64, NaN for missing."""
        found = self._numbers.get(name)
        if found is None:
            place = _places(self._matrix.names).get(name)
            found = self._matrix.column(name) if place is None else self._matrix.values[:, place]
            self._numbers[name] = found
        return found

    def text(self, name: str) -> Coded:
        """(n,) texts of a feature, or values of a tag."""
        found = self._texts.get(name)
        if found is None:
            found = self._texts[name] = Coded.of(self._matrix.texts[name])
        return found

    def days(self, name: str) -> np.ndarray:
        """(n,) float64: calendar days, by the shop's timezone, from the instant `name` days ago to now; NaN for missing."""
        found = self._days.get(name)
        if found is None:
            ago = self.number(name)
            missing = np.isnan(ago)
            then = self._now - np.rint(np.clip(np.where(missing, 0.0, ago), 0, FARTHEST) * DAY).astype(np.int64)
            passed = shop_day(np.array(self._now), self._timezone) - shop_day(then, self._timezone)
            found = self._days[name] = np.where(missing, np.nan, passed)
        return found

    def put_tag(self, name: str, values: Coded) -> None:
        """Let later rules read a tag."""
        self._texts[name] = values

    def put_tiers(self, tag: Tag, cuts: Mapping[str, tuple[float, ...]]) -> None:
        """Let the tag's rules read its tiers: 1 to one more than the number of cut points, NaN for missing."""
        for name, tier in tag.tiers.items():
            points, values = np.array(cuts[name]), self.number(tier.feature)
            if tier.order == "rising":
                above = np.searchsorted(points, values, side="left")
            else:
                above = len(points) - np.searchsorted(points, values, side="right")
            self._numbers[name] = np.where(np.isnan(values), np.nan, above + 1.0)

    def drop_tiers(self, tag: Tag) -> None:
        """Forget them: another tag may use the same names."""
        for name in tag.tiers:
            self._numbers.pop(name, None)
            self._days.pop(name, None)


def shop_day(instants: np.ndarray, timezone: str) -> np.ndarray:
    """Number of the shop's day, from 1970-01-01, in which each instant (int64 microseconds UTC) lies."""
    starts, offsets = transitions(timezone)
    day: np.ndarray = (instants + offsets[np.searchsorted(starts, instants, side="right") - 1]) // DAY
    return day


@lru_cache(maxsize=8)
def _places(names: tuple[str, ...]) -> dict[str, int]:
    """Place of every column; a request reads some dozens, and the matrix looks each one up from the start."""
    return {name: place for place, name in enumerate(names)}
