"""The registry through MLflow's own client: runs, versions, aliases; promotion and return; what an interruption leaves."""

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from mlflow import MlflowClient

from features.errors import BusyError, DamagedError, InputError, NotFoundError, NotReadyError
from features.workspace import Workspace
from models import bundle
from training import page
from training.metrics import NAMES
from training.promotion import promote, rollback
from training.registry import MODEL, connect, quiet
from training.train import train

from .conftest import NOW

PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def store(trained):
    """MLflow's client on the store, the parent run, and the children by target."""
    small, answer = trained
    client = MlflowClient(small.workspace.tracking_uri)
    with quiet():
        parent = client.get_run(answer["run_id"])
        runs = client.search_runs([parent.info.experiment_id], f"tags.`mlflow.parentRunId` = '{answer['run_id']}'")
    return client, parent, {run.info.run_name: run for run in runs}


def test_a_training_is_a_parent_with_a_child_a_target(store, trained):
    _, parent, children = store
    assert parent.info.status == "FINISHED"
    assert set(children) == {"stage_7d", "churn_30d"}
    assert all(child.info.status == "FINISHED" for child in children.values())
    assert parent.info.run_name.endswith("stage_7d + churn_30d")
    assert parent.data.tags["intently.version"] == "1"
    assert "log loss" in parent.data.tags["mlflow.note.content"]


def test_the_childrens_metrics_are_the_answers_and_stand_in_the_parent(store, trained):
    _, parent, children = store
    for kind, name in (("stage", "stage_7d"), ("churn", "churn_30d")):
        target, found = trained[1]["targets"][name], children[name].data.metrics
        for metric in NAMES:
            measure = target["metrics"][metric]
            assert found[metric] == measure["value"]
            assert (found[f"{metric}.low"], found[f"{metric}.high"]) == (measure["low"], measure["high"])
            assert parent.data.metrics[f"{kind}/{metric}"] == measure["value"]
            assert found[f"rfm.{metric}"] == target["baselines"]["rfm"][metric]["value"]
        assert found["minus_rfm.log_loss.high"] == target["differences"]["rfm"]["high"]
        curve = store[0].get_metric_history(children[name].info.run_id, "stop_log_loss")
        assert [point.step for point in curve] == list(range(1, len(curve) + 1))


def test_params_tell_one_training_from_another(store, trained):
    _, parent, children = store
    assert set(parent.data.params) >= {"log_version", "catalogue", "code", "seed", "log_end", "lightgbm", "targets"}
    for name, child in children.items():
        params = child.data.params
        assert params["calibration"] == trained[1]["targets"][name]["calibration"]["method"]
        assert params["rows.train"] == str(trained[1]["targets"][name]["n_train"])
        assert params["lightgbm.learning_rate"] == "0.2"
        assert params["lightgbm.deterministic"] == "True"
        assert params["split.test"].endswith("cutoffs")


def test_the_log_is_the_runs_dataset(store, trained):
    for run in (store[1], *store[2].values()):
        [given] = run.inputs.dataset_inputs
        assert given.dataset.name == "events"
        source = json.loads(given.dataset.source)
        assert f"v{source['delta_table_version']}" == given.dataset.digest
        assert source["path"] == str(trained[0].workspace.events)


def test_pictures_tables_spec_bundle_and_environment_are_artifacts(store, trained, tmp_path):
    client, parent, children = store
    small, answer = trained
    for name, child in children.items():
        folder = Path(client.download_artifacts(child.info.run_id, "", str(tmp_path)))
        for picture in ("calibration", "gain", "importance"):
            assert (folder / f"{picture}.png").read_bytes()[:4] == PNG
        assert (folder / f"{name}.toml").read_text() == small.specs[name == "churn_30d"].read_text()
        rows = list(csv.DictReader((folder / "importance.csv").read_text().splitlines()))
        assert [float(row["gain"]) for row in rows] == sorted((float(row["gain"]) for row in rows), reverse=True)
        assert len(rows) == answer["targets"][name]["n_features"]
    whole = Path(client.download_artifacts(parent.info.run_id, "", str(tmp_path / "parent")))
    assert "lightgbm==" in (whole / "environment.txt").read_text()
    assert json.loads((whole / "training.json").read_text())["version"] == answer["version"]
    for path in (small.workspace.bundles / "1").rglob("*"):
        if path.is_file():
            assert (
                whole / "bundle" / path.relative_to(small.workspace.bundles / "1")
            ).read_bytes() == path.read_bytes()


