"""What "now" is: the wall's time, or, for old data, the log's last instant."""

import time
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from features.errors import InputError
from features.instants import to_iso
from features.validate import AHEAD

NOTHING: Final = -(2**63)
"""The largest `ts` of no events."""


def wall() -> int:
    """The wall's time, microseconds UTC."""
    return time.time_ns() // 1000


@dataclass(frozen=True, slots=True)
class Clock:
    """One of two clocks.

    `now` is the wall's. `log` stands 1 µs after the largest `ts` of log and journal, so that the last event is seen; an
    event posted with a later `ts` advances it.

    Attributes:
        name: Which.
    """

    name: Literal["now", "log"]

    def __post_init__(self) -> None:
        if self.name not in ("now", "log"):
            raise InputError(f"Unknown clock {self.name!r}. Known: now, log.")

    def now(self, last_ts: int) -> int:
        """Microseconds UTC, where `last_ts` is the largest `ts` of log and journal."""
        return wall() if self.name == "now" or last_ts == NOTHING else last_ts + 1

    def arrival(self, ts: np.ndarray, last_ts: int) -> np.ndarray:
        """When events posted at this moment arrived.

        By the clock `log` they arrived at the log's last instant, or when they happened if that is later: they are seen
        at once, and after a restart too.

        Args:
            ts: (n,) int64 when they happened.
            last_ts: As for `now`.
        """
        if self.name == "now":
            return np.full(len(ts), wall())
        arrived: np.ndarray = np.maximum(ts, last_ts)
        return arrived

    def latest(self, last_ts: int) -> int:
        """No time in a request may be later."""
        return max(wall(), self.now(last_ts)) + AHEAD

    def described(self, last_ts: int) -> str:
        """For people."""
        words = "the wall's time" if self.name == "now" else "1 µs after the last event"
        return f"{self.name} ({to_iso(self.now(last_ts))}, {words})"
