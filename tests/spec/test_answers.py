"""The algebra in pictures: a few events, a few questions, the answers worked out by hand."""

import math

import pytest

from features.algebra import (
    LIFETIME,
    SESSION,
    Abandoned,
    Age,
    Count,
    Distinct,
    Entropy,
    Favorite,
    First,
    Gaps,
    Last,
    Length,
    Max,
    Mean,
    Min,
    Moves,
    Ratio,
    Repeat,
    Sessions,
    Share,
    Streak,
    Sum,
    Tenure,
    TopShare,
    Transition,
    Trend,
    Until,
    Window,
    ahead,
    back,
)  # fmt: skip
from features.events import DAY, HOUR
from tests.spec.picture import check

NAN = math.nan
VIEW, CART, BUY = ("view",), ("cart",), ("purchase",)

WINDOWS = """
    when      kind
    -8d       view
    -7d-1us   view
    -7d       view
    -1d       cart
    -1us      view
    +0d       view
"""
LATE = """
    when   kind   known
    -5d    view   -
    -4d    view   -1us
    -3d    view   +0d
    -2d    view   +3d
    -1d    view   -9d
"""
TWICE = """
    when   kind   key  known  value
    -3d    view   1    +0d    5
    -2d    view   1    -1d    7
    -1d    view   2    -      9
"""
MONEY = """
    when   kind      value    dwell
    -9d    purchase  100.25   -
    -2d    purchase  0.5      1.5
    -1d    purchase  -        3
    -1d    view      7        0.25
"""
PLACES = """
    when   kind   item  category
    -9d    view   a     x
    -5d    view   b     x
    -4d    cart   a     -
    -3d    view   a     y
    -2d    view   c     y
    -1d    view   -     y
"""
VISITS = """
    when           kind
    -3d            view
    -3d+29min      cart
    -3d+59min      view
    -3d+70min      purchase
    -1d-5min       view
    -1d+5min       view
"""
CARTS = """
    when    kind      item
    -40d    cart      a
    -9d     cart      b
    -8d     purchase  b
    -6d     cart      c
    -6d     purchase  c
    -5d     cart      d
    -4d     purchase  d
    -3d     cart      d
    -2d     cart      e
    -1d     cart      -
"""
RHYTHM = """
    when       kind
    -10d       purchase
    -9d        view
    -8d        purchase
    -8d+1h     purchase
    -3d        purchase
"""
EVER = """
    when     kind      value  channel  campaign  known
    -2000d   view      -      -        henan     -
    -1900d   purchase  10     shop     -         -
    -900d    purchase  5      app      -         -
    -800d    purchase  7      app      -         +1d
    -30d     purchase  15     web      -         -
    -20d     refund    15     web      spring    -
    +0d      purchase  99     web      -         -
"""
VISIT = """
    when       kind   item  page   dwell
    -3h        view   a     home   5
    -50min     view   b     home   1
    -25min     click  -     -      -
    -20min     view   c     item   2
    -10min     view   c     -      3
    -5min      cart   c     item   4
"""
CHANNELS = """
    when      kind   channel
    -9d       view   store
    -8d       view   web
    -8d+5min  view   app
    -8d+6min  cart   app
    -8d+7min  view   -
    -8d+8min  view   web
    -3d       view   store
    -1d       cart   web
"""
JUMPS = """
    when   kind   known  item  value
    -5d    view   -90d   a     1
    -4d    cart   +1us   b     2
    -3d    cart   -1us   c     4
    -1d    view   -2d    d     8
"""
MESSAGES = """
    when   kind      key
    -9d    message   1
    -8d    open      2
    -7d    message   3
    -6d    purchase  4
    -5d    message   6
    -5d    view      5
    -4d    message   7
"""
CLOCK = """
    when        kind
    -1d         view
    -1d+5h      view
    -1d+6h      view
    -1h         view
"""
CASES = {
    "a window holds its first instant and not its last, and never the cutoff": (
        WINDOWS,
        {
            Count(VIEW, back(7)): 2,
            Count((), back(7)): 3,
            Count(("cart", "view"), back(8)): 5,
            Count(("purchase",), back(7)): 0,
            Count(VIEW, Window(-8 * DAY, -7 * DAY)): 2,
            Count((), Window(-1, 0)): 1,
        },
    ),
    "the future is asked about from the cutoff on": (
        WINDOWS,
        {Count(VIEW, ahead(7)): 1, Until(VIEW, ahead(7)): 0, Until(CART, ahead(7)): NAN, Count((), Window(1, DAY)): 0},
    ),
    "an event is seen once it has arrived, and never before it happened": (
        LATE,
        {Count((), back(30)): 3, Age(()): 1, Tenure(()): 5},
    ),
    "of equal keys the first to arrive counts": (
        TWICE,
        {Count((), back(30)): 2, Sum("value", (), back(30)): 16, Tenure(()): 2},
    ),
    "money and dwell in their units, nulls left out": (
        MONEY,
        {
            Sum("value", BUY, back(30)): 100.75,
            Sum("value", BUY, back(7)): 0.5,
            Sum("value", CART, back(30)): 0,
            Mean("value", BUY, back(30)): 50.375,
            Mean("value", CART, back(30)): NAN,
            Max("value", (), back(30)): 100.25,
            Min("value", (), back(30)): 0.5,
            Max("value", (), back(1)): 7,
            Sum("dwell", (), back(30)): 4.75,
            Mean("dwell", BUY, back(30)): 2.25,
            Min("rating", (), back(30)): NAN,
        },
    ),
    "different values, and the one with most": (
        PLACES,
        {
            Distinct("item", (), back(30)): 3,
            Distinct("item", VIEW, back(5)): 3,
            Distinct("category", CART, back(30)): 0,
            Repeat("item", (), back(30)): 3,
            Repeat("item", VIEW, back(4)): 1,
            TopShare("item", VIEW, back(30)): 0.5,
            TopShare("category", CART, back(30)): NAN,
            Entropy("category", VIEW, back(30)): -(0.4 * math.log(0.4) + 0.6 * math.log(0.6)),
            Entropy("category", CART, back(30)): NAN,
            Favorite("item", (), back(30)): "a",
            Favorite("item", VIEW, back(5)): "c",  # b, a and c have one view each: the latest wins
            Favorite("category", VIEW, Window(-30 * DAY, -4 * DAY)): "x",
            First("category", (), back(30)): "x",
            First("category", CART, back(30)): None,
            Last("item", (), back(30)): "c",
            Last("category", (), Window(-30 * DAY, -3 * DAY)): "x",
        },
    ),
    "a tie in the future goes to the later too": (
        "when kind item\n+1d view b\n+2d view a\n+3d view b\n+4d view a",
        {Favorite("item", (), ahead(7)): "a", Favorite("item", (), ahead(4)): "b", Last("item", (), ahead(4)): "b"},
    ),
    "of equal times the key decides": (
        "when kind item key\n-1d view a 2\n-1d view b 1\n-1d view c -3",
        {Last("item", (), back(7)): "a", First("item", (), back(7)): "c", Favorite("item", (), back(7)): "a"},
    ),
    "age and tenure": (
        WINDOWS,
        {Age(CART): 1, Tenure(CART): 1, Tenure(VIEW): 8, Age(BUY): NAN, Tenure(BUY): NAN},
    ),
    "a session ends with 30 minutes of silence and belongs where it starts": (
        VISITS,
        {
            Sessions("count", (), back(7)): 3,
            Sessions("count", (), back(1)): 0,  # the last one began 5 minutes before
            Sessions("count", (), Window(-2 * DAY, -DAY)): 1,
            Sessions("mean_events", (), back(7)): 2,
            Sessions("max_events", (), Window(-2 * DAY, 0)): 2,
            Sessions("mean_seconds", (), back(7)): (29 + 11 + 10) * 60 / 3,
            Sessions("mean_seconds", (), back(1)): NAN,
            Sessions("max_events", (), back(1)): NAN,
            Sessions("count", (), back(7), HOUR): 2,
            Sessions("count", VIEW, back(7)): 3,
        },
    ),
    "a transition joins neighbours of one session; the later decides the window": (
        VISITS,
        {
            Transition("view", "cart", back(7)): 1,
            Transition("cart", "view", back(7)): 0,  # exactly 30 minutes of silence
            Transition("view", "purchase", back(7)): 1,
            Transition("view", "view", back(1)): 1,
            Transition("view", "view", Window(-7 * DAY, -DAY)): 0,
        },
    ),
    "an item is abandoned unless bought at or after its last time in the cart": (
        CARTS,
        {
            Abandoned(back(7)): 2,  # d was carted again, e never bought; c was bought at the same instant
            Abandoned(back(1)): 0,
            Abandoned(back(60)): 3,
            Abandoned(Window(-7 * DAY, -4 * DAY)): 0,  # the purchase of d may come after the window
        },
    ),
    "gaps between neighbours, by event or by day": (
        RHYTHM,
        {
            Gaps(BUY, "mean", back(30)): 7 / 3,
            Gaps(BUY, "mean", back(30), distinct_days=True): 3.5,
            Gaps(BUY, "median", back(30)): 2,
            Gaps(BUY, "median", back(30), distinct_days=True): 3.5,
            Gaps(BUY, "max", back(30)): 5 - 1 / 24,
            Gaps(BUY, "deviation", back(30), distinct_days=True): 1.5,
            Gaps(BUY, "deviation", back(5)): NAN,
            Gaps(BUY, "mean", back(5)): NAN,
            Gaps(BUY, "mean", back(8)): 2.5,
        },
    ),
    "a clock that jumps moves what it stamped and nothing else": (
        JUMPS,
        {
            Count((), back(7)): 3,  # one is known later than the cutoff, though what follows it was known before
            Sum("value", (), back(7)): 1 + 4 + 8,
            Last("item", (), back(7)): "d",
            Age(()): 1,
            Moves("item", (), back(7), gap=7 * DAY): 2,
            Streak(VIEW, CART): 1,
        },
    ),
    "ratios and trends": (
        WINDOWS,
        {
            Ratio(Count(CART, back(8)), Count(VIEW, back(8))): 0.25,
            Ratio(Count(CART, back(8)), Count(BUY, back(8))): NAN,
            Ratio(Age(BUY), Count(VIEW, back(8))): NAN,
            Ratio(Count(BUY, back(8)), Count(VIEW, back(8))): 0,
            Trend(Count(VIEW, back(1)), Count(VIEW, back(8))): (1 / 1) / (4 / 8),
            Trend(Count(BUY, back(1)), Count(BUY, back(8))): NAN,
        },
    ),
    "a lifetime is not bounded by RETENTION": (
        EVER,
        {
            Count(BUY, LIFETIME): 3,
            Count(BUY, back(500)): 1,
            Count((), LIFETIME): 5,
            Count(VIEW, LIFETIME): 1,
            Sum("value", BUY, LIFETIME): 30,
            Sum("value", (), LIFETIME): 45,
            Mean("value", BUY, LIFETIME): 10,
            Mean("dwell", (), LIFETIME): NAN,
            First("channel", (), LIFETIME): "shop",
            First("campaign", (), LIFETIME): "henan",
            First("channel", (), back(500)): "web",
            Age(VIEW, lifetime=True): 2000,
            Age(VIEW): NAN,
            Age(BUY, lifetime=True): 30,
            Tenure((), lifetime=True): 2000,
            Tenure(BUY, lifetime=True): 1900,
            Tenure(BUY): 30,
            Tenure(("signup",), lifetime=True): NAN,
            Ratio(Sum("value", BUY, back(90)), Sum("value", BUY, LIFETIME)): 0.5,
        },
    ),
    "the session so far": (
        VISIT,
        {
            Count((), SESSION): 5,
            Count(VIEW, SESSION): 3,
            Length((), SESSION): 45 * 60,
            Length(CART, SESSION): 0,
            Length(BUY, SESSION): NAN,
            Distinct("item", (), SESSION): 2,
            Distinct("page", (), SESSION): 2,
            Repeat("item", VIEW, SESSION): 2,
            Sum("dwell", (), SESSION): 10,
            Mean("dwell", (), SESSION): 2.5,
            Abandoned(SESSION): 1,
            Last("item", VIEW, SESSION): "c",
            First("item", VIEW, SESSION): "b",
            Transition("view", "view", SESSION): 1,
            Transition("view", "view", back(1)): 1,
            Transition("view", "cart", SESSION): 1,
            Transition("click", "view", back(1)): 1,
            Moves("page", (), SESSION): 0,  # half an hour apart
            Moves("page", (), SESSION, gap=HOUR): 1,
            Count((), back(1)): 6,
        },
    ),
    "a session is over after 30 minutes of silence": (
        "when kind\n-31min view\n-30min view",
        {Count((), SESSION): 0, Length((), SESSION): NAN, Distinct("item", (), SESSION): 0},
    ),
    "one microsecond less and it goes on": (
        "when kind\n-59min view\n-30min+1us view",
        {Count((), SESSION): 2, Length((), SESSION): 29 * 60 + 1e-6},
    ),
    "the length of a window's events": (
        VISITS,
        {Length((), back(7)): (2 * 24 * 60 + 5) * 60, Length(CART, back(7)): 0, Length(BUY, back(1)): NAN},
    ),
    "moves from value to value": (
        CHANNELS,
        {
            Moves("channel", (), back(30)): 2,  # within half an hour: web, app, web
            Moves("channel", (), back(30), gap=10 * DAY): 5,
            Moves("channel", VIEW, back(30), gap=10 * DAY): 4,
            Moves("channel", (), back(30), after=("shop", "store"), gap=10 * DAY): 1,
            Moves("channel", (), back(30), before=("store",), gap=10 * DAY): 2,
            Moves("channel", (), back(30), before=("app", "web"), after=("store",), gap=10 * DAY): 1,
            Moves("channel", (), back(30), after=("nowhere",), gap=10 * DAY): 0,
            Moves("channel", (), back(3), gap=10 * DAY): 1,  # the one before lies outside the window
            Moves("kind", (), back(30)): 2,
            Moves("page", (), back(30)): 0,
        },
    ),
    "a streak goes back to the latest of what ends it": (
        MESSAGES,
        {
            Streak(("message",), ("open",)): 3,
            Streak(("message",), BUY): 2,
            Streak(("message",), ("view",)): 2,  # of one instant: the key decides
            Streak(("message",), ("signup",)): 4,
            Streak(("message",), ("message", "open")): 0,
            Streak((), ("open",)): 5,
            Streak(("signup",), ("open",)): 0,
        },
    ),
    "the last steps": (
        MESSAGES,
        {
            Last("kind", ("message", "open", "purchase", "view"), back(30)): "message",
            Last("kind", (), back(30), 2): "message",
            Last("kind", (), back(30), 3): "view",
            Last("kind", ("open", "purchase"), back(30), 2): "open",
            Last("kind", ("open", "purchase"), back(30), 3): None,
            First("kind", (), back(30)): "message",
            Favorite("kind", (), back(30)): "message",
            Distinct("kind", (), back(30)): 4,
            Repeat("kind", (), back(30)): 4,
            TopShare("kind", (), back(30)): 4 / 7,
        },
    ),
    "hours and weekdays": (
        CLOCK,
        {
            Share("hour", 0, 6, (), back(7)): 0.5,
            Share("hour", 0, 6, BUY, back(7)): NAN,
            Share("weekday", 5, 6, (), back(7)): 1,
            Distinct("hour", (), back(7)): 4,
            Distinct("day", (), back(7)): 1,
            TopShare("weekday", (), back(7)): 1,
        },
    ),
    "nothing at all": (
        "when kind\n-401d view",
        {
            Count((), back(500)): 0,
            Distinct("item", (), back(500)): 0,
            Sessions("count", (), back(500)): 0,
            Abandoned(back(500)): 0,
            Age(()): NAN,
            Gaps((), "median", back(500)): NAN,
            Favorite("item", (), back(500)): None,
            Last("kind", (), back(500)): None,
            Moves("channel", (), back(500)): 0,
            Streak(VIEW, CART): 0,
            Length((), back(500)): NAN,
            Count((), SESSION): 0,
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("title", CASES)
def test_answers(title: str) -> None:
    picture, asked = CASES[title]
    forward = {feature: value for feature, value in asked.items() if getattr(feature, "window", back(1)).forward}
    backward = {feature: value for feature, value in asked.items() if feature not in forward}
    assert forward or backward
    for part in (forward, backward):
        if part:
            check(picture, part)


def test_the_day_is_the_shop_s() -> None:
    # 23:30 and 00:30 in Shanghai are one day apart there, and the same day in UTC.
    picture = "when kind\n-1d-30min view\n-1d+30min view"
    asked = {
        Distinct("day", (), back(7)): 2,
        Share("hour", 0, 1, (), back(7)): 0.5,
        Share("hour", 23, 24, (), back(7)): 0.5,
    }
    check(picture, asked, zone="Asia/Shanghai")
    check(picture, {Distinct("day", (), back(7)): 1}, zone="UTC", at=(2025, 6, 15, 16))


def test_an_hour_that_comes_twice_and_one_that_never_comes() -> None:
    # New York: at 2 o'clock on 9 March the clock goes to 3; on 2 November at 2 it goes back to 1.
    picture = "when kind\n-21h-1us view\n-21h view"
    asked = {
        Share("hour", 1, 2, (), back(7)): 0.5,
        Share("hour", 2, 3, (), back(7)): 0,
        Share("hour", 3, 4, (), back(7)): 0.5,
    }
    check(picture, asked, zone="America/New_York", at=(2025, 3, 10))
    twice = "when kind\n-24h view\n-23h view\n-22h view"
    check(twice, {Share("hour", 1, 2, (), back(7)): 2 / 3}, zone="America/New_York", at=(2025, 11, 3))


def test_thirty_days_stay_thirty_times_24_hours() -> None:
    picture = "when kind\n-30d view\n-30d-1us view"
    check(picture, {Count((), back(30)): 1, Age(()): 30}, zone="America/New_York", at=(2025, 3, 20))
