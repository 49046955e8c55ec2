"""What the service answers, in process: long ago, now, and when the store stumbles."""

import sqlite3

import pytest

from features.events import DAY, HOUR
from features.instants import to_iso
from features.log import EventLog
from serving.answers import Answers
from serving.clock import Clock, wall
from serving.drain import drain
from serving.fill import fill
from serving.lookup import lookup
from serving.requests import EventsRequest, TagsRequest

from .conftest import invent, users_of
from .shop import END, START

LOG, NOW = Clock("log"), Clock("now")


def opened(workspace, clock):
    fill(workspace, clock)
    return Answers(workspace, clock)


def tags(answers, *users, as_of=None):
    return answers.tags(TagsRequest.model_validate({"user_ids": list(users), "as_of": as_of}, context=answers.frame()))


def post(answers, *events):
    return answers.post([EventsRequest.model_validate({"events": list(events)}, context=answers.frame())])[0]


def event(event_id, ts, user="guest", kind="view"):
    return {"event_id": event_id, "user_id": user, "ts": to_iso(ts), "kind": kind, "item": "i1"}


def test_long_ago_is_answered_from_the_log(shop_copy):
    with shop_copy.writing("the test"):
        old = invent(300, start=START - 800 * DAY, days=200, users=20, prefix="old")
        EventLog(shop_copy).append([old], arrived_at=None)
    answers = opened(shop_copy, LOG)
    as_of = START - 650 * DAY
    histories, standing = answers.store.read(users_of())
    assert standing.floor > as_of
    assert (histories.ts >= standing.floor).all()
    found = tags(answers, *users_of(), "u100", as_of=to_iso(as_of))
    assert found == lookup(shop_copy, [*users_of(), "u100"], as_of=as_of, clock="log")
    assert sum(user["known"] for user in found["users"]) > 15
    answers.close()


def test_by_the_walls_clock_an_event_is_seen_at_once(shop_copy):
    answers = opened(shop_copy, NOW)
    assert not tags(answers, "guest")["users"][0]["known"]
    assert post(answers, event("n1", wall())) == {"accepted": 1, "duplicate": 0}
    assert tags(answers, "guest")["users"][0]["known"]
    assert not tags(answers, "guest", as_of=to_iso(wall() - HOUR))["users"][0]["known"]
    answers.close()


def test_an_event_of_yesterday_was_not_known_yesterday(shop_copy):
    answers = opened(shop_copy, NOW)
    yesterday = wall() - DAY
    post(answers, event("n1", yesterday))
    assert tags(answers, "guest")["users"][0]["known"]
    assert not tags(answers, "guest", as_of=to_iso(yesterday + HOUR))["users"][0]["known"]
    answers.close()


def test_by_the_logs_clock_an_earlier_event_is_seen_at_once_and_after_a_restart(shop_copy):
    answers = opened(shop_copy, LOG)
    clock = tags(answers, "u1")["as_of"]
    post(answers, event("n1", END - 3 * DAY))
    found = tags(answers, "guest")
    assert found["as_of"] == clock
    assert found["users"][0]["known"]
    answers.close()
    drain(shop_copy)
    shop_copy.profiles.unlink()
    answers = opened(shop_copy, LOG)
    assert tags(answers, "guest") == found == lookup(shop_copy, ["guest"], clock="log")
    answers.close()


def test_a_store_that_stumbles_after_the_journal_catches_up(shop_copy, monkeypatch):
    answers = opened(shop_copy, LOG)

    def stumble(*_):
        raise sqlite3.OperationalError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(answers.store, "follow", stumble)
        with pytest.raises(sqlite3.OperationalError):
            post(answers, event("n1", END))
    assert post(answers, event("n1", END)) == {"accepted": 0, "duplicate": 1}
    assert tags(answers, "guest")["users"][0]["known"]
    answers.close()


def test_callers_who_share_a_transaction_are_counted_apart(shop_copy):
    answers = opened(shop_copy, LOG)
    bodies = [[event("n1", END), event("n2", END)], [event("n2", END)], [event("n3", END), event("n1", END)]]
    requests = [EventsRequest.model_validate({"events": body}, context=answers.frame()) for body in bodies]
    assert answers.post(requests) == [
        {"accepted": 2, "duplicate": 0},
        {"accepted": 0, "duplicate": 1},
        {"accepted": 1, "duplicate": 1},
    ]
    answers.close()


def test_what_the_log_has_is_a_duplicate(shop_copy):
    row = EventLog(shop_copy).flat(columns=["event_id", "user_id", "ts", "kind"]).slice(0, 1).to_pylist()[0]
    answers = opened(shop_copy, LOG)
    assert post(answers, row | {"ts": to_iso(row["ts"])}) == {"accepted": 0, "duplicate": 1}
    twice = event("n1", END)
    assert post(answers, twice, twice, event("n1", END, user="other")) == {"accepted": 2, "duplicate": 1}
    answers.close()
