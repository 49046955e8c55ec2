"""Moves between stages as people read them: tables for the terminal, a picture, a page."""

from datetime import datetime
from html import escape
from pathlib import Path
from string import Template
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from rich.console import Console
from rich.table import Table

from features.written import check_drawn, drafted

from .plots import BLUE, GREEN, ORANGE, PINK, STYLE

TEMPLATE: Final = Path(__file__).with_name("moves.html")
COLOURS: Final = {
    "not_yet": "#ECEAE6", "idle": "#BDBDBD", "browsing": "#56B4E9", "considering": ORANGE, "buying": GREEN,
    "N": "#BDBDBD", "A": "#56B4E9", "I": ORANGE, "P": GREEN, "L": PINK,
}  # fmt: skip
WORDS: Final = {
    "not_yet": "not yet seen", "N": "none", "A": "A awareness", "I": "I interest", "P": "P purchase", "L": "L loyalty",
}  # fmt: skip
FEW: Final = 12
"""Periods that the terminal shows."""
SUFFIXES: Final = (".html", ".png", ".svg")


def check(out: Path) -> None:
    """Refuse a file that cannot be written, before anything is asked.

    Raises:
        InputError: It is neither a page nor a picture, or its folder is not there.
    """
    check_drawn(out, SUFFIXES)


def write(out: Path, found: dict[str, Any]) -> None:
    """The moves as a file, replaced whole or not at all.

    Args:
        out: `.html`, `.png` or `.svg`.
        found: As of `moves.flow`.

    Raises:
        InputError: As `check`.
    """
    check(out)
    form = out.suffix.lower()[1:]
    with drafted(out) as draft:
        if form == "html":
            picture(draft, found, "svg")
            drawn = draft.read_text(encoding="utf-8")
            draft.write_text(page(found, drawn[drawn.index("<svg") :]), encoding="utf-8")
        else:
            picture(draft, found, form)


def word(state: str) -> str:
    """A state for people."""
    return WORDS.get(state, state)


def date(found: dict[str, Any], instant: str) -> str:
    """The shop's date of an instant, with the time where periods are shorter than a day."""
    form = "%Y-%m-%d" if found["every_days"] >= 1 else "%Y-%m-%d %H:%M"
    return datetime.fromisoformat(instant).astimezone(ZoneInfo(found["timezone"])).strftime(form)


def share(row: dict[str, Any]) -> str:
    """A share in percent; a dash of nobody."""
    return "—" if row["share"] is None else f"{100 * row['share']:.1f} %"


def interval(row: dict[str, Any]) -> str:
    """A share's interval in percent."""
    return "" if row["share"] is None else f"{100 * row['low']:.1f}–{100 * row['high']:.1f}"


