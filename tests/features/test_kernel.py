"""The machine code itself: how it is kept, what it rests on, that its work is linear."""

import ast
import importlib
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from features import algebra as ask
from features import native
from features.algebra import back
from features.catalogue import load
from features.errors import InternalError
from features.events import CODED_FIELDS, DAY, KINDS, NUMBER_FIELDS
from features.histories import Codes, Histories
from features.matrix import evaluate, grid
from features.program import compile_program
from features.traits import parts
from features.union import empty

FEATURES = Path(native.__file__).parent
NOW = 1_750_000_000_000_000


def run(code: str, **environ: str) -> str:
    command = [sys.executable, "-c", code]
    env = os.environ | {"PYTHONPATH": str(FEATURES.parent)} | environ
    return subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout


def test_the_digest_covers_every_module_that_the_machine_code_rests_on():
    known, found = set(), ["entries.py"]
    while found:
        name = found.pop()
        known.add(name)
        for node in ast.walk(ast.parse((FEATURES / name).read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == 1:
                modules = [node.module] if node.module else [alias.name for alias in node.names]
                found += [f"{m}.py" for m in modules if f"{m}.py" not in known]
    # algebra and what it needs is read by lower.py when a program is compiled, not by the kernel
    assert known - {"algebra.py", "terms.py", "sources.py", "errors.py"} <= set(native.SOURCES)


def test_an_answer_needs_no_compiler():
    code = (
        "import sys, numpy as np, pyarrow as pa\n"
        "from features.algebra import Count, back\n"
        "from features.matrix import evaluate, grid\n"
        "from features.program import compile_program\n"
        "from features.union import empty\n"
        "program = compile_program({'n': Count((), back(7))}, kinds=('view',), retention_days=9, timezone='UTC')\n"
        "print(evaluate(program, empty(pa.array(['u']), [], []), *grid(1, [0])).values, 'numba' in sys.modules)"
    )
    assert run(code) == "[[0.]] False\n"


def forget():
    """Let the machine code be loaded anew."""
    native.load.cache_clear()
    native._load.cache_clear()


@pytest.fixture
def compilations(monkeypatch):
    """How often the compiler was asked; it answers with what it made before, as it takes 12 s."""
    native.load()
    binding = importlib.import_module("llvmlite.binding")
    made = native._kept(f"kernel-{native._digest(binding)}.o")
    asked = []
    monkeypatch.setattr(native, "_compile", lambda *_: (asked.append(1), made)[1])
    forget()
    yield asked
    forget()


def test_machine_code_is_kept_and_made_anew_where_damaged(compilations, monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))

    def load() -> int:
        forget()
        assert sorted(native.load()) == sorted(native.ENTRIES)
        return len(compilations)

    assert [load(), load()] == [1, 1]
    (kept,) = (tmp_path / "cache").iterdir()
    for damaged in (kept.read_bytes()[:-1], b"", b"no line"):
        kept.write_bytes(damaged)
        assert [load(), load()] == [len(compilations)] * 2
    assert len(compilations) == 4


def test_without_a_folder_to_keep_it_in_machine_code_is_made_each_time(compilations, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    for expected in (1, 2):
        forget()
        native.load()
        assert len(compilations) == expected


def person(n: int, late: bool) -> Histories:
    """One person with n events 20 seconds apart, with every field, all items different; of the late ones half are not known yet."""
    place = np.arange(n, dtype=np.int64)
    ts = NOW - (n - place) * 20_000_000
    offsets = np.array([0, n])
    few, all_different = (place % 5).astype(np.int32), place.astype(np.int32)
    texts = pa.array([f"{i}" for i in range(5)])
    return Histories(
        users=pa.array(["u"]),
        offsets=offsets,
        ts=ts,
        arrived=np.where(place % 2 == 0, ts, NOW) if late else None,
        kind=(place % len(KINDS)).astype(np.int8),
        key_hi=ts,
        key_lo=ts,
        numbers=dict.fromkeys(NUMBER_FIELDS, place % 1000),
        coded={
            field: Codes(all_different, offsets, pa.array(np.arange(n)).cast(pa.string()))
            if field == "item"
            else Codes(few, np.array([0, 5]), texts)
            for field in CODED_FIELDS
        },
    )


@pytest.mark.parametrize("late", [False, True])
def test_work_is_linear_in_the_history_of_a_million_events(late):
    asked = {name: feature for name, feature in load(kinds=KINDS).features.items() if parts(feature)}
    program = compile_program(asked, kinds=KINDS, retention_days=400, timezone="UTC")

    def seconds(n: int) -> float:
        histories = person(n, late)
        best = np.inf
        for _ in range(2):
            before = time.thread_time()
            matrix = evaluate(program, histories, *grid(1, [NOW]))
            best = min(best, time.thread_time() - before)
            assert matrix.column("lifetime_events")[0] == (n // 2 if late else n)
        return best

    assert seconds(1_000_000) < 30 * seconds(100_000)  # quadratic would be 100 times


def test_empty_tables_of_every_sort():
    program = compile_program({"n": ask.Count((), back(7))}, kinds=KINDS, retention_days=400, timezone="UTC")
    nobody = empty(pa.array([], pa.string()), [], [])
    assert evaluate(program, nobody, *grid(0, [NOW])).values.shape == (0, 1)
    silent = empty(pa.array(["a", "b"]), [], [])
    assert evaluate(program, silent, *grid(2, [])).values.shape == (0, 1)
    assert evaluate(program, silent, *grid(2, [NOW, NOW + DAY])).values.tolist() == [[0.0]] * 4
    nothing = compile_program({}, kinds=KINDS, retention_days=400, timezone="UTC")
    assert evaluate(nothing, silent, *grid(2, [NOW])).values.shape == (2, 0)


@pytest.mark.parametrize("place", [-1, 1])
def test_a_row_of_nobody_is_refused_before_memory_is_touched(place):
    program = compile_program({"n": ask.Count((), back(7))}, kinds=KINDS, retention_days=400, timezone="UTC")
    with pytest.raises(InternalError, match="Rows name persons"):
        evaluate(program, empty(pa.array(["a"]), [], []), np.array([place]), np.array([NOW]))
