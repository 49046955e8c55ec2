"""Planted faults: each changes the reader of histories in one place, and the parity property must notice.

The mutants run in one child process without compilation, each in a copy of the package; the unchanged copy must pass.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

MUTANTS = {
    "the cutoff is seen": (
        "kernel.py",
        "high = place(ts, low, offsets[u + 1], t)",
        "high = place(ts, low, offsets[u + 1], t + 1)",
    ),
    "the cutoff is not asked about": (
        "kernel.py",
        "low = place(ts, offsets[u], offsets[u + 1], t)",
        "low = place(ts, offsets[u], offsets[u + 1], t + 1)",
    ),
    "a window's first instant is left out": (
        "places.py",
        "ts[low + half] < instant",
        "ts[low + half] <= instant",
    ),
    "a forward window's end is let in": (
        "kernel.py",
        "t + instants[i])",
        "t + instants[i] + (step > 0) * (instants[i] > 0))",
    ),
    "a near edge is off by one": (
        "kernel_groups.py",
        "here = bounds[what[2]]",
        "here = bounds[what[2]] - 1",
    ),
    "retention is ignored": (
        "kernel.py",
        "t - retention)",
        "t - 2 * retention)",
    ),
    "retention ends late": (
        "kernel.py",
        "t + retention)",
        "t + retention + 1)",
    ),
    "arrival is ignored": (
        "kernel.py",
        "late = len(arrived) > 0 and step < 0",
        "late = False",
    ),
    "arrival at the cutoff counts": (
        "kernel_sweep.py",
        "if not (late and arrived[e] >= t):\n            k =",
        "if not (late and arrived[e] > t):\n            k =",
    ),
    "targets wait for arrival": (
        "kernel.py",
        "late = len(arrived) > 0 and step < 0",
        "late = len(arrived) > 0",
    ),
    "equal keys are kept": (
        "histories.py",
        "return order[first]",
        "return order",
    ),
    "the last arrival counts": (
        "histories.py",
        "order = np.lexsort((arrived, lo, hi, person))",
        "order = np.lexsort((-arrived, lo, hi, person))",
    ),
    "keys do not order ties": (
        "histories.py",
        "np.lexsort((lo[among], hi[among], ts[among], person[among]))",
        "np.arange(len(among))[::-1]",
    ),
    "favourite ties go to the earlier": (
        "kernel_groups.py",
        "rank[code] < rank[best]",
        "rank[code] > rank[best]",
    ),
    "a silence of the gap does not end a session": (
        "kernel_runs.py",
        "* step >= gap",
        "* step > gap",
    ),
    "a session belongs where it ends": (
        "kernel_runs.py",
        "begin = head if step > 0 else tail",
        "begin = tail if step > 0 else head",
    ),
    "transitions cross sessions": (
        "kernel_sweep.py",
        "ts[e] - ts[before] < SESSION_GAP",
        "ts[e] - ts[before] <= SESSION_GAP",
    ),
    "a transition's earlier event must lie in the window": (
        "kernel_sweep.py",
        "if before >= low and",
        "if before >= begin and",
    ),
    "a transition may come from what had not arrived": (
        "kernel_sweep.py",
        "while late and before >= low",
        "while False and before >= low",
    ),
    "null counts": (
        "kernel_sweep.py",
        "if number != NULL and",
        "if number != 1 and",
    ),
    "a field is dropped an edge too early": (
        "kernel_sweep.py",
        "fields[f, 2] >= edge",
        "fields[f, 2] > edge",
    ),
    "hours are dropped an edge too early": (
        "kernel_sweep.py",
        "histograms[h, 3] >= edge",
        "histograms[h, 3] > edge",
    ),
    "a value met again is a new one": (
        "kernel_groups.py",
        "n_met += 1 - counts[code]",
        "n_met += 1",
    ),
    "a purchase must come after the cart": (
        "kernel_groups.py",
        "carted[code] > bought[code]",
        "carted[code] >= bought[code]",
    ),
    "counts are not cleared": (
        "kernel_groups.py",
        "    for i in range(n_met):\n        counts[met[i]] = 0\n",
        "",
    ),
    "a day put back is a new one": (
        "kernel_runs.py",
        "if code in (day, other):",
        "if code == day:",
    ),
    "half an hour is lost": (
        "kernel_calendar.py",
        "local = now + offsets[place]",
        "local = now + offsets[place] // 3_600_000_000 * 3_600_000_000",
    ),
    "the last change of the clock is missed": (
        "kernel_calendar.py",
        "starts[place + 1] <= now",
        "starts[place + 1] < now",
    ),
    "the lower middle is the median": (
        "kernel_runs.py",
        "return lower + upper",
        "return lower + lower",
    ),
    "a lifetime ends with RETENTION": (
        "kernel.py",
        "bounds[ever] = begin",
        "bounds[ever] = low",
    ),
    "who did nothing of late did nothing ever": (
        "kernel.py",
        "nothing = begin == high and from_carry == to_carry",
        "nothing = low == high",
    ),
    "the carry is left out": (
        "kernel_sweep.py",
        "gathered[k] += carried[1, c]",
        "gathered[k] += 1",
    ),
    "the carry's numbers are left out": (
        "kernel_sweep.py",
        "gathered[a] += carried[row, c]",
        "gathered[a] += 0",
    ),
    "a mean forgets how many were carried": (
        "kernel_sweep.py",
        "gathered[a + 1] += carried[row + 1, c]",
        "gathered[a + 1] += carried[1, c]",
    ),
    "the carry's last hides what came after": (
        "kernel_sweep.py",
        "        if gathered[k] == 0:\n            nearest[k] = carried[3, c]",
        "        nearest[k] = carried[3, c]\n        if gathered[k] == 0:",
    ),
    "the first channel is the first one held": (
        "kernel_ends.py",
        "what[5] >= 0 and touch",
        "what[5] > 9 and touch",
    ),
    "two sweeps share a table of transitions": (
        "kernel_sweep.py",
        "pairs[base + kind[before]",
        "pairs[0 * base + kind[before]",
    ),
    "a session is open after half an hour of silence": (
        "kernel_ends.py",
        "known - ts[e] >= SESSION_GAP",
        "known - ts[e] > SESSION_GAP",
    ),
    "what had not arrived keeps a session open": (
        "kernel_ends.py",
        "        if late and arrived[e] >= t:\n            continue\n        if known",
        "        if known",
    ),
    "what had not arrived ends a streak": (
        "kernel_ends.py",
        "        if late and arrived[e] >= t:\n            continue\n        if (what[1]",
        "        if (what[1]",
    ),
    "a streak goes on past what ends it": (
        "kernel_ends.py",
        "            break\n        n +=",
        "            continue\n        n +=",
    ),
    "the last but one is the last": (
        "kernel_ends.py",
        "left = max(n, 1)",
        "left = 1",
    ),
    "staying is a move": (
        "kernel_runs.py",
        "code >= 0 and now != code and",
        "code >= 0 and",
    ),
    "a move may take as long as the gap": (
        "kernel_runs.py",
        "ts[e] - at < gap",
        "ts[e] - at <= gap",
    ),
    "a null is a place to move from": (
        "kernel_runs.py",
        "now < 0 or not (mask",
        "now < -1 or not (mask",
    ),
    "moves come from anywhere": (
        "kernel_runs.py",
        "left = before < 0 or",
        "left = True or",
    ),
    "kinds of later are told apart": (
        "reader.py",
        "np.where(kind < len(program.kinds), kind, -1)",
        "kind",
    ),
    "a length ends at the cutoff": (
        "kernel.py",
        "answer = abs(slots[a] - slots[b]) / scale",
        "answer = abs(t - slots[b]) / scale",
    ),
    "the smallest is not kept": (
        "kernel_sweep.py",
        "number < gathered[a + 3]",
        "number > gathered[a + 3]",
    ),
}

CHILD = """
import importlib, json, sys
from pathlib import Path
from hypothesis import Phase, given, settings
from tests.properties.test_lifetime import LIFETIMES, trimmed, trimmings
from tests.properties.test_parity import differences, right
from tests.strategies import pinned, programs, shops
import features

