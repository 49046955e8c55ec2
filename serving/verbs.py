"""The verbs that answer: score, due, lookup, serve, demo."""

import os
from pathlib import Path
from typing import Final, Literal

import click

from features.command import AS_OF, Shown, drained, instant, verb
from features.workspace import Workspace

CLOCK: Final = click.option(
    "--clock",
    type=click.Choice(["now", "log"]),
    default="now",
    show_default=True,
    help="What `now` is: the wall's, or the log's last instant.",
)


@verb(examples="intently score --as-of 2025-12-31\nintently score --as-of 2025-12-31T08:00:00+08:00 --out scores")
@click.option("--as-of", required=True, help=AS_OF)
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write into; default HOME/scores.")
def score(workspace: Workspace, as_of: str, out: Path | None) -> Shown:
    """Score the whole base: probabilities, one row a user, and tags in long form (Parquet)."""
    from features.show import show_facts

    from .batch import score as run

    return run(drained(workspace), instant(workspace, as_of), out), show_facts


@verb(examples="intently due --as-of 2025-12-31\nintently due --as-of 2025-12-31 --after 3 --after 30 --json")
@click.option("--as-of", required=True, help=AS_OF)
@click.option(
    "--after",
    multiple=True,
    type=click.IntRange(0, 400),
    default=(1, 7, 21),
    show_default=True,
    help="Days since the last purchase.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write into; default HOME/scores.")
def due(workspace: Workspace, as_of: str, after: tuple[int, ...], out: Path | None) -> Shown:
    """List who bought 1, 7 or 21 days ago and not since, with when each will buy again (Parquet)."""
    from features.show import show_facts

    from .due import due as run

    result = run(drained(workspace), instant(workspace, as_of), after, out)
    return result, lambda found: show_facts({**found, **found["due"], "due": None})


@verb(
    examples="intently lookup u1 u2\nintently lookup u1 --as-of 2025-12-31 --explain --json\nintently lookup u1 --explain --what-if"
)
@click.argument("users", nargs=-1, required=True)
@click.option("--as-of", help=f"{AS_OF} Default: the clock.")
@click.option("--only", multiple=True, help="Only these tags.")
@click.option("--explain", is_flag=True, help="With the strongest reasons.")
@click.option("--what-if", is_flag=True, help="With what would change predicted tags, by a search.")
@CLOCK
def lookup(
    workspace: Workspace,
    users: tuple[str, ...],
    as_of: str | None,
    only: tuple[str, ...],
    explain: bool,
    what_if: bool,
    clock: Literal["now", "log"],
) -> Shown:
    """The tags of USERS: the same answer as the service, without one."""
    from .lookup import lookup as run
    from .show import show_users

    moment = instant(workspace, as_of) if as_of else None
    wanted = list(only) or None
    result = run(drained(workspace), list(users), moment, wanted, explain=explain, what_if=what_if, clock=clock)
    return result, show_users


@verb(examples="intently serve\nintently serve --port 8080 --clock log")
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True)
@CLOCK
def serve(workspace: Workspace, port: int, clock: Literal["now", "log"]) -> Shown:
    """Answer over HTTP with the champion, on 127.0.0.1, until Ctrl-C."""
    from features.show import show_facts

    from .run import serve as run

    return run(workspace, port=port, clock=clock), show_facts


@verb(examples="intently demo\nintently demo --data complete-journey")
@click.option(
    "--data",
    type=click.Choice(["simulated", "complete-journey", "taobao", "online-retail"]),
    default="simulated",
    show_default=True,
)
@click.pass_context
def demo(ctx: click.Context, workspace: Workspace, data: str) -> Shown:
    """The whole path on one data set: ingest, train, promote, score, serve, ask; ends with a page."""
    from .demo import demo as run
    from .show import show_nothing

    given = ctx.find_root().params["home"] or os.environ.get("INTENTLY_HOME")
    return run(workspace if given else Workspace.at(Path("workspace") / f"demo-{data}"), data), show_nothing


VERBS: Final = (score, due, lookup, serve, demo)
