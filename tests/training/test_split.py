"""Splits in time: no label window reaches into the next part, whatever the log's length."""

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import TooLittleDataError
from features.events import DAY, HOUR
from features.instants import parse_instant
from models.spec import SplitSpec
from training.split import PARTS, end_of_log, followed, midnights, split

ZONES = ["UTC", "Asia/Shanghai", "America/New_York", "Australia/Lord_Howe"]


def spec(every=7, warmup=60, gap=7, train=26, stop=2, calibrate=3, test=6):
    return SplitSpec(round(every * DAY), round(warmup * DAY), round(gap * DAY), train, stop, calibrate, test, 1000)


def at(text, zone="UTC"):
    return parse_instant(text, zone)


@given(
    days=st.floats(0, 900),
    start=st.integers(at("2019-01-01"), at("2021-01-01")),
    horizon=st.sampled_from([0.5, 1, 7, 30, 60]),
    every=st.sampled_from([0.5, 1, 2, 7, 14]),
    warmup=st.sampled_from([1, 14, 60]),
    extra=st.sampled_from([0, 3]),
    sizes=st.tuples(st.integers(1, 40), st.integers(0, 4), st.integers(1, 5), st.integers(1, 8)),
    zone=st.sampled_from(ZONES),
)
def test_no_label_window_reaches_the_next_part_or_beyond_the_log(
    days, start, horizon, every, warmup, extra, sizes, zone
):
    wanted = spec(every, warmup, horizon + extra, *sizes)
    end = start + round(days * DAY)
    try:
        made = split(wanted, round(horizon * DAY), start, end, zone)
    except TooLittleDataError:
        # refused only where it is nearly too short for one cutoff a part
        assert days < 2 * max(horizon + extra, every) + horizon + min(every, warmup) + 2 * max(every, 7) + 2
        return
    parts = [getattr(made, name) for name in PARTS]
    assert all(parts)
    for part, most in zip(parts, (sizes[0], *sizes[2:]), strict=True):
        assert len(part) <= most
        assert all(a < b for a, b in pairwise(part))
    for earlier, later in pairwise(parts):
        assert earlier[-1] + wanted.gap <= later[0]
    assert made.train[0] >= start
    assert made.test[-1] + round(horizon * DAY) <= end
    assert len(made.stop) <= sizes[1]
    assert bool(made.stop) == bool(made.grow)
    if made.stop:
        assert made.train[-len(made.stop) :] == made.stop
        assert made.train[: len(made.grow)] == made.grow
        assert made.grow[-1] + wanted.gap <= made.stop[0]
        assert 3 * len(made.grow) >= len(made.train)


@given(zone=st.sampled_from(ZONES), stop=st.integers(at("2019-01-01"), at("2021-01-01")))
def test_weekly_cutoffs_are_mondays_at_the_shops_midnight(zone, stop):
    found = midnights(stop - 100 * DAY, stop, 7 * DAY, zone)
    assert len(found) in (14, 15)
    for cutoff in found:
        moment = datetime.fromtimestamp(cutoff / 1e6, ZoneInfo(zone))
        assert (moment.weekday(), moment.hour, moment.minute) == (0, 0, 0)
    assert stop - found[-1] <= 7 * DAY + HOUR


def test_a_year_gives_what_is_wanted():
    made = split(spec(), 7 * DAY, at("2024-01-01"), at("2024-12-31"), "UTC")
    assert [len(getattr(made, name)) for name in PARTS] == [26, 3, 6]
    assert made.notes == ()
    assert (len(made.grow), len(made.stop)) == (24, 2)
    assert datetime.fromtimestamp(made.test[-1] / 1e6, UTC).date().isoformat() == "2024-12-23"
    assert made.to_json()["test"] == {"first": "2024-11-18T00:00:00Z", "last": "2024-12-23T00:00:00Z", "cutoffs": 6}
    assert list(made.to_json()) == ["train", "stop", "calibrate", "test"]


def test_nine_days_with_a_horizon_of_one():
    """The sample of Taobao: days in Shanghai, a cutoff a day."""
    start, end = at("2017-11-25", "Asia/Shanghai"), end_of_log(at("2017-12-04", "Asia/Shanghai") - 1)
    made = split(spec(1, 1, 1, 5, 2, 1, 2), DAY, start, end, "Asia/Shanghai")
    assert [len(getattr(made, name)) for name in PARTS] == [5, 1, 2]
    assert (len(made.grow), len(made.stop)) == (4, 1)
    assert made.train[0] == at("2017-11-26", "Asia/Shanghai")
    assert made.test[-1] == at("2017-12-03", "Asia/Shanghai")


def test_a_short_log_shortens_the_warm_up_then_the_parts_and_says_so():
    made = split(spec(gap=30), 30 * DAY, at("2024-01-01"), at("2024-08-15"), "UTC")
    assert any("first training cutoff" in note for note in made.notes)
    shorter = split(spec(gap=30), 30 * DAY, at("2024-01-01"), at("2024-06-01"), "UTC")
    assert any("The log is short" in note for note in shorter.notes)
    assert len(shorter.train) >= len(shorter.test)
    assert shorter.stop == ()
    assert any("a quarter of its users" in note for note in shorter.notes)
    assert split(spec(gap=30, stop=0), 30 * DAY, at("2024-01-01"), at("2024-12-31"), "UTC").notes == ()


def test_too_short_says_how_long_it_is_and_must_be():
    with pytest.raises(TooLittleDataError, match=r"covers 20\.0 days; looking 30 days ahead needs about 104"):
        split(spec(gap=30), 30 * DAY, at("2024-01-01"), at("2024-01-21"), "UTC")


def test_the_log_ends_with_the_hour_of_its_last_event():
    assert end_of_log(at("2024-01-01T10:59:59Z")) == at("2024-01-01T11:00:00Z")
    assert end_of_log(at("2024-01-01T11:00:00Z")) == at("2024-01-01T12:00:00Z")


EDGES = (1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 90)


@pytest.mark.parametrize("days", [20, 45, 90, 150, 240, 365, 711])
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_a_hazards_rows_are_followed_until_the_next_part_and_far_enough_to_train_and_test(days, zone):
    start = at("2021-01-01", zone)
    end = start + days * DAY
    made, edges = followed(spec(gap=30, test=2), EDGES, start, end, zone)
    first, reach = EDGES[0] * DAY, edges[-1] * DAY
    assert edges == EDGES[: len(edges)]
    assert (len(edges) == len(EDGES)) == (not any("buckets end at" in note for note in made.notes))
    assert made.train[0] >= start
    assert made.train[-1] + first <= made.calibrate[0] < made.calibrate[-1] < made.test[0] or len(made.calibrate) == 1
    assert made.test[-1] + first <= end
    assert made.calibrate[-1] + min(30 * DAY, reach) <= made.test[0]
    assert made.calibrate[0] - made.train[0] >= reach  # some row is followed through every bucket in training
    assert end - made.test[0] >= min(30 * DAY, reach)  # and through the gap in testing
    assert not made.stop or made.grow[-1] < made.stop[0] <= made.train[-1]
    for part in (made.train, made.calibrate, made.test):
        assert list(part) == sorted(set(part))
    if days >= 365:
        assert edges == EDGES


def test_a_log_too_short_to_follow_anybody_is_refused():
    with pytest.raises(TooLittleDataError, match=r"covers 3\.0 days, too few to follow anybody through 2 days"):
        followed(spec(gap=30, test=2), EDGES, at("2021-01-01"), at("2021-01-04"), "UTC")
