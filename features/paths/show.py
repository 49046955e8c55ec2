"""The analysis as people read it in a terminal."""

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..show import figure
from . import tables

FEW = 8
"""Rows of the longer tables; the page and --csv have all."""


def show_paths(result: dict[str, Any]) -> None:
    """Print counts, paths, transitions, dwell and what moves conversion."""
    console, counts, goal = Console(highlight=False), result["counts"], result["to"]
    console.print(
        f"[bold]{figure(counts['persons'])}[/] persons, {figure(counts['events'])} events in {figure(counts['sessions'])} "
        f"sessions, of which {percent(counts['sessions_converted'], counts['sessions'])} with {goal}; "
        f"journeys: {figure(counts['bought'])} to {goal}, {figure(counts['left'])} left without, {figure(counts['open'])} open",
        soft_wrap=True,
    )
    console.print(f"[dim]from {result['from']} until {result['until']}; steps by {result['steps']}[/]")
    for name, title in (("goal", f"Paths to {goal}"), ("leaving", "Paths to leaving")):
        console.print(_paths(result["paths"][name], title, result))
    console.print(_transitions(result["transitions"]))
    for mode, rows in result["dwell"].items():
        if rows:
            console.print(_dwell(rows, mode))
    for unit, found in result["movers"].items():
        if found["steps"]:
            console.print(_movers(found, unit, goal))
    for note in result["notes"]:
        console.print(f"[dim]· {note}[/]", soft_wrap=True)
    for path in result.get("written", ()):
        console.print(f"[bold]written[/]  {path}", soft_wrap=True)


def percent(part: int, whole: int) -> str:
    """A share as a text; a dash of nothing.

    >>> percent(1, 8)
    '12.5 %'
    """
    return f"{part / whole:.1%}".replace("%", " %") if whole else "—"


def arrow(steps: list[str]) -> str:
    """Steps as one text, whatever brackets are in them."""
    return escape(tables.arrow(steps))


def _table(title: str, *columns: str) -> Table:
    table = Table(title=f"\n{title}", title_style="", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(
            name, justify="left" if name in {"path", "step", "from", "to", ""} else "right", header_style="dim"
        )
    return table


def _paths(found: dict[str, Any], title: str, result: dict[str, Any]) -> Table:
    table = _table(
        f"[bold]{title}[/]  the last {result['depth']} steps, {figure(found['n'])} in all",
        "",
        "share",
        "n",
        "people",
        "days",
        "path",
    )
    for place, row in enumerate(found["top"], 1):
        table.add_row(
            str(place), f"{100 * row['share']:.1f} %", figure(row["n"]), figure(row["people"]), f"{row['days']:.1f}",
            arrow(row["steps"]) or "[dim]directly[/]",
        )  # fmt: skip
    return table


def _transitions(found: dict[str, Any]) -> Table:
    table = _table("[bold]What follows in a session[/]", "from", "n", "most often", "", " ", "  ")
    for before, counts, rates in list(zip(found["before"], found["counts"], found["rates"], strict=True))[: FEW + 1]:
        order = sorted(range(len(rates)), key=lambda k: -rates[k])[:4]
        table.add_row(
            escape(before),
            figure(sum(counts)),
            *(f"{escape(found['after'][k])} {rates[k]:.0%}" if rates[k] else "" for k in order),
        )
    return table


def _dwell(rows: list[dict[str, Any]], mode: str) -> Table:
    table = _table(f"[bold]Seconds on a step[/], by {mode}", "step", "n", "given", "median", "10 %", "90 %", "mean")
    for row in rows[:FEW]:
        table.add_row(
            escape(row["step"]), figure(row["n"]), percent(row["given"], row["n"]),
            *(f"{row[name]:.1f}" for name in ("median", "q10", "q90", "mean")),
        )  # fmt: skip
    return table


def _movers(found: dict[str, Any], unit: str, goal: str) -> Table:
    rate = percent(found["converted"], found["n"])
    table = _table(
        f"[bold]{unit.capitalize()}s with a step against those without[/]  {figure(found['n'])}, {rate} to {goal}",
        *("step", "with", "without", "lift", "points", "95 %", "removal", "n"),
    )
    pairs = [row for row in found["pairs"] if row["sure"]]
    raising = [row for row in pairs if row["difference"] > 0][:3]
    lowering = [row for row in pairs if row["difference"] < 0][:3]
    for rows in (found["steps"][:FEW], raising, lowering):
        for row in rows:
            lost = row.get("removal")
            table.add_row(
                arrow(row["steps"]),
                percent(row["converted"], row["n"]),
                percent(row["converted_without"], row["n_without"]),
                "—" if row["lift"] is None else f"{row['lift']:.2f}",
                f"[{'bold' if row['sure'] else 'dim'}]{100 * row['difference']:+.1f}[/]",
                f"{100 * row['low']:+.1f} to {100 * row['high']:+.1f}",
                "" if lost is None else f"{lost:.0%}",
                figure(row["n"]),
            )
        table.add_section()
    return table
