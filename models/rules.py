"""The rule language: a truth about a person, read from numbers and texts by name.

    purchase_count_90d >= 3 and not missing(purchase_age)
    entry_channel in ["search", "social"] or 7 <= days(purchase_age) < 8
    purchase_value_90d / purchase_count_90d > 2 * 50 and lifecycle != "lost"

It is the part of Python's expression syntax that can only compare: `and or not`, `< <= > >= == !=`, `in` and `not in` a
list of constants, `+ - * /`, numbers, texts, names, and the two functions `missing(x)` and `days(x)` (the calendar days, in
the shop's timezone, from the instant x days ago to now: 7 is T+7). Anything else is refused where it stands.

- A missing number or text compares false, with `!=` and `not in` too; `missing(x)` tells.
- A division by zero is missing.
- A text is compared with constants only; where the name has stated values, with one of them.

A rule is parsed and checked once and becomes NumPy operations on whole columns, each of them element by element, so one
person's answer is bit for bit the same alone and among many.
"""

import ast
import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

import numpy as np

from features.errors import did_you_mean

from .syntax import Source

Type = Literal["number", "text", "truth"]
Run = Callable[[Any], Any]
MAX_DEPTH: Final = 50
ALLOWED: Final = (
    "not allowed in a rule; it may hold and, or, not, comparisons, in [...], + - * /, numbers, texts, names, missing(x) and "
    "days(x)"
)


@dataclass(frozen=True, slots=True)
class Name:
    """What a name in a rule stands for: a number or a text, the latter perhaps one of stated `values`."""

    type: Literal["number", "text"]
    values: tuple[str, ...] = ()


class Texts(Protocol):
    """n texts as codes."""

    @property
    def codes(self) -> np.ndarray:
        """(n,) int64, -1 for missing."""

    def place(self, text: str) -> int:
        """The code of a text; -2 where nobody has it."""


class Columns(Protocol):
    """The n persons that a rule is asked about."""

    def number(self, name: str) -> np.ndarray:
        """(n,) float64, NaN for missing."""

    def text(self, name: str) -> Texts:
        """(n,) texts."""

    def days(self, name: str) -> np.ndarray:
        """(n,) float64: calendar days from the instant `name` days before now to now, NaN for missing."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A compiled rule.

    Attributes:
        text: As written, on one line.
        names: What it reads, in order of appearance.
        test: (n,) bool of the columns; call it with NumPy's floating-point warnings off.
    """

    text: str
    names: tuple[str, ...]
    test: Callable[[Columns], np.ndarray]


def compile_rule(text: str, names: Mapping[str, Name], where: str) -> Rule:
    """Parse, check and compile a rule.

    Args:
        text: The rule; a line break counts as a space.
        names: What may be named in it.
        where: File and key, told in errors.

    Raises:
        SpecError: Not a rule; the message points at the place with a caret.
    """
    source = Source.of(text, where)
    compiler = _Compiler(source, names)
    run = compiler.expect("truth", source.parse(), 0)
    if not compiler.read:
        raise source.fail(0, "the rule reads nothing about the person; name a feature")
    return Rule(source.text, tuple(compiler.read), run)


ORDERED: Final[dict[type, Any]] = {
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
}


def _differ(a: Any, b: Any) -> Any:
    return (a < b) | (a > b)  # unlike !=, false where either is NaN


def _divide(a: Any, b: Any) -> Any:
    return np.where(b == 0, np.nan, np.divide(a, b))


ARITHMETIC: Final[dict[type, Any]] = {ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: _divide}