def test_the_version_is_registered_as_challenger_with_its_digest(store, trained):
    small, answer = trained
    version = store[0].get_model_version_by_alias(MODEL, "challenger")
    assert str(version.version) == answer["version"]
    assert version.run_id == answer["run_id"]
    assert version.source == f"runs:/{answer['run_id']}/bundle"
    bundle.load(small.workspace.bundles / answer["version"], version.tags["digest"])


def second(workspace):
    """A second version: the first one's bundle under its own number, as a training would store it."""
    registry = connect(workspace)
    with registry.run("second", {}) as run:
        version = registry.reserve(run)
        loaded = bundle.load(*registry.bundle("1"))
        digest = bundle.write(
            workspace.bundles / version,
            facts=loaded.facts,
            catalogue=loaded.catalogue,
            models=loaded.models,
            specs={},
            created=NOW,
        )
        registry.store(run, workspace.bundles / version, "bundle")
        registry.finish(version, digest, "second")
    return version


def test_promotion_moves_alias_and_pointer_and_rollback_brings_them_back(own):
    workspace, _ = own
    version = second(workspace)
    client = MlflowClient(workspace.tracking_uri)
    assert str(client.get_model_version_by_alias(MODEL, "challenger").version) == version == "2"
    assert promote(workspace, "1")["previous"] is None
    first = bundle.pointer(workspace)
    assert promote(workspace, "1")["version"] == "1"  # nothing changes
    assert bundle.pointer(workspace) == first
    assert promote(workspace, version)["previous"] == "1"
    assert str(client.get_model_version_by_alias(MODEL, "champion").version) == version
    assert bundle.champion(workspace).version == version
    assert rollback(workspace)["version"] == "1"
    assert str(client.get_model_version_by_alias(MODEL, "champion").version) == "1"
    assert bundle.pointer(workspace).version == "1"
    with pytest.raises(NotReadyError, match="nothing to roll back to"):
        rollback(workspace)


def test_what_cannot_be_promoted_leaves_everything_as_it_was(own):
    workspace, _ = own
    with pytest.raises(NotFoundError, match=r"no version '9'.*Versions: 1"):
        promote(workspace, "9")
    victim = next((workspace.bundles / "1").glob("stage_7d.booster.txt"))
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    with pytest.raises(DamagedError, match=r"stage_7d\.booster\.txt"):
        promote(workspace, "1")
    unreachable = "http://127.0.0.1:9"
    with pytest.raises(NotReadyError, match="does not answer"):
        promote(workspace, "1", tracking_uri=unreachable)
    with pytest.raises(InputError, match="Tracking URI"):
        promote(workspace, "1", tracking_uri="mlruns")
    assert bundle.pointer(workspace) is None


def test_where_nothing_was_ingested_nothing_is_made(tmp_path):
    workspace = Workspace(tmp_path / "home", {})
    for act in (lambda: promote(workspace, "1"), lambda: rollback(workspace), lambda: page.ui(workspace, 5000)):
        with pytest.raises(NotReadyError, match="No workspace"):
            act()
    assert not workspace.home.exists()


def test_rollback_works_while_mlflow_is_down_and_says_so(own):
    workspace, _ = own
    first = bundle.Pointer("1", connect(workspace).bundle("1")[1])
    workspace.champion.write_text(json.dumps({"version": "2", "digest": "0" * 64, "previous": vars_of(first)}))
    answer = rollback(workspace, tracking_uri="http://127.0.0.1:9")
    assert answer["version"] == "1"
    assert answer["alias"] is None
    assert "did not move" in answer["note"]
    assert bundle.pointer(workspace).version == "1"


