"""Templates of catalogue files: one table that stands for many features, its variables written in braces.

`name = "{kind}_count_{window}"` with `each.kind = ["view", "cart"]` and `each.window = ["7d", "30d"]` stands for four. A
value of `each` may itself be a table: its `name` stands in the variable's braces, its other keys are variables too. In the
titles a value is written as its word (`[words]`: singular, plural, Chinese), and a window as "the last 30 days", 近30天.
"""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

from .errors import NotFoundError, SpecError, did_you_mean
from .instants import SPAN

TEXTS: Final = ("name", "family", "unit", "en", "zh")
NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
UNITS: Final = {
    "s": ("second", "秒"),
    "min": ("minute", "分钟"),
    "h": ("hour", "小时"),
    "d": ("day", "天"),
    "w": ("week", "周"),
}


@dataclass(frozen=True, slots=True)
class Template:
    """One `[[feature]]` of a catalogue file, before its variables are filled in.

    Attributes:
        where: File and place, for messages.
        name: The features' name, with variables in braces.
        family: Their family.
        unit: Their unit.
        en: English title, with variables.
        zh: Chinese title, with variables.
        each: Variables of every feature: one mapping a feature.
        question: The question's table, with variables.
        groups: Names that stand for several kinds.
        words: Singular, plural and Chinese of values.
    """

    where: str
    name: str
    family: str
    unit: str
    en: str
    zh: str
    each: tuple[dict[str, str], ...]
    question: dict[str, Any]
    groups: dict[str, list[str]]
    words: dict[str, list[str]]

    def expand(self) -> Iterator[tuple[str, dict[str, Any], dict[str, str]]]:
        """Name, question and titles (`en`, `zh`) of every feature.

        Raises:
            SpecError: A variable that `each` does not list, or a name that is not a column's.
        """
        for values in self.each:
            name = self._fill(self.name, values.__getitem__, values)
            if not NAME.fullmatch(name):
                raise SpecError(
                    f"{self.where}: key 'name': {name!r} is not a feature's name. Use small letters, digits and '_', a letter "
                    "first, at most 63."
                )
            question = self._filled(self.question, values)
            titles = {
                "en": self._fill(self.en, lambda key, v=values: self._word(v, key, 0), values),  # type: ignore[misc]
                "zh": self._fill(self.zh, lambda key, v=values: self._word(v, key, 2), values),  # type: ignore[misc]
            }
            yield name, question, titles

    def _filled(self, value: Any, values: Mapping[str, str], key: str = "") -> Any:
        """The value with variables filled in and groups of kinds written out."""
        if isinstance(value, str):
            return self._fill(value, values.__getitem__, values)
        if isinstance(value, dict):
            return {inner: self._filled(part, values, inner) for inner, part in value.items()}
        if isinstance(value, list):
            filled = [self._filled(part, values) for part in value]
            return (
                [kind for name in filled for kind in self.groups.get(name, [name])]
                if key in ("kinds", "since")
                else filled
            )
        return value

    def _fill(self, text: str, of: Callable[[str], str], values: Mapping[str, str]) -> str:
        def one(match: re.Match[str]) -> str:
            if match[1].removesuffix("_many") not in values:
                raise SpecError(
                    f"{self.where}: {text!r} has the variable {match[1]!r}. {did_you_mean(match[1], values)}"
                )
            return of(match[1])

        return re.sub(r"\{(\w+)\}", one, text)

    def _word(self, values: Mapping[str, str], key: str, place: int) -> str:
        value = values[key.removesuffix("_many")]
        span = SPAN.fullmatch(value)
        if span:
            unit, sign = UNITS[span[2]]
            return (
                f"近{span[1]}{sign}"
                if place == 2
                else f"the last {span[1]} {unit}s"
                if span[1] != "1"
                else f"the last {unit}"
            )
        words = self.words.get(value, [value, f"{value}s", value])
        return words[1] if place == 0 and key.endswith("_many") else words[place]


def read_templates(path: Path) -> list[Template]:
    """The templates of a catalogue file, in order.

    Raises:
        NotFoundError: No such file.
        SpecError: Not TOML, or a table or key that is not understood.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFoundError(
            f"No catalogue file {path}. Give the path of a TOML file with [[feature]] tables."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"{path} is not TOML: {error}.") from None
    for key in data:
        if key not in ("feature", "groups", "words"):
            raise SpecError(f"{path.name}: unknown table {key!r}. {did_you_mean(key, ('feature', 'groups', 'words'))}")
    groups = _lists(path, data, "groups", None)
    words = _lists(path, data, "words", 3)
    tables = data.get("feature", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise SpecError(f"{path.name}: 'feature' must be tables, each written under [[feature]].")
    return [_template(path, place, table, groups, words) for place, table in enumerate(tables, 1)]


def _lists(path: Path, data: dict[str, Any], key: str, size: int | None) -> dict[str, list[str]]:
    table = data.get(key, {})
    if isinstance(table, dict):
        for name, value in table.items():
            texts = isinstance(value, list) and all(isinstance(text, str) for text in value)
            if not texts or (size is not None and len(value) != size):
                rule = "[singular, plural, Chinese]" if size else "a list of kinds"
                raise SpecError(f"{path.name}: [{key}] {name} = {value!r} must be {rule}.")
        return dict(table)
    raise SpecError(f"{path.name}: [{key}] must be a table.")


def _template(
    path: Path, place: int, table: dict[str, Any], groups: dict[str, list[str]], words: dict[str, list[str]]
) -> Template:
    where = f"{path.name}, [[feature]] {place} ({table.get('name', 'without a name')!r})"
    for key in TEXTS:
        if not isinstance(table.get(key), str) or not table[key]:
            found = f"is {table[key]!r}" if key in table else "is missing"
            raise SpecError(f"{where}: key {key!r} {found}. Every feature has the texts {', '.join(TEXTS)}.")
    question = {key: value for key, value in table.items() if key not in (*TEXTS, "each")}
    return Template(
        where,
        **{key: table[key] for key in TEXTS},
        each=tuple(_each(where, table.get("each", {}))),
        question=question,
        groups=groups,
        words=words,
    )


def _each(where: str, each: object) -> Iterator[dict[str, str]]:
    """Every combination of the variables' values."""
    if not isinstance(each, dict):
        raise SpecError(f"{where}: key 'each' = {each!r} must be a table of lists, like each.window = ['7d', '30d'].")
    choices = []
    for key, values in each.items():
        if not isinstance(values, list) or not values:
            raise SpecError(f"{where}: each.{key} = {values!r} must be a list of values.")
        choices.append([_variables(where, key, value) for value in values])
    for combination in product(*choices):
        yield {key: value for variables in combination for key, value in variables.items()}


def _variables(where: str, key: str, value: object) -> dict[str, str]:
    if isinstance(value, str) and value:
        return {key: value}
    if isinstance(value, dict) and "name" in value and all(isinstance(text, str) for text in value.values()):
        return {key if inner == "name" else inner: text for inner, text in value.items()}
    raise SpecError(f"{where}: each.{key} holds {value!r}; write a text, or a table of texts with the key 'name'.")
