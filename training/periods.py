"""Person-period rows: what a row shows of each bucket that it was followed through, and the life table over them.

A row (person, cutoff) gives one period a bucket, from the first to the one in which the event falls, but only buckets that
were over before the instant up to which the row is followed: a purchase in a bucket that is only half seen tells less of
those who did not buy than of those who did. So the newest rows teach the short buckets and the oldest all of them, and
because how long a row is followed depends on its cutoff alone, the hazards stay unbiased (Singer & Willett 1993, section
"censoring"; Allison 1982).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.events import DAY

MOST: Final = 300_000
"""Periods that trees are grown on, about; more are thinned, those with the event excepted."""


@dataclass(frozen=True, slots=True)
class Periods:
    """n periods, by row then bucket.

    Attributes:
        row: (n,) int64 place of the row.
        bucket: (n,) int64.
        event: (n,) bool, does the event fall in it?
        weight: (n,) float64, how many periods it stands for.
    """

    row: np.ndarray
    bucket: np.ndarray
    event: np.ndarray
    weight: np.ndarray

    def __len__(self) -> int:
        return len(self.row)


def followed(cutoff: np.ndarray, until: int, edges: Sequence[int]) -> np.ndarray:
    """(r,) int64 number of buckets that are over by `until` (microseconds UTC), for rows at these cutoffs."""
    ends = np.array(edges, np.int64) * DAY
    return np.searchsorted(ends, until - cutoff, side="right")


def periods(labels: np.ndarray, seen: np.ndarray) -> Periods:
    """The periods of rows.

    Args:
        labels: (r,) int64 bucket of the event, at least the number of buckets where there is none.
        seen: (r,) int64 number of buckets that the row was followed through.
    """
    n = np.minimum(seen, labels + 1)
    row = np.repeat(np.arange(len(n)), n)
    bucket = np.arange(len(row)) - np.repeat(np.cumsum(n) - n, n)
    return Periods(row, bucket, bucket == labels[row], np.ones(len(row)))


def thinned(given: Periods, lots: np.ndarray, most: int = MOST) -> tuple[Periods, float]:
    """At most about `most` periods: all with the event, and of the others a share, each of which stands for more.

    Sums weighted so are unbiased for any function of a period, the log likelihood among them (Horvitz & Thompson 1952).

    Args:
        given: All periods, of weight 1.
        lots: (n,) float64 in [0, 1), each period's own.
        most: Wanted.

    Returns:
        The periods kept, and the share of those without the event that were.
    """
    n_events = int(given.event.sum())
    share = min(1.0, max(most - n_events, n_events, 1) / max(1, len(given) - n_events))
    if share == 1.0:
        return given, share
    kept = given.event | (lots < share)
    weight = np.where(given.event, 1.0, 1.0 / share)[kept]
    return Periods(given.row[kept], given.bucket[kept], given.event[kept], weight), share


@dataclass(frozen=True, slots=True)
class LifeTable:
    """Hazards without features (Cutler & Ederer 1958).

    Attributes:
        at_risk: (J,) periods of each bucket.
        events: (J,) those with the event.
    """

    at_risk: np.ndarray
    events: np.ndarray

    @property
    def hazards(self) -> np.ndarray:
        """(J,) events / at risk; where that is 0 or 1, half an event more and half one less (log-odds must be finite)."""
        inner = (self.events > 0) & (self.events < self.at_risk)
        plain = self.events / np.maximum(self.at_risk, 1)
        found: np.ndarray = np.where(inner, plain, (self.events + 0.5) / (self.at_risk + 1))
        return found

    @property
    def log_odds(self) -> np.ndarray:
        """(J,) of the hazards."""
        found: np.ndarray = np.log(self.hazards) - np.log1p(-self.hazards)
        return found


def life_table(given: Periods, n_buckets: int) -> LifeTable:
    """Who was at risk in each bucket, and to whom it happened."""
    return LifeTable(
        np.bincount(given.bucket, given.weight, n_buckets),
        np.bincount(given.bucket, given.weight * given.event, n_buckets),
    )


def likelihood(p: np.ndarray, labels: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """(r,) probability given to what was seen of each row: its bucket, or no event in all that it was followed through.

    Args:
        p: (r, J + 1) distributions.
        labels: (r,) int64 as for `periods`.
        seen: (r,) int64 likewise.
    """
    rows = np.arange(len(p))
    before = np.hstack([np.zeros((len(p), 1)), np.cumsum(p[:, :-1], axis=1)])
    found: np.ndarray = np.where(labels < seen, p[rows, labels], 1.0 - before[rows, seen])
    return found
