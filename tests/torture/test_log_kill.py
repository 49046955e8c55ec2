"""Kill -9 a writer at random points: the log holds whole appends, reads, and takes the next one.

As a script this is the writer: it appends numbered batches to the workspace named, one after the other, compacting and
correcting the users table in between, until it is killed.
"""

import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

ROOT = Path(__file__).parents[2]
SIZE = 300
KILLS = int(os.environ.get("INTENTLY_KILLS", "200"))


def batch(n):
    """The n-th batch: SIZE events of its own, some of them told twice, some known from the batch before."""
    rng = np.random.default_rng(n)
    table = pa.table(
        {
            "user_id": [f"u{i}" for i in rng.integers(0, 30, SIZE)],
            "ts": rng.integers(0, 10**9, SIZE),
            "kind": rng.choice(["view", "cart", "purchase"], SIZE),
            "item": [f"i{i}" for i in rng.integers(0, 9, SIZE)],
            "event_id": [f"{n}-{i}" for i in range(SIZE)],
        }
    )
    return [table, table.slice(0, 20), *([batch(n - 1)[1]] if n else [])]


def write(home):
    """Append until killed."""
    import deltalake  # noqa: F401 - so that the kill falls into the work, not into imports

    import features.log
    from features.hashing import hash128
    from features.spill import Spill
    from features.workspace import Workspace

    workspace = Workspace.at(home, environ={})
    log = features.log.EventLog(workspace)
    in_memory = Spill
    random.seed(log.n_events)
    hash128(pa.array(["compiled"]))
    with workspace.writing("torture"):
        while True:
            print("append", flush=True)
            n = log.refresh().n_events // SIZE
            features.log.Spill = random.choice([in_memory, partial(in_memory, budget=1)])
            appended = log.append(batch(n), arrived_at=None)
            assert (appended.accepted, appended.conflict) == (SIZE, 0), appended
            if random.random() < 0.5:
                print("compact", flush=True)
                log.compact()
            print("users", flush=True)
            log.put_users(pa.table({"user_id": ["u1", "u2"], "attributes": [f'{{"n": {n}}}'] * 2}))


def torture(home, kills, seed):
    from ..features.logs import assert_reads, covers, make  # noqa: TID252 - tests are not on the path

    log = make(home)
    chance = random.Random(seed)
    held, versions = 0, set()
    for _ in range(kills):
        with subprocess.Popen([sys.executable, __file__, str(home)], stdout=subprocess.PIPE, cwd=ROOT) as writer:
            last = time.monotonic()
            for _ in range(chance.randint(1, 6)):
                assert writer.stdout.readline(), "the writer died of itself"
                last, step = time.monotonic(), time.monotonic() - last
            time.sleep(chance.uniform(0, min(step, 0.3)))  # somewhere in a step that takes as long as the one before
            assert writer.poll() is None, "the writer died of itself"
            os.kill(writer.pid, signal.SIGKILL)
        log.refresh()
        if not log.exists:
            continue
        assert log.n_events % SIZE == 0, "an append is there in part"
        assert log.n_events >= held, "an append was lost"
        held = log.n_events
        versions.add((log.version, log.histories.version))
        expected = {f"{n}-{i}" for n in range(held // SIZE) for i in range(SIZE)}
        assert set(log.flat(columns=["event_id"])["event_id"].to_pylist()) == expected
        assert_reads(log)
        notes = [row["attributes"] for row in log.users().to_pylist()]
        assert len(set(notes)) <= 1, "users were corrected in part"
    with log.workspace.writing("test"):  # the killed ones freed the lock
        assert log.append(batch(held // SIZE), arrived_at=None).accepted == SIZE
        log.compact()
        assert covers(log)
        assert_reads(log)
    assert not list(log.workspace.home.rglob(".spill"))
    assert held > 0
    assert len(versions) > 1


def test_a_killed_writer_leaves_whole_appends(tmp_path):
    torture(tmp_path / "home", kills=4, seed=1)


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(max(1, KILLS // 50)))
def test_killed_writers_leave_whole_appends(tmp_path, seed):
    torture(tmp_path / "home", kills=min(50, KILLS), seed=100 + seed)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    write(Path(sys.argv[1]))