def lines(found: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """The rows of `total` by the state before."""
    size = len(found["states"])
    return [found["total"][first : first + size] for first in range(0, size * size, size)]


def headline(found: dict[str, Any]) -> str:
    """Who, when and by what."""
    return (
        f"{found['people']:,} people in {len(found['periods'])} periods of {found['every_days']:g} days, "
        f"{date(found, found['from'])} until {date(found, found['until'])}, by {found['by']}"
    )


def show(found: dict[str, Any]) -> None:
    """Print people by period and stage, and the moves over all pairs of periods."""
    console, states = Console(highlight=False), found["states"]
    console.print(f"[bold]{headline(found)}[/]", soft_wrap=True)
    counts = Table(title="\nPeople by period", title_style="", title_justify="left", box=None, padding=(0, 2, 0, 0))
    moved = Table(
        title="\nFrom a period to the next", title_style="", title_justify="left", box=None, padding=(0, 2, 0, 0)
    )
    counts.add_column("from", header_style="dim")
    moved.add_column("before \\ after", header_style="dim")
    for state in states:
        counts.add_column(word(state), justify="right", header_style="dim")
        moved.add_column(word(state), justify="right", header_style="dim")
    for period in found["periods"][-FEW:]:
        counts.add_row(date(found, period["from"]), *(f"{n:,}" for n in period["counts"].values()))
    for state, line in zip(states, lines(found), strict=True):
        cells = (f"{share(row)}\n[dim]{row['n']:,}\n{interval(row)}[/]" for row in line)
        moved.add_row(word(state), *cells)
    console.print(counts)
    if len(found["periods"]) > FEW:
        console.print(f"[dim]the last {FEW} of {len(found['periods'])} periods; --json and --out have all[/]")
    console.print(moved)
    for note in found["notes"]:
        console.print(f"· {note}", style="dim", markup=False, soft_wrap=True)
    for path in found.get("written", ()):
        console.print(f"[bold]written[/]  {path}", soft_wrap=True)


def picture(path: Path, found: dict[str, Any], form: str) -> None:
    """Draw periods as columns of stages, joined by bands as wide as the people who moved; and the moves as a table."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    n = len(found["periods"])
    with mpl.rc_context(STYLE | {"svg.fonttype": "none", "svg.hashsalt": "intently", "axes.grid": False}):
        figure = Figure(figsize=(min(18.0, 6.5 + 0.75 * n), 5.2))
        left, right = figure.subplots(1, 2, width_ratios=[max(1.2, 0.22 * n), 1])
        _bands(left, found)
        _heat(right, found)
        figure.suptitle(headline(found), x=0.01, ha="left", fontsize=11, fontweight="bold")
        figure.savefig(path, format=form, metadata={"Date": None} if form == "svg" else None)


def _bands(ax: Any, found: dict[str, Any]) -> None:
    states, size = found["states"], len(found["states"])
    counts = np.array([list(period["counts"].values()) for period in found["periods"]], float)
    floor = np.cumsum(counts, axis=1) - counts
    half, t = 0.13, np.linspace(0, 1, 30)
    bend = t * t * (3 - 2 * t)
    for k, state in enumerate(states):
        colour = COLOURS.get(state, BLUE)
        ax.bar(range(len(counts)), counts[:, k], 2 * half, floor[:, k], color=colour, label=word(state))
    for i, move in enumerate(found["moves"]):
        table = np.array([row["n"] for row in move["rows"]], float).reshape(size, size)
        out = floor[i][:, None] + np.cumsum(table, axis=1) - table
        into = floor[i + 1][None, :] + np.cumsum(table, axis=0) - table
        for a, b in zip(*np.nonzero(table), strict=True):
            low = out[a, b] + (into[a, b] - out[a, b]) * bend
            x = i + half + (1 - 2 * half) * t
            ax.fill_between(x, low, low + table[a, b], color=COLOURS.get(states[a], BLUE), alpha=0.4, lw=0)
    step = -(-len(counts) // 13)
    ax.set_xticks(range(0, len(counts), step), [date(found, period["from"])[5:] for period in found["periods"]][::step])
    ax.set(ylabel="people", title="Stage in each period, and who moves where", xlim=(-0.4, len(counts) - 0.6))
    ax.set_ylim(0, found["people"] or 1)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=size, handlelength=1, columnspacing=1.2)


def _heat(ax: Any, found: dict[str, Any]) -> None:
    words, table = [word(state) for state in found["states"]], lines(found)
    shares = [[row["share"] or 0.0 for row in line] for line in table]
    ax.imshow([[value**0.5 for value in line] for line in shares], cmap="Blues", aspect="auto", vmin=0, vmax=1.15)
    for y, line in enumerate(table):
        for x, row in enumerate(line):
            if row["n"]:
                dark = "white" if row["share"] > 0.45 else "black"
                ax.text(x, y, f"{share(row)}\n{row['n']:,}", ha="center", va="center", fontsize=7.5, color=dark)
    ax.set_xticks(range(len(words)), words, rotation=30, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(words)), words)
    ax.set(title="From a period (rows) to the next, % of the row", xlabel="")
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)


def page(found: dict[str, Any], drawn: str) -> str:
    """HTML that needs no network, with the picture `drawn` (SVG)."""
    words = [escape(word(state)) for state in found["states"]]
    head = "".join(f"<th>{name}</th>" for name in words)
    moved = "".join(
        f"<tr><th>{name}</th>"
        + "".join(f"<td>{share(row)} <small>{row['n']:,}<br>{interval(row)}</small></td>" for row in line)
        + "</tr>"
        for name, line in zip(words, lines(found), strict=True)
    )
    counts = "".join(
        f"<tr><th>{date(found, period['from'])}</th>"
        + "".join(f"<td>{n:,}</td>" for n in period["counts"].values())
        + "</tr>"
        for period in found["periods"]
    )
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        about=escape(headline(found)),
        picture=drawn,
        head=head,
        moved=moved,
        counts=counts,
        notes="".join(f"<p>{escape(note)}</p>" for note in found["notes"]),
    )
