"""The verbs of `intently features`: list, show, compute, check, report.

They stand here because models use features, and some verbs tell which.
"""

from pathlib import Path
from typing import Final

import click

from features.command import AS_OF, CONTEXT, Judged, Shown, drained, instant, lang, listed, verb
from features.errors import InputError
from features.workspace import Workspace


@verb(
    name="list",
    examples="intently features list\nintently features list 'purchase_*' '!*_7d'\nintently features list --family tempo --lang zh",
)
@click.argument("patterns", nargs=-1, metavar="[PATTERN]...")
@click.option("--family", help="Only this family.")
@lang("Of the titles.")
def features_list(workspace: Workspace, patterns: tuple[str, ...], family: str | None, lang: str) -> Shown:
    """The features that there are, ours and the workspace's own: names, or patterns with * ? and ! for not."""
    from features.described import listing
    from features.show import show_features

    return listing(workspace, patterns, family), lambda result: show_features(result, lang)


@verb(
    name="show",
    examples="intently features show purchase_count_30d\nintently features show purchase_age --lang zh --json",
)
@click.argument("name")
@lang("Of the question.")
def features_show(workspace: Workspace, name: str, lang: str) -> Shown:
    """All of one feature: what it asks, in words and as TOML, what it reads, where it is defined, who uses it."""
    from features.described import described
    from features.show import show_feature
    from models.uses import used_by

    result = described(workspace, name) | {"used_by": used_by(workspace)[name]}
    return result, lambda shown: show_feature(shown, lang)


@verb(
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
    from .entities import compute_entities
    from .show import show_entities

    return compute_entities(drained(workspace), entities, wanted, listed(targets, "--targets"), out), show_entities


@verb(
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


@verb(
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
@lang("Of the page.")
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
    from .feature_report import report as run
    from .show import show_feature_report

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


FEATURES: Final = click.Group(
    "features",
    {
        one.name: one
        for one in (features_list, features_show, compute, features_check, features_report)
        if one.name is not None
    },
    help="Questions put to every user's history.",
    context_settings=CONTEXT,
)
