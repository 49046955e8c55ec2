"""The base rate as a model: its intervals beside scipy's and beside draws, and through a bundle."""

import numpy as np
import pytest
from scipy.stats import beta

from features.errors import DamagedError
from features.events import DAY
from models import bundle as bundles
from models.assign import prediction
from models.baserate import METHOD, BaseRateModel, of_buckets, of_classes
from models.hazard import Hazard
from models.hazardmodel import HazardModel
from models.model import from_json
from models.targets import Stages, Target
from models.timing import within
from models.verification import verify

from .conftest import RISK, STAGE, matrix_of

EDGES = (1, 7, 14, 30, 60)
HAZARD = Target("next_purchase", 60 * DAY, Hazard(("purchase",), EDGES, (7, 14, 30, 60)))


def hazard(events=(4, 10, 6, 3, 0), at_risk=(60, 50, 35, 20, 0), rows=60, users=20):
    return of_buckets(HAZARD, EDGES, np.array(events, float), np.array(at_risk, float), rows, users)


@pytest.mark.parametrize(("rows", "users"), [((30, 10), 40), ((40, 0), 40), ((0, 0), 0), ((300, 100), 40)])
def test_two_classes_have_jeffreys_interval_by_persons(rows, users):
    model = of_classes(RISK, np.array(rows, float), users)
    share = users / max(1, sum(rows))
    a, b = rows[1] * share + 0.5, rows[0] * share + 0.5
    assert model.base_rates == pytest.approx([b / (a + b), a / (a + b)])
    assert model.interval(0.9)["churned"] == pytest.approx(beta.ppf([0.05, 0.95], a, b), abs=1e-9)
    assert model.interval(0.9)["active"] == pytest.approx(1 - beta.ppf([0.95, 0.05], a, b), abs=1e-9)


def test_more_classes_have_dirichlets_marginals_and_one_that_nothing_shows_stays_at_nought():
    model = of_classes(STAGE, np.array([50.0, 20.0, 0.0, 10.0]), 80)
    counts = np.array([50.25, 20.25, 0.25, 10.25])
    assert model.base_rates == pytest.approx(counts / counts.sum())
    for name, count in zip(STAGE.classes, counts, strict=True):
        expected = beta.ppf([0.025, 0.975], count, counts.sum() - count)
        low, high = model.interval(0.95)[name]
        assert high == pytest.approx(expected[1], abs=1e-9), name
        assert low == pytest.approx(expected[0], abs=1e-9), name
    till = Target("stage_7d", 7 * DAY, Stages((), (), ("purchase",)))
    shown = of_classes(till, np.array([30.0, 0.0, 0.0, 10.0]), 40)
    assert till.reachable == (0, 2, 3)
    assert shown.base_rates == pytest.approx(np.array([30 + 1 / 3, 0, 1 / 3, 10 + 1 / 3]) / 41)
    assert shown.interval()["browsing"] == (0.0, 0.0)
    assert shown.interval(0.9)["buying"] == pytest.approx(beta.ppf([0.05, 0.95], 10 + 1 / 3, 30 + 2 / 3), abs=1e-9)


def test_with_nothing_seen_the_interval_says_so():
    low, high = of_classes(RISK, np.zeros(2), 0).interval(0.9)["churned"]
    assert low < 0.01
    assert high > 0.99
    low, high = hazard(np.zeros(5), np.zeros(5), 0, 0).interval(0.9)["buy_60d"]
    assert low < 0.01
    assert high > 0.95


def test_rows_of_one_person_do_not_narrow_the_interval_but_persons_do():
    widths = [
        np.diff(of_classes(RISK, np.array(rows, float), users).interval()["churned"])[0]
        for rows, users in (((30, 10), 40), ((300, 100), 40), ((300, 100), 400))
    ]
    assert widths[0] == pytest.approx(widths[1])
    assert widths[2] < widths[1] / 2


