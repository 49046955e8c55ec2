"""What rules read: calendar days against the standard library, texts coded alike by both ways, tiers forgotten again."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from features.events import DAY, HOUR
from features.instants import to_us
from features.matrix import Matrix
from features.zones import transitions
from models.columns import FEW, Coded, PersonColumns, shop_day

ZONES = (
    "UTC",
    "Asia/Shanghai",
    "America/New_York",
    "America/Sao_Paulo",
    "Pacific/Apia",
    "America/St_Johns",
    "Asia/Kathmandu",
)


def day_of(us, zone):
    local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)).astimezone(ZoneInfo(zone))
    return local.date().toordinal() - 719_163


@pytest.mark.parametrize("zone", ZONES)
def test_days_are_those_of_the_zone_also_where_clocks_change(zone):
    changes = [int(start) for start in transitions(zone)[0][1:]]
    around = [start + step for start in changes for step in (-HOUR, -1, 0, 1, HOUR)]
    instants = [*around, *range(0, to_us(datetime(2030, 1, 1, tzinfo=UTC)), 91 * DAY + 7 * HOUR + 13)]
    assert shop_day(np.array(instants), zone).tolist() == [day_of(us, zone) for us in instants]


def columns_of(values, now, zone):
    n = len(values)
    matrix = Matrix(np.arange(n), np.full(n, now), ("purchase_age",), np.array([values], np.float64).T, {})
    return PersonColumns(matrix, now, zone)


@given(st.integers(0, 400 * DAY), st.integers(0, 20 * 365 * DAY), st.sampled_from(ZONES))
@example(0, 15_000 * DAY, "UTC")
@example(1, 15_000 * DAY, "UTC")
@example(15 * HOUR, 15_000 * DAY + 15 * HOUR, "UTC")
def test_calendar_days_since_an_age(age, later, zone):
    now = 10_000 * DAY + later
    (passed,) = columns_of([age / DAY], now, zone).days("purchase_age")
    assert passed == day_of(now, zone) - day_of(now - age, zone)


def test_no_age_has_no_days():
    assert np.isnan(columns_of([np.nan, 1.0], 9 * DAY, "UTC").days("purchase_age")).tolist() == [True, False]


@given(st.lists(st.sampled_from(["a", "鞋", "", "b", None]), max_size=FEW))
def test_texts_are_coded_alike_by_both_ways(texts):
    few = Coded.of(pa.array(texts, pa.string()))
    many = Coded.of(pa.array(texts + [None] * FEW + [None], pa.string()))
    assert few.codes.tolist() == many.codes.tolist()[: len(texts)]
    assert list(few.values) == list(many.values)
    assert [None if code < 0 else few.values[code] for code in few.codes] == texts
    assert few.place("nowhere") == -2
