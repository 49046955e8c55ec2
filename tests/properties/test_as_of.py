"""As-of joins of attributes against a naive reading, DuckDB's ASOF JOIN, and in any company and order."""

import json
import math

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import dated
from features.algebra import Attribute
from features.events import NULL
from features.outside import as_of, is_given, number_of

VALUES = [None, "", "a", "b", 0, 1, -2.5, "3", True, "1_0"]
ASKED = [Attribute("x"), Attribute("x", type="text"), Attribute("y"), Attribute("y", type="text")]
rows = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.none() | st.integers(0, 6),
        st.dictionaries(st.sampled_from(["x", "y"]), st.sampled_from(VALUES)),
    ),
    max_size=14,
)
queries = st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 7)), min_size=1, max_size=12)


def table_of(told):
    person = np.array([row[0] for row in told], np.int64)
    since = np.array([NULL if row[1] is None else row[1] for row in told], np.int64)
    return dated.of(4, person, since, pa.array([json.dumps(row[2]) for row in told], pa.string()))


def naive(told, question, person, cutoff):
    """Read row by row: sorted by instant, the later row of two; the last that gives the field."""
    mine = [
        (NULL if since is None else since, place, known) for place, (u, since, known) in enumerate(told) if u == person
    ]
    found = None
    for since, _, known in sorted(mine, key=lambda row: row[:2]):
        if since <= cutoff and is_given(known.get(question.field)):
            found = known[question.field]
    if question.type == "number":
        return number_of(found)
    return "true" if found is True else found if found is None or isinstance(found, str) else str(found)


def answers(table, asked, person, cutoff):
    return [list(a.to_pylist() if isinstance(a, pa.Array) else a) for a in as_of(table, asked, person, cutoff)]


def same(one, other):
    return len(one) == len(other) and all(
        a == b or (isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b))
        for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("times", [1, 7])  # few rows are answered in another way than many
@settings(max_examples=150, deadline=None)
@given(told=rows, asked=queries)
def test_as_of_is_the_naive_reading(times, told, asked):
    person, cutoff = (
        np.tile(np.array(column, np.int64), times * 10 if times > 1 else 1) for column in zip(*asked, strict=True)
    )
    table = table_of(told)
    for question, found in zip(ASKED, answers(table, ASKED, person, cutoff), strict=True):
        expected = [naive(told, question, u, t) for u, t in zip(person.tolist(), cutoff.tolist(), strict=True)]
        assert same(found, expected)


@settings(max_examples=60, deadline=None)
@given(told=rows, asked=queries, later=rows)
def test_what_is_valid_later_changes_nothing(told, asked, later):
    person, cutoff = (np.array(column, np.int64) for column in zip(*asked, strict=True))
    last = int(cutoff.max())
    more = told + [(u, last + 1 + (since or 0), known) for u, since, known in later]
    for one, other in zip(
        answers(table_of(told), ASKED, person, cutoff), answers(table_of(more), ASKED, person, cutoff), strict=True
    ):
        assert same(one, other)


def test_as_of_is_duckdbs_asof_join():
    rng = np.random.default_rng(5)
    n, n_people = 4000, 300
    person = rng.integers(0, n_people, n)
    since = rng.permutation(n)  # no two rows of one instant, of which DuckDB picks any
    value = [None if rng.random() < 0.3 else round(float(rng.normal()), 3) for _ in range(n)]
    table = dated.of(n_people, person, since, pa.array([json.dumps({"v": v}) for v in value], pa.string()))
    asks, cutoff = rng.integers(0, n_people, 3000), rng.integers(-5, n + 5, 3000)
    known = pa.table({"person": person, "since": since, "value": pa.array(value, pa.float64())})  # noqa: F841 - DuckDB's
    asked = pa.table({"place": np.arange(3000), "person": asks, "cutoff": cutoff})  # noqa: F841
    found = duckdb.sql(
        "SELECT a.place, k.value FROM asked a ASOF LEFT JOIN (SELECT * FROM known WHERE value IS NOT NULL) k "
        "ON a.person = k.person AND k.since <= a.cutoff ORDER BY a.place"
    ).to_arrow_table()
    (ours,) = as_of(table, [Attribute("v")], asks, cutoff)
    assert np.array_equal(ours, found["value"].to_numpy(), equal_nan=True)
    assert 0.05 < np.isnan(ours).mean() < 0.9
