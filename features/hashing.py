"""MurmurHash3_x64_128 (Appleby 2011, public domain) over whole Arrow string arrays: the one stable hash of this project.

It names events (`event_key`), places persons in buckets and compares texts as 64-bit codes. It never changes: keys and
buckets of existing workspaces rest on it.
"""

import numpy as np
import pyarrow as pa
from numba import njit

M1, M2 = np.uint64(0x87C37B91114253D5), np.uint64(0x4CF5AD432745937F)
N1, N2, FIVE = np.uint64(0x52DCE729), np.uint64(0x38495AB5), np.uint64(5)


@njit(cache=True, inline="always")
def _rotate(x, r):  # type: ignore[no-untyped-def]
    return (x << np.uint64(r)) | (x >> np.uint64(64 - r))


@njit(cache=True, inline="always")
def _mix(k):  # type: ignore[no-untyped-def]
    k ^= k >> np.uint64(33)
    k *= np.uint64(0xFF51AFD7ED558CCD)
    k ^= k >> np.uint64(33)
    k *= np.uint64(0xC4CEB9FE1A85EC53)
    return k ^ (k >> np.uint64(33))


@njit(cache=True, inline="always")
def _word(data, start, n):  # type: ignore[no-untyped-def]
    k = np.uint64(0)
    for i in range(n):
        k |= np.uint64(data[start + i]) << np.uint64(8 * i)
    return k


@njit(cache=True, nogil=True)
def _hash(offsets, data, hi, lo):  # type: ignore[no-untyped-def]
    for row in range(len(offsets) - 1):
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


def hash128(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Hash of every text's UTF-8 bytes.

    Args:
        texts: (n,) strings without nulls.

    Returns:
        Two (n,) int64 arrays: the hash's first and second half.
    """
    array = texts.cast(pa.large_string())
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    n = len(array)
    hi, lo = np.empty(n, np.uint64), np.empty(n, np.uint64)
    if n:
        _, offsets, data = array.buffers()
        bounds = np.frombuffer(offsets, np.int64, n + 1, array.offset * 8)
        _hash(bounds, np.frombuffer(data or b"\0", np.uint8), hi, lo)
    return hi.view(np.int64), lo.view(np.int64)


def bucket_of(persons: pa.Array, n_buckets: int) -> np.ndarray:
    """(n,) int32: the bucket of every person id, first half of the hash (as unsigned) modulo `n_buckets`."""
    return (hash128(persons)[0].view(np.uint64) % np.uint64(n_buckets)).astype(np.int32)
