import json
import re

import pytest

from features import catalogue
from features.algebra import Ratio, Trend
from features.catalogue import FAMILIES, Catalogue, load
from features.errors import NotFoundError, SpecError
from features.events import HOUR, KINDS
from features.traits import is_forward, named, parts
from features.workspace import Workspace

ENTRY = """
[[feature]]
name = "{name}"
family = "frequency"
unit = "events"
en = "things"
zh = "事"
ask = "count"
window = "{window}"
"""


@pytest.fixture(scope="module")
def ours():
    return load(kinds=KINDS)


def question(feature):
    """Aggregate, field and kinds of a feature, or of the parts of a ratio or rate: neither windows nor statistics."""
    if isinstance(feature, Ratio | Trend):
        return (type(feature), *(question(part) for part in parts(feature)))
    return (type(feature), getattr(feature, "field", None), named(feature))


def test_it_asks_enough_distinct_questions_of_every_family(ours):
    assert len({question(entry.feature) for entry in ours.entries.values()}) >= 100
    assert {entry.family for entry in ours.entries.values()} == set(FAMILIES)


def test_the_names_that_others_rely_on_are_there(ours):
    wanted = {
        "purchase_count_30d",
        "purchase_age",
        "purchase_value_90d",
        "items_30d",
        "categories_7d",
        "active_days_90d",
    }
    wanted |= {f"{k}_count_{d}d" for k in ("view", "click", "cart", "favorite", "purchase") for d in (1, 7, 30, 90)}
    wanted |= {f"{k}_age" for k in ("view", "click", "cart", "favorite", "purchase")} | {
        "entry_channel",
        "last_category",
    }
    assert wanted <= set(ours.names)


def test_every_entry_reads_well_and_looks_back(ours):
    for entry in ours.entries.values():
        assert not is_forward(entry.feature)
        assert entry.en.strip()
        assert "{" not in entry.en + entry.zh
        assert re.search(r"[\u4e00-\u9fff]", entry.zh)
    assert ours.entries["view_count_30d"].en == "number of views in the last 30 days"
    assert ours.entries["view_count_30d"].zh == "近30天浏览次数"
    assert ours.entries["view_count_1d"].en == "number of views in the last day"


def test_json_keeps_everything(ours):
    again = Catalogue.from_json(json.loads(json.dumps(ours.to_json())))
    assert again == ours
    assert again.names == ours.names
    assert again.digest == ours.digest
    assert ours.select(["*_age"]).digest != ours.digest


def test_select(ours):
    assert ours.select(["purchase_age", "view_age"]).names == ("purchase_age", "view_age")
    assert set(ours.select(["*_age", "!voice_age"]).names) == {n for n in ours.names if n.endswith("_age")} - {
        "voice_age"
    }
    assert set(ours.select(["!*_age"]).names) == {n for n in ours.names if not n.endswith("_age")}
    assert ours.select([]) == ours
    with pytest.raises(SpecError, match="Did you mean 'purchase_age'"):
        ours.select(["purchase_aeg"])
    with pytest.raises(SpecError, match="names no feature"):
        ours.select(["nothing_*"])


def test_a_shop_adds_files_of_its_own(tmp_path):
    own = tmp_path / "own.toml"
    own.write_text(
        '[groups]\nboth = ["cart", "visit"]\n'
        '[[feature]]\nname = "{group}_{window}"\nfamily = "frequency"\nunit = "events"\n'
        'en = "{group_many} in {window}"\nzh = "{window}"\neach.group = ["both"]\neach.window = ["2w", "3h"]\n'
        'ask = "count"\nkinds = ["{group}"]\nwindow = "{window}"\n'
    )
    found = load([own])
    assert found.entries["both_2w"].feature.kinds == ("cart", "visit")
    assert found.entries["both_2w"].en == "boths in the last 2 weeks"
    assert found.entries["both_3h"].zh == "近3小时"
    assert found.names[-2:] == ("both_2w", "both_3h")
    workspace = Workspace.at(tmp_path / "home", {})
    (workspace.home / "features").mkdir(parents=True)
    own.rename(workspace.home / "features" / "own.toml")
    with pytest.raises(SpecError, match="unknown event kind 'visit'"):
        catalogue.of(workspace)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (ENTRY.format(name="x", window="+7d"), "own.toml, feature 'x': its window looks forward"),
        (ENTRY.format(name="x", window="7"), "own.toml, feature 'x': Key 'window': '7' is not a window"),
        (ENTRY.format(name="view_age", window="7d"), "'view_age': the name is given twice"),
        (ENTRY.format(name="X y", window="7d"), "'X y' is not a feature's name"),
        (ENTRY.format(name="x_{kind}", window="7d"), r"has the variable 'kind'"),
        (ENTRY.format(name="x", window="7d").replace('unit = "events"', ""), "key 'unit' is missing"),
        (ENTRY.format(name="x", window="7d") + 'kindz = ["view"]', "Key 'kindz' = .*Did you mean 'kinds'"),
        (ENTRY.format(name="x", window="7d") + 'kinds = ["veiw"]', "unknown event kind 'veiw'.*Did you mean 'view'"),
        (ENTRY.format(name="x", window="7d") + 'each.kind = "view"', "each.kind = 'view' must be a list"),
        (ENTRY.format(name="x", window="7d") + "each.kind = [3]", "each.kind holds 3"),
        (ENTRY.format(name="x", window="7d") + "each = 3", "key 'each' = 3 must be a table"),
        ("[[featur]]", "unknown table 'featur'.*Did you mean 'feature'"),
        ("feature = 3", "'feature' must be tables"),
        ("[words]\nview = ['a']", r"\[words\] view = \['a'\] must be \[singular, plural, Chinese\]"),
        ("groups = 3", r"\[groups\] must be a table"),
        ("x = ", "is not TOML"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_by_name(tmp_path, text, says):
    own = tmp_path / "own.toml"
    own.write_text(text)
    with pytest.raises(SpecError, match=says):
        load([own], KINDS)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(NotFoundError, match=r"none\.toml"):
        load([tmp_path / "none.toml"])


def test_no_feature_is_constant_on_the_simulated_shop(tmp_path):
    import pyarrow.parquet as pq

    from features.compute import compute_file
    from features.intake import ingest
    from training.simulate import simulate

    simulate(1500, 365, 3, tmp_path / "shop", truth=False)
    workspace = Workspace.at(tmp_path / "home", {})
    ingest(workspace, [tmp_path / "shop"], "canonical", timezone="UTC", currency="CNY", now=1_780_000_000_000_000)
    evening = 1_764_633_600_000_000 - 4 * HOUR  # when some are in a session
    compute_file(workspace, [evening], None, tmp_path / "features.parquet")
    table = pq.ParquetFile(tmp_path / "features.parquet").read()
    lacking = {"user_age", "user_level"}  # its users table says nothing of them
    lacking |= {"night_share_90d", "cart_view_7d", "cart_view_30d"}  # all sleep there, and none looks on from the cart
    kinds = {name: set(table[name].drop_null().to_pylist()) for name in table.column_names[2:] if name not in lacking}
    assert [name for name, values in kinds.items() if len({v for v in values if v == v}) < 2] == []  # noqa: PLR0124 - NaN
