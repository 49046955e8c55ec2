"""The verbs on the event log: ingest, compact, paths."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Final, Literal

import click

from .command import AS_OF, Shown, drained, instant, lang, now, verb
from .workspace import Workspace


@verb(
    examples="intently ingest shop --format canonical\n"
    "intently ingest orders.csv --format mapping.toml --timezone Asia/Shanghai\n"
    "intently ingest UserBehavior.csv --format taobao --dry-run\n"
    "intently ingest points.csv --attributes loyalty"
)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--format", "layout", help="An adapter's name, or a mapping of your own (.toml).")
@click.option(
    "--attributes",
    metavar="NAME",
    help="Into a table of attributes of your own: user_id, perhaps valid_from, and an attribute a column.",
)
@click.option("--timezone", help="The shop's IANA timezone; fixed by the first ingest.")
@click.option("--currency", help="The shop's currency, such as CNY; fixed by the first ingest.")
@click.option("--dry-run", is_flag=True, help="Only report what would happen.")
def ingest(
    workspace: Workspace,
    paths: tuple[Path, ...],
    layout: str | None,
    attributes: str | None,
    timezone: str | None,
    currency: str | None,
    dry_run: bool,
) -> Shown:
    """Read files into the event log; rows that cannot be read are kept aside, to be mended."""
    from .intake import ingest as run
    from .show import show_ingest

    if layout is None and attributes is None:
        raise click.UsageError("Missing option '--format'.", click.get_current_context())
    question = "The shop's timezone (empty: the format's own, else UTC)"
    ask = (lambda: click.prompt(question, default="", show_default=False, err=True)) if sys.stdin.isatty() else None
    result = run(
        workspace,
        list(paths),
        layout,
        attributes=attributes,
        timezone=timezone,
        currency=currency,
        dry_run=dry_run,
        now=now(),
        ask=ask,
    )
    return result, show_ingest


@verb(examples="intently compact")
def compact(workspace: Workspace) -> Shown:
    """Bring the derived histories up to date with the log, so that reading is fast.

    Ingest does the same where 50,000 events, or 1 % of the log if that is more, stand outside them. Safe to interrupt or kill at
    any moment: what is read stays the same, and the next run goes on from there.
    """
    from .log import EventLog
    from .show import show_facts

    workspace.facts  # noqa: B018 - refuses where nothing was ingested
    drained(workspace)
    with workspace.writing("intently compact"):
        return asdict(EventLog(workspace).compact()), show_facts


@verb(
    examples="intently paths --out paths.html\n"
    "intently paths --from 2025-06-01 --until 2025-09-01 --steps kind:page --depth 6 --out paths.html --csv tables\n"
    "intently paths --to signup --horizon 14 --out paths.html --lang zh"
)
@click.option("--from", "start", help=f"{AS_OF} Default: the log's first event.")
@click.option("--until", help=f"{AS_OF} Nothing from then on is seen. Default: the log's end.")
@click.option("--to", "goal", default="purchase", show_default=True, help="The kind of event that ends a path.")
@click.option(
    "--steps", default="kind", show_default=True, help="What a step is: kind, page, category, channel or kind:page."
)
@click.option("--depth", type=int, default=5, show_default=True, help="The last so many steps.")
@click.option("--horizon", type=int, default=30, show_default=True, help="Days of silence that are leaving.")
@click.option("--top", type=int, default=10, show_default=True, help="How many paths to list.")
@click.option(
    "--out",
    "outs",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A page (.html) or picture (.png, .svg); give it again for more.",
)
@click.option("--csv", "tables", type=click.Path(path_type=Path), help="Folder for the tables as CSV.")
@lang("Of the page and picture.")
def paths(
    workspace: Workspace,
    start: str | None,
    until: str | None,
    goal: str,
    steps: str,
    depth: int,
    horizon: int,
    top: int,
    outs: tuple[Path, ...],
    tables: Path | None,
    lang: Literal["en", "zh"],
) -> Shown:
    """How people come to buy, and to leave: paths, transitions, dwell, and the steps that move conversion."""
    from .paths.deliver import deliver as run
    from .paths.show import show_paths

    result = run(
        drained(workspace),
        start=instant(workspace, start) if start else None,
        until=instant(workspace, until) if until else None,
        goal=goal,
        mode=steps,
        depth=depth,
        horizon_days=horizon,
        top=top,
        outs=outs,
        tables=tables,
        language=lang,
    )
    return result, show_paths


VERBS: Final = (ingest, compact, paths)
