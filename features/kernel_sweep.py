"""Questions that one walk over the events answers for any number of windows; and the first or last value of a field."""

import numpy as np
from numba import njit

from .events import NULL, SESSION_GAP
from .lower import COUNT, NEAR, RANGE


@njit(error_model="numpy")
def sweep(  # type: ignore[no-untyped-def]
    step, what, start, field_bounds, fields, histograms, pairs, edges, copies, merges,
    ts, arrived, late, kind, numbers, coded, carried, from_carry, to_carry, ever, low, t, bounds,
    gathered, nearest, farthest, met, slots,
):  # fmt: skip
    """Walk outwards from a near edge, edge by edge, gather, and copy out what is gathered at each.

    `what` is the sweep's row of `Tables.sweeps`; the other tables, the columns and `t` are as in `kernel.run`; the events seen
    begin at `low`, and `bounds` says where each of `instants` lies among them. The rows `from_carry` to `to_carry` of `carried`
    are met after all events, at the edge `ever`.

    Scratch: `gathered`, the accumulators; `nearest` and `farthest` (64,), the instant of the first and last event met of each
    kind; `met` (64,), the kinds in the order in which they are met.
    """
    for a in range(what[3], what[4]):
        gathered[a - what[3]] = start[a]
    n_met = 0
    here = bounds[what[0]]
    for edge in range(what[1], what[2]):
        there = bounds[edges[edge, 0]]
        begin, end = (there, here) if step < 0 else (here, there)
        n_met = count(
            step, begin, end, edge, what[7], edges[edge, 5], field_bounds, fields,
            ts, arrived, late, kind, numbers, t, gathered, nearest, farthest, met, n_met,
        )  # fmt: skip
        for h in range(what[5], what[6]):
            mask, row, first = histograms[h, 0], histograms[h, 1], histograms[h, 2]
            for e in range(begin, end if histograms[h, 3] >= edge else begin):
                if (mask >> kind[e]) & 1 and not (late and arrived[e] >= t):
                    gathered[first + coded[row, e]] += 1
        if edges[edge, 0] == ever:
            n_met = carry(
                carried, from_carry, to_carry, what[7], field_bounds, fields, gathered, nearest, farthest, met, n_met
            )
        if what[8] >= 0:
            pair(max(begin, low), end, low, what[8], pairs, ts, arrived, late, kind, t, gathered)
        take(step, edges[edge], copies, merges, gathered, nearest, farthest, met, n_met, slots)
        here = there


@njit(error_model="numpy")
def count(  # type: ignore[no-untyped-def]
    step, begin, end, edge, base, wanted, field_bounds, fields,
    ts, arrived, late, kind, numbers, t, gathered, nearest, farthest, met, n_met,
):  # fmt: skip
    """Count the events of each kind, outwards, and take in the numbers of those that are `wanted`; the number of kinds met."""
    total = 0
    e = end - 1 if step < 0 else begin
    for _ in range(end - begin):
        if not (late and arrived[e] >= t):
            k = np.int64(kind[e])
            if gathered[k] == 0:
                nearest[k] = ts[e]
                met[n_met] = k
                n_met += 1
            farthest[k] = ts[e]
            gathered[k] += 1
            total += 1
            if (wanted >> k) & 1:
                for f in range(field_bounds[base + k], field_bounds[base + k + 1]):
                    number = numbers[fields[f, 0], e]
                    if number != NULL and fields[f, 2] >= edge:
                        a = fields[f, 1]
                        gathered[a] += number
                        gathered[a + 1] += 1
                        gathered[a + 2] = max(gathered[a + 2], number)
                        if gathered[a + 1] == 1 or number < gathered[a + 3]:
                            gathered[a + 3] = number
        e += step
    gathered[64] += total
    return n_met


@njit(error_model="numpy")
def carry(carried, first, last, base, field_bounds, fields, gathered, nearest, farthest, met, n_met):  # type: ignore[no-untyped-def]
    """Count what lies before all events, a row a kind: kind, count, first, last, then sum and number of every number field."""
    for c in range(first, last):
        k = carried[0, c]
        if gathered[k] == 0:
            nearest[k] = carried[3, c]
            met[n_met] = k
            n_met += 1
        farthest[k] = carried[2, c]
        gathered[k] += carried[1, c]
        gathered[64] += carried[1, c]
        for f in range(field_bounds[base + k], field_bounds[base + k + 1]):
            a, row = fields[f, 1], 4 + 2 * fields[f, 0]
            gathered[a] += carried[row, c]
            gathered[a + 1] += carried[row + 1, c]
    return n_met


@njit(error_model="numpy")
def pair(begin, end, low, base, pairs, ts, arrived, late, kind, t, gathered):  # type: ignore[no-untyped-def]
    """Count transitions into the events, each from the one seen before it, which may lie outside the window."""
    for e in range(begin, end):
        if late and arrived[e] >= t:
            continue
        before = e - 1
        while late and before >= low and arrived[before] >= t:
            before -= 1
        if before >= low and ts[e] - ts[before] < SESSION_GAP:
            a = pairs[base + kind[before], kind[e]]
            if a >= 0:
                gathered[a] += 1


@njit(error_model="numpy")
def take(step, edge, copies, merges, gathered, nearest, farthest, met, n_met, slots):  # type: ignore[no-untyped-def]
    """Copy what is asked at an edge into its slots, merging kinds where one question names several."""
    for c in range(edge[1], edge[2]):
        slots[copies[c, 1]] = gathered[copies[c, 0]]
    for d in range(edge[3], edge[4]):
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
