"""Slices: kinds of people that a model's probabilities are judged by, told by features of the catalogue; they may overlap."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow.compute as pc

from features.matrix import Matrix


@dataclass(frozen=True, slots=True)
class Slice:
    """Everybody whose feature lies in `[low, high)`, or has the text `value`.

    Attributes:
        name: As it is reported, such as `one_time` or `channel: app`.
        feature: Of the catalogue.
        low: None where there is no lower end, and for a text.
        high: None where there is no upper end, and for a text.
        value: None for a number.
    """

    name: str
    feature: str
    low: float | None = None
    high: float | None = None
    value: str | None = None

    def among(self, numbers: np.ndarray) -> np.ndarray:
        """(r,) bool of (r,) answers of a number feature; a missing one is in no slice."""
        inside: np.ndarray = ~np.isnan(numbers)
        if self.low is not None:
            inside &= numbers >= self.low
        if self.high is not None:
            inside &= numbers < self.high
        return inside

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {name: getattr(self, name) for name in ("name", "feature", "low", "high", "value")}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Slice":
        """The slice of such data."""
        return cls(**data)


HISTORY: Final = (
    Slice("new", "event_tenure", high=30),
    Slice("no_purchase", "purchase_count_365d", high=1),
    Slice("one_time", "purchase_count_365d", low=1, high=2),
    Slice("repeat", "purchase_count_365d", low=2, high=5),
    Slice("frequent", "purchase_count_365d", low=5),
)
"""Seen for the first time less than 30 days ago; by purchases in the last 365 days."""

WORDS: Final = {"channel": "last_channel", "category": "favorite_category_90d"}
"""What a slice a value is made of, and how many at most."""
MOST: Final = 10


def members(slices: tuple[Slice, ...], matrix: Matrix) -> np.ndarray:
    """(r, s) bool: which rows are in which slice; the matrix has the slices' features."""
    found = np.zeros((len(matrix), len(slices)), bool)
    columns = {one.feature: matrix.column(one.feature) for one in slices if one.value is None}
    for place, one in enumerate(slices):
        if one.value is None:
            found[:, place] = one.among(columns[one.feature])
        else:
            equal = pc.fill_null(pc.equal(matrix.texts[one.feature], one.value), fill_value=False)
            found[:, place] = equal.to_numpy(zero_copy_only=False)
    return found
