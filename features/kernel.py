"""The kernel: the one reader of histories. It runs a program's tables over rows of (person, cutoff).

`native.py` keeps its machine code, so that no process but the first needs the compiler, and calls it without the
interpreter's lock: rows are split over threads, or run in one, and the same code answers. Work is linear in the events
seen, whatever the number of windows.
"""

import numpy as np
from numba import njit

from .events import DAY, NULL
from .kernel_ends import find, open_session, streak
from .kernel_groups import abandon, group
from .kernel_runs import gaps, moves, session
from .kernel_sweep import sweep
from .lower import EXTREME, LENGTH, MEAN, RATIO, SINCE, TREND, UNTIL, VALUE
from .places import place


@njit(error_model="numpy")
def run(  # type: ignore[no-untyped-def]
    sizes, _calendar, instants, start, sweeps, field_bounds, fields, histograms, pairs, edges, copies, merges, finds, groups,
    sessions, waits, abandoned, moved, streaks, steps, scales, columns,
    offsets, ts, arrived, kind, numbers, coded, carries, carried, touch, marks, marked, person, cutoff, out,
    bounds, gathered, by_kind, slots, registers, by_code, block, first, last,
):  # fmt: skip
    """Answer rows `first` to `last`, into `out`.

    The arguments as far as `columns` are the `Tables` in their order. Then come n histories and r rows:

    - `offsets` (n + 1,), `ts` (m,) sorted within each history, `kind` (m,) int8;
    - `arrived` (m,), at or after `ts`; (0,) where everything arrived when it happened;
    - `numbers` (f, m) int64 and `coded` (c, m) int32, the program's fields and calendar;
    - `carries` (n + 1,), where the rows of a person begin in `carried` (4 + 2f, c): kind, count, first, last, then sum and
      number of each of the number fields; `touch` (2, n), codes of `TOUCH`, -1 for none; all empty where nothing was carried;
    - `marks` (w,), the sets that hold a text, as bits, and `marked` (c, n), where the texts of a person begin there;
    - `person` (r,) and `cutoff` (r,); `out` (k, r) float64, written;
    - scratch: `bounds` as long as `instants`; `gathered`, `slots` and `registers` as large as `sizes` says; `by_kind` (3, 64);
      `by_code` (4, s) with s above 64, the kinds there can be, and above the longest history; `block` (b, k) for the rows that
      are written together.
    """
    step, retention = sizes[0], sizes[1]
    ever, so_far = sizes[5], sizes[6]
    late = len(arrived) > 0 and step < 0
    nearest, farthest, met_kinds = by_kind[0], by_kind[1], by_kind[2]
    counts, met, rank, between = by_code[0], by_code[1], by_code[2], by_code[3]
    for code in range(len(counts)):
        counts[code] = 0  # and again after each question
    slots[0] = 0
    from_carry, to_carry = 0, 0
    # The last row of the block keeps the answer of those who have done nothing that is seen.
    size = len(block) - 1
    blank = False
    filled = 0
    for r in range(first, last):
        u, t = person[r], cutoff[r]
        if step < 0:
            low = place(ts, offsets[u], offsets[u + 1], t - retention)
            high = place(ts, low, offsets[u + 1], t)
        else:
            low = place(ts, offsets[u], offsets[u + 1], t)
            high = place(ts, low, offsets[u + 1], t + retention)
        begin = offsets[u] if ever >= 0 else low
        if ever >= 0 and len(carries) > 0:
            from_carry, to_carry = carries[u], carries[u + 1]
        nothing = begin == high and from_carry == to_carry
        if nothing and blank:
            for c in range(len(columns)):
                block[filled, c] = block[size, c]
        else:
            kinds = np.int64(0)
            for e in range(begin, high):
                kinds |= np.int64(1) << np.int64(kind[e])
            for i in range(len(instants)):
                bounds[i] = place(ts, low, high, t + instants[i])
            if ever >= 0:
                bounds[ever] = begin
            if so_far >= 0:
                bounds[so_far] = open_session(ts, arrived, late, low, high, t)
            for s in range(len(sweeps)):
                sweep(
                    step, sweeps[s], start, field_bounds, fields, histograms, pairs, edges, copies, merges,
                    ts, arrived, late, kind, numbers, coded, carried, from_carry, to_carry, ever, low, t, bounds,
                    gathered, nearest, farthest, met_kinds, slots,
                )  # fmt: skip
            for f in range(len(finds)):
                find(finds[f], arrived, late, kind, coded, touch, t, u, kinds, bounds, slots)
            for g in range(len(groups)):
                group(
                    step, groups[g], edges, copies, arrived, late, kind, coded, t, kinds, bounds,
                    counts, met, rank, registers,
                )  # fmt: skip
            for s in range(len(sessions)):
                end = high if sessions[s, 0] & kinds else low
                session(step, sessions[s], edges, copies, ts, arrived, late, kind, low, end, t, bounds, slots)
            for w in range(len(waits)):
                gaps(waits[w], ts, arrived, late, kind, coded, t, kinds, bounds, between, slots, registers)
            for a in range(len(abandoned)):
                end = high if (kinds >> abandoned[a, 0]) & 1 else low
                abandon(
                    abandoned[a], ts, arrived, late, kind, coded, end, t, bounds, counts, met, rank, between, slots
                )  # fmt: skip
            for m in range(len(moved)):
                moves(moved[m], ts, arrived, late, kind, coded, marks, marked, t, u, kinds, bounds, slots)
            for s in range(len(streaks)):
                streak(streaks[s], arrived, late, kind, low, high if streaks[s, 0] & kinds else low, t, slots)
            finish(steps, scales, t, slots, registers)
            for c in range(len(columns)):
                block[filled, c] = registers[columns[c]]
            if nothing:
                for c in range(len(columns)):
                    block[size, c] = block[filled, c]
                blank = True
        filled += 1
        if filled == size or r + 1 == last:
            # A block at a time, so that each column is written in whole cache lines.
            for c in range(len(columns)):
                for i in range(filled):
                    out[c, r + 1 - filled + i] = block[i, c]
            filled = 0


@njit(error_model="numpy")
def finish(steps, scales, t, slots, registers):  # type: ignore[no-untyped-def]
    """Turn slots into registers, then registers into registers."""
    for f in range(len(steps)):
        operation, to = steps[f, 0], steps[f, 1]
        a, b, c, d = steps[f, 2], steps[f, 3], steps[f, 4], steps[f, 5]
        scale = scales[f, 0]
        answer = np.nan
        if operation == VALUE:
            answer = (slots[a] - slots[b]) / scale
        elif operation == MEAN:
            n = slots[c] - slots[d]
            if n != 0:
                answer = (slots[a] - slots[b]) / (n * scale)
        elif operation == EXTREME:
            if slots[a] != NULL:
                answer = slots[a] / scale
        elif operation == SINCE:
            if slots[a] != NULL:
                answer = (t - slots[a]) / DAY
        elif operation == UNTIL:
            if slots[a] != NULL:
                answer = (slots[a] - t) / DAY
        elif operation == LENGTH:
            if slots[a] != NULL:
                answer = abs(slots[a] - slots[b]) / scale
        elif operation == RATIO:
            if registers[b] != 0:
                answer = registers[a] / registers[b]
        elif operation == TREND and registers[b] != 0:
            answer = (registers[a] / scale) / (registers[b] / scales[f, 1])
        registers[to] = answer


def warm() -> None:
    """Compile all that `evaluate` runs, or load it from the cache."""
    from . import native  # here, as native makes its machine code from this module

    native.load()
