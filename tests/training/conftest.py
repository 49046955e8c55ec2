"""A small simulated shop, ingested once and trained on once a session; whoever writes copies it first."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from features.intake import ingest
from features.workspace import Workspace
from models.spec import HERE
from training.simulate import simulate
from training.train import train

NOW = 1_790_000_000_000_000


@dataclass(frozen=True)
class Small:
    """A workspace with events, the truth of its shop, and specs that train in seconds."""

    workspace: Workspace
    truth: Path
    specs: tuple[Path, ...]


def lean(text):
    """A spec of ours with few rounds and few rows."""
    lines = text.splitlines()
    short = {"num_iterations": "40", "early_stopping_round": "10", "learning_rate": "0.2", "max_rows": "6000"}
    return "\n".join(f"{n} = {short[n]}" if (n := line.split(" ")[0]) in short else line for line in lines) + "\n"


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    simulate(800, 280, 11, folder / "shop")
    workspace = Workspace(folder / "home", {})
    ingest(workspace, [folder / "shop"], "canonical", timezone="UTC", now=NOW)
    specs = []
    for name in ("stage_7d", "churn_30d"):
        specs.append(folder / f"{name}.toml")
        specs[-1].write_text(lean((HERE / f"{name}.toml").read_text()))
    return Small(workspace, folder / "shop" / "truth.parquet", tuple(specs))


@pytest.fixture(scope="session")
def trained(small):
    """The small shop with version 1 registered; (small, what train answered)."""
    return small, train(small.workspace, small.specs, now=NOW, truth=small.truth)


@pytest.fixture
def own(trained, tmp_path):
    """A copy of the trained workspace to write to. Its store keeps the artifacts' old places, which still exist."""
    small, answer = trained
    shutil.copytree(small.workspace.home, tmp_path / "home")
    return Workspace(tmp_path / "home", dict(os.environ)), answer
