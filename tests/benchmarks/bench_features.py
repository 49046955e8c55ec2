"""The feature matrix, ours beside a strong engineer's DuckDB SQL: whole processes, the same input, in one run.

    python tests/benchmarks/bench_features.py --events 2000000 --events 20000000

A shop of about so many events is simulated, ingested and compacted; then the peer's 45 features are computed at one cutoff and
at twelve weekly ones by `intently features compute` and by `duckdb_features.py` (in `$INTENTLY_BENCH`, else
../shared/bench), turn about, and our whole catalogue beside them. Prints medians of wall time and peak memory, after the
answers were found equal to 1e-6. Arrival times are left out of the input, since the peer does not know them, and its count of
"no item" as an item is taken off again.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

ROOT = Path(__file__).parents[2]
PEER = Path(os.environ.get("INTENTLY_BENCH", ROOT.parent / "shared" / "bench")) / "duckdb_features.py"
EVENTS_A_USER = 79
DAY = 86_400_000_000
KINDS, DAYS = ("view", "click", "cart", "favorite", "purchase"), (1, 7, 30, 90)
SHARED = {
    **{f"{kind}_count_{days}d": f"{kind}_count_{days}d" for kind in KINDS for days in DAYS},
    **{f"{kind}_age": f"{kind}_age" for kind in KINDS},
    **{f"{of}_{days}d": f"{of}_{days}d" for of in ("purchase_value", "active_days") for days in DAYS},
    **{
        f"{of}_{days}d": f"{of}_{days}d - coalesce(nulls.{one} >= cutoff - {days * DAY}, false)::int"
        for of, one in (("items", "item"), ("categories", "category"))
        for days in DAYS
    },
    "event_tenure": f"(cutoff - first_ts) / {DAY}.0",
    "event_age": f"(cutoff - last_ts) / {DAY}.0",
    "mean_value": "mean_value",
    "max_value": "max_value",
}
"""Our features, and the same from the peer's columns."""
LAST = datetime(2025, 12, 29, tzinfo=UTC)


WATCH = """
import os, subprocess, sys, time
started = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(time.perf_counter() - started, usage.ru_maxrss, status)
"""
"""Runs a command from a small process: the peak that a child reports begins with its parent's."""


def timed(command):
    """(wall seconds, peak MiB) of a command as a process of its own."""
    watch = [sys.executable, "-c", WATCH, *command]
    told = subprocess.run(watch, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    seconds, peak, status = told.split()
    if status != "0":
        sys.exit(f"{' '.join(map(str, command[:8]))} … ended with {status}")
    return float(seconds), int(peak) / (1024 if sys.platform == "linux" else 1024**2)


def quietly(command):
    """Run a step that is not measured."""
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)


def intently(*words):
    """The command line of a verb."""
    return [sys.executable, "-m", "intently", *map(str, words)]


