"""The command line: one verb a task. The only place where training and serving meet; every verb imports what it needs.

Exit status: 0, 2 for what the caller can mend, 1 for a fault of ours. With `--json`, exactly one JSON object goes to
stdout and all else to stderr; an error is `{"error": {"code", "message"}}`.
"""

import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import click

from features.errors import InputError, IntentlyError
from features.workspace import Workspace

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
AS_OF = "ISO time with offset or Z, or a date: midnight in the shop's timezone."


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


@click.group(context_settings=CONTEXT)
@click.option(
    "--home", type=click.Path(path_type=Path), help="The workspace; default $INTENTLY_HOME, else ./workspace."
)
@click.option("--json", is_flag=True, expose_value=False, help="One JSON object on stdout, the rest on stderr.")
@click.version_option(package_name="intently")
@click.pass_context
def cli(ctx: click.Context, home: Path | None) -> None:
    """Intently recognises what a shop's user is about to do, before they do it.

    Events in, calibrated intent and churn out, as tags with reasons. Start with `intently demo`.
    """
    ctx.obj = Workspace.at(home)


def verb(
    group: click.Group = cli, examples: str = "", name: str | None = None
) -> Callable[[Callable[..., Any]], click.Command]:
    """Register a verb: it gets the workspace first, and returns (result, how to show it to people)."""

    def register(function: Callable[..., Any]) -> click.Command:
        return group.command(name, cls=Verb, examples=examples)(click.pass_obj(function))

    return register


Shown = tuple[dict[str, Any], Callable[[dict[str, Any]], None]]
Judged = tuple[dict[str, Any], Callable[[dict[str, Any]], None], int]
"""The same with an exit status."""


def drained(workspace: Workspace) -> Workspace:
    """The workspace, after what the service acknowledged has gone to the log."""
    from serving.drain import drain

    drain(workspace)
    return workspace


def instant(workspace: Workspace, text: str) -> int:
    """Microseconds UTC of a time given as an option."""
    from features.instants import parse_instant

    return parse_instant(text, workspace.facts.timezone)


def now() -> int:
    """The wall's clock, microseconds UTC."""
    return time.time_ns() // 1000


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
    from training.simulate import simulate as run

    return run(n_users, n_days, seed, out, truth=truth), show_facts


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
    from features.intake import ingest as run
    from features.show import show_ingest

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


@verb(
    examples="intently train\nintently train --spec models/*.toml\nintently train --spec my_churn.toml --tracking-uri http://127.0.0.1:5000"
)
@click.option(
    "--spec",
    "specs",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Training specs (TOML); default: the workspace's, else ours.",
)
@click.argument("more", nargs=-1, type=click.Path(path_type=Path), metavar="[SPEC]...")
@click.option("--tracking-uri", help="MLflow's store; default: SQLite in the workspace.")
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
    seed: int,
    truth: Path | None,
) -> Shown:
    """Fit, calibrate and evaluate a model a target; register them as one new version."""
    from training.show import show_training
    from training.train import train as run

    paths = [*specs, *more] or None
    result = run(drained(workspace), paths, tracking_uri=tracking_uri, seed=seed, now=now(), truth=truth)
    return result, show_training


@verb(examples="intently promote 3")
@click.argument("version")
@click.option("--tracking-uri", help="MLflow's store; default: SQLite in the workspace.")
def promote(workspace: Workspace, version: str, tracking_uri: str | None) -> Shown:
    """Let VERSION answer: verify its bundle, then move the `champion` alias to it."""
    from features.show import show_facts
    from training.promotion import promote as run

    return run(workspace, version, tracking_uri=tracking_uri), show_facts


@verb(examples="intently rollback")
@click.option("--tracking-uri", help="MLflow's store; default: SQLite in the workspace.")
def rollback(workspace: Workspace, tracking_uri: str | None) -> Shown:
    """Let the version before answer again."""
    from features.show import show_facts
    from training.promotion import rollback as run

    return run(workspace, tracking_uri=tracking_uri), show_facts


