"""`intently features list` and `show`: all that a person may want to know of a feature."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import attributes, catalogue, words
from .algebra import Attribute, Function
from .catalogue import OURS, Catalogue, Entry
from .errors import NotFoundError, SpecError, did_you_mean
from .functions import declared
from .template import read_templates
from .traits import is_text, named, parts
from .workspace import Workspace


def listing(workspace: Workspace, patterns: Sequence[str], family: str | None) -> dict[str, Any]:
    """What `intently features list` prints.

    Args:
        workspace: Its features and ours; ours where there is no workspace.
        patterns: As `Catalogue.select` reads them; none for all.
        family: Only this one's.

    Returns:
        `families` with the number of features listed of each, `features`: name, family, unit, type, window, titles, file; and
        `tables` of attributes: `rows` and `fields` of each.

    Raises:
        SpecError: A pattern or family that names nothing.
    """
    whole = catalogue.of(workspace)
    chosen = whole.select(patterns)
    if family is not None:
        families = {entry.family for entry in whole.entries.values()}
        if family not in families:
            raise SpecError(f"There is no family {family!r}. {did_you_mean(family, families)}")
        chosen = Catalogue({name: entry for name, entry in chosen.entries.items() if entry.family == family})
        if not chosen.entries:
            raise SpecError(f"No feature of the family {family!r} matches {' '.join(patterns)}.")
    files = sources(workspace)
    counts: dict[str, int] = {}
    for entry in chosen.entries.values():
        counts[entry.family] = counts.get(entry.family, 0) + 1
    rows = [_row(entry, files[entry.name]) for entry in chosen.entries.values()]
    return {"families": counts, "features": rows, "tables": attributes.own_tables(workspace)}


def described(workspace: Workspace, name: str) -> dict[str, Any]:
    """What `intently features show` prints, but for who uses it.

    Returns:
        As a row of `listing`, and `question` in words by language, `toml`, `nothing` (the answer for nothing), `fields` and
        `kinds` that are read (none: every kind; null: no events), `ours`.

    Raises:
        NotFoundError: No such feature; the message names the nearest.
    """
    known = catalogue.of(workspace).entries
    if name not in known:
        raise NotFoundError(
            f"There is no feature {name!r}. {did_you_mean(name, known)} See `intently features list`, which takes patterns: 'purchase_*'."
        )
    entry, path = known[name], sources(workspace)[name]
    return {
        **_row(entry, path),
        "question": {language: words.question(entry.feature, language) for language in ("en", "zh")},
        "toml": words.toml(entry.feature),
        "nothing": words.nothing(entry.feature),
        "fields": list(fields_of(entry)),
        "kinds": None if isinstance(entry.feature, Attribute) else sorted(set(named(entry.feature))),
        "ours": path == OURS,
    }


def fields_of(entry: Entry) -> tuple[str, ...]:
    """The fields that a feature reads beside ts, arrived_at and kind; `table.field` of an attribute."""
    feature = entry.feature
    if isinstance(feature, Attribute):
        return (f"{feature.table}.{feature.field}",)
    if isinstance(feature, Function):
        return feature.reads
    found: list[str] = []
    for part in parts(feature):
        own = getattr(part, "field", None)
        found += [own] if own is not None and own != "kind" else []
        found += ["item"] if words.word(part) == "abandoned" else []
        found += ["day"] if getattr(part, "distinct_days", False) else []
    return tuple(dict.fromkeys(found))


def sources(workspace: Workspace) -> dict[str, Path]:
    """Feature to the file that it is defined in."""
    found: dict[str, Path] = {}
    for path in (OURS, *sorted(workspace.features.glob("*.toml"))):
        for template in read_templates(path):
            found |= dict.fromkeys((name for name, _, _ in template.expand()), path)
    return found | {one.name: one.path for one in declared(workspace.features)}


def _row(entry: Entry, path: Path) -> dict[str, Any]:
    windows = [words.window(part.window) for part in parts(entry.feature) if hasattr(part, "window")]
    texts = [text if isinstance(text, str) else str(text) for text in windows]
    return {
        "name": entry.name,
        "family": entry.family,
        "unit": entry.unit,
        "type": "text" if is_text(entry.feature) else "number",
        "window": " / ".join(dict.fromkeys(texts)) or None,
        "title": {"en": entry.en, "zh": entry.zh},
        "file": path.name if path == OURS else str(path),
    }
