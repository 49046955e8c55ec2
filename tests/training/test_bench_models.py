"""The benchmark of models runs on a small shop, so that it cannot rot; and the published BG/NBD is the one that is published."""

import sys
from pathlib import Path

import numpy as np
import pytest

from models.spec import load
from training.train import shop_of

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def bench(monkeypatch):
    """A module of the benchmark by name."""
    monkeypatch.syspath_prepend(BENCHMARKS)

    def named(name):
        return __import__(name)

    yield named
    for name in [
        n for n, module in sys.modules.items() if str(getattr(module, "__file__", "")).startswith(str(BENCHMARKS))
    ]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def shop(small):
    return shop_of(small.workspace, 0, None)


@pytest.fixture(scope="module")
def churn(small):
    return load(small.specs[1])


def test_bg_nbd_on_cdnow_has_the_published_estimates(bench):
    """Fader, Hardie & Lee 2005, table 2 on the package's own copy of CDNOW, in weeks."""
    pandas, lifetimes = pytest.importorskip("pandas"), pytest.importorskip("lifetimes")
    data = Path(lifetimes.__file__).parent / "datasets" / "cdnow_customers_summary.csv"
    x, recency, age = pandas.read_csv(data)[["frequency", "recency", "T"]].to_numpy(float).T
    model = bench("bg_nbd").fitted(x, 7 * recency, 7 * age)
    assert model.params_.to_numpy() == pytest.approx([0.243, 4.414, 0.793, 2.426], abs=1e-3)
    p = bench("bg_nbd").buys(model, x, 7 * recency, 7 * age, 30)
    assert ((p >= 0) & (p <= 1)).all()
    never = x == 0  # such a customer had no chance to leave
    r, alpha = model.params_["r"], model.params_["alpha"]
    expected = 1 - ((alpha + age[never]) / (alpha + age[never] + 30 / 7)) ** r
    assert p[never] == pytest.approx(expected, abs=1e-9)


def test_peers_stand_on_the_same_rows(bench, shop, churn):
    peers = bench("bench_peers")
    found = peers.direct(shop, churn)
    assert {"base_rate", "recency", "rfm", "XGBoost", "XGBoost, calibrated", "BG/NBD", "BG/NBD, calibrated"} <= {
        *found["peers"]
    }
    for peer in found["peers"].values():
        gap = peer["difference"]
        assert found["model"] - peer["log_loss"] == pytest.approx(gap["value"])
        assert gap["low"] <= gap["value"] <= gap["high"]
    assert found["peers"]["base_rate"]["difference"]["high"] < 0
    assert len(peers.table("small", {"churn_30d": found})) == 3 + len(found["peers"])


def test_ablations_and_late_arrivals_are_paired(bench, small, shop, churn, tmp_path):
    ablations = bench("bench_ablations")
    found = ablations.ablate(shop, churn, families=False)
    assert "calibration" in found["without"]
    assert any("but 1 of" in name for name in found["without"])
    events = bench("bench_shops").delayed(small.truth.parent, tmp_path / "late")
    import pyarrow.parquet as pq

    late = pq.ParquetFile(events / "events.parquet").read(columns=["ts", "arrived_at", "kind"]).to_pandas()
    wait = (late["arrived_at"] - late["ts"]).dt.total_seconds() / 86400
    bought = late["kind"] == "purchase"
    assert wait[~bought].max() == 0
    assert 6 < wait[bought].max() <= 7


def test_plain_lightgbm_trains_on_our_matrix(bench, shop, churn):
    made, data, families = bench("bench_ablations").gathered(shop, churn)
    assert len(families) == len(data.names)
    bench("bench_overhead").plain(made, data, churn, again=True)
    assert np.isfinite(data.parts["test"].labels).all()
