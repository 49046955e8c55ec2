"""Render the reference pages from the code: `make docs`. A test holds the committed pages against it."""

import tomllib
from itertools import groupby
from pathlib import Path

from features import acts, adapters, arrivals, compact, formats, mapping_file, paths
from features.catalogue import load
from features.validate import RULES
from models.tag import Value
from models.tags import OURS, load_tags

DOCS = Path(__file__).parent
ADAPTERS = Path(adapters.__path__[0])


def features_page() -> str:
    """Every question of the catalogue, by family."""
    lines = [
        "# Features",
        "",
        "Rendered from `features/catalogue.toml` by `make docs`. A feature sees what had happened *and arrived* strictly before the",
        "cutoff, at most 400 days back, but for those of family `lifetime`, which see all that ever happened; windows are half-open",
        "and end at the cutoff. The docstring of `features/algebra.py` is the whole semantics.",
        "",
    ]
    entries = load().entries.values()
    for family, members in groupby(sorted(entries, key=lambda entry: entry.family), key=lambda entry: entry.family):
        lines += [f"## {family}", "", "| name | unit | meaning | 含义 |", "|---|---|---|---|"]
        lines += [f"| `{entry.name}` | {entry.unit} | {entry.en} | {entry.zh} |" for entry in members]
        lines.append("")
    return "\n".join(lines)


def tags_page() -> str:
    """Every starter tag: what it means and who has it."""
    lines = [
        "# Tags",
        "",
        "Rendered from `models/tags/*.toml` by `make docs`. A file of your own in `HOME/tags/` wins by name. A tag that rests on",
        "kinds or fields that the log lacks is not assigned, and the answer says why.",
    ]
    for tag in load_tags([OURS]).tags.values():
        lines += [
            "",
            f"## {tag.title.zh} · {tag.title.en} (`{tag.name}`)",
            "",
            f"{tag.definition.en}",
            "",
            f"{tag.definition.zh}",
            "",
        ]
        lines += [
            f"{tag.kind}, {tag.category}; owner {tag.owner}; for: {tag.purpose.lower()}; moves {tag.target_metric}.",
            "",
        ]
        lines += ["| value | 取值 | who |", "|---|---|---|"]
        lines += [f"| {value.name}: {value.title.en} | {value.title.zh} | {who(value)} |" for value in tag.values]
    return "\n".join(lines) + "\n"


def who(value: Value) -> str:
    """Who has a value: its rule, or its band."""
    if value.rule is not None:
        return f"`{value.rule}`".replace("|", "\\|")
    return f"below {value.below:g}" if value.below is not None else ""


def intake_page() -> str:
    """Adapters, mappings, rules of validation."""
    lines = [
        "# Intake",
        "",
        "Rendered from the code by `make docs`. `intently ingest PATH… --format NAME` reads CSV, TSV, Excel, JSON lines and Parquet,",
        "compressed or not; a folder takes `events`, `users` and `items` and leaves the rest. Every row read is accepted, a duplicate,",
        "or quarantined with file, line, rule and value; mend the quarantine file and ingest it with the same format.",
        "",
        "## Layouts known by name",
        "",
    ]
    lines += [
        f"- `{name}`: {tomllib.loads((ADAPTERS / f'{name}.toml').read_text())['title']}" for name in formats.names()
    ]
    lines += [
        "",
        "## Mappings",
        "",
        "```toml",
        *example(str(mapping_file.__doc__)),
        "```",
        "",
    ]
    for title, module in (
        ("When an event arrives", arrivals),
        ("Who people are, and what they allow", acts),
        ("Compaction", compact),
    ):
        _, _, words = str(module.__doc__).partition("\n\n")
        lines += [f"## {title}", "", words.strip(), ""]
    lines += ["## Rules", "", "| rule | a row is put aside for |", "|---|---|"]
    lines += [f"| `{rule}` | {meaning} |" for rule, meaning in RULES.items()]
    return "\n".join(lines) + "\n"


def paths_page() -> str:
    """What `intently paths` counts: the package's own words."""
    title, _, words = str(paths.__doc__).partition("\n\n")
    return "\n".join(
        [
            "# Paths",
            "",
            title,
            "",
            "Rendered from the docstring of `features/paths` by `make docs`.",
            "",
            "    intently paths --out paths.html",
            "    intently paths --steps kind:page --depth 6 --from 2025-06-01 --until 2025-09-01 --csv tables --out paths.svg",
            "    intently paths --to signup --horizon 14 --lang zh --out paths.html",
            "",
            "The page stands alone: it holds its figures and needs no network. `--csv` writes every table, `--json` all of it.",
            "",
            words.strip(),
            "",
            "**JSON.** `counts` (persons of whom anything is seen, and numbers in the window); `paths.goal` and `paths.leaving` (`n`,",
            "`different`, `top`: `steps`, `events`, `n`, `share`, `people`, `days`); `streams` (how often a step at a place before the end",
            "followed another, of all paths); `transitions` (`before`, `after`, `counts`, `rates`); `dwell` by way of naming (`step`, `n`,",
            "`given`, `mean`, `q10` to `q90`, seconds); `movers.session` and `movers.journey` (`n`, `converted`, `rate`, `chain_rate`,",
            "`steps`, `pairs`, and how many were compared); `left_out`; `notes`; `log_version`; `written`.",
            "",
        ]
    )


def example(docstring: str) -> list[str]:
    """The indented lines of a docstring."""
    return [line[4:] for line in docstring.splitlines() if line.startswith("    ")]


def pages() -> dict[str, str]:
    """File name to text."""
    return {
        "features.md": features_page(),
        "tags.md": tags_page(),
        "intake.md": intake_page(),
        "paths.md": paths_page(),
    }


if __name__ == "__main__":
    for name, text in pages().items():
        (DOCS / name).write_text(text)
