"""MurmurHash3_x64_128 (Appleby 2011, public domain) over whole Arrow string arrays: the one stable hash of this project.

It names events (`event_key`), places persons in buckets and compares texts as 64-bit codes. It never changes: keys and
buckets of existing workspaces rest on it.
"""

import numpy as np
import pyarrow as pa

from . import native


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
        native.call("digest", (bounds, np.frombuffer(data or b"\0", np.uint8), hi, lo), 0, n)
    return hi.view(np.int64), lo.view(np.int64)


def bucket_of(persons: pa.Array, n_buckets: int) -> np.ndarray:
    """(n,) int32: the bucket of every person id, first half of the hash (as unsigned) modulo `n_buckets`.

    Args:
        persons: (n,) strings, or a dictionary of strings, without nulls.
        n_buckets: How many there are.
    """
    if pa.types.is_dictionary(persons.type):
        spread: np.ndarray = bucket_of(persons.dictionary, n_buckets)[persons.indices.to_numpy()]
        return spread
    return (hash128(persons)[0].view(np.uint64) % np.uint64(n_buckets)).astype(np.int32)
