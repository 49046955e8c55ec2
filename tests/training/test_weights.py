"""Weights of rows: what they are, that trees are grown by them, and that rows asked for elsewhere are told the same."""

import shutil

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import catalogue
from features.events import DAY
from features.hashing import hash128
from features.log import EventLog
from features.workspace import Workspace
from models.spec import SplitSpec, Weights, load
from training.dataset import build
from training.entities import compute_entities
from training.learn import learn
from training.split import PARTS, span_of, split
from training.train import shop_of
from training.weights import told, weigh, weighed

BOTH = '[weights]\nhalf_life = "90d"\nper_user = true\n'


@given(
    rows=st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 4000)), max_size=40),
    half_life=st.sampled_from([None, DAY, 90 * DAY]),
    per_user=st.booleans(),
)
def test_weights_halve_with_age_and_a_persons_sum_to_one(rows, half_life, per_user):
    person = np.array([who for who, _ in rows], np.int64)
    days = np.array([age for _, age in rows], np.int64)
    end = 20_000 * DAY
    found = weigh(Weights(half_life, per_user), end - days * DAY, person, end)
    assert found.shape == (len(rows),)
    assert (found >= 0).all()
    assert (found <= 1).all()
    if per_user:
        for who in set(person.tolist()):
            assert found[person == who].sum() == pytest.approx(1)
    for one, another in zip(range(len(rows)), range(1, len(rows)), strict=False):
        if not per_user or person[one] == person[another]:
            halvings = 0.0 if half_life is None else (days[another] - days[one]) * DAY / half_life
            if abs(halvings) < 500 and found[one] > 1e-150 and found[another] > 1e-150:
                assert found[one] / found[another] == pytest.approx(2**halvings)


@pytest.fixture(scope="module")
def churn(small, tmp_path_factory):
    """The small shop's churn with `[weights]`, in a workspace's specs."""
    home = tmp_path_factory.mktemp("weights") / "home"
    shutil.copytree(small.workspace.home, home)
    (home / "specs").mkdir()
    path = home / "specs" / "churn_30d.toml"
    path.write_text(small.specs[1].read_text() + BOTH)
    return Workspace(home, {}), load(path)


def test_rows_that_somebody_asks_for_are_told_what_training_weighs_them_by(churn, tmp_path, monkeypatch):
    home, spec = churn
    log = EventLog(home)
    start, end = span_of(log, None)
    target, _ = spec.target_for(home.config, log.kinds())
    selected = catalogue.of(home).select(["purchase_age"])
    parts = split(spec.split, target.horizon, start, end, home.facts.timezone)
    part = build(log, home.facts, selected, target, parts, 10**9).parts["train"]
    ids = pc.unique(log.flat(columns=["user_id"])["user_id"].cast(pa.string()))
    places = {key: place for place, key in enumerate(hash128(ids)[1].tolist())}
    rows = np.random.default_rng(0).permutation(len(part.labels))
    users = ids.take(pa.array([places[key] for key in part.users[rows].tolist()]))
    never = pa.array([end - DAY] * 5)  # their labels are not over
    table = {
        "user_id": pa.concat_arrays([users, ids.slice(0, 5)]),
        "cutoff": pa.concat_arrays([pa.array(part.cutoff[rows]), never]).cast(pa.timestamp("us", "UTC")),
    }
    pq.write_table(pa.table(table), tmp_path / "rows.parquet")
    monkeypatch.setattr("training.entities.CELLS", 3000)  # a person's rows fall into several pieces
    compute_entities(home, tmp_path / "rows.parquet", ["purchase_age"], ["churn_30d"], tmp_path / "f.parquet")
    found = pq.ParquetFile(tmp_path / "f.parquet").read()["weight_churn_30d"].to_numpy()
    assert found[len(rows) :].tolist() == [0] * 5
    expected = weigh(spec.weights, part.cutoff, part.users, end)[rows]
    assert found[: len(rows)] == pytest.approx(expected, rel=1e-12)
    assert weighed(spec.weights, part, end)[rows] == pytest.approx(expected / expected.mean())
    assert len(np.unique(expected)) > 10


def test_trees_are_grown_by_the_weights_and_training_says_what_they_leave(trained, churn):
    (small, answer), (home, spec) = trained, churn
    heavy = learn(shop_of(home, seed=0, until=None), spec)
    assert heavy.fitted.text != (small.workspace.bundles / "1" / "churn_30d.booster.txt").read_text()
    [note] = [note for note in heavy.notes if "equal weight" in note]
    assert note.startswith(f"Weighted, {heavy.rows['train']:,} rows")
    assert not any("equal weight" in note for note in answer["targets"]["churn_30d"]["notes"])
    assert told(None) == []
    assert told(np.array([1.0, 1.0, 0.0])) == ["Weighted, 3 rows to train on are worth 2 of equal weight."]
    assert heavy.metrics["log_loss"]["value"] < heavy.baselines["base_rate"]["log_loss"]["value"]


def test_memory_is_bounded_by_the_spec_and_said(churn):
    home, spec = churn
    few = SplitSpec(**{name: getattr(spec.split, name) for name in SplitSpec.__slots__} | {"max_rows": 1500})
    log = EventLog(home)
    target, _ = spec.target_for(home.config, log.kinds())
    parts = split(few, target.horizon, *span_of(log, None), home.facts.timezone)
    data = build(log, home.facts, catalogue.of(home).select(["purchase_*"]), target, parts, few.max_rows)
    whole = build(log, home.facts, catalogue.of(home).select(["purchase_*"]), target, parts, 10**9)
    assert data.memory["features"] == len(data.names)
    for name in PARTS:
        found, part = data.memory[name], data.parts[name]
        assert found["of"] == whole.memory[name]["rows"] == whole.memory[name]["of"]
        assert found["rows"] == len(part.labels) <= 1.2 * few.max_rows
        assert found["mib"] == round(part.values.nbytes / 2**20, 1)
    assert data.memory["train"]["rows"] < data.memory["train"]["of"]
