"""Instants in and out, against the standard library's own arithmetic."""

import doctest
import zoneinfo
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import features.instants
from features.errors import InputError
from features.events import DAY, HOUR, SECOND
from features.instants import parse_instant, parse_span, to_iso, to_us

from .logs import some

offsets = st.timezones() | st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
moments = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=offsets)


def test_the_examples_run():
    assert doctest.testmod(features.instants).failed == 0
    assert doctest.testmod(features.instants).attempted > 0


@some
@given(moments)
def test_microseconds_are_exact(moment):
    us = to_us(moment)
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us) == moment.astimezone(UTC)


@some
@given(moments)
def test_iso_there_and_back(moment):
    us = to_us(moment)
    assert to_iso(us).endswith("Z")
    assert parse_instant(to_iso(us), "Asia/Shanghai") == us
    if moment.utcoffset().total_seconds() % 60 == 0:
        assert parse_instant(moment.isoformat(), "UTC") == us


@some
@given(st.dates(datetime(1990, 1, 1).date(), datetime(2100, 1, 1).date()), st.timezone_keys())
@example(datetime(2025, 3, 30).date(), "Europe/Berlin")
@example(datetime(2018, 11, 4).date(), "America/Sao_Paulo")  # midnight does not exist there
def test_a_date_is_midnight_in_the_shops_timezone(day, zone):
    expected = datetime(day.year, day.month, day.day, tzinfo=zoneinfo.ZoneInfo(zone))
    assert parse_instant(day.isoformat(), zone) == expected.timestamp() * 1e6


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T08:00:00+08:00", 0),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("2025-06-15T15:06:40.5Z", 1_750_000_000_500_000),
        ("2025-06-15 15:06:40+00:00", 1_750_000_000_000_000),
    ],
)
def test_known_instants(text, us):
    assert parse_instant(text, "Asia/Shanghai") == us


@pytest.mark.parametrize("text", ["2025-06-15T08:00:00", "2025-06-15 08:00"])
def test_a_time_without_offset_is_refused(text):
    with pytest.raises(InputError, match=f"'{text}' has no offset. Add Z"):
        parse_instant(text, "UTC")


@pytest.mark.parametrize(
    "text", ["", "now", "2025-13-01", "2025-02-30", "15/06/2025", "1750000000", "2025-06-15T25:00:00Z", "0000-01-01"]
)
def test_what_is_no_time_is_refused(text):
    with pytest.raises(InputError, match="is not a time"):
        parse_instant(text, "UTC")


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("90s", 90 * SECOND),
        ("30min", 1800 * SECOND),
        ("1h", HOUR),
        ("7d", 7 * DAY),
        ("2w", 14 * DAY),
        ("1.5h", 5400 * SECOND),
        (" 1d ", DAY),
    ],
)
def test_spans(text, us):
    assert parse_span(text) == us


@pytest.mark.parametrize("text", ["", "7", "d", "-1d", "0d", "0.0s", "1 day", "7D", "1h30min", "0.0000001s"])
def test_what_is_no_span_is_refused(text):
    with pytest.raises(InputError, match="is not a length of time"):
        parse_span(text)
