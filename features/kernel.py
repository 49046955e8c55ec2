"""The kernel: the one reader of histories. It runs a program's tables over rows of (person, cutoff).

`run` is compiled without the interpreter lock: a caller splits the rows over threads, or runs them in one, and the same
machine code answers (see `matrix.evaluate`). Work is linear in the events seen, whatever the number of windows.
"""

import numpy as np
from numba import njit

from .events import DAY, NULL, SESSION_GAP
from .kernel_groups import abandon, group
from .kernel_runs import gaps, session
from .lower import (
    COUNT_IF, EXTREME, KEEP_CODE, KEEP_TS, MAX, MEAN, MIN, NUMBER, RATIO, SET_CODE, SET_TS, SINCE, SUM, TREND, UNTIL, VALUE,
)  # fmt: skip
from .places import beyond, place


@njit(cache=True, nogil=True, error_model="numpy")
def run(p, offsets, ts, arrived, late, kind, numbers, coded, person, cutoff, first, last, out):  # type: ignore[no-untyped-def]
    """Answer rows `first` to `last`.

    Args:
        p: `Tables`.
        offsets: (n + 1,) bounds of the histories.
        ts: (m,) sorted within each history.
        arrived: (m,) arrivals, at or after `ts`; not read unless `late`.
        late: Did anything arrive after it happened?
        kind: (m,) int8.
        numbers: (f, m) int64 number fields.
        coded: (c, m) int32 coded and calendar fields.
        person: (r,) place of the row's history.
        cutoff: (r,) int64.
        first: First row.
        last: The row after the last.
        out: (k, r) float64, written.
    """
    step, retention = p.sizes[0], p.sizes[1]
    late = late and step < 0
    n_codes = p.sizes[6]
    for r in range(first, last):
        n_codes = max(n_codes, offsets[person[r] + 1] - offsets[person[r]])
    gathered = np.empty(p.sizes[2], np.int64)
    slots = np.zeros(p.sizes[3], np.int64)
    registers = np.empty(p.sizes[4], np.float64)
    nothing = np.empty(p.sizes[4], np.float64)
    counts = np.zeros(n_codes, np.int64)
    met = np.empty(n_codes, np.int64)
    rank = np.empty(n_codes, np.int64)
    seconds = np.empty(n_codes, np.int64)
    blank = False
    for r in range(first, last):
        u, t = person[r], cutoff[r]
        if step < 0:
            low = place(ts, offsets[u], offsets[u + 1], t - retention)
            high = place(ts, low, offsets[u + 1], t)
        else:
            low = place(ts, offsets[u], offsets[u + 1], t)
            high = place(ts, low, offsets[u + 1], t + retention)
        if low == high and blank:
            for c in range(len(p.columns)):
                out[c, r] = nothing[p.columns[c]]
            continue
        for s in range(len(p.sweeps)):
            sweep(p, s, ts, arrived, late, kind, numbers, coded, low, high, t, gathered, slots)
        for g in range(len(p.groups)):
            group(p, g, ts, arrived, late, kind, coded, low, high, t, counts, met, rank, registers)
        for s in range(len(p.sessions)):
            session(p, s, ts, arrived, late, kind, low, high, t, slots)
        for g in range(len(p.gaps)):
            gaps(p, g, ts, arrived, late, kind, coded, low, high, t, seconds, slots, registers)
        for a in range(len(p.abandoned)):
            abandon(p, a, ts, arrived, late, kind, coded, low, high, t, counts, met, rank, seconds, slots)
        finish(p, t, slots, registers)
        for c in range(len(p.columns)):
            out[c, r] = registers[p.columns[c]]
        if low == high:
            nothing[:] = registers
            blank = True


