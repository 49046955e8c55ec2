"""What every verb of the command line has: `--json`, examples in its help, the workspace, and options that several share.

A verb gets the workspace first, and returns its result as plain data and how to show it to people; `intently.py` runs it. The
verbs stand in `features/verbs.py`, `training/verbs.py`, `training/feature_verbs.py` and `serving/verbs.py`, and import what they
need when they run.
"""

import time
from collections.abc import Callable
from typing import Any, Final

import click

from .errors import InputError
from .workspace import Workspace

CONTEXT: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
AS_OF: Final = "ISO time with offset or Z, or a date: midnight in the shop's timezone."
DRAIN: Final = "intently.drain"
"""Where the root of the command line says, in click's `meta`, how the service's journal goes to the log."""

Shown = tuple[dict[str, Any], Callable[[dict[str, Any]], None]]
"""A verb's result, and how to show it to people."""
Judged = tuple[dict[str, Any], Callable[[dict[str, Any]], None], int]
"""The same with an exit status."""


class Verb(click.Command):
    """A command with `--json`, whose last paragraph of help shows examples."""

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples
        self.params.append(
            click.Option(
                ["--json"], is_flag=True, expose_value=False, help="One JSON object on stdout, the rest on stderr."
            )
        )

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """The examples, as they are typed."""
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples.splitlines():
                    formatter.write(f"  {line}\n")


def verb(examples: str = "", name: str | None = None) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a function a verb: it gets the workspace first."""

    def made(function: Callable[..., Any]) -> click.Command:
        return click.command(name, cls=Verb, examples=examples)(click.pass_obj(function))

    return made


def lang(of: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option `--lang`; `of` says of what."""
    return click.option("--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, help=of)


def drained(workspace: Workspace) -> Workspace:
    """The workspace, after what the service acknowledged has gone to the log."""
    click.get_current_context().meta[DRAIN](workspace)
    return workspace


def instant(workspace: Workspace, text: str) -> int:
    """Microseconds UTC of a time given as an option."""
    from .instants import parse_instant

    return parse_instant(text, workspace.facts.timezone)


def now() -> int:
    """The wall's clock, microseconds UTC."""
    return time.time_ns() // 1000


def listed(text: str | None, option: str) -> list[str] | None:
    """The names of a comma-separated option; None where it was not given."""
    names = [name.strip() for name in text.split(",") if name.strip()] if text is not None else None
    if names == []:
        raise InputError(f"{option} names nothing. Give names separated by commas, or leave it out.")
    return names
