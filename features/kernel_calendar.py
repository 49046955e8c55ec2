"""Each event's day, hour and weekday in the shop's timezone."""

from numba import njit

from .events import DAY, HOUR, NULL


@njit(error_model="numpy")
def fill(bounds, ts, starts, offsets, rows, out, first, last):  # type: ignore[no-untyped-def]
    """Fill in the calendar of the events of persons `first` to `last`.

    Args:
        bounds: (n + 1,) offsets of the histories.
        ts: (m,) instants.
        starts: (k,) from `transitions`.
        offsets: (k,) likewise.
        rows: (3,) places in `out` of the day, hour and weekday; -1 where not wanted.
        out: (c, m) int32; day is numbered from 0 in each history's order, hour 0-23, weekday 0-6 from Monday.
        first: First person.
        last: The person after the last.
    """
    n_changes = len(starts)
    place = 0
    day = 0
    for u in range(first, last):
        number, known, other, gone, n_days = -1, 0, -1, 0, 0
        midnight = NULL  # before the event; the next one is mostly of the same day
        for e in range(bounds[u], bounds[u + 1]):
            now = ts[e]
            while starts[place] > now:
                place -= 1
            while place + 1 < n_changes and starts[place + 1] <= now:
                place += 1
            local = now + offsets[place]
            if midnight == NULL or local < midnight or local - midnight >= DAY:
                day = local // DAY
                midnight = day * DAY
                if number < 0 or day != known:
                    # a clock put back across midnight (St John's, 00:01) returns to the day before
                    number, known, other, gone = other, gone, number, known
                    if number < 0 or day != known:
                        number, known = n_days, day
                        n_days += 1
            if rows[0] >= 0:
                out[rows[0], e] = number
            if rows[1] >= 0:
                out[rows[1], e] = (local - midnight) // HOUR
            if rows[2] >= 0:
                out[rows[2], e] = (day + 3) % 7  # 1970-01-01 was a Thursday
