"""Files written piece by piece: whole or not at all, in the order asked for."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import InputError
from features.written import in_order, writing

SCHEMA = pa.schema([pa.field("n", pa.int64()), pa.field("x", pa.float64()), pa.field("s", pa.string())])


def rows(n):
    """A table of three columns."""
    x = [float("nan") if i % 3 == 0 else i / 7 for i in n]
    return pa.table({"n": n, "x": x, "s": [None if i % 5 == 0 else f"a,{i}" for i in n]}, SCHEMA)


def test_pieces_end_up_in_order_however_they_come(tmp_path):
    rng = np.random.default_rng(3)
    pieces = [np.sort(piece) for piece in np.split(rng.permutation(1000), [1, 200, 207, 800])]
    for size in (1, 64, 5000):
        with in_order(tmp_path / "f.parquet", SCHEMA, 1000, size) as put:
            for piece in pieces:
                put(piece, rows(piece.tolist()))
        found = pq.ParquetFile(tmp_path / "f.parquet").read()
        assert found.to_pydict()["n"] == list(range(1000))
        assert found["s"].equals(rows(range(1000))["s"])
        assert np.array_equal(found["x"].to_numpy(), rows(range(1000))["x"].to_numpy(), equal_nan=True)
    assert [path.name for path in tmp_path.iterdir()] == ["f.parquet"]


def test_csv_writes_nothing_for_nan_and_null(tmp_path):
    with writing(tmp_path / "f.CSV", SCHEMA) as write:
        write(rows([0, 7]))
        write(rows([14]))
    assert (tmp_path / "f.CSV").read_text() == '"n","x","s"\n0,,\n7,1,"a,7"\n14,2,"a,14"\n'


def test_no_rows_leave_a_file_with_columns(tmp_path):
    for name in ("f.csv", "f.parquet"):
        with in_order(tmp_path / name, SCHEMA, 0, 10) as put:
            put(np.empty(0, np.int64), rows([]))
    assert pq.ParquetFile(tmp_path / "f.parquet").read().schema == SCHEMA
    assert (tmp_path / "f.csv").read_text() == '"n","x","s"\n'
    with in_order(tmp_path / "f.csv", SCHEMA, 0, 10):
        pass


def interrupted(context, *given):
    """Write, and be interrupted."""
    with context as write:
        write(*given)
        raise KeyboardInterrupt


@pytest.mark.parametrize("name", ["f.parquet", "f.csv"])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, name):
    with writing(tmp_path / name, SCHEMA) as write:
        write(rows([1]))
    before = (tmp_path / name).read_bytes()
    with pytest.raises(KeyboardInterrupt):
        interrupted(writing(tmp_path / name, SCHEMA), rows([2]))
    with pytest.raises(KeyboardInterrupt):
        interrupted(in_order(tmp_path / name, SCHEMA, 1, 10), np.array([0]), rows([2]))
    assert (tmp_path / name).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with pytest.raises(InputError, match="no folder"), writing(tmp_path / "none" / name, SCHEMA):
        pass
