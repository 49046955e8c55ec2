"""Definitions: what a file may say, what is refused and how, sets of tags, and the starter tags' own examples."""

import re

import pytest

from features.algebra import Count, Favorite, back
from features.catalogue import load as load_catalogue
from features.errors import NotFoundError, SpecError
from features.workspace import Facts, Workspace
from models import examples
from models.frozen import Cuts, Frozen
from models.tag import CATEGORIES
from models.tagfile import read_file
from models.tags import OURS, load_tags, tag_set

RULE = """
[tags.keen]
title = { zh = "积极", en = "Keen" }
definition = { zh = "看得多", en = "Looks often" }
kind = "rule"
category = "behaviour"
owner = "crm"
purpose = "To be read"
target_metric = "tests passed"
consent = "none"
ttl = "2d"
review_by = 2027-06-30
status = "live"
version = 3
values.yes = { zh = "是", en = "Yes", rule = "view_count_30d >= 3" }
"""
TIERED = RULE.replace("keen", "tiered").replace('"rule"', '"statistical"').replace(
    "view_count_30d >= 3", "views == 2"
) + ('tiers.views = { feature = "view_count_30d", quantiles = [0.5] }\n')
PREDICTED = (
    RULE.replace("keen", "risk").replace('"rule"', '"predicted"').replace(', rule = "view_count_30d >= 3"', "")
    + 'model = { targets = ["churn_*"], read = "bands", class = "churned", unit = "base_rate" }\n'
)


def written(tmp_path, *texts):
    for place, text in enumerate(texts):
        (tmp_path / f"{place}.toml").write_text(text, encoding="utf-8")
    return [tmp_path]


def refused(tmp_path, *texts):
    with pytest.raises(SpecError) as caught:
        load_tags(written(tmp_path, *texts))
    return caught.value.message


# ── the starter tags ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_example_of_the_starter_tags_holds():
    tags = load_tags([OURS])
    assert examples.failures(tags) == []
    assert all(tag.examples for tag in tags.tags.values())


def test_every_value_of_the_starter_tags_is_the_answer_of_an_example_or_of_a_model():
    for tag in load_tags([OURS]).tags.values():
        if tag.reading is None:
            assert {value.name for value in tag.values} <= {example.value for example in tag.examples}, tag.name
        if tag.reading is None and len(tag.values) == 1:
            assert None in {example.value for example in tag.examples}, (
                f"{tag.name} is shown to be given, not to be withheld"
            )


def test_the_starter_tags_cover_what_the_field_asks_for():
    tags = load_tags([OURS]).tags
    assert len([tag for tag in tags.values() if tag.kind == "rule"]) >= 5
    titles = {tag.title.zh for tag in tags.values()} | {value.title.zh for tag in tags.values() for value in tag.values}
    assert titles >= {
        "价格敏感型", "高消费能力", "忠诚客户", "黄金会员", "高频客户", "低频客户", "潜在客户", "新注册", "活跃", "沉默",
        "RFM等级", "入口渠道", "偏好品类", "流失风险", "意向阶段", "T+7", "加购未买", "河南", "英语",
    }  # fmt: skip
    assert {tag.category for tag in tags.values()} <= set(CATEGORIES)
    assert all(tag.assigned for tag in tags.values())
    assert all(len(title) <= 30 for title in titles)


def test_a_wrong_example_is_told(tmp_path):
    text = RULE + '[[tags.keen.examples]]\nevents = [{ kind = "view", ago = "1d", times = 2 }]\nvalue = "yes"\n'
    (failure,) = examples.failures(load_tags(written(tmp_path, text)))
    assert re.fullmatch(r".*0\.toml: tags\.keen\.examples\[0\]: wanted 'yes', got None\.", failure)


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_definition_is_read_whole(tmp_path):
    (tmp_path / "a.toml").write_text(
        RULE + "among = 'event_count_30d > 0'\noptional = ['view_count_30d']\n", encoding="utf-8"
    )
    (tag,) = read_file(tmp_path / "a.toml")
    assert (tag.name, tag.kind, tag.category, tag.status, tag.version) == ("keen", "rule", "behaviour", "live", 3)
    assert (tag.title.json, tag.definition.en) == ({"zh": "积极", "en": "Keen"}, "Looks often")
    assert (tag.ttl, tag.review_by.isoformat(), tag.origin) == (2 * 86_400_000_000, "2027-06-30", "rule:keen@3")
    assert (tag.among, tag.optional, tag.consent) == ("event_count_30d > 0", ("view_count_30d",), "none")
    assert [(value.name, value.title.zh, value.rule) for value in tag.values] == [("yes", "是", "view_count_30d >= 3")]


