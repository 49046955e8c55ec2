"""The whole flow on a small shop: figures, failures that stop nothing else, the same models twice, no leak."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.errors import NotFoundError, NotReadyError, TooLittleDataError
from features.events import DAY
from features.workspace import Workspace
from models import bundle
from models.spec import load_specs
from training import learn as learning
from training.learn import learn
from training.metrics import NAMES
from training.split import span_of
from training.train import learn_all, shop_of, train
from training.truth import attainable

from .conftest import NOW

METRIC = {"value", "low", "high"}


def test_the_answer_has_the_shape_that_scripts_rely_on(trained):
    _, answer = trained
    assert answer["version"] == "1"
    assert len(answer["run_id"]) == 32
    assert list(answer["targets"]) == ["stage_7d", "churn_30d"]
    for name, target in answer["targets"].items():
        assert set(target["metrics"]) == set(NAMES)
        assert set(target["baselines"]) == {"base_rate", "recency", "frequency", "rfm", "aipl"}
        for figures in (target["metrics"], *target["baselines"].values(), target["differences"]):
            assert all(set(measure) == METRIC for measure in figures.values())
        assert target["n_train"] > 500
        assert target["n_test"] > 500
        assert ("positives" in target) == (name == "churn_30d")
        assert ("classes" in target) == (name == "stage_7d")
    assert sum(answer["targets"]["stage_7d"]["classes"].values()) == answer["targets"]["stage_7d"]["n_train"]
    json.dumps(answer, allow_nan=False)


def test_the_models_beat_the_baselines_and_stay_below_the_best_possible(trained):
    _, answer = trained
    for name, target in answer["targets"].items():
        assert target["differences"]["base_rate"]["high"] < 0, name
        assert target["differences"]["recency"]["high"] < 0, name
        truth = target["truth"]
        assert truth["rows"] == target["n_test"]
        assert truth["model_log_loss"] == pytest.approx(target["metrics"]["log_loss"]["value"])
        assert truth["base_log_loss"] == pytest.approx(target["baselines"]["base_rate"]["log_loss"]["value"])
        assert 0.5 < truth["share"] < 1.05
        assert truth["best_log_loss"] < truth["base_log_loss"]


def test_the_bundle_answers_as_training_measured(trained):
    """From the log through the bundle to the truth: the same figures as in memory, on all rows."""
    small, answer = trained
    again = attainable(small.workspace, answer["version"], small.truth)
    for name, target in answer["targets"].items():
        assert again[name] == pytest.approx(target["truth"], rel=1e-9)


def test_twice_is_the_same_to_the_byte(small, trained):
    shop = shop_of(small.workspace, seed=0, until=None)
    again, errors = learn_all(shop, load_specs(small.specs))
    assert errors == {}
    for one in again:
        name = one.model.target.name
        path = small.workspace.bundles / "1" / f"{name}.booster.txt"
        assert one.model.booster_text == path.read_text()
        assert one.to_json()["metrics"] == trained[1]["targets"][name]["metrics"]


def test_a_shuffled_target_gives_no_gain(small, monkeypatch):
    """The canary: rows whose outcomes are dealt out anew leave nothing to learn, or a feature has seen the outcome."""
    whole = learning.build

    def dealt(*args):
        data, generator = whole(*args), np.random.default_rng(0)
        parts = {name: replace(part, labels=generator.permutation(part.labels)) for name, part in data.parts.items()}
        return replace(data, parts=parts)

    monkeypatch.setattr(learning, "build", dealt)
    [spec] = [spec for spec in load_specs(small.specs) if spec.name == "churn_30d"]
    found = learn(shop_of(small.workspace, seed=0, until=None), spec)
    assert found.differences["base_rate"]["high"] > -0.001
    assert abs(found.metrics["auc"]["value"] - 0.5) < 0.05


def test_nothing_after_until_is_used(small):
    shop = shop_of(small.workspace, seed=0, until=None)
    until = shop.end - 60 * DAY
    cut = shop_of(small.workspace, seed=0, until=until)
    [spec] = [spec for spec in load_specs(small.specs) if spec.name == "stage_7d"]
    assert span_of(shop.log, until)[1] == cut.end == until
    assert max(learn(cut, spec).split.test) + 7 * DAY <= until


def test_a_failing_target_does_not_stop_the_other(small, tmp_path):
    text = small.specs[1].read_text()
    (tmp_path / "stage.toml").write_text(small.specs[0].read_text())
    (tmp_path / "far.toml").write_text(text.replace('name = "churn_30d"', 'name = "far"').replace('"30d"', '"120d"'))
    few = text.replace('"churn_30d"', '"few"').replace('["purchase"]', '["refer"]').replace('"180d"', '"1d"')
    (tmp_path / "few.toml").write_text(few)
    specs = [tmp_path / name for name in ("stage.toml", "far.toml", "few.toml")]
    none = text.replace('"churn_30d"', '"none"').replace('["purchase"]', '["wave"]')
    (tmp_path / "none.toml").write_text(none)
    specs.append(tmp_path / "none.toml")
    learned, errors = learn_all(shop_of(small.workspace, seed=0, until=None), load_specs(specs))
    assert [(one.model.target.name, one.model.method == "base_rate") for one in learned] == [
        ("stage_7d", False),
        ("far", True),
        ("few", True),
    ]
    assert any("120 days ahead needs" in note for note in learned[1].notes)
    assert any("The log will be long enough on 2026-" in note for note in learned[1].notes)
    assert any("at least 100 are needed. Ingest more events of kind refer" in note for note in learned[2].notes)
    assert set(errors) == {"none"}
    assert isinstance(errors["none"], TooLittleDataError)
    assert "no event of kind wave" in errors["none"].message


def test_where_nothing_can_be_learned_nothing_is_registered(small, tmp_path):
    home = Workspace(small.workspace.home, {"INTENTLY_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"})
    none = tmp_path / "none.toml"
    none.write_text(small.specs[1].read_text().replace('["purchase"]', '["wave"]'))
    before = sorted(home.bundles.glob("*"))
    with pytest.raises(TooLittleDataError, match="no event of kind wave"):
        train(home, [none], now=NOW)
    assert sorted(home.bundles.glob("*")) == before


def test_before_the_first_event_training_says_what_to_do(tmp_path):
    with pytest.raises(NotReadyError, match="ingest"):
        train(Workspace(tmp_path / "home", {}), None, now=NOW)


def test_a_truth_that_is_not_there_is_refused_before_the_work(small):
    with pytest.raises(NotFoundError, match=r"no file .*nowhere\.parquet"):
        train(small.workspace, small.specs, now=NOW, truth=Path("nowhere.parquet"))


def test_the_bundle_says_where_it_comes_from(trained):
    small, answer = trained
    [version] = [path for path in small.workspace.bundles.iterdir() if path.name == answer["version"]]
    about = json.loads((version / "manifest.json").read_text())
    assert about["lineage"]["run"] == answer["run_id"]
    assert set(about["lineage"]) >= {"log_version", "catalogue", "specs", "code", "seed", "test_cutoffs"}
    assert about["version"] == answer["version"]
    assert bundle.pointer(small.workspace) is None  # a challenger answers nobody
