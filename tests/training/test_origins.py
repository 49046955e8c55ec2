"""Rolling origins: each is what a training would have given then, on a log that ended there."""

import shutil
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from features.errors import InputError
from features.instants import parse_instant
from features.intake import ingest
from features.workspace import Workspace
from models.spec import load_specs
from training.learn import learn
from training.origins import SHARE, remarks, rolling
from training.train import shop_of, train

from .conftest import NOW


@pytest.fixture(scope="module")
def rolled(small):
    """(shop, spec of the stage, what was learned, two origins)."""
    spec = next(one for one in load_specs(small.specs) if one.name == "stage_7d")
    shop = shop_of(small.workspace, seed=0, until=None)
    newest = learn(shop, spec)
    return shop, spec, newest, rolling(shop, spec, newest, 2, learn)


def test_the_newest_origin_is_the_model_that_answers(rolled):
    _, _, newest, found = rolled
    first = found["each"][0]
    assert first["log_loss"] == newest.metrics["log_loss"]["value"]
    assert first["n_test"] == newest.rows["test"]
    assert first["difference"] == newest.differences[first["baseline"]]


def test_the_mean_is_over_all_rows(rolled):
    each, mean = rolled[3]["each"], rolled[3]["mean"]
    rows = [one["n_test"] for one in each]
    assert mean["origins"] == 2
    assert mean["n_test"] == sum(rows)
    gap = sum(one["difference"]["value"] * n for one, n in zip(each, rows, strict=True)) / sum(rows)
    assert mean["difference"]["value"] == pytest.approx(gap)
    assert mean["log_loss"] - mean["baseline_log_loss"] == pytest.approx(gap)
    assert mean["difference"]["low"] < gap < mean["difference"]["high"]


def test_an_earlier_origin_is_as_if_the_log_had_ended_there(rolled, small, tmp_path):
    """What happened from its end on is taken away for good: nothing changes."""
    shop, spec, newest, found = rolled
    end = newest.split.test[0]
    events = pq.read_table(small.truth.parent / "events.parquet")
    cut = pa.scalar(end, pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    (tmp_path / "shop").mkdir()
    pq.write_table(events.filter(pc.less(events["ts"], cut)), tmp_path / "shop" / "events.parquet")
    for name in ("users.parquet", "items.parquet"):
        (tmp_path / "shop" / name).write_bytes((small.truth.parent / name).read_bytes())
    home = Workspace(tmp_path / "home", {})
    ingest(home, [tmp_path / "shop"], "canonical", timezone="UTC", now=NOW)
    then_shop = replace(shop_of(home, seed=0, until=None), start=shop.start, end=end)
    then = learn(then_shop, replace(spec, split=replace(spec.split, max_rows=spec.split.max_rows // SHARE)))
    earlier = found["each"][1]
    assert then.split.to_json()["test"] == earlier["test"]
    assert then.metrics["log_loss"]["value"] == earlier["log_loss"]
    assert then.differences[earlier["baseline"]] == earlier["difference"]


def test_a_log_with_room_for_fewer_says_so(rolled):
    shop, spec, newest, _ = rolled
    found = rolling(shop, spec, newest, 12, learn)
    assert 2 <= found["mean"]["origins"] < 12
    assert "has room for" in found["notes"][0]
    assert "rolling origins" in remarks(found)[0]


def test_train_takes_a_period(small, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(small.workspace.home, home)
    workspace = Workspace(home, {})
    until = parse_instant("2025-08-15", "UTC")
    with pytest.raises(InputError, match="has nothing before"):
        train(workspace, small.specs, until=parse_instant("1999-01-01", "UTC"), now=NOW)
    (path,) = [path for path in small.specs if path.stem == "stage_7d"]
    answer = train(workspace, [path], until=until, weeks=3, horizon=5 * 86_400_000_000, origins=2, now=NOW)
    target = answer["targets"]["stage_5d"]
    assert target["split"]["train"]["cutoffs"] == 3
    assert target["split"]["test"]["last"] < "2025-08-11"
    assert target["origins"]["mean"]["origins"] == 2
    assert answer["proposal"]["horizon"]
    assert any("stage_7d became stage_5d" in note for note in answer["notes"])
