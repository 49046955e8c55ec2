"""Lowering: from questions to accumulators, edges, slots and registers, the middle step of compiling a program."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from . import algebra
from .algebra import LIFETIME, SESSION, Feature, Kinds, Window
from .errors import InternalError
from .events import DAY, FIXED_POINT, SECOND, TOUCH

# What a sweep copies out at an edge; `kernel_sweep.py` reads the same numbers.
COUNT, SUM, NUMBER, MAX, MIN, RANGE, NEAR, FAR, PAIR = range(9)
# What a group copies out; `kernel_groups.py`.
DISTINCT, REPEAT, TOP_SHARE, ENTROPY, FAVORITE = range(5)
# What sessions copy out; `kernel_runs.py`.
SESSIONS, EVENTS, SPAN, MOST = range(4)
# How slots become a register; `kernel.py`.
VALUE, MEAN, EXTREME, SINCE, UNTIL, LENGTH, RATIO, TREND = range(8)

OUTERMOST: Final = 2**61  # the near edge of the session so far: at or after all that is seen, and a walk of its own
ZERO: Final = 0  # a slot that is always 0
SCALE: Final = {
    "value": FIXED_POINT,
    "quantity": FIXED_POINT,
    "discount": FIXED_POINT,
    "rating": FIXED_POINT,
    "dwell": 1000,
}

Key = tuple[int, ...]
"""What tells things apart: what is copied first, then the mask of kinds, a row, bounds."""
Walk = dict[int, dict[Key, int]]
"""What a walk from a near edge outwards copies out: far edge to what to where."""


@dataclass(slots=True)
class Lowering:
    """Collects what a program must gather; equal things are gathered once.

    Attributes:
        kinds: Kinds in the order of their codes.
        retention: RETENTION in microseconds.
        forward: Do the questions look forward?
        numbers: Number field to row.
        rows: Coded or calendar field to row.
    """

    kinds: tuple[str, ...]
    retention: int
    forward: bool
    numbers: Mapping[str, int]
    rows: Mapping[str, int]
    registers: dict[Feature, int] = field(default_factory=dict)
    n_registers: int = 0
    n_slots: int = 1
    sweeps: dict[int, Walk] = field(default_factory=dict)
    finds: list[Key] = field(default_factory=list)
    groups: dict[Key, Walk] = field(default_factory=dict)
    sessions: dict[Key, Walk] = field(default_factory=dict)
    gaps: dict[Key, dict[str, int]] = field(default_factory=dict)
    abandoned: list[Key] = field(default_factory=list)
    moves: list[Key] = field(default_factory=list)
    streaks: list[Key] = field(default_factory=list)
    sets: dict[tuple[str, tuple[str, ...]], int] = field(default_factory=dict)
    steps: list[tuple[int, int, int, int, int, int]] = field(default_factory=list)
    scales: list[tuple[float, float]] = field(default_factory=list)

    def register(self, feature: Feature) -> int:
        """The register that holds the feature's answer."""
        if feature not in self.registers:
            self.registers[feature] = self._lower(feature)
        return self.registers[feature]

    def _lower(self, feature: Feature) -> int:
        match feature:
            case algebra.Ratio(numerator, denominator):
                return self._finish(RATIO, (self.register(numerator), self.register(denominator)))
            case algebra.Trend(short, long):
                spans = tuple((part.window.stop - part.window.start) / DAY for part in (short, long))
                return self._finish(TREND, (self.register(short), self.register(long)), spans)
            case algebra.Count(kinds, window):
                return self._finish(VALUE, self._within((COUNT, self.mask(kinds)), window))
            case algebra.Sum(name, kinds, window):
                key = (SUM, self.mask(kinds), self.numbers[name])
                return self._finish(VALUE, self._within(key, window), (SCALE[name],))
            case algebra.Mean(name, kinds, window):
                mask, row = self.mask(kinds), self.numbers[name]
                total, number = self._within((SUM, mask, row), window), self._within((NUMBER, mask, row), window)
                return self._finish(MEAN, (*total, *number), (SCALE[name],))
            case algebra.Share(name, start, stop, kinds, window):
                mask = self.mask(kinds)
                some = self._within((RANGE, mask, self.rows[name], start, stop), window)
                return self._finish(MEAN, (*some, *self._within((COUNT, mask), window)))
            case algebra.Transition(before, after, window):
                key = (PAIR, self.kinds.index(before), self.kinds.index(after))
                return self._finish(VALUE, self._within(key, window))
            case algebra.Max(name, kinds, window) | algebra.Min(name, kinds, window):
                what = MAX if isinstance(feature, algebra.Max) else MIN
                slot = self._slot((what, self.mask(kinds), self.numbers[name]), window)
                return self._finish(EXTREME, (slot,), (SCALE[name],))
            case algebra.First(name, kinds, window):
                touch = TOUCH.index(name) if window == LIFETIME else -1
                return self._find(name, kinds, window, 0, touch)
            case algebra.Last(name, kinds, window, n):
                return self._find(name, kinds, window, n, -1)
            case algebra.Age(kinds, lifetime):
                window = LIFETIME if lifetime else algebra.ALL_BACK
                return self._finish(SINCE, (self._slot((NEAR, self.mask(kinds)), window),))
            case algebra.Tenure(kinds, lifetime):
                window = LIFETIME if lifetime else algebra.ALL_BACK
                return self._finish(SINCE, (self._slot((FAR, self.mask(kinds)), window),))
            case algebra.Length(kinds, window):
                mask = self.mask(kinds)
                near, far = self._slot((NEAR, mask), window), self._slot((FAR, mask), window)
                return self._finish(LENGTH, (near, far), (SECOND,))
            case algebra.Until(kinds, window):
                return self._finish(UNTIL, (self._slot((NEAR, self.mask(kinds)), window),))
            case algebra.Gaps():
                return self._gaps(feature)
            case algebra.Sessions():
                return self._sessions(feature)
            case algebra.Abandoned(window):
                slot = self._new_slot()
                cart, purchase = self.kinds.index("cart"), self.kinds.index("purchase")
                self.abandoned.append((cart, purchase, self.rows["item"], window.start, window.stop, slot))
                return self._finish(VALUE, (slot, ZERO))
            case algebra.Moves(name, kinds, window, before, after, gap):
                slot = self._new_slot()
                row, sets = self.rows[name], (self._set(name, before), self._set(name, after))
                self.moves.append((self.mask(kinds), row, window.start, window.stop, gap, *sets, slot))
                return self._finish(VALUE, (slot, ZERO))
            case algebra.Streak(kinds, since):
                slot = self._new_slot()
                self.streaks.append((self.mask(kinds), self.mask(since), slot))
                return self._finish(VALUE, (slot, ZERO))
            case algebra.Distinct(name, kinds, window):
                return self._group(DISTINCT, name, kinds, window)
            case algebra.Repeat(name, kinds, window):
                return self._group(REPEAT, name, kinds, window)
            case algebra.TopShare(name, kinds, window):
                return self._group(TOP_SHARE, name, kinds, window)
            case algebra.Entropy(name, kinds, window):
                return self._group(ENTROPY, name, kinds, window)
            case algebra.Favorite(name, kinds, window):
                return self._group(FAVORITE, name, kinds, window)
            case algebra.Attribute() | algebra.Function() | algebra.Touches():
                raise InternalError(f"{feature} is not the kernel's to answer.")

    def mask(self, kinds: Kinds) -> int:
        """Bit k is set where the kind of code k counts; no kinds: all bits, those of later kinds included."""
        return sum(1 << self.kinds.index(kind) for kind in kinds) if kinds else -1

    def edges(self, window: Window) -> tuple[int, int]:
        """The window's near and far edge, the far one within RETENTION unless it is the beginning of all."""
        if window == LIFETIME:
            return 0, window.start
        if window == SESSION:
            return OUTERMOST, window.start
        if self.forward:
            return window.start, min(window.stop, self.retention)
        return window.stop, max(window.start, -self.retention)

    def _new_register(self) -> int:
        self.n_registers += 1
        return self.n_registers - 1

    def _new_slot(self) -> int:
        self.n_slots += 1
        return self.n_slots - 1

    def _finish(self, operation: int, operands: tuple[int, ...], scales: tuple[float, ...] = ()) -> int:
        register = self._new_register()
        a, b, c, d = (*operands, *(ZERO,) * (4 - len(operands)))
        self.steps.append((operation, register, a, b, c, d))
        first, second = (*scales, *(1.0,) * (2 - len(scales)))
        self.scales.append((first, second))
        return register

    def _copy(self, near: int, key: Key, far: int) -> int:
        copies = self.sweeps.setdefault(near, {}).setdefault(far, {})
        if key not in copies:
            copies[key] = self._new_slot()
        return copies[key]

    def _slot(self, key: Key, window: Window) -> int:
        """Slot of what is gathered in the window, walking from its near edge."""
        near, far = self.edges(window)
        return self._copy(near, key, far)

    def _within(self, key: Key, window: Window) -> tuple[int, int]:
        """Two slots whose difference is what is gathered in the window, both filled by the walk from the cutoff."""
        near, far = self.edges(window)
        if near in (0, OUTERMOST):
            return self._copy(near, key, far), ZERO
        inner = min(near, self.retention) if self.forward else max(near, -self.retention)
        return self._copy(0, key, far), self._copy(0, key, inner)

    def _find(self, name: str, kinds: Kinds, window: Window, n: int, touch: int) -> int:
        """The code of the first value (`n` = 0), or of the n-th last."""
        slot = self._new_slot()
        self.finds.append((self.mask(kinds), self.rows[name], window.start, window.stop, n, touch, slot))
        return self._finish(EXTREME, (slot,))

    def _set(self, name: str, texts: tuple[str, ...]) -> int:
        """The place of a set of texts; -1 for any text."""
        return self.sets.setdefault((name, texts), len(self.sets)) if texts else -1

    def _group(self, statistic: int, name: str, kinds: Kinds, window: Window) -> int:
        near, far = self.edges(window)
        walk = self.groups.setdefault((self.rows[name], self.mask(kinds), near), {})
        copies = walk.setdefault(far, {})
        if (statistic,) not in copies:  # else asked already, by a window that RETENTION cuts to the same
            copies[statistic,] = self._new_register()
        return copies[statistic,]

    def _sessions(self, feature: algebra.Sessions) -> int:
        near, far = self.edges(feature.window)
        key = (self.mask(feature.kinds), feature.gap, near)
        copies = self.sessions.setdefault(key, {}).setdefault(far, {})

        def slot(statistic: int) -> int:
            if (statistic,) not in copies:
                copies[statistic,] = self._new_slot()
            return copies[statistic,]

        match feature.statistic:
            case "count":
                return self._finish(VALUE, (slot(SESSIONS), ZERO))
            case "mean_events":
                return self._finish(MEAN, (slot(EVENTS), ZERO, slot(SESSIONS), ZERO))
            case "mean_seconds":
                return self._finish(MEAN, (slot(SPAN), ZERO, slot(SESSIONS), ZERO), (SECOND,))
            case "max_events":
                return self._finish(EXTREME, (slot(MOST),))

    def _gaps(self, feature: algebra.Gaps) -> int:
        row = self.rows["day"] if feature.distinct_days else -1
        key = (self.mask(feature.kinds), row, feature.window.start, feature.window.stop)
        places = self.gaps.setdefault(key, {})

        def slot(name: str) -> int:
            if name not in places:
                places[name] = self._new_slot()
            return places[name]

        match feature.statistic:
            case "mean":
                return self._finish(MEAN, (slot("total"), ZERO, slot("number"), ZERO), (DAY,))
            case "max":
                return self._finish(EXTREME, (slot("longest"),), (DAY,))
            case "median":
                return self._finish(EXTREME, (slot("median"),), (2 * DAY,))
            case "deviation":
                if "deviation" not in places:
                    places["deviation"] = self._new_register()
                return places["deviation"]
