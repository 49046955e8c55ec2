"""How far each probability can be trusted: an interval by the kind of person and the probability itself, tabulated in training.

Around a probability p of a person of kind k the interval is `sigmoid(logit p ± h)`, where h is that of k's bin of
probabilities that p lies in: `training.interval` says how it is found. It widens where calibration saw few persons of the
kind, where it saw them do otherwise than was said, and where models of other persons disagree.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from features.errors import DamagedError

LEVEL: Final = 0.9
TINY: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Cells:
    """The bins of one read-out and one kind.

    Attributes:
        edges: (b - 1,) ascending probabilities between the bins; an edge lies in the upper one.
        half: (b,) half widths in log-odds, from 0.
    """

    edges: tuple[float, ...]
    half: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Interval:
    """The intervals of one target.

    Attributes:
        kinds: Names of the slices whose memberships, as bits from the first, make a person's kind.
        cells: Read-out to kind to its bins; kind -1 is for kinds that calibration never saw.
        base: Read-out to the bounds of the base rate.

    Raises:
        DamagedError: The parts do not belong together.
    """

    kinds: tuple[str, ...]
    cells: Mapping[str, Mapping[int, Cells]]
    base: Mapping[str, tuple[float, float]]

    def __post_init__(self) -> None:
        for name, table in self.cells.items():
            for cells in (*table.values(), table.get(-1)):
                if cells is None or len(cells.half) != len(cells.edges) + 1 or not all(h >= 0 for h in cells.half):
                    raise DamagedError(f"The interval of {name!r} cannot be used: its table is not one. Train again.")

    def around(self, readout: str, kind: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(r,) lower and upper bounds, which hold p between them.

        Args:
            readout: Whose probability it is.
            kind: (r,) int64, as `kind_of` makes it.
            p: (r,) probabilities.
        """
        table = self.cells[readout]
        half = np.empty(len(p))
        for one in np.unique(kind).tolist():
            rows = kind == one
            cells = table.get(one, table[-1])
            half[rows] = np.array(cells.half)[np.searchsorted(cells.edges, p[rows], "right")]
        z = np.clip(p, TINY, 1 - TINY)
        z = np.log(z) - np.log1p(-z)
        low, high = 1 / (1 + np.exp(half - z)), 1 / (1 + np.exp(-half - z))
        return np.minimum(low, p), np.maximum(high, p)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        cells = {
            name: {str(kind): [list(one.edges), list(one.half)] for kind, one in table.items()}
            for name, table in self.cells.items()
        }
        return {
            "kinds": list(self.kinds),
            "cells": cells,
            "base": {name: list(ends) for name, ends in self.base.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Interval":
        """The intervals of such data."""
        cells = {
            name: {int(kind): Cells(tuple(edges), tuple(half)) for kind, (edges, half) in table.items()}
            for name, table in data["cells"].items()
        }
        return cls(tuple(data["kinds"]), cells, {name: (low, high) for name, (low, high) in data["base"].items()})


def kind_of(inside: np.ndarray) -> np.ndarray:
    """(r,) int64 kind of (r, k) bool memberships."""
    kind: np.ndarray = inside @ (1 << np.arange(inside.shape[1], dtype=np.int64))
    return kind
