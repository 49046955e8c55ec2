"""The simulated shop: its truth against what happened, its events against what they promise."""

import json

import duckdb
import numpy as np
import pytest

from features.events import KINDS
from training.shop import ATTAINABLE, SHOP
from training.simulate import simulate

DAY = 86_400_000_000
WEEK = 7 * DAY
STAGES = ("idle", "browsing", "considering", "buying")


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What simulate answered for a shop of 4,000 users over a year."""
    return simulate(4000, 365, 42, tmp_path_factory.mktemp("shop") / "shop")


@pytest.fixture(scope="module")
def con(told):
    """DuckDB over the files, times as int64 microseconds; `labels` has the outcome of each row of the truth.

    The stage rule is written once more here, on the events alone. Rows whose horizon passes the end have no outcome.
    """
    out = told["out"]
    con = duckdb.connect(config={"threads": 2})
    con.execute(
        f"create table e as select * replace (epoch_us(ts) as ts, epoch_us(arrived_at) as arrived_at), "
        f"epoch_us(ts) // {DAY} as day from '{out}/events.parquet'"
    )
    con.execute(f"create table truth as select * replace (epoch_us(cutoff) as cutoff) from '{out}/truth.parquet'")
    con.execute(
        f"create table people as select * replace (epoch_us(valid_from) as valid_from) from '{out}/users.parquet'"
    )
    con.execute(f"create table items as select * from '{out}/items.parquet'")
    con.execute(
        f"create table arms as select * replace (epoch_us(assigned_at) as assigned_at) from '{out}/assignments.parquet'"
    )
    end = con.sql(f"select min(day) * {DAY} + 365 * {DAY} from e").fetchall()[0][0]
    con.execute(f"""
        create table labels as
        with weeks as (select user_id, cutoff, e.* exclude (user_id) from truth join e using (user_id)
                       where e.ts >= cutoff and e.ts < cutoff + {WEEK}),
        items as (select user_id, cutoff, max(n) most from (
            select user_id, cutoff, item, count(*) n from weeks where kind = 'view' group by all) group by all),
        categories as (select user_id, cutoff, max(n) most from (
            select user_id, cutoff, category, count(*) n from weeks where kind = 'view' group by all) group by all),
        kinds as (select user_id, cutoff, bool_or(kind = 'purchase') buying, bool_or(kind in ('cart', 'favorite')) carting,
            bool_or(kind in ('view', 'click', 'search', 'open', 'join')) browsing from weeks group by all),
        bought as (select distinct user_id, cutoff from truth join e using (user_id)
            where kind = 'purchase' and ts >= cutoff and ts < cutoff + 30 * {DAY}),
        before as (select distinct user_id, cutoff from truth join e using (user_id)
            where kind = 'purchase' and ts < cutoff and ts >= cutoff - 180 * {DAY})
        select truth.*,
            case when buying then 3 when carting or items.most >= 3 or categories.most >= 8 then 2 when browsing then 1 else 0 end stage,
            case when cutoff + 30 * {DAY} <= {end} then bought.user_id is null end churned,
            before.user_id is not null cohort
        from truth left join items using (user_id, cutoff) left join categories using (user_id, cutoff)
        left join kinds using (user_id, cutoff) left join bought using (user_id, cutoff) left join before using (user_id, cutoff)
        where cutoff + {WEEK} <= {end} order by user_id, cutoff""")
    return con


def stages_of(con):
    """(r,) stage and, given the observed history and given the state, (r, 4) probabilities."""
    frame = con.sql("select * from labels").fetchnumpy()
    best, latent = (np.stack([frame[f"{p}p_stage_7d_{s}"] for s in STAGES], axis=1) for p in ("", "latent_"))
    return np.asarray(frame["stage"]), best, latent


def churn_of(con, spacing):
    """Outcomes and both probabilities at cutoffs `spacing` weeks apart."""
    frame = con.sql(
        f"select churned, p_churn_30d best, latent_p_churn_30d latent from labels where churned is not null "
        f"and (cutoff // {WEEK}) % {spacing} = 0"
    ).fetchnumpy()
    return np.asarray(frame["churned"]).astype(int), np.asarray(frame["best"]), np.asarray(frame["latent"])


def worst_bin(outcome, p, bins=12):
    """Largest |z| of outcomes against probabilities over equal-mass bins.

    Outcomes less an exact probability are martingale differences where horizons do not overlap: their variances add up.
    """
    parts = np.array_split(np.argsort(p, kind="stable"), bins)
    return max(abs((outcome[rows] - p[rows]).sum()) / np.sqrt((p[rows] * (1 - p[rows])).sum()) for rows in parts)


def test_truth_is_calibrated_on_stage(con):
    stage, best, latent = stages_of(con)
    assert len(stage) > 150_000
    for c in range(4):
        assert worst_bin(stage == c, best[:, c]) < 4
        assert worst_bin(stage == c, latent[:, c]) < 4


def test_truth_is_calibrated_on_churn(con):
    churned, best, latent = churn_of(con, 5)
    assert worst_bin(churned, best) < 4
    assert worst_bin(churned, latent) < 4


def test_calibration_would_notice_a_filter_that_is_a_little_wrong(con):
    stage, best, _ = stages_of(con)
    assert worst_bin(stage == 3, best[:, 3] * 1.1) > 4
    churned, best, _ = churn_of(con, 5)
    assert worst_bin(churned, 1 - (1 - best) * 1.1) > 4


def test_log_losses_stand_in_order_and_the_gain_is_within_the_stated_bounds(con):
    stage, best, latent = stages_of(con)
    base = np.bincount(stage) / len(stage)
    rows = np.arange(len(stage))
    entropy = -(base * np.log(base)).sum()
    gain, ceiling = (1 + np.log(p[rows, stage]).mean() / entropy for p in (best, latent))
    assert ATTAINABLE["stage_7d"][0] < gain < ATTAINABLE["stage_7d"][1]
    assert gain < ceiling
    assert base[0] < 0.67
    assert 0.05 < base[3] < 0.10
    frame = con.sql(
        "select churned::int y, p_churn_30d p, latent_p_churn_30d q from labels where churned is not null and cohort"
    ).fetchnumpy()
    y = np.asarray(frame["y"])
    entropy = -(y.mean() * np.log(y.mean()) + (1 - y.mean()) * np.log(1 - y.mean()))
    gain, ceiling = (1 + np.where(y == 1, np.log(frame[x]), np.log(1 - frame[x])).mean() / entropy for x in "pq")
    assert ATTAINABLE["churn_30d"][0] < gain < ATTAINABLE["churn_30d"][1]
    assert gain < ceiling
    assert 0.45 < y.mean() < 0.60


def test_nothing_else_in_the_history_tells_of_the_future(con):
    """The truth's errors do not go with anything that the filter does not read: it could not use it."""
    columns = {
        "clicks": "count(*) filter (kind = 'click')",
        "dwell": "coalesce(avg(dwell), 0)",
        "favorites": "count(*) filter (kind = 'favorite')",
        "carts": "count(*) filter (kind = 'cart')",
        "uncarts": "count(*) filter (kind = 'uncart')",
        "lines": "count(*) filter (kind = 'purchase')",
        "spent": "coalesce(sum(value) filter (kind = 'purchase'), 0)",
        "discount": "coalesce(sum(discount), 0)",
        "messages": "count(*) filter (kind = 'message')",
        "reminders": "count(*) filter (campaign = 'cart-reminder')",
        "opens": "count(*) filter (kind = 'open')",
        "joins": "count(*) filter (kind = 'join')",
        "shares": "count(*) filter (kind in ('share', 'refer'))",
        "after": "count(*) filter (kind in ('review', 'refund', 'complain', 'survey'))",
        "late": "count(arrived_at)",
        "visits": "count(referrer)",
        "evenings": f"count(*) filter (ts % {DAY} > {DAY} * 0.7)",
        "categories": "count(distinct category)",
        "repeats": "count(item) - count(distinct item)",
        "cheap": "count(*) filter (text like '%便宜')",
        "app": "count(*) filter (channel = 'app')",
    }
    frame = con.sql(f"""
        with f as (select user_id, cutoff, {", ".join(f"{v} {k}" for k, v in columns.items())}
            from labels join e using (user_id) where ts < cutoff and ts >= cutoff - 28 * {DAY} and coalesce(arrived_at, ts) < cutoff
            group by all)
        select labels.*, f.* exclude (user_id, cutoff) from labels join f using (user_id, cutoff)""").fetchnumpy()
    rest = np.stack([np.asarray(frame[name], float) for name in columns], axis=1)
    stage = np.asarray(frame["stage"])
    # each one alone, less what the filter's own reading of the history says of it
    known = np.stack(
        [np.asarray(frame[f"p_stage_7d_{s}"], float) for s in STAGES[:3]] + [np.asarray(frame["p_churn_30d"], float)],
        axis=1,
    )
    known = np.column_stack([np.ones(len(known)), known, known**2])
    rest = rest - known @ np.linalg.lstsq(known, rest, rcond=None)[0]
    assert (rest.std(axis=0) > 0).all()
    for c in range(4):
        p = np.asarray(frame[f"p_stage_7d_{STAGES[c]}"], float)
        z = rest.T @ ((stage == c) - p) / np.sqrt((rest**2).T @ (p * (1 - p)))
        assert np.abs(z).max() < 4, dict(zip(columns, z.round(1), strict=True))