def vars_of(found):
    return {"version": found.version, "digest": found.digest, "previous": None}


def test_a_bundle_trained_elsewhere_is_fetched_from_the_store(own):
    workspace, _ = own
    shutil.rmtree(workspace.bundles / "1")
    assert promote(workspace, "1")["version"] == "1"
    assert bundle.champion(workspace).version == "1"


def test_what_an_interrupted_training_left_is_removed_by_the_next(own):
    workspace, _ = own
    registry = connect(workspace)
    client = registry.client
    run = client.create_run(registry.experiment, tags={"intently.workspace": str(workspace.home)}).info.run_id
    version = registry.reserve(run)
    (workspace.bundles / version).mkdir()
    assert version not in registry.versions()
    with pytest.raises(NotFoundError):
        registry.bundle(version)
    assert [f"Version {version}" in note for note in registry.tidy()] == [True]
    assert not (workspace.bundles / version).exists()
    assert client.get_run(run).info.status == "KILLED"
    assert registry.tidy() == []
    assert list(registry.versions()) == ["1"]


def test_a_number_that_another_registry_gave_is_skipped(own, tmp_path):
    workspace, _ = own
    other = connect(workspace, f"sqlite:///{tmp_path}/other.db")
    with other.run("other", {}) as run:
        assert other.reserve(run) == "2"
    assert (workspace.bundles / "1" / "manifest.json").exists()


def test_a_failure_ends_the_run_as_failed(own):
    workspace, _ = own
    registry = connect(workspace)
    for error, status in ((ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")):
        with pytest.raises(error), registry.run("falls", {}) as run:
            raise error
        assert registry.client.get_run(run).info.status == status


def test_killed_while_it_stores_a_training_leaves_no_version(small, tmp_path):
    """A real process, killed without warning between reserving a version and finishing it."""
    home = tmp_path / "home"
    shutil.copytree(small.workspace.home / "log", home / "log")
    shutil.copy(small.workspace.home / "workspace.json", home)
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from features.workspace import Workspace; from training import record; from training.train import train\n"
        "store = record.Registry.store\n"
        "def die(self, run, folder, path=None):\n"
        "    if path == 'bundle': os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return store(self, run, folder, path)\n"
        "record.Registry.store = die\n"
        f"train(Workspace(Path({str(home)!r}), {{}}), [Path({str(small.specs[1])!r})], now={NOW})"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    workspace = Workspace(home, {})
    assert connect(workspace).versions() == {}
    assert bundle.pointer(workspace) is None
    answer = train(workspace, [small.specs[1]], now=NOW)
    assert answer["version"] == "2"  # MLflow gives no number twice
    assert any("left unfinished" in note for note in answer["notes"])
    assert list(connect(workspace).versions()) == ["2"]
    assert [path.name for path in workspace.bundles.iterdir()] == ["2"]


def test_the_page_opens_where_the_runs_are(own):
    """MLflow's server as a real process: it answers, the page is there, and it goes when asked."""
    workspace, _ = own
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.listen()
        with pytest.raises(BusyError, match=f"Port {port} is in use"):
            page.ui(workspace, port, open_browser=False)
    seen = {}

    def stop_when_up():
        for _ in range(600):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1) as answer:
                    seen["health"] = answer.status
                break
            except OSError:
                time.sleep(0.2)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as answer:
                seen["page"] = b"MLflow" in answer.read()
            seen["versions"] = list(connect(workspace, f"http://127.0.0.1:{port}").versions())
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    watcher = threading.Thread(target=stop_when_up)
    watcher.start()
    answer = page.ui(workspace, port, open_browser=False)
    watcher.join()
    assert seen == {"health": 200, "page": True, "versions": ["1"]}
    assert answer["url"] == f"http://127.0.0.1:{port}/#/experiments/1/runs?workflowType=machine_learning"
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))  # it is free


def test_a_server_is_opened_rather_than_started(monkeypatch):
    assert page.runs_url("http://mlflow.shop:5000/", "7").startswith("http://mlflow.shop:5000/#/experiments/7/runs")
