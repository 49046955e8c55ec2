"""The profile store beside log and journal over years: nothing is counted twice or lost, whatever comes in what order."""

import random
from itertools import count

import numpy as np
import pyarrow as pa
import pytest

from features import views
from features.arrivals import keyed
from features.events import ACTS, DAY, KINDS, NUMBER_FIELDS, TOUCH
from features.log import EventLog
from features.schema import EVENTS
from features.workspace import Facts, Workspace
from serving.answers import Answers
from serving.clock import Clock
from serving.drain import drain
from serving.fill import fill, follow, open_journal, open_store
from serving.past import from_log
from serving.requests import ScoreRequest
from serving.store import SLACK
from tests.features.logs import events_in
from tests.features.test_trim import carried, folded

from .conftest import START
from .test_answers import event, post, tags

ALL = (*KINDS, *ACTS)
LOG = Clock("log")
USERS = [f"u{n}" for n in range(6)]
RETENTION = 100


@pytest.fixture
def shop_of_years(tmp_path):
    """A workspace without events that keeps 100 days."""
    found = Workspace.at(tmp_path / "home", {})
    found.fix(Facts(buckets=3, retention_days=RETENTION))
    return found


def events(rng, n, names, *, until, acts=0.0):
    """n events of any time since two years before START, some with an id that was there before."""
    rows = []
    for _ in range(n):
        kind = rng.choice(ACTS) if rng.random() < acts else rng.choice(("view", "cart", "purchase"))
        other = rng.choice([*USERS, "w"]) if kind in ACTS[2:] else rng.choice([None, "profiling"])
        number = rng.randrange(1, 50) if kind == "purchase" else None
        again = names and rng.random() < 0.2
        rows.append(
            rng.choice(names)
            if again
            else {
                "user_id": rng.choice(USERS),
                "ts": START + rng.randrange(-700, until) * DAY,
                "kind": kind,
                "item": other if kind in ACTS else rng.choice(("a", "b", None)),
                "channel": rng.choice(("app", "web", None)),
                "campaign": rng.choice(("x", None, None)),
                "value": number,
                "event_id": f"e{len(names)}",
                "source": "",
            }
        )
        if not again:
            names.append(rows[-1])
    return pa.Table.from_pylist(rows, schema=EVENTS).drop_columns(["bucket", "key_hi", "key_lo"])


def receive(workspace, table):
    """What the service does with events: arrival stamped, journal, store."""
    store, journal = open_store(workspace), open_journal(workspace)
    ts = table["ts"].to_numpy()
    arrived = LOG.arrival(ts, max(store.standing().last_ts, int(ts.max())))
    table = table.set_column(table.column_names.index("arrived_at"), EVENTS.field("arrived_at"), pa.array(arrived))
    if not set(ACTS).isdisjoint(table["kind"].to_pylist()):
        workspace.add_acts()
    journal.append(keyed(table, workspace.facts.kinds, None))
    if random.Random(int(ts[0])).random() < 0.9:  # else killed between journal and store
        follow(workspace, store, journal, LOG)
    store.close()
    journal.close()


def load(workspace, table):
    log = EventLog(workspace)
    with workspace.writing("the test"):
        log.append([table], arrived_at=log.last_ts if log.exists else None)


