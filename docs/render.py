"""Render the reference pages from the code: `make docs`. A test holds the committed pages against it."""

from itertools import groupby
from pathlib import Path

from features.catalogue import load

DOCS = Path(__file__).parent


def features_page() -> str:
    """Every question of the catalogue, by family."""
    lines = [
        "# Features",
        "",
        "Rendered from `features/catalogue.toml` by `make docs`. A feature sees what had happened *and arrived* strictly before the",
        "cutoff, at most 400 days back; windows are half-open and end at the cutoff. The docstring of `features/algebra.py` is the",
        "whole semantics.",
        "",
    ]
    entries = load().entries.values()
    for family, members in groupby(sorted(entries, key=lambda entry: entry.family), key=lambda entry: entry.family):
        lines += [f"## {family}", "", "| name | unit | meaning | 含义 |", "|---|---|---|---|"]
        lines += [f"| `{entry.name}` | {entry.unit} | {entry.en} | {entry.zh} |" for entry in members]
        lines.append("")
    return "\n".join(lines)


def pages() -> dict[str, str]:
    """File name to text."""
    return {"features.md": features_page()}


if __name__ == "__main__":
    for name, text in pages().items():
        (DOCS / name).write_text(text)
