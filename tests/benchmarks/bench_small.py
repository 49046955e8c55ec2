"""What works in a small shop? Our models beside simple ones, LightGBM as it comes, and the best possible, paired.

    python tests/benchmarks/bench_small.py --users 50 --seeds 11 12 13 14 15

Simulates a year of each shop, trains the packaged specs of stage and churn, and prints log loss less the base rate's on the
same test rows, the mean over shops, with the smallest and the largest shop's. A shop with too little data is at 0.
"""

import argparse
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np

from features.intake import ingest
from features.workspace import Workspace
from models.spec import HERE, load_specs
from training.dataset import build
from training.fit import Rows, fit
from training.metrics import losses
from training.simulate import simulate
from training.train import against, learn_all, shop_of

NOW = 1_790_000_000_000_000
SPECS = [HERE / "stage_7d.toml", HERE / "churn_30d.toml"]
SHOWN = ("recency", "frequency", "rfm", "LightGBM as it comes", "Intently", "best possible")


def as_it_comes(shop, one):
    """LightGBM's own parameters and 100 rounds on the same rows, uncalibrated: (r, c) over the test's classes."""
    target, spec = one.model.target, one.spec
    data = build(shop.log, shop.facts, shop.catalogue.select(spec.features), target, one.split, spec.split.max_rows)
    train, test = data.parts["train"], data.parts["test"]
    places = np.unique(train.labels)
    rows = Rows(train.values, np.searchsorted(places, train.labels))
    everything = np.ones(len(train.labels), bool)
    categorical = [name for name in data.names if name in data.vocabularies]
    fitted = fit(
        rows, everything, everything, data.names, categorical, len(places), {}, rounds=100, patience=100, seed=0, label="x"
    )  # fmt: skip
    p = np.zeros((len(test.labels), len(target.classes)))
    p[:, places] = fitted.predict(test.values)
    return p


def gaps(shop, one, truth):
    """Name to log loss less the base rate's on the test rows."""
    test = one.test
    if not len(test.labels):
        return dict.fromkeys(SHOWN, 0.0)
    base = losses(test.labels, test.baselines["base_rate"]).mean()
    found = {name: losses(test.labels, test.baselines[name]).mean() - base for name in SHOWN[:3]}
    found["LightGBM as it comes"] = losses(test.outcome, as_it_comes(shop, one)).mean() - base
    found["Intently"] = losses(test.labels, test.model).mean() - base
    known = against(one, truth)
    found["best possible"] = known["best_log_loss"] - known["base_log_loss"]
    return found


def main():
    """Run the shops and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13, 14, 15])
    options = parser.parse_args()
    table = defaultdict(lambda: defaultdict(list))
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as folder:
            simulate(options.users, 365, seed, Path(folder, "shop"))
            home = Workspace(Path(folder, "home"), {})
            ingest(home, [Path(folder, "shop")], "canonical", timezone="UTC", now=NOW)
            shop = shop_of(home, seed=0, until=None)
            for one in learn_all(shop, load_specs(SPECS))[0]:
                for name, gap in gaps(shop, one, Path(folder, "shop", "truth.parquet")).items():
                    table[one.model.target.name][name].append(gap)
    for target, rows in table.items():
        for name in SHOWN:
            each = rows[name]
            print(
                f"| {options.users} | {target} | {name} | {np.mean(each):+.4f} | {min(each):+.4f} to {max(each):+.4f} |"
            )


if __name__ == "__main__":
    main()
