"""For every person, whatever the log-odds: horizons never contradict each other, and all is the product it should be."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.hazard import Hazard
from models.timing import distribution, quantile, total, within

ODDS = st.floats(-12, 12, allow_nan=False)


@st.composite
def persons(draw):
    """Edges, and some persons' log-odds of the hazards, with a correction."""
    edges = tuple(sorted(draw(st.sets(st.integers(1, 400), min_size=1, max_size=12))))
    n = draw(st.integers(1, 6))
    raw = np.array(draw(st.lists(ODDS, min_size=n * len(edges), max_size=n * len(edges)))).reshape(n, -1)
    return edges, raw, draw(st.floats(0.2, 3)), np.array(draw(st.lists(ODDS, min_size=len(edges), max_size=len(edges))))


@settings(deadline=None)  # the loops are compiled at first use
@given(persons())
def test_the_distribution_is_the_brute_force_product(case):
    edges, raw, slope, shift = case
    p = distribution(raw, slope, shift)
    for row in range(len(raw)):
        hazards = [1 / (1 + math.exp(-(slope * z + b))) for z, b in zip(raw[row], shift, strict=True)]
        for j, days in enumerate(edges):
            expected = 1 - math.prod(1 - h for h in hazards[: j + 1])
            assert within(p, edges, days)[row] == np.float64(total(p, range(j + 1))[row])
            assert abs(within(p, edges, days)[row] - expected) < 1e-12
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-12)
    assert (p >= 0).all()


@settings(deadline=None)  # the loops are compiled at first use
@given(persons(), st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_a_longer_horizon_never_has_a_smaller_probability(case, shares):
    edges, raw, slope, shift = case
    p = distribution(raw, slope, shift)
    days = sorted({*(share * edges[-1] for share in shares), *map(float, edges)})
    each = np.array([within(p, edges, d) for d in days])
    assert (np.diff(each, axis=0) >= 0).all()
    assert ((each >= 0) & (each <= 1)).all()


@settings(deadline=None)  # the loops are compiled at first use
@given(persons(), st.floats(0.01, 0.99))
def test_the_quantile_is_where_the_probability_reaches_its_level(case, level):
    edges, raw, slope, shift = case
    p = distribution(raw, slope, shift)
    for row, days in enumerate(quantile(p, edges, level).tolist()):
        if math.isinf(days):
            assert within(p[[row]], edges, edges[-1])[0] < level
        else:
            assert 0 <= days <= edges[-1]
            assert within(p[[row]], edges, days)[0] >= level - 1e-9


@settings(deadline=None)  # the loops are compiled at first use
@given(persons())
def test_the_interval_holds_the_median_and_a_row_does_not_depend_on_the_others(case):
    edges, raw, slope, shift = case
    recipe = Hazard(("purchase",), edges, edges)
    p = distribution(raw, slope, shift)
    median, low, high = (np.nan_to_num(days, nan=np.inf) for days in recipe.scores(p)[-3:])
    assert ((low <= median) & (median <= high)).all()
    for row in range(len(raw)):
        alone = distribution(raw[[row]], slope, shift)
        assert np.array_equal(alone[0], p[row])
        for mine, all_of_them in zip(recipe.scores(alone), recipe.scores(p), strict=True):
            assert np.array_equal(mine[0], all_of_them[row], equal_nan=True)


@settings(deadline=None)  # the loops are compiled at first use
@given(persons())
def test_a_readout_and_its_complement_are_all(case):
    edges, raw, slope, shift = case
    recipe = Hazard(("purchase",), edges, edges)
    p = distribution(raw, slope, shift)
    for days in edges:
        both = total(p, recipe.readouts[f"buy_{days}d"]) + total(p, recipe.readouts[f"no_buy_{days}d"])
        np.testing.assert_allclose(both, 1, atol=1e-12)
