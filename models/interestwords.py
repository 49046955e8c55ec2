"""Why a category: what the person did with it, in words, by exact contributions to its score."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from features.matrix import Matrix

from .candidates import NAMES, Own
from .interest import GROUPS, WINDOWS
from .interestmodel import InterestModel

VERBS: Final = {
    "browse": ("looked", "浏览"),
    "want": ("put it aside or into the cart", "加购或收藏"),
    "buy": ("bought", "购买"),
}
SHOP: Final = ("markov", "popularity", "place")


def voices() -> dict[str, list[int]]:
    """Question to its columns: what was done, by group; the shop's own shares and moves; the rest is of the person."""
    found: dict[str, list[int]] = {name: [] for name in (*GROUPS, "shop", "person")}
    for place, name in enumerate(NAMES):
        verb = next((group for group in ("browse", "want") if group in name and not name.startswith("all_")), None)
        if name in SHOP:
            found["shop"].append(place)
        elif verb:
            found[verb].append(place)
        elif name in ("all_buys", "all_browses", "n_touched", "days_since_touch"):
            found["person"].append(place)
        else:
            found["buy"].append(place)
    return found


def reasons(
    model: InterestModel, matrix: Matrix, rows: np.ndarray, category: int, most: int
) -> list[list[dict[str, Any]]]:
    """The strongest reasons of each row's score for one category, the strongest first.

    Args:
        model: Whose prediction.
        matrix: What it was predicted from.
        rows: (r,) places of its rows.
        category: Place in the target's classes.
        most: Reasons given.
    """
    each, _ = model.contributions(matrix, rows, category)
    mine = model.own(matrix, rows)
    told = []
    for row in range(len(rows)):
        sums = {name: float(sum(each[row, place] for place in places)) for name, places in voices().items()}
        strongest = sorted((name for name in sums if sums[name] != 0), key=lambda name: (-abs(sums[name]), name))
        told.append([_reason(name, sums[name], mine, row, category) for name in strongest[:most]])
    return told


def _reason(name: str, contribution: float, mine: Own, row: int, category: int) -> dict[str, Any]:
    value, words = said(name, mine, row, category)
    effect = "raises" if contribution >= 0 else "lowers"
    zh = "提高" if contribution >= 0 else "降低"
    return {
        "feature": f"category_{name}",
        "family": "categories",
        "value": value,
        "unit": "events",
        "contribution": contribution,
        "en": f"{words['en']} ({contribution:+.2f})",
        "zh": f"{words['zh']}（{contribution:+.2f}）",
        "effect": effect,
        "sentence": {
            "en": f"{words['en']}, which {effect} the probability of this category ({contribution:+.2f})",
            "zh": f"{words['zh']}，{zh}该品类的概率（{contribution:+.2f}）",
        },
    }


def said(name: str, mine: Own, row: int, category: int) -> tuple[float | None, Mapping[str, str]]:
    """How often, lately where it was lately, and the words for it."""
    if name == "shop":
        return None, {"en": "what the shop sells most, and after the last order", "zh": "全店热度与上次所购之后的去向"}
    if name == "person":
        return float(mine.touched[row]), {
            "en": f"{mine.touched[row]:.0f} categories touched",
            "zh": f"接触过{mine.touched[row]:.0f}个品类",
        }
    en, zh = VERBS[name]
    first = GROUPS.index(name) * len(WINDOWS)
    counts = mine.counts[row, category, first : first + len(WINDOWS)]
    if not counts[-1]:
        return 0.0, {"en": f"never {en} in this category", "zh": f"从未{zh}该品类"}
    window = int(np.flatnonzero(counts)[0])  # the shortest in which anything was done
    n, days = counts[window], WINDOWS[window]
    times = "once" if n == 1 else f"{n:.0f} times"
    return float(n), {"en": f"{en} {times} in {days} days", "zh": f"{days}天内{zh}{n:.0f}次"}
