"""Steps that move conversion: sessions or journeys with a step, or two in a row, against those without."""

from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np

from ..runs import owners
from . import flows
from .journeys import Runs


def _zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.int64)


@dataclass(slots=True)
class Tally:
    """What is counted of units of one sort, over any number of groups of persons.

    Attributes:
        n_steps: s.
        n: Units.
        converted: Units that converted.
        having: (2, s) int64, units with a step, and those of them that converted.
        pairs: (2, s, s) int64, likewise with a step (row) directly followed by another (column).
        chain: (s + 3, s + 3) int64, as of `flows.chain`.
    """

    n_steps: int
    n: int = 0
    converted: int = 0
    having: np.ndarray = field(init=False)
    pairs: np.ndarray = field(init=False)
    chain: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        s = self.n_steps
        self.having, self.pairs, self.chain = _zeros(2, s), _zeros(2, s, s), _zeros(s + 3, s + 3)

    def add(self, runs: Runs, converted: np.ndarray) -> None:
        """Count u units by their collapsed steps before the goal."""
        s = self.n_steps
        self.n += len(converted)
        self.converted += int(converted.sum())
        unit = owners(runs.offsets)
        self.having += self._once(unit, runs.step, s, converted)
        after = np.flatnonzero(unit[1:] == unit[:-1]) + 1
        pair = runs.step[after - 1] * s + runs.step[after]
        self.pairs += self._once(unit[after], pair, s * s, converted).reshape(2, s, s)
        self.chain += flows.chain(runs, converted, s)

    @staticmethod
    def _once(unit: np.ndarray, what: np.ndarray, size: int, converted: np.ndarray) -> np.ndarray:
        """(2, size) Units with each, however often it occurs, and those that converted."""
        key = np.sort(unit * size + what)  # faster than np.unique, which hashes
        owner, found = np.divmod(key[np.append(True, key[1:] != key[:-1])[: len(key)]], size)
        won = found[converted[owner]]
        return np.stack([np.bincount(found, minlength=size), np.bincount(won, minlength=size)])

    def describe(self, names: tuple[str, ...], top: int) -> dict[str, Any]:
        """Rates, steps by how sure they are to matter, and the pairs that raise and lower most surely."""
        chance, lost = flows.removal(self.chain)
        steps = self._rows(self.having, [[name] for name in names])
        for row in steps:
            effect = float(lost[names.index(row["steps"][0])])
            row["removal"] = None if np.isnan(effect) else effect
        pairs = self._rows(self.pairs.reshape(2, -1), [[a, b] for a in names for b in names])
        raising = [row for row in pairs if row["difference"] > 0][:top]
        lowering = [row for row in pairs if row["difference"] < 0][:top]
        return {
            "n": self.n,
            "converted": self.converted,
            "rate": self.converted / self.n if self.n else None,
            "chain_rate": chance if self.n else None,
            "steps": steps,
            "pairs": [*raising, *lowering],
            "steps_compared": len(steps),
            "pairs_compared": len(pairs),
        }

    def _rows(self, counts: np.ndarray, names: list[list[str]]) -> list[dict[str, Any]]:
        """A row a step or pair that some units have and some do not, the surest first."""
        places = np.flatnonzero((counts[0] > 0) & (counts[0] < self.n))
        level, rows = 0.05 / max(1, len(places)), []
        for place in places.tolist():
            n1, k1 = int(counts[0, place]), int(counts[1, place])
            n2, k2 = self.n - n1, self.converted - k1
            low, high = newcombe(k1, n1, k2, n2)
            strict_low, strict_high = newcombe(k1, n1, k2, n2, level)
            rows.append(
                {
                    "steps": names[place],
                    "n": n1,
                    "converted": k1,
                    "rate": k1 / n1,
                    "n_without": n2,
                    "converted_without": k2,
                    "rate_without": k2 / n2,
                    "lift": k1 / n1 / (self.converted / self.n) if self.converted else None,
                    "difference": k1 / n1 - k2 / n2,
                    "low": low,
                    "high": high,
                    "sure": strict_low > 0 or strict_high < 0,
                }
            )
        return sorted(rows, key=lambda row: (-max(row["low"], -row["high"]), row["steps"]))


def wilson(k: int, n: int, level: float = 0.05) -> tuple[float, float]:
    """Interval of k of n at 1 - level (Wilson 1927).

    >>> [round(bound, 4) for bound in wilson(81, 263)]
    [0.2553, 0.3662]
    """
    z = NormalDist().inv_cdf(1 - level / 2)
    p, z2 = k / n, z * z
    half = z * (p * (1 - p) / n + z2 / (4 * n * n)) ** 0.5
    return (
        0.0 if k == 0 else (p + z2 / (2 * n) - half) / (1 + z2 / n),
        1.0 if k == n else (p + z2 / (2 * n) + half) / (1 + z2 / n),
    )


def newcombe(k1: int, n1: int, k2: int, n2: int, level: float = 0.05) -> tuple[float, float]:
    """Interval of k1/n1 - k2/n2 at 1 - level (method 10 of Newcombe 1998).

    >>> [round(bound, 4) for bound in newcombe(56, 70, 48, 80)]
    [0.0524, 0.3339]
    """
    p1, p2 = k1 / n1, k2 / n2
    (l1, u1), (l2, u2) = wilson(k1, n1, level), wilson(k2, n2, level)
    d: float = p1 - p2
    below: float = ((p1 - l1) ** 2 + (u2 - p2) ** 2) ** 0.5
    above: float = ((u1 - p1) ** 2 + (p2 - l2) ** 2) ** 0.5
    return d - below, d + above
