"""Every error that Intently raises on purpose.

    IntentlyError                      code            exit  HTTP
    ├── UserError                      (the caller's)     2   400
    │   ├── InputError                 bad_input          2   400   a file, row, option or request is wrong
    │   ├── SpecError                  bad_definition     2   400   a spec, mapping, catalogue or tag file is wrong
    │   ├── NotFoundError              not_found          2   404   a file, version, user table … is not there
    │   ├── NotReadyError              not_ready          2   409   a step that must come first has not been run
    │   ├── TooLittleDataError         too_little_data    2   422   the data cannot answer the question
    │   ├── DamagedError               damaged            2   409   a bundle or workspace fails its digests
    │   ├── FormatError                unknown_format     2   409   written by a version that this one cannot read
    │   ├── FunctionError              bad_function       2   409   a feature's Python function is absent, other, or failed
    │   ├── BusyError                  busy               2   409   another writer, or a port in use
    │   └── TooLargeError              too_large          2   413   beyond a stated limit
    └── InternalError                  internal           1   500   a fault of ours

A message says what, the value, the rule and the way out:
`Unknown event kind 'purchse' in row 18 of orders.csv. Known kinds: cart, … Did you mean 'purchase'?`
"""

import difflib
from collections.abc import Iterable
from typing import Final

MOST_LISTED: Final = 60
"""Known words that a message lists."""


class IntentlyError(Exception):
    """Base of the tree. `code` is stable; messages may be reworded."""

    code = "internal"
    exit_status = 1
    http_status = 500

    @property
    def message(self) -> str:
        """The text for people."""
        return str(self.args[0]) if self.args else self.code


class UserError(IntentlyError):
    """The caller can mend it."""

    code = "bad_input"
    exit_status = 2
    http_status = 400


class InputError(UserError):
    """A file, row, option or request is wrong."""


class SpecError(UserError):
    """A definition file (spec, mapping, catalogue, tags) is wrong."""

    code = "bad_definition"


class NotFoundError(UserError):
    """Something named is not there."""

    code = "not_found"
    http_status = 404


class NotReadyError(UserError):
    """A step that must come first has not been run."""

    code = "not_ready"
    http_status = 409


class TooLittleDataError(UserError):
    """The data cannot answer the question; the message says what is missing."""

    code = "too_little_data"
    http_status = 422


class DamagedError(UserError):
    """Stored bytes do not match their digest."""

    code = "damaged"
    http_status = 409


class FormatError(UserError):
    """Written in a format that this version cannot read."""

    code = "unknown_format"
    http_status = 409


class FunctionError(UserError):
    """A feature's Python function is not there, is another than a model was trained with, or failed."""

    code = "bad_function"
    http_status = 409


class BusyError(UserError):
    """Another process holds what is needed."""

    code = "busy"
    http_status = 409


class TooLargeError(UserError):
    """Beyond a stated limit."""

    code = "too_large"
    http_status = 413


class InternalError(IntentlyError):
    """A fault of ours."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The tail of a message about an unknown word: the known ones, unless they are too many to read, and the nearest.

    >>> did_you_mean("purchse", ["cart", "purchase"])
    "Known: cart, purchase. Did you mean 'purchase'?"
    >>> did_you_mean("purchse", ["purchase", *map(str, range(100))])
    "101 are known. Did you mean 'purchase'?"
    """
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1 if len(names) <= MOST_LISTED else 3)
    listed = f"Known: {', '.join(names)}." if len(names) <= MOST_LISTED else f"{len(names)} are known."
    return listed + (f" Did you mean {' or '.join(map(repr, near))}?" if near else "")
