"""Rows put aside by bucket come back in order, from memory or from disk, and leave nothing behind."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.spill import Spill

from .logs import few

chunks = st.lists(
    st.lists(st.tuples(st.integers(0, 3), st.one_of(st.none(), st.text(max_size=5))), max_size=20), max_size=5
)


@few
@given(chunks, st.sampled_from([1, 100, 1 << 30]))
def test_every_row_comes_back_once_in_its_bucket_in_order(tmp_path_factory, given_chunks, budget):
    folder = tmp_path_factory.mktemp("spill")
    expected = {}
    with Spill(folder, budget) as spill:
        for chunk in given_chunks:
            texts = [text.encode("utf-8", "replace").decode() if text is not None else None for _, text in chunk]
            for (bucket, _), text in zip(chunk, texts, strict=True):
                expected.setdefault(bucket, []).append(text)
            text = pa.array(texts, pa.string())
            rows = pa.table({"text": text, "coded": text.dictionary_encode()})
            spill.add(rows, np.array([b for b, _ in chunk], np.int32))
        assert spill.n_rows == sum(map(len, given_chunks))
        assert spill.buckets() == sorted(expected)
        found = {}
        spill.end()
        for bucket in spill.buckets():
            rows = spill.take(bucket)
            assert rows["text"].num_chunks == rows["coded"].num_chunks == 1
            found[bucket] = rows["text"].to_pylist()
            assert rows["coded"].to_pylist() == found[bucket]
            words = rows["coded"].chunk(0).dictionary.to_pylist()
            assert len(set(words)) == len(words)
    assert found == expected
    assert list(folder.iterdir()) == []


def test_memory_is_given_back_when_the_budget_is_passed(tmp_path):
    rows = pa.table({"n": np.arange(1000)})
    with Spill(tmp_path, budget=20_000) as spill:
        for _ in range(10):
            spill.add(rows, np.arange(1000) % 2)
            assert sum(table.nbytes for tables in spill._held.values() for table in tables) <= 20_000
        assert len(list(tmp_path.rglob("*.arrow"))) == 2
        spill.end()
        assert [len(spill.take(bucket)) for bucket in spill.buckets()] == [5000, 5000]


def test_an_error_clears_the_folder(tmp_path):
    def fail():
        with Spill(tmp_path, budget=1) as spill:
            spill.add(pa.table({"n": [1]}), np.array([0]))
            assert len(list(tmp_path.rglob("*.arrow"))) == 1
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []
