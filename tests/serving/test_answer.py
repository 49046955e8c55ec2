"""The answer: the shape that scripts rely on, the numbers of the tag table, and what it says of strangers."""

import json

import pyarrow as pa
import pytest

from features.events import DAY
from features.instants import parse_instant
from features.log import EventLog
from models.bundle import champion
from models.cutpoints import ensure
from serving.answer import answer
from serving.score import score

from . import shop as small

NOW = small.END


@pytest.fixture(scope="module")
def scored(shop):
    bundle, log = champion(shop), EventLog(shop)
    asked = ["u1", "u2", "用户0", "u30", "没有人"]
    histories = log.read_users(asked, bundle.program.fields, bundle.program.texts)
    histories = log.informed(histories, bundle.program.attributes)
    return score(bundle, ensure(shop), histories, NOW, explain=True)


@pytest.fixture(scope="module")
def told(scored):
    return answer(scored, "1", "log")


def test_the_shape(told):
    assert list(told) == ["as_of", "version", "clock", "tag_set", "users", "unassigned"]
    assert (told["as_of"], told["version"], told["clock"]) == ("2025-08-29T00:00:00Z", "1", "log")
    assert [user["user_id"] for user in told["users"]] == ["u1", "u2", "用户0", "u30", "没有人"]
    wanted = {"name", "value", "probability", "probabilities", "source", "computed_at", "expires_at", "title"}
    for user in told["users"]:
        assert list(user) == ["user_id", "known", "tags"]
        for tag in user["tags"]:
            assert wanted <= set(tag) <= wanted | {"value_title", "reasons", "explanation", "note", "readouts"}
            assert isinstance(tag["value"], str)
            assert set(tag["title"]) == {"zh", "en"}
            assert tag["computed_at"] == told["as_of"]


def test_it_is_json_with_finite_numbers(told):
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_it_says_what_the_table_says(scored, told):
    rows = scored.tags.to_table(pa.array([str(n) for n in range(len(scored.users))])).to_pylist()
    listed = [(n, tag) for n, user in enumerate(told["users"]) for tag in user["tags"]]
    assert len(rows) == len(listed)
    for row, (n, tag) in zip(rows, listed, strict=True):
        assert row["user_id"] == str(n)
        for name in ("name", "value", "probability", "source"):
            assert row[name] == tag[name]
        for name in ("computed_at", "expires_at"):
            assert parse_instant(tag[name], "UTC") == round(row[name].timestamp()) * 1_000_000


def test_probabilities_are_of_every_class_and_the_values_own_stands_out(scored, told):
    for user in told["users"]:
        for tag in user["tags"]:
            if tag["source"].startswith(("model:", "base_rate:")):
                assert sum(tag["probabilities"].values()) == pytest.approx(1, abs=1e-12)
            else:
                assert tag["probability"] is None
                assert tag["probabilities"] is None
            if tag["name"] == "stage":
                assert tag["probability"] == tag["probabilities"][tag["value"]] == max(tag["probabilities"].values())
                assert list(tag["probabilities"]) == ["idle", "browsing", "considering", "buying"]
            if tag["name"] == "churn_risk":
                assert tag["probability"] == tag["probabilities"]["churned"]
            if tag["name"] == "purchase_intent":
                assert tag["probability"] == tag["probabilities"]["buying"]


def test_what_is_said_of_a_stranger(told):
    stranger = told["users"][-1]
    assert stranger["known"] is False
    assert [tag["name"] for tag in stranger["tags"]] == ["stage", "purchase_intent", "churn_risk", "buying_soon"]
    for tag in stranger["tags"]:
        assert tag["source"].startswith("base_rate:1/")
        assert "base rate" in tag["note"]["en"]
        assert tag["reasons"] == []
    assert all("note" not in tag for user in told["users"][:-1] for tag in user["tags"])


def test_a_tag_that_says_when_has_horizons_in_order_and_dates_only_within_the_last_bucket(told):
    found = [tag["readouts"] for user in told["users"] for tag in user["tags"] if "readouts" in tag]
    assert len(found) == len(told["users"])
    now = parse_instant(told["as_of"], "UTC")
    for one in found:
        each = [one[f"p_buy_{days}d"] for days in (1, 3, 7, 14, 30, 60, 90)]
        assert each == sorted(each)
        for name, level in (("low", 0.1), ("median", 0.5), ("high", 0.9)):
            days, at = one[f"next_order_{name}_days"], one[f"next_order_{name}_at"]
            assert (days is None) == (at is None) == (each[-1] < level)
            if days is not None:
                assert parse_instant(at, "UTC") == pytest.approx(now + days * DAY, abs=1_000_001)


def test_reasons_are_in_words(told):
    reasons = [r for user in told["users"] for tag in user["tags"] for r in tag.get("reasons", [])]
    assert len(reasons) >= 3
    for reason in reasons:
        assert f"({reason['contribution']:+.2f})" in reason["en"]
        assert f"（{reason['contribution']:+.2f}）" in reason["zh"]


def test_titles_of_values(told):
    titles = {(tag["name"], tag["value"]): tag.get("value_title") for user in told["users"] for tag in user["tags"]}
    assert titles["stage", "idle"] == {"zh": "无动静", "en": "Idle"}
    assert all(
        title is None for (name, _), title in titles.items() if name in {"favourite_category", "acquisition_channel"}
    )


def test_what_is_unassigned_is_said(scored, told):
    assert set(told["unassigned"]) == {"price_sensitive", "region", "course"}
    assert told["unassigned"] == scored.unassigned


def test_nobody_asked(shop):
    bundle, log = champion(shop), EventLog(shop)
    nobody = log.informed(log.read_users([], bundle.program.fields, bundle.program.texts), bundle.program.attributes)
    told = answer(score(bundle, ensure(shop), nobody, NOW), "1", "now")
    assert told["users"] == []
