"""Specs: what a sound one says, and that each planted fault is named by file, key, value, rule and way out."""

from pathlib import Path

import pytest

from features.errors import NotFoundError, SpecError, TooLittleDataError
from features.events import DAY
from features.workspace import Workspace
from models.spec import HERE, Weights, default_specs, load, load_specs, own_stages, specs_for
from models.targets import Churn, Stages

STAGE = """
features = ["*"]
[target]
name = "stage_7d"
kind = "stage"
horizon = "7d"
[title]
zh = "意向阶段"
en = "Intent stage"
[stages]
browsing = ["view", "click", "search", "open", "join"]
considering = ["cart", "favorite"]
buying = ["purchase"]
repeat_item = 3
repeat_category = 8
[split]
every = "7d"
test = 6
[lightgbm]
learning_rate = 0.05
num_leaves = 31
[calibration]
methods = ["none", "temperature"]
"""
CHURN = """
[target]
name = "churn_30d"
kind = "churn"
horizon = "30d"
[title]
zh = "流失"
en = "Churn"
[churn]
lookback = "180d"
kinds = ["purchase"]
[lightgbm]
num_leaves = 15
[base_rate]
low = 0.05
high = 0.60
"""
DATASETS = ("simulated", "complete-journey", "online-retail", "taobao")
DEFAULTS = {"taobao": ["stage_1d"], "simulated": ["churn_30d", "next_purchase", "stage_7d"]}


