import os
import subprocess
import sys

import pyarrow.compute as pc
import pytest

from features.log import EventLog
from serving import drain as draining
from serving.drain import Drained, drain
from serving.fill import open_journal
from serving.past import from_log

from .conftest import flatten, invent, users_of, with_keys


def journalled(workspace, events):
    journal = open_journal(workspace)
    journal.append(events)
    journal.close()


def test_without_a_journal_there_is_nothing_to_do(workspace):
    assert drain(workspace) == Drained()
    assert not workspace.journal.exists()


def test_events_go_to_the_log_once(workspace):
    events = with_keys(invent(300, seed=1, prefix="new"))
    journalled(workspace, events)
    assert drain(workspace) == Drained(accepted=300)
    log = EventLog(workspace)
    assert log.n_events == 2300
    assert drain(workspace) == Drained()
    journalled(workspace, events)
    assert drain(workspace) == Drained(duplicate=300)
    assert EventLog(workspace).n_events == 2300


def test_a_file_and_the_service_with_the_same_ids_are_one_event(workspace):
    journalled(workspace, with_keys(invent(2000)))
    assert drain(workspace) == Drained(duplicate=2000)


def test_arrival_and_content_survive(workspace):
    events = with_keys(invent(20, seed=2, prefix="new"))
    at = events.column_names.index("arrived_at")
    arrived = [ts + 5_000_000 for ts in events["ts"].to_pylist()]
    events = events.set_column(at, events.schema.field(at), [arrived])
    journalled(workspace, events)
    before = flatten(from_log(workspace, users_of())[0])
    drain(workspace)
    assert flatten(from_log(workspace, users_of())[0]) == before
    rows = EventLog(workspace).flat()
    rows = rows.filter(pc.starts_with(rows["event_id"], "new"))
    kept = {row["event_id"]: row for row in rows.select(events.column_names).to_pylist()}
    assert kept == {row["event_id"]: row for row in events.to_pylist()}


def test_more_than_a_batch(workspace, monkeypatch):
    monkeypatch.setattr(draining, "BATCH", 100)
    journalled(workspace, with_keys(invent(350, seed=3, prefix="new")))
    assert drain(workspace).accepted == 350
    assert EventLog(workspace).n_events == 2350


def test_a_busy_log_is_left_and_said(workspace, capsys):
    journalled(workspace, with_keys(invent(10, prefix="new")))
    with workspace.writing("the test"):
        assert drain(workspace, wait=0.2) == Drained(left=10)
    assert "the test" in capsys.readouterr().err
    assert drain(workspace).accepted == 10


KILLED = """
import os, sys
from features.workspace import Workspace
from serving import drain, journal
if sys.argv[2] == "before":
    drain.EventLog.append = lambda *a, **k: os._exit(9)
else:
    journal.Journal.forget = lambda *a: os._exit(9)
drain.drain(Workspace.at(sys.argv[1], {}))
"""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_around_the_commit_nothing_is_lost_or_doubled(workspace, moment):
    journalled(workspace, with_keys(invent(100, seed=4, prefix="new")))
    expected = flatten(from_log(workspace, users_of())[0])
    done = subprocess.run([sys.executable, "-c", KILLED, str(workspace.home), moment], check=False, env=os.environ)
    assert done.returncode == 9
    assert flatten(from_log(workspace, users_of())[0]) == expected
    drained = drain(workspace)
    assert drained.accepted + drained.duplicate == 100
    assert EventLog(workspace).n_events == 2100
    assert flatten(from_log(workspace, users_of())[0]) == expected
