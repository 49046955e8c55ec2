"""The feature matrix, ours beside a strong engineer's DuckDB SQL: whole processes, the same input, in one run.

    python tests/benchmarks/bench_features.py --events 2000000 --events 20000000

Simulates a shop of about so many events, ingests it, and computes the peer's features at one cutoff and at twelve weekly
ones, by `intently features compute` and by `duckdb_features.py` (looked for in `$INTENTLY_BENCH`, else ../shared/bench), in
turn. Prints medians of wall time and peak memory with their ratios, after both were found equal to 1e-6. Arrival times are
left out, since the peer does not know them, and its count of "no item" as an item is taken off again.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np

ROOT = Path(__file__).parents[2]
PEER = Path(os.environ.get("INTENTLY_BENCH", ROOT.parent / "shared" / "bench")) / "duckdb_features.py"
KINDS, DAYS = ("view", "click", "cart", "favorite", "purchase"), (1, 7, 30, 90)
SHARED = (
    *(f"{kind}_count_{days}d" for kind in KINDS for days in DAYS),
    *(f"{kind}_age" for kind in KINDS),
    *(f"{name}_{days}d" for name in ("purchase_value", "items", "categories", "active_days") for days in DAYS),
)
OURS_ALONE = (
    "event_tenure",
    "event_age",
    "mean_value",
    "max_value",
)  # the peer's first_ts, last_ts, mean_value, max_value
CUTOFFS = [f"{date(2025, 10, 13) + timedelta(weeks=week)}T00:00:00Z" for week in range(12)]
EVENTS_A_USER = 79


def timed(command):
    """(wall seconds, peak MiB) of a command as a process of its own."""
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(map(str, command))} ended with {status}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def intently(*words):
    """The command line of a verb."""
    return [sys.executable, "-m", "intently", *map(str, words)]


def largest_difference(ours, peer, events, cutoffs):
    """Largest absolute difference over the features that both have; rows are joined by user and cutoff."""
    con = duckdb.connect()
    names = ", ".join(f"o.{name} as o_{name}, p.{name} as p_{name}" for name in SHARED)
    cuts = ", ".join(f"({int(np.datetime64(c.removesuffix('Z'), 'us').astype(np.int64))})" for c in cutoffs)
    none = ", ".join(
        f"count(*) filter (e.{field} is null and epoch_us(e.ts) >= c.cut - {days} * 86400000000) > 0 as no_{name}_{days}d"
        for name, field in (("items", "item"), ("categories", "category"))
        for days in DAYS
    )
    con.execute(
        f"create table nulls as select e.user_id, c.cut, {none} from '{events}' e, (values {cuts}) c(cut) "
        "where epoch_us(e.ts) < c.cut group by all"
    )
    found = con.execute(
        f"select {names}, n.* from '{ours}' o join '{peer}' p on o.user_id = p.user_id and epoch_us(o.cutoff) = p.cutoff "
        "join nulls n on n.user_id = p.user_id and n.cut = p.cutoff"
    ).fetchnumpy()
    assert len(found["cut"]) == con.execute(f"select count(*) from '{peer}'").fetchall()[0][0]
    largest = 0.0
    for name in SHARED:
        mine, theirs = (np.ma.filled(found[f"{who}_{name}"].astype(float), np.nan) for who in "op")
        if f"no_{name}" in found:
            theirs = theirs - np.asarray(found[f"no_{name}"], float)
        assert (np.isnan(mine) == np.isnan(theirs)).all(), name
        largest = max(largest, float(np.nanmax(np.abs(mine - theirs), initial=0)))
    return largest


def run(n_events, repeats):
    """One size: rows of the table."""
    with tempfile.TemporaryDirectory() as folder:
        shop, home, events = Path(folder) / "shop", Path(folder) / "home", Path(folder) / "events.parquet"
        users = max(1, n_events // EVENTS_A_USER)
        subprocess.run(
            intently("simulate", "--users", users, "--days", 365, "--seed", 1, "--no-truth", "--out", shop), cwd=ROOT, check=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        duckdb.execute(
            f"copy (select * exclude (arrived_at) from '{shop / 'events.parquet'}') to '{events}' (format parquet)"
        )
        subprocess.run(
            intently("--home", home, "ingest", events, "--format", "canonical", "--timezone", "UTC"), cwd=ROOT, check=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        subprocess.run(intently("--home", home, "compact"), cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        n_rows = duckdb.execute(f"select count(*) from '{events}'").fetchall()[0][0]
        for cutoffs in (CUTOFFS[-1:], CUTOFFS):
            ours, peer = Path(folder) / "ours.parquet", Path(folder) / "peer.parquet"
            at = [word for cutoff in cutoffs for word in ("--as-of", cutoff)]
            names = ",".join((*SHARED, *OURS_ALONE))
            mine = intently("--home", home, "features", "compute", *at, "--features", names, "--out", ours)
            theirs = [sys.executable, str(PEER), str(events), str(peer), *cutoffs]
            pairs = [(timed(mine), timed(theirs)) for _ in range(repeats)]
            difference = largest_difference(ours, peer, events, cutoffs)
            assert difference <= 1e-6, difference
            (wall, memory), (peer_wall, peer_memory) = (
                [statistics.median(pair[side][figure] for pair in pairs) for figure in (0, 1)] for side in (0, 1)
            )
            ratio = statistics.median(pair[1][0] / pair[0][0] for pair in pairs)
            print(
                f"| {n_rows:,} | {users:,} | {len(cutoffs)} | {wall:.1f} s | {peer_wall:.1f} s | **{ratio:.1f}** "
                f"| {memory:,.0f} MiB | {peer_memory:,.0f} MiB | {difference:.0e} |",
                flush=True,
            )


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--events", type=int, action="append", default=None, help="About so many events; give it again."
    )
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    if not PEER.exists():
        print(f"The peer is not at hand ({PEER}); say where with INTENTLY_BENCH=FOLDER. Nothing was measured.")
        return
    print("| events | users | cutoffs | intently | DuckDB | times faster | memory | DuckDB's | largest difference |")
    print("|---|---|---|---|---|---|---|---|---|")
    for n_events in options.events or [2_000_000, 20_000_000]:
        run(n_events, options.repeats)


if __name__ == "__main__":
    main()
