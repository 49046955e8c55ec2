"""Small tables of one person's events, as text, and what they are asked: the algebra in pictures."""

import math
import re
from zoneinfo import ZoneInfo

from features import algebra as ask
from features.events import DAY, HOUR, KINDS, NUMBER_FIELDS, SECOND
from features.histories import from_events
from features.matrix import evaluate, grid
from features.program import compile_program
from tests.oracle import answer
from tests.strategies import instant, shop_of, table

UNITS = {"d": DAY, "h": HOUR, "min": 60 * SECOND, "s": SECOND, "us": 1}
SCALE = dict.fromkeys(NUMBER_FIELDS, 10_000) | {"dwell": 1000}


def moment(text: str) -> int:
    """`-7d+1us` in microseconds."""
    return sum(
        int(sign + number) * UNITS[unit] for sign, number, unit in re.findall(r"([+-])(\d+)(d|h|min|s|us)", text)
    )


def rows_of(picture: str, cutoff: int) -> list[dict]:
    """The events: `when` is relative to the cutoff, `known` (arrival) likewise, `key` orders ties, `-` is nothing."""
    head, *lines = [line.split() for line in picture.strip().splitlines()]
    rows = []
    for place, cells in enumerate(lines):
        cell = {name: text for name, text in zip(head, cells, strict=True) if text != "-"}
        row = {"ts": cutoff + moment(cell.pop("when")), "key_hi": int(cell.pop("key", place))}
        if "known" in cell:
            row["arrived_at"] = cutoff + moment(cell.pop("known"))
        row |= {name: round(float(text) * SCALE[name]) if name in SCALE else text for name, text in cell.items()}
        rows.append(row)
    return rows


def check(
    picture: str, asked: dict[ask.Feature, float | str | None], zone: str = "UTC", at: tuple[int, ...] = (2025, 6, 15)
) -> None:
    """The kernel and the oracle both give the answers, at midnight of 15 June 2025, a Sunday, unless said otherwise."""
    cutoff = instant(zone, *at)
    assert ZoneInfo(zone)
    shop = shop_of(zone, cutoff, *rows_of(picture, cutoff))
    names = {str(place): feature for place, feature in enumerate(asked)}
    program = compile_program(names, kinds=KINDS, retention_days=400, timezone=zone)
    matrix = evaluate(program, from_events(table(shop.events), KINDS), *grid(1, [cutoff]))
    for name, (feature, expected) in zip(names, asked.items(), strict=True):
        kernel = matrix.texts[name][0].as_py() if name in matrix.texts else matrix.column(name)[0]
        oracle = answer(feature, shop.events, cutoff, retention=400 * DAY, timezone=zone)
        for reader, got in (("kernel", kernel), ("oracle", oracle)):
            assert same(got, expected), f"{feature}: the {reader} says {got}, not {expected}"


def same(got: float | str | None, expected: float | str | None) -> bool:
    if isinstance(expected, float) and math.isnan(expected):
        return isinstance(got, float) and math.isnan(got)
    return math.isclose(got, expected, rel_tol=1e-12) if isinstance(expected, int | float) else got == expected
