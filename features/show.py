"""Results as people read them: plain facts, and what an ingest did."""

from typing import Any

from rich.console import Console
from rich.markup import escape
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


def show_check(result: dict[str, Any]) -> None:
    """A line a feature: ok, or each fault with user, cutoff and the two values; then what was tried."""
    console = Console(highlight=False)
    for found in result["features"]:
        mark = "[green]ok[/]  " if found["ok"] else "[red]fault[/]"
        share = f"{found['missing']:.0%} missing" if found["missing"] else ""
        notes = "; ".join([*([share] if share else []), *found["notes"]])
        console.print(f"{mark} [bold]{found['name']}[/]  [dim]{escape(notes)}[/]", soft_wrap=True)
        for fault in found["faults"]:
            told = fault.get("message") or (
                f"{result['checks'][fault['check']]}: user {fault['user']} at {fault['cutoff']} has {fault['found']} "
                f"instead of {fault['expected']} (as in {figure(fault['rows'])} rows)"
            )
            console.print(f"      [red]{fault['check']}[/]: {escape(told)}", soft_wrap=True)
    n, bad = len(result["features"]), result["faults"]
    console.print(
        f"{figure(n)} features on {figure(result['rows'])} rows of {figure(result['users'])} users: "
        + (f"[red]{figure(bad)} with faults[/]." if bad else "[green]all ok[/].")
    )
    for name, meaning in result["checks"].items():
        console.print(f"[dim]  {name:<8} {meaning}[/]", soft_wrap=True)


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
    told = {"users": "", "items": "", "conflict": "same id, other content", "early": "arrived before they happened"}
    for name, meaning in told.items():
        if result.get(name):
            table.add_row(name, figure(result[name]), meaning)
    console.print(table)
    if result.get("quarantine"):
        console.print(f"Mend [bold]{result['quarantine']}[/] and ingest it again with the same format.", soft_wrap=True)
    for note in result.get("notes", ()):
        console.print(f"· {note}", style="dim", markup=False, soft_wrap=True)


def show_features(result: dict[str, Any], language: str) -> None:
    """A line a feature, family by family."""
    console = Console(highlight=False)
    width = max(len(row["name"]) for row in result["features"])
    for family, n in sorted(result["families"].items()):
        console.print(f"[bold]{family}[/] [dim]{n}[/]")
        for row in result["features"]:
            if row["family"] == family:
                title = f"{row['title'][language]} [dim]{row['unit']}[/]"
                console.print(f"  {row['name']:<{width}}  {title}", soft_wrap=True)
    for table, found in result["tables"].items():
        told = f"{figure(found['rows'])} rows with {', '.join(found['fields']) or 'no fields'}"
        console.print(f"[dim]attributes[/] [bold]{table}[/]  {escape(told)}", soft_wrap=True)
    console.print(f"[dim]{len(result['features']):,} features; `intently features show NAME` tells all of one.[/]")


def show_feature(result: dict[str, Any], language: str) -> None:
    """All of one feature, a line a fact."""
    console = Console(highlight=False)
    used, kinds = result["used_by"], result["kinds"]
    events = [] if kinds is None else [f"events of kind {', '.join(kinds)}" if kinds else "events of every kind"]
    facts = {
        "title": "\n".join(result["title"][one] for one in ("en", "zh")),
        "question": result["question"][language],
        "family": result["family"],
        "unit": result["unit"] + (", a text" if result["type"] == "text" else ""),
        "window": result["window"],
        "of nothing": result["nothing"],
        "reads": ", ".join([*result["fields"], *events]),
        "defined in": result["file"] + (" (ours)" if result["ours"] else ""),
        "as TOML": result["toml"],
        "used by": "\n".join(f"{what[:-1]} {', '.join(names)}" for what, names in used.items() if names) or "nothing",
    }
    console.print(f"[bold]{result['name']}[/]")
    for name, value in facts.items():
        for n, line in enumerate((value or "").splitlines()):
            console.print(f"  [dim]{name if n == 0 else '':<10}[/]  {escape(line)}", soft_wrap=True)
