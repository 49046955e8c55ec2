"""Look-ups: the log and the journal, the clocks, users never seen."""

import pytest

from features.errors import InputError, NotReadyError
from features.events import DAY
from features.instants import to_iso
from features.log import EventLog
from serving.fill import open_journal
from serving.lookup import lookup

from .conftest import with_keys
from .shop import END, make_log, shop_events


def user(answer, user_id):
    return next(user for user in answer["users"] if user["user_id"] == user_id)


def tag(answer, user_id, name):
    return next(tag for tag in user(answer, user_id)["tags"] if tag["name"] == name)


def test_the_shape_of_an_answer(shop):
    answer = lookup(shop, ["u1", "用户7"], as_of=END - 60 * DAY)
    assert answer["as_of"] == to_iso(END - 60 * DAY)
    assert answer["version"] == "1"
    assert [user["user_id"] for user in answer["users"]] == ["u1", "用户7"]
    stage = tag(answer, "u1", "stage")
    assert set(stage) >= {"name", "value", "probability", "probabilities", "source", "computed_at", "expires_at"}
    assert "reasons" not in stage
    assert sum(stage["probabilities"].values()) == pytest.approx(1)
    assert stage["computed_at"] == answer["as_of"]


def test_reasons_where_asked(shop):
    reasons = tag(lookup(shop, ["u1"], as_of=END - 60 * DAY, explain=True), "u1", "stage")["reasons"]
    assert len(reasons) == 3
    assert all(reason["contribution"] for reason in reasons)


def test_a_user_never_seen_is_no_error(shop):
    answer = lookup(shop, ["nobody", "u1"], as_of=END)
    assert user(answer, "nobody")["known"] is False
    assert tag(answer, "nobody", "churn_risk")["source"].startswith("base_rate:")
    assert user(answer, "u1")["known"] is True


def test_a_user_asked_for_twice_stands_there_twice(shop):
    answer = lookup(shop, ["u1", "u2", "u1"], as_of=END)
    assert [user["user_id"] for user in answer["users"]] == ["u1", "u2", "u1"]
    assert answer["users"][0] == answer["users"][2]


def test_only_some_tags(shop):
    answer = lookup(shop, ["u1"], as_of=END - 60 * DAY, only=["stage"])
    assert [tag["name"] for tag in answer["users"][0]["tags"]] == ["stage"]
    with pytest.raises(InputError, match="Did you mean 'stage'"):
        lookup(shop, ["u1"], only=["stagge"])


def test_the_clock_of_the_log_stands_after_its_last_event(shop):
    answer = lookup(shop, ["u1"], clock="log")
    assert answer["as_of"] == to_iso(EventLog(shop).last_ts + 1)
    assert answer["clock"] == "log"
    assert lookup(shop, ["u1"])["as_of"] > "2026"


def test_what_is_acknowledged_and_not_drained_is_seen(shop_copy):
    before = lookup(shop_copy, ["newcomer"], clock="log")
    assert user(before, "newcomer")["known"] is False
    rows = shop_events(1, seed=9)
    events = rows.set_column(0, "user_id", [["newcomer"] * len(rows)])
    journal = open_journal(shop_copy)
    journal.append(with_keys(events))
    journal.close()
    after = lookup(shop_copy, ["newcomer"], clock="log")
    assert user(after, "newcomer")["known"] is True


@pytest.mark.parametrize("users", [[], [""], ["a\0"], ["x" * 257]])
def test_wrong_ids_are_refused(shop, users):
    with pytest.raises(InputError):
        lookup(shop, users)


def test_without_a_champion_it_says_what_must_come_first(tmp_path):
    with pytest.raises(NotReadyError, match="promote"):
        lookup(make_log(tmp_path / "home", 5), ["u1"])
