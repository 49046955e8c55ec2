"""Sessions and journeys: the cuts of n persons' events, as ranges of rows; the package's docstring says what they are."""

from dataclasses import dataclass

import numpy as np

from ..events import SESSION_GAP
from ..histories import Histories
from ..runs import bounds_of, ranges


@dataclass(frozen=True, slots=True)
class Units:
    """u sessions, or journeys, as ranges of events in order; what lies between them belongs to none.

    Attributes:
        person: (u,) int64.
        first: (u,) int64, the first event.
        stop: (u,) int64, the first event after the steps: the goal, where there is one.
        close: (u,) int64, the first event after all.
        end: (u,) int64 microseconds: when it ends; of sessions, when it starts.
        converted: (u,) bool, is the goal in it?
        alone: (u,) bool. Of journeys: did nothing follow for the horizon? Of sessions: are there only messages from us?
    """

    person: np.ndarray
    first: np.ndarray
    stop: np.ndarray
    close: np.ndarray
    end: np.ndarray
    converted: np.ndarray
    alone: np.ndarray

    def __len__(self) -> int:
        return len(self.first)

    def where(self, chosen: np.ndarray) -> "Units":
        """Those chosen by a mask."""
        return Units(
            self.person[chosen], self.first[chosen], self.stop[chosen], self.close[chosen], self.end[chosen],
            self.converted[chosen], self.alone[chosen],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Runs:
    """The r collapsed steps of u units.

    Attributes:
        step: (r,) int64 codes.
        size: (r,) int64, how many events.
        start: (r,) int64, the first event.
        offsets: (u + 1,) int64; the runs of unit i are `[offsets[i], offsets[i + 1])`.
    """

    step: np.ndarray
    size: np.ndarray
    start: np.ndarray
    offsets: np.ndarray


def sessions(seen: Histories, goal: np.ndarray, own: np.ndarray) -> Units:
    """All sessions.

    Args:
        seen: n persons' m events.
        goal: (m,) bool, is the event of the goal's kind?
        own: (m,) bool, did the person do it?
    """
    m = seen.n_events
    if not m:
        return _none()
    new = np.empty(m, bool)
    new[0] = True
    np.greater_equal(seen.ts[1:] - seen.ts[:-1], SESSION_GAP, out=new[1:])
    new[seen.offsets[:-1][np.diff(seen.offsets) > 0]] = True
    first = np.flatnonzero(new)
    close = np.append(first[1:], m)
    at = np.minimum.reduceat(np.where(goal, np.arange(m), m), first)
    return Units(
        person=np.searchsorted(seen.offsets, first, "right") - 1,
        first=first,
        stop=np.minimum(at, close),
        close=close,
        end=seen.ts[first],
        converted=at < m,
        alone=~np.logical_or.reduceat(own, first),
    )


def journeys(
    seen: Histories, visits: Units, goal: np.ndarray, own: np.ndarray, until: int, horizon: int
) -> tuple[Units, int]:
    """Journeys that bought or left, and the number of open ones.

    Args:
        seen: n persons' m events, all before `until`.
        visits: Their sessions.
        goal: (m,) bool, is the event of the goal's kind?
        own: (m,) bool, did the person do it?
        until: Microseconds UTC.
        horizon: Microseconds.
    """
    m = seen.n_events
    if not m:
        return _none(), 0
    silent = _silences(seen, own, until, horizon)
    same = np.ones(m, bool)  # is the event in the session of the one before?
    same[visits.first] = False
    basket = np.zeros(m, bool)  # does a purchase end with this event?
    basket[:-1] = goal[:-1] & ~(goal[1:] & same[1:])
    basket[-1] = goal[-1]
    new = np.zeros(m, bool)
    new[1:] = (silent | basket)[:-1]
    new[seen.offsets[:-1][np.diff(seen.offsets) > 0]] = True
    start = np.flatnonzero(new)
    close = np.append(start[1:], m)
    last = close - 1
    bought, left = goal[last], silent[last]
    n_goal = np.add.reduceat(goal, start, dtype=np.int64)  # all at the end: behind a purchase there is a cut
    stop = np.where(bought, close - n_goal, close)
    end = seen.ts[np.where(bought, stop, last)]
    early = np.add.reduceat(seen.ts < np.repeat(end - horizon, close - start), start, dtype=np.int64)
    person = np.searchsorted(seen.offsets, start, "right") - 1
    n_open = int((~bought & ~left & np.logical_or.reduceat(own, start)).sum())
    return Units(person, start + early, stop, close, end, bought, left).where(bought | left), n_open


def _silences(seen: Histories, own: np.ndarray, until: int, horizon: int) -> np.ndarray:
    """(m,) Did the person do this, and then nothing for the horizon?"""
    acts = np.flatnonzero(own)
    person = np.searchsorted(seen.offsets, acts, "right")
    after = np.append(seen.ts[acts[1:]], until)
    after[:-1][person[1:] != person[:-1]] = until
    if len(acts):
        after[-1] = until
    silent = np.zeros(seen.n_events, bool)
    silent[acts] = (after[: len(acts)] - seen.ts[acts]) >= horizon
    return silent


def collapse(step: np.ndarray, first: np.ndarray, stop: np.ndarray) -> Runs:
    """Steps of ranges of events `[first, stop)`, neighbours of one name made one.

    Args:
        step: (m,) int64 codes of all events.
        first: (u,) int64.
        stop: (u,) int64.
    """
    sizes = stop - first
    bounds = bounds_of(sizes)
    events = ranges(first, sizes)
    steps = step[events]
    head = np.ones(len(events), bool)
    head[1:] = steps[1:] != steps[:-1]
    head[bounds[:-1][sizes > 0]] = True
    starts = np.flatnonzero(head)
    before = np.concatenate([[0], np.cumsum(head)])
    return Runs(steps[starts], np.diff(np.append(starts, len(events))), events[starts], before[bounds])


def _none() -> Units:
    none, never = np.empty(0, np.int64), np.empty(0, bool)
    return Units(none, none, none, none, none, never, never)
