"""The shop's timezone as a table of instants, and each event's day, hour and weekday by it."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numba import njit

from .events import DAY, HOUR, SECOND
from .instants import EPOCH, to_us

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2100
STEP: Final = timedelta(
    days=3
)  # no zone of the IANA database has changed twice within 3 days since 1970 and changed back
CALENDAR: Final = ("day", "hour", "weekday")


@cache
def transitions(timezone: str) -> tuple[np.ndarray, np.ndarray]:
    """When a timezone's offset changes, from 1970 to 2100; before and after, the nearest offset holds.

    Returns:
        (k,) int64 instants, microseconds UTC, from which on the (k,) int64 offset, microseconds east of UTC, holds; the first
        is the smallest int64.
    """
    zone = ZoneInfo(timezone)

    def offset(moment: datetime) -> timedelta:
        east = moment.astimezone(zone).utcoffset()
        assert east is not None
        return east

    moment = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
    last = datetime(LAST_YEAR, 1, 1, tzinfo=UTC)
    before = offset(moment)
    starts, offsets = [int(np.iinfo(np.int64).min)], [before]
    while moment < last:
        after = offset(moment + STEP)
        if after != before:
            low, high = to_us(moment) // SECOND, to_us(moment + STEP) // SECOND
            while high - low > 1:
                middle = (low + high) // 2
                if offset(EPOCH + timedelta(seconds=middle)) == before:
                    low = middle
                else:
                    high = middle
            starts.append(high * SECOND)
            offsets.append(after)
            before = after
        moment += STEP
    return np.array(starts, np.int64), np.array([east // timedelta(microseconds=1) for east in offsets], np.int64)


@njit(cache=True, nogil=True, error_model="numpy")
def calendar(bounds, ts, starts, offsets, rows, first, last, out):  # type: ignore[no-untyped-def]
    """Fill in the calendar of the events of persons `first` to `last`.

    Args:
        bounds: (n + 1,) offsets of the histories.
        ts: (m,) instants.
        starts: (k,) from `transitions`.
        offsets: (k,) likewise.
        rows: (3,) places in `out` of the day, hour and weekday; -1 where not wanted.
        first: First person.
        last: The person after the last.
        out: (c, m) int32; day is numbered from 0 in each history's order, hour 0-23, weekday 0-6 from Monday.
    """
    n_changes = len(starts)
    place = 0
    for u in range(first, last):
        number, known, other, gone, n_days = -1, 0, -1, 0, 0
        for e in range(bounds[u], bounds[u + 1]):
            now = ts[e]
            while starts[place] > now:
                place -= 1
            while place + 1 < n_changes and starts[place + 1] <= now:
                place += 1
            local = now + offsets[place]
            day = local // DAY
            if rows[0] >= 0:
                if number < 0 or day != known:
                    # a clock put back across midnight (St John's, 00:01) returns to the day before
                    number, known, other, gone = other, gone, number, known
                    if number < 0 or day != known:
                        number, known = n_days, day
                        n_days += 1
                out[rows[0], e] = number
            if rows[1] >= 0:
                out[rows[1], e] = (local - day * DAY) // HOUR
            if rows[2] >= 0:
                out[rows[2], e] = (day + 3) % 7  # 1970-01-01 was a Thursday
