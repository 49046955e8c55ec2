"""The shop's timezone as a table of instants."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from .events import SECOND
from .instants import EPOCH, to_us

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2100
STEP: Final = timedelta(days=3)  # since 1970 no zone has changed and changed back within it
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
