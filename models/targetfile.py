"""The part of a spec that says what is to be foreseen: its tables `[target]`, and those of the recipe."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from features.algebra import Age, Count, Feature, Outside, Streak, Tenure, Window
from features.definition import feature_from_toml
from features.errors import SpecError
from features.events import DAY
from features.traits import is_forward, is_text, parts

from .declared import BINARY, Case, Declared
from .document import Table
from .targets import Cadence, Churn, Hazard, Interest, Stages, Target

KINDS: Final = ("binary", "cadence", "churn", "classes", "hazard", "interest", "stage")
"""What a spec's `target.kind` may be."""
WORD: Final[tuple[Callable[[str], bool], str]] = (
    lambda v: bool(re.fullmatch(r"[a-z]{1,20}", v)),
    "a word of 1 to 20 small letters",
)
LABEL: Final[tuple[Callable[[str], bool], str]] = (
    lambda v: bool(re.fullmatch(r"[a-z][a-z0-9_]{0,19}", v)),
    "1 to 20 of a-z, 0-9 and _, beginning with a letter",
)
NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
EDGES: Final = (1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 90)
"""Ends of a hazard's buckets in days, where its spec names none."""
WITHIN: Final = (1, 3, 7, 14, 30, 60, 90)
"""Horizons of a hazard that have a name, likewise."""
FURTHEST: Final = 400 * DAY
"""As far as a question looks back or ahead."""


def target_of(root: Table) -> Target:
    """The target that a spec declares.

    Raises:
        SpecError: It breaks a rule.
    """
    table = root.table("target")
    kind = table.choice("kind", KINDS)
    name = table.take(
        "name", str, check=lambda v: bool(NAME.fullmatch(v)), rule="1 to 40 of a-z, 0-9 and _, beginning with a letter"
    )
    if kind == "hazard":
        table.done()
        recipe = _hazard(root.table("hazard", required=False))
        return Target(name, recipe.edges[-1] * DAY, recipe)
    horizon = table.span("horizon")
    if horizon > FURTHEST:
        raise table.fail("horizon", "must be at most 400d, as far as a question can look ahead.")
    table.done()
    if kind == "stage":
        return Target(name, horizon, _stages(root.table("stages")))
    if kind == "cadence":
        return Target(name, horizon, _cadence(root.table("cadence", required=False)))
    if kind == "interest":
        return Target(name, horizon, _interest(root.table("categories", required=False)))
    if kind == "churn":
        return Target(name, horizon, _churn(root.table("churn", required=False)))
    return Target(name, horizon, _declared(root, kind == "binary", horizon))


def _stages(table: Table) -> Stages:
    stages = Stages(
        browsing=tuple(sorted(table.texts("browsing", empty=True))),
        considering=tuple(sorted(table.texts("considering", empty=True))),
        buying=tuple(sorted(table.texts("buying"))),
        repeat_kinds=tuple(sorted(table.texts("repeat_kinds", ("view",), empty=True))),
        repeat_item=table.whole("repeat_item", 2, 10_000, 3),
        repeat_category=table.whole("repeat_category", 2, 10_000, 8),
    )
    seen: dict[str, str] = {}
    for name in ("browsing", "considering", "buying"):
        for kind in getattr(stages, name):
            if kind in seen:
                raise table.fail(name, f"{kind!r} stands under {seen[kind]} too: a kind reaches one stage.")
            seen[kind] = name
    table.done()
    return stages


def _churn(table: Table) -> Churn:
    churn = Churn(lookback=table.span("lookback", "180d"), kinds=tuple(sorted(table.texts("kinds", ("purchase",)))))
    _near(table, churn.lookback)
    table.done()
    return churn


def _interest(table: Table) -> Interest:
    interest = Interest(
        kinds=tuple(sorted(table.texts("kinds", ("purchase",)))),
        most=table.whole("most", 2, 200, 30),
    )
    table.done()
    return interest


