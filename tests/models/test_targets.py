"""Labels and cohorts, by the kernel, against a plain reading of the definition; edges at t and t + H exactly."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import SpecError, TooLittleDataError
from features.events import CODED_FIELDS, DAY, KINDS, NUMBER_FIELDS, RETENTION_DAYS
from features.histories import Histories, from_events
from features.matrix import Matrix, evaluate
from features.program import compile_program
from features.schema import EVENTS
from models.targets import CHURN, STAGES, Churn, Stages, Target

T = 1_740_000_000_000_000
H = 7 * DAY
STAGE = Target("stage_7d", H, Stages(("click", "join", "open", "search", "view"), ("cart", "favorite"), ("purchase",)))
RISK = Target("churn_30d", 30 * DAY, Churn(180 * DAY))
EDGES = (
    -RETENTION_DAYS * DAY - 1, -RETENTION_DAYS * DAY, -180 * DAY - 1, -180 * DAY, -DAY, -1, 0, 1, DAY, H - 1, H, H + 1,
    30 * DAY - 1, 30 * DAY, 31 * DAY,
)  # fmt: skip


@dataclass(frozen=True)
class Event:
    at: int  # µs from the cutoff
    kind: str
    item: str | None = None
    category: str | None = None


def history(*people: list[Event]) -> Histories:
    """Persons' histories; one without events comes in by a copy that keeps none."""
    rows = [
        {
            "user_id": f"u{u:02}", "ts": T + e.at, "kind": e.kind, "item": e.item, "category": e.category,
            "key_hi": u, "key_lo": i, "bucket": 0, "event_id": f"{u}-{i}", "source": "",
        }
        for u, events in enumerate(people)
        for i, e in enumerate([*events, Event(-3000 * DAY, "message")])  # far beyond RETENTION: never seen
    ]  # fmt: skip
    columns = {name: [row.get(name) for row in rows] for name in EVENTS.names}
    assert not set(NUMBER_FIELDS) & set(rows[0])
    return from_events(pa.table(columns, schema=EVENTS), KINDS, CODED_FIELDS)


def answered(target: Target, histories: Histories) -> tuple[Matrix, Matrix]:
    """The cohort's answers and those to the target's questions, at T."""
    n = len(histories)
    person, cutoff = np.arange(n), np.full(n, T)
    facts = {"kinds": KINDS, "retention_days": RETENTION_DAYS, "timezone": "UTC"}
    backward = compile_program({target.cohort_column: target.cohort}, **facts)
    forward = compile_program(target.questions, **facts)
    return evaluate(backward, histories, person, cutoff), evaluate(forward, histories, person, cutoff)


def classes_of(target: Target, *people: list[Event]) -> list[str]:
    _, answers = answered(target, history(*people))
    return [target.classes[label] for label in target.labels(answers)]


def eligible(target: Target, *people: list[Event]) -> list[bool]:
    return target.eligible(answered(target, history(*people))[0]).tolist()


def naive_stage(events: list[Event]) -> str:
    """The design's sentence, read event by event."""
    reached = "idle"
    items: Counter[str] = Counter()
    categories: Counter[str] = Counter()
    for event in events:
        if not 0 <= event.at < H:
            continue
        if event.kind == "purchase":
            return "buying"
        if event.kind in ("cart", "favorite"):
            reached = "considering"
        if event.kind == "view":
            items[event.item or ""] += event.item is not None
            categories[event.category or ""] += event.category is not None
            if items[event.item or ""] >= 3 or categories[event.category or ""] >= 8:
                reached = "considering"
        if event.kind in ("view", "click", "search", "open", "join") and reached == "idle":
            reached = "browsing"
    return reached


def naive_churn(events: list[Event]) -> tuple[bool, str]:
    bought = [event.at for event in events if event.kind == "purchase"]
    inside = any(-180 * DAY <= at < 0 for at in bought)
    return inside, "active" if any(0 <= at < 30 * DAY for at in bought) else "churned"


moments = st.one_of(st.sampled_from(EDGES), st.integers(0, H - 1), st.integers(-200 * DAY, 40 * DAY))
events = st.builds(
    Event,
    at=moments,
    kind=st.one_of(st.sampled_from(KINDS), st.sampled_from(("view", "view", "purchase", "cart"))),
    item=st.sampled_from((None, "a", "b", "c")),
    category=st.sampled_from((None, "x", "y")),
)
people = st.lists(st.lists(events, max_size=14), min_size=1, max_size=6)
viewers = st.lists(
    st.lists(st.builds(Event, moments, st.just("view"), st.none(), st.sampled_from("xy")), max_size=24),
    min_size=1,
    max_size=3,
)


@given(people | viewers)
@settings(deadline=None)
def test_stage_is_the_furthest_reached(crowd: list[list[Event]]) -> None:
    assert classes_of(STAGE, *crowd) == [naive_stage(sorted(person, key=lambda e: e.at)) for person in crowd]


@given(people)
@settings(deadline=None)
def test_churn_and_its_cohort(crowd: list[list[Event]]) -> None:
    expected = [naive_churn(person) for person in crowd]
    assert eligible(RISK, *crowd) == [inside for inside, _ in expected]
    assert classes_of(RISK, *crowd) == [label for _, label in expected]


