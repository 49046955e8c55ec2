"""Python functions over one history: how they are found, loaded, called, and what they are given."""

import math
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from features import catalogue, functions
from features.algebra import Function, Ratio
from features.catalogue import Catalogue
from features.compute import compute_file
from features.errors import FunctionError, SpecError
from features.events import DAY
from features.functions import declared
from features.histories import from_events
from features.log import EventLog
from features.matrix import evaluate
from features.program import compile_program
from features.workspace import Facts, Workspace
from tests.conftest import ROOT

from .logs import GIVEN, with_keys

KINDS = ("view", "purchase")
OWN = """
import features
import numpy as np

@features.function(name="spent", family="own", unit="CNY", en="spent", zh="花费", reads=("value",))
def spent(history):
    value = history.number("value")
    return float(np.nansum(value)) if len(history) else None

@features.function(name="echo", family="own", unit="n", en="echo", zh="回声", reads=["item", "dwell"])
def echo(history):
    print(history.cutoff, history.ts.tolist(), history.kinds, history.text("item"), history.number("dwell").tolist())
    return len(history)
"""


@pytest.fixture
def workspace(tmp_path):
    found = Workspace.at(tmp_path / "home", {})
    found.features.mkdir(parents=True)
    found.fix(Facts(buckets=4))
    return found


def write(workspace, body, name="own.py"):
    (workspace.features / name).write_text(body)


def simple(body, **more):
    """A file with one function `f`."""
    words = {"name": "f", "family": "own", "unit": "n", "en": "f", "zh": "数"} | more
    return f"import features\n@features.function({', '.join(f'{k}={v!r}' for k, v in words.items())})\ndef f(history):\n    {body}\n"


def program(workspace, *names, retention_days=400):
    chosen = catalogue.of(workspace).select(names)
    return compile_program(
        chosen.features, kinds=KINDS, retention_days=retention_days, timezone="UTC", sources=workspace.features
    )


def events(*rows):
    made = [{"event_id": f"e{n}", "source": "", "user_id": "u", "kind": "view"} | row for n, row in enumerate(rows)]
    return from_events(with_keys(pa.Table.from_pylist(made, schema=GIVEN)), (*KINDS, "later"))


def ask(workspace, histories, *cutoffs, name="f", **more):
    found = evaluate(program(workspace, name, **more), histories, np.zeros(len(cutoffs), np.int64), np.array(cutoffs))
    return found.column(name).tolist()


def test_nothing_of_a_file_runs_before_it_is_asked_for(workspace):
    write(workspace, OWN + "\nraise SystemExit('it ran')\n")
    spent, echo = declared(workspace.features)
    assert (spent.name, spent.reads, echo.reads, spent.zh) == ("spent", ("value",), ("item", "dwell"), "花费")
    entry = catalogue.of(workspace).entries["spent"]
    assert entry.feature == Function("spent", spent.digest, ("value",))
    assert (entry.family, entry.unit) == ("own", "CNY")
    compile_program(
        {"n": catalogue.load().features["view_age"]},
        kinds=KINDS,
        retention_days=9,
        timezone="UTC",
        sources=workspace.features,
    )
    again = Catalogue.from_json(catalogue.of(workspace).select(["spent"]).to_json())
    assert again.features["spent"] == entry.feature
    assert "SystemExit" not in str(again.to_json())


def test_features_import_stays_light():
    code = "import features, sys; print('numpy' in sys.modules, callable(features.function))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_it_is_given_what_is_seen_and_no_more(workspace, capsys):
    write(workspace, OWN)
    day = DAY
    histories = events(
        {"ts": 5 * day, "item": "old"},  # before RETENTION
        {"ts": 10 * day, "item": "a", "value": 25_000, "dwell": 1500},
        {"ts": 11 * day, "kind": "purchase", "value": 10_000, "arrived_at": 14 * day},
        {"ts": 12 * day, "kind": "later"},
        {"ts": 14 * day - 1, "item": "b"},
        {"ts": 14 * day, "item": "at the cutoff"},
    )
    assert ask(workspace, histories, 14 * day, name="echo", retention_days=5) == [3]
    assert capsys.readouterr().out.split("\n")[0] == (
        f"{14 * day} {[10 * day, 12 * day, 14 * day - 1]} ('view', 'other', 'view') ('a', None, 'b') [1.5, nan, nan]"
    )
    spent = ask(workspace, histories, 14 * day, 14 * day + 1, 5 * day, name="spent", retention_days=5)
    assert spent[:2] == [2.5, 3.5]
    assert math.isnan(spent[2])


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("return 1 / len(history) if history.cutoff < 5 else 1 / 0", "ZeroDivisionError: division by zero"),
        ("return 'three'", "ValueError: could not convert"),
        ("return '3'", "It gave '3', which is no finite number; None stands for nothing"),
        ("return float('inf')", "It gave inf, which is no finite number"),
        ("return history.number('value').sum()", "It reads 'value', which its decorator's `reads` does not name"),
        ("history.ts[0] = 3", "assignment destination is read-only"),
        ("history.ts.sort()", "read-only"),
        ("history.cutoff, history.user = 1, 2", "has no attribute 'user'"),
    ],
)
def test_a_failing_function_is_named_with_user_and_cutoff(workspace, body, says):
    write(workspace, simple(body))
    histories = events({"ts": 1, "value": 1})
    with pytest.raises(FunctionError, match="The function 'f' failed for user 'u' at 1970-01-01T00:00:00") as failed:
        ask(workspace, histories, 9)
    assert says in failed.value.message
    assert (failed.value.code, failed.value.exit_status) == ("bad_function", 2)


