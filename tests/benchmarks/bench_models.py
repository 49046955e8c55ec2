"""How much of what can be gained do the models gain? Simulated shops, whose best possible probabilities are known.

    python tests/benchmarks/bench_models.py --users 40000 --seeds 201 202 203

For each seed: simulate 365 days, ingest, train with the packaged specs, and compare on the test weeks with the exact filter
given the observed history. Prints a row a seed and target, and the means.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]


def intently(*words):
    """One verb as a process; its JSON."""
    command = [sys.executable, "-m", "intently", "--json", *map(str, words)]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout)


def main():
    """Run the seeds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=40_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[201, 202, 203])
    options = parser.parse_args()
    print("| seed | target | rows | base rate | model | best possible | share of the gain | calibration error |")
    print("|---|---|---|---|---|---|---|---|")
    means = defaultdict(list)
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as folder:
            shop, home = Path(folder) / "shop", Path(folder) / "home"
            intently("simulate", "--users", options.users, "--days", 365, "--seed", seed, "--out", shop)
            intently("--home", home, "ingest", shop, "--format", "canonical", "--timezone", "UTC")
            trained = intently("--home", home, "train", "--truth", shop / "truth.parquet")
        for name, target in trained["targets"].items():
            truth, ece = target["truth"], target["metrics"]["ece"]["value"]
            means[name].append((truth["share"], ece))
            losses = " | ".join(f"{truth[f'{who}_log_loss']:.4f}" for who in ("base", "model", "best"))
            print(f"| {seed} | {name} | {truth['rows']:,} | {losses} | {truth['share']:.1%} | {ece:.4f} |", flush=True)
    for name, figures in means.items():
        share, ece = (sum(column) / len(figures) for column in zip(*figures, strict=True))
        print(f"| mean | {name} | | | | | {share:.1%} | {ece:.4f} |")


if __name__ == "__main__":
    main()