@given(people)
@settings(deadline=None)
def test_the_stage_cohort_is_everyone_seen_in_retention(crowd: list[list[Event]]) -> None:
    seen = [any(-RETENTION_DAYS * DAY <= event.at < 0 for event in person) for person in crowd]
    assert eligible(STAGE, *crowd) == seen


def test_edges_of_the_horizon() -> None:
    at = [[Event(moment, "purchase")] for moment in (-1, 0, 1, H - 1, H, H + 1)]
    assert classes_of(STAGE, *at) == ["idle", "buying", "buying", "buying", "idle", "idle"]
    at = [[Event(moment, "purchase")] for moment in (-1, 0, 30 * DAY - 1, 30 * DAY)]
    assert classes_of(RISK, *at) == ["churned", "active", "active", "churned"]


def test_edges_of_the_cohorts() -> None:
    at = [[Event(moment, "purchase")] for moment in (-180 * DAY - 1, -180 * DAY, -1, 0)]
    assert eligible(RISK, *at) == [False, True, True, False]
    at = [[Event(moment, "message")] for moment in (-RETENTION_DAYS * DAY - 1, -RETENTION_DAYS * DAY, -1, 0)]
    assert eligible(STAGE, *at) == [False, True, True, False]
    assert eligible(STAGE, []) == [False]


def test_views_of_one_item_or_category() -> None:
    def views(n: int, item: str | None, category: str | None) -> list[Event]:
        return [Event(i, "view", item, category) for i in range(n)]

    crowd = [
        views(2, "a", "x"), views(3, "a", "x"), views(2, "a", None) + views(2, "b", None), views(7, None, "x"),
        views(8, None, "x"), views(7, None, "x") + views(1, None, "y"), views(9, None, None),
        [*views(2, "a", "x"), Event(5, "click", "a", "x")],
    ]  # fmt: skip
    browsing, considering = "browsing", "considering"
    expected = [browsing, considering, browsing, browsing, considering, browsing, browsing, browsing]
    assert classes_of(STAGE, *crowd) == expected


@pytest.mark.parametrize(
    "kind", ["message", "signup", "refund", "review", "complain", "survey", "share", "refer", "uncart"]
)
def test_what_moves_nothing(kind: str) -> None:
    assert classes_of(STAGE, [Event(1, kind, "a", "x")] * 9) == ["idle"]


@given(people, st.sets(st.sampled_from(sorted(STAGE.kinds)), max_size=8))
@settings(deadline=None)
def test_kinds_that_the_log_lacks_change_no_label(crowd: list[list[Event]], absent: set[str]) -> None:
    """Without events of some kinds, the whole target and the one without them say the same."""
    left = [[event for event in person if event.kind not in absent] for person in crowd]
    try:
        target, notes = STAGE.without(absent)
    except TooLittleDataError:
        assert absent == STAGE.kinds
        return
    labels = classes_of(target, *left)
    assert labels == classes_of(STAGE, *left)
    assert {STAGES.index(label) for label in labels} <= set(target.reachable)
    assert len(notes) == 4 - len(target.reachable)
    assert target.classes == STAGES
    assert target.columns == STAGE.columns


def test_without_names_what_is_missing() -> None:
    target, notes = STAGE.without({"cart", "favorite", "view"})
    assert target.reachable == (0, 1, 3)
    assert notes == [
        "stage_7d: the stage 'considering' is left out, its probability is 0: the log has no event of kind cart, favorite, view."
    ]
    target, notes = STAGE.without({"cart", "favorite"})  # views of one item are considering still
    assert target.reachable == (0, 1, 2, 3)
    assert notes == []
    with pytest.raises(TooLittleDataError, match=r"churn_30d: .* no event of kind purchase"):
        RISK.without({"purchase"})


def test_columns_and_names() -> None:
    assert RISK.columns == ("p_churn_30d",)
    assert RISK.classes == CHURN
    assert RISK.binary
    assert not STAGE.binary
    assert STAGE.columns == tuple(f"p_stage_7d_{stage}" for stage in STAGES)
    assert STAGE.cohort_column == "cohort:stage_7d"
    assert all(name.startswith("stage_7d:") for name in STAGE.questions)
    assert {rule.question for rule in STAGE.rules} == set(STAGE.questions)


@pytest.mark.parametrize("target", [STAGE, RISK, STAGE.without({"cart", "view"})[0]])
def test_json_gives_back_the_same_target(target: Target) -> None:
    assert Target.from_json(target.to_json()) == target


def test_own_kinds_are_moved_not_doubled() -> None:
    moved = STAGE.joined({"view": "considering", "join": "idle", "own": "buying"})
    assert moved.recipe == Stages(
        ("click", "open", "search"), ("cart", "favorite", "view"), ("own", "purchase"), repeat_kinds=("view",)
    )
    assert STAGE.joined({"view": "idle"}).kinds == STAGE.kinds - {"view"}
    assert RISK.joined({"own": "buying"}) == RISK
    with pytest.raises(SpecError, match="Did you mean 'browsing'"):
        STAGE.joined({"own": "browsin"})
