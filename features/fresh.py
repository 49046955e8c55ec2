"""What is new among events that came: told from those that the log has, and from each other."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .arrivals import KEYS, ROWS, sorted_rows
from .events import NULL
from .histories import ranks

CONTENT: Final = tuple(name for name in ROWS.names if name not in ("arrived_at", *KEYS))
"""What must be equal for an event told twice to be no conflict."""


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of the rows of an append.

    Attributes:
        accepted: Rows that are new in the log.
        duplicate: Rows whose person and event key were known, or came twice.
        conflict: How many of the duplicates had other content.
    """

    accepted: int = 0
    duplicate: int = 0
    conflict: int = 0

    def __add__(self, other: "Appended") -> "Appended":
        return Appended(
            self.accepted + other.accepted, self.duplicate + other.duplicate, self.conflict + other.conflict
        )


@dataclass(frozen=True, slots=True)
class Fresh:
    """What is new among rows that came.

    Attributes:
        rows: Those to be written, sorted by (user_id, ts, event_key).
        outdone: (k,) int64, sorted places of events in the log that give way to one of them.
        counts: How many rows are new, known, and known otherwise.
    """

    rows: pa.Table
    outdone: np.ndarray
    counts: Appended


def fresh(rows: pa.Table, known_hi: np.ndarray, known_rows: Callable[[np.ndarray], pa.Table]) -> Fresh:
    """Tell new rows from known ones: of equal keys the first arrival counts, where that ties the log's, then the earlier row.

    A row that arrived before the event that the log has takes its place, and is a duplicate all the same: in which order loads
    come changes nothing.

    Args:
        rows: Of the `ROWS` schema, texts perhaps as dictionaries, each column one chunk; one bucket's.
        known_hi: (k,) int64, first halves of the keys of the bucket's events in the log.
        known_rows: From (places,) int64 to those events' rows.
    """
    hi = rows["key_hi"].to_numpy()
    suspect = _repeated(hi)
    known = np.flatnonzero(_within(known_hi, hi)) if len(known_hi) else np.empty(0, np.int64)
    if len(known):
        suspect |= _within(hi, known_hi[known])
    places = np.flatnonzero(suspect)
    if not len(places):
        return Fresh(sorted_rows(rows), places, Appended(len(rows)))
    there = known_rows(known) if len(known) else ROWS.empty_table()
    both = pa.concat_tables([there, rows.take(pa.array(places)).cast(ROWS)]).combine_chunks()
    winner = _winner(both, len(there))
    lost, n = np.flatnonzero(winner != np.arange(len(both))), len(there)
    lost = lost[(lost >= n) | (winner[lost] >= n)]  # what another program wrote twice is not ours to judge
    old, new = lost[lost < n], lost[lost >= n]
    keep = np.ones(len(rows), bool)
    keep[places[new - n]] = False
    duplicate = len(new) + len(np.unique(winner[old]))
    conflict = int(_differ(both, lost, winner[lost]).sum())
    counts = Appended(len(rows) - duplicate, duplicate, conflict)
    return Fresh(sorted_rows(rows.filter(pa.array(keep)).combine_chunks()), known[old], counts)


def _repeated(values: np.ndarray) -> np.ndarray:
    """(n,) whether a value occurs more than once."""
    ordered = np.sort(values)
    twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    return _within(values, twice)


def _within(values: np.ndarray, among: np.ndarray) -> np.ndarray:
    """(n,) whether a value is one of `among`."""
    if not len(among):
        return np.zeros(len(values), bool)
    ordered = np.sort(among)
    found: np.ndarray = ordered[np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)] == values
    return found


def _winner(both: pa.Table, n_known: int) -> np.ndarray:
    """(n,) the place of the row that counts for every row's (person, key); the first `n_known` rows are the log's."""
    person = ranks(both["user_id"].combine_chunks())[1]
    hi, lo, ts = both["key_hi"].to_numpy(), both["key_lo"].to_numpy(), both["ts"].to_numpy()
    arrived = np.maximum(both["arrived_at"].fill_null(NULL).to_numpy(), ts)
    place = np.arange(len(both))
    new = place >= n_known
    order = np.lexsort((new, arrived, lo, hi, person))
    p, h, k = person[order], hi[order], lo[order]
    first = np.ones(len(order), bool)
    first[1:] = (p[1:] != p[:-1]) | (h[1:] != h[:-1]) | (k[1:] != k[:-1])
    winner = np.empty(len(order), np.int64)
    winner[order] = order[first][np.cumsum(first) - 1]
    return winner


def _differ(rows: pa.Table, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n,) whether the rows at places `a` and `b` have other content."""
    differ = np.zeros(len(a), bool)
    for name in CONTENT:
        x, y = rows[name].take(pa.array(a)), rows[name].take(pa.array(b))
        equal = pc.or_(pc.fill_null(pc.equal(x, y), False), pc.and_(x.is_null(), y.is_null()))
        differ |= ~equal.to_numpy()
    return differ
