"""Declared targets: what a spec may say, each fault by its name, and labels and cohorts by the kernel against a plain reading."""

from pathlib import Path

import pytest
from hypothesis import given, settings

from features.algebra import Age, Count, Sum, Window
from features.errors import SpecError, TooLittleDataError
from features.events import DAY
from models.declared import BINARY, Case, Declared
from models.spec import load, load_specs
from models.targets import Target

from .test_spec import refused, written
from .test_targets import Event, classes_of, eligible, people

BINARY_SPEC = """
[target]
name = "carts_14d"
kind = "binary"
horizon = "14d"
[title]
zh = "加购"
en = "Cart additions"
[cohort]
kinds = ["view", "cart"]
lookback = "30d"
[outcome]
kinds = ["cart"]
at_least = 2
"""
CLASSES_SPEC = """
[target]
name = "spend_30d"
kind = "classes"
horizon = "30d"
[title]
zh = "消费档"
en = "Spending class"
[cohort]
ask = { ask = "count", kinds = ["purchase"], window = "90d" }
[outcome]
otherwise = "nothing"
[[outcome.class]]
name = "some"
kinds = ["purchase"]
[[outcome.class]]
name = "much"
ask = { ask = "sum", field = "value", kinds = ["purchase"], window = "+30d" }
at_least = 100
[[outcome.class]]
name = "much"
kinds = ["purchase"]
at_least = 5
"""
CARTS = Target(
    "carts_14d",
    14 * DAY,
    Declared(
        Count(("cart", "view"), Window(-30 * DAY)), BINARY, (Case("yes", Count(("cart",), Window(0, 14 * DAY)), 2.0),)
    ),
)
STEPS = Target(
    "steps_7d",
    7 * DAY,
    Declared(
        Age(()),
        ("none", "one", "many"),
        (Case("one", Count(("view",), Window(0, 7 * DAY)), 1.0), Case("many", Count(("view",), Window(DAY, 7 * DAY)), 3.0)),
    ),
)  # fmt: skip


def test_a_binary_target(tmp_path: Path) -> None:
    spec = load(written(tmp_path, BINARY_SPEC))
    assert spec.target == CARTS
    assert (spec.target.classes, spec.target.columns, spec.target.binary) == (("no", "yes"), ("p_carts_14d",), True)
    assert spec.target.readouts == {"no": (0,), "yes": (1,)}
    assert spec.split.gap == 14 * DAY
    assert spec.base_rate == (0.05, 0.60)


def test_everybody_seen_is_eligible_where_no_cohort_is_named(tmp_path: Path) -> None:
    text = BINARY_SPEC.replace('[cohort]\nkinds = ["view", "cart"]\nlookback = "30d"\n', "")
    assert load(written(tmp_path, text)).target.cohort == Age(())


def test_classes_by_rules_in_order(tmp_path: Path) -> None:
    target = load(written(tmp_path, CLASSES_SPEC)).target
    assert target.classes == ("nothing", "some", "much")
    assert target.columns == ("p_spend_30d_nothing", "p_spend_30d_some", "p_spend_30d_much")
    assert target.cohort == Count(("purchase",), Window(-90 * DAY))
    assert target.questions["spend_30d:1"] == Sum("value", ("purchase",), Window(0, 30 * DAY))
    assert [(rule.at_least, rule.level) for rule in target.rules] == [(1, 1), (100, 2), (5, 2)]
    assert target.reachable == (0, 1, 2)


@pytest.mark.parametrize("target", [CARTS, STEPS])
def test_json_gives_back_the_same_target(target: Target, tmp_path: Path) -> None:
    assert Target.from_json(target.to_json()) == target
    spend = load(written(tmp_path, CLASSES_SPEC)).target
    assert Target.from_json(spend.to_json()) == spend


@given(people)
@settings(deadline=None)
def test_labels_and_cohorts_are_those_of_a_plain_reading(crowd: list[list[Event]]) -> None:
    carts = [sum(e.kind == "cart" and 0 <= e.at < 14 * DAY for e in person) for person in crowd]
    assert classes_of(CARTS, *crowd) == [BINARY[n >= 2] for n in carts]
    inside = [any(e.kind in ("cart", "view") and -30 * DAY <= e.at < 0 for e in person) for person in crowd]
    assert eligible(CARTS, *crowd) == inside
    early = [sum(e.kind == "view" and 0 <= e.at < 7 * DAY for e in person) for person in crowd]
    late = [sum(e.kind == "view" and DAY <= e.at < 7 * DAY for e in person) for person in crowd]
    assert classes_of(STEPS, *crowd) == [
        "many" if b >= 3 else "one" if a else "none" for a, b in zip(early, late, strict=True)
    ]


