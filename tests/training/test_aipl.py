"""The rule view, against a reading of its published rules in plain Python, an event at a time."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.events import DAY, FIXED_POINT, KINDS
from features.histories import from_events
from features.matrix import evaluate, grid
from features.program import compile_program
from tests.features.logs import some, with_keys
from training.aipl import QUESTIONS, RULES, STATES, states

NOW = 20_000 * DAY
AGES = [
    1,
    DAY,
    2 * DAY,
    15 * DAY,
    15 * DAY + 1,
    30 * DAY,
    30 * DAY + 1,
    365 * DAY,
    365 * DAY + 1,
    400 * DAY,
    401 * DAY,
    -1,
]
KINDS_OF_IT = [
    "view", "click", "message", "open", "search", "favorite", "cart", "uncart", "join", "signup", "purchase", "refund",
    "review", "share", "survey", "refer",
]  # fmt: skip
PROGRAM = compile_program(QUESTIONS, kinds=KINDS, retention_days=400, timezone="UTC")
acts = st.lists(
    st.tuples(st.sampled_from(KINDS_OF_IT), st.sampled_from(AGES), st.sampled_from([None, 1, 3, 4, 5])), max_size=5
)


def asked(people):
    """The state of people, each a list of (kind, age in microseconds, rating)."""
    rows = [(f"u{i:02d}", *event) for i, events in enumerate(people) for event in [*events, ("view", -DAY, None)]]
    table = pa.table(
        {
            "user_id": [user for user, *_ in rows],
            "ts": pa.array([NOW - age for _, _, age, _ in rows], pa.int64()),
            "kind": [kind for _, kind, _, _ in rows],
            "rating": pa.array([None if r is None else r * FIXED_POINT for *_, r in rows], pa.int64()),
            "event_id": [f"e{i}" for i in range(len(rows))],
            "source": [""] * len(rows),
        }
    )
    histories = from_events(with_keys(table), KINDS)
    found = evaluate(PROGRAM, histories, *grid(len(histories), [NOW]))
    assert histories.users.to_pylist() == sorted({user for user, *_ in rows})
    return [STATES[place] for place in states(found.column, len(found.person))]


def expected(events):
    """The published rules, from the highest stage down."""

    def seen(kinds, days):
        return [(kind, age, rating) for kind, age, rating in events if kind in kinds and 0 < age <= days * DAY]

    def dates(found):
        return {(NOW - age) // DAY for _, age, _ in found}

    well = [rating for _, _, rating in seen({"review"}, 365) if rating is not None and rating >= 4]
    if len(dates(seen({"purchase"}, 365))) > 1 or well or seen({"share"}, 365):
        return "L"
    if seen({"purchase"}, 400):
        return "P"
    active = seen({"cart", "favorite", "search"}, 15) or seen({"join", "signup"}, 30)
    if len(dates(seen({"view"}, 15))) > 1 or active:
        return "I"
    return "A" if seen({"view", "click", "message", "open"}, 15) else "N"


@some
@given(st.lists(acts, min_size=1, max_size=8))
def test_states_are_the_published_rules(people):
    assert asked(people) == [expected(events) for events in people]


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([], "N"),
        ([("view", DAY, None)], "A"),
        ([("view", 1, None), ("view", 2, None)], "A"),  # one day only
        ([("view", 16 * DAY, None)], "N"),
        ([("view", DAY, None), ("view", 3 * DAY, None)], "I"),
        ([("cart", 15 * DAY, None)], "I"),
        ([("cart", 16 * DAY, None)], "N"),
        ([("purchase", 390 * DAY, None)], "P"),
        ([("purchase", 5, None), ("purchase", 6, None)], "P"),  # two lines of one order
        ([("purchase", 5, None), ("purchase", 9 * DAY, None)], "L"),
        ([("review", DAY, 5)], "L"),
        ([("review", DAY, 3)], "N"),
        ([("cart", 1, None), ("share", 200 * DAY, None)], "L"),  # the highest counts
    ],
)
def test_a_state_by_example(events, state):
    assert asked([events]) == [state]
    assert expected(events) == state


def test_rules_rise():
    order = [STATES.index(rule.state) for rule in RULES.values()]
    assert order == sorted(order)
    assert set(order) == {1, 2, 3, 4}
