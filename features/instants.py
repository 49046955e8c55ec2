"""Instants in and out: int64 microseconds UTC inside, ISO 8601 with an offset outside."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from .errors import InputError
from .events import DAY, HOUR, SECOND

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)(s|min|h|d|w)")
UNITS: Final = {"s": SECOND, "min": 60 * SECOND, "h": HOUR, "d": DAY, "w": 7 * DAY}


def to_us(moment: datetime) -> int:
    """Microseconds UTC of an aware datetime, exactly."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def to_iso(us: int) -> str:
    """ISO 8601 in UTC with a `Z`; a fraction only where there is one.

    >>> to_iso(1_750_000_000_000_000)
    '2025-06-15T15:06:40Z'
    """
    return (EPOCH + timedelta(microseconds=int(us))).isoformat().replace("+00:00", "Z")


def parse_instant(text: str, timezone: str) -> int:
    """Microseconds UTC of an ISO time with offset or `Z`, or of a bare date: midnight in the shop's timezone.

    >>> parse_instant("2025-06-15", "Asia/Shanghai") == parse_instant("2025-06-14T16:00:00Z", "UTC")
    True

    Raises:
        InputError: Not such a time, or without an offset.
    """
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            day = date.fromisoformat(text)
            return to_us(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone)))
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise InputError(
            f"{text!r} is not a time. Give ISO 8601 with an offset, such as 2025-06-15T08:00:00+08:00 or "
            "2025-06-15T00:00:00Z, or a date (midnight in the shop's timezone)."
        ) from None
    if moment.tzinfo is None:
        raise InputError(f"The time {text!r} has no offset. Add Z for UTC, or an offset such as +08:00.")
    return to_us(moment)


def parse_span(text: str) -> int:
    """Microseconds of a length of time such as `90s`, `30min`, `1h`, `7d`, `2w`.

    >>> parse_span("30d") == 30 * 86_400_000_000
    True

    Raises:
        InputError: Not such a length, or zero.
    """
    match = SPAN.fullmatch(text.strip())
    span = round(float(match[1]) * UNITS[match[2]]) if match else 0
    if span <= 0:
        raise InputError(f"{text!r} is not a length of time. Write a number above 0 and a unit: s, min, h, d or w.")
    return span