def _cadence(table: Table) -> Cadence:
    cadence = Cadence(
        lookback=table.span("lookback", "180d"),
        kinds=tuple(sorted(table.texts("kinds", ("purchase",)))),
        quantile=table.number("quantile", 0.5, 0.99, 0.9),
    )
    _near(table, cadence.lookback)
    table.done()
    return cadence


def _near(table: Table, lookback: int) -> None:
    if lookback > FURTHEST:
        raise table.fail("lookback", "must be at most 400d, as far back as a history is kept.")


def _hazard(table: Table) -> Hazard:
    hazard = Hazard(
        kinds=tuple(sorted(table.texts("kinds", ("purchase",)))),
        edges=table.ascending("edges", 1, 400, EDGES),
        within=(),
        act=table.take("act", str, "buy", *WORD),
        thing=table.take("thing", str, "order", *WORD),
    )
    if len(hazard.edges) < 2:
        raise table.fail("edges", "must be at least two, or there is no time to tell apart.")
    usual = tuple(days for days in WITHIN if days in hazard.edges) or hazard.edges[-1:]
    within = table.ascending("within", 1, 400, usual)
    for days in within:
        if days not in hazard.edges:
            raise table.fail("within", f"{days} is no edge of a bucket. Edges: {', '.join(map(str, hazard.edges))}.")
    table.done()
    return replace(hazard, within=within)


def _declared(root: Table, binary: bool, horizon: int) -> Declared:
    among = _cohort(root.table("cohort", required=False))
    outcome = root.table("outcome")
    if binary:
        cases = (_case(outcome, horizon, BINARY[1]),)
        outcome.done()
        return Declared(among, BINARY, cases)
    classes = [outcome.take("otherwise", str, "none", *LABEL)]
    found = []
    for table in outcome.tables("class"):
        label = table.take("name", str, check=LABEL[0], rule=LABEL[1])
        if label in classes[:-1] or label == classes[0]:
            raise table.fail("name", "stands before another class already: rules of one class follow each other.")
        if label != classes[-1]:
            classes.append(label)
        found.append(_case(table, horizon, label))
        table.done()
    outcome.done()
    return Declared(among, tuple(classes), tuple(found))


def _cohort(table: Table) -> Feature:
    """Who is eligible: `kinds` with `lookback`, or any question as `ask`; everybody with an event in RETENTION without either."""
    if "ask" in table.keys:
        question = _question(table, forward=False)
        table.done()
        return question
    if not table.keys:
        return Age(())
    kinds = tuple(sorted(table.texts("kinds", (), empty=True)))
    lookback = table.span("lookback")
    _near(table, lookback)
    table.done()
    return Count(kinds, Window(-lookback))


def _case(table: Table, horizon: int, label: str) -> Case:
    """A rule: at least so many events of `kinds` within the horizon, or at least so much of any question as `ask`."""
    if "ask" in table.keys:
        question = _question(table, forward=True)
        if any(part.window.stop > horizon for part in parts(question) if not isinstance(part, Age | Tenure | Streak)):
            raise table.fail("ask", "its window must lie within the horizon, or it looks at what is not over yet.")
    else:
        question = Count(tuple(sorted(table.texts("kinds"))), Window(0, horizon))
    return Case(label, question, table.number("at_least", 1e-9, 1e12, 1.0))


def _question(table: Table, *, forward: bool) -> Feature:
    data = table.take("ask", dict, rule='a question, such as { ask = "count", kinds = ["view"], window = "7d" }')
    try:
        question = feature_from_toml(data)
    except SpecError as error:
        raise table.fail("ask", error.message) from None
    if isinstance(question, Outside) or is_text(question):
        raise table.fail("ask", "must be a question to events that a number answers: count, sum, distinct, age ….")
    if is_forward(question) != forward:
        way = "ahead, with a window such as '+7d'" if forward else "back, with a window such as '30d'"
        raise table.fail("ask", f"must look {way}.")
    return question
