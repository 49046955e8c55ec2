"""A shop too small and too young for any model: trained, promoted, asked; everybody has the base rate, and how far it goes."""

import json

import pyarrow.parquet as pq
import pytest

from features.intake import ingest
from features.log import EventLog
from features.workspace import Workspace
from models import bundle as bundles
from serving.batch import score
from serving.lookup import lookup
from training.promotion import promote
from training.simulate import simulate
from training.train import train

NOW = 1_790_000_000_000_000


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """(workspace, what train answered)."""
    folder = tmp_path_factory.mktemp("tiny")
    simulate(40, 60, 11, folder / "shop")
    home = Workspace(folder / "home", {})
    ingest(home, [folder / "shop"], "canonical", timezone="UTC", now=NOW)
    answer = train(home, None, now=NOW, truth=folder / "shop" / "truth.parquet")
    promote(home, answer["version"])
    return home, answer


def test_training_says_what_is_missing_and_what_answers_until_then(tiny):
    _, answer = tiny
    assert set(answer["targets"]) == {"stage_7d", "churn_30d", "next_purchase"}
    for name, target in answer["targets"].items():
        assert target["error"]["code"] == "too_little_data"
        said = " ".join(target["notes"])
        assert "Too little data to tell people apart" in said, name
        assert "Until then everybody's answer is the shop's base rate" in said
        assert all(0 <= rate["low"] <= rate["value"] <= rate["high"] <= 1 for rate in target["further"].values())
    assert "The log will be long enough on 2025-" in " ".join(answer["targets"]["churn_30d"]["notes"])
    json.dumps(answer, allow_nan=False)


def test_every_answer_is_the_base_rate_and_says_how_far_it_can_be_trusted(tiny):
    home, _ = tiny
    log = EventLog(home)
    some = log.read(next(iter(log.buckets())), (), ()).users.to_pylist()[:3]
    told = lookup(home, [*some, "nobody"], clock="log", explain=True, what_if=True)
    rates = bundles.champion(home).models
    predicted = [tag for user in told["users"] for tag in user["tags"] if tag["probabilities"] is not None]
    assert predicted
    for tag in predicted:
        target = tag["source"].removeprefix("base_rate:1/")
        assert list(tag["probabilities"].values()) == pytest.approx(rates[target].base_rates)
        assert "the shop's rate, between" in tag["note"]["en"]
        assert 0 <= tag["interval"][0] <= tag["probability"] <= tag["interval"][1] <= 1
        assert "全店平均水平" in tag["note"]["zh"]
        assert tag["reasons"] == []
        assert "what_if" not in tag


def test_the_batch_has_the_same_columns_as_ever(tiny):
    home, _ = tiny
    done = score(home, EventLog(home).last_ts + 1)
    scores = pq.read_table(done["scores"])
    loaded = bundles.champion(home)
    for name, model in loaded.models.items():
        rate = model.target.named_scores(model.base_rates[None, :])
        for column in model.target.columns:
            known = scores[column].drop_null().to_pylist()
            if known:
                assert known == pytest.approx([rate[column][0]] * len(known)), (name, column)
    tags = pq.read_table(done["tags"])
    assert {s.split(":")[0] for s in tags["source"].to_pylist()} & {"model", "base_rate"} == {"base_rate"}