def test_a_hazard_is_its_life_table_and_its_interval_that_of_draws():
    model = hazard()
    rng = np.random.default_rng(0)
    hazards = rng.beta(model.happened, model.past, (200_000, 5))
    left = np.cumprod(1 - hazards, axis=1)
    classes = np.column_stack([hazards * np.column_stack([np.ones(len(left)), left[:, :-1]]), left[:, -1]])
    assert model.base_rates == pytest.approx(classes.mean(axis=0), abs=2e-3)
    for name, places in HAZARD.readouts.items():
        drawn = classes[:, list(places)].sum(axis=1)
        low, high = model.interval(0.9)[name]
        assert low <= model.base_rates[list(places)].sum() <= high
        near = 0.1 if 4 in places or 5 in places else 0.02  # nobody was followed there: two peaks, which no Beta has
        assert low == pytest.approx(np.quantile(drawn, 0.05), abs=near), name
        assert high == pytest.approx(np.quantile(drawn, 0.95), abs=near), name
    seen = np.prod(1 - np.array([4, 10, 6]) / [60, 50, 35])
    assert 1 - within(model.base_rates[None, :], EDGES, 14)[0] == pytest.approx(seen, abs=0.02)


def test_where_nobody_was_followed_the_pace_goes_on_and_the_interval_is_wider():
    known, short = hazard((4, 10, 6, 10, 8), (60, 50, 35, 30, 20)), hazard((4, 10, 6, 0, 0), (60, 50, 35, 0, 0))
    said = [float(within(short.base_rates[None, :], EDGES, days)[0]) for days in (7, 14, 30, 60)]
    assert said == sorted(said)
    assert np.diff(short.interval()["buy_60d"])[0] > 2 * np.diff(known.interval()["buy_60d"])[0]


def test_rows_are_at_the_base_rate_in_the_cohort_and_nothing_explains_them():
    model, matrix = of_classes(RISK, np.array([30.0, 10.0]), 40), matrix_of(50)
    p = model.predict(matrix)
    inside = RISK.eligible(matrix)
    assert np.isnan(p[~inside]).all()
    assert (p[inside] == model.base_rates).all()
    given, rest, score = model.explained(matrix, np.arange(7), 1)
    assert given.shape == (7, 0)
    assert rest == pytest.approx(np.log(10.5 / 30.5))
    assert (rest == score).all()
    said = prediction(model, p, "3")
    assert said.note is not None
    low, high = model.interval()["churned"]
    assert f"between {low:.1%} and {high:.1%}" in said.note("churned")["en"]
    assert f"{low:.1%} 到 {high:.1%}" in said.note("churned")["zh"]


def test_it_goes_through_a_bundle_whole(parts, tmp_path):
    flat = {}
    for name, model in parts["models"].items():
        target = model.target
        if isinstance(model, HazardModel):
            n = len(target.recipe.edges)
            flat[name] = of_buckets(target, target.recipe.edges, np.full(n, 2.0), np.arange(40.0, 40.0 - n, -1), 40, 20)
        elif target.binary:
            flat[name] = of_classes(target, np.array([30.0, 10.0]), 20)
        else:
            flat[name] = model
    digest = bundles.write(tmp_path / "home" / "bundles" / "7", **{**parts, "models": flat})
    verify(tmp_path / "home" / "bundles" / "7", digest)
    loaded = bundles.load(tmp_path / "home" / "bundles" / "7", digest)
    assert sorted(path.name for path in (tmp_path / "home" / "bundles" / "7").glob("*.txt")) == ["stage_7d.booster.txt"]
    for name, model in loaded.models.items():
        assert type(model) is type(flat[name])
        assert (model.base_rates == flat[name].base_rates).all()
        if isinstance(model, BaseRateModel):
            assert model.method == METHOD
            assert model.interval() == flat[name].interval()
            assert loaded.about["targets"][name]["calibration"] == METHOD


def test_counts_that_are_none_are_refused():
    data = of_classes(RISK, np.array([30.0, 10.0]), 40).to_json()
    for counts in ([-1.0], [np.nan], [1.0, 2.0]):
        with pytest.raises(DamagedError, match="not 1 numbers from 0"):
            from_json({**data, "happened": counts}, {}, "")