@pytest.mark.parametrize("body", ["return None", "return float('nan')", "pass"])
def test_nothing_is_nan(workspace, body):
    write(workspace, simple(body))
    assert math.isnan(ask(workspace, events({"ts": 1}), 9)[0])


def test_no_array_leads_back_to_events_that_are_not_seen(workspace):
    write(
        workspace, simple("return history.ts.base is None and history.number('value').base is None", reads=("value",))
    )
    assert ask(workspace, events({"ts": 1, "value": 1}, {"ts": 100, "value": 2}), 9) == [1]


def test_a_changed_or_absent_file_is_refused(workspace):
    write(workspace, simple("return 1"))
    asked = catalogue.of(workspace).features["f"]
    assert functions.load(workspace.features, asked)(None) == 1
    write(workspace, simple("return 2"))
    with pytest.raises(FunctionError, match=r"had the SHA-256 .*own\.py is another file than then.*train again"):
        functions.load(workspace.features, asked)
    assert functions.load(workspace.features, catalogue.of(workspace).features["f"])(None) == 2
    (workspace.features / "own.py").unlink()
    with pytest.raises(FunctionError, match=r"no file in .* has it"):
        functions.load(workspace.features, asked)
    with pytest.raises(FunctionError, match="no workspace was given"):
        functions.load(None, asked)


def test_another_name_for_the_same_file_will_do(workspace):
    write(workspace, simple("return 1"))
    asked = catalogue.of(workspace).features["f"]
    (workspace.features / "own.py").rename(workspace.features / "moved.py")
    assert functions.load(workspace.features, asked)(None) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def f(:", r"own\.py is not Python"),
        (simple("return 1", zh=""), r"own\.py, line 2: zh is missing or no text"),
        (simple("return 1", naem="x"), "unknown argument 'naem'.*Did you mean 'name'"),
        (simple("return 1").replace("'own'", "family()"), "family must be written out"),
        (simple("return 1", reads="value"), "reads=.* as a list of fields"),
        (simple("return 1", reads=("valeu",)), "feature 'f': Key 'reads': 'valeu'.*Did you mean 'value'"),
        (simple("return 1", name="Not A Name"), "'Not A Name' is not a feature's name"),
        (simple("return 1", name="view_age"), "the name is given twice"),
        (simple("return 1").replace("(name", "('x', name"), "give name="),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_by_name(workspace, text, says):
    write(workspace, text)
    with pytest.raises(SpecError, match=says):
        catalogue.of(workspace)


def test_a_file_that_fails_when_it_runs(workspace):
    write(workspace, simple("return 1") + "\n1 / 0\n")
    with pytest.raises(FunctionError, match=r"own\.py fails when it is run: ZeroDivisionError"):
        program(workspace, "f")
    write(workspace, simple("return 1") + "\ndel f\n")
    with pytest.raises(FunctionError, match=r"own\.py does not leave a function 'f' behind"):
        program(workspace, "f")


def test_a_function_stands_alone():
    with pytest.raises(SpecError, match="stands alone"):
        compile_program(
            {"r": Ratio(Function("f", "0"), Function("f", "0"))}, kinds=KINDS, retention_days=9, timezone="UTC"
        )


def test_in_the_matrix_beside_the_kernels_columns(workspace, tmp_path):
    write(workspace, simple("return len(history)"))
    log = EventLog(workspace)
    log.append(
        [
            pa.Table.from_pylist(
                [{"user_id": f"u{n}", "ts": 10 * DAY + n, "kind": "view", "event_id": str(n)} for n in range(9)]
            )
        ],
        arrived_at=None,
    )
    import pyarrow.parquet as pq

    compute_file(workspace, [10 * DAY + 4], ["view_age", "f", "view_count_30d"], tmp_path / "out.parquet")
    table = pq.ParquetFile(tmp_path / "out.parquet").read()
    assert table.column_names == ["user_id", "cutoff", "view_age", "f", "view_count_30d"]
    assert table["f"].to_pylist() == table["view_count_30d"].to_pylist()
    assert sum(table["f"].to_pylist()) == 4
