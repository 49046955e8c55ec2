"""The speed and memory of features, beside DuckDB, Polars and pandas: the same input, in one run, with equal answers.

    python tests/benchmarks/bench_features.py
    python tests/benchmarks/bench_features.py --largest 100000000 --folder /somewhere --out docs/features-speed

A log of 20 M events of 800,000 users is drawn (`shop_log.py`), ingested and compacted. Then, turn about and each as a process
of its own, the peers' 45 features are computed at one cutoff and at twelve weekly ones: by `intently features compute`, by
`duckdb_features.py` (in `$INTENTLY_BENCH`, else ../shared/bench) and by `peers/`. Prints medians as tables in Markdown, after
the answers were found equal to 1e-6; `--out` also writes them as NAME.csv, and draws NAME.svg.
"""

import argparse
import csv
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import duckdb
from same import SHARED, difference, weeks
from shop_log import write_log
from speed_plot import draw, slope
from watch import ROOT, Run, intently, median, quietly, script, timed, turn_about

PEER = Path(os.environ.get("INTENTLY_BENCH", ROOT.parent / "shared" / "bench")) / "duckdb_features.py"
PACKAGES = ("duckdb", "polars", "pandas", "pyarrow", "numpy", "numba")
A_USER = 25  # events
PARTS = ("whole", "inside", "pandas", "scale", "users", "person", "ingest")


@dataclass(frozen=True, slots=True)
class Line:
    """One figure of the results, as the CSV has it."""

    part: str
    what: str
    events: int
    users: int
    cutoffs: int
    wall: float
    processor: float
    peak_mib: float


@dataclass(frozen=True, slots=True)
class Shop:
    """A log as a file, and the workspace that holds it compacted."""

    events: Path
    home: Path
    n_events: int
    n_users: int

    def compute(self, out: Path, n_cutoffs: int, features: str = ",".join(SHARED)) -> list[str]:
        """The command line that computes features."""
        at = [word for cutoff in weeks(n_cutoffs) for word in ("--as-of", cutoff)]
        return intently("--home", self.home, "features", "compute", *at, "--out", out, "--features", features)


