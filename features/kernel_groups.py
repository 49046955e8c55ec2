"""Questions about different values: distinct, most, top share, entropy, favourite; and abandoned items."""

import numpy as np
from numba import njit

from .events import NULL
from .lower import DISTINCT, ENTROPY, FAVORITE, REPEAT, TOP_SHARE


@njit(error_model="numpy")
def group(  # type: ignore[no-untyped-def]
    step, what, edges, copies, arrived, late, kind, coded, t, kinds, bounds, counts, met, rank, registers
):
    """Walk outwards from a near edge and count events by value; at each far edge write what is asked there.

    `counts` is zero for every code, before and after.
    """
    row, mask = what[0], what[1]
    total, n_met, top, best = 0, 0, 0, -1
    here = bounds[what[2]]
    for edge in range(what[3], what[4]):
        there = bounds[edges[edge, 0]]
        begin, end = (there, here) if step < 0 else (here, there)
        e = end - 1 if step < 0 else begin
        if what[5] != 0 and mask & kinds:
            n_met = tell_apart(begin, end, row, mask, arrived, late, kind, coded, t, counts, met, n_met)
            end = begin
        for _ in range(end - begin if mask & kinds else 0):
            code = coded[row, e]
            if code >= 0 and (mask >> kind[e]) & 1 and not (late and arrived[e] >= t):
                total += 1
                n = counts[code] + 1
                counts[code] = n
                if n == 1:
                    met[n_met], rank[code] = code, n_met
                    n_met += 1
                # Ties go to the value whose latest event is later: back in time the one met first, on in time this one.
                if n > top or (n == top and (step > 0 or rank[code] < rank[best])):
                    top, best = n, code
            e += step
        answer(edges, copies, edge, total, n_met, top, best, counts, met, registers)
        here = there
    for i in range(n_met):
        counts[met[i]] = 0


@njit(error_model="numpy")
def tell_apart(begin, end, row, mask, arrived, late, kind, coded, t, counts, met, n_met):  # type: ignore[no-untyped-def]
    """The number of different values so far, where nothing else is asked; without a branch that the values decide."""
    for e in range(begin, end):
        code = coded[row, e]
        if code >= 0 and (mask >> kind[e]) & 1 and not (late and arrived[e] >= t):
            met[n_met] = code
            n_met += 1 - counts[code]
            counts[code] = 1
    return n_met


@njit(error_model="numpy", inline="always")
def answer(edges, copies, edge, total, n_met, top, best, counts, met, registers):  # type: ignore[no-untyped-def]
    """Write what is asked at an edge."""
    for c in range(edges[edge, 1], edges[edge, 2]):
        statistic, to = copies[c, 0], copies[c, 1]
        if statistic == DISTINCT:
            registers[to] = n_met
        elif statistic == REPEAT:
            registers[to] = top
        elif total == 0:
            registers[to] = np.nan
        elif statistic == TOP_SHARE:
            registers[to] = top / total
        elif statistic == FAVORITE:
            registers[to] = best
        elif statistic == ENTROPY:
            entropy = 0.0
            for i in range(n_met):
                share = counts[met[i]] / total
                entropy -= share * np.log(share)
            registers[to] = entropy


@njit(error_model="numpy")
def abandon(what, ts, arrived, late, kind, coded, high, t, bounds, counts, met, carted, bought, slots):  # type: ignore[no-untyped-def]
    """Count the items carted in the window and not bought at or after the last time.

    `counts` is zero for every code, before and after; `carted` and `bought` hold the last times of the items met.
    """
    cart, purchase, row = what[0], what[1], what[2]
    stop = bounds[what[4]]
    n_met = 0
    for e in range(bounds[what[3]], high):
        code = coded[row, e]
        if (kind[e] != cart and kind[e] != purchase) or code < 0 or (late and arrived[e] >= t):
            continue
        if counts[code] == 0:
            counts[code] = 1
            met[n_met], carted[code], bought[code] = code, NULL, NULL
            n_met += 1
        if kind[e] == purchase:
            bought[code] = ts[e]
        elif e < stop:
            carted[code] = ts[e]
    n_abandoned = 0
    for i in range(n_met):
        code = met[i]
        counts[code] = 0
        if carted[code] > bought[code]:
            n_abandoned += 1
    slots[what[5]] = n_abandoned
