"""Explanations where they are asked for: families that sum, sentences, and what would change the answer, scored anew."""

import json

import numpy as np
import pytest

from features.errors import InputError
from features.events import DAY
from features.log import EventLog
from models.assign import assign, prediction
from models.counterfactual import changed
from serving.live import load
from serving.lookup import lookup
from serving.requests import MAX_WHAT_IF, Frame, TagsRequest
from serving.score import pair, score
from serving.show import show_users

from .shop import END

NOW = END - 60 * DAY
USERS = ["u1", "u2", "u3", "u4"]


@pytest.fixture(scope="module")
def told(shop):
    return lookup(shop, [*USERS, "never"], as_of=NOW, explain=True, what_if=True)


def predicted_tags(told, known=True):
    return [
        tag
        for user in told["users"]
        if user["known"] is known
        for tag in user["tags"]
        if tag["probability"] is not None
    ]


def test_families_sum_to_the_score_and_sentences_say_the_value(told):
    for tag in predicted_tags(told):
        account = tag["explanation"]
        total = account["expected"] + sum(family["contribution"] for family in account["families"])
        assert total == pytest.approx(account["score"], abs=1e-6)
        for reason in tag["reasons"]:
            assert reason["effect"] == ("raises" if reason["contribution"] >= 0 else "lowers")
            assert (
                f", which {reason['effect']} the probability of {account['title']['en']} (" in reason["sentence"]["en"]
            )
            assert f"{account['title']['zh']}的概率（" in reason["sentence"]["zh"]
    json.dumps(told, allow_nan=False)


def test_nothing_is_explained_at_the_base_rate_or_unasked(shop, told):
    for tag in predicted_tags(told, known=False):
        assert {"explanation", "what_if"} & set(tag) == set()
    plain = lookup(shop, USERS, as_of=NOW)
    assert all({"explanation", "what_if", "reasons"} & set(tag) == set() for tag in predicted_tags(plain))
    explained = lookup(shop, USERS, as_of=NOW, explain=True)
    assert all("what_if" not in tag and "explanation" in tag for tag in predicted_tags(explained))
    assert all("reasons" not in tag for tag in predicted_tags(lookup(shop, USERS, as_of=NOW, what_if=True)))


def test_every_change_that_is_told_is_the_whole_scorers_answer(shop, told):
    live = load(shop)
    histories = EventLog(shop).read_users(USERS, live.bundle.program.fields, live.bundle.program.texts)
    histories = EventLog(shop).informed(histories, live.bundle.program.attributes)
    paired, targets = pair(live.bundle, live.tagset)
    matrix = score(live.bundle, live.tagset, histories, NOW).matrix
    seen = 0
    for place, user in enumerate(told["users"][: len(USERS)]):
        row = matrix.take(np.array([place]))
        for tag in user["tags"]:
            for change in tag.get("what_if", {"changes": []})["changes"]:
                after = {}
                for one in change["features"]:
                    after |= {one["feature"]: one["to"]} | {name: to["to"] for name, to in one["along"].items()}
                if not after:
                    assert change["en"].startswith("Nothing small")
                    continue
                other = changed(row, [after])
                said = {
                    name: prediction(live.bundle.models[target], live.bundle.models[target].predict(other), "1")
                    for name, target in targets.items()
                }
                frame = assign(paired, other, said, np.ones(1, bool), NOW, "Asia/Shanghai")
                (block,) = [block for block in frame.blocks if block.tag.name == tag["name"]]
                assert block.values[block.code[0]] == change["to"] != tag["value"]
                assert float(block.probability[0]) == change["probability"]
                seen += 1
    assert seen >= 2


def test_it_is_shown(told, capsys):
    show_users(told)
    shown = capsys.readouterr().out
    for text in (
        "because:",
        ", which raises the probability of",
        "by family:",
        "what would change the answer:",
        "does not say what would",
    ):
        assert text in shown


def test_a_search_is_for_few():
    frame = Frame("UTC", ("view",), 2_000_000_000_000_000)
    few = {"user_ids": [f"u{n}" for n in range(MAX_WHAT_IF)], "what_if": True}
    assert TagsRequest.model_validate(few, context=frame).what_if
    with pytest.raises(ValueError, match="at most 10 users at a time, not 11"):
        TagsRequest.model_validate(few | {"user_ids": [*few["user_ids"], "x"]}, context=frame)


def test_an_unknown_tag_is_refused(shop):
    with pytest.raises(InputError, match="Unknown tag 'stages'"):
        lookup(shop, ["u1"], only=["stages"], what_if=True)
