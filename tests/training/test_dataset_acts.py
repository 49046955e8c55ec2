"""Rows to learn from where people said who they are and what they allow: one a person, and what serving would answer."""

import shutil

import numpy as np
import pyarrow as pa
import pytest

from features import catalogue, views
from features.events import DAY
from features.hashing import hash128
from features.log import EventLog
from features.matrix import evaluate, grid
from features.workspace import Workspace
from models.spec import load_specs
from training.dataset import Reader, all_cutoffs, build
from training.split import span_of, split

PATTERNS = ("purchase_*", "view_*", "lifetime_*", "*_category*")


@pytest.fixture(scope="module")
def said(small, tmp_path_factory):
    """A copy of the shop in which a third said something: (log, ids by what they said)."""
    home = tmp_path_factory.mktemp("said") / "home"
    shutil.copytree(small.workspace.home, home)
    workspace = Workspace.at(home, {})
    log = EventLog(workspace)
    users = [user for bucket in log.buckets() for user in log.user_ids(bucket).to_pylist()]
    rng, last = np.random.default_rng(5), log.last_ts
    chosen = [users[i] for i in rng.permutation(len(users))[:270]]
    groups = {"linked": chosen[:150], "withdrew": chosen[150:210], "came_back": chosen[210:]}
    rows = []

    def say(user, ts, kind, item=None):
        rows.append(
            {"user_id": user, "ts": int(ts), "kind": kind, "item": item, "event_id": f"s{len(rows)}", "source": "acts"}
        )

    for one, other in zip(groups["linked"][::2], groups["linked"][1::2], strict=True):
        say(one, last - rng.integers(1, 200) * DAY, "alias", other)
    for user in groups["withdrew"]:
        say(user, last - rng.integers(1, 200) * DAY, "withdraw")
    for user in groups["came_back"]:
        say(user, last - 150 * DAY, "withdraw")
        say(user, last - 100 * DAY, "consent", "profiling")
    with workspace.writing("the test"):
        log.append([pa.Table.from_pylist(rows)], arrived_at=None)
    return EventLog(workspace), groups


def made(said, small):
    log, _ = said
    facts = log.workspace.facts
    spec = next(spec for spec in load_specs(small.specs) if spec.name == "stage_7d")
    parts = split(spec.split, spec.target.horizon, *span_of(log, None), facts.timezone)
    return spec, parts, catalogue.of(log.workspace).select(PATTERNS)


def test_rows_are_those_that_serving_would_answer(said, small):
    log, groups = said
    spec, parts, selected = made(said, small)
    data = build(log, log.workspace.facts, selected, spec.target, parts, 10**9)
    program = Reader.of(spec.target, selected, log.workspace.facts).features
    users = [user for bucket in log.buckets() for user in log.user_ids(bucket).to_pylist()]
    names = dict(zip(hash128(pa.array(users))[1].tolist(), users, strict=True))
    everyone = log.read_users(users, program.fields, program.texts)
    strict = views.strict(everyone)
    seen_now = dict(zip(users, np.diff(views.at(everyone, log.last_ts + 1).offsets).tolist(), strict=True))
    linked = 0
    for part in data.parts.values():
        found = {(names[user], cutoff) for user, cutoff in zip(part.users.tolist(), part.cutoff.tolist(), strict=True)}
        assert not {user for user, _ in found} & set(groups["withdrew"])  # nothing is learned from them at any cutoff
        person = np.array([users.index(names[user]) for user in part.users.tolist()])
        assert views.own(everyone, person, part.cutoff).all()
        matrix = evaluate(program, strict, person, part.cutoff)
        np.testing.assert_array_equal(matrix.model_input(data.names, data.vocabularies), part.values)
        plain = np.array([seen_now[users[p]] > 0 and users[p] not in groups["came_back"] for p in person])
        served = evaluate(program, everyone, person[plain], part.cutoff[plain])  # consent never changed: as online
        np.testing.assert_array_equal(served.model_input(data.names, data.vocabularies), part.values[plain])
        linked += len({user for user, _ in found} & set(groups["linked"]))
    assert linked > 100


def test_the_eligible_are_counted_as_they_are_read(said, small):
    log, _ = said
    spec, parts, selected = made(said, small)
    reader = Reader.of(spec.target, selected, log.workspace.facts)
    counted = reader.count(log, parts)
    gathered = reader.parts(log, parts, dict.fromkeys(counted, 1.0))
    assert counted == {name: len(part.labels) for name, part in gathered.items()}


def test_a_label_is_what_the_person_did_as_known_at_last(said, small):
    log, groups = said
    spec, parts, selected = made(said, small)
    reader = Reader.of(spec.target, selected, log.workspace.facts)
    one, other = groups["linked"][:2]
    cutoffs = np.array(all_cutoffs(parts))
    fields = reader.questions.fields
    both = views.strict(log.read_users([one, other], fields))
    labels = spec.target.labels(evaluate(reader.questions, both, *grid(2, cutoffs.tolist())))
    np.testing.assert_array_equal(labels[: len(cutoffs)], labels[len(cutoffs) :])
    whole = log.whole([one, other], fields)
    merged = views.canonical(log.read_users([min(one, other)], fields), log.last_ts + 1)
    assert merged.n_events == whole.n_events - 1
    alone = spec.target.labels(evaluate(reader.questions, merged, *grid(1, cutoffs.tolist())))
    np.testing.assert_array_equal(labels[: len(cutoffs)], alone)
