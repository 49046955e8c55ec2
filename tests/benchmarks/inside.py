"""Seconds inside a process, without imports, start-up and output: run in a fresh process each.

    python tests/benchmarks/inside.py intently EVENTS HOME PEER CUTOFF [CUTOFF ...]

- `intently`: from opening the log to the tables of all persons as `features compute` would write them, made by its own pipeline
  and let go; the catalogue is compiled and the machine code loaded before.
- `duckdb`: the peer's SELECT at each cutoff, into a table in memory; the connection is open before.
- `polars`: the peer's expression at each cutoff, collected.
- `bare`: pyarrow reads, of our histories' files, the columns that the features need, two files at a time, and lets them go.

Prints wall and processor seconds.
"""

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

sys.path.insert(0, str(Path(__file__).parents[2]))


def module_of(path: Path) -> ModuleType:
    """A peer's script as a module."""
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def intently(home: Path, cutoffs: list[str]) -> Callable[[], object]:
    """Read and answer."""
    from features.lean import for_one_task

    for_one_task()
    from same import SHARED

    from features import catalogue, compute, native
    from features.log import EventLog
    from features.program import compile_program
    from features.workspace import Workspace

    native.load()
    workspace = Workspace.at(home)
    facts = workspace.facts
    features = catalogue.of(workspace).select(list(SHARED)).features
    program = compile_program(features, kinds=facts.kinds, retention_days=facts.retention_days, timezone=facts.timezone)
    instants = [int(datetime.fromisoformat(cutoff).timestamp()) * 1_000_000 for cutoff in cutoffs]
    return lambda: sum(len(table) for _, table in compute._tables(EventLog(workspace), program, instants))


def duckdb(events: Path, peer: Path, cutoffs: list[str]) -> Callable[[], object]:
    """Select into a table."""
    select = module_of(peer).select
    import duckdb

    con = duckdb.connect(config={"threads": 2})

    def work() -> None:
        for n, cutoff in enumerate(cutoffs):
            con.execute(f"{'insert into f' if n else 'create table f as'} {select(str(events), cutoff)}")

    return work


def polars(events: Path, cutoffs: list[str]) -> Callable[[], object]:
    """Collect."""
    select = module_of(Path(__file__).parent / "peers" / "polars_features.py").select
    return lambda: [select(str(events), cutoff).collect(engine="streaming") for cutoff in cutoffs]


def bare(home: Path) -> Callable[[], object]:
    """Read the columns."""
    from pyarrow import parquet

    files = sorted((home / "log" / "histories").glob("bucket=*/*.parquet"))
    columns = ["user_id", "ts", "kind", "value", "item_code", "item_n", "category_code", "category_n"]

    def read(path: Path) -> None:
        with parquet.ParquetFile(path) as file:
            file.read(columns=columns, use_threads=False)

    def work() -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(read, files))

    return work


def main() -> None:
    """Time one of them."""
    what, events, home, peer, *cutoffs = sys.argv[1:]
    work = {
        "intently": lambda: intently(Path(home), cutoffs),
        "duckdb": lambda: duckdb(Path(events), Path(peer), cutoffs),
        "polars": lambda: polars(Path(events), cutoffs),
        "bare": lambda: bare(Path(home)),
    }[what]()
    wall, processor = time.perf_counter(), time.process_time()
    work()
    print(time.perf_counter() - wall, time.process_time() - processor)


if __name__ == "__main__":
    main()
