"""Generated shops: flat events with the edges that matter, questions of the whole algebra, and how the two meet."""

import os
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

import pyarrow as pa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from features import algebra as ask
from features import histories
from features.algebra import Window
from features.events import CODED_FIELDS, DAY, HOUR, NUMBER_FIELDS, SECOND, SESSION_GAP, TOUCH
from features.schema import EVENTS
from features.traits import parts

settings.register_profile(
    "quick", max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("torture", max_examples=3000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

KINDS = ("view", "click", "cart", "purchase", "refund", "later")
ASKED = KINDS[:5]  # `later` is a kind that a shop added after the program was compiled
ZONES = ("UTC", "Asia/Shanghai", "America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu")
SPANS = (1, HOUR, DAY, 3 * DAY, 7 * DAY, 30 * DAY)
RETENTION_DAYS = (20, 400)
NUMBERS = (None, 0, 1, -50_000, 12_345, 99_999, 10_000_000, 3)


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
    def histories(self) -> histories.Histories:
        return histories.from_events(self.table, KINDS)

    def of(self, user: str) -> list[dict]:
        return [event for event in self.events if event["user_id"] == user]


def table(events: list[dict]) -> pa.Table:
    return pa.Table.from_pylist(
        [{"bucket": 0, "event_id": "", "source": ""} | event for event in events], schema=EVENTS
    )


@cache
def anchors(zone: str) -> list[int]:
    """Instants at which the clock does something: midnights, changes of the hour, in New York, St John's and Lord Howe."""
    return [
        instant(zone, 2025, 3, 9), instant(zone, 2025, 6, 15), instant(zone, 2025, 6, 15, 13, 7),
        instant("America/New_York", 2025, 3, 9, 2), instant("America/New_York", 2025, 11, 2, 1),
        instant("America/St_Johns", 2010, 11, 7, 0, 1), instant("Australia/Lord_Howe", 2025, 4, 6, 2),
    ]  # fmt: skip


# Strategies made once: hypothesis checks every new one, which costs more than drawing from it.
ANY = st.integers(0, 11)
TICK = st.sampled_from([0, 0, -1, 1])
FAR = (*SPANS, 30 * SECOND, SESSION_GAP, 2 * SESSION_GAP, 12 * HOUR, 20 * DAY, 21 * DAY, 400 * DAY, 401 * DAY)
EDGES = (HOUR, DAY, SESSION_GAP, 20 * DAY, 400 * DAY)
FROM_CUTOFF = st.sampled_from(
    [sign * span + tick for span in FAR for sign in (-1, 1) for tick in (-1, 0, 1)] + [-1, 0, 1]
)
NEAR_AN_EDGE = st.sampled_from([sign * edge + tick for edge in EDGES for sign in (-1, 1) for tick in (-1, 0, 1)])
APART = NEAR_AN_EDGE | FROM_CUTOFF | st.sampled_from(FAR).flatmap(lambda far: st.integers(-far, far))
WALK = st.sampled_from([SESSION_GAP - 1, SESSION_GAP, SESSION_GAP + 1, 60 * SECOND, 1, HOUR, -SESSION_GAP, -DAY, DAY])
KEY = st.integers(-5, 5) | st.integers(-(2**63), 2**63 - 1)
TEXTS, FIGURES = st.integers(0, 4 ** len(CODED_FIELDS) - 1), st.integers(0, 8 ** len(NUMBER_FIELDS) - 1)
KIND, ZONE, RETENTION = (
    st.sampled_from((*KINDS, "view", "view", "cart")),
    st.sampled_from(ZONES),
    st.sampled_from(RETENTION_DAYS),
)
SPAN, FEW, MANY, FLAG = st.sampled_from(SPANS), st.integers(0, 2), st.integers(0, 24), st.booleans()


def pick(draw: st.DrawFn, values: list) -> object:
    return values[draw(ANY) % len(values)]


@st.composite
def shops(draw: st.DrawFn, late: bool | None = None) -> Shop:
    zone, retention = draw(ZONE), draw(RETENTION)
    anchor = pick(draw, anchors(zone))
    cutoffs = [anchor + draw(TICK)]
    cutoffs += [anchor + (1 if draw(FLAG) else -1) * draw(SPAN) for _ in range(draw(FEW))]
    late = draw(FLAG) if late is None else late
    users = ["u", "b"] if draw(FLAG) else ["u"]
    events: list[dict] = []
    walking = draw(FLAG)  # one event some way from the one before, or all about the cutoffs
    for _ in range(draw(MANY)):
        event = an_event(draw, users, [*cutoffs, anchor], late)
        if walking and events:
            event["ts"] = events[-1]["ts"] + draw(WALK)
        events.append(event)
    return Shop(events, zone, retention, cutoffs)


def an_event(draw: st.DrawFn, users: list[str], cutoffs: list[int], late: bool) -> dict:
    """An event near an edge of some window; few draws, each deciding several fields."""
    ts = pick(draw, cutoffs) + draw(APART)
    arrivals = [None, *cutoffs, *(cutoff - 1 for cutoff in cutoffs), ts + HOUR, ts - HOUR]
    texts, figures = draw(TEXTS), draw(FIGURES)
    return {
        "user_id": pick(draw, users),
        "ts": ts,
        "arrived_at": pick(draw, arrivals) if late else None,
        "kind": draw(KIND),
        "key_hi": draw(KEY),
        "key_lo": texts % 2,
        **{field: (None, "a", "b", "c")[texts // 4**place % 4] for place, field in enumerate(CODED_FIELDS)},
        **{field: NUMBERS[figures // 8**place % 8] for place, field in enumerate(NUMBER_FIELDS)},
        "text": None,
        "properties": None,
    }


@cache
def kinds() -> st.SearchStrategy[tuple[str, ...]]:
    return st.one_of(
        st.just(()), st.lists(st.sampled_from(ASKED), min_size=1, max_size=3).map(lambda k: tuple(sorted(set(k))))
    )


@cache
def windows(forward: bool) -> st.SearchStrategy[Window]:
    edges = [0, *SPANS, 20 * DAY, 100 * DAY, 500 * DAY]
    pairs = [(near, far) for near in edges for far in edges if near < far]
    pairs += [(0, far) for far in edges[1:]] * 6
    some = [Window(near, far) if forward else Window(-far, -near) for near, far in pairs]
    return st.sampled_from(some if forward else some + [ask.SESSION] * (len(some) // 4))


@cache
def elementary(forward: bool = False) -> st.SearchStrategy[ask.Elementary]:
    w, k = windows(forward), kinds()
    number, coded = st.sampled_from(NUMBER_FIELDS), st.sampled_from(CODED_FIELDS)
    some_coded = st.sampled_from([*CODED_FIELDS, "kind"])
    any_coded = st.sampled_from([*CODED_FIELDS, "kind", "day", "hour", "weekday"])
    gap, texts = st.sampled_from([SESSION_GAP, HOUR, DAY]), st.sampled_from([(), (), ("a",), ("b", "c"), ("d",)])
    choices = [
        st.builds(ask.Count, k, w),
        *(st.builds(cls, number, k, w) for cls in (ask.Sum, ask.Mean, ask.Max, ask.Min)),
        *(st.builds(cls, any_coded, k, w) for cls in (ask.Distinct, ask.TopShare, ask.Entropy)),
        *(st.builds(cls, some_coded, k, w) for cls in (ask.Repeat, ask.Favorite, ask.First)),
        st.builds(ask.Last, some_coded, k, w, st.integers(1, 3)),
        st.builds(ask.Length, k, w),
        st.builds(ask.Moves, some_coded, k, w, gap=gap),
        st.builds(ask.Moves, coded, k, w, texts, texts, gap),
        st.builds(ask.Share, st.just("hour"), st.integers(0, 12), st.integers(13, 24), k, w),
        st.builds(ask.Share, st.just("weekday"), st.integers(0, 3), st.integers(4, 7), k, w),
        st.builds(ask.Gaps, k, st.sampled_from(["mean", "deviation", "median", "max"]), w, st.booleans()),
        st.builds(
            ask.Sessions,
            st.sampled_from(["count", "mean_events", "mean_seconds", "max_events"]),
            k,
            w.filter(lambda window: window != ask.SESSION),
            gap,
        ),
        st.builds(ask.Abandoned, w),
        st.builds(ask.Transition, st.sampled_from(("view", "cart")), st.sampled_from(("view", "cart")), w),
        st.builds(ask.Transition, st.sampled_from(ASKED), st.sampled_from(ASKED), w),
        *([st.builds(ask.Until, k, w)] if forward else backward()),
    ]
    return st.one_of(*choices)


def backward() -> list[st.SearchStrategy[ask.Elementary]]:
    """Questions that targets cannot ask."""
    k, named = kinds(), kinds().filter(bool)
    return [st.builds(ask.Age, k), st.builds(ask.Tenure, k), st.builds(ask.Streak, k, named), lifetime()]


@cache
def lifetime() -> st.SearchStrategy[ask.Elementary]:
    k, number, ever, yes = kinds(), st.sampled_from(NUMBER_FIELDS), st.just(ask.LIFETIME), st.just(True)
    return st.one_of(
        st.builds(ask.Count, k, ever),
        st.builds(ask.Sum, number, k, ever),
        st.builds(ask.Mean, number, k, ever),
        st.builds(ask.First, st.sampled_from(TOUCH), st.just(()), ever),
        st.builds(ask.Age, k, yes),
        st.builds(ask.Tenure, k, yes),
    )


def is_lifetime(feature: ask.Feature) -> bool:
    """Does any part of it reach beyond RETENTION?"""
    return any(
        getattr(part, "lifetime", False) or getattr(part, "window", None) == ask.LIFETIME for part in parts(feature)
    )


@cache
def features(forward: bool = False) -> st.SearchStrategy[ask.Feature]:
    simple = elementary(forward)
    numeric = simple.filter(lambda f: not isinstance(f, ask.CATEGORICAL))
    w, k = windows(forward), kinds()
    w = w.filter(lambda window: window != ask.SESSION)
    counted = st.one_of(st.builds(ask.Count, k, w), st.builds(ask.Sum, st.sampled_from(NUMBER_FIELDS), k, w))
    ratio = st.builds(ask.Ratio, numeric, numeric)
    return st.one_of(
        simple, simple, simple, ratio, st.builds(ask.Ratio, ratio, numeric), st.builds(ask.Trend, counted, counted)
    )


@cache
def programs(forward: bool | None = None) -> st.SearchStrategy[dict[str, ask.Feature]]:
    def named(way: bool) -> st.SearchStrategy[dict[str, ask.Feature]]:
        return st.lists(features(way), min_size=1, max_size=12).map(lambda fs: {f"f{n}": f for n, f in enumerate(fs)})

    return named(forward) if forward is not None else st.booleans().flatmap(named)


def shop_of(zone: str, cutoff: int, *rows: dict, retention_days: int = 400) -> Shop:
    """A shop of one person, from what matters of each event."""
    blank = dict.fromkeys(("arrived_at", "text", "properties", *CODED_FIELDS, *NUMBER_FIELDS))
    events = [
        {"user_id": "u", "kind": "view", "key_hi": place, "key_lo": 0} | blank | row for place, row in enumerate(rows)
    ]
    return Shop(events, zone, retention_days, [cutoff])


def _pinned_ends(at: int) -> list[tuple[Shop, dict[str, ask.Feature]]]:
    """The like of streaks, moves, lifetimes and the session so far."""
    minute = 60 * SECOND
    over = shop_of("UTC", at, {"ts": at - SESSION_GAP})
    unknown = shop_of("UTC", at, {"ts": at - 50 * minute}, {"ts": at - 25 * minute, "arrived_at": at})
    visit = shop_of(
        "UTC",
        at,
        {"ts": at - 40 * minute, "channel": "a"},
        {"ts": at - 20 * minute, "kind": "cart"},
        {"ts": at - 10 * minute, "channel": "b"},
        {"ts": at - 5 * minute, "kind": "later", "channel": "b"},
    )
    told = shop_of(
        "UTC",
        at,
        *({"ts": at - n * DAY, "kind": kind} for n, kind in ((4, "view"), (3, "cart"), (2, "view"), (1, "click"))),
    )
    untold = shop_of(
        "UTC", at, {"ts": at - 3 * DAY}, {"ts": at - 2 * DAY, "kind": "cart", "arrived_at": at}, {"ts": at - DAY}
    )
    old = shop_of("UTC", at, {"ts": at - 900 * DAY, "channel": "first"}, {"ts": at - DAY, "channel": "next"})
    gone = shop_of("UTC", at, {"ts": at - 900 * DAY, "kind": "purchase", "value": 3})
    session = {"n": ask.Count((), ask.SESSION), "length": ask.Length((), ask.SESSION)}
    streak = {"so far": ask.Streak(("view",), ("cart",))}
    steps = {
        "now": ask.Transition("cart", "view", ask.SESSION),
        "then": ask.Transition("view", "view", ask.back(1)),
        "near": ask.Moves("channel", (), ask.back(1)),
        "far": ask.Moves("channel", (), ask.back(1), gap=DAY),
        "from a": ask.Moves("channel", (), ask.back(1), ("a",), (), DAY),
        "from b": ask.Moves("channel", (), ask.back(1), ("b",), (), DAY),
        "to b": ask.Moves("channel", (), ask.back(1), (), ("b", "c"), DAY),
        "kind": ask.Last("kind", (), ask.back(1)),
        "before": ask.Last("channel", (), ask.back(1), 3),
        "length": ask.Length(("view",), ask.back(1)),
    }
    ever = {
        "n": ask.Count((), ask.LIFETIME),
        "first": ask.First("channel", (), ask.LIFETIME),
        "bought": ask.Age(("purchase",), lifetime=True),
        "value": ask.Mean("value", (), ask.LIFETIME),
    }
    return [
        *((shop, session) for shop in (over, unknown, visit)),
        *((shop, streak) for shop in (told, untold)),
        (visit, steps),
        (old, ever),
        (gone, ever),
    ]


def pinned() -> list[tuple[Shop, dict[str, ask.Feature]]]:
    """Cases that chance seldom makes: each planted fault of test_mutants.py shows in one of them."""
    back = (
        instant("America/St_Johns", 2010, 11, 7, 0, 0) + 60 * SECOND
    )  # the clock goes from 00:01 to 23:01 of the day before
    folded = shop_of(
        "America/St_Johns", back + DAY, *({"ts": back + apart} for apart in (-HOUR, -30 * SECOND, HOUR // 2, 2 * HOUR))
    )
    spring = instant("America/New_York", 2025, 3, 9, 3)
    forward = shop_of("America/New_York", spring + DAY, *({"ts": spring + apart} for apart in (-1, 0, 1)))
    calendar = {
        "days": ask.Distinct("day", (), ask.back(7)),
        "hours": ask.Entropy("hour", (), ask.back(7)),
        "late": ask.Share("hour", 2, 3, (), ask.back(7)),
        "night": ask.Share("hour", 23, 24, (), ask.back(7)),
        "any": ask.Share("hour", 0, 24, (), ask.back(7)),
        **{of: ask.Gaps((), of, ask.back(7), distinct_days=True) for of in ("mean", "median", "max")},
    }
    at = instant("UTC", 2025, 6, 15)
    steps = shop_of(
        "UTC", at, {"ts": at - DAY - 1}, {"ts": at - DAY + 1, "kind": "cart"}, {"ts": at - DAY + 1 + SESSION_GAP}
    )
    runs = {
        "in": ask.Transition("view", "cart", ask.back(1)),
        "over": ask.Transition("cart", "view", ask.back(1)),
        "sessions": ask.Sessions("count", (), ask.back(1)),
    }
    ends = [{"ts": at + side * 20 * DAY + tick, "item": f"{side} {tick}"} for side in (-1, 1) for tick in (-1, 0)]
    edges = shop_of("UTC", at, *ends, retention_days=20)
    near = shop_of("UTC", at, {"ts": at - 5 * DAY, "item": "at the edge"}, {"ts": at - 5 * DAY - 1, "item": "within"})
    halves = shop_of("UTC", at, *({"ts": at - days * DAY} for days in (10, 9, 6)))
    tied = shop_of("UTC", at, {"ts": at - 3 * DAY, "item": "earlier"}, {"ts": at - 2 * DAY, "item": "later"})
    at_once = shop_of("UTC", at, *({"ts": at - DAY, "item": "one", "kind": kind} for kind in ("cart", "purchase")))
    moments = shop_of("UTC", at, {"ts": at}, {"ts": at + DAY})
    late = shop_of("UTC", at, *({"ts": at - DAY - apart, "arrived_at": at - apart} for apart in (0, 1)))
    later = shop_of("UTC", at, {"ts": at + DAY - 1, "arrived_at": at + 9 * DAY})
    twice = shop_of(
        "UTC", at, *({"ts": at - n * DAY, "key_hi": 7, "arrived_at": at - n * HOUR, "value": n} for n in (1, 2, 3))
    )
    same_time = shop_of(
        "UTC", at, *({"ts": at - DAY, "key_hi": key, "item": f"key {key}", "category": "a"} for key in (1, 3, -2))
    )
    money = shop_of("UTC", at, *({"ts": at - n * DAY, "value": value} for n, value in enumerate((5, None, 2, 9), 1)))
    old = shop_of("UTC", at, {"ts": at - 25 * DAY, "item": "old"}, {"ts": at - DAY, "item": "new"}, retention_days=20)
    hidden = shop_of(
        "UTC",
        at,
        {"ts": at - HOUR},
        {"ts": at - HOUR + 1, "kind": "cart", "arrived_at": at},
        {"ts": at - HOUR + 2},
        {"ts": at - HOUR + 3},
    )
    unseen = {
        "past it": ask.Transition("view", "view", ask.back(1)),
        "from it": ask.Transition("cart", "view", ask.back(1)),
    }
    at_last = shop_of("UTC", at, {"ts": at - 60 * SECOND}, {"ts": at})
    return [
        *_pinned_ends(at),
        (hidden, unseen),
        (at_last, {"so far": ask.Sessions("mean_events", (), ask.back(1))}),
        (same_time, {"one": ask.Distinct("category", (), ask.back(7)), "all": ask.Distinct("item", (), ask.back(7))}),
        (moments, {"past": ask.Count((), ask.back(1))}),
        (moments, {"future": ask.Count((), ask.ahead(1))}),
        (late, {"arrived": ask.Count((), ask.back(7))}),
        (later, {"whenever": ask.Count((), ask.ahead(7))}),
        (twice, {"once": ask.Count((), ask.back(7)), "first": ask.Sum("value", (), ask.back(7))}),
        (same_time, {"last": ask.Last("item", (), ask.back(7)), "first": ask.First("item", (), ask.back(7))}),
        (money, {"mean": ask.Mean("value", (), ask.back(7)), "least": ask.Min("value", (), ask.back(7))}),
        (old, {"first": ask.First("item", (), ask.back(500))}),
        (tied, {"favorite": ask.Favorite("item", (), ask.back(30))}),
        (at_once, {"abandoned": ask.Abandoned(ask.back(30))}),
        (near, {"items": ask.Distinct("item", (), ask.Window(-10 * DAY, -5 * DAY))}),
        (halves, {"median": ask.Gaps((), "median", ask.back(30))}),
        (folded, calendar),
        (forward, calendar),
        (steps, runs),
        (edges, {"back": ask.Count((), ask.back(500)), "tenure": ask.Tenure(())}),
        (edges, {"ahead": ask.Count((), ask.ahead(500)), "last": ask.Last("item", (), ask.ahead(500))}),
    ]
