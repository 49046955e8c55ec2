import pytest
from hypothesis import given

from features import algebra as ask
from features.algebra import Window
from features.definition import QUESTIONS, feature_from_toml, feature_to_json, window_of
from features.errors import SpecError
from features.events import DAY, HOUR
from tests.strategies import features


@given(features(forward=False) | features(forward=True))
def test_a_question_written_as_a_table_reads_back_as_itself(feature):
    assert feature_from_toml(feature_to_json(feature)) == feature


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("30d", Window(-30 * DAY)),
        ("12h", Window(-12 * HOUR)),
        ("90d..30d", Window(-90 * DAY, -30 * DAY)),
        ("+7d", Window(0, 7 * DAY)),
        ("+7d..14d", Window(7 * DAY, 14 * DAY)),
        ("all", ask.ALL_BACK),
        ("lifetime", ask.LIFETIME),
        ("session", ask.SESSION),
        ([-5, -3], Window(-5, -3)),
    ],
)
def test_windows_as_people_write_them(text, window):
    assert window_of(text) == window


@pytest.mark.parametrize("text", ["30", "d30", "", "30d..", "+", "7d+", "30d..90d", 7, None, [1], [1, 2.5], "-7d"])
def test_what_is_no_window_is_refused(text):
    with pytest.raises(SpecError, match=r"[wW]indow"):
        window_of(text)


def test_kinds_are_sorted_once_each_and_may_be_left_out():
    assert feature_from_toml({"ask": "age", "kinds": ["view", "cart", "view"]}) == ask.Age(("cart", "view"))
    assert feature_from_toml({"ask": "age"}) == ask.Age(())


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({}, "Key 'ask': None"),
        ({"ask": "cuont"}, "Did you mean 'count'"),
        ({"ask": "count", "widow": "7d", "window": "7d"}, "Key 'widow' = '7d'.*Did you mean 'window'"),
        ({"ask": "count"}, "Key 'window' is missing from 'count'"),
        ({"ask": "sum", "field": "valeu", "window": "7d"}, "Key 'field': 'valeu'.*Did you mean 'value'"),
        ({"ask": "count", "kinds": "view", "window": "7d"}, "Key 'kinds': 'view' is not a list"),
        ({"ask": "sessions", "statistic": "count", "window": "7d", "gap": "0s"}, "Key 'gap'"),
        ({"ask": "sessions", "statistic": "count", "window": "7d", "gap": -4}, "must be above 0"),
        ({"ask": "gaps", "statistic": "mean", "window": "7d", "distinct_days": 1}, "neither true nor false"),
        ({"ask": "share", "field": "hour", "start": "3", "stop": 4, "window": "7d"}, "not a whole number"),
        ({"ask": "share", "field": "weekday", "start": 3, "stop": 8, "window": "7d"}, "weekdays 0-7"),
        ({"ask": "until", "kinds": [], "window": "7d"}, "looks forward"),
        ({"ask": "transition", "before": 3, "after": "cart", "window": "7d"}, "Key 'before': 3 is not a text"),
        ({"ask": "ratio", "numerator": 3, "denominator": {"ask": "age"}}, "Key 'numerator': 3 is not a question"),
        ({"ask": "ratio", "numerator": {"ask": "last", "field": "item", "window": "7d"}, "denominator": {"ask": "age"}}, "'last'"),
        ({"ask": "trend", "short": {"ask": "age"}, "long": {"ask": "age"}}, "Allowed: count, sum"),
        ({"ask": "ratio", "numerator": {"ask": "count", "window": "+7d"}, "denominator": {"ask": "age"}}, "mixes"),
        ({"ask": "max", "field": "value", "window": "lifetime"}, "Max cannot have the window 'lifetime'"),
        ({"ask": "first", "field": "item", "window": "lifetime"}, "First of channel or campaign of every kind"),
        ({"ask": "first", "field": "channel", "kinds": ["view"], "window": "lifetime"}, "First of channel or campaign"),
        ({"ask": "sessions", "statistic": "count", "window": "session"}, "ask Count or Length of the window"),
        ({"ask": "trend", "short": {"ask": "count", "window": "session"}, "long": {"ask": "count", "window": "7d"}}, "have a length"),
        ({"ask": "last", "field": "page", "window": "all", "n": 0}, "Key 'n': 0 must be 1 or more"),
        ({"ask": "streak", "kinds": ["view"], "since": []}, "'since' must name their kinds"),
        ({"ask": "moves", "field": "kind", "window": "7d", "after": ["cart"]}, "are a Transition"),
        ({"ask": "moves", "field": "page", "window": "7d", "after": "cart"}, "Key 'after': 'cart' is not a list of texts"),
    ],
)  # fmt: skip
def test_a_table_that_makes_no_sense_is_refused_by_key_and_value(table, says):
    with pytest.raises(SpecError, match=says):
        feature_from_toml(table)


def test_every_question_of_the_algebra_can_be_asked():
    assert set(QUESTIONS.values()) == {*ask.Elementary.__args__, *ask.Outside.__args__, ask.Ratio, ask.Trend}
