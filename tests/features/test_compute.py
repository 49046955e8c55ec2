"""The file that `features compute` writes, against DuckDB's own reading of the same events."""

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features import compute
from features.compute import compute_file
from features.errors import InputError, NotReadyError, SpecError
from features.events import DAY, HOUR, SECOND
from features.log import EventLog
from features.workspace import Facts, Workspace

NOW = 1_750_000_000_000_000
CUTOFFS = [NOW - 40 * DAY, NOW - 1]
KINDS = ["view", "view", "view", "click", "cart", "favorite", "purchase", "refund"]


def invented(n: int = 6000, users: int = 120) -> pa.Table:
    """Events in bursts, some late, in whole seconds about half the time."""
    rng = np.random.default_rng(11)
    start = NOW - (rng.random(n // 6) * 300 * DAY).astype(np.int64)
    ts = np.repeat(start, 6) + np.cumsum(rng.integers(0, 25 * 60 * SECOND, (n // 6, 6)), axis=1).ravel()
    ts = np.where(rng.random(n) < 0.5, ts // SECOND * SECOND, ts)
    late = rng.random(n) < 0.2
    kind = rng.choice(KINDS, n)
    item = rng.integers(0, 40, n)
    return pa.table(
        {
            "user_id": [f"u{i}" for i in np.repeat(rng.integers(0, users, n // 6), 6)],
            "ts": ts,
            "arrived_at": pa.array(ts + rng.integers(0, 60, n) * DAY, mask=~late),
            "kind": kind,
            "item": pa.array([f"i{i}" for i in item], mask=rng.random(n) < 0.1),
            "category": pa.array([f"c{i % 7}" for i in item], mask=rng.random(n) < 0.1),
            "channel": pa.array(rng.choice(["app", "web"], n).tolist(), mask=rng.random(n) < 0.3),
            "value": pa.array(rng.integers(1, 10**7, n), mask=(kind == "view") | (rng.random(n) < 0.1)),
            "event_id": [f"e{i}" for i in range(n)],
            "source": [""] * n,
        }
    )


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A workspace in Shanghai with a log, and one user of whom only attributes are known."""
    workspace = Workspace.at(tmp_path_factory.mktemp("shop") / "home", {})
    workspace.fix(Facts(timezone="Asia/Shanghai", buckets=5))
    log = EventLog(workspace)
    with workspace.writing("test"):
        log.append([invented()], arrived_at=None)
        users = {"user_id": ["silent", "u1"], "valid_from": pa.nulls(2, pa.int64()), "attributes": ["{}", "{}"]}
        log.put_users(pa.table(users))
    return workspace


ASKED = """
select u.user_id, u.cutoff, {columns}
from (select distinct user_id, cutoff from (select user_id from e union select 'silent'), (select unnest([{cutoffs}]) cutoff)) u
left join (
    select *, lag(ts) over w before, lag(kind) over w before_kind, row_number() over w place
    from (select e.*, cutoff from e, (select unnest([{cutoffs}]) cutoff)
          where ts < cutoff and ts >= cutoff - 400 * {day} and coalesce(greatest(arrived_at, ts), ts) < cutoff)
    window w as (partition by user_id, cutoff order by ts, key_hi, key_lo)
) s on s.user_id = u.user_id and s.cutoff = u.cutoff
group by u.user_id, u.cutoff
"""
SQL = {
    "view_count_7d": "count(ts) filter (kind = 'view' and ts >= u.cutoff - 7 * {day})",
    "purchase_count_365d": "count(ts) filter (kind = 'purchase')",
    "event_count_90d": "count(ts) filter (ts >= u.cutoff - 90 * {day})",
    "purchase_age": "(u.cutoff - max(ts) filter (kind = 'purchase')) / {day}.0",
    "event_tenure": "(u.cutoff - min(ts)) / {day}.0",
    "consider_age": "(u.cutoff - max(ts) filter (kind in ('cart', 'favorite'))) / {day}.0",
    "purchase_value_90d": "coalesce(sum(value) filter (kind = 'purchase' and ts >= u.cutoff - 90 * {day}), 0) / 1e4",
    "mean_value": "avg(value) / 1e4",
    "max_value": "max(value) / 1e4",
    "purchase_value_min_365d": "min(value) filter (kind = 'purchase') / 1e4",
    "items_30d": "count(distinct item) filter (ts >= u.cutoff - 30 * {day})",
    "categories_90d": "count(distinct category) filter (ts >= u.cutoff - 90 * {day})",
    "cart_items_30d": "count(distinct item) filter (kind = 'cart' and ts >= u.cutoff - 30 * {day})",
    "active_days_90d": "count(distinct (ts + 8 * {hour}) // {day}) filter (ts >= u.cutoff - 90 * {day})",
    "purchase_days_365d": "count(distinct (ts + 8 * {hour}) // {day}) filter (kind = 'purchase')",
    "morning_share_90d": "avg(((ts + 8 * {hour}) % {day} // {hour} between 6 and 11)::int) filter (ts >= u.cutoff - 90 * {day})",
    "weekend_share_90d": "avg((((ts + 8 * {hour}) // {day} + 3) % 7 >= 5)::int) filter (ts >= u.cutoff - 90 * {day})",
    "sessions_90d": "count(ts) filter (ts >= u.cutoff - 90 * {day} and coalesce(ts - before >= 1800000000, true))",
    "view_cart_30d": "count(ts) filter (kind = 'cart' and before_kind = 'view' and ts - before < 1800000000"
    " and ts >= u.cutoff - 30 * {day})",
    "cart_per_view_90d": "count(ts) filter (kind = 'cart' and ts >= u.cutoff - 90 * {day})"
    " / nullif(count(ts) filter (kind = 'view' and ts >= u.cutoff - 90 * {day}), 0)::double",
    "entry_channel": "first(channel order by ts, key_hi, key_lo) filter (channel is not null)",
    "last_category": "last(category order by ts, key_hi, key_lo) filter (category is not null)",
}


def test_it_answers_as_duckdb_does(shop, tmp_path):
    out = tmp_path / "features.parquet"
    answer = compute_file(shop, CUTOFFS, list(SQL), out)
    table = pq.ParquetFile(out).read()
    assert table.column_names == ["user_id", "cutoff", *SQL]
    assert answer == {"users": 121, "rows": 242, "features": len(SQL), "path": str(out)}
    assert table.schema.field("cutoff").type == pa.timestamp("us", "UTC")
    e = EventLog(shop).flat()  # noqa: F841 - DuckDB finds it by name
    columns = ", ".join(f"{sql} as {name}" for name, sql in SQL.items())
    known = {"cutoffs": ", ".join(map(str, CUTOFFS)), "day": DAY, "hour": HOUR}
    right = duckdb.sql(ASKED.format(columns=columns.format(**known), **known)).to_arrow_table()
    order = [("user_id", "ascending"), ("cutoff", "ascending")]
    table = table.set_column(1, "cutoff", table["cutoff"].cast(pa.int64())).sort_by(order)
    right = right.sort_by(order)
    assert len(right) == len(table)
    assert table["user_id"].to_pylist() == right["user_id"].to_pylist()
    for name in SQL:
        if pa.types.is_string(table[name].type):
            assert table[name].to_pylist() == right[name].to_pylist(), name
        else:
            expected = right[name].cast(pa.float64()).to_numpy(zero_copy_only=False)
            np.testing.assert_allclose(table[name].to_numpy(), expected, rtol=1e-12, err_msg=name)
            assert len(np.unique(expected[~np.isnan(expected)])) > 2, f"{name} is next to constant: it shows nothing"


def test_small_pieces_change_nothing(shop, tmp_path, monkeypatch):
    whole, pieces = tmp_path / "whole.parquet", tmp_path / "pieces.parquet"
    compute_file(shop, CUTOFFS, None, whole)
    monkeypatch.setattr(compute, "EVENTS", 1)
    monkeypatch.setattr(compute, "CELLS", 5000)
    compute_file(shop, CUTOFFS, None, pieces)
    one, other = pq.ParquetFile(whole).read(), pq.ParquetFile(pieces).read()
    assert _same(one, other)
    assert pq.ParquetFile(pieces).metadata.num_row_groups > pq.ParquetFile(whole).metadata.num_row_groups


def _same(one: pa.Table, other: pa.Table) -> bool:
    """Equal, NaN to NaN."""
    order = [("user_id", "ascending"), ("cutoff", "ascending")]
    one, other = one.sort_by(order), other.sort_by(order)
    return all(
        np.array_equal(one[n].to_numpy(), other[n].to_numpy(), equal_nan=True)
        if pa.types.is_floating(one[n].type)
        else one[n].equals(other[n])
        for n in one.column_names
    )


def test_what_cannot_be_done_is_refused_and_leaves_nothing(shop, tmp_path):
    with pytest.raises(SpecError, match="purchase_count_30d"):
        compute_file(shop, CUTOFFS, ["purchase_cuont_30d"], tmp_path / "f.parquet")
    with pytest.raises(InputError, match="no folder"):
        compute_file(shop, CUTOFFS, None, tmp_path / "none" / "f.parquet")
    empty = Workspace.at(tmp_path / "empty", {})
    with pytest.raises(NotReadyError):
        compute_file(empty, CUTOFFS, None, tmp_path / "f.parquet")
    empty.fix(Facts())
    with pytest.raises(NotReadyError, match="no events"):
        compute_file(empty, CUTOFFS, None, tmp_path / "f.parquet")
    assert not list(tmp_path.glob("*f.parquet*"))


def test_a_failure_half_way_leaves_the_old_file(shop, tmp_path, monkeypatch):
    out = tmp_path / "f.parquet"
    compute_file(shop, CUTOFFS, ["view_age"], out)
    before = out.read_bytes()

    def broken(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(compute, "evaluate", broken)
    with pytest.raises(KeyboardInterrupt):
        compute_file(shop, CUTOFFS, None, out)
    assert out.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["f.parquet"]
