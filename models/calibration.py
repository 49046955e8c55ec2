"""Calibrators: small monotone corrections of probabilities, held as JSON and applied row by row.

With `p` clipped to [1e-12, 1 - 1e-12]:

- `none`: p
- `temperature` T: softmax(ln p / T) (Guo et al. 2017)
- `vector` a, b: softmax(a_k ln p_k + b_k) (ibid.)
- `platt` a, b: sigmoid(a logit p + b) (Platt 1999)
- `beta` a, b, c: sigmoid(a ln p - b ln(1 - p) + c) (Kull et al. 2017)
- `isotonic` x, y: linear between knots, level beyond them (Zadrozny and Elkan 2002)
- `venn_abers` x0, p0, x1, p1: p1 / (1 - p0 + p1), p0 of the last x0 that is at most p, p1 of the first x1 that is at least p
  (Vovk, Petej and Fedorova 2015)

The last four correct each class by itself. Of two classes only the second is corrected, the first is the rest; of more
each row is divided by its sum.

The loops are scalar (numba), never NumPy's: its SIMD `exp` may round differently in an array's body and tail, and a
person's probability must not depend on who else is in the batch.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numba import njit

from features.errors import DamagedError, InternalError, did_you_mean

METHODS: Final = ("none", "temperature", "vector", "platt", "beta", "isotonic", "venn_abers")
FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "none": (),
    "temperature": ("temperature",),
    "vector": ("a", "b"),
    "platt": ("a", "b"),
    "beta": ("a", "b", "c"),
    "isotonic": ("x", "y"),
    "venn_abers": ("x0", "p0", "x1", "p1"),
}
KNOTS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "isotonic": (("x", "y"),),
    "venn_abers": (("x0", "p0"), ("x1", "p1")),
}
"""Which fields are knots, and which their heights."""
TINY: Final = 1e-12
_TEMPERATURE, _VECTOR, _PLATT, _BETA, _ISOTONIC = (METHODS.index(name) for name in METHODS[1:6])


@njit(cache=True)
def _clip(p):  # type: ignore[no-untyped-def]
    return min(max(p, TINY), 1.0 - TINY)


@njit(cache=True)
def _sigmoid(z):  # type: ignore[no-untyped-def]
    """`1 / (1 + exp(-z))` without overflow."""
    if z >= 0.0:
        return 1.0 / (1.0 + math.exp(-z))
    e = math.exp(z)
    return e / (1.0 + e)


@njit(cache=True)
def _softmax(z):  # type: ignore[no-untyped-def]
    """Softmax of a row, in place."""
    top = z[0]
    for k in range(1, len(z)):
        top = max(top, z[k])
    total = 0.0
    for k in range(len(z)):
        z[k] = math.exp(z[k] - top)
        total += z[k]
    for k in range(len(z)):
        z[k] /= total


@njit(cache=True)
def _probabilities(raw, out):  # type: ignore[no-untyped-def]
    """Sigmoid of one score a row, softmax of more; scalar, so that a row does not depend on its neighbours."""
    for r in range(raw.shape[0]):
        if raw.shape[1] == 1:
            out[r, 1] = _sigmoid(raw[r, 0])
            out[r, 0] = 1.0 - out[r, 1]
        else:
            out[r] = raw[r]
            _softmax(out[r])


def probabilities(raw: np.ndarray) -> np.ndarray:
    """Uncalibrated probabilities of a booster's raw scores.

    Args:
        raw: (r,) or (r, 1) for two classes, (r, k) for k > 2.

    Returns:
        (r, 2) or (r, k) float64; rows sum to 1.
    """
    scores = np.ascontiguousarray(raw, np.float64).reshape(len(raw), -1)
    out = np.empty((len(scores), max(2, scores.shape[1])))
    _probabilities(scores, out)
    return out


@njit(cache=True)
def _between(x, y, p):  # type: ignore[no-untyped-def]
    """Linear interpolation, level beyond the ends; `x` ascends."""
    if p <= x[0]:
        return y[0]
    last = len(x) - 1
    if p >= x[last]:
        return y[last]
    low, high = 0, last
    while high - low > 1:
        middle = (low + high) // 2
        if x[middle] <= p:
            low = middle
        else:
            high = middle
    return y[low] + (y[high] - y[low]) * ((p - x[low]) / (x[high] - x[low]))


@njit(cache=True)
def _merged(x, y, half, p):  # type: ignore[no-untyped-def]
    """p1 / (1 - p0 + p1): the steps of p0 are the first `half` of `x` and `y`, those of p1 the others."""
    p0 = y[np.searchsorted(x[:half], p, side="right") - 1]
    p1 = y[half + np.searchsorted(x[half:], p)]
    return p1 / (1.0 - p0 + p1)


@njit(cache=True)
def _corrected(method, table, k, x, y, half, p):  # type: ignore[no-untyped-def]
    """One class's probability, corrected by itself."""
    p = _clip(p)
    if method == _PLATT:
        q = _sigmoid(table[0, k] * (math.log(p) - math.log1p(-p)) + table[1, k])
    elif method == _BETA:
        q = _sigmoid(table[0, k] * math.log(p) - table[1, k] * math.log1p(-p) + table[2, k])
    elif method == _ISOTONIC:
        q = _between(x, y, p)
    else:
        q = _merged(x, y, half, p)
    return _clip(q)


