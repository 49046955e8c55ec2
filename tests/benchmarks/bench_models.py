"""What the models are worth, in a run that a sceptic can repeat: beside the best possible, beside peers, without their parts.

    python tests/benchmarks/bench_models.py
    python tests/benchmarks/bench_models.py --parts peers taobao --folder /somewhere --json figures.json

simulated   three unseen seeds: the share of the attainable gain in log loss, of stage and churn
peers       Complete Journey and Online Retail: churn and next purchase beside BG/NBD, recency, RFM, XGBoost
taobao      nine days of Taobao: stage and purchase within a day, likewise
ablations   what calibration, cutoffs, families of features and honest arrival are worth
overhead    processor time and memory beside LightGBM alone

Prints tables in Markdown. What a part found is kept in FOLDER, from which a run that was cut off goes on.
"""

import argparse
import json
import tempfile
from pathlib import Path

import bench_ablations
import bench_overhead
import bench_peers
import bench_simulated
from bench_shops import real, simulated

from models.spec import HERE

PARTS = ("simulated", "peers", "taobao", "ablations", "overhead")
TITLES = {"complete-journey": "Complete Journey", "online-retail": "Online Retail", "taobao": "Taobao, nine days"}


def kept(folder, name, found):
    """What `found()` says, asked once a folder."""
    path = folder / f"{name}.json"
    if not path.exists():
        figures = found()
        path.write_text(json.dumps(figures, indent=1))
    return json.loads(path.read_text())


def simulated_part(options):
    """Every seed, one after another."""
    users, folder = options.users, options.folder
    found = {
        str(seed): kept(folder, f"{users}-{seed}", lambda seed=seed: bench_simulated.run(users, seed, folder))
        for seed in options.seeds
    }
    return found, bench_simulated.table(found)


def beside(*names):
    """A part of data sets beside peers."""

    def part(options):
        found = {
            n: {
                target: kept(options.folder, f"{n}-{target}", study)
                for target, study in bench_peers.studies(n, options.folder).items()
            }
            for n in names
        }
        return found, [line for n in names for line in bench_peers.table(TITLES[n], found[n])]

    return part


def ablations(options):
    """On a smaller shop of the first seed, and on Complete Journey."""
    users, seed = options.users // 4, options.seeds[0]
    found = {
        what: kept(options.folder, "ablations-" + "".join(c for c in what if c.isalnum()), study)
        for what, study in bench_ablations.studies(users, seed, options.folder).items()
    }
    return found, bench_ablations.table(found)


def overhead(options):
    """On the first seed's shop, and on Complete Journey."""
    folder = options.folder

    def simulated_shop():
        shop, made = simulated(options.users, options.seeds[0], folder)
        return bench_overhead.run(shop, made.parent / "home", HERE / "churn_30d.toml", folder)

    def journey():
        home, spec = folder / "complete-journey" / "home", HERE / "complete-journey" / "churn_30d.toml"
        return bench_overhead.run(real("complete-journey", folder), home, spec, folder)

    found = {
        f"simulated, {options.users:,} users, `churn_30d`": kept(folder, "overhead-simulated", simulated_shop),
        "Complete Journey, `churn_30d`": kept(folder, "overhead-journey", journey),
    }
    return found, [line for what, one in found.items() for line in bench_overhead.table(what, one)]


RUN = {
    "simulated": simulated_part,
    "peers": beside("complete-journey", "online-retail"),
    "taobao": beside("taobao"),
    "ablations": ablations,
    "overhead": overhead,
}


def main():
    """Run the parts and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--users", type=int, default=40_000, help="of a simulated shop")
    parser.add_argument("--seeds", type=int, nargs="+", default=[201, 202, 203])
    parser.add_argument("--folder", type=Path, help="for shops and figures; default: one that goes at the end")
    parser.add_argument("--json", type=Path, help="a file for all figures")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as passing:
        options.folder = (options.folder or Path(passing)).absolute()
        options.folder.mkdir(parents=True, exist_ok=True)
        figures = {}
        for part in options.parts:
            figures[part], lines = RUN[part](options)
            print(f"\n### {part}", *lines, sep="\n", flush=True)
        if options.json:
            options.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
