"""Places in a sorted history."""

from numba import njit


@njit(error_model="numpy")
def place(ts, low, high, instant):  # type: ignore[no-untyped-def]
    """First place in `[low, high)` whose `ts` is at or after the instant; `high` where there is none."""
    n = high - low
    while n > 0:  # no branch on what is read: the processor could not foresee it
        half = n // 2
        before = ts[low + half] < instant
        low = low + half + 1 if before else low
        n = n - half - 1 if before else half
    return low
