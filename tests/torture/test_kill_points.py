"""Kill -9 at every point at which `ingest` and `compact` write, commit or clear: the log as read is whole, before or after.

As a script this is the process that dies: `python test_kill_points.py POINT N WHEN WORD…` runs the command line, and kills
itself before or after the N-th call of a function of `features.delta`.
"""

import itertools
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[2]
COMPACT = [
    ("write_part", 1, "before"), ("write_part", 1, "after"), ("write_part", 3, "after"),
    ("commit", 1, "before"), ("commit", 1, "after"), ("commit", 2, "before"), ("commit", 2, "after"),
    ("sweep", 1, "before"), ("sweep", 2, "before"), ("sweep", 2, "after"),
]  # fmt: skip
"""The first commit is of events, of which many small files are made one, the second of histories."""
INGEST = [
    ("write_part", 1, "before"), ("write_part", 2, "after"), ("commit", 1, "before"), ("commit", 1, "after"),
    ("commit", 2, "before"), ("commit", 2, "after"),
]  # fmt: skip
"""The first commit is of events, the second of histories made beside them."""
IN_SUITE = {("commit", 1, "after"), ("commit", 2, "before")}


def die(point, count, when, words):
    """Run the command line until the moment, then kill this very process."""
    from features import delta
    from intently import main

    real, calls = getattr(delta, point), itertools.count(1)

    def wrapped(*args, **kwargs):
        mine = next(calls)  # files are written by several threads
        if mine == count and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        found = real(*args, **kwargs)
        if mine == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    setattr(delta, point, wrapped)
    sys.exit(main(words))


def killed(point, home, *words):
    """Run a verb that dies at a point."""
    command = [sys.executable, __file__, *map(str, point), "--home", str(home), *map(str, words)]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert process.returncode == -signal.SIGKILL, (process.returncode, process.stderr)


def points(all_points):
    return [
        pytest.param(point, marks=() if point in IN_SUITE else pytest.mark.torture, id="-".join(map(str, point)))
        for point in all_points
    ]


@pytest.fixture(scope="module")
def crowded(tmp_path_factory):
    """A workspace with so many small files of events that a compaction makes them one, and what is read of it."""
    from features.compact import CROWD
    from tests.features.logs import invent, make, told

    log = make(tmp_path_factory.mktemp("crowded") / "home", buckets=2)
    log.append([invent(600)], arrived_at=None)
    log.compact()
    for i in range(CROWD):
        log.append([invent(20, start=600 + 20 * i, seed=i)], arrived_at=10**12)
        if i < CROWD - 1:
            log.compact()
    return log.workspace.home, told(log.flat())


@pytest.mark.parametrize("point", points(COMPACT))
def test_a_compaction_killed_at_a_point_changes_nothing_that_is_read(tmp_path, crowded, point):
    from features.log import EventLog
    from features.workspace import Workspace
    from tests.features.logs import assert_reads, covers, told

    home, people = tmp_path / "home", crowded[1]
    shutil.copytree(crowded[0], home)
    killed(point, home, "compact")
    log = EventLog(Workspace.at(home, environ={}))
    assert told(log.flat()) == people
    assert_reads(log)
    with log.workspace.writing("test"):
        log.compact()
    assert covers(log)
    assert told(log.flat()) == people
    assert_reads(log)


@pytest.mark.parametrize("point", points(INGEST))
def test_an_ingest_killed_at_a_point_is_there_whole_or_not_at_all_and_can_be_done_again(tmp_path, point):
    from features.intake import ingest
    from features.log import EventLog
    from features.workspace import Workspace
    from tests.features.logs import assert_reads, covers, invent, make

    home, path = tmp_path / "home", tmp_path / "events.parquet"
    make(home, buckets=2)
    pq.write_table(invent(60_000, users=3_000, first=10**15).drop_columns("source"), path)
    killed(point, home, "ingest", path, "--format", "canonical", "--timezone", "UTC")
    log = EventLog(Workspace.at(home, environ={}))
    committed = (point[0], point[1]) == ("commit", 2) or point == ("commit", 1, "after")
    assert log.n_events == (60_000 if committed else 0)
    report = ingest(log.workspace, [path], "canonical", now=2 * 10**15)
    assert (report["accepted"], report["duplicate"]) == ((0, 60_000) if committed else (60_000, 0))
    log.refresh()
    assert covers(log)
    assert log.n_events == 60_000
    assert not list(home.rglob(".spill"))
    if point in IN_SUITE:
        assert_reads(log)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    die(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4:])
