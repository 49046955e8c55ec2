"""The picture of the features' speed, drawn from the CSV that `bench_features.py` writes.

python tests/benchmarks/speed_plot.py docs/features-speed.csv docs/features-speed.svg
"""

import csv
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

LABELS = {"intently": "Intently", "duckdb": "DuckDB", "polars": "Polars", "bare": "bare read"}
COLOURS = {"intently": "#1f6f8b", "duckdb": "#c9a227", "polars": "#8d8d8d", "bare": "#b8d8d8"}


def slope(sizes: Sequence[float], seconds: Sequence[float]) -> float:
    """Of the line through the points on logarithmic axes, by least squares."""
    return float(np.polyfit(np.log10(sizes), np.log10(seconds), 1)[0])


def draw(table: Path, out: Path) -> None:
    """Draw what the table has: processor time beside the peers' on the left, growth with the number of events on the right.

    Processor time, as what else a machine does would distort the wall's.
    """
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "intently"
    from matplotlib import pyplot as plt

    with table.open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    groups = [(part, n) for part in ("whole", "inside") for n in ("1", "12")]
    places, ticks = 0.0, []
    for part, n in groups:
        bars = [line for line in lines if (line["part"], line["cutoffs"]) == (part, n) and line["what"] in LABELS]
        if not bars:
            continue
        ticks.append(
            (
                places + (len(bars) - 1) / 2,
                f"{'whole process' if part == 'whole' else 'in process'}\n{n} cutoff{'s' * (n != '1')}",
            )
        )
        for line in bars:
            seconds = float(line["processor"])
            left.bar(places, seconds, color=COLOURS[line["what"]], label=LABELS[line["what"]])
            left.annotate(f"{seconds:.3g}", (places, seconds), ha="center", va="bottom", fontsize=8)
            places += 1
        places += 0.7
    left.set(yscale="log", ylabel="processor seconds", title="45 features, 20 M events, 800,000 users")
    left.set_xticks([place for place, _ in ticks], [text for _, text in ticks], fontsize=8)
    left.set_ylim(top=left.get_ylim()[1] * 2.5)
    known = dict(zip(*reversed(left.get_legend_handles_labels()), strict=True))
    left.legend(known.values(), known.keys(), frameon=False, fontsize=8, ncols=4, loc="upper center")
    own = [line for line in lines if line["part"] == "scale"]
    sizes = [float(line["events"]) for line in own]
    seconds = [float(line["processor"]) for line in own]
    right.plot(sizes, seconds, marker="o", color=COLOURS["intently"], label=f"slope {slope(sizes, seconds):.2f}")
    memory = right.twinx()
    memory.plot(
        sizes,
        [float(line["peak_mib"]) / 1024 for line in own],
        color="#8d8d8d",
        linestyle=":",
        marker="s",
        markersize=3,
    )
    memory.set(ylabel="GiB at the most (dotted)", ylim=(0, None))
    right.set(
        xscale="log", yscale="log", xlabel="events", ylabel="processor seconds", title="One cutoff, whole process"
    )
    right.legend(frameon=False, fontsize=8)
    for axes in (left, right):
        axes.spines[["top"]].set_visible(False)
    figure.savefig(out, metadata={"Date": None})


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
