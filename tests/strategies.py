"""Generated shops: flat events with the edges that matter, questions of the whole algebra, and how the two meet."""

import os
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import pyarrow as pa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from features import algebra as ask
from features.algebra import Window
from features.events import CODED_FIELDS, DAY, EVENTS, HOUR, NUMBER_FIELDS, SECOND, SESSION_GAP
from features.histories import Histories, from_events

settings.register_profile("quick", max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("torture", max_examples=3000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

KINDS = ("view", "click", "cart", "purchase", "refund", "later")
ASKED = KINDS[:5]  # `later` is a kind that a shop added after the program was compiled
ZONES = ("UTC", "Asia/Shanghai", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu")
SPANS = (1, HOUR, DAY, 3 * DAY, 7 * DAY, 30 * DAY)
RETENTION_DAYS = (20, 400)


def instant(zone: str, *when: int) -> int:
    moment = datetime(*when, tzinfo=ZoneInfo(zone))
    return round(moment.timestamp()) * SECOND


@dataclass(frozen=True)
class Shop:
    """Flat events of a few persons, a timezone, a retention, cutoffs."""

    events: list[dict]
    zone: str
    retention_days: int
    cutoffs: list[int]

    @property
    def table(self) -> pa.Table:
        return table(self.events)

    @property
    def histories(self) -> Histories:
        return from_events(self.table, KINDS)

    def of(self, user: str) -> list[dict]:
        return [event for event in self.events if event["user_id"] == user]


def table(events: list[dict]) -> pa.Table:
    return pa.Table.from_pylist([{"bucket": 0, "event_id": "", "source": ""} | event for event in events], schema=EVENTS)


def anchors(zone: str) -> list[int]:
    """Instants at which the clock does something: midnights, changes of the hour, in New York, St John's and Lord Howe."""
    return [
        instant(zone, 2025, 3, 9), instant(zone, 2025, 6, 15), instant(zone, 2025, 6, 15, 13, 7),
        instant("America/New_York", 2025, 3, 9, 2), instant("America/New_York", 2025, 11, 2, 1),
        instant("America/St_Johns", 2010, 11, 7, 0, 1), instant("Australia/Lord_Howe", 2025, 4, 6, 2),
    ]  # fmt: skip


def ticks() -> st.SearchStrategy[int]:
    """A microsecond before, at or after."""
    return st.sampled_from([0, 0, -1, 1])


@st.composite
def shops(draw: st.DrawFn, max_events: int = 24, late: bool | None = None) -> Shop:
    zone = draw(st.sampled_from(ZONES))
    retention = draw(st.sampled_from(RETENTION_DAYS))
    anchor = draw(st.sampled_from(anchors(zone)))
    cutoffs = [anchor + draw(ticks())]
    cutoffs += [anchor + draw(st.sampled_from([-1, 1])) * draw(st.sampled_from(SPANS)) for _ in range(draw(st.integers(0, 2)))]
    late = draw(st.booleans()) if late is None else late
    users = draw(st.sampled_from([["u"], ["u", "b"]]))
    events = [draw(an_event(users, cutoffs, retention, late)) for _ in range(draw(st.integers(0, max_events)))]
    return Shop(events, zone, retention, cutoffs)


@st.composite
def an_event(draw: st.DrawFn, users: list[str], cutoffs: list[int], retention: int, late: bool) -> dict:
    cutoff = draw(st.sampled_from(cutoffs))
    far = draw(st.sampled_from([*SPANS, SESSION_GAP, 2 * SESSION_GAP, 12 * HOUR, retention * DAY, retention * DAY + DAY]))
    near = draw(st.integers(-far, far)) if draw(st.booleans()) else draw(st.sampled_from([-far, 0, far]))
    ts = cutoff + near + draw(ticks())
    arrived = None
    if late:
        arrived = draw(st.one_of(st.none(), st.sampled_from(cutoffs).map(lambda at: at - 1), st.sampled_from(cutoffs), st.just(ts + HOUR), st.just(ts - HOUR)))
    number = st.one_of(st.none(), st.integers(-50_000, 10_000_000))
    return {
        "user_id": draw(st.sampled_from(users)),
        "ts": ts,
        "arrived_at": arrived,
        "kind": draw(st.sampled_from(KINDS)),
        "key_hi": draw(st.integers(-2, 2)) if draw(st.booleans()) else draw(st.integers(-(2**63), 2**63 - 1)),
        "key_lo": draw(st.integers(-2, 2)),
        **{field: draw(st.sampled_from([None, "a", "b", "c"])) for field in CODED_FIELDS},
        **{field: draw(number) for field in NUMBER_FIELDS},
        "text": None,
        "properties": None,
    }  # fmt: skip


def kinds() -> st.SearchStrategy[tuple[str, ...]]:
    return st.one_of(st.just(()), st.lists(st.sampled_from(ASKED), min_size=1, max_size=3).map(lambda k: tuple(sorted(set(k)))))


@st.composite
def windows(draw: st.DrawFn, forward: bool) -> Window:
    edges = [0, *SPANS, 100 * DAY, 500 * DAY]
    near, far = sorted(draw(st.lists(st.sampled_from(edges), min_size=2, max_size=2, unique=True)))
    if draw(st.booleans()):
        near = 0
    return Window(near, far) if forward else Window(-far, -near)


def elementary(forward: bool = False) -> st.SearchStrategy[ask.Elementary]:
    w, k = windows(forward), kinds()
    number, coded = st.sampled_from(NUMBER_FIELDS), st.sampled_from(CODED_FIELDS)
    any_coded = st.sampled_from([*CODED_FIELDS, "day", "hour", "weekday"])
    gap = st.sampled_from([SESSION_GAP, HOUR, DAY])
    choices = [
        st.builds(ask.Count, k, w),
        *(st.builds(cls, number, k, w) for cls in (ask.Sum, ask.Mean, ask.Max, ask.Min)),
        *(st.builds(cls, any_coded, k, w) for cls in (ask.Distinct, ask.TopShare, ask.Entropy)),
        *(st.builds(cls, coded, k, w) for cls in (ask.Repeat, ask.Favorite, ask.First, ask.Last)),
        st.builds(ask.Share, st.just("hour"), st.integers(0, 12), st.integers(13, 24), k, w),
        st.builds(ask.Share, st.just("weekday"), st.integers(0, 3), st.integers(4, 7), k, w),
        st.builds(ask.Gaps, k, st.sampled_from(["mean", "deviation", "median", "max"]), w, st.booleans()),
        st.builds(ask.Sessions, st.sampled_from(["count", "mean_events", "mean_seconds", "max_events"]), k, w, gap),
        st.builds(ask.Abandoned, w),
        st.builds(ask.Transition, st.sampled_from(ASKED), st.sampled_from(ASKED), w),
        *([st.builds(ask.Until, k, w)] if forward else [st.builds(ask.Age, k), st.builds(ask.Tenure, k)]),
    ]
    return st.one_of(*choices)


def features(forward: bool = False) -> st.SearchStrategy[ask.Feature]:
    simple = elementary(forward)
    numeric = simple.filter(lambda f: not isinstance(f, ask.CATEGORICAL))
    w, k = windows(forward), kinds()
    counted = st.one_of(st.builds(ask.Count, k, w), st.builds(ask.Sum, st.sampled_from(NUMBER_FIELDS), k, w))
    ratio = st.builds(ask.Ratio, numeric, numeric)
    return st.one_of(simple, simple, simple, ratio, st.builds(ask.Ratio, ratio, numeric), st.builds(ask.Trend, counted, counted))


def programs(forward: bool | None = None) -> st.SearchStrategy[dict[str, ask.Feature]]:
    def named(way: bool) -> st.SearchStrategy[dict[str, ask.Feature]]:
        return st.lists(features(way), min_size=1, max_size=12).map(lambda fs: {f"f{n}": f for n, f in enumerate(fs)})

    return named(forward) if forward is not None else st.booleans().flatmap(named)