class Bench:
    """Prepares logs, measures, and keeps what was measured."""

    def __init__(self, folder: Path, repeats: int, cutoffs: list[int]) -> None:
        self.folder = folder
        self.cutoffs = cutoffs
        self.repeats = repeats
        self.lines: list[Line] = []

    def shop(self, n_events: int, n_users: int) -> Shop:
        """A log of so many events, made where it is not there."""
        folder = self.folder / f"{n_events}-{n_users}"
        folder.mkdir(parents=True, exist_ok=True)
        events, home = folder / "events.parquet", folder / "home"
        if not events.exists():
            write_log(folder / "draft.parquet", n_events, n_users)
            (folder / "draft.parquet").rename(events)
        if not (home / "workspace.json").exists():
            quietly(ingest(events, home))
        quietly(intently("--home", home, "compact"))
        found = duckdb.execute(f"select count(*), count(distinct user_id) from '{events}'").fetchall()[0]
        return Shop(events, home, *found)

    def keep(self, part: str, what: str, shop: Shop, n_cutoffs: int, run: Run) -> Run:
        """Keep a figure."""
        self.lines.append(Line(part, what, shop.n_events, shop.n_users, n_cutoffs, run.wall, run.processor, run.peak))
        return run

    def whole(self, shop: Shop) -> None:
        """Whole processes, output written."""
        title(
            "Whole process, output written",
            "events | users | cutoffs | what | wall | processor | times ours | memory | difference",
        )
        for n_cutoffs in self.cutoffs:
            cutoffs = weeks(n_cutoffs)
            with tempfile.TemporaryDirectory(dir=self.folder) as out:
                files = {name: Path(out) / f"{name}.parquet" for name in ("intently", "catalogue", "duckdb", "polars")}
                commands = {
                    "intently": shop.compute(files["intently"], n_cutoffs),
                    "duckdb": [sys.executable, str(PEER), str(shop.events), str(files["duckdb"]), *cutoffs],
                    "polars": script("peers/polars_features.py", shop.events, files["polars"], *cutoffs),
                    "catalogue": shop.compute(files["catalogue"], n_cutoffs, "*"),
                }
                few = self.repeats if n_cutoffs == 1 else 1
                runs = turn_about(commands, {name: self.repeats if name == "intently" else few for name in commands})
                apart = {name: difference(files["intently"], files[name], shop.events) for name in ("duckdb", "polars")}
            for name in commands:
                run = self.keep("whole", name, shop, n_cutoffs, median(runs[name]))
                times = ratio(runs[name], runs["intently"]) if name in apart else None
                told = f"{apart[name]:.0e}" if name in apart else ""
                show(shop, n_cutoffs, name, run.wall, run.processor, times, f"{run.peak:,.0f} MiB", told)

    def inside(self, shop: Shop) -> None:
        """Inside a process: no imports, no output."""
        title(
            "In process, without imports and output", "events | users | cutoffs | what | wall | processor | times ours"
        )
        for n_cutoffs in self.cutoffs:
            names = ("intently", "duckdb", "polars", "bare") if n_cutoffs == 1 else ("intently", "duckdb")
            runs: dict[str, list[Run]] = {name: [] for name in names}
            for turn in range(self.repeats):
                for name in names:
                    if name == "intently" or turn == 0 or n_cutoffs == 1:
                        runs[name].append(inside(name, shop, weeks(n_cutoffs)))
            for name in names:
                run = self.keep("inside", name, shop, n_cutoffs, median(runs[name]))
                show(shop, n_cutoffs, name, run.wall, run.processor, ratio(runs[name], runs["intently"]))

    def pandas(self, shop: Shop) -> None:
        """pandas, on a size that it survives."""
        title(
            "pandas, whole process",
            "events | users | cutoffs | what | wall | processor | times ours | memory | difference",
        )
        with tempfile.TemporaryDirectory(dir=self.folder) as out:
            ours, theirs = Path(out) / "ours.parquet", Path(out) / "pandas.parquet"
            commands = {
                "intently": shop.compute(ours, 1),
                "pandas": script("peers/pandas_features.py", shop.events, theirs, *weeks(1)),
            }
            runs = turn_about(commands, {"intently": self.repeats, "pandas": 1})
            apart = difference(ours, theirs, shop.events)
        for name in commands:
            run = self.keep("pandas", name, shop, 1, median(runs[name]))
            times, told = (ratio(runs[name], runs["intently"]), f"{apart:.0e}") if name == "pandas" else (None, "")
            show(shop, 1, name, run.wall, run.processor, times, f"{run.peak:,.0f} MiB", told)

    def scale(self, part: str, sizes: list[tuple[int, int]]) -> None:
        """Time and memory by the number of events, or of users."""
        title(
            f"By the number of {'events' if part == 'scale' else 'users'}", "events | users | wall | processor | memory"
        )
        for n_events, n_users in sizes:
            shop = self.shop(n_events, n_users)
            with tempfile.TemporaryDirectory(dir=self.folder) as out:
                runs = [timed(shop.compute(Path(out) / "f.parquet", 1)) for _ in range(self.repeats)]
            run = self.keep(part, "intently", shop, 1, median(runs))
            print(
                f"| {shop.n_events:,} | {shop.n_users:,} | {run.wall:.2f} s | {run.processor:.2f} s | {run.peak:,.0f} MiB |",
                flush=True,
            )
        if part == "scale":
            own = [line for line in self.lines if line.part == part]
            slopes = (
                slope([line.events for line in own], [getattr(line, of) for line in own])
                for of in ("wall", "processor")
            )
            print("\nSlope on a log-log line: wall {:.2f}, processor {:.2f}.".format(*slopes))

    def person(self) -> None:
        """One person, the whole catalogue, in process."""
        title(
            "One person at one cutoff, whole catalogue, in process",
            "events of the person | features | µs | ns an event",
        )
        command = script("one_person.py", 100, 1_000, 10_000, 100_000, 1_000_000)
        for told in subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines():
            n, took, n_features = (float(word) for word in told.split())
            self.lines.append(Line("person", "intently", int(n), 1, 1, took / 1e6, took / 1e6, 0.0))
            print(f"| {n:,.0f} | {n_features:.0f} | {took:,.0f} | {1000 * took / n:,.0f} |", flush=True)

    def ingest(self, shop: Shop) -> None:
        """Ingest beside DuckDB's sorted write."""
        title("Ingest, compacted", "events | users | cutoffs | what | wall | processor | times ours | memory")
        runs: dict[str, list[Run]] = {"intently": [], "duckdb": []}
        for _ in range(self.repeats):
            with tempfile.TemporaryDirectory(dir=self.folder) as out:
                runs["intently"].append(timed(ingest(shop.events, Path(out) / "home")))
                runs["duckdb"].append(timed(script("peers/sorted_write.py", shop.events, Path(out) / "f.parquet")))
        for name, own in runs.items():
            run = self.keep("ingest", name, shop, 0, median(own))
            show(shop, 0, name, run.wall, run.processor, ratio(own, runs["intently"]), f"{run.peak:,.0f} MiB")


