"""MurmurHash3 x64 128 over Arrow arrays, against the reference implementation in mmh3."""

import mmh3
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from features.hashing import bucket_of, hash128

from .logs import some

texts = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), max_size=30)


@some
@given(texts)
@example(["", "a" * 7, "a" * 8, "a" * 9, "a" * 15, "a" * 16, "a" * 17, "é" * 33, "\0", "鞋" * 100])
def test_every_hash_is_the_reference(given_texts):
    hi, lo = hash128(pa.array(given_texts, pa.string()))
    assert hi.dtype == lo.dtype == np.int64
    assert list(zip(hi.tolist(), lo.tolist(), strict=True)) == [mmh3.hash64(text.encode()) for text in given_texts]


@some
@given(texts, st.integers(0, 5), st.booleans())
def test_slices_and_chunks_hash_as_their_texts(given_texts, start, large):
    array = pa.array(["skipped"] * start + given_texts, pa.large_string() if large else pa.string())[start:]
    chunked = pa.chunked_array([array[:3], array[3:]])
    for shape in (array, chunked):
        assert hash128(shape)[0].tolist() == [mmh3.hash64(text.encode())[0] for text in given_texts]


def test_a_dictionary_hashes_as_its_texts():
    texts = pa.array(["b", "a", "b"])
    assert hash128(texts.dictionary_encode())[0].tolist() == hash128(texts)[0].tolist()


def test_known_values_never_change():
    """Keys and buckets of existing workspaces rest on these."""
    hi, lo = hash128(pa.array(["intently", ""]))
    assert (hi.tolist(), lo.tolist()) == ([-6310988588309830725, 0], [8667390443696373293, 0])
    assert bucket_of(pa.array(["u1", "u2", "u3", "用户"]), 32).tolist() == [21, 2, 20, 5]


@pytest.mark.parametrize("n_buckets", [1, 32, 1000])
def test_buckets_are_even_and_in_range(n_buckets):
    bucket = bucket_of(pa.array([f"user-{i}" for i in range(100_000)]), n_buckets)
    assert bucket.dtype == np.int32
    sizes = np.bincount(bucket, minlength=n_buckets)
    mean = 100_000 / n_buckets
    assert len(sizes) == n_buckets
    assert ((sizes - mean) ** 2 / mean).sum() < n_buckets + 6 * np.sqrt(2 * n_buckets)  # chi-squared, six deviations
