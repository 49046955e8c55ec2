"""The recipe of a hazard: buckets, read-outs, labels on the edges, and what a log cannot show."""

import math

import numpy as np
import pytest

from features.algebra import Age, Until, ahead
from features.errors import TooLittleDataError
from features.events import DAY
from features.matrix import Matrix
from models.hazard import Hazard
from models.targets import Target
from models.timing import quantile, within

RECIPE = Hazard(("purchase",), (1, 3, 7), (1, 7))
TARGET = Target("next", 7 * DAY, RECIPE)


def test_classes_readouts_and_columns():
    assert TARGET.kind == "hazard"
    assert TARGET.classes == ("0-1d", "1-3d", "3-7d", "later")
    assert TARGET.readouts["buy_7d"] == (0, 1, 2)
    assert TARGET.readouts["no_buy_1d"] == (1, 2, 3)
    assert list(TARGET.readouts)[:4] == list(TARGET.classes)
    assert TARGET.columns == (
        "p_buy_1d", "p_buy_7d", "next_order_median_days", "next_order_low_days", "next_order_high_days",
    )  # fmt: skip
    assert not TARGET.binary
    assert TARGET.reachable == (0, 1, 2, 3)


def test_the_questions():
    assert TARGET.cohort == Age(())
    assert TARGET.questions == {"next:until": Until(("purchase",), ahead(7))}


def test_an_event_on_an_edge_falls_in_the_later_bucket():
    days = np.array([0.0, 1 - 1e-9, 1.0, 2.9, 3.0, 7 - 1e-9, math.nan])
    here = np.zeros(len(days), np.int64)
    labels = TARGET.labels(Matrix(here, here, ("next:until",), days[:, None], {}))
    assert labels.tolist() == [0, 0, 1, 1, 2, 2, 3]


def test_scores_are_null_outside_the_cohort_and_days_beyond_the_last_edge():
    p = np.array([[0.5, 0.25, 0.125, 0.125], [0.01, 0.01, 0.01, 0.97], [math.nan] * 4])
    one, seven, median, low, high = TARGET.scores(p)
    assert one.tolist()[:2] == [0.5, 0.01]
    assert seven.tolist()[0] == 0.875
    assert median.tolist()[0] == 1.0
    assert 0 < low[0] < 1
    assert np.isnan(high).tolist() == [True, True, True]  # 0.875 < 0.9: later than 7 days
    assert np.isnan(median).tolist() == [False, True, True]
    assert np.isnan([column[2] for column in (one, seven, median, low, high)]).all()


def test_within_a_bucket_the_hazard_is_constant():
    p = np.array([[0.0, 0.75, 0.0, 0.25]])  # survival falls from 1 to 1/4 in two days: to 1/2 in one
    assert within(p, RECIPE.edges, 2)[0] == pytest.approx(0.5)
    assert quantile(p, RECIPE.edges, 0.5)[0] == pytest.approx(2)


def test_up_to_and_kinds():
    assert RECIPE.up_to(3) == Hazard(("purchase",), (1, 3), (1,))
    left, notes = Target("next", 7 * DAY, Hazard(("join", "purchase"), (1, 3), (1,))).without({"join"})
    assert (left.recipe.kinds, notes) == (("purchase",), [])
    with pytest.raises(TooLittleDataError, match="no event of kind purchase"):
        TARGET.without({"purchase"})


def test_json_round_trip():
    assert Target.from_json(TARGET.to_json()) == TARGET
