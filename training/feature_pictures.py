"""Pictures of the feature report, as SVG and HTML that stand in the page."""

import math
from collections.abc import Sequence
from html import escape
from typing import Final

import numpy as np

WIDTH: Final = 260
HEIGHT: Final = 78
FOOT: Final = 15
SPARK: Final = (84, 20)


def figure(value: float | None) -> str:
    """A number for people, three digits that matter, or all before the point; a dash for none.

    >>> [figure(x) for x in (0.0, 12345.6, 0.123456, 7.0, -1.5, float("nan"))]
    ['0', '12,346', '0.123', '7', '-1.5', '—']
    """
    if value is None or not math.isfinite(value):
        return "—"
    if value == round(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def percent(share: float | None) -> str:
    """A share for people; 0 and 100 only where it is.

    >>> [percent(x) for x in (1.0, 0.5, 0.0314, 0.0003, 0.9999, 0.0, None)]
    ['100 %', '50 %', '3.1 %', '< 0.1 %', '> 99.9 %', '0 %', '—']
    """
    if share is None or not math.isfinite(share):
        return "—"
    if 0 < share < 0.001:
        return "< 0.1 %"
    if 0.999 < share < 1:
        return "> 99.9 %"
    return f"{100 * share:.0f} %" if share in (0, 1) or 0.1 <= share < 0.995 else f"{100 * share:.1f} %"


def bar(share: float | None) -> str:
    """A share as a small bar."""
    return f'<span class="bar"><i style="width:{100 * (share or 0.0):.1f}%"></i></span>'


def pairs(rows: Sequence[tuple[str, float, float, str]], *, together: bool = False) -> str:
    """Two bars a row: name, first (a share), second, and the second in words; each scaled to its own largest, or together."""
    first, second = max((row[1] for row in rows), default=0.0) or 1.0, max((row[2] for row in rows), default=0.0) or 1.0
    if together:
        first = second = max(first, second)
    lines = "".join(
        f'<span>{name}</span><span class="pair"><span><i style="width:{100 * one / first:.1f}%"></i>'
        f'<i style="width:{100 * other / second:.1f}%"></i></span><small>{percent(one)} · {said}</small></span>'
        for name, one, other, said in rows
    )
    return f'<div class="weights">{lines}</div>'


def spark(counts: np.ndarray) -> str:
    """A histogram the size of a word; nothing where there are no answers."""
    if not counts.sum():
        return ""
    width, height = SPARK
    path = _filled(counts, _top([counts]), width, height)
    head = f'<svg class="spark" viewBox="0 0 {width} {height}" preserveAspectRatio="none" aria-hidden="true">'
    return f'{head}<path class="now" d="{path}"/></svg>'


def histogram(bars: tuple[np.ndarray, np.ndarray], edges: np.ndarray, label: str) -> str:
    """Answers now as filled bars, and then as a line; shares of each side's own answers. Nothing where there are none."""
    now, then = bars
    if not now.sum() and not then.sum():
        return ""
    top, paths = _top(bars), ""
    if now.sum():
        paths += f'<path class="now" d="{_filled(now, top, WIDTH, HEIGHT)}"/>'
    if then.sum():
        paths += f'<path class="then" d="{_outline(then, top, WIDTH, HEIGHT)}"/>'
    return (
        f'<svg viewBox="0 -2 {WIDTH} {HEIGHT + FOOT + 2}" role="img" aria-label="{escape(label)}">{paths}'
        f'<path class="axis" d="M0 {HEIGHT + 0.5}H{WIDTH}"/>{_ticks(edges)}</svg>'
    )


def _ticks(edges: np.ndarray) -> str:
    """What the first, middle and last edge mean; of bins of whole numbers, the numbers beside them."""
    nudge = 0.5 if bool((edges % 1 == 0.5).all()) else 0.0
    middle = (len(edges) - 1) // 2
    ticks = [("start", 0.0, edges[0] + nudge)]
    if middle:
        at = WIDTH * middle / (len(edges) - 1)
        ticks += [("middle", at, edges[middle] + nudge), ("end", float(WIDTH), edges[-1] - nudge)]
    return "".join(
        f'<text x="{x:.0f}" y="{HEIGHT + 12}" text-anchor="{anchor}">{figure(float(value))}</text>'
        for anchor, x, value in ticks
    )


def _top(bars: Sequence[np.ndarray]) -> float:
    """The largest share of a bin on any side."""
    return max(float(counts.max()) / float(counts.sum()) if counts.sum() else 0.0 for counts in bars)


def _heights(counts: np.ndarray, top: float, height: float) -> list[float]:
    """(b,) heights of bars; one that is not empty can be seen."""
    total = counts.sum()
    return [max(height * float(n) / total / top, 0.8) if n else 0.0 for n in counts]


def _filled(counts: np.ndarray, top: float, width: float, height: float) -> str:
    """The bars, as one path."""
    step = width / len(counts)
    gap = min(0.8, step * 0.12)
    return "".join(
        f"M{i * step:.1f} {height:g}v{-h:.1f}h{step - gap:.1f}v{h:.1f}z"
        for i, h in enumerate(_heights(counts, top, height))
        if h
    )


def _outline(counts: np.ndarray, top: float, width: float, height: float) -> str:
    """The bars' upper edges, as one path."""
    step = width / len(counts)
    path = "".join(f"V{height - h:.1f}h{step:.2f}" for h in _heights(counts, top, height))
    return f"M0 {height:g}{path}V{height:g}"
