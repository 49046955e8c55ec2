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
from features.errors import InternalError
from features.events import DAY, KINDS
from features.histories import Codes, Histories
from features.matrix import evaluate, grid
from features.program import compile_program
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
    assert known - {"algebra.py", "window.py", "errors.py"} <= set(native.SOURCES)


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


@pytest.fixture
def compilations(monkeypatch):
    """How often the compiler was asked; it answers with what it made before, as it takes 12 s."""
    native.load()
    binding = importlib.import_module("llvmlite.binding")
    made = native._kept(f"kernel-{native._digest(binding)}.o")
    asked = []
    monkeypatch.setattr(native, "_compile", lambda *_: (asked.append(1), made)[1])
    native.load.cache_clear()
    yield asked
    native.load.cache_clear()


def test_machine_code_is_kept_and_made_anew_where_damaged(compilations, monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))

    def load() -> int:
        native.load.cache_clear()
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
        native.load.cache_clear()
        native.load()
        assert len(compilations) == expected


def person(n: int, codes: np.ndarray) -> Histories:
    """One person with n events a second apart."""
    ts = NOW - np.arange(n, 0, -1, dtype=np.int64) * 1_000_000
    local = Codes(codes.astype(np.int32), np.array([0, codes.max() + 1]), pa.array([], pa.string()))
    return Histories(
        pa.array(["u"]), np.array([0, n]), ts, None, np.zeros(n, np.int8), ts, ts, {"value": ts}, {"item": local}
    )


def test_work_is_linear_in_the_history():
    questions = {
        "different": ask.Distinct("item", (), back(300)),
        "favourite": ask.Entropy("item", (), back(300)),
        "sessions": ask.Sessions("count", (), back(300)),
        "gaps": ask.Gaps((), "median", back(300)),
        "abandoned": ask.Abandoned(back(300)),
        "value": ask.Sum("value", (), back(300)),
    }
    program = compile_program(questions, kinds=KINDS, retention_days=400, timezone="UTC")

    def seconds(n: int) -> float:
        histories = person(n, np.arange(n))
        best = np.inf
        for _ in range(5):
            before = time.thread_time()
            matrix = evaluate(program, histories, *grid(1, [NOW]))
            best = min(best, time.thread_time() - before)
            assert matrix.column("different")[0] == n
        return best

    assert seconds(400_000) < 25 * seconds(40_000)  # quadratic would be 100 times


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