def test_kinds_that_the_log_lacks(tmp_path: Path) -> None:
    left, notes = CARTS.without({"view"})
    assert left.cohort == Count(("cart",), Window(-30 * DAY))
    assert (left.questions, notes) == (CARTS.questions, [])
    with pytest.raises(
        TooLittleDataError, match="carts_14d: the log has no event of kind cart, by which the outcome is told"
    ):
        CARTS.without({"cart"})
    with pytest.raises(TooLittleDataError, match="no event of kind cart or view, by which the cohort is told"):
        CARTS.without({"cart", "view"})
    text = CLASSES_SPEC.replace('name = "some"\nkinds = ["purchase"]', 'name = "some"\nkinds = ["favorite"]')
    target, notes = load(written(tmp_path, text)).target.without({"favorite"})
    assert target.classes == ("nothing", "some", "much")
    assert target.reachable == (0, 2)
    assert notes == [
        "spend_30d: the class 'some' is left out, its probability is 0: the log has no event of kind favorite."
    ]


COHORT = 'ask = "count", kinds = ["purchase"], window = "90d"'
BEFORE, OTHERWISE = CLASSES_SPEC.partition("[[")[0], 'otherwise = "nothing"'


@pytest.mark.parametrize(
    ("text", "sound", "faulty", "says"),
    [
        (BINARY_SPEC, 'kind = "binary"', 'kind = "binry"', "target.kind = 'binry': unknown 'binry'. Known: binary, cadence, churn"),
        (BINARY_SPEC, "[outcome]", "[outcomes]", "outcome is missing: give a table [outcome]"),
        (BINARY_SPEC, 'kinds = ["cart"]', "kinds = []", "outcome.kinds = []: must be a list of different texts, at least one"),
        (BINARY_SPEC, "at_least = 2", "at_least = 0", "outcome.at_least = 0: must be a number of 1e-09 to 1e+12"),
        (BINARY_SPEC, "at_least = 2", "atleast = 2", "unknown key 'outcome.atleast'"),
        (BINARY_SPEC, 'lookback = "30d"', 'lookback = "500d"', "cohort.lookback = '500d': must be at most 400d"),
        (BINARY_SPEC, 'lookback = "30d"', "", "cohort.lookback is missing: give a length of time such as '7d'"),
        (CLASSES_SPEC, 'window = "90d"', 'window = "+90d"', "must look back, with a window such as '30d'"),
        (CLASSES_SPEC, 'window = "+30d"', 'window = "30d"', "must look ahead, with a window such as '+7d'"),
        (CLASSES_SPEC, 'window = "+30d"', 'window = "+31d"', "its window must lie within the horizon"),
        (CLASSES_SPEC, 'ask = "sum"', 'ask = "sums"', "outcome.class[1].ask = {'ask': 'sums', "),
        (CLASSES_SPEC, COHORT, 'ask = "attribute", field = "age"', "must be a question to events"),
        (CLASSES_SPEC, COHORT, 'ask = "favorite", field = "category", window = "90d"', "must be a question to events"),
        (CLASSES_SPEC, 'name = "some"', 'name = "nothing"', "outcome.class[0].name = 'nothing': stands before another class already"),
        (CLASSES_SPEC, 'name = "some"', 'name = "Some"', "outcome.class[0].name = 'Some': must be 1 to 20 of a-z, 0-9 and _"),
        (CLASSES_SPEC, 'name = "some"', "", "outcome.class[0].name is missing"),
        (BEFORE, OTHERWISE, OTHERWISE + "\nclass = []", "outcome.class = []: must be tables [[outcome.class]]"),
        (BEFORE, OTHERWISE, 'class = ["a"]', "must be tables [[outcome.class]], at least one"),
    ],
    ids=lambda value: value[:24].replace("\n", " "),
)  # fmt: skip
def test_each_fault_is_named(tmp_path: Path, text: str, sound: str, faulty: str, says: str) -> None:
    refused(tmp_path, text, sound, faulty, says)


def test_two_declared_targets_cannot_write_one_column(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(CLASSES_SPEC)
    (tmp_path / "b.toml").write_text(BINARY_SPEC.replace("carts_14d", "spend_30d_much"))
    with pytest.raises(SpecError, match="p_spend_30d_much is spend_30d's too"):
        load_specs([tmp_path])
