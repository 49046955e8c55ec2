"""`intently drivers` on a small shop."""

import json

import pytest

from features.errors import InputError, NotReadyError
from features.workspace import Workspace
from serving.drivers import drivers

from .shop import START


def test_every_predicted_tag_has_its_values(shop):
    found = drivers(shop, most=150)
    assert {tag["name"] for tag in found["tags"]} >= {"stage", "purchase_intent", "churn_risk"}
    assert found["people"] >= 100
    for tag in found["tags"]:
        assert sum(value["people"] for value in tag["values"]) == tag["people"] <= found["people"]
        assert any(value["features"] for value in tag["values"])
        for value in tag["values"]:
            if value["gap"] is not None:
                assert sum(family["gap"] for family in value["families"]) == pytest.approx(value["gap"], abs=1e-9)
    assert json.dumps(found, allow_nan=False) == json.dumps(drivers(shop, most=150))


def test_one_tag_of_few_people(shop):
    found = drivers(shop, ["stage"], most=40)
    assert [tag["name"] for tag in found["tags"]] == ["stage"]
    assert 10 <= found["people"] <= 90


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("stages", "Unknown tag 'stages'.*Did you mean 'stage'"),
        ("lifecycle", "The tag 'lifecycle' has no drivers: no model stands behind it"),
    ],
)
def test_other_tags_are_refused(shop, name, message):
    with pytest.raises(InputError, match=message):
        drivers(shop, [name])


def test_nobody_and_no_model(shop, tmp_path):
    with pytest.raises(NotReadyError, match="Nobody has an event before 2024-12-31"):
        drivers(shop, as_of=START - 1)
    with pytest.raises(NotReadyError):
        drivers(Workspace.at(tmp_path / "none", {}))
