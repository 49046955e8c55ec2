"""From events to tags: the same to the bit in any company and from a trimmed store, and honest about what is not known."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from features.errors import InputError
from features.events import CODED_FIELDS, DAY
from features.histories import from_events
from features.intake import ingest
from features.log import EventLog
from features.schema import EVENTS
from features.trim import select, trim
from features.union import empty, union
from features.workspace import Workspace
from models.bundle import champion, load
from models.cutpoints import ensure
from models.tag import Reading
from models.tags import tag_set
from models.timing import total
from serving.score import pair, score, seen
from training.simulate import simulate

from . import shop as small

NOW = small.END


@pytest.fixture(scope="module")
def bundle(shop):
    return champion(shop)


@pytest.fixture(scope="module")
def tags(shop):
    return ensure(shop)


@pytest.fixture(scope="module")
def histories(shop, bundle):
    log = EventLog(shop)
    fields = bundle.program.fields
    there = union([log.read(bucket, fields, fields & set(CODED_FIELDS), keys=True) for bucket in log.buckets()])
    strangers = empty(pa.array(["nobody", "没有人"]), list(there.numbers), list(there.coded))
    return log.informed(union([there, strangers]), bundle.program.attributes)


def same(one, other):
    """Are two results equal to the bit?"""
    assert one.tags.to_table(one.users).equals(other.tags.to_table(other.users))
    assert one.probabilities.keys() == other.probabilities.keys()
    for name, p in one.probabilities.items():
        assert p.tobytes() == other.probabilities[name].tobytes()
    for mine, theirs in zip(one.tags.blocks, other.tags.blocks, strict=True):
        assert mine.reasons == theirs.reasons
        if mine.probabilities is not None:
            assert mine.probabilities.tobytes() == theirs.probabilities.tobytes()


def test_a_person_is_answered_alike_in_any_company(bundle, tags, histories):
    everybody = score(bundle, tags, histories, NOW, explain=True)
    table = everybody.tags.to_table(everybody.users)
    reasons = {
        (int(person), block.tag.name): words
        for block in everybody.tags.blocks
        if block.reasons is not None
        for person, words in zip(block.person, block.reasons, strict=True)
    }
    rng = np.random.default_rng(0)
    for size in (1, 1, 2, 7, 60):
        rows = rng.choice(len(histories), size, replace=False)
        some = score(bundle, tags, histories.take(rows), NOW, explain=True)
        users = histories.users.take(pa.array(rows)).to_pylist()
        wanted = [row for user in users for row in table.filter(pa.compute.equal(table["user_id"], user)).to_pylist()]
        assert some.tags.to_table(some.users).to_pylist() == wanted
        for name, p in some.probabilities.items():
            assert p.tobytes() == everybody.probabilities[name][rows].tobytes()
        for block in some.tags.blocks:
            for person, words in zip(block.person, block.reasons or [], strict=False):
                assert words == reasons[int(rows[person]), block.tag.name]


def test_the_same_question_has_the_same_answer(bundle, tags, histories):
    same(score(bundle, tags, histories, NOW, explain=True), score(bundle, tags, histories, NOW, explain=True))


@pytest.mark.parametrize("years", [0.0, 0.7, 1.0, 3.0])
def test_a_history_cut_to_retention_answers_as_the_whole(bundle, tags, histories, years):
    now = NOW + int(years * 365) * DAY
    stored = trim(select(histories, histories.ts < now), now - bundle.facts.retention_days * DAY, arrived_before=now)
    assert (stored.carry is not None) == (years > 0)
    whole = score(bundle, tags, histories, now)
    same(whole, score(bundle, tags, stored, now))
    assert whole.known.any()


def event(user, ts, arrived=None, kind="view"):
    return {"bucket": 0, "user_id": user, "ts": ts, "arrived_at": arrived, "kind": kind, "event_id": f"{user}{ts}", "source": "",
            "key_hi": ts, "key_lo": 0}  # fmt: skip


def test_who_is_known():
    events = [
        event("a", NOW), event("a", NOW + 1), event("b", NOW - 1), event("c", NOW - 400 * DAY),
        event("d", NOW - 400 * DAY - 1), event("e", NOW - 5, NOW), event("f", NOW - 5, NOW - 1), event("f", NOW + 9),
    ]  # fmt: skip
    histories = from_events(pa.Table.from_pylist(events, EVENTS))
    known = seen(histories, NOW)
    assert dict(zip(histories.users.to_pylist(), known.tolist(), strict=True)) == {
        "a": False, "b": True, "c": True, "d": True, "e": False, "f": True,
    }  # fmt: skip
    prompt = from_events(pa.Table.from_pylist([event("a", NOW), event("b", NOW - 1), event("c", NOW + 1)], EVENTS))
    assert prompt.arrived is None
    assert seen(prompt, NOW).tolist() == [False, True, False]
    nobody = histories.take(np.empty(0, np.int64))
    assert seen(nobody, NOW).tolist() == []


def test_who_is_in_the_carry_alone_is_known():
    histories = from_events(pa.Table.from_pylist([event("a", NOW - 900 * DAY), event("b", NOW)], EVENTS))
    stored = trim(histories, NOW - 400 * DAY)
    assert stored.n_events == 1
    assert seen(stored, NOW).tolist() == [True, False]


def test_of_a_stranger_only_the_base_rate_is_told(bundle, tags, histories):
    scored = score(bundle, tags, histories.take(np.array([len(histories) - 1, 0])), NOW, explain=True)
    assert scored.known.tolist() == [False, True]
    rows = [row for row in scored.tags.to_table(scored.users).to_pylist() if row["user_id"] == "没有人"]
    assert [row["name"] for row in rows] == ["stage", "purchase_intent", "churn_risk", "buying_soon"]
    stage, churn = bundle.models["stage_7d"].base_rates, bundle.models["churn_30d"].base_rates
    coming = bundle.models["next_purchase"]
    soon = total(coming.base_rates[None, :], coming.target.readouts["buy_30d"])[0]
    assert [row["probability"] for row in rows] == [stage.max(), stage[3], churn[1], soon]
    assert {row["source"] for row in rows} == {f"base_rate:1/{name}" for name in bundle.models}
    assert np.isnan(scored.probabilities["stage_7d"][0]).all()  # the score itself is null, as outside a cohort
    assert all(block.reasons[0] == [] for block in scored.tags.blocks if block.tag.reading is not None)


def test_outside_the_cohort_a_predicted_tag_is_absent(bundle, tags, histories):
    scored = score(bundle, tags, histories, NOW)
    (risk,) = [block for block in scored.tags.blocks if block.tag.name == "churn_risk"]
    outside = np.isnan(scored.probabilities["churn_30d"][:, 1])
    assert (scored.known == ~np.isnan(scored.probabilities["stage_7d"][:, 0])).all()
    assert outside[scored.known].any()
    assert set(np.flatnonzero(scored.known & outside)).isdisjoint(risk.person)
    assert risk.person.tolist() == np.flatnonzero(~(scored.known & outside)).tolist()


def test_only_some_tags(bundle, tags, histories):
    everything = score(bundle, tags, histories, NOW)
    for only, targets in [(["stage"], {"stage_7d"}), (["lifecycle"], set()), (["worth_keeping"], {"churn_30d"})]:
        some = score(bundle, tags, histories, NOW, only=only)
        assert set(some.probabilities) == targets
        assert [block.tag.name for block in some.tags.blocks] == only
        whole = everything.tags.to_table(everything.users)
        wanted = whole.filter(pa.compute.is_in(whole["name"], pa.array(only)))
        assert some.tags.to_table(some.users).equals(wanted)
    with pytest.raises(InputError, match=r"Unknown tag 'stages'.*Did you mean 'stage'"):
        score(bundle, tags, histories, NOW, only=["stages"])


def test_reasons_are_given_where_asked_and_a_model_speaks(bundle, tags, histories):
    assert all(block.reasons is None for block in score(bundle, tags, histories, NOW).tags.blocks)
    scored = score(bundle, tags, histories, NOW, explain=True)
    for block in scored.tags.blocks:
        assert (block.reasons is not None) == (block.tag.kind == "predicted")
        for at_base, words in zip(block.base if block.base is not None else [], block.reasons or [], strict=False):
            assert len(words) == (0 if at_base else 3)
    (stage,) = [block for block in scored.tags.blocks if block.tag.name == "stage"]
    place = int(np.flatnonzero(~stage.base)[0])
    model, matrix = bundle.models["stage_7d"], scored.matrix
    own = model.explained(matrix, stage.person[[place]], int(stage.code[place]))[0][0]
    assert abs(stage.reasons[place][0]["contribution"]) >= np.abs(own).max() * 0.5


# ── tag sets that do not fit ─────────────────────────────────────────────────────────────────────────────────────────


def test_what_a_bundle_cannot_serve_is_unassigned_with_the_reason(bundle, tags):
    assert pair(bundle, tags)[1] == {
        "stage": "stage_7d", "purchase_intent": "stage_7d", "churn_risk": "churn_30d", "buying_soon": "next_purchase",
    }  # fmt: skip
    till = replace(bundle, models={"churn_60d": bundle.models["churn_30d"]})
    paired, targets = pair(till, tags)
    assert targets == {"churn_risk": "churn_60d"}
    assert paired.unassigned["stage"] == "model 1 has no target stage_7d or stage_*"
    swapped = replace(bundle, models={"churn_30d": bundle.models["stage_7d"]})
    paired, targets = pair(swapped, tags)
    assert targets == {}
    assert "are not those it reads" in paired.unassigned["churn_risk"]
    assert "reads the tag churn_risk" in paired.unassigned["worth_keeping"]


def test_a_feature_that_the_model_knows_otherwise_is_not_read(bundle, tags, histories):
    entries = dict(bundle.catalogue.entries)
    entries["activity_age"] = replace(entries["activity_age"], feature=entries["view_age"].feature)
    del entries["abandoned_7d"]
    other = replace(bundle, catalogue=replace(bundle.catalogue, entries=entries))
    scored = score(other, tags, histories, NOW)
    assert "which model 1 knows nothing of: train again" in scored.unassigned["cart_abandoned"]
    assert "which model 1 knows otherwise: train again" in scored.unassigned["idle_customer"]
    assert {"cart_abandoned", "idle_customer"}.isdisjoint(block.tag.name for block in scored.tags.blocks)


def test_a_tag_without_a_value_for_a_class_is_not_assigned(bundle, tags):
    stage = replace(tags.tags["stage"], values=tags.tags["stage"].values[1:])
    paired, targets = pair(bundle, tag_set([stage], {}))
    assert (targets, list(paired.unassigned)) == ({}, ["stage"])
    other = replace(tags.tags["stage"], reading=Reading(("stage_7d",), "bands", "bying"))
    assert "are not those it reads" in pair(bundle, tag_set([other], {}))[0].unassigned["stage"]


def test_tags_over_what_the_shop_lacks_are_unassigned(bundle, tags, histories):
    scored = score(bundle, tags, histories, NOW)
    assert scored.unassigned == {
        "price_sensitive": "it reads discount_rate_365d, and no purchase in the log has a discount",
        "region": "it reads entry_campaign, and no event in the log has a campaign",
        "course": "it reads entry_campaign, and no event in the log has a campaign",
    }
    assert scored.tag_set == tags.digest


# ── a simulated shop ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_on_a_simulated_shop_every_tag_is_given_to_some_and_every_layer_has_its_people(tmp_path):
    simulate(700, small.DAYS, 11, tmp_path / "shop", truth=False)
    workspace = Workspace.at(tmp_path / "home", {})
    ingest(workspace, [tmp_path / "shop"], "canonical", timezone="Asia/Shanghai", currency="CNY", now=NOW + 40 * DAY)
    tags = ensure(workspace)
    assert tags.unassigned == {}
    bundle = load(workspace.bundles / "1", small.make_bundle(workspace, "1"))
    log = EventLog(workspace)
    histories = union([log.read(bucket, bundle.program.fields, bundle.program.texts) for bucket in log.buckets()])
    histories = log.informed(histories, bundle.program.attributes)
    scored = score(bundle, tags, histories, log.last_ts + 1)
    assert scored.unassigned == {}
    found = {block.tag.name: {block.values[code] for code in np.unique(block.code)} for block in scored.tags.blocks}
    assert set(found) == set(tags.names)
    assert all(found.values())
    for name in ("lifecycle", "rfm", "frequency", "churn_risk", "purchase_intent", "purchase_followup"):
        assert found[name] == {value.name for value in tags.tags[name].values}, name
    assert found["stage"] >= {"idle", "browsing", "buying"}
    for block in scored.tags.blocks:  # no tag that says nothing because everybody has it
        assert np.bincount(block.code).max() < 0.9 * scored.known.sum(), block.tag.name
