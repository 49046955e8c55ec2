"""The terms of a question: which kinds of events, which field, and which stretch of time seen from a cutoff."""

from dataclasses import dataclass
from typing import Final, Literal

from .errors import SpecError
from .events import DAY, RETENTION_DAYS

Kinds = tuple[str, ...]
"""Event kinds, sorted and without repetition; empty means every kind."""
NumberField = Literal["value", "quantity", "discount", "rating", "dwell"]
CodedField = Literal["item", "category", "channel", "campaign", "page", "referrer"]
CalendarField = Literal["day", "hour", "weekday"]
KindField = Literal["kind"]
Values = tuple[str, ...]
"""Texts of a coded field, sorted and without repetition; empty means any."""

EVER: Final = -(2**62)
"""The start of `LIFETIME`: before all events."""
SO_FAR: Final = -(2**61)
"""The start of `SESSION`: no distance from the cutoff, but what the history decides."""


@dataclass(frozen=True, slots=True)
class Window:
    """Half-open interval relative to a cutoff, in microseconds: `[cutoff + start, cutoff + stop)`.

    Raises:
        SpecError: `start >= stop`, the window lies on both sides of the cutoff, or reaches beyond 10 years.
    """

    start: int
    stop: int = 0

    def __post_init__(self) -> None:
        if self.start in (EVER, SO_FAR) and self.stop == 0:
            return
        if self.start >= self.stop:
            raise SpecError(f"Window [{self.start}, {self.stop}) µs is empty: start must be below stop.")
        if self.start < 0 < self.stop:
            raise SpecError(f"Window [{self.start}, {self.stop}) µs holds the cutoff: look back or forward, not both.")
        if max(-self.start, self.stop) > 3660 * DAY:
            raise SpecError(f"Window [{self.start}, {self.stop}) µs reaches beyond 10 years of the cutoff.")

    @property
    def forward(self) -> bool:
        """Does it look at the future?"""
        return self.start >= 0


def back(days: float) -> Window:
    """`[cutoff - days, cutoff)`."""
    return Window(-round(days * DAY))


def ahead(days: float) -> Window:
    """`[cutoff, cutoff + days)`."""
    return Window(0, round(days * DAY))


ALL_BACK: Final = back(RETENTION_DAYS)
"""The whole of what can be seen; a workspace with a shorter RETENTION sees that."""
LIFETIME: Final = Window(EVER)
"""All that ever happened before the cutoff, beyond RETENTION too."""
SESSION: Final = Window(SO_FAR)
"""The session so far: from the first event of the session that is open at the cutoff; empty where none is."""
