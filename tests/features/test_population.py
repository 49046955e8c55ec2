"""A shop's people at cutoffs: who belongs, against the flat events; the sample, and that it is the same every time."""

import numpy as np
import pyarrow as pa
import pytest

from features import catalogue
from features.algebra import Age, Count, Last, back
from features.events import DAY
from features.log import EventLog
from features.matrix import evaluate, grid
from features.population import lot, population
from features.program import compile_program
from features.workspace import Facts, Workspace

NOW = 1_750_000_000_000_000
CUTOFFS = [NOW, NOW - 28 * DAY]


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """300 users over two years."""
    workspace = Workspace.at(tmp_path_factory.mktemp("people") / "home", {})
    workspace.fix(Facts(buckets=4))
    rng = np.random.default_rng(2)
    ts = NOW - (rng.random(3000) ** 2 * 700 * DAY).astype(np.int64)
    events = {
        "user_id": [f"u{n}" for n in rng.integers(0, 300, 3000) ** 2 // 300],
        "ts": ts,
        "kind": rng.choice(["view", "purchase"], 3000).tolist(),
        "channel": rng.choice(["app", "web"], 3000).tolist(),
        "event_id": [str(n) for n in range(3000)],
        "source": [""] * 3000,
    }
    log = EventLog(workspace)
    with workspace.writing("test"):
        log.append([pa.table(events)], arrived_at=None)
    return log


@pytest.fixture(scope="module")
def program():
    asked = {"age": Age(()), "n": Count((), back(30)), "channel": Last("channel", (), back(400))}
    return compile_program(asked, kinds=Facts().kinds, retention_days=400, timezone="UTC")


def test_everyone_with_an_event_seen(log, program):
    found = population(log, program, CUTOFFS, 10_000, "")
    flat = log.flat(columns=["user_id", "ts"]).to_pandas()
    for cutoff, people, matrix in zip(CUTOFFS, found.people, found.matrices, strict=True):
        seen = flat[(flat.ts < cutoff) & (flat.ts >= cutoff - 400 * DAY)]
        assert people == len(matrix) == seen.user_id.nunique()
        newest = seen.groupby("user_id").ts.max()
        np.testing.assert_allclose(np.sort(matrix.column("age")), np.sort((cutoff - newest) / DAY))
        recent = seen[seen.ts >= cutoff - 30 * DAY]
        assert matrix.column("n").sum() == len(recent)
        assert set(matrix.texts["channel"].to_pylist()) == {"app", "web"}
        assert set(matrix.cutoff.tolist()) == {cutoff}
    assert found.people[0] != found.people[1]


def test_a_sample_is_the_same_every_time(log, program):
    whole, some = (population(log, program, CUTOFFS, most, "") for most in (10_000, 100))
    assert some.people == whole.people
    assert 60 < len(some.matrices[0]) < 140 < len(whole.matrices[0])
    again = population(log, program, CUTOFFS, 100, "")
    for one, other in zip(some.matrices, again.matrices, strict=True):
        assert np.array_equal(one.values, other.values, equal_nan=True)
    users = pa.concat_arrays([log.read(bucket, (), ()).users for bucket in log.buckets()])
    lots = lot(users)
    assert (lots >= 0).all()
    assert (lots < 1).all()
    kept = users.filter(pa.array(lots < 100 / len(users)))
    matrix = evaluate(program, log.read_users(kept.to_pylist()), *grid(len(kept), CUTOFFS[:1]))
    ages = matrix.column("age")
    np.testing.assert_array_equal(np.sort(ages[~np.isnan(ages)]), np.sort(some.matrices[0].column("age")))


def test_nobody(log, program):
    found = population(log, program, [NOW - 3000 * DAY], 100, "")
    assert found.people == (0,)
    assert len(found.matrices[0]) == 0


def test_ids_that_are_one_person_have_one_row(program, tmp_path):
    workspace = Workspace.at(tmp_path / "home", {})
    workspace.fix(Facts(buckets=2))
    events = {
        "user_id": ["a", "b", "c", "b"],
        "ts": [NOW - 9 * DAY, NOW - 8 * DAY, NOW - 7 * DAY, NOW - 6 * DAY],
        "kind": ["view", "view", "view", "alias"],
        "item": [None, None, None, "a"],
        "event_id": list("1234"),
        "source": [""] * 4,
    }
    log = EventLog(workspace)
    with workspace.writing("test"):
        log.append([pa.table(events)], arrived_at=None)
    log = EventLog(workspace)
    asked = compile_program({"n": Count((), back(30))}, kinds=workspace.facts.kinds, retention_days=400, timezone="UTC")
    found = population(log, asked, [NOW, NOW - 6 * DAY], 100, "")
    assert found.people == (2, 3)
    assert sorted(found.matrices[0].column("n").tolist()) == [1.0, 2.0]
    assert found.matrices[1].column("n").tolist() == [1.0, 1.0, 1.0]


def test_the_whole_catalogue(log):
    features = catalogue.load().features
    program = compile_program(features, kinds=Facts().kinds, retention_days=400, timezone="UTC")
    matrix = population(log, program, CUTOFFS, 50, "").matrices[1]
    assert matrix.names == tuple(features)
    assert matrix.values.shape == (len(matrix), len(features))
