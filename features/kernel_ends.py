"""Questions about the ends of a history: first and last values, streaks, and where the session so far begins."""

from numba import njit

from .events import NULL, SESSION_GAP


@njit(error_model="numpy")
def find(what, arrived, late, kind, coded, touch, t, u, kinds, bounds, slots):  # type: ignore[no-untyped-def]
    """The code of the first, or n-th last, event in the window that has one; what was carried comes before all events."""
    mask, row, n = what[0], what[1], what[4]
    low, high = bounds[what[2]], bounds[what[3]]
    slots[what[6]] = NULL
    if what[5] >= 0 and touch.shape[1] > 0 and touch[what[5], u] >= 0:
        slots[what[6]] = touch[what[5], u]
        return
    if not mask & kinds:
        return
    left = max(n, 1)
    for i in range(high - low):
        e = low + i if n == 0 else high - 1 - i
        if (mask >> kind[e]) & 1 and coded[row, e] >= 0 and not (late and arrived[e] >= t):
            left -= 1
            if left == 0:
                slots[what[6]] = coded[row, e]
                return


@njit(error_model="numpy")
def streak(what, arrived, late, kind, low, high, t, slots):  # type: ignore[no-untyped-def]
    """Count back from the latest event seen, as far as the latest of those that end the streak."""
    n = 0
    for i in range(high - low):
        e = high - 1 - i
        if late and arrived[e] >= t:
            continue
        if (what[1] >> kind[e]) & 1:
            break
        n += (what[0] >> kind[e]) & 1
    slots[what[2]] = n


@njit(error_model="numpy")
def open_session(ts, arrived, late, low, high, t):  # type: ignore[no-untyped-def]
    """The first event of the session that is open at the cutoff; `high` where none is."""
    begin, known = high, t
    for i in range(high - low):
        e = high - 1 - i
        if late and arrived[e] >= t:
            continue
        if known - ts[e] >= SESSION_GAP:
            break
        begin, known = e, ts[e]
    return begin