@njit(cache=True)
def _apply(method, table, bounds, x, y, p, out):  # type: ignore[no-untyped-def]
    for r in range(p.shape[0]):
        if method in (_TEMPERATURE, _VECTOR):
            for k in range(p.shape[1]):
                z = math.log(_clip(p[r, k]))
                out[r, k] = z / table[0, 0] if method == _TEMPERATURE else table[0, k] * z + table[1, k]
            _softmax(out[r])
        elif p.shape[1] == 2:
            out[r, 1] = _corrected(method, table, 0, x, y, bounds[0, 1], p[r, 1])
            out[r, 0] = 1.0 - out[r, 1]
        else:
            total = 0.0
            for k in range(p.shape[1]):
                at = min(k, len(bounds) - 1)  # no knots, no bounds
                own = slice(bounds[at, 0], bounds[at, 2])
                out[r, k] = _corrected(method, table, k, x[own], y[own], bounds[at, 1] - bounds[at, 0], p[r, k])
                total += out[r, k]
            for k in range(p.shape[1]):
                out[r, k] /= total


@dataclass(frozen=True)
class Calibrator:
    """A correction of k classes' probabilities.

    Attributes:
        method: One of `METHODS`.
        values: The method's lists: `a`, `b`, `c`: one number a class corrected (1 for two classes, k above; `vector` always
            k); `x`, `y` and those of `venn_abers`: one list a class corrected; `temperature`: one number.

    Raises:
        DamagedError: The values do not make such a correction.
    """

    method: str
    values: Mapping[str, Any]

    def __post_init__(self) -> None:
        try:
            problem = self._problem()
        except (TypeError, ValueError) as error:
            problem = str(error)
        if problem:
            raise DamagedError(f"Calibrator {self.method!r} cannot be used: {problem}. Train again.")

    def _problem(self) -> str:
        if self.method not in FIELDS:
            return did_you_mean(str(self.method), METHODS)
        if set(self.values) != set(FIELDS[self.method]):
            return f"it has {sorted(self.values)}, and needs {list(FIELDS[self.method])}"
        if self.method == "none":
            return ""
        if self.method in KNOTS:
            for x, y in KNOTS[self.method]:
                if len(self.values[x]) != len(self.values[y]) or len(self.values[x]) != self.n_corrected:
                    return f"{x} and {y} must have one list a class each"
                for knots, heights in zip(self.values[x], self.values[y], strict=True):
                    problem = _knots_problem(x, y, np.array(knots, np.float64), np.array(heights, np.float64))
                    if problem:
                        return problem
            return ""
        table = self._table
        if not np.isfinite(table).all():
            return "a number is not finite"
        if self.method == "temperature" and table[0, 0] <= 0:
            return "the temperature must be above 0"
        if self.method == "beta" and (table[:2] < 0).any():
            return "a and b of beta must not be below 0"
        return ""

    @property
    def n_corrected(self) -> int | None:
        """Number of classes that have values of their own; None where any number of classes will do."""
        return None if self.method in {"none", "temperature"} else len(self.values[FIELDS[self.method][0]])

    def fits(self, n_classes: int) -> bool:
        """Can it correct so many classes?"""
        wanted = 1 if n_classes == 2 and self.method != "vector" else n_classes
        return self.n_corrected in {None, wanted}

    @cached_property
    def _table(self) -> np.ndarray:
        """(fields, classes corrected) float64; one 0 where the method has no such numbers."""
        if self.method == "none" or self.method in KNOTS:
            return np.zeros((1, 1))
        return np.array([np.atleast_1d(self.values[name]) for name in FIELDS[self.method]], np.float64)

    @cached_property
    def _knots(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(classes, 3) where a class's knots begin, the first of two kinds of them ends, and all end; all x and y in a row."""
        bounds: list[list[int]] = []
        x: list[float] = []
        y: list[float] = []
        for k in range(self.n_corrected or 0):
            bounds.append([len(x)])
            for knots, heights in KNOTS[self.method]:
                x += self.values[knots][k]
                y += self.values[heights][k]
                bounds[-1].append(len(x))
            bounds[-1].append(len(x))
        return np.array([row[:3] for row in bounds], np.int64), np.array(x, np.float64), np.array(y, np.float64)

    def apply(self, p: np.ndarray) -> np.ndarray:
        """Corrected probabilities; a row's do not depend on the other rows, to the bit.

        Args:
            p: (r, k) float64, k >= 2, rows sum to 1.

        Returns:
            (r, k) float64; rows sum to 1, finite.
        """
        if p.ndim != 2 or p.shape[1] < 2 or not self.fits(p.shape[1]):
            raise InternalError(f"Calibrator {self.method!r} with {self.n_corrected} corrections was given {p.shape}.")
        if self.method == "none":
            return np.array(p, np.float64)
        out = np.empty(p.shape)
        bounds, x, y = self._knots if self.method in KNOTS else (np.zeros((1, 3), np.int64), np.empty(0), np.empty(0))
        _apply(METHODS.index(self.method), self._table, bounds, x, y, np.ascontiguousarray(p, np.float64), out)
        return out

    def to_json(self) -> dict[str, Any]:
        """Plain data: `method` and its values."""
        return {"method": self.method, **self.values}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Calibrator":
        """The calibrator of such data.

        Raises:
            DamagedError: It is none.
        """
        return cls(str(data.get("method")), {name: value for name, value in data.items() if name != "method"})


def _knots_problem(x: str, y: str, knots: np.ndarray, heights: np.ndarray) -> str:
    """What is wrong with one class's knots and heights, fields `x` and `y`; empty where nothing is."""
    if knots.ndim != 1 or knots.shape != heights.shape or not len(knots):
        return f"{x} and {y} must have equally many knots, at least one"
    if not (np.isfinite(knots).all() and (np.diff(knots) > 0).all()):
        return f"{x} must ascend"
    if not ((heights >= 0).all() and (heights <= 1).all() and (np.diff(heights) >= 0).all()):
        return f"{y} must lie in [0, 1] and not descend"
    if (x == "x0" and knots[0] != 0) or (x == "x1" and knots[-1] != 1):
        return "x0 must begin at 0, and x1 end at 1"
    return ""


def identity() -> Calibrator:
    """The calibrator that changes nothing."""
    return Calibrator("none", {})


def warm() -> None:
    """Compile the loops, so that the first answer need not wait; numba keeps them on disk."""
    for p in (probabilities(np.zeros(1)), probabilities(np.zeros((1, 3)))):
        Calibrator("temperature", {"temperature": 1.0}).apply(p)
