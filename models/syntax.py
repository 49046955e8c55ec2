"""A rule as text: its syntax tree, read by Python's own parser, and errors that point at the place."""

import ast
import io
import tokenize
import unicodedata
import warnings
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.errors import SpecError

MAX_LENGTH: Final = 2000


@dataclass(frozen=True, slots=True)
class Source:
    """A rule's text.

    Attributes:
        text: On one line.
        where: File and key, told in errors.
    """

    text: str
    where: str

    @classmethod
    def of(cls, text: str, where: str) -> "Source":
        """The rule on one line: a line break counts as a space.

        Raises:
            SpecError: Too long.
        """
        line = " ".join(text.splitlines()).strip()
        if len(line) > MAX_LENGTH:
            raise SpecError(f"{where}: the rule has {len(line)} characters; {MAX_LENGTH} are allowed. Split it.")
        return cls(line, where)

    def fail(self, at: int | ast.AST, problem: str) -> SpecError:
        """The error, with a caret under the place: a character's number, or where a node begins.

        Wide characters take a wide blank, so that the caret stands right under Chinese text too.
        """
        if isinstance(at, ast.AST):
            at = len(self.text.encode()[: getattr(at, "col_offset", 0)].decode(errors="ignore"))
        at = min(at, len(self.text))
        pad = "".join("\u3000" if unicodedata.east_asian_width(c) in "WF" else " " for c in self.text[:at])
        return SpecError(f"{self.where}, column {at + 1}: {problem}.\n    {self.text}\n    {pad}^")

    def parse(self) -> ast.expr:
        """The syntax tree of one expression.

        Raises:
            SpecError: Not one expression, or a comment or texts side by side, which would silently mean something else.
        """
        if "\0" in self.text:
            raise self.fail(self.text.index("\0"), "cannot be read (a NUL character)")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                body = ast.parse(self.text, mode="eval").body
                tokens = list(tokenize.generate_tokens(io.StringIO(self.text).readline))
        except SyntaxError as error:
            at = error.offset - 1 if error.offset else len(self.text)  # 0: at the end
            raise self.fail(at, f"cannot be read ({error.msg})") from None
        except (ValueError, MemoryError, RecursionError, tokenize.TokenError, Warning) as error:
            raise self.fail(0, f"cannot be read ({error or type(error).__name__})") from None
        before = tokenize.OP
        for token in tokens:
            if token.type == tokenize.COMMENT:
                raise self.fail(token.start[1], "a comment would hide the rest of the rule; write it outside the text")
            if before == token.type == tokenize.STRING:
                raise self.fail(token.start[1], "two texts stand side by side; put a comma between them")
            before = token.type
        return body

    def literal(self, node: ast.expr) -> str | np.float64:
        """The text or number of a constant, a sign before the number or not.

        Raises:
            SpecError: Neither, or a number beyond float64.
        """
        inner, sign = node, 1
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            inner, sign = node.operand, -1 if isinstance(node.op, ast.USub) else 1
        value = inner.value if isinstance(inner, ast.Constant) else None
        if isinstance(value, str) and inner is node:
            return value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.fail(node, "a number or a text in quotes is wanted here")
        try:
            number = np.float64(sign * value)
        except OverflowError:
            number = np.float64(np.inf)
        if not np.isfinite(number):
            raise self.fail(node, "this number is too large")
        return number
