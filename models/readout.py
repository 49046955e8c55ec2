"""A churn target that is read from a hazard: the direct model's place is taken where the hazard foresees it better.

It answers, explains and is stored as any model of its target, so that tags, reasons and what-if ask it as they ask the other.
What it says of a person and what the hazard says of the same horizon are one number, and cannot contradict each other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.errors import DamagedError
from features.events import DAY
from features.matrix import Matrix

from .churn import Churn
from .hazard import Hazard
from .hazardmodel import BLOCK, HazardModel
from .targets import Target
from .timing import total


def read_outs(hazard: Target, target: Target) -> tuple[str, str] | None:
    """The hazard's read-outs that are the target's classes, active and churned; None where it has none.

    Churn of the same kinds has: no such event in a horizon that the hazard names.
    """
    recipe, asked = hazard.recipe, target.recipe
    days, rest = divmod(target.horizon, DAY)
    if not (isinstance(recipe, Hazard) and isinstance(asked, Churn)) or rest or days not in recipe.within:
        return None
    if set(asked.kinds) != set(recipe.kinds):
        return None
    return f"{recipe.act}_{days}d", f"no_{recipe.act}_{days}d"


@dataclass(frozen=True, eq=False)
class ReadOut:
    """A trained hazard, asked a churn target's question of the churn target's cohort.

    Attributes:
        target: Churn.
        hazard: What it is read from; whole, so that the target stands alone in a bundle.
        base_rates: (2,) float64 shares of the classes among the target's own training rows.

    Raises:
        DamagedError: The hazard has no such read-out.
    """

    target: Target
    hazard: HazardModel
    base_rates: np.ndarray

    def __post_init__(self) -> None:
        if read_outs(self.hazard.target, self.target) is None or np.shape(self.base_rates) != (2,):
            raise DamagedError(
                f"The model of {self.target.name} cannot be used: {self.hazard.target.name}, which it is read from, does not "
                "foresee it. Train again, or roll back."
            )

    @property
    def read_from(self) -> str:
        """Such as `next_purchase/no_buy_30d`."""
        return f"{self.hazard.target.name}/{self._read_outs[1]}"

    @property
    def names(self) -> tuple[str, ...]:
        """(k,) the hazard's features."""
        return self.hazard.names

    @property
    def vocabularies(self) -> Mapping[str, Mapping[str, int]]:
        """The hazard's."""
        return self.hazard.vocabularies

    @property
    def booster_text(self) -> str:
        """The hazard's."""
        return self.hazard.booster_text

    @property
    def method(self) -> str:
        """How the hazard is calibrated."""
        return self.hazard.method

    @property
    def thresholds(self) -> Mapping[str, np.ndarray]:
        """The hazard's."""
        return self.hazard.thresholds

    def ready(self) -> "ReadOut":
        """The same, its booster loaded."""
        self.hazard.ready()
        return self

    def predict(self, matrix: Matrix) -> np.ndarray:
        """(r, 2) float64 P(active), P(churned), NaN outside the target's cohort; to the bit the hazard's own sums."""
        out = np.full((len(matrix.person), 2), np.nan)
        inside = np.flatnonzero(self.target.eligible(matrix))
        places = [self.hazard.target.readouts[name] for name in self._read_outs]
        for first in range(0, len(inside), BLOCK):
            rows = inside[first : first + BLOCK]
            p = self.hazard.distributions(matrix, rows)
            out[rows] = np.column_stack([total(p, each) for each in places])
        return out

    def explained(
        self, matrix: Matrix, rows: np.ndarray, class_index: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """See `HazardModel.explained`; `class_index` is 0 for active and 1 for churned."""
        place = list(self.hazard.target.readouts).index(self._read_outs[class_index])
        return self.hazard.explained(matrix, rows, place)

    def accounts(self, matrix: Matrix, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(r,) contributions to churned with the rest, summed; and the score that they must give."""
        given, rest, score = self.explained(matrix, rows, 1)
        return given.sum(axis=1) + rest, score

    @property
    def _read_outs(self) -> tuple[str, str]:
        found = read_outs(self.hazard.target, self.target)
        assert found is not None  # or it could not have been made
        return found

    def to_json(self) -> dict[str, Any]:
        """All but the booster's text and the vocabularies, as plain data."""
        return {
            "target": self.target.to_json(),
            "base_rates": self.base_rates.tolist(),
            "read_from": self.read_from,
            "hazard": self.hazard.to_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], vocabularies: Mapping[str, Mapping[str, int]], text: str) -> "ReadOut":
        """The model of such data."""
        return cls(
            target=Target.from_json(data["target"]),
            hazard=HazardModel.from_json(data["hazard"], vocabularies, text),
            base_rates=np.array(data["base_rates"], np.float64),
        )
