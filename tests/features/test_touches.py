"""Touches by category against a reading of them row by row, and what may not be seen changes nothing."""

import numpy as np
import orjson
import pytest
from hypothesis import given

from features.algebra import Touches
from features.events import DAY
from features.matrix import evaluate, grid
from features.program import Program, compile_program
from features.touches import read
from features.traits import is_forward, is_text, named
from tests.properties.test_leakage import shops_with_unseen
from tests.strategies import ASKED, KINDS, Shop, shops

GROUPS = (("view", "click"), ("cart",), ("purchase",))
BACK = Touches("category", GROUPS, (1, 7, 400))
AHEAD = Touches("category", (("purchase",),), (), ahead=7 * DAY)


def program_of(shop: Shop, asked: Touches) -> Program:
    return compile_program({"it": asked}, kinds=ASKED, retention_days=shop.retention_days, timezone=shop.zone)


def answers(shop: Shop, asked: Touches) -> list[list[list[object]]]:
    histories = shop.histories
    found = evaluate(program_of(shop, asked), histories, *grid(len(histories), shop.cutoffs))
    return [orjson.loads(text) for text in found.texts["it"].to_pylist()]


def naive(shop: Shop, asked: Touches, user: str, cutoff: int) -> list[list[object]]:
    first_arrival: dict[tuple[int, int], dict[str, object]] = {}
    for event in shop.of(user):
        key, arrived = (event["key_hi"], event["key_lo"]), max(event["arrived_at"] or event["ts"], event["ts"])
        if key not in first_arrival or arrived < first_arrival[key]["arrived"]:
            first_arrival[key] = event | {"arrived": arrived}
    found: dict[str, list[list[int]]] = {}
    for event in sorted(first_arrival.values(), key=lambda e: (e["ts"], e["key_hi"], e["key_lo"])):
        group = next((g for g, kinds in enumerate(asked.groups) if event["kind"] in kinds), None)
        if asked.ahead:
            inside = cutoff <= event["ts"] < cutoff + asked.ahead
        else:
            inside = cutoff - shop.retention_days * DAY <= event["ts"] < cutoff and event["arrived"] < cutoff
        if inside and group is not None and event["category"] is not None:
            found.setdefault(event["category"], [[] for _ in asked.groups])[group].append(event["ts"])
    return [
        [
            value,
            *(sum(ts >= cutoff - days * DAY for ts in times) for times in groups for days in asked.windows),
            *(ago for times in groups for ago in _ends(times, cutoff)),
        ]
        for value, groups in found.items()
    ]


def _ends(times: list[int], cutoff: int) -> list[float | None]:
    return [(cutoff - ts) / DAY for ts in (times[0], times[-1])] if times else [None, None]


@given(shop=shops())
@pytest.mark.parametrize("asked", [BACK, AHEAD])
def test_touches_are_counted_as_row_by_row(shop: Shop, asked: Touches):
    users = shop.histories.users.to_pylist()
    wanted = [naive(shop, asked, user, cutoff) for user in users for cutoff in shop.cutoffs]
    assert answers(shop, asked) == wanted


@given(both=shops_with_unseen())
def test_what_may_not_be_seen_changes_no_bit(both: tuple[Shop, Shop, bool]):
    before, after, _ = both
    wanted = dict(zip(before.histories.users.to_pylist(), answers(before, BACK), strict=True))
    found = dict(zip(after.histories.users.to_pylist(), answers(after, BACK), strict=True))
    assert {user: found[user] for user in wanted} == wanted


def test_read_lays_answers_flat():
    texts = evaluate(program_of(*_one()), _one()[0].histories, np.array([0]), np.array([10 * DAY])).texts["it"]
    bounds, values, counts, days = read(texts, BACK)
    assert (bounds.tolist(), values) == ([0, 2], ["shoes", "hats"])
    assert counts.tolist() == [[0, 1, 1, 0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0, 0, 0, 0]]
    np.testing.assert_array_equal(days[:, :2], [[5.0, 5.0], [1.0, 1.0]])
    np.testing.assert_array_equal(days[:, 4:], [[1.0, 1.0], [np.nan, np.nan]])


def _one() -> tuple[Shop, Touches]:
    rows = [
        (5, "view", "shoes"),
        (9, "view", "hats"),
        (9, "purchase", "shoes"),
        (10, "view", "shoes"),
        (8, "view", None),
    ]
    events = [
        {"user_id": "u", "ts": day * DAY, "arrived_at": None, "kind": kind, "category": category, "key_hi": 0, "key_lo": n}
        for n, (day, kind, category) in enumerate(rows)
    ]  # fmt: skip
    return Shop(events, "UTC", 400, [10 * DAY]), BACK


def test_what_can_be_told_of_touches():
    assert is_text(BACK)
    assert not is_forward(BACK)
    assert is_forward(AHEAD)
    assert set(named(BACK)) == {kind for kinds in GROUPS for kind in kinds} < set(KINDS)
