"""The kernel: the one reader of histories. It runs a program's tables over rows of (person, cutoff).

`run` is compiled without the interpreter lock: a caller splits the rows over threads, or runs them in one, and the same
machine code answers (see `matrix.evaluate`). Work is linear in the events seen, whatever the number of windows.
"""

import numpy as np
from numba import njit

from .events import DAY, NULL
from .kernel_groups import abandon, group
from .kernel_runs import gaps, session
from .kernel_sweep import find, sweep
from .lower import EXTREME, MEAN, RATIO, SINCE, TREND, UNTIL, VALUE
from .places import place

BLOCK = 32  # rows


@njit(cache=True, nogil=True, error_model="numpy")
def run(  # type: ignore[no-untyped-def]
    sizes, _calendar, start, sweeps, field_bounds, fields, histogram_bounds, histograms, pairs, edges, copies, merges,
    finds, groups, sessions, waits, abandoned, steps, scales, columns,
    offsets, ts, arrived, late, kind, numbers, coded, person, cutoff, first, last, out,
):  # fmt: skip
    """Answer rows `first` to `last`, into `out`.

    The arguments as far as `columns` are the `Tables` in their order: arrays of their own, because numba's cache would name
    the class, and a cache must outlive its moving. Then come n histories and r rows:

    - `offsets` (n + 1,), `ts` (m,) sorted within each history, `kind` (m,) int8;
    - `arrived` (m,), at or after `ts`; not read unless `late`, which says that something arrived after it happened;
    - `numbers` (f, m) int64 and `coded` (c, m) int32, the program's fields and calendar;
    - `person` (r,) and `cutoff` (r,); `out` (k, r) float64.
    """
    step, retention = sizes[0], sizes[1]
    late = late and step < 0
    n_codes = 24
    for r in range(first, last):
        n_codes = max(n_codes, offsets[person[r] + 1] - offsets[person[r]])
    gathered = np.empty(sizes[2], np.int64)
    nearest, farthest, met_kinds = np.empty(64, np.int64), np.empty(64, np.int64), np.empty(64, np.int64)
    slots = np.zeros(sizes[3], np.int64)
    registers = np.empty(sizes[4], np.float64)
    counts = np.zeros(n_codes, np.int64)  # zero for every code between questions
    met, rank, between = np.empty(n_codes, np.int64), np.empty(n_codes, np.int64), np.empty(n_codes, np.int64)
    block = np.empty((BLOCK, len(columns)), np.float64)
    nothing = np.empty(len(columns), np.float64)
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
        if low == high and blank:
            block[filled] = nothing
        else:
            kinds = np.int64(0)
            for e in range(low, high):
                kinds |= np.int64(1) << np.int64(kind[e])
            for s in range(len(sweeps)):
                sweep(
                    step, sweeps[s], 64 * s, start, field_bounds, fields, histogram_bounds, histograms, pairs,
                    edges, copies, merges, ts, arrived, late, kind, numbers, coded, low, high, t,
                    gathered, nearest, farthest, met_kinds, slots,
                )  # fmt: skip
            for f in range(len(finds)):
                end = high if finds[f, 0] & kinds else low
                find(finds[f], ts, arrived, late, kind, coded, low, end, t, slots)
            for g in range(len(groups)):
                end = high if groups[g, 1] & kinds else low
                group(
                    step, groups[g], edges, copies, ts, arrived, late, kind, coded, low, end, t,
                    counts, met, rank, registers,
                )  # fmt: skip
            for s in range(len(sessions)):
                end = high if sessions[s, 0] & kinds else low
                session(step, sessions[s], edges, copies, ts, arrived, late, kind, low, end, t, slots)
            for w in range(len(waits)):
                end = high if waits[w, 0] & kinds else low
                gaps(waits[w], ts, arrived, late, kind, coded, low, end, t, between, slots, registers)
            for a in range(len(abandoned)):
                end = high if (kinds >> abandoned[a, 0]) & 1 else low
                abandon(
                    abandoned[a], ts, arrived, late, kind, coded, low, end, t, counts, met, rank, between, slots
                )  # fmt: skip
            finish(steps, scales, t, slots, registers)
            for c in range(len(columns)):
                block[filled, c] = registers[columns[c]]
            if low == high:
                nothing[:] = block[filled]
                blank = True
        filled += 1
        if filled == BLOCK or r + 1 == last:
            # A block at a time, so that each column is written in whole cache lines.
            for c in range(len(columns)):
                for i in range(filled):
                    out[c, r + 1 - filled + i] = block[i, c]
            filled = 0


@njit(cache=True, nogil=True, error_model="numpy")
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
        elif operation == RATIO:
            if registers[b] != 0:
                answer = registers[a] / registers[b]
        elif operation == TREND and registers[b] != 0:
            answer = (registers[a] / scale) / (registers[b] / scales[f, 1])
        registers[to] = answer


def warm() -> None:
    """Compile all that `evaluate` runs, or load it from numba's cache."""
    from .algebra import Distinct, Feature, Gaps, Sessions, back  # here, as matrix imports the kernel
    from .histories import from_events
    from .matrix import evaluate, grid
    from .program import compile_program
    from .schema import EVENTS

    questions: dict[str, Feature] = {
        "days": Distinct("day", (), back(7)),
        "gaps": Gaps((), "median", back(7)),
        "sessions": Sessions("count", (), back(7)),
    }
    program = compile_program(questions, kinds=("view",), retention_days=30, timezone="UTC")
    evaluate(program, from_events(EVENTS.empty_table()), *grid(0, [0]))