class _Compiler:
    """Walks a syntax tree; every node becomes a function of the columns."""

    def __init__(self, source: Source, names: Mapping[str, Name]) -> None:
        self.source, self.names = source, names
        self.fail = source.fail
        self.read: dict[str, None] = {}

    def expect(self, wanted: Type, node: ast.expr, depth: int) -> Run:
        found, run = self.visit(node, depth)
        if found != wanted:
            raise self.fail(node, f"a {wanted} is wanted here, this is a {found}")
        return run

    def visit(self, node: ast.expr, depth: int) -> tuple[Type, Run]:
        """Type and evaluator of an expression."""
        if depth > MAX_DEPTH:
            raise self.fail(node, f"nested more than {MAX_DEPTH} deep; give a part of it a tag of its own")
        depth += 1
        match node:
            case ast.Constant() | ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=ast.Constant()):
                value = self.source.literal(node)
                return ("text" if isinstance(value, str) else "number"), lambda _: value
            case ast.Name():
                return self.name(node)
            case ast.BoolOp(values=values):
                runs = [self.expect("truth", value, depth) for value in values]
                return "truth", _fold(np.logical_and if isinstance(node.op, ast.And) else np.logical_or, runs)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                truth = self.expect("truth", operand, depth)
                return "truth", lambda columns: np.logical_not(truth(columns))
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
                number = self.expect("number", operand, depth)
                return "number", (lambda columns: -number(columns)) if isinstance(node.op, ast.USub) else number
            case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
                a, b, apply = (
                    self.expect("number", left, depth),
                    self.expect("number", right, depth),
                    ARITHMETIC[type(op)],
                )
                return "number", lambda columns: apply(a(columns), b(columns))
            case ast.Compare():
                return "truth", self.comparison(node, depth)
            case ast.Call(func=ast.Name(id="missing"), args=[argument], keywords=[]):
                return "truth", self.missing(argument, depth)
            case ast.Call(func=ast.Name(id="days"), args=[ast.Name() as argument], keywords=[]):
                self.expect("number", argument, depth)
                return "number", lambda columns: columns.days(argument.id)
            case _:
                raise self.fail(node, ALLOWED)

    def name(self, node: ast.Name) -> tuple[Type, Run]:
        name = node.id
        if name not in self.names:
            near = difflib.get_close_matches(name, self.names, n=6, cutoff=0.4) or list(self.names)
            raise self.fail(node, f"unknown name {name!r}. {did_you_mean(name, near).rstrip('.')}")
        self.read[name] = None
        if self.names[name].type == "text":
            return "text", lambda columns: columns.text(name)
        return "number", lambda columns: columns.number(name)

    def comparison(self, node: ast.Compare, depth: int) -> Run:
        """One comparison, or a chain of them: `1 <= x < 3`."""
        operands = [node.left, *node.comparators]
        found = [None if isinstance(operand, ast.List) else self.visit(operand, depth) for operand in operands]
        runs: list[Run] = []
        for place, op in enumerate(node.ops):
            left, right, seen = operands[place], operands[place + 1], found[place]
            if seen is None:
                raise self.fail(left, "a list may stand only after in")
            if isinstance(op, ast.In | ast.NotIn):
                if not isinstance(right, ast.List) or not right.elts:
                    raise self.fail(right, "a list of constants is wanted after in")
                runs.append(self.membership(left, seen, right.elts, isinstance(op, ast.NotIn)))
                continue
            other = found[place + 1]
            if other is None:
                raise self.fail(right, "a list may stand only after in")
            runs.append(self.pair(op, (left, seen), (right, other)))
        return _fold(np.logical_and, runs)

    def pair(
        self, op: ast.cmpop, left: tuple[ast.expr, tuple[Type, Run]], right: tuple[ast.expr, tuple[Type, Run]]
    ) -> Run:
        """`left op right`, neither of them a list."""
        kinds = (left[1][0], right[1][0])
        if not isinstance(op, ast.NotEq) and type(op) not in ORDERED:
            raise self.fail(left[0], "compare with < <= > >= == != in, or not in")
        if kinds == ("text", "text") and isinstance(op, ast.Eq | ast.NotEq):
            name, constant = (right, left) if isinstance(left[0], ast.Constant) else (left, right)
            return self.membership(name[0], name[1], [constant[0]], isinstance(op, ast.NotEq))
        if kinds != ("number", "number"):
            raise self.fail(left[0], f"a {kinds[0]} and a {kinds[1]} cannot be compared so")
        (_, a), (_, b) = left[1], right[1]
        compare = _differ if isinstance(op, ast.NotEq) else ORDERED[type(op)]
        return lambda columns: compare(a(columns), b(columns))

    def membership(self, left: ast.expr, found: tuple[Type, Run], elements: Sequence[ast.expr], negated: bool) -> Run:
        """`x in [a, b]`; `text == "a"` is a list of one."""
        kind, run = found
        values = [self.source.literal(element) for element in elements]
        for element, value in zip(elements, values, strict=True):
            if kind == "truth" or isinstance(value, str) != (kind == "text"):
                raise self.fail(
                    element, f"a {kind} is compared with a {'text' if isinstance(value, str) else 'number'}"
                )
        if kind == "number":
            test = _differ if negated else np.equal
            tests: list[Run] = [lambda columns, value=value: test(run(columns), value) for value in values]  # type: ignore[misc]
            return _fold(np.logical_and if negated else np.logical_or, tests)
        if not isinstance(left, ast.Name):
            raise self.fail(left, "a text is compared by its name: name == 'text'")
        known = self.names[left.id].values
        for element, value in zip(elements, values, strict=True):
            if known and value not in known:
                raise self.fail(
                    element, f"{left.id} has no value {value!r}. {did_you_mean(str(value), known).rstrip('.')}"
                )
        return lambda columns: _among(run(columns), values, negated)

    def missing(self, argument: ast.expr, depth: int) -> Run:
        kind, run = self.visit(argument, depth)
        if kind == "truth" or isinstance(argument, ast.Constant):
            raise self.fail(argument, "missing() asks about a name or a number made of names")
        return (lambda columns: run(columns).codes < 0) if kind == "text" else (lambda columns: np.isnan(run(columns)))


def _fold(ufunc: Any, runs: Sequence[Run]) -> Run:
    first, *rest = runs
    if not rest:
        return first

    def run(columns: Any) -> Any:
        truth = first(columns)
        for other in rest:
            truth = ufunc(truth, other(columns))
        return truth

    return run


def _among(texts: Texts, values: Sequence[Any], negated: bool) -> np.ndarray:
    found: np.ndarray = texts.codes == texts.place(values[0])
    for value in values[1:]:
        found |= texts.codes == texts.place(value)
    return (texts.codes >= 0) & ~found if negated else found
