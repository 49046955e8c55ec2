import numpy as np
import pyarrow as pa
import pytest

from features import algebra as ask
from features.algebra import back
from features.errors import InternalError, SpecError
from features.events import DAY, KINDS
from features.histories import from_events
from features.matrix import BLOCK, FEW, evaluate, grid
from features.program import compile_program
from features.union import thin
from tests.strategies import shop_of, table

NOW = 1_750_000_000_000_000
ASKED = {"views": ask.Count(("view",), back(7)), "last": ask.Last("item", (), back(7)), "age": ask.Age(("cart",))}
PROGRAM = compile_program(ASKED, kinds=KINDS, retention_days=400, timezone="UTC")


@pytest.fixture
def histories():
    rows = [
        {"user_id": "b", "ts": NOW - 2 * DAY, "item": "鞋"},
        {"user_id": "a", "ts": NOW - 3 * DAY, "item": "x"},
        {"user_id": "a", "ts": NOW - DAY, "item": "y"},
        {"user_id": "c", "ts": NOW - DAY, "kind": "cart"},
    ]
    return from_events(table(shop_of("UTC", NOW, *rows).events))


@pytest.fixture
def matrix(histories):
    return evaluate(PROGRAM, histories, *grid(3, [NOW, NOW - 2 * DAY]))


def test_grid_keeps_a_person_s_rows_together():
    person, cutoff = grid(2, [5, 3])
    assert person.tolist() == [0, 0, 1, 1]
    assert cutoff.tolist() == [5, 3, 5, 3]
    assert grid(0, [5])[0].dtype == np.int64


def test_columns_texts_and_table(matrix, histories):
    assert matrix.column("views").tolist() == [2, 1, 1, 0, 0, 0]
    assert matrix.texts["last"].to_pylist() == ["y", "x", "鞋", None, None, None]
    out = matrix.to_table(histories)
    assert out.column_names == ["user_id", "cutoff", "views", "last", "age"]
    assert out["user_id"].to_pylist() == ["a", "a", "b", "b", "c", "c"]
    assert out["last"].type == pa.string()
    assert out["age"].to_pylist()[4] == 1.0
    assert out["cutoff"].cast(pa.int64()).to_pylist() == [NOW, NOW - 2 * DAY] * 3
    with pytest.raises(SpecError, match="Did you mean 'views'"):
        matrix.column("view")


def test_take_by_place_and_by_mask(matrix):
    picked = matrix.take(np.array([4, 0]))
    assert picked.column("views").tolist() == [0, 2]
    assert picked.texts["last"].to_pylist() == [None, "y"]
    assert picked.person.tolist() == [2, 0]
    masked = matrix.take(matrix.column("views") > 0)
    assert masked.column("views").tolist() == [2, 1, 1]
    assert len(masked) == 3


def test_model_input_is_by_name_in_c_order(matrix):
    given = matrix.model_input(["age", "last", "views"], {"last": {"y": 3, "x": 0}})
    assert given.dtype == np.float32
    assert given.flags.c_contiguous
    np.testing.assert_array_equal(given[:, 1], np.array([3, 0, np.nan, np.nan, np.nan, np.nan], np.float32))
    np.testing.assert_array_equal(given[:, 2], matrix.column("views").astype(np.float32))
    with pytest.raises(SpecError, match="no vocabulary"):
        matrix.model_input(["last"], {})
    with pytest.raises(SpecError, match="has no column 'x'"):
        matrix.model_input(["x"], {})


@pytest.mark.parametrize("n", [0, 1, FEW, FEW + 1, BLOCK + 1])
def test_model_input_and_texts_do_not_depend_on_the_number_of_rows(histories, n):
    person = np.arange(n, dtype=np.int64) % 3
    matrix = evaluate(PROGRAM, histories, person, np.full(n, NOW))
    given = matrix.model_input(list(ASKED), {"last": {"y": 3, "鞋": 4}})
    expected = np.array([[2, 3, np.nan], [1, 4, np.nan], [0, np.nan, 1]], np.float32)[person]
    np.testing.assert_array_equal(given, expected)
    assert matrix.texts["last"].to_pylist() == [["y", "鞋", None][p] for p in person]


def test_histories_read_without_a_field_or_its_texts_are_refused(histories):
    rows = grid(3, [NOW])
    with pytest.raises(InternalError, match=r"texts=program\.texts"):
        evaluate(PROGRAM, thin(histories, (), keys=False), *rows)
    bare = from_events(table(shop_of("UTC", NOW, {"ts": NOW - DAY}).events), fields=())
    with pytest.raises(InternalError, match="lack the field 'item'"):
        evaluate(PROGRAM, bare, *grid(1, [NOW]))
