"""What `intently features list` and `show` tell of a feature."""

import pytest

from features.described import described, listing
from features.errors import NotFoundError, SpecError
from features.show import show_feature, show_features
from features.workspace import Facts, Workspace

OWN = """
[[feature]]
name = "late_views_{window}"
family = "night"
unit = "share"
en = "share of views at night in {window}"
zh = "{window}夜间浏览占比"
each.window = ["7d"]
ask = "share"
field = "hour"
start = 0
stop = 6
kinds = ["view"]
window = "{window}"

[[feature]]
name = "city"
family = "attributes"
unit = "name"
en = "city"
zh = "城市"
ask = "attribute"
field = "city"
type = "text"
"""

FUNCTION = """
import features

@features.function(name="night_owl", family="night", unit="share", en="share of events at night", zh="夜间占比", reads=("value",))
def night_owl(history):
    return None
"""


@pytest.fixture
def own(tmp_path):
    """A workspace with features of its own."""
    workspace = Workspace.at(tmp_path / "home", {})
    workspace.fix(Facts())
    workspace.features.mkdir()
    (workspace.features / "night.toml").write_text(OWN)
    (workspace.features / "owl.py").write_text(FUNCTION)
    return workspace


@pytest.fixture
def nowhere(tmp_path):
    """No workspace at all."""
    return Workspace.at(tmp_path / "none", {})


def test_all_of_one_feature(nowhere):
    assert described(nowhere, "purchase_value_30d") == {
        "name": "purchase_value_30d",
        "family": "spend",
        "unit": "currency",
        "type": "number",
        "window": "30d",
        "title": {"en": "amount bought in the last 30 days", "zh": "近30天购买金额"},
        "file": "catalogue.toml",
        "question": {
            "en": "sum of value over events of kind purchase in the last 30 days",
            "zh": "近30天购买的金额合计",
        },
        "toml": '{ ask = "sum", field = "value", kinds = ["purchase"], window = "30d" }',
        "nothing": "0",
        "fields": ["value"],
        "kinds": ["purchase"],
        "ours": True,
    }
    assert not nowhere.home.exists()


def test_what_a_feature_reads(nowhere):
    read = {name: (told["fields"], told["kinds"]) for name in ("purchase_gap_mean", "abandoned_7d", "event_age", "view_trend_7d")
            if (told := described(nowhere, name))}  # fmt: skip
    assert read == {
        "purchase_gap_mean": (["day"], ["purchase"]),
        "abandoned_7d": (["item"], []),
        "event_age": ([], []),
        "view_trend_7d": ([], ["view"]),
    }
    assert described(nowhere, "view_trend_7d")["window"] == "7d / 30d"
    assert described(nowhere, "event_age")["window"] is None


def test_a_workspaces_own_features(own):
    told = described(own, "late_views_7d")
    assert (told["ours"], told["file"], told["family"]) == (False, str(own.features / "night.toml"), "night")
    city = described(own, "city")
    assert (city["type"], city["fields"], city["kinds"], city["nothing"]) == ("text", ["users.city"], None, "null")
    owl = described(own, "night_owl")
    assert (owl["fields"], owl["kinds"], owl["file"]) == (["value"], [], str(own.features / "owl.py"))
    assert [row["name"] for row in listing(own, [], "night")["features"]] == ["late_views_7d", "night_owl"]


def test_listing_takes_patterns_and_a_family(nowhere):
    found = listing(nowhere, ["purchase_count_*", "!*_1d"], None)
    assert found["families"] == {"frequency": len(found["features"])}
    assert "purchase_count_30d" in [row["name"] for row in found["features"]]
    assert "purchase_count_1d" not in [row["name"] for row in found["features"]]
    assert set(found["features"][0]) == {"name", "family", "unit", "type", "window", "title", "file"}
    whole = listing(nowhere, [], None)
    assert sum(whole["families"].values()) == len(whole["features"]) > 200
    assert {row["family"] for row in listing(nowhere, ["cart_*"], "spend")["features"]} == {"spend"}


def test_unknown_names_get_the_nearest_and_no_wall_of_names(nowhere):
    with pytest.raises(NotFoundError, match="Did you mean 'purchase_count_30d'") as caught:
        described(nowhere, "purchase_cont_30d")
    assert len(caught.value.message) < 400
    with pytest.raises(SpecError, match=r"family 'tempos'.*Did you mean 'tempo'"):
        listing(nowhere, [], "tempos")
    with pytest.raises(SpecError, match="No feature of the family 'tempo' matches purchase_value"):
        listing(nowhere, ["purchase_value_*"], "tempo")
    with pytest.raises(SpecError, match="Did you mean 'purchase_count_30d'"):
        listing(nowhere, ["purchase_cont_30d"], None)


def test_as_people_read_it(nowhere, capsys):
    show_features(listing(nowhere, ["purchase_count_30d", "view_age"], None), "zh")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "frequency 1"
    assert "近30天购买次数" in lines[1]
    used = {"specs": ["churn_30d"], "tags": ["a", "b"]}
    show_feature(described(nowhere, "purchase_count_30d") | {"used_by": used}, "en")
    text = capsys.readouterr().out
    for words in ('kinds = ["purchase"]', "catalogue.toml (ours)", "tag a, b", "of nothing  0", "近30天购买次数"):
        assert words in text
