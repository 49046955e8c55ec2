"""Answers as people read them: a user's tags with probability, reasons and freshness."""

from typing import Any, Final

from rich.console import Console
from rich.table import Table

FAMILIES: Final = 4
"""Families shown of a tag's explanation."""


def show_users(answer: dict[str, Any], console: Console | None = None) -> None:
    """A table a user."""
    console = console or Console(highlight=False)
    for user in answer["users"]:
        console.print(user_table(user))
        for tag in user["tags"]:
            for line in (*because_lines(tag), *change_lines(tag)):
                console.print(line, soft_wrap=True)
    console.print(f"[dim]as of {answer['as_of']}, version {answer['version']}[/]")


def user_table(user: dict[str, Any]) -> Table:
    """One user's tags; an unknown user says so."""
    unknown = "" if user["known"] else "  [yellow]never seen: predicted tags carry the base rate[/]"
    table = Table(title=f"[bold]{user['user_id']}[/]{unknown}", title_justify="left")
    for name in ("tag", "value", "probability", "source", "expires"):
        table.add_column(name, justify="right" if name == "probability" else "left")
    for tag in user["tags"]:
        row = [
            f"{tag['name']} [dim]{title(tag)}[/]",
            str(tag["value"]),
            "" if tag["probability"] is None else f"{tag['probability']:.3f}",
            f"[dim]{tag['source']}[/]",
            f"[dim]{(tag['expires_at'] or 'never')[:10]}[/]",
        ]
        table.add_row(*row)
    return table


def reason_lines(tag: dict[str, Any]) -> list[str]:
    """The reasons of a tag, each with its sign."""
    return [
        f"{'+' if reason['contribution'] >= 0 else '−'} {reason['sentence']['en']}"
        for reason in tag.get("reasons") or ()
    ]


def because_lines(tag: dict[str, Any]) -> list[str]:
    """Why a tag has its value, where asked: its reasons, and the families that weigh most."""
    if not tag.get("reasons"):
        return []
    families = tag["explanation"]["families"][:FAMILIES]
    told = ", ".join(f"{one['title']['en']} {one['contribution']:+.2f}" for one in families)
    lines = [f"  {line}" for line in reason_lines(tag)]
    return [f"[bold]{tag['name']}[/] is “{tag['value']}” because:", *lines, f"  [dim]by family: {told}[/]"]


def change_lines(tag: dict[str, Any]) -> list[str]:
    """What would change a tag, where asked, and what that means."""
    if "what_if" not in tag:
        return []
    lines = [f"[bold]{tag['name']}[/] is “{tag['value']}”; what would change the answer:"]
    lines += [f"  · {change['en']}" for change in tag["what_if"]["changes"]]
    return [*lines, f"  [dim]{tag['what_if']['says']['en']}[/]"]


def title(tag: dict[str, Any]) -> str:
    """The Chinese title where the answer has one."""
    found = tag.get("title")
    return str(found.get("zh", "")) if isinstance(found, dict) else str(found or "")


def show_nothing(_: dict[str, Any]) -> None:
    """For verbs that have shown everything by the time they end."""
