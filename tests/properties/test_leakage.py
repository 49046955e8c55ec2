"""No feature sees the future, no target the past: what may not be seen changes no bit of an answer."""

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import algebra as ask
from features.events import DAY, HOUR, KINDS
from features.histories import from_events
from features.matrix import Matrix, evaluate, grid
from features.program import compile_program
from tests.crowd import EVERY_KIND, catalogue, crowd
from tests.strategies import ASKED, SPANS, Shop, an_event, is_lifetime, programs, shops, table


def answers(shop: Shop, asked: dict[str, ask.Feature]) -> Matrix:
    program = compile_program(asked, kinds=ASKED, retention_days=shop.retention_days, timezone=shop.zone)
    histories = shop.histories
    return evaluate(program, histories, *grid(len(histories), shop.cutoffs))


def assert_equal(before: Matrix, after: Matrix) -> None:
    """Every bit of every number, and every text; the codes behind the texts may be others."""
    for name in before.names:
        if name in before.texts:
            assert after.texts[name] == before.texts[name]
        else:
            assert after.column(name).tobytes() == before.column(name).tobytes()


HOW = st.sampled_from(["future", "late", "retention"])
LATER, BEFORE, FEW = st.sampled_from([0, 1, *SPANS]), st.sampled_from([1, *SPANS]), st.integers(1, 8)


@st.composite
def shops_with_unseen(draw: st.DrawFn) -> tuple[Shop, Shop, bool]:
    """A shop, the same with events that features may not see, later ones, late ones, those before RETENTION; any of these?"""
    shop = draw(shops().filter(lambda shop: shop.events))
    shop = replace(shop, cutoffs=shop.cutoffs[:1])
    (cutoff,) = shop.cutoffs
    users = sorted({event["user_id"] for event in shop.events})
    unseen, old = [], False
    for number in range(draw(FEW)):
        event = an_event(draw, users, [cutoff], late=False)
        how = draw(HOW)
        if how == "future":
            event |= {"ts": cutoff + draw(LATER), "arrived_at": cutoff - HOUR}
        elif how == "late":
            event |= {"arrived_at": cutoff + draw(LATER)}
        else:
            old = True
            event |= {"ts": cutoff - shop.retention_days * DAY - draw(BEFORE), "key_hi": 10 + number, "key_lo": 2}
        unseen.append(event)
    return shop, replace(shop, events=shop.events + unseen), old


@given(shops_with_unseen(), programs(forward=False))
def test_features_do_not_see_what_came_or_became_known_later(
    both: tuple[Shop, Shop, bool], asked: dict[str, ask.Feature]
) -> None:
    shop, more, old = both
    if old:
        asked = {name: feature for name, feature in asked.items() if not is_lifetime(feature)}
    before, after = answers(shop, asked), answers(more, asked)
    assert_equal(before, after)


@given(shops(late=True).filter(lambda shop: shop.events), programs(forward=True), st.data())
def test_targets_do_not_see_the_past(shop: Shop, asked: dict[str, ask.Feature], data: st.DataObject) -> None:
    shop = replace(shop, cutoffs=shop.cutoffs[:1])
    (cutoff,) = shop.cutoffs
    users = sorted({event["user_id"] for event in shop.events})
    past = []
    for number in range(data.draw(FEW)):
        event = an_event(data.draw, users, [cutoff], late=True)
        past.append(event | {"ts": cutoff - data.draw(BEFORE), "key_hi": 10 + number, "key_lo": 2})
    assert_equal(answers(shop, asked), answers(replace(shop, events=past + shop.events), asked))


@pytest.mark.parametrize("seed", range(6))
def test_a_thousand_events_that_may_not_be_seen_change_no_bit_of_the_catalogue(seed: int) -> None:
    shop, rng = crowd(seed, 25, 1, 30), random.Random(seed)
    asked = catalogue()
    cutoff = dict(zip((f"u{person}" for person in range(25)), shop.cutoffs, strict=True))
    unseen = []
    for number in range(1000):
        event = rng.choice(shop.events)
        t = cutoff[event["user_id"]]
        if number % 2:
            times = {"ts": t + rng.choice((0, 1, *SPANS)), "arrived_at": rng.choice((None, t - HOUR, t))}
        else:
            times = {"ts": t - rng.choice((1, *SPANS, 900 * DAY)), "arrived_at": t + rng.choice((0, 1, *SPANS))}
        key = {} if rng.random() < 0.2 else {"key_hi": rng.randrange(2**62), "key_lo": 2}  # some are told again
        unseen.append(event | times | key | {"value": rng.randrange(10**6)})

    def answered(events: list[dict]) -> Matrix:
        program = compile_program(asked, kinds=KINDS, retention_days=shop.retention_days, timezone=shop.zone)
        histories = from_events(table(events), EVERY_KIND)
        at = np.array([cutoff[user] for user in histories.users.to_pylist()])
        return evaluate(program, histories, np.arange(len(at)), at)

    assert_equal(answered(shop.events), answered([*unseen[:500], *shop.events, *unseen[500:]]))
