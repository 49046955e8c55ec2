"""The verbs on models: simulate, train, promote, rollback, ui, flow."""

from pathlib import Path
from typing import Final, Literal

import click

from features.command import AS_OF, Shown, drained, instant, now, verb
from features.workspace import Workspace

TRACKING_URI: Final = click.option("--tracking-uri", help="MLflow's store; default: SQLite in the workspace.")


@verb(
    examples="intently simulate --users 20000 --days 365 --seed 1 --out shop\nintently ingest shop --format canonical"
)
@click.option("--users", "n_users", type=int, default=20_000, show_default=True, help="How many people.")
@click.option("--days", "n_days", type=int, default=365, show_default=True, help="How many days.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same shop.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write into.")
@click.option("--truth/--no-truth", default=True, help="Also the exact probabilities a week.")
def simulate(_: Workspace, n_users: int, n_days: int, seed: int, out: Path, truth: bool) -> Shown:
    """Make a shop whose users' true probabilities are known: events, users, items, truth (Parquet)."""
    from features.show import show_facts

    from .simulate import simulate as run

    return run(n_users, n_days, seed, out, truth=truth), show_facts


@verb(
    examples="intently train\nintently train --spec models/*.toml --origins 3\n"
    "intently train --until 2025-09-30 --weeks 12 --horizon 14d models/churn_30d.toml\n"
    "intently train --spec my_churn.toml --tracking-uri http://127.0.0.1:5000"
)
@click.option(
    "--spec",
    "specs",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Training specs (TOML); default: the workspace's, else ours.",
)
@click.argument("more", nargs=-1, type=click.Path(path_type=Path), metavar="[SPEC]...")
@TRACKING_URI
@click.option("--until", help=f"Use no event from here on, neither as history nor as outcome. {AS_OF}")
@click.option(
    "--weeks", type=click.IntRange(1, 1000), help="Weeks of training cutoffs; default: as many as the specs say."
)
@click.option("--horizon", help="How far to look ahead, such as 14d; churn_30d becomes churn_14d. Default: the specs'.")
@click.option(
    "--origins",
    type=click.IntRange(1, 20),
    default=3,
    show_default=True,
    help="Judge each target at so many rolling origins: learned again as of earlier ends of the log. 1 is fastest.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed gives the same models.")
@click.option(
    "--truth",
    type=click.Path(path_type=Path),
    help="truth.parquet of a simulated shop, to compare with the best possible.",
)
def train(
    workspace: Workspace,
    specs: tuple[Path, ...],
    more: tuple[Path, ...],
    tracking_uri: str | None,
    until: str | None,
    weeks: int | None,
    horizon: str | None,
    origins: int,
    seed: int,
    truth: Path | None,
) -> Shown:
    """Fit, calibrate and evaluate a model a target; register them as one new version."""
    from features.instants import parse_span

    from .show import show_training
    from .train import train as run

    span = None if horizon is None else parse_span(horizon)
    ready = drained(workspace)
    result = run(
        ready,
        [*specs, *more] or None,
        tracking_uri=tracking_uri,
        seed=seed,
        until=None if until is None else instant(ready, until),
        weeks=weeks,
        horizon=span,
        origins=origins,
        now=now(),
        truth=truth,
    )
    return result, show_training


@verb(examples="intently promote 3")
@click.argument("version")
@TRACKING_URI
def promote(workspace: Workspace, version: str, tracking_uri: str | None) -> Shown:
    """Let VERSION answer: verify its bundle, then move the `champion` alias to it."""
    from features.show import show_facts

    from .promotion import promote as run

    return run(workspace, version, tracking_uri=tracking_uri), show_facts


@verb(examples="intently rollback")
@TRACKING_URI
def rollback(workspace: Workspace, tracking_uri: str | None) -> Shown:
    """Let the version before answer again."""
    from features.show import show_facts

    from .promotion import rollback as run

    return run(workspace, tracking_uri=tracking_uri), show_facts


@verb(examples="intently ui\nintently ui --port 5001 --no-browser")
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True)
@click.option("--browser/--no-browser", default=True, help="Open the page.")
def ui(workspace: Workspace, port: int, browser: bool) -> Shown:
    """MLflow's page on this workspace, opened where the models' runs are, until Ctrl-C."""
    from features.show import show_facts

    from .page import ui as run

    return run(workspace, port, open_browser=browser), show_facts


@verb(
    examples="intently flow --from 2025-10-01 --until 2025-12-24\n"
    "intently flow --from 2025-10-01 --until 2025-12-31 --every 30d --by aipl --out flow.html --json"
)
@click.option("--from", "start", required=True, help=f"Start of the first period. {AS_OF}")
@click.option("--until", required=True, help=f"Periods end at or before it. {AS_OF}")
@click.option("--every", default="7d", show_default=True, help="Length of a period.")
@click.option(
    "--by",
    type=click.Choice(["stage", "aipl"]),
    default="stage",
    show_default=True,
    help="The stage reached in a period, or the AIPL rules' state at its end.",
)
@click.option("--out", type=click.Path(path_type=Path), help="A page (.html) or a picture (.png, .svg) to write.")
def flow(
    workspace: Workspace, start: str, until: str, every: str, by: Literal["stage", "aipl"], out: Path | None
) -> Shown:
    """How everybody moves between stages from period to period: numbers, shares with intervals, and a picture."""
    from features.instants import parse_span

    from .moves import flow as run
    from .moves_told import check, show, write

    if out is not None:
        check(out)
    span = parse_span(every)
    ready = drained(workspace)
    result = run(ready, instant(ready, start), instant(ready, until), span, by)
    if out is not None:
        write(out, result)
        result |= {"written": [str(out)]}
    return result, show


VERBS: Final = (simulate, train, promote, rollback, ui, flow)