def prepare(n_events, folder):
    """(events' file, workspace that holds them compacted), made where they are not there."""
    shop, home, events = folder / "shop", folder / "home", folder / "events.parquet"
    if not events.exists():
        users = max(1, n_events // EVENTS_A_USER)
        words = ("simulate", "--users", users, "--days", 365, "--seed", 1, "--no-truth", "--out", shop)
        quietly(intently(*words))
        simulated = shop / "events.parquet"
        duckdb.execute(f"copy (select * exclude (arrived_at) from '{simulated}') to '{events}' (format parquet)")
    if not (home / "workspace.json").exists():
        words = ("--home", home, "ingest", events, "--format", "canonical", "--timezone", "UTC", "--currency", "CNY")
        quietly(intently(*words))
        quietly(intently("--home", home, "compact"))
    return events, home


def compare(ours, peer, events):
    """Largest relative difference over the features that both have, of rows joined by user and cutoff."""
    con = duckdb.connect()
    con.execute(
        "create table nulls as select user_id, cutoff, max(ts) filter (item is null) item, max(ts) filter (category is null) "
        f"category from (select distinct cutoff from '{peer}') join "
        f"(select user_id, epoch_us(ts) ts, item, category from '{events}') on ts < cutoff group by all"
    )
    asked = ", ".join(f"{sql} as {name}" for name, sql in SHARED.items())
    worst = ", ".join(
        f"max(case when (o.{name} is null or isnan(o.{name})) and p.{name} is null then 0 "
        f"else coalesce(abs(o.{name} - p.{name}) / greatest(1, abs(p.{name})), 'inf'::double) end)"
        for name in SHARED
    )
    row = con.execute(
        f"select count(*), {worst} from (select *, epoch_us(cutoff) cut from '{ours}') o join (select user_id, cutoff, {asked} "
        f"from '{peer}' join nulls using (user_id, cutoff)) p on o.user_id = p.user_id and o.cut = p.cutoff"
    ).fetchall()[0]
    assert row[0] == con.execute(f"select count(*) from '{peer}'").fetchall()[0][0] > 0
    found = dict(zip(SHARED, row[1:], strict=True))
    unequal = {name: difference for name, difference in found.items() if not difference <= 1e-6}
    if unequal:
        sys.exit(f"The answers differ: {unequal}")
    return max(found.values())


def measure(n_events, folder, repeats):
    """Print the rows of one size."""
    events, home = prepare(n_events, folder)
    n_rows, users = duckdb.execute(f"select count(*), count(distinct user_id) from '{events}'").fetchall()[0]
    for n_cutoffs in (1, 12):
        cutoffs = [f"{LAST - timedelta(weeks=week):%Y-%m-%dT%H:%M:%SZ}" for week in range(n_cutoffs)]
        with tempfile.TemporaryDirectory(dir=folder) as out:
            ours, everything, peer = (Path(out) / f"{name}.parquet" for name in ("ours", "everything", "peer"))
            at = [word for cutoff in cutoffs for word in ("--as-of", cutoff)]
            compute = intently("--home", home, "features", "compute", *at, "--out")
            commands = {
                f"{len(SHARED)} features": [*compute, str(ours), "--features", ",".join(SHARED)],
                "catalogue": [*compute, str(everything)],
                "peer": [sys.executable, str(PEER), str(events), str(peer), *cutoffs],
            }
            runs = {name: [] for name in commands}
            for _ in range(repeats):
                for name, command in commands.items():
                    runs[name].append(timed(command))
            difference = compare(ours, peer, events)
        peer_wall, peer_memory = (statistics.median(run[figure] for run in runs["peer"]) for figure in (0, 1))
        for name in list(commands)[:2]:
            wall, memory = (statistics.median(run[figure] for run in runs[name]) for figure in (0, 1))
            ratio = statistics.median(p[0] / mine[0] for p, mine in zip(runs["peer"], runs[name], strict=True))
            equal = f"{difference:.0e}" if name != "catalogue" else ""
            print(
                f"| {n_rows:,} | {users:,} | {n_cutoffs} | {name} | {wall:.1f} s | {peer_wall:.1f} s | **{ratio:.1f}** "
                f"| {memory:,.0f} MiB | {peer_memory:,.0f} MiB | {equal} |",
                flush=True,
            )


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, action="append", help="About so many events; give it again.")
    parser.add_argument("--repeats", type=int, default=3, help="Runs of each, of which the median is shown.")
    parser.add_argument("--folder", type=Path, help="Keep the simulated shops here, and use those that are there.")
    options = parser.parse_args()
    if not PEER.exists():
        print(f"The peer is not at hand ({PEER}); say where with INTENTLY_BENCH=FOLDER. Nothing was measured.")
        return
    print(
        "| events | users | cutoffs | intently computes | intently | DuckDB | times faster | memory | DuckDB's | difference |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for n_events in options.events or [2_000_000, 20_000_000]:
        with tempfile.TemporaryDirectory() as passing:
            folder = options.folder / str(n_events) if options.folder else Path(passing)
            folder.mkdir(parents=True, exist_ok=True)
            measure(n_events, folder, options.repeats)


if __name__ == "__main__":
    main()
