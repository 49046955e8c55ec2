"""What a feature's answers look like: coverage, quantiles, a histogram, the commonest values."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

LEVELS: Final = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)
BINS: Final = 24
SKEWED: Final = 20.0
"""From this ratio of the 99.5th to the 50th percentile on, bins grow with the values."""
COMMONEST: Final = 8
"""Values of a text that are counted one by one."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """A number's answers.

    Attributes:
        n: Rows.
        answered: Rows with an answer.
        something: Rows with an answer other than 0.
        distinct: Different answers.
        top: Share of all rows that the commonest answer has, nothing being one.
        mean: Of the answers, NaN without any.
        deviation: The population's.
        quantiles: (9,) at `LEVELS`, between neighbours by linear interpolation; NaN without answers.
    """

    n: int
    answered: int
    something: int
    distinct: int
    top: float
    mean: float
    deviation: float
    quantiles: np.ndarray


@dataclass(frozen=True, slots=True)
class Texts:
    """A text's answers.

    Attributes:
        n: Rows.
        answered: Rows with an answer.
        distinct: Different answers.
        top: Share of all rows that the commonest answer has, nothing being one.
        counts: Every answer's number of rows, the commonest first, equals by text.
    """

    n: int
    answered: int
    distinct: int
    top: float
    counts: dict[str, int]


def numbers(values: np.ndarray) -> Numbers:
    """The profile of (n,) float64 answers, NaN for nothing."""
    known = np.sort(values[~np.isnan(values)])
    n, answered = len(values), len(known)
    if not answered:
        nan = float("nan")
        return Numbers(n, 0, 0, 0, 1.0 if n else nan, nan, nan, np.full(len(LEVELS), nan))
    starts = np.flatnonzero(np.diff(known, prepend=np.nan) != 0)
    sizes = np.diff(starts, append=answered)
    return Numbers(
        n=n,
        answered=answered,
        something=int(np.count_nonzero(known)),
        distinct=len(starts),
        top=max(int(sizes.max()), n - answered) / n,
        mean=float(known.mean()),
        deviation=float(known.std()),
        quantiles=np.quantile(known, LEVELS),
    )


def texts(values: pa.Array) -> Texts:
    """The profile of (n,) strings with nulls."""
    found = [(row["values"].as_py(), row["counts"].as_py()) for row in pc.value_counts(values.drop_null())]
    counts = dict(sorted(found, key=lambda pair: (-pair[1], pair[0])))
    n, answered = len(values), len(values) - values.null_count
    top = max(*counts.values(), n - answered, 0) / n if n and counts else 1.0 if n else float("nan")
    return Texts(n, answered, len(counts), top, counts)


def edges(values: np.ndarray) -> np.ndarray:
    """Edges of a histogram's bins, for all of the given answers; of whole numbers, bins hold whole numbers of them.

    Bins lie between the 0.5th and the 99.5th percentile, evenly, or evenly in log(1 + x) where the answers are skewed; what is
    outside belongs to the outermost. Empty without answers.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return np.empty(0)
    low, middle, high = np.quantile(known, (0.005, 0.5, 0.995))
    if low == high:
        low, high = known.min(), known.max()
    if low == high:
        return np.array([low - 0.5, low + 0.5])
    skewed = low >= 0 and high > SKEWED * max(middle, 1e-9)
    at = np.expm1(np.linspace(np.log1p(low), np.log1p(high), BINS + 1)) if skewed else np.linspace(low, high, BINS + 1)
    if (known == np.round(known)).all():
        width = np.ceil((high - low + 1) / BINS)
        at = np.unique(np.round(at)) - 0.5 if skewed else np.arange(np.floor(low), high + width, width) - 0.5
        at = np.append(at, at[-1] + 1) if at[-1] < high else at
    return np.unique(at)


def histogram(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """(len(at) - 1,) int64 number of answers a bin, those outside in the outermost."""
    if len(at) < 2:
        return np.empty(0, np.int64)
    known = values[~np.isnan(values)]
    counts: np.ndarray = np.histogram(np.clip(known, at[0], at[-1]), at)[0]
    return counts