def test_browsing_never_becomes_considering_by_accident(con):
    """Over any 7 × 24 hours, an item viewed on browsing days is seen at most twice, a category at most 7 times."""
    con.execute("""create or replace table browsing as select e.* from e join (
        select user_id, day from (select user_id, day, item, bool_or(kind in ('cart', 'favorite', 'purchase')) more,
            count(*) filter (kind = 'view') n from e where kind in ('view', 'cart', 'favorite', 'purchase') group by all)
        group by all having not bool_or(more) and max(n) < 3) using (user_id, day) where kind = 'view'""")
    for what, most in (("item", 2), ("category", 7)):
        found = con.sql(
            f"select max(n) from (select count(*) over (partition by user_id, {what} order by ts "
            f"range between {WEEK} preceding and current row) n from browsing)"
        ).fetchall()[0][0]
        assert found == most, "the limit is kept, and reached"


def test_considering_shows_as_carts_favorites_or_repeated_looks(con):
    rows = con.sql("""select count(*) filter (carts > 0), count(*) filter (favorites > 0 and carts = 0),
        count(*) filter (carts = 0 and favorites = 0 and looks >= 3) from (
        select user_id, day, sum(carts) carts, sum(favorites) favorites, sum(buys) buys, max(looks) looks from (
            select user_id, day, item, count(*) filter (kind = 'view') looks, count(*) filter (kind = 'cart') carts,
            count(*) filter (kind = 'favorite') favorites, count(*) filter (kind = 'purchase') buys from e group by all)
        group by all having buys = 0)""").fetchall()[0]
    shares = np.array(rows) / sum(rows)
    assert shares == pytest.approx([0.62 + 0.22 * 0.25 * 0.62, 0.22 * (1 - 0.25 * 0.62), 0.16], abs=0.01)


