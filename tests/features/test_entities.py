"""Files of users and cutoffs: every way to write an instant, and every row that cannot be used, by its number and value."""

from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.entities import read_entities
from features.errors import InputError, NotFoundError
from features.instants import parse_instant

ZONE = "Asia/Shanghai"
T = parse_instant("2025-06-15T08:00:00.000001+08:00", ZONE)


def written(path, cutoff, users=None):
    """A Parquet file of these cutoffs."""
    users = pa.array([f"u{n}" for n in range(len(cutoff))]) if users is None else users
    pq.write_table(pa.table({"cutoff": cutoff, "user_id": users}), path)
    return path


@pytest.mark.parametrize(
    "cutoff",
    [
        pa.array([T], pa.int64()),
        pa.array([T], pa.timestamp("us", "UTC")),
        pa.array([T], pa.timestamp("us", "America/New_York")),
        pa.array([T * 1000], pa.timestamp("ns", ZONE)),
        pa.array(["2025-06-15T00:00:00.000001Z"]),
        pa.array(["2025-06-15 08:00:00.000001+08:00"], pa.large_string()),
        pa.array(["2025-06-14T20:00:00.000001-04:00"]).dictionary_encode(),
        pa.array([str(T)]),
    ],
    ids=str,
)
def test_an_instant_however_written(tmp_path, cutoff):
    found = read_entities(written(tmp_path / "e.parquet", cutoff), ZONE)
    assert found.cutoff.tolist() == [T]
    assert found.cutoff.dtype == np.int64
    assert found.users.to_pylist() == ["u0"]


@pytest.mark.parametrize("cutoff", [pa.array(["2025-06-15"]), pa.array([date(2025, 6, 15)])], ids=["text", "date"])
def test_a_date_is_midnight_in_the_shops_timezone(tmp_path, cutoff):
    found = read_entities(written(tmp_path / "e.parquet", cutoff), ZONE)
    assert found.cutoff.tolist() == [parse_instant("2025-06-14T16:00:00Z", ZONE)]


def test_csv_keeps_ids_as_texts_and_rows_in_order(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(
        f"\ufeffwhy,cutoff,user_id\na,2025-06-15T00:00:00Z,007\nb,{T},7\nc,2025-06-15T00:00:00Z,007\n", "utf-8"
    )
    found = read_entities(path, ZONE)
    assert found.users.to_pylist() == ["007", "7", "007"]
    assert found.cutoff.tolist() == [T - 1, T, T - 1]
    assert found.unread == ("why",)


def test_whole_numbers_are_ids_too_and_no_rows_are_none(tmp_path):
    users = pa.array([7, 12], pa.int64())
    found = read_entities(written(tmp_path / "e.parquet", pa.array([T, T]), users), ZONE)
    assert found.users.to_pylist() == ["7", "12"]
    none = written(tmp_path / "none.parquet", pa.array([], pa.timestamp("us")), pa.array([], pa.string()))
    assert len(read_entities(none, ZONE)) == 0


NAIVE = pa.array([datetime(2025, 6, 15)], pa.timestamp("us"))


@pytest.mark.parametrize(
    ("cutoff", "words"),
    [
        (pa.array([T, None]), ["row 2", "cutoff is empty"]),
        (pa.array(["2025-06-15T00:00:00Z", ""]), ["row 2", "cutoff is empty"]),
        (NAIVE, ["row 1", "2025-06-15 00:00:00", "offset", "tz_localize('Asia/Shanghai')"]),
        (pa.array(["2025-06-15", "2025-06-15T08:00:00"]), ["row 2", "'2025-06-15T08:00:00'", "offset"]),
        (pa.array([*["2025-06-15"] * 3, "15.06.2025", "15.06.2025"]), ["row 4", "'15.06.2025'"]),
        (pa.array([T, T // 1_000_000]), ["row 2", str(T // 1_000_000), "1970", "multiply seconds"]),
        (pa.array([T * 1000]), ["row 1", str(T * 1000), "outside"]),
        (pa.array([T * 1000, T * 1000 + 1], pa.timestamp("ns", "UTC")), ["row 2", "1 ns", "round"]),
        (pa.array([1.5]), ["double", "row 1: 1.5"]),
        (pa.array([datetime(1989, 1, 1, tzinfo=UTC)], pa.timestamp("us", "UTC")), ["row 1", "1990"]),
    ],
    ids=lambda value: "" if isinstance(value, pa.Array) else value[0],
)
def test_a_row_that_cannot_be_used_is_named_with_its_value(tmp_path, cutoff, words):
    with pytest.raises(InputError) as caught:
        read_entities(written(tmp_path / "e.parquet", cutoff), ZONE)
    assert all(word in caught.value.message for word in ["e.parquet", *words]), caught.value.message


def test_users_that_cannot_be_used(tmp_path):
    for users, words in [
        (pa.array(["u", None]), ["row 2", "user_id is empty"]),
        (pa.array(["", "u"]), ["row 1", "user_id is empty"]),
        (pa.array([1.5, 2.0]), ["user_id", "double"]),
    ]:
        with pytest.raises(InputError) as caught:
            read_entities(written(tmp_path / "e.parquet", pa.array([T, T]), users), ZONE)
        assert all(word in caught.value.message for word in words), caught.value.message


def test_files_that_cannot_be_used(tmp_path):
    with pytest.raises(NotFoundError, match="absent"):
        read_entities(tmp_path / "absent.csv", ZONE)
    for name, content, words in [
        ("a.csv", b"user_id,cutof\nu,2025-06-15\n", ["'cutoff' is missing", "Did you mean 'cutof'"]),
        ("b.csv", b"user_id,cutoff\nu,2025-06-15\nu\n", ["b.csv", "CSV"]),
        ("c.csv", b"user_id,cutoff,cutoff\nu,2025-06-15,1\n", ["twice"]),
        ("d.csv", b"", ["d.csv"]),
        ("e.parquet", b"PAR1 and no more", ["e.parquet", "Parquet"]),
        ("f.csv", b"user_id,cutoff\n\xff\xfe,2025-06-15\n", ["f.csv"]),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError) as caught:
            read_entities(tmp_path / name, ZONE)
        assert all(word in caught.value.message for word in words), caught.value.message
