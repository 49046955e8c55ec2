"""Results as people read them: plain facts, and what an ingest did."""

from typing import Any

from rich.console import Console
from rich.table import Table


def show_facts(result: dict[str, Any]) -> None:
    """A line a fact, in the order of the result; facts that are absent are left out."""
    console = Console(highlight=False)
    width = max((len(name) for name in result), default=0)
    for name, value in result.items():
        if value is None or value == []:
            continue
        lines = value if isinstance(value, list) else [value]
        for n, line in enumerate(lines):
            console.print(
                f"[bold]{(name if n == 0 else '').replace('_', ' '):<{width}}[/]  {figure(line)}", soft_wrap=True
            )


def figure(value: object) -> str:
    """A number with thousands separated, anything else as text.

    >>> figure(84475)
    '84,475'
    """
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def show_ingest(result: dict[str, Any]) -> None:
    """What was read, and what became of it; a row a rule for what was put aside."""
    console = Console(highlight=False)
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column(style="dim")
    known = {"read": "rows", "accepted": "in the log", "duplicate": "already there or twice in the input"}
    for name, meaning in known.items():
        table.add_row(name, figure(result[name]), meaning)
    bad = result["quarantined"]
    table.add_row("quarantined", figure(sum(bad.values())), "put aside, to be mended" if bad else "")
    for rule, n in sorted(bad.items(), key=lambda pair: -pair[1]):
        table.add_row(f"  {rule}", figure(n), "")
    for name in ("users", "items", "conflict"):
        if result.get(name):
            table.add_row(name, figure(result[name]), "same id, other content" if name == "conflict" else "")
    console.print(table)
    if result.get("quarantine"):
        console.print(f"Mend [bold]{result['quarantine']}[/] and ingest it again with the same format.", soft_wrap=True)
    for note in result.get("notes", ()):
        console.print(f"[dim]· {note}[/]", soft_wrap=True)