@pytest.mark.parametrize("key", ["title", "definition", "kind", "category", "owner", "purpose", "target_metric", "consent",
                                 "ttl", "review_by", "status", "version", "values"])  # fmt: skip
def test_nothing_may_be_left_out(tmp_path, key):
    text = "\n".join(line for line in RULE.splitlines() if not line.startswith(key))
    assert re.search(rf"0\.toml: tags\.keen\.{key} is missing", refused(tmp_path, text))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('owner = "crm"', 'owner = " "', "tags.keen.owner = ' ': must be a text that is not empty"),
        ('owner = "crm"', "owner = 3", "tags.keen.owner = 3: must be a text"),
        ('owner = "crm"', 'owner = "crm"\nowners = "x"', "unknown key 'tags.keen.owners'.*Did you mean 'owner'?"),
        ('"behaviour"', '"behavior"', "unknown 'behavior'.*Did you mean 'behaviour'?"),
        ('"rule"', '"rules"', "unknown 'rules'.*Did you mean 'rule'?"),
        ('"rule"', '"statistical"', "a statistical one `tiers`"),
        ('"rule"', '"predicted"', "a predicted tag has `model` alone"),
        ('"live"', '"alive"', "unknown 'alive'.*Did you mean 'live'?"),
        ('"none"', '"marketting"', "Did you mean 'marketing'?"),
        ('"2d"', '"2 fortnights"', "tags.keen.ttl.*not a length of time"),
        ("2027-06-30", '"2027-06-30"', "a date such as 2027-06-30, without quotes"),
        ("version = 3", "version = 0", "a whole number of 1"),
        ('zh = "积极"', 'ch = "积极"', "tags.keen.title.zh is missing"),
        ('en = "Keen" }', 'en = "Keen", fr = "Vif" }', "unknown key 'tags.keen.title.fr'"),
        ("tags.keen", "tags.Keen", "the tag name 'Keen' is not usable"),
        ("tags.keen", "tags.missing", "the tag name 'missing' is not usable"),
        ("tags.keen", "tags.not", "the tag name 'not' is not usable"),
        ("tags.keen", "tags.view_count_30d", "'view_count_30d' names a feature or tag already"),
        ("view_count_30d >= 3", "view_count_30 >= 3", "unknown name 'view_count_30'.*Did you mean 'view_count_30d'?"),
        ("view_count_30d >= 3", "view_count_30d >= 3 and", "tags.keen.values.yes.rule, column 24: cannot be read"),
        (', rule = "view_count_30d >= 3"', "", "tags.keen.values.yes.rule is missing"),
        ("values.yes", "optional = ['view_count_7d']\nvalues.yes", "no rule reads 'view_count_7d'"),
        ("values.yes", "among = 'lifecycle == 1'\nvalues.yes", "tags.keen.among, column 1: unknown name 'lifecycle'"),
        ("values.yes", "feature = 'entry_channel'\nvalues.yes", "unknown key 'tags.keen.values.yes.rule'"),
        ("values.yes", "examples = [3]\nvalues.yes", r"examples\[0\]: must be a table"),
        ("values.yes", "examples = [{ value = 'no' }]\nvalues.yes", r"examples\[0\] wants 'no', which is not among them"),
        ("values.yes", "examples = [{ events = [{ kind = 'view' }] }]\nvalues.yes", r"events\[0\].ago is missing"),
        ("values.yes", "examples = [{ at = '2025-01-01T00:00:00' }]\nvalues.yes", "has no offset"),
        ("values.yes", "examples = [{ at = '2025-01-01', timezone = 'Mars' }]\nvalues.yes", "timezone = 'Mars': unknown"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(tmp_path, old, new, words):
    assert old in RULE
    assert re.search(words.replace("?", r"\?"), refused(tmp_path, RULE.replace(old, new)), re.DOTALL)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[0.5]", "[]", "rising numbers between 0 and 1"),
        ("[0.5]", "[0.5, 0.4]", "rising numbers between 0 and 1"),
        ("[0.5]", "[1.0]", "rising numbers between 0 and 1"),
        ("[0.5]", "0.5", "a list of rising numbers"),
        ('"view_count_30d"', '"entry_channel"', "'entry_channel' is not a feature with numbers"),
        (
            '"view_count_30d"',
            '"views_30d"',
            "tiers.views.feature = 'views_30d' is not a feature with numbers.*Did you mean",
        ),
        ("[0.5] }", '[0.5], order = "up" }', "unknown 'up'"),
        ("tiers.views", "tiers.Views", "the tier name 'Views' is not usable"),
        ("tiers.views =", "tiers.view_count_7d =", "'view_count_7d' names a feature or tag already"),
        ("views == 2", "view_count_30d == 2", "tiers.views: no rule reads it"),
    ],
)
def test_tiers(tmp_path, old, new, words):
    assert old in TIERED
    assert re.search(words, refused(tmp_path, TIERED.replace(old, new)), re.DOTALL)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('["churn_*"]', "[]", "at least one"),
        ('"bands"', '"band"', "Did you mean 'bands'"),
        ('class = "churned", ', "", "model.class is missing"),
        ('"base_rate"', '"base rate"', "Did you mean 'base_rate'"),
        ('en = "Yes"', 'en = "Yes", below = 0.5', "unknown key 'tags.risk.values.yes.below'"),
        ("values.yes", "values.no = { zh = '否', en = 'No' }\nvalues.yes", "tags.risk.values.no.below is missing"),
        ("values.yes", "among = 'view_age > 3'\nvalues.yes", "a predicted tag has `model` alone"),
    ],
)
def test_readings(tmp_path, old, new, words):
    assert old in PREDICTED
    assert re.search(words, refused(tmp_path, PREDICTED.replace(old, new)), re.DOTALL)


