"""Lifetime questions of users with events five years back: batch, look-up, store and service answer alike, to the bit."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from features.events import DAY, FIXED_POINT, HOUR
from features.instants import to_iso
from features.log import EventLog
from features.schema import EVENTS
from models.pointer import point
from serving.batch import everybody, score
from serving.clock import Clock
from serving.fill import fill, open_store
from serving.live import load, verify_champion
from serving.lookup import lookup
from serving.score import score as score_histories

from .process import running
from .shop import END, START, make_bundle, make_log

YEARS = 5 * 365
OLD = [f"old{n}" for n in range(25)]
"""Users who did nothing within RETENTION."""
TAG = """
[tags.{name}]
title = {{ zh = "{name}", en = "{name}" }}
kind = "rule"
category = "spending"
definition.zh = "累计。"
definition.en = "Cumulative."
owner = "growth"
purpose = "Test"
target_metric = "orders"
consent = "personalisation"
ttl = "1d"
review_by = 2027-06-30
status = "live"
version = 1
values.high = {{ zh = "高", en = "High", rule = "{rule}" }}
values.low = {{ zh = "低", en = "Low", rule = "not ({rule})" }}
"""
RULES = {
    "gold": "lifetime_value >= 3000",
    "member": "lifetime_tenure >= 1400",
    "regular": "lifetime_orders >= 8",
    "settled": "first_order_age >= 1500",
}


def old_events(n_users, seed=3):
    """Events from five years to two years before the shop's: of its users, and of some who left."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in [*OLD, *(f"u{n}" for n in range(n_users))]:
        for _ in range(int(rng.integers(1, 40))):
            kind = str(rng.choice(["view", "cart", "purchase", "refer"]))
            rows.append(
                {
                    "user_id": user,
                    "ts": START - int(rng.uniform(2 * 365, YEARS) * DAY) // HOUR * HOUR,
                    "kind": kind,
                    "item": f"i{rng.integers(60)}",
                    "channel": str(rng.choice(["app", "web"])),
                    "campaign": str(rng.choice(["henan", "henan-english", "summer"])),
                    "value": int(rng.integers(1, 500)) * FIXED_POINT if kind == "purchase" else None,
                    "quantity": FIXED_POINT,
                    "event_id": f"old{len(rows)}",
                    "source": "",
                }
            )
    return pa.Table.from_pylist(rows, schema=EVENTS).drop_columns(["bucket", "key_hi", "key_lo"])


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    found = make_log(tmp_path_factory.mktemp("years") / "home", n_users=60)
    with found.writing("the test"):
        EventLog(found).append([old_events(60)], arrived_at=None)
    found.tags.mkdir()
    (found.tags / "lifetime.toml").write_text("".join(TAG.format(name=n, rule=r) for n, r in RULES.items()))
    names = ("lifetime_*", "first_order_age", "purchase_count_30d", "activity_age")
    point(found, "1", make_bundle(found, "1", patterns=names), None)
    verify_champion(found)
    fill(found, Clock("log"))
    return found


def users_of(workspace):
    log = EventLog(workspace)
    return [user for bucket in log.buckets() for user in log.user_ids(bucket).to_pylist()]


@pytest.mark.parametrize("late", [0, 20 * DAY])
def test_every_lifetime_answer_is_the_same_from_carry_and_log(workspace, late):
    live, store = load(workspace), open_store(workspace)
    users, program, now = users_of(workspace), live.bundle.program, END - late
    stored, standing = store.read(users, program.fields, program.attributes)
    store.close()
    assert now - 400 * DAY >= standing.floor > START - 2 * 365 * DAY
    one = score_histories(live.bundle, live.tagset, stored, now)
    log = EventLog(workspace)
    n_carried = 0
    for bucket in log.buckets():
        other = score_histories(live.bundle, live.tagset, everybody(log, bucket, live.bundle), now)
        places = np.array([users.index(user) for user in other.users.to_pylist()])
        n_carried += len(places)
        assert (one.known[places] == other.known).all()
        for name in program.names:
            if name in program.categorical:
                assert one.matrix.texts[name].take(pa.array(places)).equals(other.matrix.texts[name]), name
            else:
                a, b = one.matrix.column(name)[places].copy(), other.matrix.column(name).copy()
                assert (a.view(np.int64) == b.view(np.int64)).all() or (np.isnan(a) == np.isnan(b)).all(), name
                np.testing.assert_array_equal(a, b, err_msg=name)
    assert n_carried == len(users)
    assert set(OLD) <= set(users)
    old = np.array([users.index(user) for user in OLD])
    assert (np.diff(stored.offsets)[old] == 0).all()
    assert one.known[old].all()
    assert (one.matrix.column("lifetime_events")[old] > 0).all()
    assert (one.matrix.column("lifetime_tenure")[old] > 2 * 365).all()
    assert np.isnan(one.matrix.column("activity_age")[old]).all()
    assert None not in one.matrix.texts["entry_campaign"].take(pa.array(old)).to_pylist()


def test_batch_lookup_and_service_answer_alike(workspace, tmp_path):
    users = users_of(workspace)
    found = lookup(workspace, users, as_of=END, clock="log")
    with running(workspace.home, "--clock", "log", cwd=workspace.home) as (client, _):
        served = client.post("/v1/tags", json={"user_ids": users, "as_of": to_iso(END)}).json()
    assert json.dumps(served, sort_keys=True) == json.dumps(found, sort_keys=True)
    assert all(user["known"] for user in served["users"])
    answer = score(workspace, END, tmp_path)
    tags = pd.read_parquet(answer["tags"])
    told = {(u["user_id"], tag["name"]): tag["value"] for u in served["users"] for tag in u["tags"]}
    batch = {(row["user_id"], row["name"]): row["value"] for row in tags.to_dict("records")}
    assert told == batch
    for name in RULES:
        values = [batch[user, name] for user in users]
        assert set(values) == {"high", "low"}, name
        assert "high" in {values[users.index(user)] for user in OLD}, name
    scores = pd.read_parquet(answer["scores"]).set_index("user_id")
    n = 0
    for user in served["users"]:
        stage = next((tag for tag in user["tags"] if tag["name"] == "stage"), None)
        if stage is not None:
            row = scores.loc[user["user_id"]]
            assert all(row[f"p_stage_7d_{label}"] == p for label, p in stage["probabilities"].items())
            n += 1
    assert n > 40