def test_only_kinds_that_tell_nothing_arrive_late(con):
    rows = dict(con.sql("select kind, count(arrived_at) / count(*) from e group by 1").fetchall())
    late = {kind for kind, share in rows.items() if share}
    assert late == {"review", "refund", "complain", "survey"}
    assert all(0.2 < rows[kind] < 0.35 for kind in late)
    assert con.sql(
        "select min(arrived_at - ts) > 0, max(arrived_at) < (min(day) + 365) * 86400000000 from e"
    ).fetchall() == [(True, True)]


def test_every_kind_and_column_is_there(con):
    counts = dict(con.sql("select kind, count(*) from e group by 1").fetchall())
    assert set(counts) == set(KINDS)
    assert 60 < sum(counts.values()) / 4000 < 85
    for name in (
        "item",
        "category",
        "value",
        "quantity",
        "discount",
        "channel",
        "campaign",
        "page",
        "referrer",
        "dwell",
        "rating",
        "text",
        "properties",
    ):
        assert con.sql(f"select count(distinct {name}) from e").fetchall()[0][0] >= 3, name
    for text in con.sql("select distinct properties from e where properties is not null").fetchnumpy()["properties"]:
        assert isinstance(json.loads(text), dict)


def test_events_are_sound(con, told):
    n, ids = con.sql("select count(*), count(distinct event_id) from e").fetchall()[0]
    assert n == ids == told["events"]
    assert con.sql(
        "select count(*) from (select ts - lag(ts) over (partition by user_id order by rowid) d from e) where d < 0"
    ).fetchall() == [(0,)]
    lines = con.sql("""select max(abs(price * quantity - discount - value)), min(value), max(quantity), min(discount), count(*)
        from e join items using (item) where kind = 'purchase' and e.category = items.category""").fetchall()[0]
    assert lines[0] < 0.005
    assert lines[1] > 0
    assert lines[2] == 3
    assert lines[3] == 0
    assert lines[4] == con.sql("select count(*) from e where kind = 'purchase'").fetchall()[0][0]
    per_order = dict(
        con.sql(
            "select n, count(*) from (select count(*) n from e where kind = 'purchase' group by user_id, ts) group by 1"
        ).fetchall()
    )
    assert set(per_order) == {1, 2, 3, 4}
    assert con.sql(
        "select count(*) from e where kind in ('open', 'join') and not exists "
        "(select 1 from e v where v.user_id = e.user_id and v.day = e.day and v.kind = 'view')"
    ).fetchall() == [(0,)]