def assert_whole(workspace):
    """Every user's carry and events are, together, what log and journal tell; and nothing in RETENTION is in a carry."""
    store, journal = open_store(workspace), open_journal(workspace)
    try:
        follow(workspace, store, journal, LOG)
        histories, standing = store.read(USERS)
        kinds = workspace.facts.kinds
        told, last = from_log(workspace, USERS)
        whole, held, before = events_in(told, kinds), events_in(histories, kinds), carried(histories)
        now = LOG.now(last)
        assert standing.last_ts == last
        assert standing.floor <= now - RETENTION * DAY
        for user in USERS:
            n = len(whole[user]) - len(held[user])
            assert held[user] == whole[user][n:]
            assert before[user] == folded(whole[user][:n])
            assert all(e[0] < standing.floor and e[3] < standing.floor + RETENTION * DAY for e in whole[user][:n])
        for instant in (now, now - SLACK // 2):
            if instant - RETENTION * DAY >= standing.floor:
                one, other = views.at(histories, instant), views.at(told, instant)
                same_views(one, other, kinds)
    finally:
        store.close()
        journal.close()


def same_views(stored, told, kinds):
    """Carry and events of each as seen; whose carry was not needed has none."""
    whole, held, before = events_in(told, kinds), events_in(stored, kinds), carried(stored)
    for user in USERS:
        n = len(whole[user]) - len(held[user])
        assert held[user] == whole[user][n:]
        assert before[user] == folded(whole[user][:n])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("acts", [0.0, 0.15])
def test_whatever_comes_in_what_order(shop_of_years, seed, acts):
    rng, names = random.Random(seed), []
    load(shop_of_years, events(rng, 60, names, until=1))
    fill(shop_of_years, LOG)
    until = 1
    for _ in range(10):
        until += rng.randrange(0, 60)
        match rng.choice(("receive", "receive", "load", "drain", "fill", "refill")):
            case "receive":
                receive(shop_of_years, events(rng, rng.randrange(1, 9), names, until=until, acts=acts))
            case "load":
                load(shop_of_years, events(rng, rng.randrange(1, 9), names, until=until, acts=acts))
                fill(shop_of_years, LOG)
            case "drain":
                drain(shop_of_years)
                fill(shop_of_years, LOG)  # what was drained before the store had it
            case "fill":
                fill(shop_of_years, LOG)
            case "refill":
                shop_of_years.profiles.unlink()
                fill(shop_of_years, LOG)
        assert_whole(shop_of_years)


def test_a_carry_is_kept_where_no_act_concerns(shop_of_years):
    rng, names = random.Random(1), []
    load(shop_of_years, events(rng, 400, names, until=200))
    fill(shop_of_years, LOG)
    store = open_store(shop_of_years)
    histories, _ = store.read(USERS)
    assert histories.acts is None
    assert (np.diff(histories.carry.offsets) > 0).all()
    assert histories.carry.count.sum() + histories.n_events == EventLog(shop_of_years).n_events
    assert set(histories.carry.sums) == set(NUMBER_FIELDS)
    assert set(histories.carry.touch) == set(TOUCH)
    store.close()


def test_whom_an_act_concerns_is_kept_whole_from_then_on(shop_of_years):
    rng, names = random.Random(1), []
    load(shop_of_years, events(rng, 400, names, until=200))
    fill(shop_of_years, LOG)
    act = {"user_id": "u1", "ts": START + 200 * DAY, "kind": "alias", "item": "u2", "event_id": "act", "source": ""}
    receive(shop_of_years, pa.Table.from_pylist([act], schema=EVENTS).drop_columns(["bucket", "key_hi", "key_lo"]))
    store = open_store(shop_of_years)
    histories, standing = store.read(["u2", "u3"])
    assert standing.acts
    assert np.diff(histories.carry.offsets).tolist()[0] == 0
    assert np.diff(histories.carry.offsets).tolist()[1] > 0
    people = views.at(histories, START + 201 * DAY)
    whole = EventLog(shop_of_years).whole(["u1", "u2"])
    assert int(np.diff(people.offsets)[0]) == whole.n_events
    store.close()


def test_what_a_carry_may_hold_is_looked_up_before_it_is_called_new(shop_copy):
    rng, names = random.Random(2), []
    old = events(rng, 50, names, until=-600)
    with shop_copy.writing("the test"):
        EventLog(shop_copy).append([old], arrived_at=None)
    fill(shop_copy, LOG)
    answers = Answers(shop_copy, LOG)
    posted = {**event("", 0), "event_id": names[0]["event_id"], "user_id": names[0]["user_id"]}
    posted |= {"ts": event("x", names[0]["ts"])["ts"], "kind": names[0]["kind"]}
    fresh = {**posted, "event_id": "never seen"}
    assert answers.store.read([posted["user_id"]])[0].carry is not None
    assert post(answers, posted, fresh) == {"accepted": 1, "duplicate": 1}
    assert post(answers, posted, fresh) == {"accepted": 0, "duplicate": 2}
    drain(shop_copy)
    assert post(answers, posted, fresh) == {"accepted": 0, "duplicate": 2}
    answers.close()


def test_either_id_answers_for_the_person_from_the_moment_known(shop_copy):
    answers = Answers(shop_copy, LOG)
    fill(shop_copy, LOG)
    last = answers.store.standing().last_ts
    numbers = count()

    def say(kind, user, other=None):
        # each an hour later, and a view that lets the log's clock pass it
        ts = last + (next(numbers) + 1) * 3600 * 1_000_000
        one = {**event(f"said{ts}", ts, user=user, kind=kind), "item": other}
        if other is None:
            del one["item"]
        assert post(answers, one)["accepted"] == 1

    def told(*users):
        found = tags(answers, *users)["users"]
        return [(user["known"], user["tags"]) for user in found]

    before = told("u1", "u2")
    assert before[0] != before[1]
    say("alias", "u2", "u1")
    one, two = told("u1", "u2")
    assert one == two
    assert tags(answers, "u1", "u2", as_of=event("", last)["ts"])["users"][0]["tags"] != one[1]
    drain(shop_copy)
    assert told("u1", "u2") == [one, two]
    say("withdraw", "u1")
    assert [known for known, _ in told("u1", "u2")] == [False, False]
    say("consent", "u2")
    assert [known for known, _ in told("u1", "u2")] == [True, True]
    say("unalias", "u1", "u2")
    one, two = told("u1", "u2")
    assert one != two
    assert two[0]
    answers.close()


def test_acts_among_events_that_are_scored_count(shop_copy):
    answers = Answers(shop_copy, LOG)

    def known(*events):
        body = {"events": [{**one, "event_id": f"s{n}"} for n, one in enumerate(events)]}
        found = answers.score(ScoreRequest.model_validate(body, context=answers.frame()))
        return {user["user_id"]: user["known"] for user in found["users"]}

    view, other = event("", START, user="a"), event("", START, user="b")
    withdraw = {**event("", START + DAY, user="a", kind="withdraw"), "item": "profiling"}
    link = {**event("", START + 2 * DAY, user="b", kind="alias"), "item": "a"}
    assert known(view, other) == {"a": True, "b": True}
    assert known(view, other, withdraw) == {"a": False, "b": True}
    assert known(view, other, withdraw, link) == {"a": False, "b": False}
    assert known(other, {**link, "item": "nobody"}) == {"b": True}
    assert shop_copy.facts.own_kinds == ()  # nothing was kept
    answers.close()


def test_a_link_with_nobody_is_refused(shop_copy):
    answers = Answers(shop_copy, LOG)
    with pytest.raises(ValueError, match="names the other user id in `item`"):
        post(answers, {k: v for k, v in event("a", START, kind="alias").items() if k != "item"})
    answers.close()