def test_bands_must_rise(tmp_path):
    bands = "values.a = { zh = '1', en = '1', below = 0.8 }\nvalues.b = { zh = '2', en = '2', below = 0.8 }\nvalues.yes"
    assert "`below` must rise" in refused(tmp_path, PREDICTED.replace("values.yes", bands))


def test_only_the_last_value_takes_everybody_left(tmp_path):
    first = RULE.replace("values.yes", "values.no = { zh = '否', en = 'No', rule = 'otherwise' }\nvalues.yes")
    assert "only the last value may take everybody left" in refused(tmp_path, first)
    last = RULE + "values.no = { zh = '否', en = 'No', rule = 'otherwise' }\n"
    (tmp_path / "0.toml").write_text(last, encoding="utf-8")
    plan = load_tags([tmp_path]).plans["keen"]
    assert [rule and rule.text for rule in plan.rules] == ["view_count_30d >= 3", None]


def test_other_faults_of_files(tmp_path):
    assert "is not TOML" in refused(tmp_path, "[tags.keen")
    assert "unknown key 'tag'" in refused(tmp_path, RULE + "[tag.keen]\n")
    assert re.search(r"1\.toml: tags\.keen is defined in .*0\.toml already", refused(tmp_path, RULE, RULE))
    with pytest.raises(NotFoundError, match="no tag file or folder"):
        load_tags([tmp_path / "nowhere"])


# ── sets ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def reading(name, rule):
    return RULE.replace("tags.keen", f"tags.{name}").replace("view_count_30d >= 3", rule)


def test_a_tag_comes_after_what_it_reads(tmp_path):
    tags = load_tags(
        written(
            tmp_path,
            reading("a", "c == 'yes'"),
            reading("b", "a == 'yes' and view_age < 3"),
            reading("c", "cart_age < 1"),
        )
    )
    assert list(tags.plans) == ["c", "a", "b"]
    assert tags.names == ("a", "b", "c")
    assert tags.closure(["a"]) == {"a", "c"}
    assert tags.closure(["b"]) == {"a", "b", "c"}
    assert set(tags.features) == {"view_age", "cart_age"}


def test_circles_are_refused_with_their_path(tmp_path):
    circle = [reading("a", "b == 'yes'"), reading("b", "c == 'yes'"), reading("c", "a == 'yes'")]
    assert "a → b → c → a" in refused(tmp_path, *circle)


def test_a_tag_cannot_read_itself(tmp_path):
    assert "keen → keen" in refused(tmp_path, reading("keen", "keen == 'yes'"))


def test_values_of_other_tags_are_checked(tmp_path):
    message = refused(tmp_path, RULE, reading("other", "keen == 'yess'"))
    assert re.search(
        r"1\.toml: tags\.other\.values\.yes\.rule, column 9: keen has no value 'yess'.*Did you mean 'yes'", message
    )


def test_a_workspaces_own_definition_wins_and_keeps_the_place(tmp_path):
    workspace = Workspace.at(tmp_path, {})
    workspace.fix(Facts())
    ours = load_tags(workspace)
    workspace.tags.mkdir()
    (workspace.tags / "mine.toml").write_text(reading("lifecycle", "view_age < 3") + RULE, encoding="utf-8")
    tags = load_tags(workspace)
    assert list(tags.tags) == [*ours.tags, "keen"]
    assert [value.name for value in tags.tags["lifecycle"].values] == ["yes"]
    assert tags.tags["stage"] == ours.tags["stage"]
    assert tags.digest != ours.digest