def ingest(events: Path, home: Path) -> list[str]:
    """The command line that ingests a log."""
    words = ("ingest", events, "--format", "canonical", "--timezone", "UTC", "--currency", "CNY")
    return intently("--home", home, *words)


def inside(name: str, shop: Shop, cutoffs: list[str]) -> Run:
    """One run of `inside.py`."""
    command = script("inside.py", name, shop.events, shop.home, PEER, *cutoffs)
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    return Run(float(told[0]), float(told[1]), 0.0)


def ratio(theirs: list[Run], ours: list[Run]) -> float:
    """How many times ours, by the wall: the median over the pairs of runs side by side."""
    return statistics.median(their.wall / own.wall for their, own in zip(theirs, ours, strict=False))


def title(text: str, columns: str) -> None:
    """A heading and the head of a table."""
    print(f"\n### {text}\n\n| {columns} |\n|{'---|' * (columns.count('|') + 1)}", flush=True)


def show(shop: Shop, n_cutoffs: int, what: str, wall: float, processor: float, times: float | None, *more: str) -> None:
    """A row of a table."""
    told = "" if times is None else f"**{times:.1f}**"
    cells = (
        f"{shop.n_events:,}",
        f"{shop.n_users:,}",
        n_cutoffs,
        what,
        f"{wall:.2f} s",
        f"{processor:.2f} s",
        told,
        *more,
    )
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def main() -> None:
    """Measure the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--users", type=int, default=800_000)
    parser.add_argument("--pandas", type=int, default=20_000_000, help="Events of the run of pandas.")
    parser.add_argument("--largest", type=int, default=10_000_000, help="Events of the largest log of `scale`.")
    parser.add_argument(
        "--cutoffs", type=int, nargs="*", default=[1, 12], help="Weekly cutoffs of `whole` and `inside`."
    )
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument("--repeats", type=int, default=3, help="Runs of each (slow peers once at twelve cutoffs).")
    parser.add_argument("--folder", type=Path, help="Keep the logs here, and use those that are there.")
    parser.add_argument("--out", type=Path, help="Write NAME.csv and NAME.svg.")
    options = parser.parse_args()
    if not PEER.exists():
        print(f"The peer is not at hand ({PEER}); say where with INTENTLY_BENCH=FOLDER. Nothing was measured.")
        return
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    print(f"{os.cpu_count()} processors, {platform.machine()}, Python {platform.python_version()}, {versions}")
    with tempfile.TemporaryDirectory() as passing:
        bench = Bench(options.folder or Path(passing), options.repeats, options.cutoffs)
        sizes = [n * 10**power for power in (6, 7, 8) for n in (1, 3)]
        for part in options.parts:
            if part in ("whole", "inside", "ingest"):
                getattr(bench, part)(bench.shop(options.events, options.users))
            elif part == "pandas":
                bench.pandas(bench.shop(options.pandas, options.pandas // A_USER))
            elif part == "scale":
                bench.scale(part, [(n, n // A_USER) for n in sizes if n <= options.largest])
            elif part == "users":
                bench.scale(part, [(10_000_000, n) for n in (40_000, 400_000, 2_000_000)])
            else:
                bench.person()
    if options.out:
        table, lines = options.out.with_suffix(".csv"), [asdict(line) for line in bench.lines]
        if table.exists():  # what was not measured again stays
            with table.open(encoding="utf-8") as file:
                lines = [line for line in csv.DictReader(file) if line["part"] not in options.parts] + lines
        with table.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [*Line.__slots__], lineterminator="\n")
            writer.writeheader()
            writer.writerows(lines)
        if {"whole", "inside", "scale"} <= {line["part"] for line in lines}:
            draw(table, options.out.with_suffix(".svg"))


if __name__ == "__main__":
    main()
