"""Places in a sorted history."""

from numba import njit


@njit(error_model="numpy")
def place(ts, low, high, instant):  # type: ignore[no-untyped-def]
    """First place in `[low, high)` whose `ts` is at or after the instant; `high` where there is none."""
    while low < high:
        middle = (low + high) // 2
        if ts[middle] < instant:
            low = middle + 1
        else:
            high = middle
    return low


@njit(error_model="numpy", inline="always")
def beyond(now, limit, step):  # type: ignore[no-untyped-def]
    """Does `now` lie outside a window with this far edge? Back in time the edge itself is inside, on in time outside."""
    return now < limit if step < 0 else now >= limit
