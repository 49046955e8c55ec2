"""Declared targets from TOML to an answer: trained, promoted, scored, looked up, read by a shop's own tag; and no leak."""

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from features.events import CODED_FIELDS, DAY
from features.log import EventLog
from features.trim import select
from models import bundle
from models.declared import Declared
from models.spec import load_specs
from serving.batch import score
from serving.lookup import lookup
from training import learn as learning
from training.learn import learn
from training.promotion import promote
from training.train import shop_of, train

from .conftest import NOW, lean

CARTS = """
features = ["*", "!last_*", "!favorite_*", "!session_now_*", "!user_*"]
[target]
name = "carts_14d"
kind = "binary"
horizon = "14d"
[title]
zh = "未来14天加购"
en = "Cart additions within 14 days"
[cohort]
kinds = ["view", "cart"]
lookback = "60d"
[outcome]
kinds = ["cart"]
at_least = 2
[split]
max_rows = 0
[lightgbm]
num_iterations = 0
early_stopping_round = 0
learning_rate = 0
num_leaves = 7
"""
SPEND = (
    CARTS[: CARTS.index("[cohort]")].replace("carts_14d", "spend_14d").replace('"binary"', '"classes"')
    + """
[cohort]
ask = { ask = "count", kinds = ["purchase"], window = "180d" }
[outcome]
otherwise = "nothing"
[[outcome.class]]
name = "once"
kinds = ["purchase"]
[[outcome.class]]
name = "again"
ask = { ask = "count", kinds = ["purchase"], window = "+14d" }
at_least = 2
"""
    + CARTS[CARTS.index("[split]") :]
)
TAG = """
[tags.will_fill]
title = { zh = "将加购", en = "Will fill the cart" }
kind = "predicted"
category = "journey"
definition.zh = "未来14天内至少加购两次的概率。"
definition.en = "Probability of two cart additions within 14 days."
owner = "growth"
purpose = "Show the cart reminder"
target_metric = "cart additions"
consent = "personalisation"
ttl = "7d"
review_by = 2027-06-30
status = "live"
version = 1
model = { targets = ["carts_14d"], read = "bands", class = "yes", unit = "base_rate" }
values.low = { zh = "低", en = "Low", below = 1.0 }
values.high = { zh = "高", en = "High" }
"""


@pytest.fixture
def specs(tmp_path):
    for name, text in (("carts_14d", CARTS), ("spend_14d", SPEND)):
        (tmp_path / f"{name}.toml").write_text(lean(text))
    return [tmp_path / "carts_14d.toml", tmp_path / "spend_14d.toml"]


def test_a_declared_target_goes_all_the_way(own, specs):
    workspace, _ = own
    answer = train(workspace, specs, now=NOW)
    assert all("error" not in target for target in answer["targets"].values()), answer["targets"]
    for target in answer["targets"].values():
        assert target["differences"]["base_rate"]["high"] < 0
    assert answer["targets"]["carts_14d"]["positives"] > 20
    assert set(answer["targets"]["spend_14d"]["classes"]) == {"nothing", "once", "again"}
    promote(workspace, answer["version"])
    (workspace.home / "tags").mkdir(exist_ok=True)
    (workspace.home / "tags" / "own.toml").write_text(TAG)
    end = EventLog(workspace).last_ts
    written = score(workspace, end)
    table = pq.ParquetFile(written["scores"]).read()
    columns = ["p_carts_14d", *(f"p_spend_14d_{label}" for label in ("nothing", "once", "again"))]
    assert table.column_names == ["user_id", *columns]
    p = np.column_stack([table[name].to_numpy() for name in columns[1:]])
    inside = ~np.isnan(p[:, 0])
    assert 0 < inside.sum() < len(p)
    assert p[inside].sum(axis=1) == pytest.approx(1)
    user = table["user_id"][int(np.flatnonzero(inside & ~np.isnan(table["p_carts_14d"].to_numpy()))[0])].as_py()
    [found] = lookup(workspace, [user], as_of=end, explain=True)["users"]
    [tag] = [tag for tag in found["tags"] if tag["name"] == "will_fill"]
    place = table["user_id"].to_pylist().index(user)
    assert tag["probability"] == table["p_carts_14d"][place].as_py()
    assert tag["value"] in {"low", "high"}
    assert tag["reasons"]
    assert isinstance(bundle.champion(workspace).models["carts_14d"].target.recipe, Declared)


def test_what_comes_after_the_cutoff_changes_no_answer(small, specs):
    """The model's probabilities and cohort from the log cut at the cutoff are those of the whole, to the bit."""
    shop = shop_of(small.workspace, seed=0, until=None)
    one = learn(shop, load_specs(specs)[0])
    program = bundle.program_of(shop.facts, shop.catalogue, {one.model.target.name: one.model.target})
    cutoff, asked = one.split.test[-1], 0
    for bucket in shop.log.buckets():
        whole = shop.log.informed(shop.log.read(bucket, program.fields, CODED_FIELDS, keys=True), program.attributes)
        cut = select(whole, whole.ts < cutoff)
        p, q = (one.model.predict(bundle.golden_rows.read(program, histories, cutoff)) for histories in (whole, cut))
        np.testing.assert_array_equal(p, q)
        asked += int((~np.isnan(p[:, 0])).sum())
    assert asked == int((one.test.cutoff == cutoff).sum())
    assert cutoff + 14 * DAY <= shop.end


def test_outcomes_dealt_out_anew_leave_nothing_to_learn(small, specs, monkeypatch):
    whole = learning.build

    def dealt(*args):
        data, generator = whole(*args), np.random.default_rng(0)
        parts = {name: replace(part, labels=generator.permutation(part.labels)) for name, part in data.parts.items()}
        return replace(data, parts=parts)

    monkeypatch.setattr(learning, "build", dealt)
    found = learn(shop_of(small.workspace, seed=0, until=None), load_specs(specs)[0])
    assert found.differences["base_rate"]["high"] > -0.001
    assert abs(found.metrics["auc"]["value"] - 0.5) < 0.06
