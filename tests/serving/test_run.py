"""Starting, stopping, killing: nothing acknowledged is lost, nothing is left running."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest

from features.events import HOUR
from features.instants import to_iso
from features.log import EventLog
from features.workspace import Workspace
from serving import run
from serving.clock import Clock
from serving.drain import turn
from serving.fill import fill, open_journal, open_store
from serving.run import bound, free_port, serve

from .conftest import flatten, invent, users_of, with_keys
from .process import await_ready, children, running, runs, within
from .shop import END, make_log


def events_of(first, n):
    return [
        {
            "event_id": f"p{k}",
            "user_id": f"new{k % 37}",
            "ts": to_iso(END + k * HOUR // 100),
            "kind": "view",
            "item": f"i{k % 5}",
        }
        for k in range(first, first + n)
    ]


def ids_in_store(workspace):
    store = open_store(workspace)
    histories = flatten(store.read([f"new{k}" for k in range(37)])[0])
    store.close()
    return sum(map(len, histories.values()))


def ids_in_log(workspace):
    return {
        event_id
        for event_id in EventLog(workspace).flat(columns=["event_id"])["event_id"].to_pylist()
        if event_id[0] == "p"
    }


def keep_posting(client, caller, acknowledged, stop):
    """Post one event after the other until the service is gone."""
    for n in range(10_000):
        event = {"event_id": f"p-{caller}-{n}", "user_id": f"busy{caller}", "ts": to_iso(END), "kind": "view"}
        try:
            answer = client.post("/v1/events", json={"events": [event]})
        except httpx.TransportError:
            return
        assert answer.status_code == 200, answer.text
        acknowledged.add(event["event_id"])
        if stop.is_set():
            return


def test_a_thousand_events_outlive_the_store(shop_copy):
    with running(shop_copy.home, "--clock", "log") as (client, process):
        for first in range(0, 1000, 100):
            answer = client.post("/v1/events", json={"events": events_of(first, 100)})
            assert answer.json() == {"accepted": 100, "duplicate": 0}
        answer = client.post("/v1/tags", json={"user_ids": ["new0", "new36"]}).json()
        assert all(user["known"] for user in answer["users"])
        (worker,) = children(process)
        acknowledged, stop = set(), threading.Event()
        callers = [threading.Thread(target=keep_posting, args=(client, n, acknowledged, stop)) for n in range(4)]
        for caller in callers:
            caller.start()
        assert within(20, lambda: len(acknowledged) > 20)
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert time.monotonic() - started < 15
        stop.set()
        for caller in callers:
            caller.join()
    assert not runs(worker)
    assert ids_in_log(shop_copy) >= {f"p{k}" for k in range(1000)} | acknowledged
    journal = open_journal(shop_copy)
    assert journal.backlog == 0
    journal.close()
    for path in shop_copy.home.glob("profiles.db*"):
        path.unlink()
    assert fill(shop_copy, Clock("log")) == shop_copy.facts.buckets
    assert ids_in_store(shop_copy) == 1000


def test_killed_workers_and_supervisors_lose_nothing_and_leave_nothing(shop_copy):
    with running(shop_copy.home, "--clock", "log", ends_with=-signal.SIGKILL) as (client, process):
        client.post("/v1/events", json={"events": events_of(0, 50)}).raise_for_status()
        (worker,) = children(process)
        os.kill(worker, signal.SIGKILL)
        assert within(30, lambda: children(process) not in ([], [worker]))
        await_ready(client, process)
        assert client.post("/v1/tags", json={"user_ids": ["new0"]}).json()["users"][0]["known"]
        client.post("/v1/events", json={"events": events_of(50, 50)}).raise_for_status()
        (worker,) = children(process)
        process.kill()
        assert within(10, lambda: not runs(worker))
    assert ids_in_store(shop_copy) == 100
    workspace = Workspace.at(shop_copy.home, {})
    journal = open_journal(workspace)
    pending = set(journal.since()[1]["event_id"].to_pylist())
    journal.close()
    assert pending | ids_in_log(workspace) == {f"p{k}" for k in range(100)}
    subprocess.run(
        [sys.executable, "-m", "intently", "--home", str(workspace.home), "lookup", "new0", "--json"],
        check=True, capture_output=True,
    )  # fmt: skip
    assert ids_in_log(workspace) == {f"p{k}" for k in range(100)}, "a look-up drains first"


def refused(home, *words):
    command = [sys.executable, "-m", "intently", "--home", str(home), "--json", "serve", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    return done.stdout


def test_a_port_in_use_is_told_at_once(shop):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = refused(shop.home, "--port", str(port))
    assert '"busy"' in said
    assert str(port) in said
    assert not (shop.home / "profiles.db").exists()


def test_without_a_champion_nothing_starts(tmp_path):
    workspace = make_log(tmp_path / "home", 5)
    said = refused(workspace.home, "--port", str(free_port()))
    assert '"not_ready"' in said
    assert "promote" in said


def test_a_changed_byte_in_the_bundle_is_damage(shop_copy):
    booster = next((shop_copy.bundles / "1").glob("*.booster.txt"))
    data = bytearray(booster.read_bytes())
    data[len(data) // 2] ^= 1
    booster.chmod(0o644)
    booster.write_bytes(data)
    said = refused(shop_copy.home, "--port", str(free_port()))
    assert '"damaged"' in said
    assert booster.name in said


def test_a_bound_port_is_refused_to_a_second_one():
    port = free_port()
    with bound("127.0.0.1", port), pytest.raises(Exception, match=str(port)), bound("127.0.0.1", port):
        pass


def test_an_unknown_clock_is_refused(shop):
    with pytest.raises(Exception, match="now, log"):
        serve(shop, port=free_port(), clock="moon")


def test_upkeep_drains_and_follows_the_log(shop_copy, monkeypatch):
    monkeypatch.setattr(run, "UPKEEP_SECONDS", 0.05)
    fill(shop_copy, Clock("log"))
    journal, store, ending = open_journal(shop_copy), open_store(shop_copy), threading.Event()
    upkeep = threading.Thread(target=run.keep_up, args=(shop_copy, Clock("log"), ending))
    upkeep.start()
    try:
        journal.append(with_keys(invent(20, prefix="p", users=37)))
        assert within(20, lambda: journal.backlog == 0)
        assert within(20, lambda: store.standing().log_version == EventLog(shop_copy).version)
        with turn(shop_copy, "the test", 20):
            EventLog(shop_copy).append([invent(30, seed=8, prefix="file")], arrived_at=None)
            version = EventLog(shop_copy).version
        assert within(20, lambda: store.standing().log_version == version)
        assert flatten(store.read(users_of())[0]) == flatten(EventLog(shop_copy).read_users(users_of()))
    finally:
        ending.set()
        upkeep.join()
        journal.close()
        store.close()
