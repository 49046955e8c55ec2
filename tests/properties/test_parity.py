"""Kernel and oracle agree on generated histories, whatever is asked."""

import numpy as np
import pytest
from hypothesis import given

from features import algebra as ask
from features import matrix, reader
from features.events import DAY, SECOND
from features.histories import Histories
from features.program import compile_program
from tests.oracle import Answer, answer, same
from tests.strategies import ASKED, KINDS, Shop, pinned, programs, shops


def compiled(shop: Shop, asked: dict[str, ask.Feature]):
    return compile_program(asked, kinds=ASKED, retention_days=shop.retention_days, timezone=shop.zone)


def right(shop: Shop, asked: dict[str, ask.Feature]) -> dict[tuple[str, int], dict[str, Answer]]:
    """The oracle's answers, by person and cutoff."""
    return {
        (user, cutoff): {
            name: answer(feature, shop.of(user), cutoff, retention=shop.retention_days * DAY, timezone=shop.zone)
            for name, feature in asked.items()
        }
        for user in {event["user_id"] for event in shop.events}
        for cutoff in shop.cutoffs
    }


def differences(
    shop: Shop,
    asked: dict[str, ask.Feature],
    expected: dict[tuple[str, int], dict[str, Answer]],
    histories: Histories | None = None,
) -> list[str]:
    """Where the kernel answers otherwise than expected, from the shop's histories or others."""
    histories = histories or shop.histories
    answers = matrix.evaluate(compiled(shop, asked), histories, *matrix.grid(len(histories), shop.cutoffs), 1)
    users = histories.users.to_pylist()
    found = []
    for row in range(len(answers)):
        user, cutoff = users[answers.person[row]], int(answers.cutoff[row])
        for name, feature in asked.items():
            got = answers.texts[name][row].as_py() if name in answers.texts else answers.column(name)[row]
            if not same(feature, got, expected[user, cutoff][name]):
                found.append(f"{feature} at {cutoff}: {got!r}, not {expected[user, cutoff][name]!r}")
    return found


@given(shops(), programs())
def test_kernel_and_oracle_agree(shop: Shop, asked: dict[str, ask.Feature]) -> None:
    assert not differences(shop, asked, right(shop, asked))


@pytest.mark.parametrize(("shop", "asked"), pinned())
def test_kernel_and_oracle_agree_where_chance_seldom_leads(shop: Shop, asked: dict[str, ask.Feature]) -> None:
    assert not differences(shop, asked, right(shop, asked))


@given(shops(), programs())
def test_threads_and_single_rows_change_no_bit(shop: Shop, asked: dict[str, ask.Feature]) -> None:
    program, histories = compiled(shop, asked), shop.histories
    person, cutoff = matrix.grid(len(histories), shop.cutoffs)
    whole = matrix.evaluate(program, histories, person, cutoff, 1)
    before = reader.ROWS_A_THREAD
    reader.ROWS_A_THREAD = 1
    try:
        parallel = matrix.evaluate(program, histories, person, cutoff, 2)
    finally:
        reader.ROWS_A_THREAD = before
    assert parallel.values.tobytes() == whole.values.tobytes()
    assert parallel.texts == whole.texts
    for row in range(len(person)):
        alone = matrix.evaluate(
            program, histories.take(person[row : row + 1]), np.zeros(1, np.int64), cutoff[row : row + 1]
        )
        one = whole.take(np.array([row]))
        assert alone.values.tobytes() == one.values.tobytes()
        assert alone.texts == one.texts
    back = np.arange(len(person))[::-1]
    turned = matrix.evaluate(program, histories, person[back], cutoff[back], 1)
    assert turned.values.tobytes() == whole.take(back).values.tobytes()


@pytest.mark.parametrize("forward", [False, True])
def test_a_person_with_ten_thousand_events(forward: bool) -> None:
    rng = np.random.default_rng(5)
    cutoff = 1_750_000_000_000_000
    ts = cutoff + rng.integers(-30 * DAY, 30 * DAY, 10_000) // SECOND * SECOND
    letters = np.array(["a", "b", "c", "d", None], object)
    rows = [
        {
            "user_id": "u", "ts": int(ts[i]), "arrived_at": int(ts[i] + rng.integers(0, 2) * DAY), "kind": KINDS[rng.integers(6)],
            "key_hi": int(rng.integers(-3000, 3000)), "key_lo": 0, "item": f"i{rng.integers(900)}",
            "category": letters[rng.integers(5)], "channel": None, "campaign": None, "page": None, "referrer": None,
            "value": int(rng.integers(1, 10**7)), "quantity": None, "discount": None, "rating": None, "dwell": None,
            "text": None, "properties": None,
        }
        for i in range(10_000)
    ]  # fmt: skip
    window = ask.ahead(20) if forward else ask.back(20)
    every = [
        ask.Count(("view",), window), ask.Sum("value", (), window), ask.Mean("value", ("cart", "view"), window),
        ask.Distinct("item", (), window), ask.Entropy("item", (), window), ask.Favorite("category", (), window),
        ask.Repeat("item", ("view",), window), ask.Gaps((), "median", window), ask.Gaps((), "deviation", window, True),
        ask.Sessions("mean_events", (), window), ask.Abandoned(window), ask.Transition("view", "cart", window),
        ask.Distinct("day", (), window), ask.First("category", (), window),
    ]  # fmt: skip
    shop = Shop(rows, "America/New_York", 25, [cutoff])
    asked = {f"f{n}": feature for n, feature in enumerate(every)}
    assert not differences(shop, asked, right(shop, asked))