@verb(examples="intently score --as-of 2025-12-31\nintently score --as-of 2025-12-31T08:00:00+08:00 --out scores")
@click.option("--as-of", required=True, help=AS_OF)
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write into; default HOME/scores.")
def score(workspace: Workspace, as_of: str, out: Path | None) -> Shown:
    """Score the whole base: probabilities, one row a user, and tags in long form (Parquet)."""
    from features.show import show_facts
    from serving.batch import score as run

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
    from serving.due import due as run

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
@click.option(
    "--clock",
    type=click.Choice(["now", "log"]),
    default="now",
    show_default=True,
    help="What `now` is: the wall's, or the log's last instant.",
)
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
    from serving.lookup import lookup as run
    from serving.show import show_users

    moment = instant(workspace, as_of) if as_of else None
    wanted = list(only) or None
    result = run(drained(workspace), list(users), moment, wanted, explain=explain, what_if=what_if, clock=clock)
    return result, show_users


@verb(
    examples="intently drivers\nintently drivers --tag churn_risk --users 5000 --json\n"
    "intently drivers --out drivers.html --lang zh\nintently drivers --tag purchase_intent --out drivers.png"
)
@click.option("--tag", "tags", multiple=True, help="Only this predicted tag; again for more. Default: all.")
@click.option("--users", type=click.IntRange(20), default=1_000, show_default=True, help="People looked at, about.")
@click.option("--as-of", help=f"{AS_OF} Default: the log's last instant.")
@click.option("--out", type=click.Path(path_type=Path), help="A page (.html) or a picture (.png) to write.")
@click.option("--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Of the page.")
def drivers(
    workspace: Workspace, tags: tuple[str, ...], users: int, as_of: str | None, out: Path | None, lang: str
) -> Shown:
    """What drives predicted tags: the features and families that part each value's people from the others."""
    from serving.drivers import drivers as run
    from training.drivers import check, show, write

    if out is not None:
        check(out)
    result = run(drained(workspace), tags, users, instant(workspace, as_of) if as_of else None)
    if out is not None:
        write(out, result, lang)
        result |= {"path": str(out)}
    return result, show


@verb(examples="intently serve\nintently serve --port 8080 --clock log")
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True)
@click.option(
    "--clock",
    type=click.Choice(["now", "log"]),
    default="now",
    show_default=True,
    help="What `now` is: the wall's, or the log's last instant.",
)
def serve(workspace: Workspace, port: int, clock: Literal["now", "log"]) -> Shown:
    """Answer over HTTP with the champion, on 127.0.0.1, until Ctrl-C."""
    from features.show import show_facts
    from serving.run import serve as run

    return run(workspace, port=port, clock=clock), show_facts


@verb(examples="intently ui\nintently ui --port 5001 --no-browser")
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True)
@click.option("--browser/--no-browser", default=True, help="Open the page.")
def ui(workspace: Workspace, port: int, browser: bool) -> Shown:
    """MLflow's page on this workspace, opened where the models' runs are, until Ctrl-C."""
    from features.show import show_facts
    from training.page import ui as run

    return run(workspace, port, open_browser=browser), show_facts


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
@click.option(
    "--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Of the page and picture."
)
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
    from features.paths.deliver import deliver as run
    from features.paths.show import show_paths

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
    from training.moves import flow as run
    from training.moves_told import check, show, write

    if out is not None:
        check(out)
    span = parse_span(every)
    ready = drained(workspace)
    result = run(ready, instant(ready, start), instant(ready, until), span, by)
    if out is not None:
        write(out, result)
        result |= {"written": [str(out)]}
    return result, show


@verb(examples="intently compact")
def compact(workspace: Workspace) -> Shown:
    """Bring the derived histories up to date with the log, so that reading is fast.

    Ingest does the same where 50,000 events, or 1 % of the log if that is more, stand outside them. Safe to interrupt or kill at
    any moment: what is read stays the same, and the next run goes on from there.
    """
    from features.log import EventLog
    from features.show import show_facts

    workspace.facts  # noqa: B018 - refuses where nothing was ingested
    drained(workspace)
    with workspace.writing("intently compact"):
        return asdict(EventLog(workspace).compact()), show_facts


