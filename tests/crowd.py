"""A seeded crowd whose events lie where readers of time go wrong, and how the kernel's answers differ from the oracle's.

Times are at the edges of the catalogue's windows, a microsecond to either side, at changes of the clock, midnights and month
ends, many of them equal; events arrive late, early, at a cutoff, or nobody knows when; some come twice.
"""

import random

import numpy as np

from features import algebra as ask
from features import matrix
from features.catalogue import load
from features.events import CODED_FIELDS, DAY, HOUR, KINDS, NUMBER_FIELDS, SECOND, SESSION_GAP
from features.histories import from_events
from features.program import compile_program
from features.traits import parts
from tests.oracle import UNKNOWN, answers, same
from tests.strategies import NUMBERS, ZONES, Shop, anchors, instant, table

EVERY_KIND = (*KINDS, UNKNOWN)
WORDS = {"channel": ("app", "web", "store", "push"), "page": ("home", "list", "item", "cart")}
RETENTION_DAYS = 400
BACK = (1, 7, 30, 90, 180, 365, RETENTION_DAYS, 900, 2500)


def catalogue() -> dict[str, ask.Feature]:
    """All that the kernel answers of the catalogue."""
    return {name: feature for name, feature in load(kinds=KINDS).features.items() if parts(feature)}


def crowd(seed: int, persons: int, n_cutoffs: int, n_events: int) -> Shop:
    """Persons with about `n_events` events each, to be asked at cutoffs of the shop's, of which each person has its own.

    Shop's cutoffs are all of them; `cutoffs_of` says whose is which.
    """
    rng = random.Random(seed)
    zone = ZONES[seed % len(ZONES)]
    events: list[dict] = []
    cutoffs: list[int] = []
    for person in range(persons):
        own = cutoffs_of(seed, person, n_cutoffs, zone)
        cutoffs += own
        size = rng.choice((1, 2, n_events // 2, n_events, n_events, 2 * n_events, 2 * n_events))
        events += _history(rng, f"u{person}", own, 10 * n_events if person % 100 == 0 else size)
    rng.shuffle(events)
    return Shop(events, zone, RETENTION_DAYS, cutoffs)


def cutoffs_of(seed: int, person: int, n: int, zone: str) -> list[int]:
    """A person's cutoffs: around an instant at which the clock or the calendar does something."""
    rng = random.Random(f"{seed} {person}")
    ends = [instant(zone, 2025, month, 1) for month in (1, 2, 3, 7, 12)] + [instant(zone, 2024, 2, 29, 23, 59)]
    base = rng.choice([*anchors(zone), *ends])
    apart = [
        0,
        1,
        -1,
        SECOND,
        HOUR,
        -HOUR,
        SESSION_GAP,
        -SESSION_GAP,
        DAY,
        -DAY,
        7 * DAY,
        30 * DAY,
        90 * DAY,
        365 * DAY,
    ]
    steps = [step + tick for step in apart for tick in (-1, 0, 1)]
    return [base + step for step in rng.sample(steps, n)]


def _history(rng: random.Random, user: str, cutoffs: list[int], size: int) -> list[dict]:
    events: list[dict] = []
    for place in range(size):
        how = rng.random()
        if events and how < 0.35:
            ts = events[-1]["ts"] + rng.choice(
                (
                    0,
                    0,
                    1,
                    20 * SECOND,
                    60 * SECOND,
                    SESSION_GAP - 1,
                    SESSION_GAP,
                    SESSION_GAP + 1,
                    -SESSION_GAP,
                    HOUR,
                    DAY,
                )
            )
        elif how < 0.85:
            ts = rng.choice(cutoffs) - rng.choice((0, SESSION_GAP, HOUR, *(days * DAY for days in BACK)))
            ts += rng.choice((-1, 0, 1))
        else:
            ts = rng.choice(cutoffs) - rng.randrange(120 * DAY)
        known = (None, None, ts, ts - HOUR, ts + HOUR, ts + 7 * DAY, *(c + rng.choice((-1, 0)) for c in cutoffs[:2]))
        event = {
            "user_id": user,
            "ts": ts,
            "arrived_at": rng.choice(known),
            "kind": rng.choice((*EVERY_KIND, "view", "view", "view", "cart", "purchase", "message", "search")),
            "key_hi": rng.choice((place, -place, rng.randrange(-(2**63), 2**63))),
            "key_lo": rng.randrange(2),
            **{field: rng.choice((None, *WORDS.get(field, "abcd"))) for field in CODED_FIELDS},
            **{field: rng.choice(NUMBERS) for field in NUMBER_FIELDS},
            "text": None,
            "properties": None,
        }
        events.append(event)
        if rng.random() < 0.06:  # told twice, the second time perhaps otherwise
            again = event | {"arrived_at": rng.choice(known)}
            events.append(
                again | {"value": 7} if rng.random() < 0.5 and again["arrived_at"] != event["arrived_at"] else again
            )
    return events


def compare(seed: int, persons: int, n_cutoffs: int, n_events: int) -> tuple[int, int, list[str]]:
    """Number of events, of answers, and the answers that are not the oracle's."""
    shop, asked = crowd(seed, persons, n_cutoffs, n_events), catalogue()
    histories = from_events(table(shop.events), EVERY_KIND)
    program = compile_program(asked, kinds=KINDS, retention_days=RETENTION_DAYS, timezone=shop.zone)
    found: list[str] = []
    n = 0
    of: dict[str, list[dict]] = {}
    for event in shop.events:
        of.setdefault(event["user_id"], []).append(event)
    for place, user in enumerate(histories.users.to_pylist()):
        cutoffs = cutoffs_of(seed, int(user[1:]), n_cutoffs, shop.zone)
        person = np.full(n_cutoffs, place)
        got = matrix.evaluate(program, histories, person, np.array(cutoffs), 1)
        right = answers(asked, of[user], cutoffs, retention=RETENTION_DAYS * DAY, timezone=shop.zone)
        for name, feature in asked.items():
            column = got.texts[name].to_pylist() if name in got.texts else got.column(name).tolist()
            for cutoff, answer in zip(cutoffs, column, strict=True):
                n += 1
                expected = right[cutoff][name]
                if answer != expected and not same(feature, answer, expected):
                    found.append(f"{name} of {user} at {cutoff}, seed {seed}: {answer!r}, not {expected!r}")
    return len(shop.events), n, found
