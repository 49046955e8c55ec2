"""Simulated shops, whose best possible probabilities are known: how much of what can be gained is gained."""

from bench_shops import simulated

from models.spec import HERE, load
from training.learn import learn
from training.train import against

TARGETS = ("churn_30d", "stage_7d")


def run(users, seed, folder):
    """Target to what `training.truth.compare` says."""
    shop, made = simulated(users, seed, folder)
    return {name: against(learn(shop, load(HERE / f"{name}.toml")), made / "truth.parquet") for name in TARGETS}


def table(found):
    """Lines of Markdown, of seed to what `run` said."""
    lines = [
        "\n| seed | target | rows | base rate | model | best possible | share of the gain | calibration error |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for seed, targets in found.items():
        for name, one in targets.items():
            columns = " | ".join(f"{one[f'{who}_log_loss']:.4f}" for who in ("base", "model", "best"))
            lines.append(f"| {seed} | {name} | {one['rows']:,} | {columns} | {one['share']:.1%} | {one['ece']:.4f} |")
    for name in TARGETS:
        share, ece = (sum(one[name][key] for one in found.values()) / len(found) for key in ("share", "ece"))
        lines.append(f"| mean | {name} | | | | | {share:.1%} | {ece:.4f} |")
    return lines
