"""Rows: who is eligible and what they did next against DuckDB on the flat events; values against one person's own answers."""

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from features import catalogue
from features.events import DAY
from features.hashing import hash128
from features.log import EventLog
from features.matrix import evaluate, grid
from features.program import compile_program
from models.spec import load_specs
from training.baselines import NAMES, QUESTIONS
from training.dataset import LEAST_ROWS, build, lots, varies, vocabulary
from training.split import PARTS, span_of, split

PATTERNS = ("purchase_*", "view_*", "*_category*", "entry_channel", "signup_tenure")


@pytest.fixture(scope="module")
def shop(small):
    log, facts = EventLog(small.workspace), small.workspace.facts
    return log, facts, catalogue.of(small.workspace).select(PATTERNS)


def made(shop, small, name, max_rows=10**9):
    log, facts, selected = shop
    spec = next(spec for spec in load_specs(small.specs) if spec.name == name)
    parts = split(spec.split, spec.target.horizon, *span_of(log, None), facts.timezone)
    return spec.target, parts, build(log, facts, selected, spec.target, parts, max_rows)


@pytest.fixture(scope="module")
def events(shop):
    con = duckdb.connect(config={"threads": 1})
    flat = shop[0].flat(columns=["user_id", "ts", "kind", "item", "category"])  # noqa: F841 - DuckDB reads it
    con.execute("create table e as select * from flat")
    return con


def keys(part, events):
    """(user, cutoff) of every row, users by hash."""
    ids = events.sql("select distinct user_id from e order by 1").to_arrow_table()["user_id"].combine_chunks()
    names = dict(zip(hash128(ids.cast(pa.string()))[1].tolist(), ids.to_pylist(), strict=True))
    return [(names[user], cutoff) for user, cutoff in zip(part.users.tolist(), part.cutoff.tolist(), strict=True)]


@pytest.mark.parametrize("name", PARTS)
def test_churn_rows_are_those_of_sql(shop, small, events, name):
    _, parts, data = made(shop, small, "churn_30d")
    cutoffs = ", ".join(f"({cutoff})" for cutoff in getattr(parts, name))
    found = events.sql(f"""
        select user_id, t, count(*) filter (ts >= t) = 0
        from e, (values {cutoffs}) c(t)
        where kind = 'purchase' and ts >= t - {180 * DAY} and ts < t + {30 * DAY}
        group by 1, 2 having count(*) filter (ts < t) > 0""").fetchall()
    expected = {(user, t): int(churned) for user, t, churned in found}
    rows = dict(zip(keys(data.parts[name], events), data.parts[name].labels.tolist(), strict=True))
    assert rows == expected
    assert len(rows) == len(data.parts[name].labels)


def test_stage_rows_are_those_of_sql(shop, small, events):
    _, parts, data = made(shop, small, "stage_7d")
    cutoffs = ", ".join(f"({cutoff})" for cutoff in parts.test)
    found = events.sql(f"""
        with ahead as (select user_id, t, kind, item, category from e, (values {cutoffs}) c(t)
            where ts >= t and ts < t + {7 * DAY}),
        one as (select user_id, t, max(case when kind = 'purchase' then 3 when kind in ('cart', 'favorite') then 2
            when kind in ('view', 'click', 'search', 'open', 'join') then 1 else 0 end) level from ahead group by 1, 2),
        item as (select user_id, t, count(*) n from ahead where kind = 'view' and item is not null group by 1, 2, item),
        category as (select user_id, t, count(*) n from ahead where kind = 'view' and category is not null group by 1, 2, category),
        often as (select user_id, t from item where n >= 3 union select user_id, t from category where n >= 8),
        who as (select distinct user_id, t from e, (values {cutoffs}) c(t) where ts < t and ts >= t - {400 * DAY})
        select who.user_id, who.t, greatest(coalesce(level, 0), case when often.t is null then 0 else 2 end)
        from who left join one using (user_id, t) left join often using (user_id, t)""").fetchall()
    part = data.parts["test"]
    assert dict(zip(keys(part, events), part.labels.tolist(), strict=True)) == {(u, t): k for u, t, k in found}
    assert set(part.labels.tolist()) == {0, 1, 2, 3}


