"""Questions about what follows what: sessions, the gaps between events, and moves from value to value."""

import numpy as np
from numba import njit

from .events import DAY, NULL
from .lower import EVENTS, MOST, SESSIONS, SPAN


@njit(error_model="numpy")
def session(step, what, edges, copies, ts, arrived, late, kind, low, high, t, bounds, slots):  # type: ignore[no-untyped-def]
    """Cut the events into sessions, walking outwards from the cutoff; each counts where it starts."""
    mask, gap, edge, last_edge = what[0], what[1], what[3], what[4]
    near, far = bounds[what[2]], bounds[edges[edge, 0]]
    n_sessions, n_events, span, most = 0, 0, 0, 0
    size, head, tail = 0, 0, 0  # of the session being walked through: events, first and last event walked
    e = low if step > 0 else high - 1
    for i in range(high - low + 1):
        ends = i == high - low
        if not ends and (not (mask >> kind[e]) & 1 or (late and arrived[e] >= t)):
            e += step
            continue
        if size > 0 and (ends or (ts[e] - ts[tail]) * step >= gap):
            begin = head if step > 0 else tail
            while (begin < far) if step < 0 else (begin >= far):
                copy(edges, copies, edge, n_sessions, n_events, span, most, slots)
                edge += 1
                if edge == last_edge:
                    return
                far = bounds[edges[edge, 0]]
            if (begin < near) if step < 0 else (begin >= near):
                n_sessions += 1
                n_events += size
                span += (ts[tail] - ts[head]) * step
                most = max(most, size)
            size = 0
        if ends:
            break
        if size == 0:
            head = e
        size += 1
        tail = e
        e += step
    while edge < last_edge:
        copy(edges, copies, edge, n_sessions, n_events, span, most, slots)
        edge += 1


@njit(error_model="numpy", inline="always")
def copy(edges, copies, edge, n_sessions, n_events, span, most, slots):  # type: ignore[no-untyped-def]
    """Copy what is asked at an edge."""
    for c in range(edges[edge, 1], edges[edge, 2]):
        statistic, to = copies[c, 0], copies[c, 1]
        if statistic == SESSIONS:
            slots[to] = n_sessions
        elif statistic == EVENTS:
            slots[to] = n_events
        elif statistic == SPAN:
            slots[to] = span
        elif statistic == MOST:
            slots[to] = most if n_sessions > 0 else NULL


@njit(error_model="numpy")
def gaps(what, ts, arrived, late, kind, coded, t, kinds, bounds, between, slots, registers):  # type: ignore[no-untyped-def]
    """Number, total, longest, median and deviation of the times between neighbours in a window."""
    mask, row = what[0], what[1]
    low, high = bounds[what[2]], bounds[what[3]] if mask & kinds else bounds[what[2]]
    n, total, longest, known = 0, 0, NULL, 0
    day, other = -1, -1  # the last two days met: a clock put back across midnight returns to the day before
    some = False
    for e in range(low, high):
        if not (mask >> kind[e]) & 1 or (late and arrived[e] >= t):
            continue
        if row >= 0:
            code = coded[row, e]
            if code in (day, other):
                continue
            day, other = code, day
        if some:
            between[n] = ts[e] - known
            total += between[n]
            longest = max(longest, between[n])
            n += 1
        known, some = ts[e], True
    if what[4] >= 0:
        slots[what[4]] = n
    if what[5] >= 0:
        slots[what[5]] = total
    if what[6] >= 0:
        slots[what[6]] = longest
    if what[8] >= 0:
        registers[what[8]] = deviation(between, n, total)
    if what[7] >= 0:
        slots[what[7]] = twice_median(between, n)


@njit(error_model="numpy")
def moves(what, ts, arrived, late, kind, coded, marks, marked, t, u, kinds, bounds, slots):  # type: ignore[no-untyped-def]
    """Count the neighbours in a window whose values differ, from one set of texts to another."""
    mask, row, gap, before, after = what[0], what[1], what[4], what[5], what[6]
    low, high = bounds[what[2]], bounds[what[3]] if mask & kinds else bounds[what[2]]
    n, code, at = 0, -1, 0
    for e in range(low, high):
        now = coded[row, e]
        if now < 0 or not (mask >> kind[e]) & 1 or (late and arrived[e] >= t):
            continue
        if code >= 0 and now != code and ts[e] - at < gap:
            left = before < 0 or (marks[marked[row, u] + code] >> before) & 1 != 0
            if left and (after < 0 or (marks[marked[row, u] + now] >> after) & 1 != 0):
                n += 1
        code, at = now, ts[e]
    slots[what[7]] = n


@njit(error_model="numpy")
def deviation(between, n, total):  # type: ignore[no-untyped-def]
    """The population's deviation, in days; NaN below two."""
    if n < 2:
        return np.nan
    # Relative to the first, so that nearly equal ones keep their digits.
    first = between[0]
    mean, squares = (total - n * first) / n, 0.0
    for i in range(n):
        apart = (between[i] - first) - mean
        squares += apart * apart
    return np.sqrt(squares / n) / DAY


@njit(error_model="numpy")
def twice_median(between, n):  # type: ignore[no-untyped-def]
    """The sum of the two middle values (of the one middle value with itself); NULL of none. Reorders `between[:n]`."""
    if n == 0:
        return NULL
    upper = nth(between, n, n // 2)
    if n % 2 == 1:
        return 2 * upper
    lower = between[0]
    for i in range(1, n // 2):
        lower = max(lower, between[i])
    return lower + upper


@njit(error_model="numpy")
def nth(values, n, k):  # type: ignore[no-untyped-def]
    """The value at place `k` in order, smaller ones moved before it (quickselect, Hoare 1961; linear on average)."""
    low, high = 0, n - 1
    while low < high:
        pivot = values[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if k <= j:
            high = j
        elif k >= i:
            low = i
        else:
            break
    return values[k]
