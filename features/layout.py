"""The tables of a program: what was lowered, laid out as the arrays that the kernel walks through."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from .algebra import LIFETIME, SESSION
from .events import NULL
from .lower import COUNT, DISTINCT, MAX, MIN, NUMBER, PAIR, RANGE, RATIO, SUM, Key, Lowering, Walk

PLACES: Final = 64  # kinds that a history may hold, those added later included
TOTAL: Final = PLACES  # the accumulator that counts every kind; those before it count a kind each
HOURS: Final = 24  # accumulators of a histogram over a calendar field
GAPS: Final = ("number", "total", "longest", "median", "deviation")


class Tables(NamedTuple):
    """A program as the kernel reads it; every array is int64, C-contiguous and read-only unless said otherwise.

    A *walk* visits the events that are seen, from the near edge of its windows outwards: back in time for features, on in
    time for targets. At each far edge what has been gathered so far is the answer for the window that ends there: the cost does
    not grow with the number of windows. Edges are places in `instants`; where those lie in a history is found once a row. A
    sweep gathers, in accumulators of its own, the number of events of each of 64 kinds, their total, then what `start`,
    `fields`, `histograms` and `pairs` say.

    Attributes:
        sizes: (7,) step (-1 back, 1 forward), RETENTION in µs, numbers of accumulators, slots and registers, places among the
            instants of the beginning of all and of the session so far; -1 where not asked for.
        calendar: (3,) rows of the coded matrix for day, hour and weekday; -1 where not needed.
        instants: (o,) every edge of a window, relative to the cutoff.
        start: (a,) what each sweep's accumulators begin with, one sweep after the other.
        sweeps: (s, 9) near edge; from and to in `edges`, in `start`, in `histograms`; first row in `field_bounds`; first row in
            `pairs`, -1 where no transitions are asked for.
        field_bounds: (s * 64 + 1,) where the rows of a (sweep, kind) begin in `fields`.
        fields: (x, 3) number row, the first of four accumulators (sum, number, largest, smallest), the last edge in need of it.
        histograms: (y, 4) kind mask, calendar row, the first of 24 accumulators, the last edge in need of it.
        pairs: (p * 64, 64) int16: accumulator of the transition from one kind to another, in each sweep that asks; -1 for none.
        edges: (e, 6) far edge; the copies, and the merges, from and to, that are made there; a mask of the kinds with `fields`
            needed there or further on.
        copies: (c, 2) of sweeps: accumulator, slot; of groups: statistic, register; of sessions: statistic, slot.
        merges: (d, 4) of sweeps: COUNT, NEAR or FAR with a mask of kinds, or RANGE with accumulators from and to; then a slot.
        finds: (h, 7) kind mask, coded row, window's start and stop, 0 for the first and n for the n-th last, place in `TOUCH`
            of a lifetime's first or -1, slot.
        groups: (g, 6) coded row, kind mask, near edge, edges from and to, 1 if only the number of values is asked.
        sessions: (n, 5) kind mask, gap, near edge, edges from and to.
        waits: (n, 9) for gaps: kind mask, row of days or -1, window's start and stop, slots of number, total, longest and
            twice the median (-1 where not wanted), register of the deviation (or -1).
        abandoned: (n, 6) kind codes of cart and purchase, row of items, window's start and stop, slot.
        moves: (n, 8) kind mask, coded row, window's start and stop, gap, bits of the texts before and after or -1, slot.
        streaks: (n, 3) kind mask, kind mask of what they follow, slot.
        steps: (f, 6) how slots become registers: operation, register, four slots or registers.
        scales: (f, 2) float64, what the operation divides by.
        columns: (k,) register of every column.
    """

    sizes: np.ndarray
    calendar: np.ndarray
    instants: np.ndarray
    start: np.ndarray
    sweeps: np.ndarray
    field_bounds: np.ndarray
    fields: np.ndarray
    histograms: np.ndarray
    pairs: np.ndarray
    edges: np.ndarray
    copies: np.ndarray
    merges: np.ndarray
    finds: np.ndarray
    groups: np.ndarray
    sessions: np.ndarray
    waits: np.ndarray
    abandoned: np.ndarray
    moves: np.ndarray
    streaks: np.ndarray
    steps: np.ndarray
    scales: np.ndarray
    columns: np.ndarray


@dataclass(slots=True)
class _Layout:
    """Arrays in the making."""

    forward: bool
    instants: dict[int, int] = field(default_factory=dict)
    start: list[int] = field(default_factory=list)
    sweeps: list[tuple[int, ...]] = field(default_factory=list)
    fields: list[list[tuple[int, int, int]]] = field(default_factory=list)  # one list a (sweep, kind)
    histograms: list[tuple[int, int, int, int]] = field(default_factory=list)
    pairs: list[np.ndarray] = field(default_factory=list)
    edges: list[tuple[int, ...]] = field(default_factory=list)
    copies: list[tuple[int, int]] = field(default_factory=list)
    merges: list[tuple[int, ...]] = field(default_factory=list)

    def at(self, instant: int) -> int:
        """The place of an edge among the instants."""
        return self.instants.setdefault(instant, len(self.instants))

    def within(self, rows: Iterable[Sequence[int]], first: int) -> list[tuple[int, ...]]:
        """Rows whose columns `first` and the next are a window's start and stop, as places."""
        return [(*row[:first], self.at(row[first]), self.at(row[first + 1]), *row[first + 2 :]) for row in rows]

    def walk(self, walk: Walk) -> tuple[int, int]:
        """Edges of a group or of sessions: from and to."""
        first = len(self.edges)
        for far in sorted(walk, reverse=not self.forward):
            before = len(self.copies)
            self.copies += [(what, to) for (what,), to in walk[far].items()]
            self.edges.append((self.at(far), before, len(self.copies), len(self.merges), len(self.merges), 0))
        return first, len(self.edges)

    def sweep(self, near: int, walk: Walk) -> None:
        """Accumulators and edges of a sweep."""
        first, begin, histograms, base = len(self.edges), len(self.start), len(self.histograms), len(self.fields)
        fars = sorted(walk, reverse=not self.forward)
        last = {key: first + place for place, far in enumerate(fars) for key in walk[far]}
        placed = self._accumulate(last)
        for far in fars:
            copies, merges = len(self.copies), len(self.merges)
            for (what, mask, *rest), slot in walk[far].items():
                if what == PAIR:
                    self.copies.append((placed[what, mask, rest[0]], slot))
                elif what in (SUM, NUMBER, MAX, MIN):
                    self.copies.append((placed[SUM, mask, rest[0]] + what - SUM, slot))
                elif what == RANGE:
                    start = placed[what, mask, rest[0]]
                    self.merges.append((what, start + rest[1], start + rest[2], slot))
                elif what == COUNT and mask == -1:
                    self.copies.append((TOTAL, slot))
                elif what == COUNT and mask.bit_count() == 1:
                    self.copies.append((mask.bit_length() - 1, slot))
                else:
                    self.merges.append((what, mask, 0, slot))
            needed = [
                kind for kind, rows in enumerate(self.fields[base:]) if any(row[2] >= len(self.edges) for row in rows)
            ]
            kinds = sum(1 << kind for kind in needed if kind < PLACES - 1)
            self.edges.append((self.at(far), copies, len(self.copies), merges, len(self.merges), kinds))
        pairs = {key[1:]: place for key, place in placed.items() if key[0] == PAIR}
        paired = len(self.pairs) * PLACES if pairs else -1
        if pairs:
            self.pairs.append(np.full((PLACES, PLACES), -1, np.int16))
            for (before, after), place in pairs.items():
                self.pairs[-1][before, after] = place
        ranges = (first, len(self.edges), begin, len(self.start), histograms, len(self.histograms))
        self.sweeps.append((self.at(near), *ranges, base, paired))

    def _accumulate(self, last: Mapping[Key, int]) -> dict[Key, int]:
        """Accumulators for all that a sweep copies out beyond kinds and total, and where they are."""
        start = [0] * (PLACES + 1)
        placed: dict[Key, int] = {}
        fields: list[list[tuple[int, int, int]]] = [[] for _ in range(PLACES)]
        for what, mask, *rest in sorted(last):
            group = SUM if what in (SUM, NUMBER, MAX, MIN) else what
            if group not in (PAIR, RANGE, SUM) or (group, mask, rest[0]) in placed:
                continue
            placed[group, mask, rest[0]] = here = len(start)
            same = (what,) if group != SUM else (SUM, NUMBER, MAX, MIN)
            until = max(edge for key, edge in last.items() if key[0] in same and key[1:3] == (mask, rest[0]))
            if group == PAIR:
                start.append(0)
            elif group == RANGE:
                self.histograms.append((mask, rest[0], here, until))
                start += [0] * HOURS
            else:
                start += [0, 0, NULL, NULL]
                for kind in range(PLACES):
                    if mask >> kind & 1:
                        fields[kind].append((rest[0], here, until))
        self.start += start
        self.fields += fields
        return placed