def test_values_are_what_each_person_alone_answers(shop, small, events):
    log, facts, selected = shop
    _, _, data = made(shop, small, "stage_7d")
    program = compile_program(
        selected.features | QUESTIONS, kinds=facts.kinds, retention_days=facts.retention_days, timezone=facts.timezone
    )
    part = data.parts["calibrate"]
    assert {name for name in data.names if name in data.vocabularies}
    for row in range(0, len(part.labels), 97):
        [(user, cutoff)] = keys(type(part)(*(column[[row]] for column in fields(part))), events)
        matrix = evaluate(program, log.read_users([user]), *grid(1, [cutoff]))
        assert np.array_equal(matrix.model_input(data.names, data.vocabularies)[0], part.values[row], equal_nan=True)
        alone = [matrix.column(name)[0] for name in NAMES]
        assert np.array_equal(alone, part.baselines[row], equal_nan=True)


def fields(part):
    return [getattr(part, name) for name in type(part).__slots__]


def test_rows_come_in_one_order_and_a_cap_keeps_the_same_ones(shop, small):
    _, _, whole = made(shop, small, "stage_7d")
    _, _, some = made(shop, small, "stage_7d", max_rows=2000)
    assert any("sample" in note for note in some.notes)
    assert whole.notes == ()
    for name in PARTS:
        every, kept = whole.parts[name], some.parts[name]
        pairs = list(zip(every.users.tolist(), every.cutoff.tolist(), strict=True))
        assert len(set(pairs)) == len(pairs)
        order = [pairs.index(pair) for pair in zip(kept.users.tolist(), kept.cutoff.tolist(), strict=True)]
        assert order == sorted(order)
        assert (every.labels[order] == kept.labels).all()
        assert 1700 < len(kept.labels) < 2300 or len(kept.labels) == len(every.labels)


def test_features_that_never_vary_are_left_out(shop, small):
    _, _, data = made(shop, small, "stage_7d")
    train = data.parts["train"].values
    for i, name in enumerate(data.names):
        assert len(np.unique(train[:, i])) > 1, name
    assert set(data.names) < set(shop[2].names) | {"refund_count_90d"}
    assert varies(np.array([[1, np.nan, np.nan, 2], [1, np.nan, 0, 3]])) == [False, False, True, True]
    assert varies(np.empty((0, 2))) == [False, False]


def test_a_vocabulary_holds_what_is_common_the_commonest_first():
    words = ["b"] * 50 + ["a"] * 50 + ["c"] * 70 + ["rare"] * (LEAST_ROWS - 1) + [None] * 90
    assert vocabulary(pa.chunked_array([pa.array(words).dictionary_encode()])) == {"c": 0, "a": 1, "b": 2}
    assert vocabulary(pa.chunked_array([], pa.dictionary(pa.int32(), pa.string()))) == {}


def test_lots_are_even_and_a_rows_own():
    users = np.repeat(hash128(pa.array([f"u{i}" for i in range(2000)]))[1], 10)
    cutoff = np.tile(np.arange(10) * 7 * DAY, 2000)
    found = lots(users, cutoff)
    assert ((found >= 0) & (found < 1)).all()
    assert np.abs(np.histogram(found, 10, (0, 1))[0] - 2000).max() < 200
    for_user, for_cutoff = found.reshape(2000, 10).mean(axis=1), found.reshape(2000, 10).mean(axis=0)
    assert for_user.std() == pytest.approx(np.sqrt(1 / 12 / 10), rel=0.1)  # a user's lots do not hang together
    assert np.abs(for_cutoff - 0.5).max() < 0.03
    assert (lots(users[::-1], cutoff[::-1]) == found[::-1]).all()
