"""Strict reading of definition files: every key is asked for by name and type, and what was not asked for is refused.

A message names the file, the key, the value, the rule and the way out.
"""

import tomllib
from collections.abc import Callable, Collection
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeVar

from features.errors import InputError, NotFoundError, SpecError, did_you_mean
from features.instants import parse_span

T = TypeVar("T")
MISSING: Final[Any] = object()
NAMES: Final = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
}


class Table:
    """A TOML table being read; `done` refuses what nobody asked for.

    Args:
        data: The table.
        source: The file, as the user named it.
        path: The table's own name, `""` for the root.
    """

    def __init__(self, data: dict[str, Any], source: str, path: str = "") -> None:
        self._data = data
        self._asked: set[str] = set()
        self.source = source
        self.path = path

    def fail(self, key: str, rule: str) -> SpecError:
        """The error that says that `key` breaks `rule`."""
        value = f" = {self._data[key]!r}" if key in self._data else ""
        return SpecError(f"{self.source}: {self._name(key)}{value}: {rule}")

    def take(
        self, key: str, kind: type[T], default: T = MISSING, check: Callable[[T], bool] | None = None, rule: str = ""
    ) -> T:
        """The value of `key`.

        Args:
            key: Name in this table.
            kind: Its type; a whole number passes for a float, never a bool for a number.
            default: Where absent; without one the key is required.
            check: What must hold of a value given.
            rule: What `check` demands, in words.

        Raises:
            SpecError: Absent, of another type, or the check fails.
        """
        self._asked.add(key)
        if key not in self._data:
            if default is MISSING:
                raise SpecError(f"{self.source}: {self._name(key)} is missing: give {rule or NAMES[kind]}.")
            return default
        value = self._data[key]
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise self.fail(key, f"must be {rule or NAMES[kind]}.")
        if check is not None and not check(value):
            raise self.fail(key, f"must be {rule}.")
        return value

    def whole(self, key: str, low: int, high: int, default: int = MISSING) -> int:
        """A whole number of `low` to `high`."""
        return self.take(key, int, default, lambda v: low <= v <= high, f"a whole number of {low:,} to {high:,}")

    def number(self, key: str, low: float, high: float, default: float = MISSING) -> float:
        """A number of `low` to `high`."""
        return self.take(key, float, default, lambda v: low <= v <= high, f"a number of {low:g} to {high:g}")

    def texts(self, key: str, default: tuple[str, ...] = MISSING, *, empty: bool = False) -> tuple[str, ...]:
        """A list of different texts, in order; not empty unless `empty`."""
        rule = "a list of different texts" + ("" if empty else ", at least one")
        found = self.take(key, list, list(default) if default is not MISSING else MISSING, rule=rule)
        plain = all(isinstance(value, str) and value for value in found)
        if not plain or len(set(found)) < len(found) or not (found or empty):
            raise self.fail(key, f"must be {rule}.")
        return tuple(found)

    def ascending(self, key: str, low: int, high: int, default: tuple[int, ...] = MISSING) -> tuple[int, ...]:
        """A list of ascending whole numbers of `low` to `high`, at least one."""
        rule = f"a list of ascending whole numbers of {low:,} to {high:,}, at least one"
        found = self.take(key, list, list(default) if default is not MISSING else MISSING, rule=rule)
        plain = found and all(type(value) is int and low <= value <= high for value in found)
        if not plain or any(a >= b for a, b in pairwise(found)):
            raise self.fail(key, f"must be {rule}.")
        return tuple(found)

    def choices(
        self, key: str, known: Collection[str], default: tuple[str, ...] = MISSING, *, empty: bool = False
    ) -> tuple[str, ...]:
        """A list of different words out of `known`."""
        found = self.texts(key, default, empty=empty)
        for word in found:
            if word not in known:
                raise self.fail(key, f"unknown {word!r}. {did_you_mean(word, known)}")
        return found

    def choice(self, key: str, known: Collection[str], default: str = MISSING) -> str:
        """One word out of `known`."""
        word = self.take(key, str, default)
        if word not in known:
            raise self.fail(key, f"unknown {word!r}. {did_you_mean(word, known)}")
        return word

    def span(self, key: str, default: str = MISSING) -> int:
        """Microseconds of a length of time such as `7d`."""
        text = self.take(key, str, default, rule="a length of time such as '7d'")
        try:
            return parse_span(text)
        except InputError as error:
            raise self.fail(key, error.message) from None

    def table(self, key: str, *, required: bool = True) -> "Table":
        """A table within; an empty one where absent and not required."""
        data = self.take(key, dict, MISSING if required else {}, rule=f"a table [{self._name(key)}]")
        return Table(data, self.source, self._name(key))

    def tables(self, key: str) -> "list[Table]":
        """Tables in a row, `[[key]]`, at least one."""
        rule = f"tables [[{self._name(key)}]], at least one"
        found = self.take(key, list, check=lambda v: bool(v) and all(isinstance(one, dict) for one in v), rule=rule)
        return [Table(data, self.source, f"{self._name(key)}[{place}]") for place, data in enumerate(found)]

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that stand in the table."""
        return tuple(self._data)

    def done(self) -> None:
        """Refuse keys that were not asked for.

        Raises:
            SpecError: There is one; the message lists what is known.
        """
        for key in self._data:
            if key not in self._asked:
                raise SpecError(f"{self.source}: unknown key {self._name(key)!r}. {did_you_mean(key, self._asked)}")

    def _name(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key


def read(path: Path) -> tuple[Table, str]:
    """The root table of a TOML file, and the file's text.

    Raises:
        NotFoundError: No such file.
        SpecError: It is not TOML in UTF-8.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise NotFoundError(f"There is no definition file {path}.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise SpecError(f"{path} is not a text in UTF-8. Save it as UTF-8.") from None
    return root(text, str(path)), text


def root(text: str, source: str) -> Table:
    """The root table of a text; `source` is its file, for messages.

    Raises:
        SpecError: It is not TOML.
    """
    try:
        return Table(tomllib.loads(text), source)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{source} is not TOML: {error}.") from None
