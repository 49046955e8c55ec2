"""Batch scoring: everybody, bit-equal to a look-up, whole or not at all."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from features.events import DAY
from features.log import EventLog
from features.schema import USERS
from models.bundle import champion
from serving.batch import DRAFT, score
from serving.lookup import lookup

from .shop import END

AS_OF = END - 45 * DAY


def read(answer):
    return pd.read_parquet(answer["scores"]), pd.read_parquet(answer["tags"])


def test_everybody_has_one_row(shop, tmp_path):
    answer = score(shop, AS_OF, tmp_path / "out")
    scores, tags = read(answer)
    log = EventLog(shop)
    everybody = sorted(user for bucket in log.buckets() for user in log.user_ids(bucket).to_pylist())
    assert sorted(scores["user_id"]) == everybody
    assert answer["users"] == len(everybody)
    assert answer["version"] == "1"
    assert list(scores.columns) == [
        "user_id", "p_churn_30d", *(f"p_buy_{days}d" for days in (1, 3, 7, 14, 30, 60, 90)),
        "next_order_median_days", "next_order_low_days", "next_order_high_days",
        "p_stage_7d_idle", "p_stage_7d_browsing", "p_stage_7d_considering", "p_stage_7d_buying",
    ]  # fmt: skip
    assert list(tags.columns) == ["user_id", "name", "value", "probability", "source", "computed_at", "expires_at"]
    assert (tags["computed_at"] == pd.Timestamp(AS_OF, unit="us", tz="UTC")).all()
    assert not tags.duplicated(["user_id", "name"]).any()


def test_the_columns_of_the_hazard_are_in_order_and_null_where_later(shop, tmp_path):
    scores, _ = read(score(shop, AS_OF, tmp_path / "out"))
    inside = scores[scores["p_buy_90d"].notna()]
    each = inside[[f"p_buy_{days}d" for days in (1, 3, 7, 14, 30, 60, 90)]].to_numpy()
    assert (np.diff(each, axis=1) >= 0).all()
    for column, level in (("low", 0.1), ("median", 0.5), ("high", 0.9)):
        days = inside[f"next_order_{column}_days"]
        assert (days.isna() == (inside["p_buy_90d"] < level)).all()
        assert days.dropna().between(0, 90).all()
    low, median = (inside[f"next_order_{name}_days"].fillna(np.inf) for name in ("low", "median"))
    assert (low <= median).all()


def test_it_is_null_outside_the_cohort_only(shop, tmp_path):
    scores, _ = read(score(shop, AS_OF, tmp_path / "out"))
    log, model = EventLog(shop), champion(shop)
    histories = log.informed(log.read_users(scores["user_id"].tolist()), model.program.attributes)
    matrix = model.answers(histories, AS_OF)
    for target, column in (("churn_30d", "p_churn_30d"), ("stage_7d", "p_stage_7d_buying")):
        inside = model.models[target].target.eligible(matrix)
        assert (scores[column].notna() == inside).all()
    assert 0 < scores["p_churn_30d"].notna().mean() < 1


def test_it_is_bit_equal_to_a_look_up(shop, tmp_path):
    scores, tags = read(score(shop, AS_OF, tmp_path / "out"))
    users = scores["user_id"].tolist()
    answer = lookup(shop, users, as_of=AS_OF)
    by_user = scores.set_index("user_id")
    rows = []
    for user in answer["users"]:
        for tag in user["tags"]:
            rows.append((user["user_id"], tag["name"], tag["value"], tag["source"]))
            if tag["name"] == "stage" and user["known"]:
                for label, p in tag["probabilities"].items():
                    assert by_user.loc[user["user_id"], f"p_stage_7d_{label}"] == p
            if tag["name"] == "churn_risk" and user["known"]:
                assert by_user.loc[user["user_id"], "p_churn_30d"] == tag["probability"]
    assert sorted(rows) == sorted(tags[["user_id", "name", "value", "source"]].itertuples(index=False, name=None))


def test_a_rerun_is_equal_and_leaves_nothing_else(shop, tmp_path):
    first = score(shop, AS_OF, tmp_path / "out")
    before = read(first)
    again = score(shop, AS_OF, tmp_path / "out")
    assert again == first
    for old, new in zip(before, read(again), strict=True):
        pd.testing.assert_frame_equal(old, new)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"scores.parquet", "tags.parquet"}


def test_snapshots_lie_beside_each_other_by_default(shop_copy):
    first, second = score(shop_copy, AS_OF), score(shop_copy, AS_OF - DAY)
    assert first["scores"] != second["scores"]
    assert {path.parent.name for path in shop_copy.output.rglob("scores.parquet")} == {
        "as_of=2025-07-15T00-00-00Z",
        "as_of=2025-07-14T00-00-00Z",
    }
    assert "as_of" not in read(first)[0].columns


def test_a_person_of_the_users_table_alone_is_there(shop_copy):
    rows = pa.table({"user_id": ["only-attributes"], "valid_from": [None], "attributes": ["{}"]}, schema=USERS)
    with shop_copy.writing("the test"):
        EventLog(shop_copy).put_users(rows)
    scores, tags = read(score(shop_copy, AS_OF))
    (row,) = scores[scores["user_id"] == "only-attributes"].to_dict("records")
    assert np.isnan([value for name, value in row.items() if name != "user_id"]).all()
    assert (tags[tags["user_id"] == "only-attributes"]["source"].str.startswith("base_rate:")).any()


def test_later_events_change_nothing(shop, tmp_path):
    scores, _ = read(score(shop, AS_OF, tmp_path / "out"))
    model, log = champion(shop), EventLog(shop)
    histories = log.informed(log.read_users(scores["user_id"].tolist()), model.program.attributes)
    seen = histories.ts < AS_OF
    assert not seen.all()
    np.testing.assert_array_equal(
        scores["p_stage_7d_buying"], model.models["stage_7d"].predict(model.answers(histories, AS_OF))[:, 3]
    )


KILLED = """
import sys
from pathlib import Path
from features.workspace import Workspace
from serving import batch
inner = batch.everybody
def slow(log, bucket, bundle):
    if bucket == 2:
        print("half", flush=True)
        import time
        time.sleep(60)
    return inner(log, bucket, bundle)
batch.everybody = slow
batch.score(Workspace.at(sys.argv[1], {}), int(sys.argv[2]), Path(sys.argv[3]))
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_kill_leaves_nothing_partial(shop, tmp_path, how):
    out = tmp_path / "out"
    score(shop, AS_OF, out)
    before = {path.name: path.read_bytes() for path in out.glob("*.parquet")}
    command = [sys.executable, "-c", KILLED, str(shop.home), str(AS_OF - DAY), str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout.readline() == "half\n"
        time.sleep(0.1)
        os.kill(process.pid, how)
    assert {path.name: path.read_bytes() for path in out.glob("*.parquet")} == before
    if how == signal.SIGINT:
        assert not list(out.glob(f"{DRAFT}*"))
    score(shop, AS_OF, out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
