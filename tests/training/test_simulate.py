"""The simulated shop's files: the same bytes for the same arguments, all or nothing, bad arguments refused."""

import hashlib
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from features.errors import InputError, SpecError
from training import simulate as module
from training.shop import SHOP
from training.sim_goods import items_table
from training.simulate import simulate


def test_items_have_known_categories_and_prices():
    items = items_table().to_pandas()
    assert len(items) == items["item"].nunique() == 1152
    assert items["category"].nunique() == 48
    assert items["price"].min() > 0
    assert {"服饰/鞋/运动鞋", "电子产品/手机/智能手机", "母婴/婴儿护理/纸尿裤"} <= set(items["category"])


def digests(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_the_same_arguments_give_the_same_bytes(tmp_path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        simulate(150, 60, seed, tmp_path / name)
    a, b, c = (digests(tmp_path / name) for name in "abc")
    assert set(a) == {"events.parquet", "users.parquet", "items.parquet", "assignments.parquet", "truth.parquet"}
    assert a == b
    assert {name for name in a if a[name] == c[name]} == {"items.parquet"}


def test_blocks_do_not_change_the_shop(tmp_path, monkeypatch):
    simulate(50, 60, 3, tmp_path / "whole")
    monkeypatch.setattr(module, "BLOCK", 7)
    simulate(50, 60, 3, tmp_path / "cut")
    for name in ("events", "users", "assignments", "truth"):
        whole, cut = (pq.ParquetFile(tmp_path / part / f"{name}.parquet").read() for part in ("whole", "cut"))
        assert len(whole) > 0
        assert whole.equals(cut)


def test_one_user_and_one_day_are_a_shop(tmp_path):
    assert simulate(1, 1, 0, tmp_path / "one")["users"] == 1
    names = pq.ParquetFile(tmp_path / "one" / "events.parquet").schema_arrow.names
    assert names[:5] == ["event_id", "user_id", "ts", "arrived_at", "kind"]
    assert pq.ParquetFile(tmp_path / "one" / "users.parquet").metadata.num_rows == 1


def test_warming_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    module.warm()
    assert not list(tmp_path.iterdir())


def test_columns_read_back_as_plain_canonical_types(tmp_path):
    simulate(20, 30, 1, tmp_path)
    schema = pq.ParquetFile(tmp_path / "events.parquet").schema_arrow
    types = {field.name: str(field.type) for field in schema}
    assert types["ts"] == types["arrived_at"] == "timestamp[us, tz=UTC]"
    assert {types[name] for name in ("event_id", "user_id", "kind", "item", "category", "text", "properties")} == {
        "string"
    }
    assert (types["value"], types["quantity"], types["dwell"], types["rating"]) == ("double", "int64", "int64", "int64")


def test_without_truth_an_old_truth_goes_and_other_files_stay(tmp_path):
    simulate(20, 30, 1, tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    told = simulate(30, 30, 1, tmp_path, truth=False)
    assert told["truth_rows"] == 0
    assert not (tmp_path / "truth.parquet").exists()
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert pq.ParquetFile(tmp_path / "users.parquet").metadata.num_rows == 30


def test_interrupted_it_leaves_the_folder_as_it_was(tmp_path, monkeypatch):
    out = tmp_path / "shop"
    simulate(20, 30, 1, out)
    before = digests(out)
    drawn = module.draw_events

    def stop(*args):
        if args[5][0] > 0:
            raise KeyboardInterrupt
        return drawn(*args)

    monkeypatch.setattr(module, "BLOCK", 10)
    monkeypatch.setattr(module, "draw_events", stop)
    with pytest.raises(KeyboardInterrupt):
        simulate(20, 30, 2, out)
    assert digests(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]


@pytest.mark.parametrize(
    ("arguments", "start", "says"),
    [
        ((0, 10, 1), "2025-01-01", "--users is 0"),
        ((10**7, 10, 1), "2025-01-01", "--users is 10000000"),
        ((10, 0, 1), "2025-01-01", "--days is 0"),
        ((10, 4000, 1), "2025-01-01", "--days is 4000"),
        ((10, 10, -1), "2025-01-01", "--seed is -1"),
        ((10, 10, 1), "yesterday", "'yesterday' is not a day"),
        ((10, 10, 1), "1066-10-14", "1971 to 2200"),
    ],
)
def test_arguments_out_of_range_are_refused(tmp_path, arguments, start, says):
    with pytest.raises(InputError, match=says):
        simulate(*arguments, tmp_path / "out", start=start)
    assert not (tmp_path / "out").exists()


def test_a_file_in_the_folders_place_is_refused(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match="a file"):
        simulate(1, 1, 1, tmp_path / "out")


def test_a_shop_whose_probabilities_do_not_add_up_is_refused():
    with pytest.raises(SpecError, match="sum to 1"):
        replace(SHOP, entry=(0.5, 0.5, 0.5, 0.5))
    state = replace(SHOP.types[0].states[0], classes=(0.5, 0.4, 0.3))
    kind = replace(SHOP.types[0], states=(state, *SHOP.types[0].states[1:]))
    with pytest.raises(SpecError, match=r"in \[0, 1\]"):
        replace(SHOP, types=(kind, *SHOP.types[1:]))
