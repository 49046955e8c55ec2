"""Rows that somebody asks for: they equal what training learns from, and what `features compute --as-of` writes, to the bit."""

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from threadpoolctl import threadpool_limits

import intently
from features import catalogue
from features.compute import compute_file
from features.errors import InputError, NotReadyError, SpecError, TooLittleDataError
from features.events import DAY
from features.hashing import hash128
from features.log import EventLog
from features.workspace import Facts, Workspace
from models.spec import load_specs
from training import entities
from training.dataset import build
from training.entities import compute_entities
from training.split import PARTS, end_of_log, span_of, split

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def home(small, tmp_path_factory):
    """The small shop, its specs in the workspace."""
    home = tmp_path_factory.mktemp("entities") / "home"
    shutil.copytree(small.workspace.home, home)
    (home / "specs").mkdir()
    for spec in small.specs:
        shutil.copy(spec, home / "specs")
    return Workspace(home, {})


def asked(path, users, cutoff):
    """A file of rows."""
    pq.write_table(pa.table({"user_id": users, "cutoff": pa.array(cutoff, pa.timestamp("us", "UTC"))}), path)
    return path


def read(path):
    return pq.ParquetFile(path).read()


def same(one, other):
    """Equal, NaN to NaN."""
    if pa.types.is_floating(one.type):
        return np.array_equal(one.to_numpy(), other.to_numpy(), equal_nan=True)
    return one.equals(other)


@pytest.mark.parametrize("name", ["stage_7d", "churn_30d"])
def test_rows_of_a_training_come_out_as_training_reads_them(home, tmp_path, name):
    log = EventLog(home)
    spec = next(spec for spec in load_specs([home.specs]) if spec.name == name)
    target, _ = spec.target_for(home.config, log.kinds())
    selected = catalogue.of(home).select(spec.features)
    parts = split(spec.split, target.horizon, *span_of(log, None), home.facts.timezone)
    data = build(log, home.facts, selected, target, parts, 3000)
    ids = pc.unique(log.flat(columns=["user_id"])["user_id"].cast(pa.string()))
    places = {key: place for place, key in enumerate(hash128(ids)[1].tolist())}
    users = ids.take(pa.array([places[key] for part in PARTS for key in data.parts[part].users.tolist()]))
    cutoff = np.concatenate([data.parts[part].cutoff for part in PARTS])
    shuffled = np.random.default_rng(0).permutation(len(cutoff))
    rows = asked(tmp_path / "rows.parquet", users.take(pa.array(shuffled)), cutoff[shuffled])
    answer = compute_entities(home, rows, list(spec.features), [name], tmp_path / "f.parquet")
    found = read(tmp_path / "f.parquet").take(pa.array(np.argsort(shuffled)))
    assert answer["targets"][name]["labelled"] == answer["targets"][name]["cohort"] == answer["rows"] == len(cutoff)
    labels = np.concatenate([data.parts[part].labels for part in PARTS])
    assert found[f"label_{name}"].to_pylist() == [target.classes[label] for label in labels]
    assert set(found[f"cohort_{name}"].to_pylist()) == {True}
    assert set(found[f"weight_{name}"].to_pylist()) == {1.0}
    values = np.concatenate([data.parts[part].values for part in PARTS])  # noqa: PD011 - of a dataclass
    for place, column in enumerate(data.names):
        own = found[column]
        if column in data.vocabularies:
            words = pa.array(list(data.vocabularies[column]))
            own = pc.index_in(own, words).cast(pa.float64()).fill_null(float("nan"))
        assert np.array_equal(own.to_numpy().astype(np.float32), values[:, place], equal_nan=True), column
    assert np.isnan(values).any()