@cli.group("features", context_settings=CONTEXT)
def features_group() -> None:
    """Questions put to every user's history."""


@verb(
    features_group,
    name="list",
    examples="intently features list\nintently features list 'purchase_*' '!*_7d'\nintently features list --family tempo --lang zh",
)
@click.argument("patterns", nargs=-1, metavar="[PATTERN]...")
@click.option("--family", help="Only this family.")
@click.option("--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Of the titles.")
def features_list(workspace: Workspace, patterns: tuple[str, ...], family: str | None, lang: str) -> Shown:
    """The features that there are, ours and the workspace's own: names, or patterns with * ? and ! for not."""
    from features.described import listing
    from features.show import show_features

    return listing(workspace, patterns, family), lambda result: show_features(result, lang)


@verb(
    features_group,
    name="show",
    examples="intently features show purchase_count_30d\nintently features show purchase_age --lang zh --json",
)
@click.argument("name")
@click.option("--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Of the question.")
def features_show(workspace: Workspace, name: str, lang: str) -> Shown:
    """All of one feature: what it asks, in words and as TOML, what it reads, where it is defined, who uses it."""
    from features.described import described
    from features.show import show_feature
    from models.uses import used_by

    result = described(workspace, name) | {"used_by": used_by(workspace)[name]}
    return result, lambda shown: show_feature(shown, lang)


@verb(
    features_group,
    name="compute",
    examples="intently features compute --as-of 2025-12-31 --out features.parquet\n"
    "intently features compute --as-of 2025-11-30 --as-of 2025-12-31 --features purchase_count_30d,purchase_age --out f.parquet\n"
    "intently features compute --entities rows.csv --targets=churn_30d --out train.parquet",
)
@click.option("--as-of", "cutoffs", multiple=True, help=f"Everyone, then. {AS_OF} Give it again for more cutoffs.")
@click.option(
    "--entities",
    type=click.Path(path_type=Path),
    help="These rows, in their order: Parquet or CSV with user_id and cutoff.",
)
@click.option("--features", "names", help="Comma-separated names or patterns; default: all.")
@click.option(
    "--targets",
    is_flag=False,
    flag_value="*",
    metavar="[=NAMES]",
    help="With --entities: label, cohort and weight of these targets, comma-separated; without names, of all specs.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="File to write: Parquet; of entities also .csv."
)
def compute(
    workspace: Workspace,
    cutoffs: tuple[str, ...],
    entities: Path | None,
    names: str | None,
    targets: str | None,
    out: Path,
) -> Shown:
    """The feature matrix of all users at the given cutoffs, or of any rows (user, cutoff), with what came next."""
    if bool(cutoffs) == (entities is not None):
        raise InputError("Give either --as-of, for everyone, or --entities FILE, for the rows of a file.")
    if targets is not None and entities is None:
        raise InputError("--targets goes with --entities FILE. For all users at one time, write them into such a file.")
    wanted = listed(names, "--features")
    if entities is None:
        from features.compute import compute_file
        from features.show import show_facts

        moments = [instant(workspace, text) for text in cutoffs]
        return compute_file(drained(workspace), moments, wanted, out), show_facts
    from training.entities import compute_entities
    from training.show import show_entities

    return compute_entities(drained(workspace), entities, wanted, listed(targets, "--targets"), out), show_entities


@verb(
    features_group,
    name="check",
    examples="intently features check\nintently features check --features 'loyalty_*,night_owl' --users 500 --json",
)
@click.option("--features", "names", help="Comma-separated names or patterns; default: all.")
@click.option("--users", "n_users", type=click.IntRange(1), default=100, show_default=True, help="Users to draw.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed draws the same rows.")
def features_check(workspace: Workspace, names: str | None, n_users: int, seed: int) -> Judged:
    """Try every feature on the log: no leakage, the same in any company, the same twice. Status 2 where one fails."""
    from features.check import check as run
    from features.show import show_check

    result = run(drained(workspace), listed(names, "--features"), n_users=n_users, seed=seed)
    return result, show_check, 2 if result["faults"] else 0


