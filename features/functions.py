"""Features that are Python functions: how a shop writes one, and how its file is found and loaded.

    # HOME/features/own.py
    import features

    @features.function(name="night_owl", family="tempo", unit="share", en="share of events at night", zh="夜间占比")
    def night_owl(history):
        return (history.ts // 3_600_000_000 % 24 < 6).mean() if len(history) else None

A file is known by the SHA-256 of its bytes: a bundle keeps that and never the code, and whoever evaluates the feature loads
the workspace's file, or refuses. What a catalogue must know of a function stands in the decorator, as literals, and is read
from the syntax tree: nothing of the file runs before a program asks for one of its features.
"""

import ast
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from .errors import FunctionError, SpecError, did_you_mean

if TYPE_CHECKING:
    from .algebra import Function
    from .seen import History

Answer = float | int | None
Call = Callable[["History"], Answer]
F = TypeVar("F", bound=Callable[..., Any])
TEXTS: Final = ("name", "family", "unit", "en", "zh")
MARK: Final = "__intently_feature__"


def function(
    *,
    name: str,
    family: str,
    unit: str,
    en: str,
    zh: str,
    reads: tuple[str, ...] = (),
) -> Callable[[F], F]:
    """Make a Python function over one history a feature of the workspace; it stands in a file of `HOME/features/`.

    The function is given a `features.seen.History`: the events that are seen at the cutoff, RETENTION applied. It returns a
    finite number, or None for nothing. It must be a function of what it is given and of nothing else, which `intently features
    check` tries to disprove. It costs 10 to 30 µs a (user, cutoff) and what it does itself, in one thread, where the
    kernel answers a whole catalogue in that time: ask a question of the algebra wherever there is one.

    Args:
        name: The feature's name: small letters, digits, `_`.
        family: Its family.
        unit: What the number counts.
        en: English title.
        zh: Chinese title.
        reads: Number and coded fields that it reads beside `ts` and kinds, such as `("value", "item")`.

    >>> @function(name="n", family="own", unit="events", en="events seen", zh="事件数")
    ... def n(history):
    ...     return len(history)
    """

    def mark(decorated: F) -> F:
        setattr(decorated, MARK, {"name": name, "family": family, "unit": unit, "en": en, "zh": zh, "reads": reads})
        return decorated

    return mark


@dataclass(frozen=True, slots=True)
class Declared:
    """A function as its decorator describes it, its file not run.

    Attributes:
        name: The feature's name.
        family: Its family.
        unit: Its unit.
        en: English title.
        zh: Chinese title.
        reads: Fields that it is given.
        path: The file.
        digest: SHA-256 of the file.
    """

    name: str
    family: str
    unit: str
    en: str
    zh: str
    reads: tuple[str, ...]
    path: Path
    digest: str


def declared(folder: Path) -> list[Declared]:
    """The functions of a folder's files, by file and line; none of them is run.

    Raises:
        SpecError: A file is no Python, or a decorator lacks a literal; the message names file and line.
    """
    found: list[Declared] = []
    for path in sorted(folder.glob("*.py")):
        source = path.read_bytes()
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError) as error:
            raise SpecError(f"{path.name} is not Python: {error}.") from None
        digest = hashlib.sha256(source).hexdigest()
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                found += [_declared(path, digest, call) for call in map(_decorator, node.decorator_list) if call]
    return found


def load(folder: Path | None, asked: "Function") -> Call:
    """The function that a feature names.

    Raises:
        FunctionError: No file of the folder has its digest, or the file fails when it is run.
    """
    path = find(folder, asked)
    functions = _run(path, asked.digest)
    if asked.name not in functions:
        raise FunctionError(f"{path.name} does not leave a function {asked.name!r} behind when it is run.")
    return functions[asked.name]


def find(folder: Path | None, asked: "Function") -> Path:
    """The file that a feature's function stands in.

    Raises:
        FunctionError: It is not there, or is another than the one that was asked for.
    """
    if folder is None:
        raise FunctionError(f"The feature {asked.name!r} is a function of a workspace, and no workspace was given.")
    files = sorted(folder.glob("*.py"))
    for path in files:
        if hashlib.sha256(path.read_bytes()).hexdigest() == asked.digest:
            return path
    others = [one.path.name for one in declared(folder) if one.name == asked.name]
    what = f"{others[0]} is another file than then" if others else f"no file in {folder} has it"
    raise FunctionError(
        f"The feature {asked.name!r} is a function whose file had the SHA-256 {asked.digest[:12]}…, and {what}. "
        "Put the file back as it was, or train again with `intently train`."
    )


def fresh() -> None:
    """Forget what was loaded: functions are then run from their files anew, without what they left behind."""
    _run.cache_clear()


@lru_cache(maxsize=64)
def _run(path: Path, digest: str) -> dict[str, Call]:
    """The functions that a file leaves behind, by their features' names; the bytes that are hashed are those that run."""
    source = path.read_bytes()
    if hashlib.sha256(source).hexdigest() != digest:
        raise FunctionError(f"{path.name} was changed a moment ago. Try again.")
    space: dict[str, Any] = {"__name__": f"intently_{path.stem}", "__file__": str(path)}
    try:
        exec(compile(source, str(path), "exec"), space)  # noqa: S102 - the shop's own file
    except Exception as error:
        raise FunctionError(f"{path.name} fails when it is run: {type(error).__name__}: {error}.") from error
    return {
        getattr(found, MARK)["name"]: found for found in space.values() if isinstance(getattr(found, MARK, None), dict)
    }


def _decorator(node: ast.expr) -> ast.Call | None:
    """The call of `features.function`, where the decorator is one."""
    if isinstance(node, ast.Call):
        called = node.func
        word = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
        return node if word == "function" else None
    return None


def _declared(path: Path, digest: str, call: ast.Call) -> Declared:
    where = f"{path.name}, line {call.lineno}"
    values: dict[str, Any] = {}
    for keyword in call.keywords:
        if keyword.arg not in (*TEXTS, "reads"):
            raise SpecError(
                f"{where}: unknown argument {keyword.arg!r}. {did_you_mean(str(keyword.arg), (*TEXTS, 'reads'))}"
            )
        try:
            values[keyword.arg] = ast.literal_eval(keyword.value)
        except ValueError:
            raise SpecError(
                f"{where}: {keyword.arg} must be written out, for the file is not run to read it."
            ) from None
    for name in TEXTS:
        if not isinstance(values.get(name), str) or not values[name]:
            raise SpecError(f"{where}: {name} is missing or no text. A function has the texts {', '.join(TEXTS)}.")
    reads = values.pop("reads", ())
    if call.args or not isinstance(reads, tuple | list):
        raise SpecError(f"{where}: give name=…, and reads=(…) as a list of fields.")
    return Declared(**values, reads=tuple(reads), path=path, digest=digest)