def test_the_same_as_for_everyone_in_any_order_with_repetitions_and_strangers(home, tmp_path, monkeypatch):
    log = EventLog(home)
    cutoffs = [log.last_ts - 90 * DAY, log.last_ts - 40 * DAY + 1]
    compute_file(home, cutoffs, None, tmp_path / "all.parquet")
    everyone = read(tmp_path / "all.parquet")
    chosen = np.random.default_rng(1).integers(0, len(everyone), 700)
    some = everyone.take(pa.array(chosen))
    users = pa.chunked_array([some["user_id"].combine_chunks(), pa.array(["nobody"])])
    cutoff = np.append(some["cutoff"].cast(pa.int64()).to_numpy(), cutoffs[0])
    rows = asked(tmp_path / "rows.parquet", users, cutoff)
    answer = compute_entities(home, rows, None, None, tmp_path / "f.parquet")
    found = read(tmp_path / "f.parquet")
    assert answer["rows"] == 701
    assert answer["users"] == len(pc.unique(users)) < 701
    assert found.column_names == everyone.column_names
    assert found.schema.equals(everyone.schema)
    assert all(same(found[name].slice(0, 700), some[name]) for name in found.column_names)
    compute_entities(home, asked(tmp_path / "one.parquet", ["nobody"], cutoffs[:1]), None, None, tmp_path / "one")
    stranger = read(tmp_path / "one")
    assert all(same(found[name].slice(700), stranger[name]) for name in found.column_names)
    assert stranger["purchase_count_30d"].to_pylist() == [0.0]
    assert np.isnan(stranger["purchase_age"].to_pylist()[0])
    monkeypatch.setattr(entities, "CELLS", 5000)
    compute_entities(home, rows, None, None, tmp_path / "pieces.parquet")
    pieces = read(tmp_path / "pieces.parquet")
    assert all(same(found[name], pieces[name]) for name in found.column_names)


def test_labels_are_null_where_the_horizon_is_not_over(home, tmp_path):
    log = EventLog(home)
    user = log.flat(columns=["user_id"])["user_id"][0].as_py()
    end = end_of_log(log.last_ts)
    rows = asked(tmp_path / "rows.parquet", [user] * 3, [end - 7 * DAY, end - 7 * DAY + 1, end - 30 * DAY])
    answer = compute_entities(home, rows, ["purchase_age"], ["*"], tmp_path / "f.csv")
    lines = (tmp_path / "f.csv").read_text().splitlines()
    columns = [f"{word}_{name}" for name in ("churn_30d", "stage_7d") for word in ("label", "cohort", "weight")]
    assert lines[0].split(",") == [f'"{name}"' for name in ("user_id", "cutoff", "purchase_age", *columns)]
    known = [[bool(line.split(",")[place]) for place in (3, 6)] for line in lines[1:]]
    assert known == [[False, True], [False, False], [True, True]]
    assert {name: found["labelled"] for name, found in answer["targets"].items()} == {"churn_30d": 1, "stage_7d": 2}


def test_a_file_without_rows_gives_one_without_rows(home, tmp_path):
    rows = asked(tmp_path / "rows.parquet", pa.array([], pa.string()), [])
    answer = compute_entities(home, rows, ["purchase_age"], ["churn_30d"], tmp_path / "f.parquet")
    assert answer["rows"] == len(read(tmp_path / "f.parquet")) == 0


def test_what_cannot_be_done_is_refused_and_leaves_nothing(home, tmp_path):
    rows = asked(tmp_path / "rows.parquet", ["u"], [1_750_000_000_000_000])
    out = tmp_path / "f.parquet"
    with pytest.raises(SpecError, match="Did you mean 'churn_30d'"):
        compute_entities(home, rows, None, ["churn_3d"], out)
    with pytest.raises(SpecError, match="purchase_count_30d"):
        compute_entities(home, rows, ["purchase_cuont_30d"], None, out)
    with pytest.raises(InputError, match="no folder"):
        compute_entities(home, rows, None, None, tmp_path / "none" / "f.parquet")
    with pytest.raises(InputError, match="row 1"):
        compute_entities(home, asked(tmp_path / "bad.parquet", [""], [1_750_000_000_000_000]), None, None, out)
    empty = Workspace.at(tmp_path / "empty", {})
    empty.fix(Facts())
    with pytest.raises(NotReadyError, match="no events"):
        compute_entities(empty, rows, None, None, out)
    assert not list(tmp_path.glob("*f.parquet*"))


