"""What can be acted on, and what moves along."""

import tomllib
from fnmatch import fnmatchcase

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.catalogue import load
from features.errors import SpecError
from models.levers import OURS, levers

CATALOGUE = load()
LEVERS = {lever.name: lever for lever in levers(CATALOGUE)}
TABLES = tomllib.loads(OURS.read_text("utf-8"))["lever"]


def test_every_pattern_names_a_feature_and_says_why():
    for table in TABLES:
        for pattern in table["features"]:
            assert any(fnmatchcase(name, pattern) for name in LEVERS), pattern
        assert table["why"]["en"]
        assert table["why"]["zh"]


@pytest.mark.parametrize(
    "word", ["purchase", "refund", "value", "tenure", "lifetime", "user_", "_per_", "trend", "share_", "now"]
)
def test_outcomes_and_what_nobody_can_change_are_no_levers(word):
    assert [name for name in LEVERS if word in name and name != "share_count_365d"] == []


def held(lever, **known):
    """Nothing, but for what is known."""
    nothing = {name: np.nan if name.endswith("_age") else 0.0 for name in lever.moved}
    return nothing | {name: value for name, value in known.items() if name in nothing}


def test_windows_of_one_question_hold_each_other():
    lever = LEVERS["cart_count_7d"]
    assert {"cart_count_30d", "cart_count_90d"} < set(lever.more)
    assert lever.fewer == ("cart_count_1d",)
    now = held(lever, cart_count_1d=1.0, cart_count_7d=2.0, cart_count_30d=4.0, cart_count_90d=4.0)
    steps, after = lever.values(now)[2]
    assert steps == 3
    assert {name: after[name] for name in after if name.startswith("cart_count")} == {
        "cart_count_7d": 5.0, "cart_count_30d": 7.0, "cart_count_90d": 7.0,
    }  # fmt: skip
    lever = LEVERS["uncart_count_30d"]
    now = held(
        lever, uncart_count_1d=1.0, uncart_count_7d=2.0, uncart_count_30d=2.0, event_count_30d=9.0, event_count_90d=9.0
    )
    after = lever.values(now)[1][1]
    assert [after[f"uncart_count_{days}d"] for days in (1, 7, 30)] == [0.0, 0.0, 0.0]
    assert (after["event_count_30d"], after["event_count_90d"]) == (7.0, 7.0)


def test_events_are_events_of_every_kind_that_holds_theirs_and_no_longer_ago_than_their_window():
    lever = LEVERS["cart_count_7d"]
    now = held(lever, cart_age=20.0, consider_age=3.0, event_count_7d=1.0, event_count_30d=6.0)
    after = lever.values(now)[1][1]
    assert (after["event_count_7d"], after["event_count_30d"]) == (3.0, 8.0)
    assert (after["cart_age"], after["consider_age"], after["activity_age"], after["event_age"]) == (7.0, 3.0, 7.0, 7.0)
    assert not {"view_age", "view_count_7d", "purchase_age", "event_count_1d", "session_now_cart"} & set(lever.moved)


def test_ages_fall_to_nothing_and_begin_there():
    lever = LEVERS["view_age"]
    found = lever.values(held(lever, view_age=2.5, browse_age=1.0, event_age=1.0, activity_age=1.0, view_count_7d=4.0))
    assert [(steps, after["view_age"]) for steps, after in found] == [(1, 1.5), (2, 0.5), (3, 0.0)]
    assert [after["browse_age"] for _, after in found] == [1.0, 0.5, 0.0]
    assert ["view_count_1d" in after for _, after in found] == [False, True, True]
    assert (found[1][1]["view_count_1d"], found[1][1]["view_count_7d"], found[1][1]["event_count_1d"]) == (
        1.0,
        4.0,
        1.0,
    )
    ((steps, after),) = lever.values(held(lever))
    assert (steps, after["view_age"], after["activity_age"], after["view_count_1d"]) == (lever.most, 0.0, 0.0, 1.0)
    assert lever.values(held(lever, view_age=0.0)) == []
    lever = LEVERS["cart_count_7d"]
    assert lever.values(dict.fromkeys(lever.moved, np.nan)) == []


def test_days_are_no_more_than_the_window_has():
    lever = LEVERS["active_days_7d"]
    now = held(lever) | {lever.name: 6.0}
    assert [steps for steps, _ in lever.values(now)] == [1]


@given(st.sampled_from(sorted(LEVERS)), st.lists(st.integers(0, 30), min_size=8, max_size=8), st.floats(0, 400))
def test_whatever_is_changed_longer_windows_hold_at_least_as_much(name, parts, age):
    lever = LEVERS[name]
    mates = [one for one in lever.more if one.rsplit("_", 1)[0] == name.rsplit("_", 1)[0]]
    now, total = held(lever), 0
    for place, one in enumerate([*lever.fewer, name, *mates]):
        total += parts[place % len(parts)]
        now[one] = float(total)
    now |= {one: now[name] + 2.0 for one in lever.more if one not in mates}
    now |= dict.fromkeys(lever.ages, age)
    if lever.days == 0 and name.endswith("_age"):
        now[name] = age + 1.0
    for steps, after in lever.values(now):
        then = now | after
        assert set(after) <= set(lever.moved)
        assert 1 <= steps <= lever.most
        assert after[name] != now[name]
        if after[name] > now[name]:
            assert after[name] - now[name] == steps * lever.step
            assert all(then[one] <= lever.days for one in lever.ages)
        assert all(then[one] >= then[name] for one in lever.more)
        assert all(0 <= then[one] <= then[name] for one in lever.fewer)
        if lever.days == 0:
            assert all(then[one] <= then[name] for one in lever.ages)
            assert all(then[one] >= 1 for one, days in lever.least.items() if then[name] <= days)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('features = ["purchase_value_30d"]\ndirection = "up"\nstep = 1\nmost = 3', "'purchase_value_30d' cannot be a lever"),
        ('features = ["view_count_7d"]\ndirection = "sideways"\nstep = 1\nmost = 3', "direction 'sideways' is none of up, down"),
        ('features = ["view_count_7d"]\ndirection = "up"\nstep = 0\nmost = 3', "step and most must be above 0"),
        ('features = ["view_count_7d"]\ndirection = "up"\nmost = 3', "its keys must be direction, features, most, step, why"),
        ('features = ["view_count_7d", "view_count_7*"]\ndirection = "up"\nstep = 1\nmost = 3', None),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused(tmp_path, text, message):
    path = tmp_path / "own.toml"
    whole = f'[[lever]]\n{text}\nwhy = {{ en = "a", zh = "b" }}\n'
    path.write_text(whole, "utf-8")
    if message is None:
        assert [lever.name for lever in levers(CATALOGUE, path)] == ["view_count_7d"]
        path = tmp_path / "twice.toml"
        path.write_text(whole * 2, "utf-8")
        message = "'view_count_7d' stands in two levers"
    with pytest.raises(SpecError, match=message):
        levers(CATALOGUE, path)