def listed(text: str | None, option: str) -> list[str] | None:
    """The names of a comma-separated option; None where it was not given."""
    names = [name.strip() for name in text.split(",") if name.strip()] if text is not None else None
    if names == []:
        raise InputError(f"{option} names nothing. Give names separated by commas, or leave it out.")
    return names


@verb(
    features_group,
    name="report",
    examples="intently features report --out report.html\n"
    "intently features report --out report.html --as-of 2025-12-01 --against 2025-09-01 --features 'purchase_*'\n"
    "intently features report --out report.html --model champion --lang zh",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="HTML file to write; it needs no network.")
@click.option("--as-of", help=f"{AS_OF} Default: the log's last instant.")
@click.option("--against", help="The time compared with. Default: 28 days before.")
@click.option("--features", "names", help="Comma-separated names or patterns; default: all.")
@click.option("--model", metavar="champion|VERSION", help="With the importance that features have in this model.")
@click.option("--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="Of the page.")
def features_report(
    workspace: Workspace,
    out: Path,
    as_of: str | None,
    against: str | None,
    names: str | None,
    model: str | None,
    lang: str,
) -> Shown:
    """Coverage, distribution, drift, redundancy and importance of the features, as one page."""
    from training.feature_report import report as run
    from training.show import show_feature_report

    result = run(
        drained(workspace),
        out,
        as_of=instant(workspace, as_of) if as_of else None,
        against=instant(workspace, against) if against else None,
        names=listed(names, "--features"),
        model=model,
        language=lang,
    )
    return result, show_feature_report


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
    from serving.demo import demo as run
    from serving.show import show_nothing

    given = ctx.find_root().params["home"] or os.environ.get("INTENTLY_HOME")
    return run(workspace if given else Workspace.at(Path("workspace") / f"demo-{data}"), data), show_nothing


def main(argv: list[str] | None = None) -> int:
    """Run one verb; returns the exit status."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # on a busy machine, spinning threads cost LightGBM 30 times
    words = sys.argv[1:] if argv is None else argv
    before = words[: words.index("--")] if "--" in words else words
    as_json = "--json" in before
    if argv is None and {"features", "compute"} <= set(
        before
    ):  # a process of its own, where starting is most of the time
        from features.lean import for_one_task

        for_one_task()
    out = sys.stdout
    if as_json:  # whatever a library prints must not reach stdout
        out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        sys.stdout.flush()
        os.dup2(2, 1)
        sys.stdout = sys.stderr
    try:
        result = cli.main(words, prog_name="intently", standalone_mode=False)
        if isinstance(result, tuple):
            emit(out, result[0]) if as_json else result[1](result[0])
            return result[2] if len(result) > 2 else 0
        return 0 if not isinstance(result, int) else result
    except IntentlyError as error:
        return fail(out, as_json, error.code, error.message, error.exit_status)
    except click.UsageError as error:
        usage = f" See `{error.ctx.command_path} --help`." if error.ctx else ""
        return fail(out, as_json, "usage", error.format_message() + usage, 2)
    except (click.Abort, KeyboardInterrupt):
        return fail(out, as_json, "interrupted", "Interrupted; nothing half-written is left.", 130)
    except BrokenPipeError:
        return 1
    except Exception as error:  # noqa: BLE001 - the last resort turns a fault of ours into exit status 1
        traceback.print_exc()
        return fail(out, as_json, "internal", f"A fault of ours: {type(error).__name__}: {error}. Please report it.", 1)


def emit(out: Any, result: dict[str, Any]) -> None:
    """Write one JSON object, and nothing that is not JSON."""
    import orjson

    out.write(orjson.dumps(result, option=orjson.OPT_SERIALIZE_NUMPY).decode() + "\n")
    out.flush()


def fail(out: Any, as_json: bool, code: str, message: str, status: int) -> int:
    """Say what went wrong, to people or to a program."""
    if as_json:
        emit(out, {"error": {"code": code, "message": message}})
    else:
        click.echo(f"{click.style('error:', fg='red', bold=True)} {message}", err=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