def test_targets_that_a_log_cannot_show_are_left_out_or_refused_by_name(tmp_path):
    home = Workspace.at(tmp_path / "home", {})
    home.fix(Facts(buckets=2))
    log = EventLog(home)
    ts = [1_750_000_000_000_000 + day * DAY for day in range(10)]
    events = {
        "user_id": ["u"] * 10,
        "ts": ts,
        "kind": ["view"] * 10,
        "event_id": [str(t) for t in ts],
        "source": [""] * 10,
    }
    with home.writing("test"):
        log.append([pa.table(events)], arrived_at=None)
    rows = asked(tmp_path / "rows.parquet", ["u"], ts[2:3])
    answer = compute_entities(home, rows, ["view_age"], ["*"], tmp_path / "f.parquet")
    assert list(answer["targets"]) == ["stage_7d"]
    assert any("churn_30d" in note for note in answer["notes"])
    assert read(tmp_path / "f.parquet")["label_stage_7d"].to_pylist() == ["browsing"]
    with pytest.raises(TooLittleDataError, match="purchase"):
        compute_entities(home, rows, ["view_age"], ["churn_30d"], tmp_path / "f.parquet")


def test_another_learner_trains_on_the_rows(home, tmp_path, monkeypatch):
    """The example of the documentation, as it stands there."""
    text = (ROOT / "docs" / "another-learner.md").read_text()
    rows, learner = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (command,) = re.findall(r"^intently (features compute .*)$", text, re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    log = EventLog(home)
    users = pc.unique(log.flat(columns=["user_id"])["user_id"].cast(pa.string()))
    pq.write_table(pa.table({"user_id": users}), "users.parquet")
    end = pd.Timestamp(log.last_ts, unit="us", tz="UTC")
    exec(rows.replace("2025-12-01", f"{end:%Y-%m-%d}"), space := {})
    assert intently.main(["--home", str(home.home), *shlex.split(command)]) == 0
    with threadpool_limits(1):  # scikit-learn's threads spin where the machine is busy
        exec(learner, space)
    assert space["auc"] > 0.6


def test_targets_see_the_stricter_consent_and_joined_ids_are_in_no_cohort_twice(tmp_path):
    home = Workspace.at(tmp_path / "home", {})
    home.fix(Facts(buckets=2))
    t = 1_750_000_000_000_000
    events = [("a", 0, "purchase", None), ("b", 0, "purchase", None), ("c", 0, "purchase", None), ("d", 0, "purchase", None),
              ("a", 20, "withdraw", None), ("c", 5, "alias", "d"), ("b", 60, "view", None)]  # fmt: skip
    table = pa.table(
        {
            "user_id": [user for user, *_ in events],
            "ts": [t + day * DAY for _, day, *_ in events],
            "kind": [kind for *_, kind, _ in events],
            "item": pa.array([item for *_, item in events], pa.string()),
            "event_id": [str(n) for n in range(len(events))],
            "source": [""] * len(events),
        }
    )
    with home.writing("test"):
        EventLog(home).append([table], arrived_at=None)
    users = ["a", "b", "c", "d"]
    rows = asked(tmp_path / "rows.parquet", users, [t + 10 * DAY] * 4)
    compute_entities(home, rows, ["purchase_count_30d"], None, tmp_path / "plain.parquet")
    assert read(tmp_path / "plain.parquet")["purchase_count_30d"].to_pylist() == [1.0, 1.0, 2.0, 2.0]
    compute_entities(home, rows, ["purchase_count_30d"], ["churn_30d"], tmp_path / "f.parquet")
    found = read(tmp_path / "f.parquet")
    assert found["purchase_count_30d"].to_pylist() == [0.0, 1.0, 2.0, 2.0]
    assert found["cohort_churn_30d"].to_pylist() == [False, True, True, False]
    assert found["label_churn_30d"].to_pylist() == ["churned"] * 4
