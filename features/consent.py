"""What consent lets be seen of histories: events and attributes that were made with it, while there is any."""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from .dated import Dated, of
from .events import NULL
from .histories import Histories
from .people import Views
from .runs import first_from, owners, ranges
from .trim import select


def allowed(histories: Histories, view: np.ndarray, views: Views, required: bool) -> Histories:
    """What consent lets be seen.

    Args:
        histories: n persons, with the texts of all coded fields.
        view: (n,) int64 the view whose acts on consent count for each.
        views: Where those are.
        required: Is nothing seen of somebody who never consented?
    """
    bounds = np.searchsorted(views.said_by, np.arange(len(views.canonical) + 1))
    if not required and bounds[-1] == 0:
        return histories
    now = np.full(len(views.canonical), not required)
    last = np.flatnonzero(bounds[1:] > bounds[:-1])
    now[last] = views.allowed[bounds[1:][last] - 1]
    asked = _Consent(bounds[view], np.diff(bounds)[view], views, now[view], not required)
    kept = asked.at(histories.offsets, histories.ts)
    known = histories.attributes
    if known is not None:
        known = {table: _dated(rows, asked) for table, rows in known.items()}
    return replace(select(histories, kept), attributes=known)


@dataclass(frozen=True, slots=True)
class _Consent:
    """Acts on consent of n persons: `views` from `first`, `number` of them; is there consent `now`, and before any act?"""

    first: np.ndarray
    number: np.ndarray
    views: Views
    now: np.ndarray
    default: bool

    def at(self, offsets: np.ndarray, ts: np.ndarray) -> np.ndarray:
        """(m,) bool: is there consent now, and was there at `ts`? Sorted instants of the persons, by (n + 1,) offsets."""
        person = np.repeat(np.arange(len(self.now)), self.number)
        act = ranges(self.first, self.number)
        place = first_from(ts, offsets[person], offsets[person + 1], self.views.said_at[act])
        inside = place < offsets[person + 1]
        latest = np.full(len(ts), -1)
        latest[place[inside]] = np.flatnonzero(inside)  # of several at one instant, the last
        owner = owners(offsets)
        latest = np.maximum.accumulate(latest) if len(latest) else latest
        some = (latest >= 0) & (person[latest] == owner) if len(person) else np.zeros(len(ts), bool)
        then = np.full(len(ts), self.default)
        then[some] = self.views.allowed[act[latest[some]]]
        found: np.ndarray = then & self.now[owner]
        return found


def _dated(rows: Dated, consent: _Consent) -> Dated:
    """The rows of a table of attributes that may be seen."""
    person = owners(rows.offsets)
    kept = consent.at(rows.offsets, rows.valid_from) | ((rows.valid_from == NULL) & consent.now[person])
    if kept.all():
        return rows
    return of(len(rows), person[kept], rows.valid_from[kept], rows.texts.filter(pa.array(kept)))