@njit(cache=True, nogil=True, error_model="numpy")
def sweep(p, s, ts, arrived, late, kind, numbers, coded, low, high, t, gathered, slots):  # type: ignore[no-untyped-def]
    """Walk outwards from a near edge, gather, and copy what is gathered where a far edge is crossed."""
    step = p.sizes[0]
    near, edge, last_edge = p.sweeps[s, 0], p.sweeps[s, 1], p.sweeps[s, 2]
    for a in range(p.sweeps[s, 3], p.sweeps[s, 4]):
        gathered[a] = p.start[a]
    if near != 0:
        inner = place(ts, low, high, t + near)
        low, high = (inner, high) if step > 0 else (low, inner)
    paired = p.sizes[5] != 0 and near == 0
    base = s * 64
    e = low if step > 0 else high - 1
    before = -1
    limit = t + p.edges[edge, 0]
    for _ in range(high - low):
        now = ts[e]
        if late and arrived[e] >= t:
            e += step
            continue
        if paired and step < 0 and before >= 0 and ts[before] - now < SESSION_GAP:
            a = p.pairs[kind[e], kind[before]]  # the later one decides the window: before the edge is crossed
            if a >= 0:
                gathered[a] += 1
        while beyond(now, limit, step):
            for c in range(p.edges[edge, 1], p.edges[edge, 2]):
                slots[p.copies[c, 1]] = gathered[p.copies[c, 0]]
            edge += 1
            if edge == last_edge:
                return
            limit = t + p.edges[edge, 0]
        if paired and step > 0 and before >= 0 and now - ts[before] < SESSION_GAP:
            a = p.pairs[kind[before], kind[e]]
            if a >= 0:
                gathered[a] += 1
        before = e
        k = base + kind[e]
        for j in range(p.adds[k], p.adds[k + 1]):
            gathered[p.added[j]] += 1
        for j in range(p.acts[k], p.acts[k + 1]):
            act(p, j, e, now, numbers, coded, gathered)
        e += step
    while edge < last_edge:
        for c in range(p.edges[edge, 1], p.edges[edge, 2]):
            slots[p.copies[c, 1]] = gathered[p.copies[c, 0]]
        edge += 1


@njit(cache=True, nogil=True, error_model="numpy")
def act(p, j, e, now, numbers, coded, gathered):  # type: ignore[no-untyped-def]
    """Let one accumulator take one event in."""
    operation, a, row = p.acted[j, 0], p.acted[j, 1], p.acted[j, 2]
    if operation == SUM:
        if numbers[row, e] != NULL:
            gathered[a] += numbers[row, e]
    elif operation == NUMBER:
        if numbers[row, e] != NULL:
            gathered[a] += 1
    elif operation == MAX:
        if numbers[row, e] > gathered[a]:
            gathered[a] = numbers[row, e]
    elif operation == MIN:
        if numbers[row, e] != NULL and (gathered[a] == NULL or numbers[row, e] < gathered[a]):
            gathered[a] = numbers[row, e]
    elif operation == KEEP_CODE:
        if gathered[a] == NULL and coded[row, e] >= 0:
            gathered[a] = coded[row, e]
    elif operation == SET_CODE:
        if coded[row, e] >= 0:
            gathered[a] = coded[row, e]
    elif operation == KEEP_TS:
        if gathered[a] == NULL:
            gathered[a] = now
    elif operation == SET_TS:
        gathered[a] = now
    elif operation == COUNT_IF and p.acted[j, 3] <= coded[row, e] < p.acted[j, 4]:
        gathered[a] += 1


@njit(cache=True, nogil=True, error_model="numpy")
def finish(p, t, slots, registers):  # type: ignore[no-untyped-def]
    """Turn slots into registers, then registers into registers."""
    for f in range(len(p.finish)):
        operation, to = p.finish[f, 0], p.finish[f, 1]
        a, b, c, d = p.finish[f, 2], p.finish[f, 3], p.finish[f, 4], p.finish[f, 5]
        scale = p.scales[f, 0]
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
            answer = (registers[a] / scale) / (registers[b] / p.scales[f, 1])
        registers[to] = answer


def warm() -> None:
    """Compile all that `evaluate` runs, or load it from numba's cache."""
    from .algebra import Distinct, Gaps, Sessions, back  # noqa: PLC0415 - only here does the kernel ask a question itself
    from .events import EVENTS  # noqa: PLC0415
    from .histories import from_events  # noqa: PLC0415
    from .matrix import evaluate, grid  # noqa: PLC0415
    from .program import compile_program  # noqa: PLC0415

    questions = {
        "days": Distinct("day", (), back(7)),
        "gaps": Gaps((), "median", back(7)),
        "sessions": Sessions("count", (), back(7)),
    }
    program = compile_program(questions, kinds=("view",), retention_days=30, timezone="UTC")
    evaluate(program, from_events(EVENTS.empty_table()), *grid(0, [0]))