def tables_of(low: Lowering, columns: list[int]) -> Tables:
    """The tables of what was lowered, with the register of every column."""
    made = _Layout(low.forward)
    for near, walk in low.sweeps.items():
        made.sweep(near, walk)
    groups = [
        (
            row,
            mask,
            made.at(near),
            *made.walk(walk),
            int({key for copies in walk.values() for key in copies} == {(DISTINCT,)}),
        )
        for (row, mask, near), walk in low.groups.items()
    ]
    sessions = [(mask, gap, made.at(near), *made.walk(walk)) for (mask, gap, near), walk in low.sessions.items()]
    finds = made.within(low.finds, 2)
    waits = made.within([(*key, *(places.get(name, -1) for name in GAPS)) for key, places in low.gaps.items()], 2)
    abandoned = made.within(low.abandoned, 3)
    moves = made.within(low.moves, 2)
    n_accumulators = max((sweep[4] - sweep[3] for sweep in made.sweeps), default=0)
    # Equal operations side by side, so that the processor foresees them; what reads registers stays behind, in its order.
    order = sorted(range(len(low.steps)), key=lambda place: (min(low.steps[place][0], RATIO), place))
    return Tables(
        sizes=_ints(
            (
                *(1 if low.forward else -1, low.retention, n_accumulators, low.n_slots, low.n_registers),
                *(made.instants.get(instant, -1) for instant in (LIFETIME.start, SESSION.start)),
            )
        ),
        calendar=_ints([low.rows.get(name, -1) for name in ("day", "hour", "weekday")]),
        instants=_ints(list(made.instants)),
        start=_ints(made.start),
        sweeps=_ints(made.sweeps, 9),
        field_bounds=_ints(np.cumsum([0, *(len(rows) for rows in made.fields)])),
        fields=_ints([row for rows in made.fields for row in rows], 3),
        histograms=_ints(made.histograms, 4),
        pairs=_frozen(np.concatenate([np.empty((0, PLACES), np.int16), *made.pairs])),
        edges=_ints(made.edges, 6),
        copies=_ints(made.copies, 2),
        merges=_ints(made.merges, 4),
        finds=_ints(finds, 7),
        groups=_ints(groups, 6),
        sessions=_ints(sessions, 5),
        waits=_ints(waits, 9),
        abandoned=_ints(abandoned, 6),
        moves=_ints(moves, 8),
        streaks=_ints(low.streaks, 3),
        steps=_ints([low.steps[place] for place in order], 6),
        scales=_frozen(np.array([low.scales[place] for place in order], np.float64).reshape(-1, 2)),
        columns=_ints(columns),
    )


def pack(tables: Tables) -> tuple[np.ndarray, np.ndarray]:
    """The tables in one piece of memory.

    Returns:
        (w,) int64, and (t, 3) int64: where each table begins in it, in bytes, its length and its second length.
    """
    starts = np.cumsum([0, *(-(-table.nbytes // 8) for table in tables)])
    memory = np.zeros(starts[-1], np.int64)
    shapes = np.ones((len(tables), 3), np.int64)
    for place, (start, table) in enumerate(zip(starts[:-1], tables, strict=True)):
        memory.view(np.uint8)[8 * start : 8 * start + table.nbytes] = table.ravel().view(np.uint8)
        shapes[place, 0] = 8 * start
        shapes[place, 1 : 1 + table.ndim] = table.shape
    return _frozen(memory), _frozen(shapes)


def _ints(values: Sequence[object] | np.ndarray, width: int | None = None) -> np.ndarray:
    array = np.array(values, np.int64)
    return _frozen(array if width is None else array.reshape(-1, width))


def _frozen(array: np.ndarray) -> np.ndarray:
    """The array, read-only: numba compiles for read-only arguments once, whatever the program."""
    array = np.ascontiguousarray(array)
    array.flags.writeable = False
    return array
