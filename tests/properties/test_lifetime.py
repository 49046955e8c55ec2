"""Lifetime questions answer from carry and trimmed history, bit for bit, as from the whole history."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features import algebra as ask
from features.carry import Carry
from features.events import DAY, NUMBER_FIELDS, TOUCH
from features.histories import Codes, Histories
from features.matrix import Matrix, evaluate, grid
from features.program import compile_program
from features.runs import bounds_of
from features.trim import trim
from tests.oracle import ordered
from tests.properties.test_leakage import assert_equal
from tests.strategies import ASKED, KINDS, SPANS, Shop, lifetime, programs, shops


def trimmed(shop: Shop, floor: int) -> Histories:
    """The shop's histories with what lies before `floor` in the carry, worked out event by event."""
    whole = shop.histories
    kept = whole.ts >= floor
    person = np.repeat(np.arange(len(whole)), np.diff(whole.offsets))
    users = whole.users.to_pylist()
    old = [[e for e in ordered(shop.of(user)) if e["ts"] < floor] for user in users]
    rows, touch = [], {field: np.full(len(users), -1, np.int32) for field in TOUCH}
    touch_key = {field: np.zeros((len(users), 3), np.int64) for field in TOUCH}
    for place, events in enumerate(old):
        for code, kind in enumerate(KINDS):
            of = [e for e in events if e["kind"] == kind]
            if of:
                rows.append((place, code, of))
        for field in TOUCH:
            first = next((e for e in events if e[field] is not None), None)
            if first:
                codes = whole.coded[field]
                own = codes.values[codes.offsets[place] : codes.offsets[place + 1]].to_pylist()
                touch[field][place] = own.index(first[field])
                touch_key[field][place] = first["ts"], first["key_hi"], first["key_lo"]

    def number(field: str) -> list[list[int]]:
        return [[e[field] for e in of if e[field] is not None] for _, _, of in rows]

    carry = Carry(
        offsets=bounds_of(np.bincount([place for place, _, _ in rows], minlength=len(users)).astype(np.int64)),
        kind=np.array([code for _, code, _ in rows], np.int8),
        count=np.array([len(of) for _, _, of in rows], np.int64),
        first=np.array([min(e["ts"] for e in of) for _, _, of in rows], np.int64),
        last=np.array([max(e["ts"] for e in of) for _, _, of in rows], np.int64),
        sums={field: np.array([sum(values) for values in number(field)], np.int64) for field in NUMBER_FIELDS},
        known={field: np.array([len(values) for values in number(field)], np.int64) for field in NUMBER_FIELDS},
        touch=touch,
        touch_key=touch_key,
    )
    return replace(
        whole,
        offsets=bounds_of(np.bincount(person[kept], minlength=len(users))),
        ts=whole.ts[kept],
        arrived=None if whole.arrived is None else whole.arrived[kept],
        kind=whole.kind[kept],
        key_hi=whole.key_hi[kept],
        key_lo=whole.key_lo[kept],
        numbers={name: column[kept] for name, column in whole.numbers.items()},
        coded={name: Codes(codes.codes[kept], codes.offsets, codes.values) for name, codes in whole.coded.items()},
        carry=carry,
    )


@st.composite
def trimmings(draw: st.DrawFn, late: bool = False) -> tuple[Shop, int]:
    """A shop, and an instant at or before all that RETENTION keeps; what lies before it had arrived at every cutoff, unless late."""
    shop = draw(shops().filter(lambda shop: shop.events))
    floor = min(shop.cutoffs) - shop.retention_days * DAY - draw(st.sampled_from([0, 0, *SPANS]))
    for event in shop.events:  # some further back, or all would lie about the cutoffs
        event["ts"] -= draw(st.sampled_from([0, 0, shop.retention_days * DAY]))
    first = min(shop.cutoffs)
    known = [e for e in shop.events if late or e["ts"] >= floor or (e["arrived_at"] or e["ts"]) < first]
    return replace(shop, events=known), floor


def answers(shop: Shop, histories: Histories, asked: dict[str, ask.Feature]) -> Matrix:
    program = compile_program(asked, kinds=ASKED, retention_days=shop.retention_days, timezone=shop.zone)
    return evaluate(program, histories, *grid(len(histories), shop.cutoffs))


LIFETIMES = st.lists(lifetime(), min_size=1, max_size=6).map(lambda fs: {f"l{n}": f for n, f in enumerate(fs)})


@given(trimmings(), programs(forward=False), LIFETIMES)
def test_carry_and_trimmed_history_answer_as_the_whole_does(
    trimming: tuple[Shop, int], some: dict[str, ask.Feature], lifetimes: dict[str, ask.Feature]
) -> None:
    shop, floor = trimming
    asked = some | lifetimes
    assert_equal(answers(shop, shop.histories, asked), answers(shop, trimmed(shop, floor), asked))


@given(trimmings(late=True), LIFETIMES, st.integers(0, 3))
def test_what_the_store_keeps_answers_as_the_whole_does(
    trimming: tuple[Shop, int], lifetimes: dict[str, ask.Feature], times: int
) -> None:
    shop, floor = trimming
    kept = shop.histories
    for back in range(times, -1, -1):  # trimmed again and again, as the floor moves on
        kept = trim(kept, floor - back * 3 * DAY, arrived_before=min(shop.cutoffs))
    assert_equal(answers(shop, shop.histories, lifetimes), answers(shop, kept, lifetimes))


@given(trimmings(), programs(forward=True))
def test_targets_know_no_carry(trimming: tuple[Shop, int], asked: dict[str, ask.Feature]) -> None:
    shop, floor = trimming
    assert_equal(answers(shop, shop.histories, asked), answers(shop, trimmed(shop, floor), asked))
