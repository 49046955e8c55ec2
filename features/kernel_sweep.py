"""Questions that one walk over the events answers for any number of windows; and the first or last value of a field."""

import numpy as np
from numba import njit

from .events import NULL, SESSION_GAP
from .lower import COUNT, NEAR, RANGE
from .places import beyond, place


@njit(error_model="numpy")
def sweep(  # type: ignore[no-untyped-def]
    step, what, base, start, field_bounds, fields, histogram_bounds, histograms, pairs, edges, copies, merges,
    ts, arrived, late, kind, numbers, coded, low, high, t, gathered, nearest, farthest, met, slots,
):  # fmt: skip
    """Walk outwards from a near edge, gather, and copy what is gathered where a far edge is crossed.

    `what` is the sweep's row of `Tables.sweeps`, `base` its first place in `field_bounds` and `histogram_bounds`; the other
    tables, the columns and `t` are as in `kernel.run`; events `low` to `high` are within RETENTION.

    Scratch: `gathered`, the accumulators; `nearest` and `farthest` (64,), the instant of the first and last event met of each
    kind; `met` (64,), the kinds in the order in which they are met.
    """
    near, edge, last_edge = what[0], what[1], what[2]
    first = what[3]
    for a in range(first, what[4]):
        gathered[a - first] = start[a]
    if near != 0:
        inner = place(ts, low, high, t + near)
        low, high = (inner, high) if step > 0 else (low, inner)
    paired = what[5] != 0
    e = low if step > 0 else high - 1
    before, known = np.int64(-1), 0
    n_met = 0
    limit = t + edges[edge, 0]
    for _ in range(high - low):
        if late and arrived[e] >= t:
            e += step
            continue
        now, k = ts[e], np.int64(kind[e])
        if paired and step < 0:
            if before >= 0 and known - now < SESSION_GAP and pairs[k, before] >= 0:
                gathered[pairs[k, before]] += 1  # ahead of the edge: the later event decides the window
            before, known = k, now
        while beyond(now, limit, step):
            take(edge, edges, copies, merges, gathered, nearest, farthest, met, n_met, step, slots)
            edge += 1
            if edge == last_edge:
                return
            limit = t + edges[edge, 0]
        if paired and step > 0:
            if before >= 0 and now - known < SESSION_GAP and pairs[before, k] >= 0:
                gathered[pairs[before, k]] += 1
            before, known = k, now
        if gathered[k] == 0:
            nearest[k] = now
            met[n_met] = k
            n_met += 1
        farthest[k] = now
        gathered[k] += 1
        gathered[64] += 1
        for j in range(field_bounds[base + k], field_bounds[base + k + 1]):
            number = numbers[fields[j, 0], e]
            if number != NULL:
                a = fields[j, 1]
                gathered[a] += number
                gathered[a + 1] += 1
                gathered[a + 2] = max(gathered[a + 2], number)
                if gathered[a + 1] == 1 or number < gathered[a + 3]:
                    gathered[a + 3] = number
        for j in range(histogram_bounds[base + k], histogram_bounds[base + k + 1]):
            gathered[histograms[j, 1] + coded[histograms[j, 0], e]] += 1
        e += step
    while edge < last_edge:
        take(edge, edges, copies, merges, gathered, nearest, farthest, met, n_met, step, slots)
        edge += 1


@njit(error_model="numpy")
def take(edge, edges, copies, merges, gathered, nearest, farthest, met, n_met, step, slots):  # type: ignore[no-untyped-def]
    """Copy what is asked at an edge into its slots, merging kinds where one question names several."""
    for c in range(edges[edge, 1], edges[edge, 2]):
        slots[copies[c, 1]] = gathered[copies[c, 0]]
    for d in range(edges[edge, 3], edges[edge, 4]):
        operation, mask = merges[d, 0], merges[d, 1]
        answer = 0 if operation in (RANGE, COUNT) else NULL
        if operation == RANGE:
            for a in range(mask, merges[d, 2]):
                answer += gathered[a]
        else:
            for i in range(n_met):
                k = met[i]
                if not (mask >> k) & 1:
                    continue
                if operation == COUNT:
                    answer += gathered[k]
                elif operation == NEAR:
                    if answer == NULL or (nearest[k] - answer) * step < 0:
                        answer = nearest[k]
                elif answer == NULL or (farthest[k] - answer) * step > 0:
                    answer = farthest[k]
        slots[merges[d, 3]] = answer


@njit(error_model="numpy")
def find(what, ts, arrived, late, kind, coded, low, high, t, slots):  # type: ignore[no-untyped-def]
    """The code of the first, or last, event in the window that has one."""
    mask, row, upwards = what[0], what[1], what[4] != 0
    low = place(ts, low, high, t + what[2])
    high = place(ts, low, high, t + what[3])
    slots[what[5]] = NULL
    for i in range(high - low):
        e = low + i if upwards else high - 1 - i
        if (mask >> kind[e]) & 1 and coded[row, e] >= 0 and not (late and arrived[e] >= t):
            slots[what[5]] = coded[row, e]
            return
