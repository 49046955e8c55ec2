import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pyarrow as pa
import pytest

from serving.journal import Journal

from .conftest import invent, with_keys


@pytest.fixture
def journal(tmp_path):
    found = Journal(tmp_path / "journal.db", 4)
    yield found
    found.close()


def test_what_goes_in_comes_out_in_order(journal):
    events = with_keys(invent(300))
    assert journal.append(events).all()
    seq, found = journal.since()
    assert seq == 300
    assert found.select(events.column_names).cast(events.schema).equals(events)
    assert journal.backlog == 300
    assert journal.last_ts == max(events["ts"].to_pylist())


def test_an_event_is_kept_once(journal):
    events = with_keys(invent(100))
    journal.append(events.slice(0, 60))
    assert journal.append(events).tolist() == [False] * 60 + [True] * 40
    twice = pa.concat_tables([with_keys(invent(1, prefix="x"))] * 2)
    assert journal.append(twice).tolist() == [True, False]


def test_the_first_arrival_counts(journal):
    first = with_keys(invent(1))
    second = first.set_column(first.column_names.index("item"), "item", [["other"]])
    journal.append(first)
    journal.append(second)
    assert journal.since()[1]["item"].to_pylist() == first["item"].to_pylist()


def test_forgetting_goes_no_further_than_asked_and_numbers_go_on(journal):
    journal.append(with_keys(invent(10)))
    journal.forget(7)
    assert journal.backlog == 3
    journal.forget(10)
    assert journal.append(with_keys(invent(1, prefix="again"))).all()
    assert journal.since()[0] == 11


def test_parts_by_bucket_and_by_user_are_the_whole(journal):
    events = with_keys(invent(500, users=30))
    journal.append(events)
    parts = pa.concat_tables([journal.of_bucket(bucket) for bucket in range(4)])
    assert sorted(parts["event_id"].to_pylist()) == sorted(events["event_id"].to_pylist())
    mine = journal.of_users(["u3", "u7", "nobody"])
    assert mine["event_id"].to_pylist() == [
        row["event_id"] for row in events.to_pylist() if row["user_id"] in ("u3", "u7")
    ]


def test_an_identity_is_kept_and_differs_from_another_journals(journal, tmp_path):
    again = Journal(journal.path, 4)
    other = Journal(tmp_path / "other.db", 4)
    assert again.id == journal.id != other.id
    again.close()
    other.close()


def test_writers_at_once_lose_nothing(journal):
    events = with_keys(invent(400))
    counts = []

    def write(start):
        counts.append(int(journal.append(events.slice(start, 200)).sum()))

    threads = [threading.Thread(target=write, args=(start,)) for start in (0, 100, 200, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == journal.backlog == 400
    seq, found = journal.since()
    assert (np.diff(np.arange(1, seq + 1)) == 1).all()
    assert sorted(found["event_id"].to_pylist()) == sorted(events["event_id"].to_pylist())


WRITER = """
import sys
from pathlib import Path
from serving.journal import Journal
from tests.serving.conftest import invent, with_keys
journal = Journal(Path(sys.argv[1]), 4)
for round in range(10_000):
    journal.append(with_keys(invent(7, seed=round, prefix=f"{round}-")))
    print(round, flush=True)
"""


@pytest.mark.parametrize("n_rounds", [1, 40])
def test_a_killed_writer_loses_nothing_that_it_acknowledged(tmp_path, n_rounds):
    path = tmp_path / "journal.db"
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as writer:
        for line in writer.stdout:
            if int(line) >= n_rounds:
                os.kill(writer.pid, signal.SIGKILL)
                break
        acknowledged = max([n_rounds, *(int(line) for line in writer.stdout if line.strip())])
    journal = Journal(path, 4)
    found = set(journal.since()[1]["event_id"].to_pylist())
    assert {f"{n}-{place}" for n in range(acknowledged + 1) for place in range(7)} <= found
    assert len(found) % 7 == 0, "a batch is there whole or not at all"
    assert journal.connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    journal.close()
