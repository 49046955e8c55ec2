"""Files of disordered events, loaded by real processes that are killed, again and again, until all is in.

The same shop is loaded twice, its rows in two orders and cut into other files: late by up to a week, a tenth of them told
twice, a day replayed. `python tests/torture/test_disorder.py --kills 200 --events 20000` chooses other counts.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("INTENTLY_KILLS", "200"))
DAY = 86_400 * 10**6
START = 1_735_689_600 * 10**6  # 2025-01-01


def shop(n_events, seed):
    """Rows as they come: n events, a tenth told again later, the third day told twice more."""
    rng = np.random.default_rng(seed)
    ts = START + rng.integers(0, 30 * DAY, n_events)
    kind = rng.choice(["view", "click", "cart", "purchase"], n_events)
    late = np.where(rng.random(n_events) < 0.2, rng.integers(0, 7 * DAY, n_events), 0)
    table = pa.table(
        {
            "event_id": [f"e{i}" for i in range(n_events)],
            "user_id": [f"u{i}" for i in rng.integers(0, max(1, n_events // 25), n_events)],
            "ts": pa.array(ts, pa.timestamp("us", "UTC")),
            "arrived_at": pa.array(ts + late, pa.timestamp("us", "UTC")),
            "kind": kind,
            "item": [f"i{i}" for i in rng.integers(0, 200, n_events)],
            "value": pa.array(rng.integers(1, 10**4, n_events) / 100, mask=kind != "purchase"),
            "text": pa.array([f"说 {i}" for i in range(n_events)], mask=rng.random(n_events) < 0.9),
        }
    )
    again = table.take(pa.array(rng.permutation(n_events)[: n_events // 10]))
    later = pa.array(again["arrived_at"].cast(pa.int64()).to_numpy() + DAY, pa.timestamp("us", "UTC"))
    again = again.set_column(3, "arrived_at", later)
    day = table.filter(pa.array((ts >= START + 2 * DAY) & (ts < START + 3 * DAY)))
    return pa.concat_tables([table, again, day, day]), n_events


def verb(home, *words):
    return [sys.executable, "-m", "intently", "--home", str(home), *map(str, words)]


def until_done(command, chance, usual, kills):
    """Run it, kill it while kills are left, until it ends by itself; kills done, and seconds that a run takes."""
    done = 0
    while True:
        started = time.monotonic()
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            errors = process.communicate(timeout=chance.uniform(0.3, 1) * usual if done < kills else None)[1]
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
            done += 1
            continue
        assert process.returncode == 0, errors.decode()
        return done, time.monotonic() - started


def load(home, table, seed, kills, n_files):
    """Ingest the rows in an order of the seed's, compacting in between; number of kills."""
    chance, rng = random.Random(seed), np.random.default_rng(seed)
    rows = table.take(pa.array(rng.permutation(len(table))))
    cuts = np.sort(rng.integers(0, len(rows), n_files - 1))
    files = home.parent / f"{home.name}-files"
    files.mkdir()
    killed, usual = 0, 3.0
    for n, (start, stop) in enumerate(zip([0, *cuts], [*cuts, len(rows)], strict=True)):
        if start == stop:
            continue
        path = files / f"{n}.parquet"
        pq.write_table(rows.slice(int(start), int(stop - start)), path)
        share = -(-(kills - killed) // (n_files - n))
        words = ("--format", "canonical", "--timezone", "UTC", "--currency", "CNY")
        ended, usual = until_done(verb(home, "ingest", path, *words), chance, usual, share - share // 2)
        killed += ended
        if n % 2 == 0:
            killed += until_done(verb(home, "compact"), chance, usual, share // 2)[0]
    return killed


def content(home):
    """Persons' histories, flat rows, and number of events of a log."""
    from features.log import EventLog
    from features.workspace import Workspace
    from tests.features.logs import events_in

    log = EventLog(Workspace.at(home, environ={}))
    people = {}
    for bucket in log.buckets():
        people |= events_in(log.read(bucket, keys=True))
    order = [("user_id", "ascending"), ("event_id", "ascending")]
    return people, log.flat().drop_columns("bucket").sort_by(order).to_pylist(), log.n_events


def torture(folder, n_events, kills, seed, n_files=4):
    table, n_expected = shop(n_events, seed)
    found, killed = [], 0
    for turn in range(2):
        home = folder / f"home{turn}"
        killed += load(home, table, 10 * seed + turn, -(-kills // 2), n_files + turn)
        found.append(content(home))
        assert not list(home.rglob(".spill"))
    assert found[0] == found[1]
    assert found[0][2] == n_expected == len(found[0][1])
    first = {}
    for event, moment in zip(
        table["event_id"].to_pylist(), table["arrived_at"].cast(pa.int64()).to_pylist(), strict=True
    ):
        first[event] = min(first.get(event, moment), moment)
    assert {row["event_id"]: row["arrived_at"] for row in found[0][1]} == first
    return killed


def test_two_orders_with_kills_read_the_same(tmp_path):
    assert torture(tmp_path, n_events=1_500, kills=4, seed=1, n_files=2) > 0


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(max(1, KILLS // 50)))
def test_many_kills_between_files_in_two_orders(tmp_path, seed):
    assert torture(tmp_path, n_events=20_000, kills=min(50, KILLS), seed=100 + seed, n_files=6) > 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--files", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    place = Path(tempfile.mkdtemp())
    try:
        print(f"{torture(place, asked.events, asked.kills, asked.seed, asked.files)} kills: the two logs read the same")
    finally:
        shutil.rmtree(place)
