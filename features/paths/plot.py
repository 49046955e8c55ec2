"""The analysis as one picture, PNG or SVG, for a slide: paths, transitions, and what moves conversion."""

import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from ..words import zh_kinds
from .tables import arrow

GREEN, RED, BLUE, GREY = "#009E73", "#D55E00", "#0072B2", "#8C8C8C"
CHINESE: Final[tuple[str, ...]] = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "PingFang SC",
    "Hiragino Sans GB", "Heiti TC", "Microsoft YaHei", "SimHei", "Arial Unicode MS",
)  # fmt: skip
"""Fonts that hold Chinese, the first at hand is used."""
STYLE: Final[Any] = {
    "figure.dpi": 130,
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "intently",
    "figure.constrained_layout.use": True,
}
TITLES: Final = {
    "en": {
        "goal": "Paths to {0}, % of {1:,}",
        "leaving": "Paths to leaving, % of {1:,}",
        "next": "What follows in a session, % of the row",
        "movers": "Conversion of journeys with a step less without, points",
        "directly": "(directly)",
    },
    "zh": {
        "goal": "走到{0}的路径，占 {1:,} 的 %",
        "leaving": "走向流失的路径，占 {1:,} 的 %",
        "next": "会话中接下来做什么，占该行的 %",
        "movers": "有该步骤的旅程与没有的转化率差（百分点）",
        "directly": "（直接）",
    },
}
FEW: Final = 12


def draw(result: dict[str, Any], out: Path, form: str, language: str) -> list[str]:
    """Draw the picture.

    Args:
        result: As of `analyse.paths`.
        out: The file.
        form: `png` or `svg`.
        language: `en` or `zh`.

    Returns:
        Notes: whether a font was wanting.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    family = _chinese()
    titles, known = TITLES[language], zh_kinds() if language == "zh" else {}
    goal = known.get(result["to"], result["to"])
    with mpl.rc_context(STYLE | {"font.family": ["DejaVu Sans", *family]}), warnings.catch_warnings(record=True) as met:
        warnings.simplefilter("always")
        figure = Figure(figsize=(13, 9))
        axes = figure.subplots(2, 2, height_ratios=[1, 1.15])
        for ax, name, colour in ((axes[0, 0], "goal", GREEN), (axes[0, 1], "leaving", RED)):
            found = result["paths"][name]
            _paths(ax, found["top"][:FEW], colour, titles["directly"], known)
            ax.set_title(titles[name].format(goal, found["n"]))
        _transitions(axes[1, 0], result["transitions"], known)
        axes[1, 0].set_title(titles["next"])
        _movers(axes[1, 1], result["movers"]["journey"], known)
        axes[1, 1].set_title(titles["movers"])
        figure.savefig(out, format=form, metadata={"Date": None} if form == "svg" else None)
    if any("missing from font" in str(warning.message) for warning in met):
        return [
            "No font on this machine holds all signs of the picture: install one for Chinese, or open the page instead."
        ]
    return []


def _chinese() -> list[str]:
    """A font that holds Chinese; none where there is none."""
    from matplotlib import font_manager

    def found() -> list[str]:
        return [name for name in CHINESE if name in font_manager.get_font_names()][:1]

    if not found():  # matplotlib keeps a list of fonts from its first start: one may have come since
        known = {entry.fname for entry in font_manager.fontManager.ttflist}
        for path in sorted(set(font_manager.findSystemFonts()) - known):
            with suppress(RuntimeError, OSError, ValueError):  # a file that is no font after all
                font_manager.fontManager.addfont(path)
    return found()


def _said(step: str, known: dict[str, str]) -> str:
    """A step in the picture's language, where there is a word for it; dollars are no formula."""
    bare = step.strip("()")
    kind, colon, rest = bare.partition(":")
    text = step.replace(bare, known.get(kind, kind) + colon + rest) if kind in known else step
    return (text if len(text) <= 24 else text[:23] + "…").replace("$", "\\$")


def _paths(ax: Any, rows: list[dict[str, Any]], colour: str, directly: str, known: dict[str, str]) -> None:
    names = [arrow([_said(step, known) for step in row["steps"]]) or directly for row in rows]
    bars = ax.barh(range(len(rows)), [100 * row["share"] for row in rows], color=colour, height=0.7)
    ax.bar_label(bars, fmt="%.1f", padding=3, fontsize=8)
    ax.set_yticks(range(len(rows)), names)
    ax.tick_params(axis="y", length=0)
    ax.invert_yaxis()
    ax.margins(x=0.15)


def _transitions(ax: Any, found: dict[str, Any], known: dict[str, str]) -> None:
    before = found["before"][: FEW + 1]
    chosen = [*range(min(FEW, len(found["after"]) - 1)), len(found["after"]) - 1]
    rates = [[100 * row[k] for k in chosen] for row in found["rates"][: len(before)]]
    ax.imshow([[rate**0.5 for rate in row] for row in rates], cmap="Blues", aspect="auto", vmin=0, vmax=10)
    for y, row in enumerate(rates):
        for x, rate in enumerate(row):
            if rate >= 0.5:
                ax.text(
                    x, y, f"{rate:.0f}", ha="center", va="center", fontsize=7.5, color="white" if rate > 40 else "black"
                )
    ax.set_xticks(
        range(len(chosen)),
        [_said(found["after"][k], known) for k in chosen],
        rotation=40,
        ha="right",
        rotation_mode="anchor",
    )
    ax.set_yticks(range(len(before)), [_said(step, known) for step in before])
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)


def _movers(ax: Any, found: dict[str, Any], known: dict[str, str]) -> None:
    rows = found["steps"][:FEW]
    ax.axvline(0, color=GREY, lw=1)
    for y, row in enumerate(rows):
        colour = (GREEN if row["difference"] > 0 else RED) if row["sure"] else GREY
        ax.plot([100 * row["low"], 100 * row["high"]], [y, y], color=colour, lw=2)
        ax.plot(100 * row["difference"], y, "o", color=colour, ms=5)
    ax.set_yticks(range(len(rows)), [arrow([_said(step, known) for step in row["steps"]]) for row in rows])
    ax.tick_params(axis="y", length=0)
    ax.invert_yaxis()
