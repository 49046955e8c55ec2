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


def test_windows_of_one_question_hold_each_other():
    lever = LEVERS["cart_count_7d"]
    assert lever.longer == ("cart_count_30d", "cart_count_90d")
    assert lever.shorter == ("cart_count_1d",)
    now = {"cart_count_1d": 1.0, "cart_count_7d": 2.0, "cart_count_30d": 4.0, "cart_count_90d": 4.0}
    assert lever.values(now)[2] == (3, {"cart_count_7d": 5.0, "cart_count_30d": 7.0, "cart_count_90d": 7.0})
    fewer = LEVERS["uncart_count_30d"].values({"uncart_count_1d": 1.0, "uncart_count_7d": 2.0, "uncart_count_30d": 2.0})
    assert fewer == [
        (1, {"uncart_count_30d": 1.0, "uncart_count_1d": 1.0, "uncart_count_7d": 1.0}),
        (2, {"uncart_count_30d": 0.0, "uncart_count_1d": 0.0, "uncart_count_7d": 0.0}),
    ]


def test_ages_fall_to_nothing_and_begin_there():
    lever = LEVERS["view_age"]
    assert lever.values({"view_age": 2.5}) == [(1, {"view_age": 1.5}), (2, {"view_age": 0.5}), (3, {"view_age": 0.0})]
    assert lever.values({"view_age": np.nan}) == [(lever.most, {"view_age": 0.0})]
    assert lever.values({"view_age": 0.0}) == []
    assert LEVERS["cart_count_7d"].values(dict.fromkeys(LEVERS["cart_count_7d"].moved, np.nan)) == []


def test_days_are_no_more_than_the_window_has():
    lever = LEVERS["active_days_7d"]
    now = dict.fromkeys(lever.moved, 6.0)
    assert [steps for steps, _ in lever.values(now)] == [1]


@given(st.sampled_from(sorted(LEVERS)), st.lists(st.integers(0, 30), min_size=8, max_size=8))
def test_whatever_is_changed_longer_windows_hold_at_least_as_much(name, parts):
    lever = LEVERS[name]
    ordered = [*lever.shorter, name, *lever.longer]
    spans = sorted(ordered, key=lambda one: (one in lever.longer) - (one in lever.shorter))
    inner, outer = sorted(lever.shorter), sorted(lever.longer)
    now, total = {}, 0
    for place, one in enumerate(spans):
        total += parts[place % len(parts)]
        now[one] = float(total)
    for steps, after in lever.values(now):
        then = now | after
        assert 1 <= steps <= lever.most
        assert after[name] != now[name]
        assert (after[name] > now[name]) == (after[name] - now[name] == steps * lever.step)
        assert all(then[one] >= then[name] for one in outer)
        assert all(0 <= then[one] <= then[name] for one in inner)


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
