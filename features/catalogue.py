"""The catalogue: every feature by name, with its family, unit and titles; definitions are data.

Ours is `catalogue.toml`; a shop adds files of its own (`HOME/features/*.toml`) in the same form, and functions
(`HOME/features/*.py`). A template's `each` lists the values of its variables, and it is written out once for every combination.
"""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from . import attributes
from .algebra import Attribute, Feature
from .definition import feature_from_toml, feature_to_json
from .errors import SpecError, did_you_mean
from .events import KINDS
from .functions import Declared, declared
from .template import NAME, Template, read_templates
from .traits import is_forward, named
from .workspace import Workspace

OURS: Final = Path(__file__).with_name("catalogue.toml")
FAMILIES: Final = (
    "recency", "tenure", "frequency", "spend", "breadth", "tempo", "sessions", "funnel", "search", "path", "engagement", "feedback",
    "channels", "lifetime", "attributes",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """A feature with its name and what people read of it.

    Attributes:
        name: Its column.
        feature: The question.
        family: One of `FAMILIES`, or a shop's own.
        unit: What its numbers count, e.g. "days"; of a categorical one, what it names.
        en: English title, without a full stop.
        zh: Chinese title.
    """

    name: str
    feature: Feature
    family: str
    unit: str
    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Features by name, in order."""

    entries: dict[str, Entry]

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names, in order."""
        return tuple(self.entries)

    @property
    def features(self) -> dict[str, Feature]:
        """The questions by name, as `compile_program` takes them."""
        return {name: entry.feature for name, entry in self.entries.items()}

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON: equal exactly where all entries and their order are."""
        text = json.dumps(self.to_json(), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def select(self, patterns: Sequence[str]) -> "Catalogue":
        """The features that the patterns name: in the order of the patterns, those of one in the catalogue's.

        Args:
            patterns: Names, or patterns with `*`, `?` and `[…]`; `!` before one takes its features away again. Read from
                left to right; none, or one that begins by taking away, begins with all.

        Raises:
            SpecError: A pattern that names nothing.
        """
        chosen = dict.fromkeys(self.entries) if not patterns or patterns[0].startswith("!") else {}
        for pattern in patterns:
            wanted = pattern.removeprefix("!")
            named = [name for name in self.entries if fnmatchcase(name, wanted)]
            if not named:
                if any(sign in wanted for sign in "*?["):
                    raise SpecError(f"The pattern {wanted!r} names no feature of the catalogue's {len(self.entries)}.")
                raise SpecError(f"Unknown feature {wanted!r}. {did_you_mean(wanted, self.entries)}")
            if pattern.startswith("!"):
                chosen = {name: None for name in chosen if name not in named}
            else:
                chosen |= dict.fromkeys(named)
        return Catalogue({name: self.entries[name] for name in chosen})

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads back as an equal catalogue."""
        return {
            "features": [
                {
                    "name": entry.name,
                    "family": entry.family,
                    "unit": entry.unit,
                    "en": entry.en,
                    "zh": entry.zh,
                    "question": feature_to_json(entry.feature),
                }
                for entry in self.entries.values()
            ]
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Catalogue":
        """The catalogue that `to_json` wrote.

        Raises:
            SpecError: A question that this version does not know.
        """
        entries = [
            Entry(e["name"], feature_from_toml(e["question"]), e["family"], e["unit"], e["en"], e["zh"])
            for e in data["features"]
        ]
        return cls({entry.name: entry for entry in entries})


def load(
    extra: Sequence[Path] = (),
    kinds: Collection[str] | None = None,
    tables: Collection[str] | None = None,
    functions: Sequence[Declared] = (),
) -> Catalogue:
    """Our catalogue, then the shop's own files and functions.

    Args:
        extra: TOML files in the form of `catalogue.toml`.
        kinds: The kinds that questions may name; None for any.
        tables: The tables of attributes that questions may name; None for any.
        functions: The shop's.

    Raises:
        SpecError: An entry that is not understood, looks forward, names an unknown kind, or a name given twice. The message
            names file, entry, key and value, the rule, and the way out.
    """
    entries: dict[str, Entry] = {}
    for path in (OURS, *extra):
        for template in read_templates(path):
            for name, table, words in template.expand():
                where = f"{path.name}, feature {name!r}"
                entry = _entry(where, name, table, words, template, kinds)
                _check_table(where, entry.feature, tables)
                _add(entries, where, entry)
    for one in functions:
        where = f"{one.path.name}, feature {one.name!r}"
        if not NAME.fullmatch(one.name):
            raise SpecError(
                f"{where} is not a feature's name. Use small letters, digits and '_', a letter first, at most 63."
            )
        try:
            question = feature_from_toml(
                {"ask": "function", "name": one.name, "digest": one.digest, "reads": one.reads}
            )
        except SpecError as error:
            raise SpecError(f"{where}: {error.message}") from None
        _add(entries, where, Entry(one.name, question, one.family, one.unit, one.en, one.zh))
    return Catalogue(entries)


def _add(entries: dict[str, Entry], where: str, entry: Entry) -> None:
    if entry.name in entries:
        raise SpecError(f"{where}: the name is given twice. Choose another; names are unique over all files.")
    entries[entry.name] = entry


def _check_table(where: str, feature: Feature, tables: Collection[str] | None) -> None:
    if tables is not None and isinstance(feature, Attribute) and feature.table not in tables:
        raise SpecError(
            f"{where}: key 'table': there are no attributes {feature.table!r}. {did_you_mean(feature.table, tables)} "
            f"Bring them in first: `intently ingest FILE --attributes {feature.table}`."
        )


def of(workspace: Workspace) -> Catalogue:
    """Our catalogue with the files under the workspace's `features` folder, checked against its kinds and tables of attributes."""
    kinds = workspace.facts.kinds if workspace.exists else KINDS
    own = sorted(workspace.features.glob("*.toml"))
    return load(own, kinds, attributes.tables(workspace), declared(workspace.features))


def _entry(
    where: str,
    name: str,
    table: Mapping[str, Any],
    words: Mapping[str, str],
    template: Template,
    kinds: Collection[str] | None,
) -> Entry:
    try:
        feature = feature_from_toml(table)
        if is_forward(feature):
            raise SpecError("its window looks forward, which would leak the future: a feature looks back, like '30d'.")
        if kinds is not None:
            for kind in named(feature):
                if kind not in kinds:
                    raise SpecError(f"Key 'kinds': unknown event kind {kind!r}. {did_you_mean(kind, kinds)}")
    except SpecError as error:
        raise SpecError(f"{where}: {error.message}") from None
    return Entry(name, feature, template.family, template.unit, words["en"], words["zh"])
