"""Loops over texts and their codes: the stable hash, codes of each person's own, and runs gathered from a column."""

import numpy as np
from numba import njit

M1, M2 = np.uint64(0x87C37B91114253D5), np.uint64(0x4CF5AD432745937F)
N1, N2, FIVE = np.uint64(0x52DCE729), np.uint64(0x38495AB5), np.uint64(5)


@njit(inline="always")
def _rotate(x, r):  # type: ignore[no-untyped-def]
    return (x << np.uint64(r)) | (x >> np.uint64(64 - r))


@njit(inline="always")
def _mix(k):  # type: ignore[no-untyped-def]
    k ^= k >> np.uint64(33)
    k *= np.uint64(0xFF51AFD7ED558CCD)
    k ^= k >> np.uint64(33)
    k *= np.uint64(0xC4CEB9FE1A85EC53)
    return k ^ (k >> np.uint64(33))


@njit(inline="always")
def _word(data, start, n):  # type: ignore[no-untyped-def]
    k = np.uint64(0)
    for i in range(n):
        k |= np.uint64(data[start + i]) << np.uint64(8 * i)
    return k


@njit(error_model="numpy")
def digest(offsets, data, hi, lo, first, last):  # type: ignore[no-untyped-def]
    """MurmurHash3_x64_128 of texts `first` to `last`, into `hi` and `lo` (uint64)."""
    for row in range(first, last):
        start, end = offsets[row], offsets[row + 1]
        n = end - start
        h1, h2 = np.uint64(0), np.uint64(0)
        for block in range(n // 16):
            k1 = _word(data, start + 16 * block, 8)
            k2 = _word(data, start + 16 * block + 8, 8)
            h1 ^= _rotate(k1 * M1, 31) * M2
            h1 = (_rotate(h1, 27) + h2) * FIVE + N1
            h2 ^= _rotate(k2 * M2, 33) * M1
            h2 = (_rotate(h2, 31) + h1) * FIVE + N2
        rest = n % 16
        tail = end - rest
        if rest > 8:
            h2 ^= _rotate(_word(data, tail + 8, rest - 8) * M2, 33) * M1
        if rest > 0:
            h1 ^= _rotate(_word(data, tail, min(rest, 8)) * M1, 31) * M2
        h1 ^= np.uint64(n)
        h2 ^= np.uint64(n)
        h1 += h2
        h2 += h1
        h1, h2 = _mix(h1), _mix(h2)
        h1 += h2
        h2 += h1
        hi[row], lo[row] = h1, h2


@njit(error_model="numpy")
def localise(offsets, shared, place, own, kept, bounds, first, last):  # type: ignore[no-untyped-def]
    """Shared codes of the events of persons `first` to `last` to each person's own dense codes.

    `place` is -1 for every shared code, before and after. Into `own` (m,) the own codes, -1 for null; into `kept` the shared
    code of each own code, one person after the other, and into `bounds` (n + 1,) where each person's begin.
    """
    total = 0
    bounds[first] = 0
    for u in range(first, last):
        begin = total
        for e in range(offsets[u], offsets[u + 1]):
            code = shared[e]
            if code < 0:
                own[e] = -1
                continue
            if place[code] < 0:
                place[code] = total - begin
                kept[total] = code
                total += 1
            own[e] = place[code]
        for k in range(begin, total):
            place[kept[k]] = -1
        bounds[u + 1] = total


@njit(error_model="numpy")
def gather(values, starts, offsets, width, out, first, last):  # type: ignore[no-untyped-def]
    """Runs `first` to `last` of elements of `width[0]` bytes: run i begins at `starts[i]`, and fills `out` from `offsets[i]` on.

    `values` and `out` are bytes; `starts` (n,) and `offsets` (n + 1,) count elements.
    """
    w = width[0]
    for i in range(first, last):
        begin, to = starts[i] * w, offsets[i] * w
        for byte in range((offsets[i + 1] - offsets[i]) * w):
            out[to + byte] = values[begin + byte]
