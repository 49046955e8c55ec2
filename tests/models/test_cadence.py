"""Churn by own cadence: the limit by its formula, and who is eligible and churned by the kernel against a plain reading."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import SpecError, TooLittleDataError
from features.events import DAY, KINDS, RETENTION_DAYS
from features.matrix import evaluate
from features.program import compile_program
from models.cadence import Cadence
from models.spec import HERE, load
from models.targets import Target

from .test_targets import Event, T, history

H = 60
PRIOR = (1.5, 40.0)
TARGET = Target("churn_cadence", H * DAY, Cadence(180 * DAY, prior=PRIOR))
FACTS = {"kinds": KINDS, "retention_days": RETENTION_DAYS, "timezone": "UTC"}


def test_the_limit_is_the_quantile_of_the_next_gap() -> None:
    """By drawing: rates from the posterior, gaps from the rates."""
    a, b, n, s = *PRIOR, 4.0, 60.0
    generator = np.random.default_rng(0)
    drawn = generator.exponential(1 / generator.gamma(a + n, 1 / (b + s), 400_000))
    (limit,) = TARGET.recipe.limit(np.array([n]), np.array([s]), 400 * DAY)
    assert limit == pytest.approx(np.quantile(drawn, 0.9), rel=0.01)


def test_few_gaps_leave_the_shops_and_many_the_persons_own() -> None:
    recipe = TARGET.recipe
    number = np.array([0.0, 1.0, 5.0, 5000.0])
    limits = recipe.limit(number, 7.0 * number, 400 * DAY)
    assert limits[0] == pytest.approx(40 * (0.1 ** (-1 / 1.5) - 1))
    assert (np.diff(limits) < 0).all()
    assert limits[-1] == pytest.approx(7 * math.log(10), rel=0.01)
    assert recipe.limit(np.array([900.0]), np.array([9.0]), 60 * DAY) == 2.0
    assert recipe.limit(np.array([0.0]), np.array([0.0]), 60 * DAY) == 60.0


def plain(days: list[float]) -> tuple[bool, str]:
    """Eligible, and the class, of purchases on such days from the cutoff."""
    seen = sorted(day for day in days if -RETENTION_DAYS <= day < 0)
    if not seen or -seen[-1] > 180:
        return False, "churned"
    firsts = sorted({math.floor(day + T / DAY): day for day in reversed(seen)}.values())
    n, s = len(firsts) - 1, firsts[-1] - firsts[0]
    limit = min(max((PRIOR[1] + s) * (0.1 ** (-1 / (PRIOR[0] + n)) - 1), 2), H)
    left = limit + seen[-1]
    return left > 0, "active" if any(0 <= day < min(left, H) for day in days) else "churned"


@given(st.lists(st.lists(st.integers(-250 * 4, 70 * 4), max_size=9), min_size=1, max_size=5))
@settings(deadline=None)
def test_who_is_eligible_and_who_churned(crowd: list[list[int]]) -> None:
    """Purchases on quarters of days; limits are irrational but for their bounds, so no tie decides."""
    histories = history(*([Event(q * DAY // 4, "purchase") for q in person] for person in crowd))
    rows = np.arange(len(crowd)), np.full(len(crowd), T)
    known = evaluate(compile_program(TARGET.backward, **FACTS), histories, *rows)
    came = evaluate(compile_program(TARGET.questions, **FACTS), histories, *rows)
    wanted = [plain([q / 4 for q in person]) for person in crowd]
    assert TARGET.eligible(known).tolist() == [inside for inside, _ in wanted]
    labels = TARGET.labels(came, known)
    assert [TARGET.classes[k] for k, (inside, _) in zip(labels, wanted, strict=True) if inside] == [
        label for inside, label in wanted if inside
    ]


def test_json_gives_back_the_same_target() -> None:
    assert Target.from_json(TARGET.to_json()) == TARGET
    unfitted = replace(TARGET, recipe=Cadence(DAY))
    assert Target.from_json(unfitted.to_json()) == unfitted


def test_the_spec_that_we_ship(tmp_path: Path) -> None:
    path = HERE / "more" / "churn_cadence.toml"
    target = load(path).target
    assert target == Target("churn_cadence", 60 * DAY, Cadence(180 * DAY))
    assert (target.columns, target.reachable) == (("p_churn_cadence",), (0, 1))
    (tmp_path / "s.toml").write_text(path.read_text().replace("quantile = 0.9", "quantile = 1.2"))
    with pytest.raises(SpecError, match=r"cadence\.quantile = 1\.2: must be a number of 0\.5 to 0\.99"):
        load(tmp_path / "s.toml")
    with pytest.raises(TooLittleDataError, match="no event of kind purchase, so nobody has a cadence"):
        target.without({"purchase"})