def test_a_workspaces_own_features_can_be_read(tmp_path):
    workspace = Workspace.at(tmp_path, {})
    workspace.fix(Facts())
    for name in ("features", "tags"):
        (tmp_path / name).mkdir()
    (tmp_path / "features" / "mine.toml").write_text(
        '[[feature]]\nname = "phone_views"\nfamily = "mine"\nunit = "events"\nen = "views"\nzh = "浏览"\n'
        'ask = "count"\nkinds = ["view"]\nwindow = "14d"\n',
        encoding="utf-8",
    )
    (workspace.tags / "mine.toml").write_text(reading("keen", "phone_views >= 3"), encoding="utf-8")
    assert load_tags(workspace).features["phone_views"] == Count(("view",), back(14))


def test_the_digest_names_what_is_assigned_and_not_where_it_is_written(tmp_path):
    here, there = tmp_path / "a", tmp_path / "b"
    for folder in (here, there):
        folder.mkdir()
    first = load_tags(written(here, RULE))
    assert load_tags(written(there, RULE)).digest == first.digest
    assert load_tags(written(there, RULE.replace(">= 3", ">= 4"))).digest != first.digest
    assert load_tags(written(there, RULE.replace("2d", "3d"))).digest != first.digest


# ── what is frozen ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_drafts_and_retired_tags_are_not_assigned(tmp_path):
    tags = load_tags(written(tmp_path, *[reading(s, "view_age < 3").replace('"live"', f'"{s}"') for s in
                                         ("draft", "live", "deprecated", "retired")]))  # fmt: skip
    assert tags.names == ("live", "deprecated")
    assert tags.unassigned == {"draft": "its status is draft", "retired": "its status is retired"}


def test_a_tag_over_kinds_that_the_log_lacks_is_unassigned_with_the_reason(tmp_path):
    folder = written(
        tmp_path,
        reading("a", "refer_count_365d >= 1 or view_age < 3"),
        reading("b", "a == 'yes'"),
        reading("c", "refer_count_365d >= 1 or view_age < 3") + "optional = ['refer_count_365d']\n",
        reading("d", "purchase_value_90d > 3"),
        reading("e", "abandoned_7d > 1"),
        reading("f", "view_cart_7d > 1"),
        reading("g", "event_age > 1"),
    )
    frozen = Frozen(at=5, kinds=frozenset({"view", "purchase"}), fields={"value": frozenset({"view"})})
    tags = load_tags(folder, frozen=frozen)
    assert tags.unassigned == {
        "a": "it reads refer_count_365d, and the log has no event of kind refer",
        "b": "it reads the tag a, which is unassigned: it reads refer_count_365d, and the log has no event of kind refer",
        "d": "it reads purchase_value_90d, and no purchase in the log has a value",
        "e": "it reads abandoned_7d, and the log has no event of kind cart",
        "f": "it reads view_cart_7d, and the log has no event of kind cart",
    }
    assert load_tags(folder).unassigned == {}  # nothing is known to be lacking


def test_cut_points_stay_with_the_definition_they_were_fitted_for(tmp_path):
    tags = load_tags(written(tmp_path, TIERED))
    assert "have not been fitted" in tags.unassigned["tiered"]
    cuts = {"tiered": Cuts(5, 10, {"views": (3.0,)}, tags.tier_digest("tiered"))}
    frozen = Frozen(cuts, 5, frozenset({"view"}), {})
    assert tags.with_frozen(frozen).unassigned == {}
    assert tags.with_frozen(frozen).digest != tags.digest
    retitled = load_tags(written(tmp_path, TIERED.replace("Keen", "Keener")), frozen=frozen)
    assert retitled.unassigned == {}
    for change in [("[0.5]", "[0.6]"), ("[0.5] }", '[0.5], order = "falling" }'), ("view_count_30d", "view_count_7d")]:
        assert "tiered" in load_tags(written(tmp_path, TIERED.replace(*change)), frozen=frozen).unassigned
    cuts = {"tiered": Cuts(5, 0, {}, tags.tier_digest("tiered"))}
    nobody = load_tags(written(tmp_path, TIERED), frozen=Frozen(cuts, 5, frozenset({"view"}), {}))
    assert nobody.unassigned["tiered"] == "nobody was there to fit its cut points on (everybody)"


def test_the_definition_of_a_feature_is_part_of_what_cut_points_rest_on(tmp_path):
    (tag,) = read_file(written(tmp_path, TIERED)[0] / "0.toml")
    known = {"view_count_30d": Count(("view",), back(30)), "shop": Favorite("item", (), back(3))}
    first = tag_set([tag], known).tier_digest("tiered")
    assert tag_set([tag], dict(known)).tier_digest("tiered") == first
    assert tag_set([tag], known | {"view_count_30d": Count(("view",), back(31))}).tier_digest("tiered") != first


def test_every_starter_tag_reads_the_catalogue_as_it_is():
    tags, known = load_tags([OURS]), load_catalogue().features
    assert tags.features
    assert all(known[name] == feature for name, feature in tags.features.items())