for name in ("kernel", "kernel_calendar", "kernel_texts"):
    importlib.import_module(f"features.{name}")
root, mutants = Path(sys.argv[1]), json.loads(sys.argv[2])
assert Path(features.__file__).is_relative_to(root)
READER = (
    "places", "kernel_texts", "histories", "kernel_calendar", "kernel_sweep", "kernel_groups", "kernel_runs", "kernel_ends",
    "kernel", "reader", "matrix",
)
examples = [(*case, right(*case)) for case in pinned()]

@settings(max_examples=300, phases=[Phase.generate], derandomize=True, deadline=None, database=None)
@given(shops(), programs())
def collect(shop, asked):
    examples.append((shop, asked, right(shop, asked)))

@settings(max_examples=60, phases=[Phase.generate], derandomize=True, deadline=None, database=None)
@given(trimmings(), LIFETIMES)
def collect_trimmed(trimming, asked):
    shop, floor = trimming
    examples.append((shop, asked, right(shop, asked), trimmed(shop, floor)))

def survives():
    for name in READER:
        importlib.reload(sys.modules[f"features.{name}"])
    try:
        return not any(differences(*example) for example in examples)
    except Exception as error:
        print(repr(error), file=sys.stderr)
        return False

collect()
collect_trimmed()
answers = {"unchanged": survives()}
for name, (file, old, new) in mutants.items():
    path = root / "features" / file
    text = path.read_text()
    assert old in text and old != new, f"{name}: {old!r} is not in {file}"
    path.write_text(text.replace(old, new))
    answers[name] = survives()
    path.write_text(text)
    print(name, answers[name], file=sys.stderr)
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def survivors(tmp_path_factory):
    """Whether each mutant, and the unchanged package, passes the parity property."""
    root = tmp_path_factory.mktemp("mutants")
    only_source = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "features", root / "features", ignore=only_source)
    (root / "tests" / "properties").mkdir(parents=True)
    properties = (f"properties/test_{name}.py" for name in ("parity", "lifetime", "leakage"))
    for name in ("oracle.py", "strategies.py", "crowd.py", *properties):
        shutil.copy(ROOT / "tests" / name, root / "tests" / name)
    environ = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", CHILD, str(root), json.dumps(MUTANTS)]
    done = subprocess.run(command, cwd=root, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_the_unchanged_reader_passes(survivors):
    assert survivors["unchanged"]


@pytest.mark.parametrize("name", MUTANTS)
def test_the_property_kills_the_mutant(survivors, name):
    assert not survivors[name]
