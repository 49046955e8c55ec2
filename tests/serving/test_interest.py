"""Category interest from the log to the answer: batch and lookup say the same, with reasons in words."""

import shutil

import pyarrow.parquet as pq
import pytest

from features.intake import ingest
from features.log import EventLog
from features.workspace import Workspace
from models import bundle
from models.examples import failures
from models.manifest import digest_of
from models.spec import HERE
from models.tags import load_tags
from serving.batch import score
from serving.lookup import lookup
from training.simulate import simulate
from training.train import train

NOW = 1_790_000_000_000_000
TAG = HERE / "more" / "tags" / "category_interest.toml"


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A small shop whose champion foresees the next category alone."""
    folder = tmp_path_factory.mktemp("interest")
    simulate(500, 280, 5, folder / "shop")
    workspace = Workspace(folder / "home", {})
    ingest(workspace, [folder / "shop"], "canonical", timezone="UTC", now=NOW)
    spec = folder / "category_interest.toml"
    text = (HERE / "more" / spec.name).read_text()
    for old, new in (
        ("most = 50", "most = 8"),
        ("max_rows = 8_000", "max_rows = 1_500"),
        ("_iterations = 300", "_iterations = 25"),
    ):
        assert old in text
        text = text.replace(old, new)
    spec.write_text(text)
    workspace.tags.mkdir(exist_ok=True)
    shutil.copy(TAG, workspace.tags)
    done = train(workspace, [spec], now=NOW)
    about = workspace.bundles / done["version"] / "manifest.json"
    bundle.set_champion(workspace, done["version"], digest_of(about.read_bytes()))
    return workspace, EventLog(workspace).last_ts + 1


def test_the_tags_own_examples_hold():
    assert failures(load_tags([TAG])) == []


def test_batch_and_lookup_say_the_same(shop):
    workspace, now = shop
    paths = score(workspace, now)
    rows = pq.ParquetFile(paths["scores"]).read().to_pylist()
    assert {type(row["category_1"]) for row in rows} <= {str, type(None)}
    some = [row for row in rows if row["category_1"] is not None][:40]
    found = lookup(workspace, [row["user_id"] for row in some], as_of=now, only=["category_interest"])
    for row, user in zip(some, found["users"], strict=True):
        (tag,) = user["tags"]
        assert {key: row[key] for key in tag["readouts"]} == tag["readouts"]
        assert tag["probabilities"][row["category_1"]] == row["p_category_1"] >= row["p_category_2"]
        assert tag["value"] in {*tag["probabilities"], "unclear"} - {"other"}
    tags = {
        row["user_id"]: row["value"]
        for row in pq.ParquetFile(paths["tags"]).read().to_pylist()
        if row["name"] == "category_interest"
    }
    assert all(tags[user["user_id"]] == user["tags"][0]["value"] for user in found["users"])
    assert len(set(tags.values())) > 2


def test_reasons_are_in_words_and_sum_with_the_rest(shop):
    workspace, now = shop
    users = pq.ParquetFile(score(workspace, now)["scores"]).read()["user_id"].to_pylist()[:20]
    found = lookup(workspace, users, as_of=now, only=["category_interest"], explain=True)
    told = [reason for user in found["users"] for tag in user["tags"] for reason in tag["reasons"]]
    assert any(" in 7 days" in reason["en"] or " in 90 days" in reason["en"] for reason in told)
    assert all(reason["sentence"]["zh"] and reason["effect"] in {"raises", "lowers"} for reason in told)


def test_one_never_seen_is_at_the_shops_shares(shop):
    workspace, now = shop
    (user,) = lookup(workspace, ["nobody"], as_of=now, only=["category_interest"], explain=True)["users"]
    assert (user["known"], user["tags"][0]["value"]) == (False, "unclear")