def test_users_sign_up_once_or_were_there_from_the_start(con):
    rows = con.sql("""select count(*), count(valid_from), count(signups), count(*) filter (valid_from is distinct from first),
        count(*) filter (signups > 1), count(*) filter (began < first)
        from people left join (select user_id, count(*) signups, min(ts) first from e where kind = 'signup' group by 1) using (user_id)
        left join (select user_id, min(ts) began from e group by 1) using (user_id)""").fetchall()[0]
    assert rows[0] == 4000
    assert rows[1] == rows[2]
    assert abs(rows[1] / 4000 - 365 / (850 + 365)) < 0.03
    assert rows[3:] == (0, 0, 0)


def test_campaigns_are_randomised_recorded_and_known_to_work(con):
    arms = con.sql("""select arm, count(*) n, count(message) told, sum(before) before, sum(bought) bought from (
        select arms.*, m.user_id message, (select count(*) from e where e.user_id = arms.user_id and ts < assigned_at
                and ts >= assigned_at - 28 * 86400000000 and kind <> 'message') before,
            (select count(distinct day) from e where e.user_id = arms.user_id and kind = 'purchase' and ts >= assigned_at
                and ts < assigned_at + 4 * 86400000000) bought
        from arms left join (select distinct user_id, campaign from e where kind = 'message') m using (user_id, campaign))
        group by arm order by arm desc""").fetchall()
    (_, n, told, before, bought), (_, m, untold, before_held, bought_held) = arms
    assert told == n
    assert untold == 0
    assert abs(n / (n + m) - SHOP.treated) < 4 * np.sqrt(0.16 / (n + m))
    assert before / n == pytest.approx(before_held / m, rel=0.08)
    lift = np.log(bought / n / (bought_held / m))
    assert 0.15 < lift < 0.55
    sent = con.sql("select count(*) from e where kind = 'message' and properties like '%campaign%'").fetchall()[0][0]
    assert sent == n
