"""Pictures of a model, as PNG: are its probabilities right, what does its ranking gain, what does it rest on.

Colours are of the Okabe-Ito set, which those who see fewer colours tell apart.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from .resample import Resamples, bins_of

BLUE, ORANGE, GREEN, PINK, GREY = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#8C8C8C"
COLOURS: Final = (BLUE, ORANGE, GREEN, PINK, "#56B4E9", "#D55E00")
STYLE: Final[Any] = {
    "figure.dpi": 120,
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E6E6E6",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
}


def figure(
    path: Path, size: tuple[float, float], columns: int, title: str, draw: Any, below: float | None = None
) -> None:
    """Draw on a row of axes, with a second row `below` times as high where given; pyplot's global state is not touched."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        made = Figure(figsize=size)
        heights = [1] if below is None else [1, below]
        draw(made.subplots(len(heights), columns, squeeze=False, height_ratios=heights, sharex="col"))
        made.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
        made.savefig(path)


def calibration(
    path: Path, title: str, labels: np.ndarray, p: np.ndarray, classes: Sequence[str], resamples: Resamples
) -> None:
    """Reliability: what was said against what happened, in 15 bins of equal mass, with 95 % intervals from users drawn.

    Args:
        path: PNG to write.
        title: Of the picture.
        labels: (r,) int64 class.
        p: (r, c) probabilities.
        classes: (c,) names; of two, the second is drawn.
        resamples: Draws of the rows' users.
    """
    shown = list(range(len(classes))) if len(classes) > 2 else [1]

    def draw(axes: Any) -> None:
        for ax, side, k in zip(*axes, shown, strict=True):
            said, seen, low, high = reliability(p[:, k], labels == k, resamples)
            top = min(1.0, 1.08 * max(said.max(), high.max(), 0.02))
            ax.plot([0, top], [0, top], color=GREY, lw=1, ls="--", label="perfect")
            ax.errorbar(said, seen, [seen - low, high - seen], fmt="o", ms=3.5, lw=1, color=BLUE, label="95 % interval")
            side.hist(p[:, k], bins=np.linspace(0, top, 41), color=BLUE, alpha=0.6)
            side.set(yticks=[], xlabel=f"P({classes[k]}) said, and how often")
            side.grid(visible=False)
            ax.set(title=classes[k], xlim=(0, top), ylim=(0, top))
        axes[0, 0].set_ylabel("share that it happened")
        axes[0, 0].legend(loc="upper left")

    figure(path, (2.9 * len(shown) + 1.2, 4.4), len(shown), title, draw, below=0.16)


def reliability(scores: np.ndarray, positive: np.ndarray, resamples: Resamples) -> tuple[np.ndarray, ...]:
    """(bins,) each: mean score, share of positives, and its 95 % interval from users drawn."""
    bins = bins_of(scores)
    found = []
    for b in np.unique(bins):
        inside = bins == b
        n = resamples.weights.shape[1]
        hits = np.bincount(resamples.person, inside & positive, n)
        rows = np.bincount(resamples.person, inside, n)
        drawn = resamples.weights @ rows
        shares = (resamples.weights @ hits)[drawn > 0] / drawn[drawn > 0]
        seen = positive[inside].mean()
        low, high = np.quantile(shares, [0.025, 0.975]) if len(shares) else (seen, seen)
        found.append((scores[inside].mean(), seen, min(low, seen), max(high, seen)))
    return tuple(np.array(found).T)


def gain(path: Path, title: str, positive: np.ndarray, scores: Mapping[str, np.ndarray], word: str) -> None:
    """Cumulative gain, and lift, of the model beside its baselines.

    Args:
        path: PNG to write.
        title: Of the picture.
        positive: (r,) bool.
        scores: Name to (r,) scores, the model first.
        word: What a positive is, such as `churned`.
    """

    def draw(axes: Any) -> None:
        reached, lifted = axes[0]
        share = np.linspace(0, 1, 201)
        for i, (name, score) in enumerate(scores.items()):
            found = caught(positive, score, share)
            look = {"color": COLOURS[i % len(COLOURS)], "lw": 2.0 if i == 0 else 1.2, "label": name.replace("_", " ")}
            reached.plot(100 * share, 100 * found, **look)
            lifted.plot(100 * share[4:], found[4:] / share[4:], **look)
        rate = positive.mean()
        ideal = np.minimum(1, share / max(rate, 1e-9))
        reached.plot(100 * share, 100 * ideal, color=GREY, lw=1, ls=":", label="perfect ranking")
        reached.plot([0, 100], [0, 100], color=GREY, lw=1, ls="--", label="chance")
        lifted.axhline(1, color=GREY, lw=1, ls="--")
        reached.set(
            title="Gain", xlabel="% of users contacted, likeliest first", ylabel=f"% of all {word} reached",
            xlim=(0, 100), ylim=(0, 101),
        )  # fmt: skip
        lifted.set(
            title=f"Lift over the base rate of {100 * rate:.1f} %", xlabel="% of users contacted, likeliest first",
            ylabel="times the base rate", xlim=(0, 100), ylim=(0, None),
        )  # fmt: skip
        reached.legend(loc="lower right")

    figure(path, (8.6, 3.9), 2, title, draw)


def caught(positive: np.ndarray, scores: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Share of the positives among the top `share` by score; ties count evenly."""
    values, place, sizes = np.unique(-scores, return_inverse=True, return_counts=True)
    hits = np.bincount(place, positive, len(values))
    taken = np.concatenate([[0], np.cumsum(sizes)]) / len(scores)
    found = np.concatenate([[0], np.cumsum(hits)]) / max(1, positive.sum())
    curve: np.ndarray = np.interp(share, taken, found)
    return curve


def importance(path: Path, title: str, rows: Sequence[tuple[str, str, float]]) -> None:
    """Share of the total gain, by family and for the 20 first features.

    Args:
        path: PNG to write.
        title: Of the picture.
        rows: Feature, family, gain.
    """
    total = sum(row[2] for row in rows) or 1.0
    families: dict[str, float] = {}
    for _, family, value in rows:
        families[family] = families.get(family, 0.0) + value
    ordered = sorted(families, key=lambda family: -families[family])
    colour = {family: COLOURS[i % len(COLOURS)] if i < len(COLOURS) else GREY for i, family in enumerate(ordered)}
    first = sorted(rows, key=lambda row: (-row[2], row[0]))[:20]

    def draw(axes: Any) -> None:
        left, right = axes[0]
        for ax, names, values, colours in (
            (left, ordered, [families[name] for name in ordered], [colour[name] for name in ordered]),
            (right, [row[0] for row in first], [row[2] for row in first], [colour[row[1]] for row in first]),
        ):
            bars = ax.barh(names, [100 * value / total for value in values], color=colours, height=0.7)
            ax.bar_label(bars, fmt="%.1f", padding=2, fontsize=7.5)
            ax.invert_yaxis()
            ax.grid(visible=False, axis="y")
            ax.set_xlabel("% of the total gain")
            ax.margins(x=0.12)
        left.set_title("By family")
        right.set_title("The 20 first features")

    figure(path, (9.2, 5.0), 2, title, draw)
