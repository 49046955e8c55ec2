"""Cut points: fitted once over a real log, checked against DuckDB, frozen, and the same wherever they are read."""

import json
import shutil

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from features.errors import DamagedError, FormatError, NotReadyError
from features.events import DAY, FIXED_POINT
from features.log import EventLog
from features.schema import EVENTS
from features.workspace import Facts, Workspace
from models import cutpoints
from models.frozen import FILE, Frozen
from models.tags import load_tags

START = 1_750_000_000_000_000


def invent(n, seed=0, kinds=("view", "cart", "purchase"), days=300):
    rng = np.random.default_rng(seed)
    kind = rng.choice(kinds, n)
    bought = kind == "purchase"
    return pa.table(
        {
            "user_id": pa.array([f"u{u}" for u in (rng.gamma(1, 40, n)).astype(int)]),
            "ts": START + np.sort(rng.integers(0, days * DAY, n)),
            "kind": pa.array(kind),
            "category": pa.array([f"c{c}" for c in rng.integers(0, 9, n)]),
            "value": pa.array(np.where(bought, rng.integers(1, 900, n), 0) * FIXED_POINT, mask=~bought),
            "event_id": pa.array([f"e{seed}-{k}" for k in range(n)]),
            "source": pa.array([""] * n),
        }
    )


def make(home, events):
    workspace = Workspace.at(home, {})
    workspace.fix(Facts(timezone="Asia/Shanghai", currency="CNY", buckets=4))
    return add(workspace, events)


def add(workspace, events):
    names = [name for name in EVENTS.names if name in events.column_names]
    full = {n: events[n] if n in names else pa.nulls(len(events), EVENTS.field(n).type) for n in EVENTS.names}
    table = pa.table(full).drop_columns(["bucket", "key_hi", "key_lo"])
    with workspace.writing("the test"):
        EventLog(workspace).append([table], arrived_at=None)
    return workspace


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make(tmp_path_factory.mktemp("cuts") / "home", invent(6000))


@pytest.fixture
def workspace(made, tmp_path):
    shutil.copytree(made.home, tmp_path / "home")
    return Workspace.at(tmp_path / "home", {})


def test_quantiles_are_duckdbs(workspace):
    tags = cutpoints.ensure(workspace)
    events, at = invent(6000), EventLog(workspace).last_ts + 1
    con = duckdb.connect()
    con.register("events", events)
    con.execute(
        f"""create table sums as select user_id, sum(value) / {FIXED_POINT} amount, ({at} - max(ts)) / {DAY} age,
            count(distinct (ts + 28800000000) // {DAY}) n_days, avg(value) / {FIXED_POINT} mean
            from events where kind = 'purchase' and ts >= {at} - 365 * {DAY} group by 1"""
    )
    fifths = [0.2, 0.4, 0.6, 0.8]
    row = con.execute(
        f"""select quantile_disc(age, {fifths}), quantile_disc(n_days, {fifths}), quantile_disc(amount, {fifths}),
            quantile_disc(mean, [0.8]), quantile_disc(amount, [0.95]), count(*) from sums"""
    ).fetchall()[0]
    got = {name: cuts.tiers for name, cuts in tags.frozen.cuts.items()}
    assert got["rfm"]["recency"] == pytest.approx(row[0], abs=1e-9)
    assert got["rfm"]["frequency_tier"] == pytest.approx(row[1])
    assert got["rfm"]["amount"] == pytest.approx(row[2])
    assert got["high_spending"]["ticket"] == pytest.approx(row[3])
    assert got["gold_member"]["cumulative"] == pytest.approx(row[4])
    assert {cuts.users for cuts in tags.frozen.cuts.values() if cuts.tiers} == {row[5]}
    assert {cuts.at for cuts in tags.frozen.cuts.values()} == {at}


def test_they_are_frozen_whatever_comes_later(workspace):
    first = cutpoints.ensure(workspace)
    text = (workspace.tags / FILE).read_text()
    add(workspace, invent(3000, seed=1, days=320))
    again = cutpoints.ensure(workspace)
    assert again.digest == first.digest == load_tags(workspace).digest
    assert (workspace.tags / FILE).read_text() == text
    assert Frozen.from_json(json.loads(text)) == first.frozen


