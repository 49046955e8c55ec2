import sqlite3

import numpy as np
import pyarrow as pa
import pytest

from features.errors import BusyError, DamagedError, FormatError
from features.events import DAY
from features.log import EventLog
from features.trim import trim
from serving.clock import Clock
from serving.drain import drain
from serving.fill import fill, follow, is_behind, open_journal, open_store
from serving.past import from_log
from serving.store import SLACK

from .conftest import START, flatten, invent, users_of, with_keys

LOG = Clock("log")


def post(workspace, events):
    """What the service does with events: the journal first, then the store."""
    store, journal = open_store(workspace), open_journal(workspace)
    new = journal.append(events)
    follow(workspace, store, journal, LOG)
    store.close()
    journal.close()
    return new


def stored(workspace, users=None):
    store = open_store(workspace)
    try:
        return flatten(store.read(users or users_of())[0])
    finally:
        store.close()


def test_a_filled_store_reads_what_the_log_has(workspace):
    assert fill(workspace, LOG) == 4
    assert stored(workspace) == flatten(EventLog(workspace).read_users(users_of()))
    assert fill(workspace, LOG) == 0


def test_users_come_in_the_order_asked_for_and_unknown_ones_are_empty(workspace):
    fill(workspace, LOG)
    store = open_store(workspace)
    histories, standing = store.read(["u3", "nobody", "u1"], ["item"])
    assert histories.users.to_pylist() == ["u3", "nobody", "u1"]
    assert np.diff(histories.offsets)[1] == 0
    assert set(histories.coded) == {"item"}
    assert not histories.numbers
    assert standing.last_ts == EventLog(workspace).last_ts
    store.close()


def test_a_store_follows_the_journal_and_a_rebuilt_one_is_the_same(workspace):
    fill(workspace, LOG)
    late = with_keys(invent(300, seed=1, prefix="new", users=25, start=START + 150 * DAY))
    assert post(workspace, late).all()
    expected = flatten(from_log(workspace, users_of(25))[0])
    assert sum(map(len, expected.values())) == 2300
    assert stored(workspace, users_of(25)) == expected
    workspace.profiles.unlink()
    fill(workspace, LOG)
    assert stored(workspace, users_of(25)) == expected
    assert drain(workspace).accepted == 300
    workspace.profiles.unlink()
    fill(workspace, LOG)
    assert stored(workspace, users_of(25)) == expected


def test_following_twice_or_from_another_journal_changes_nothing(workspace):
    fill(workspace, LOG)
    events = with_keys(invent(50, seed=2, prefix="new"))
    post(workspace, events)
    before = stored(workspace)
    assert not post(workspace, events).any()
    assert stored(workspace) == before
    for path in workspace.home.glob("journal.db*"):
        path.unlink()
    assert post(workspace, events.slice(0, 10)).all()
    assert stored(workspace) == before


def test_a_drain_does_not_make_the_store_fall_behind(workspace):
    fill(workspace, LOG)
    post(workspace, with_keys(invent(100, seed=3, prefix="new")))
    drain(workspace)
    store = open_store(workspace)
    assert not is_behind(workspace, store, LOG)
    store.close()


def test_a_drain_of_what_the_store_never_saw_does(workspace):
    fill(workspace, LOG)
    journal = open_journal(workspace)
    journal.append(with_keys(invent(100, seed=3, prefix="new")))
    journal.close()
    drain(workspace)
    assert fill(workspace, LOG) == 4
    assert stored(workspace) == flatten(EventLog(workspace).read_users(users_of()))


def test_a_store_follows_an_ingest(workspace):
    fill(workspace, LOG)
    with workspace.writing("the test"):
        EventLog(workspace).append([invent(500, seed=4, prefix="more", users=40)], arrived_at=None)
    assert fill(workspace, LOG) == 4
    assert stored(workspace, users_of(40)) == flatten(EventLog(workspace).read_users(users_of(40)))


def test_a_fill_that_was_cut_short_is_done_anew(workspace):
    assert fill(workspace, LOG, should_stop=lambda: True) == 1
    store = open_store(workspace)
    assert store.standing().log_version == -1
    assert is_behind(workspace, store, LOG)
    store.close()
    assert fill(workspace, LOG) == 4
    assert stored(workspace) == flatten(EventLog(workspace).read_users(users_of()))


def test_a_fill_waits_for_the_writer_and_then_refuses(workspace):
    with workspace.writing("the test"), pytest.raises(BusyError, match="the test"):
        fill(workspace, LOG, wait=0.2)


def test_what_lies_before_the_floor_goes_into_the_carry_and_the_store_says_so(workspace):
    with workspace.writing("the test"):
        old = invent(200, seed=5, prefix="old", start=START - 800 * DAY, days=300)
        EventLog(workspace).append([old], arrived_at=None)
    fill(workspace, LOG)
    store = open_store(workspace)
    histories, standing = store.read(users_of())
    log = EventLog(workspace)
    assert standing.floor == log.last_ts + 1 - 400 * DAY - SLACK
    assert histories.n_events == 2000
    assert (histories.ts >= standing.floor).all()
    whole = log.read_users(users_of())
    assert whole.n_events == 2200
    assert flatten(histories) == flatten(trim(whole, standing.floor))
    assert histories.carry.count.sum() == 200
    store.close()


def test_a_later_event_drops_what_it_makes_old_and_raises_the_floor(workspace):
    fill(workspace, LOG)
    before = stored(workspace)
    later = START + 500 * DAY
    event = invent(1, prefix="later", users=1).to_pylist()[0] | {"ts": later}
    post(workspace, with_keys(pa.Table.from_pylist([event], schema=invent(1).schema)))
    after = stored(workspace)
    floor = later + 1 - 400 * DAY - SLACK
    assert after["u0"] == [row for row in before["u0"] if row[0] >= floor] + after["u0"][-1:]
    assert len(after["u0"]) < len(before["u0"])
    assert after["u1"] == before["u1"]
    store = open_store(workspace)
    assert store.standing().floor == floor
    assert not is_behind(workspace, store, LOG)
    store.close()


def test_a_file_that_is_no_store_is_refused(workspace):
    workspace.profiles.write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(DamagedError, match=r"profiles\.db"):
        open_store(workspace)


def test_a_store_of_an_older_format_is_made_anew(workspace):
    fill(workspace, LOG)
    with sqlite3.connect(workspace.profiles) as connection:
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    store = open_store(workspace)
    assert store.standing().log_version == -1
    store.close()
    assert fill(workspace, LOG) == 4
    assert stored(workspace) == flatten(EventLog(workspace).read_users(users_of()))


def test_a_store_of_a_later_format_is_refused(workspace):
    fill(workspace, LOG)
    with sqlite3.connect(workspace.profiles) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(FormatError, match="99"):
        open_store(workspace)