def written(folder: Path, text: str, name: str = "spec.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def refused(folder: Path, text: str, sound: str, faulty: str, says: str) -> None:
    """A sound spec is refused with a fault in it, by a message that names the file and says what is wrong."""
    assert sound in text
    path = written(folder, text.replace(sound, faulty, 1))
    with pytest.raises(SpecError) as error:
        load(path)
    assert str(path) in error.value.message
    assert says in error.value.message


def test_the_default_stage_map_is_the_designs() -> None:
    spec = load(HERE / "stage_7d.toml")
    assert (spec.name, spec.target.kind, spec.target.horizon) == ("stage_7d", "stage", 7 * DAY)
    assert spec.target.recipe == Stages(
        browsing=("click", "join", "open", "search", "view"),
        considering=("cart", "favorite"),
        buying=("purchase",),
        repeat_kinds=("view",),
        repeat_item=3,
        repeat_category=8,
    )
    assert spec.target.columns == (
        "p_stage_7d_idle",
        "p_stage_7d_browsing",
        "p_stage_7d_considering",
        "p_stage_7d_buying",
    )
    assert spec.base_rate is None


def test_the_default_churn_is_the_designs() -> None:
    spec = load(HERE / "churn_30d.toml")
    assert (spec.name, spec.target.kind, spec.target.horizon) == ("churn_30d", "churn", 30 * DAY)
    assert spec.target.recipe == Churn(180 * DAY, ("purchase",))
    assert spec.target.columns == ("p_churn_30d",)
    assert spec.base_rate == (0.05, 0.60)


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_data_set_ships_sound_specs(dataset: str) -> None:
    specs = load_specs(specs_for(dataset))
    assert [spec.name for spec in specs] == DEFAULTS.get(dataset, ["churn_30d", "stage_7d"])
    for spec in specs:
        assert spec.features
        assert spec.split.gap >= (30 * DAY if spec.target.kind == "hazard" else spec.target.horizon)
        assert set(spec.title) == {"zh", "en"}
        assert spec.path.endswith(f"{spec.name}.toml")
        assert len(spec.digest) == 64


MORE = {
    "churn_7d": (7, 30), "churn_14d": (14, 60), "churn_60d": (60, 180), "churn_90d": (90, 180), "churn_activity_30d": (30, 90),
    "stage_1d": (1, None), "stage_14d": (14, None), "stage_30d": (30, None),
}  # fmt: skip


def test_more_horizons_are_the_defaults_with_other_days() -> None:
    """Everything but the horizon, what follows from it and the words is as in the default specs, which they join."""
    specs = {spec.name: spec for spec in load_specs([HERE, HERE / "more"])}
    assert set(MORE) | {"churn_cadence", "category_interest"} == set(specs) - set(DEFAULTS["simulated"])
    for name, (days, lookback) in MORE.items():
        spec, default = specs[name], specs["stage_7d" if lookback is None else "churn_30d"]
        assert (spec.target.horizon, spec.split.gap) == (days * DAY, days * DAY)
        assert (spec.features, spec.params, spec.base_rate) == (default.features, default.params, default.base_rate)
        if lookback is None:
            assert spec.target.recipe == default.target.recipe
        elif name == "churn_activity_30d":
            assert {"view", "purchase"} < spec.target.kinds
            assert "message" not in spec.target.kinds
        else:
            assert spec.target.recipe == Churn(lookback * DAY)


def test_taobao_has_daily_cutoffs() -> None:
    (spec,) = load_specs(specs_for("taobao"))
    assert (spec.target.horizon, spec.split.every) == (DAY, DAY)


@pytest.mark.parametrize("name", ["tags", "more", "..", "../models", "/", ""])
def test_a_name_that_is_no_data_set_gets_the_default(name: str) -> None:
    assert specs_for(name) == specs_for("simulated")


def test_digest_follows_the_text(tmp_path: Path) -> None:
    a, b = load(written(tmp_path, CHURN)), load(written(tmp_path, CHURN + "\n"))
    assert a.digest != b.digest
    assert a.digest == load(written(tmp_path, CHURN, "again.toml")).digest


FAULTS = [
    (
        STAGE,
        'kind = "stage"',
        'kind = "stge"',
        "target.kind = 'stge': unknown 'stge'. Known: binary, cadence, churn, classes, hazard, interest, stage. Did you mean 'stage'?",
    ),
    (STAGE, 'horizon = "7d"', 'horizon = "7"', "target.horizon = '7': '7' is not a length of time"),
    (STAGE, 'horizon = "7d"', 'horizon = "500d"', "target.horizon = '500d': must be at most 400d"),
    (STAGE, 'horizon = "7d"', "horizon = 7", "target.horizon = 7: must be a length of time such as '7d'"),
    (STAGE, 'horizon = "7d"', "", "target.horizon is missing: give a length of time such as '7d'"),
    (STAGE, 'name = "stage_7d"', 'name = "Stage 7"', "target.name = 'Stage 7': must be 1 to 40 of a-z"),
    (STAGE, "[target]", "[targets]", "target is missing: give a table [target]"),
    (STAGE, "repeat_item = 3", "repeat_item = 1", "stages.repeat_item = 1: must be a whole number of 2 to 10,000"),
    (STAGE, "repeat_item = 3", "repeat_item = true", "stages.repeat_item = True: must be a whole number"),
    (STAGE, "repeat_item = 3", "repeat_items = 3", "unknown key 'stages.repeat_items'. Known: browsing, "),
    (
        STAGE,
        'buying = ["purchase"]',
        "buying = []",
        "stages.buying = []: must be a list of different texts, at least one",
    ),
    (
        STAGE,
        'buying = ["purchase"]',
        'buying = ["cart"]',
        "'cart' stands under considering too: a kind reaches one stage",
    ),
    (STAGE, '["cart", "favorite"]', '["cart", "cart"]', "must be a list of different texts"),
    (STAGE, '["cart", "favorite"]', '["cart", 3]', "must be a list of different texts"),
    (STAGE, '["cart", "favorite"]', '"cart"', "stages.considering = 'cart': must be a list of different texts"),
    (STAGE, "test = 6", "test = 0", "split.test = 0: must be a whole number of 1 to 100"),
    (STAGE, "test = 6", 'test = 6\ngap = "6d"', "split.gap = '6d': must be at least the horizon"),
    (STAGE, "num_leaves = 31", "num_leaves = 1", "lightgbm.num_leaves = 1: must be a whole number of 2 to 4,096"),
    (STAGE, "num_leaves = 31", "num_leafs = 31", "unknown key 'lightgbm.num_leafs'"),
    (
        STAGE,
        "num_leaves = 31",
        'objective = "binary"',
        "lightgbm.objective = 'binary': a spec cannot set it: the target decides",
    ),
    (STAGE, "num_leaves = 31", "num_class = 4", "lightgbm.num_class = 4: a spec cannot set it"),
    (STAGE, "num_leaves = 31", "seed = 4", "lightgbm.seed = 4: a spec cannot set it: training sets it"),
    (STAGE, "num_leaves = 31", "deterministic = false", "lightgbm.deterministic = False: a spec cannot set it"),
    (STAGE, "num_leaves = 31", "num_threads = 8", "lightgbm.num_threads = 8: a spec cannot set it"),
    (STAGE, "num_leaves = 31", "is_unbalance = true", "it bends probabilities"),
    (STAGE, "num_leaves = 31", "n_estimators = 100", "write it by LightGBM's own name, num_iterations"),
    (STAGE, "learning_rate = 0.05", "learning_rate = 0", "lightgbm.learning_rate = 0: must be a number of 0.0001 to 1"),
    (STAGE, "learning_rate = 0.05", "learning_rate = nan", "lightgbm.learning_rate = nan: must be a number"),
    (STAGE, '"temperature"', '"temprature"', "unknown 'temprature'. Known: beta, isotonic"),
    (STAGE, "methods = [", "method = [", "unknown key 'calibration.method'. Known: methods. Did you mean 'methods'?"),
    (STAGE, 'features = ["*"]', "features = []", "features = []: must be a list of different texts, at least one"),
    (STAGE, 'features = ["*"]', 'feature = ["*"]', "unknown key 'feature'"),
    (STAGE, "zh = ", "fr = ", "title.zh is missing"),
    (STAGE, "[title]", "[title", "is not TOML"),
    (CHURN, 'lookback = "180d"', 'lookback = "900d"', "churn.lookback = '900d': must be at most 400d"),
    (CHURN, 'kinds = ["purchase"]', "kinds = []", "churn.kinds = []: must be a list"),
    (CHURN, "low = 0.05", "low = 0.7", "base_rate.low = 0.7: must be below high = 0.6"),
    (CHURN, "high = 0.60", "high = 60", "base_rate.high = 60: must be a number of 0 to 1"),
    (CHURN, "[churn]", "[stages]", "unknown key 'stages'"),
]


@pytest.mark.parametrize(("text", "sound", "faulty", "says"), FAULTS, ids=[f"{f[2][:28]}" for f in FAULTS])
def test_each_fault_is_named(tmp_path: Path, text: str, sound: str, faulty: str, says: str) -> None:
    refused(tmp_path, text, sound, faulty, says)


HAZARD = (HERE / "next_purchase.toml").read_text()


def test_the_hazard_that_we_ship(tmp_path: Path) -> None:
    spec = load(HERE / "next_purchase.toml")
    assert spec.target.kind == "hazard"
    assert spec.target.horizon == 90 * DAY
    assert spec.target.columns[2] == "p_buy_7d"
    assert spec.target.columns[-3:] == ("next_order_median_days", "next_order_low_days", "next_order_high_days")
    assert spec.calibration == ("none", "shift", "slope", "intercepts")
    bare = "\n".join(
        line for line in HAZARD.split("[split]")[0].splitlines() if not line.startswith(("edges", "within"))
    )
    again = load(written(tmp_path, bare))
    assert (again.target, again.split.gap, again.base_rate) == (spec.target, 30 * DAY, None)


@pytest.mark.parametrize(
    ("sound", "faulty", "says"),
    [
        ("edges = [1, 2,", "edges = [2, 1,", "hazard.edges = [2, 1, 3, 5, 7, 10, 14, 21, 30, 45, 60, 90]: must be a list of asc"),
        ("edges = [1, 2,", "edges = [0, 2,", "a list of ascending whole numbers of 1 to 400, at least one"),
        ("edges = [1, 2,", "edges = [1.5, 2,", "a list of ascending whole numbers"),
        ("edges = [1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 90]", "edges = [90]", "hazard.edges = [90]: must be at least two"),
        ("within = [1, 3,", "within = [1, 4,", "hazard.within = [1, 4, 7, 14, 30, 60, 90]: 4 is no edge of a bucket. Edges: 1,"),
        ('kinds = ["purchase"]', 'kinds = ["purchase"]\nact = "Buy it"', "hazard.act = 'Buy it': must be a word of 1 to 20"),
        ('kind = "hazard"', 'kind = "hazard"\nhorizon = "30d"', "unknown key 'target.horizon'"),
        ('gap = "30d"', 'gap = "12h"', "split.gap = '12h': must be at least the first bucket"),
        ('"shift"', '"platt"', "unknown 'platt'. Known: intercepts, none, shift, slope"),
        ("[calibration]", "[base_rate]\nlow = 0.1\n[calibration]", "base_rate = {'low': 0.1}: a hazard has a rate for every horizon"),
    ],
)  # fmt: skip
def test_each_fault_of_a_hazard_is_named(tmp_path: Path, sound: str, faulty: str, says: str) -> None:
    refused(tmp_path, HAZARD, sound, faulty, says)


def test_two_targets_cannot_write_one_column(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text(HAZARD.replace("next_purchase", "next_order"))
    with pytest.raises(SpecError, match="its score column p_buy_1d is next_purchase's too"):
        load_specs([HERE / "next_purchase.toml", tmp_path / "other.toml"])


def test_every_line_of_a_spec_matters_or_is_optional(tmp_path: Path) -> None:
    """Dropping any one line gives either a spec or a SpecError, never another error."""
    lines = STAGE.splitlines()
    said = []
    for i in range(len(lines)):
        path = written(tmp_path, "\n".join(lines[:i] + lines[i + 1 :]))
        try:
            load(path)
        except SpecError as error:
            said.append(error.message)
    assert 0 < len(said) < len(lines)
    assert all(str(tmp_path) in message for message in said)


def test_what_is_left_out_has_defaults(tmp_path: Path) -> None:
    bare = '[target]\nname = "c"\nkind = "churn"\nhorizon = "14d"\n[title]\nzh = "流失"\nen = "Churn"\n'
    spec = load(written(tmp_path, bare))
    assert spec.target.recipe == Churn(180 * DAY, ("purchase",))
    assert (spec.features, spec.params, spec.rounds, spec.patience) == (("*",), {}, 1000, 50)
    assert spec.split.gap == 14 * DAY


def test_only_what_the_spec_sets_goes_to_lightgbm(tmp_path: Path) -> None:
    text = CHURN[: CHURN.index("[lightgbm]")] + "[lightgbm]\nlambda_l1 = 3\nextra_trees = true\nnum_iterations = 7\n"
    spec = load(written(tmp_path, text))
    assert spec.params == {"lambda_l1": 3.0, "extra_trees": True}
    assert isinstance(spec.params["lambda_l1"], float)
    assert spec.rounds == 7


def test_two_specs_of_one_name_are_refused(tmp_path: Path) -> None:
    a, b = written(tmp_path, CHURN, "a.toml"), written(tmp_path, CHURN, "b.toml")
    with pytest.raises(SpecError, match=r"b\.toml: target\.name = 'churn_30d': .*a\.toml has that name too"):
        load_specs([a, b])
    with pytest.raises(SpecError, match="has that name too"):
        load_specs([tmp_path])


def test_paths_that_lead_nowhere(tmp_path: Path) -> None:
    for paths, says in (
        ([tmp_path / "none.toml"], "no definition file"),
        ([tmp_path], "no spec"),
        ([], "No spec was named"),
        ([tmp_path / "a" / "b.toml"], "no definition file"),
    ):
        with pytest.raises(NotFoundError, match=says):
            load_specs(paths)
    (tmp_path / "latin.toml").write_bytes(b'a = "\xe9"')
    with pytest.raises(SpecError, match="UTF-8"):
        load(tmp_path / "latin.toml")


def test_the_shops_own_specs_win(tmp_path: Path) -> None:
    workspace = Workspace.at(tmp_path, {})
    assert [spec.name for spec in default_specs(workspace)] == DEFAULTS["simulated"]
    workspace.specs.mkdir()
    written(workspace.specs, CHURN.replace("churn_30d", "churn_own"))
    assert [spec.name for spec in default_specs(workspace)] == ["churn_own"]


def test_own_kinds_join_their_stage() -> None:
    spec = load(HERE / "stage_7d.toml")
    config = {
        "kinds": {
            "livestream": {"stage": "browsing"},
            "preorder": {"stage": "buying"},
            "view": {"stage": "idle"},
            "x": {},
        }
    }
    target, notes = spec.target_for(config, {"view", "livestream", "preorder", "cart", "purchase", "x"})
    assert isinstance(target.recipe, Stages)
    assert target.recipe.browsing == ("livestream",)
    assert target.recipe.considering == ("cart",)
    assert target.recipe.buying == ("preorder", "purchase")
    assert notes == []
    with pytest.raises(SpecError, match=r"'preorder' is mapped to the stage 'bying'.*Did you mean 'buying'"):
        spec.target_for({"kinds": {"preorder": {"stage": "bying"}}}, {"purchase"})


@pytest.mark.parametrize("config", [{"kinds": ["view"]}, {"kinds": {"view": {"stage": 3}}}])
def test_a_kind_map_of_another_shape_is_refused(config: dict) -> None:
    with pytest.raises(SpecError, match=r"intently\.toml: kinds"):
        own_stages(config)


def test_a_till_shows_idle_and_buying_only() -> None:
    target, notes = load(HERE / "stage_7d.toml").target_for({}, {"purchase", "refund"})
    assert target.reachable == (0, 3)
    assert len(target.columns) == 4
    assert len(notes) == 2
    assert "'browsing' is left out" in notes[0]
    assert "'considering' is left out" in notes[1]


def test_complete_journeys_kinds() -> None:
    target, notes = load(HERE / "stage_7d.toml").target_for({}, {"purchase", "join", "message"})
    assert target.reachable == (0, 1, 3)
    assert len(notes) == 1


@pytest.mark.parametrize("name", ["stage_7d", "churn_30d"])
def test_nothing_to_foresee_is_said(name: str) -> None:
    with pytest.raises(TooLittleDataError, match=f"{name}: the log has n"):
        load(HERE / f"{name}.toml").target_for({}, {"message", "signup"})


def test_rows_weigh_one_unless_weights_are_asked_for(tmp_path: Path) -> None:
    assert load(written(tmp_path, CHURN)).weights == Weights(None, False)
    assert not Weights()
    both = CHURN + '[weights]\nhalf_life = "90d"\nper_user = true\n'
    assert load(written(tmp_path, both)).weights == Weights(90 * DAY, True)
    refused(tmp_path, both, '"90d"', '"2h"', "weights.half_life = '2h': must be at least 1d")
    refused(tmp_path, both, "true", '"yes"', "weights.per_user = 'yes'")
    interest = (HERE / "more" / "category_interest.toml").read_text() + '\n[weights]\nhalf_life = "90d"\n'
    refused(tmp_path, interest, "", "", "weights = {'half_life': '90d'}: rows of a next category all weigh one")
    refused(tmp_path, both, "per_user", "per_users", "unknown key 'weights.per_users'")