def test_looking_again_notes_new_kinds_and_keeps_the_cut_points(workspace):
    first = cutpoints.ensure(workspace)
    assert first.frozen.kinds == {"view", "cart", "purchase"}
    assert first.frozen.fields == {"category": first.frozen.kinds, "value": {"purchase"}}
    assert first.unassigned == {
        "price_sensitive": "it reads discount_rate_365d, and no purchase in the log has a discount",
        "region": "it reads entry_campaign, and no event in the log has a campaign",
        "course": "it reads entry_campaign, and no event in the log has a campaign",
        "acquisition_channel": "it reads entry_channel, and no event in the log has a channel",
    }
    add(workspace, invent(500, seed=2, kinds=("refer", "purchase")))
    assert cutpoints.ensure(workspace).frozen.kinds == first.frozen.kinds
    again = cutpoints.ensure(workspace, look_again=True)
    assert again.frozen.kinds == first.frozen.kinds | {"refer"}
    assert again.frozen.cuts == first.frozen.cuts
    assert load_tags(workspace).digest == again.digest


def test_only_a_changed_definition_is_fitted_anew(workspace):
    first = cutpoints.ensure(workspace)
    add(workspace, invent(3000, seed=1, days=320))
    (workspace.tags / "mine.toml").write_text(
        """[tags.gold_member]
        title = { zh = "金", en = "Gold" }
        definition = { zh = "前一成", en = "Top tenth" }
        kind = "statistical"
        category = "spending"
        owner = "me"
        purpose = "test"
        target_metric = "none"
        consent = "none"
        ttl = "1d"
        review_by = 2027-01-01
        status = "live"
        version = 2
        tiers.amount = { feature = "purchase_value_365d", quantiles = [0.9] }
        values.yes = { zh = "是", en = "Yes", rule = "amount == 2" }
        """,
        encoding="utf-8",
    )
    assert cutpoints.unfitted(load_tags(workspace)) == ["gold_member"]
    second = cutpoints.ensure(workspace)
    assert second.frozen.cuts["rfm"] == first.frozen.cuts["rfm"]
    mine = second.frozen.cuts["gold_member"]
    assert mine.at > first.frozen.cuts["gold_member"].at
    assert list(mine.tiers) == ["amount"]
    assert mine.users > first.frozen.cuts["gold_member"].users  # everybody, not buyers alone


def test_the_order_of_buckets_does_not_matter(workspace):
    tags = load_tags(workspace)
    rng = np.random.default_rng(0)
    values = np.append(rng.normal(size=100), np.nan)
    parts = [{"cumulative": part} for part in np.split(values, [7, 50])]
    one = cutpoints.quantiles(tags, "gold_member", parts, 5)
    other = cutpoints.quantiles(tags, "gold_member", parts[::-1], 5)
    assert one == other
    assert one.users == 101
    assert one.tiers["cumulative"][0] in values
    assert cutpoints.quantiles(tags, "gold_member", [], 5).tiers == {}


def test_a_shop_where_nobody_buys(tmp_path):
    workspace = make(tmp_path / "home", invent(300, kinds=("view", "cart")))
    tags = cutpoints.ensure(workspace)
    assert [cuts.tiers for cuts in tags.frozen.cuts.values()] == [{}] * 5
    assert "no event of kind purchase" in tags.unassigned["rfm"]
    assert "no event of kind purchase" in tags.unassigned["worth_keeping"]
    assert "lifecycle" not in tags.unassigned
    assert cutpoints.unfitted(tags) == []  # no second pass over the log, until training looks again
    add(workspace, invent(300, seed=4))
    assert cutpoints.ensure(workspace).digest == tags.digest
    again = cutpoints.ensure(workspace, look_again=True)
    assert {name for name, cuts in again.frozen.cuts.items() if not cuts.tiers} == {"price_sensitive"}  # no discounts
    assert "rfm" not in again.unassigned


def test_an_empty_log_is_told(tmp_path):
    workspace = Workspace.at(tmp_path, {})
    workspace.fix(Facts())
    with pytest.raises(NotReadyError, match="no events yet"):
        cutpoints.ensure(workspace)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"format": 1}', '{"format": 1, "at": "x", "kinds": [], "fields": {}, "tags": {}}']
)
def test_a_damaged_file_is_refused(workspace, text):
    workspace.tags.mkdir(exist_ok=True)
    (workspace.tags / FILE).write_text(text)
    with pytest.raises(DamagedError, match=r"cutpoints\.json cannot be read.*Remove it"):
        load_tags(workspace)


def test_a_file_of_another_version_is_refused(workspace):
    workspace.tags.mkdir(exist_ok=True)
    (workspace.tags / FILE).write_text('{"format": 2}')
    with pytest.raises(FormatError, match="this version reads format 1"):
        load_tags(workspace)
