"""The simulated shop's calendar: which day is which, what season and campaigns do to it, when cutoffs fall."""

from dataclasses import dataclass
from datetime import date, timedelta
from math import cos, pi
from typing import Final

import numpy as np

from features.errors import SpecError
from features.events import DAY

from .shop import Shop

EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Days from a start on, each from midnight to midnight UTC.

    Args:
        start: Midnight of the first day, microseconds UTC.
        effects: (days, 3) float64 log factors of browsing, considering, buying, without the message's.
        running: (days,) int64 place in `campaigns` of the campaign on that day; -1 for none.
        first: (campaigns,) int64 first day of each campaign.
        campaigns: Names such as `2025-spring`, in order of time.
    """

    start: int
    effects: np.ndarray
    running: np.ndarray
    first: np.ndarray
    campaigns: tuple[str, ...]

    @property
    def days(self) -> int:
        """Number of days."""
        return len(self.effects)


def calendar(shop: Shop, start: date, days: int) -> Calendar:
    """The shop's calendar over `days` days; a campaign that began before `start` is left out, for its messages are.

    Raises:
        SpecError: Two campaigns overlap.
    """
    when = [start + timedelta(days=d) for d in range(days)]
    turn = [2 * pi * (d.timetuple().tm_yday - 1 - shop.peak) / 365.25 for d in when]
    season = np.array([shop.weekday[d.weekday()] + shop.yearly * cos(x) for d, x in zip(when, turn, strict=True)])
    running = np.full(days, -1, np.int64)
    first: list[int] = []
    names: list[str] = []
    for year in range(start.year, start.year + days // 365 + 2):
        for campaign in sorted(shop.campaigns, key=lambda c: (c.month, c.day)):
            begin = (date(year, campaign.month, campaign.day) - start).days
            if not 0 <= begin < days:
                continue
            if (running[begin : begin + campaign.days] >= 0).any():
                raise SpecError(f"Campaign {campaign.name!r} of {year} overlaps the one before it; move its dates.")
            running[begin : begin + campaign.days] = len(names)
            first.append(begin)
            names.append(f"{year}-{campaign.name}")
    effects = season[:, None] + np.where(running[:, None] >= 0, shop.opened, 0.0)
    return Calendar((start - EPOCH).days * DAY, effects, running, np.array(first, np.int64), tuple(names))


def mondays(start: date, days: int) -> np.ndarray:
    """(k,) int64 days after `start` that are Mondays, in (0, days]: the truth's cutoffs."""
    return np.arange(7 - start.weekday(), days + 1, 7, dtype=np.int64)
