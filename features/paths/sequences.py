"""Paths: the last steps of journeys, counted exactly."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ..events import DAY
from .journeys import Runs, Units
from .steps import BITS

DEEPEST: Final = 10
"""Steps of a path that fit, `BITS` each, into 63."""
MASK: Final = (1 << BITS) - 1
MILLISECOND: Final = 1000


@dataclass(frozen=True, slots=True)
class Paths:
    """p different paths. Memory is theirs alone: 8 bytes a path and column.

    Attributes:
        codes: (p,) int64, ascending: `step + 1` of the last step in the lowest `BITS`, of the one before in the next; 0 for none.
        n: (p,) int64, how often it was walked.
        people: (p,) int64, by how many persons.
        events: (p, depth) int64, how many events the steps had, the last first.
        span: (p,) int64 milliseconds from the first step to the end, summed.
    """

    codes: np.ndarray
    n: np.ndarray
    people: np.ndarray
    events: np.ndarray
    span: np.ndarray

    def steps(self, names: Sequence[str], place: int) -> list[str]:
        """The steps of the path at a place, first to last."""
        code, found = int(self.codes[place]), []
        while code:
            found.append(names[(code & MASK) - 1])
            code >>= BITS
        return found[::-1]

    def commonest(self, names: Sequence[str], top: int) -> list[dict[str, Any]]:
        """The `top` paths walked most often; of equal ones the lower code first."""
        total = int(self.n.sum())
        order = np.lexsort((self.codes, -self.n))[:top].tolist()
        rows = []
        for place in order:
            steps, n = self.steps(names, place), int(self.n[place])
            sizes = self.events[place, : len(steps)][::-1]
            rows.append(
                {
                    "steps": steps,
                    "events": [round(float(size) / n, 2) for size in sizes],
                    "n": n,
                    "share": n / total,
                    "people": int(self.people[place]),
                    "days": float(self.span[place]) / n * MILLISECOND / DAY,
                }
            )
        return rows


def walk(units: Units, runs: Runs, ts: np.ndarray, depth: int) -> Paths:
    """The last `depth` collapsed steps of each unit, counted; persons are none of another call's.

    Args:
        units: u journeys.
        runs: Their collapsed steps.
        ts: (m,) of all events.
        depth: At most `DEEPEST`.
    """
    low, high = runs.offsets[:-1], runs.offsets[1:]
    codes = np.zeros(len(units), np.int64)
    sizes = np.zeros((len(units), depth), np.int64)
    for back in range(depth):
        here = np.flatnonzero(high - 1 - back >= low)
        run = high[here] - 1 - back
        codes[here] |= (runs.step[run] + 1) << (BITS * back)
        sizes[here, back] = runs.size[run]
    some = np.flatnonzero(high > low)
    span = np.zeros(len(units), np.int64)
    span[some] = (units.end[some] - ts[runs.start[np.maximum(low, high - depth)[some]]]) // MILLISECOND
    order = np.argsort(codes, kind="stable")  # persons stay in order within a path
    codes, person = codes[order], units.person[order]
    other = np.ones(len(codes), np.int64)
    other[1:] = (person[1:] != person[:-1]) | (codes[1:] != codes[:-1])
    return _sum(codes, np.ones_like(codes), other, sizes[order], span[order])


def merge(parts: Sequence[Paths], depth: int) -> Paths:
    """The paths of several groups of persons who share nobody."""
    if not parts:
        none = np.empty(0, np.int64)
        return Paths(none, none, none, np.empty((0, depth), np.int64), none)
    codes = np.concatenate([part.codes for part in parts])
    order = np.argsort(codes, kind="stable")
    n, people, events, span = (
        np.concatenate([getattr(part, name) for part in parts])[order] for name in ("n", "people", "events", "span")
    )
    return _sum(codes[order], n, people, events, span)


def _sum(codes: np.ndarray, n: np.ndarray, people: np.ndarray, events: np.ndarray, span: np.ndarray) -> Paths:
    """Rows of equal codes, which come sorted, made one."""
    if not len(codes):
        return Paths(codes, n, people, events, span)
    heads = np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1]]))
    return Paths(codes[heads], *(np.add.reduceat(column, heads) for column in (n, people, events, span)))


def describe_streams(paths: Paths, names: Sequence[str], depth: int) -> list[dict[str, Any]]:
    """How often a step at a place was followed by the next: what a picture of all paths is drawn from.

    Returns:
        Rows `place` (1 is the last step, 2 the one before it …), `step`, `before` (None where the journey began with the step;
        absent at the depth, where nothing is known of it) and `n`; the most first. Paths of no step are none of them.
    """
    rows = []
    for back in range(depth):
        later, sooner = (paths.codes >> (BITS * back)) & MASK, (paths.codes >> (BITS * (back + 1))) & MASK
        pairs, place = np.unique(later << BITS | sooner, return_inverse=True)
        counts = np.zeros(len(pairs), np.int64)
        np.add.at(counts, place, paths.n)
        for pair, n in zip(pairs.tolist(), counts.tolist(), strict=True):
            step, before = pair >> BITS, pair & MASK
            if step:
                row = {"place": back + 1, "step": names[step - 1], "n": n}
                rows.append(row if back + 1 == depth else row | {"before": names[before - 1] if before else None})
    return sorted(rows, key=lambda row: (row["place"], -row["n"]))
