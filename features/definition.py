"""A question as a table: what a catalogue, a target or a tag writes in TOML, and what a bundle keeps in JSON.

    { ask = "count", kinds = ["view"], window = "7d" }
    { ask = "sum", field = "value", kinds = ["purchase"], window = "90d" }
    { ask = "age", kinds = ["purchase"] }
    { ask = "attribute", field = "city", type = "text" }
    { ask = "attribute", field = "points", table = "loyalty" }
    { ask = "ratio", numerator = {…}, denominator = {…} }

`ask` is a dataclass of `algebra.py` in snake case, the other keys are its fields; `kinds` may be left out and means every
kind. A window is `"30d"` (the last 30 days), `"90d..30d"` (from 90 to 30 days ago), `"all"` (all that is seen),
`"lifetime"` (all that ever happened), `"session"` (the session so far), `"+7d"` (the next 7 days), `"+7d..14d"` (from 7 to 14
days ahead) or, exactly, `[start, stop]` in microseconds. A `gap` is a length of time such as `"30min"`, or microseconds.
"""

import re
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from functools import cache
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from . import algebra, traits
from .algebra import ALL_BACK, LIFETIME, SESSION, Elementary, Feature, Outside, Ratio, Trend, Window
from .errors import InputError, SpecError, did_you_mean
from .events import CODED_FIELDS, NUMBER_FIELDS, TOUCH
from .instants import parse_span


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


QUESTIONS: Final[dict[str, type]] = {
    _snake(cls.__name__): cls for cls in (*get_args(Elementary), *get_args(Outside), Ratio, Trend)
}
"""What can be asked, by the word that asks it."""
NAMED: Final = {"all": ALL_BACK, "lifetime": LIFETIME, "session": SESSION}


def window_of(value: object) -> Window:
    """The window that a text or a pair of microseconds stands for.

    >>> window_of("7d") == algebra.back(7), window_of("+7d") == algebra.ahead(7)
    (True, True)

    Raises:
        SpecError: Not such a window.
    """
    if isinstance(value, Window):
        return value
    if isinstance(value, list | tuple) and len(value) == 2 and all(type(edge) is int for edge in value):
        return Window(*value)
    if isinstance(value, str) and value in NAMED:
        return NAMED[value]
    if isinstance(value, str):
        first, dots, second = value.removeprefix("+").partition("..")
        try:
            a, b = parse_span(first), parse_span(second) if dots else 0
        except InputError:
            a = b = 0
        if a and value.startswith("+"):
            return Window(a, b) if dots else Window(0, a)
        if a:
            return Window(-a, -b)
    raise SpecError(
        f"{value!r} is not a window. Write '30d' (the last 30 days), '90d..30d', 'all', 'lifetime', 'session', "
        "'+7d' (the next 7 days), '+7d..14d', or [start, stop] in microseconds."
    )


def _kinds(value: object) -> tuple[str, ...]:
    if isinstance(value, list | tuple) and all(isinstance(kind, str) and kind for kind in value):
        return tuple(sorted(set(value)))
    raise SpecError(f"{value!r} is not a list of event kinds. Write, for example, ['view', 'click'].")


def _reads(value: object) -> tuple[str, ...]:
    known = (*NUMBER_FIELDS, *CODED_FIELDS)
    if isinstance(value, list | tuple):
        return tuple(name for name in known if name in {_choice(name, known) for name in value})
    raise SpecError(f"{value!r} is not a list of fields. Known: {', '.join(known)}.")


def _whole(value: object) -> int:
    if type(value) is int:
        return value
    raise SpecError(f"{value!r} is not a whole number.")


def _number(value: object) -> int:
    if _whole(value) < 1:
        raise SpecError(f"{value!r} must be 1 or more.")
    return _whole(value)


def _values(value: object) -> tuple[str, ...]:
    if isinstance(value, list | tuple) and all(isinstance(text, str) for text in value):
        return tuple(sorted(set(value)))
    raise SpecError(f"{value!r} is not a list of texts. Write, for example, ['store', 'counter'].")


def _gap(value: object) -> int:
    try:
        gap = parse_span(value) if isinstance(value, str) else _whole(value)
    except InputError as error:
        raise SpecError(error.message) from None
    if gap <= 0:
        raise SpecError(f"{value!r} is not a gap: it must be above 0.")
    return gap


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise SpecError(f"{value!r} is neither true nor false.")


def _text(value: object) -> str:
    if isinstance(value, str) and value:
        return value
    raise SpecError(f"{value!r} is not a text.")


def _part(*allowed: type) -> Callable[[object], Feature]:
    def read(value: object) -> Feature:
        if not isinstance(value, Mapping):
            raise SpecError(f"{value!r} is not a question. Write a table with the key 'ask'.")
        part = feature_from_toml(value)
        if not isinstance(part, allowed):
            words = ", ".join(sorted(word for word, cls in QUESTIONS.items() if cls in allowed))
            raise SpecError(f"asks {value['ask']!r}, which gives no number that can stand here. Allowed: {words}.")
        return part

    return read


NUMERIC: Final = tuple(
    cls for cls in QUESTIONS.values() if cls not in (*algebra.CATEGORICAL, *get_args(algebra.Outside))
)


@cache
def _readers(cls: type) -> dict[str, Callable[[object], Any]]:
    """How each field of a dataclass is read."""
    return {key: _reader(cls, key, hint) for key, hint in get_type_hints(cls).items()}


def _reader(cls: type, key: str, hint: Any) -> Callable[[object], Any]:
    if key in ("kinds", "since"):
        return _kinds
    if cls is algebra.Moves and key in ("before", "after"):
        return _values
    if key == "n":
        return _number
    if key == "window":
        return window_of
    if key == "gap":
        return _gap
    if key == "reads":
        return _reads
    if cls is Ratio:
        return _part(*NUMERIC)
    if cls is Trend:
        return _part(algebra.Count, algebra.Sum)
    if hint is bool:
        return _flag
    if hint is int:
        return _whole
    words = _words(hint)
    if words:
        return lambda value: _choice(value, words)
    return _text


def _words(hint: Any) -> tuple[str, ...]:
    """The words of a Literal, or of a union of them."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    if get_origin(hint) in (Union, types.UnionType):
        return tuple(word for part in get_args(hint) for word in _words(part))
    return ()


def _choice(value: object, words: tuple[str, ...]) -> str:
    if value in words:
        return str(value)
    raise SpecError(f"{value!r} is not one of those that can stand here. {did_you_mean(str(value), words)}")


def feature_from_toml(table: Mapping[str, Any]) -> Feature:
    """The question that a table asks.

    >>> feature_from_toml({"ask": "age", "kinds": ["purchase"]})
    Age(kinds=('purchase',))

    Raises:
        SpecError: Unknown question, key or value; the message names the key, its value, the rule and the way out.
    """
    word = table.get("ask")
    if word not in QUESTIONS:
        raise SpecError(f"Key 'ask': {word!r} is not a question. {did_you_mean(str(word), QUESTIONS)}")
    cls = QUESTIONS[str(word)]
    known = {field.name: field for field in fields(cls)}
    readers = _readers(cls)
    for key in table:
        if key != "ask" and key not in known:
            raise SpecError(f"Key {key!r} = {table[key]!r} is not part of {word!r}. {did_you_mean(key, known)}")
    values: dict[str, Any] = {}
    for key, field in known.items():
        if key in table:
            try:
                values[key] = readers[key](table[key])
            except SpecError as error:
                raise SpecError(f"Key {key!r}: {error.message}") from None
        elif key == "kinds":
            values[key] = ()
        elif field.default is MISSING:
            raise SpecError(f"Key {key!r} is missing from {word!r}, which needs {', '.join(sorted(known))}.")
    feature: Feature = cls(**values)
    check(feature)
    return feature


def check(feature: Feature) -> None:
    """Refuse what the types allow and makes no sense.

    Raises:
        SpecError: A share of no hours, Until looking back, a window that the question cannot have, a categorical part of a
            ratio, windows both ways.
    """
    for part in traits.parts(feature):
        if isinstance(part, algebra.Share) and not 0 <= part.start < part.stop <= (24 if part.field == "hour" else 7):
            raise SpecError(
                f"Share of {part.field} in [{part.start}, {part.stop}): start < stop within hours 0-24, weekdays 0-7."
            )
        if isinstance(part, algebra.Until) and not part.window.forward:
            raise SpecError("Until looks forward: its window must be like '+30d'.")
        if isinstance(part, algebra.Streak) and not part.since:
            raise SpecError("A Streak is of events since others: 'since' must name their kinds.")
        if isinstance(part, algebra.Moves) and part.field == "kind" and (part.before or part.after):
            raise SpecError(
                "Moves from one kind to another are a Transition: ask 'transition' with 'before' and 'after'."
            )
        _check_window(part, isinstance(feature, Trend))
        if part is not feature and isinstance(part, algebra.CATEGORICAL):
            raise SpecError(f"A ratio needs numbers: {type(part).__name__} answers with a text.")
    if isinstance(feature, Ratio) and any(isinstance(x, Outside) for x in (feature.numerator, feature.denominator)):
        raise SpecError("A ratio is of questions to events: an attribute or a function stands alone.")
    traits.is_forward(feature)


def _check_window(part: Elementary, rate: bool) -> None:
    """Refuse a named window where the question cannot have it; `rate` is a part of a Trend."""
    window = getattr(part, "window", None)
    if window in (LIFETIME, SESSION) and rate:
        raise SpecError("A Trend compares rates: its windows must have a length, like '30d'.")
    if window == SESSION and isinstance(part, algebra.Sessions):
        raise SpecError("The session so far is one: ask Count or Length of the window 'session'.")
    if window != LIFETIME or isinstance(part, algebra.Count | algebra.Sum | algebra.Mean):
        return
    if isinstance(part, algebra.First) and part.field in TOUCH and not part.kinds:
        return
    raise SpecError(
        f"{type(part).__name__} cannot have the window 'lifetime'. Count, Sum and Mean can, First of {' or '.join(TOUCH)} of every "
        "kind, and Age and Tenure with lifetime = true."
    )


def feature_to_json(feature: Feature) -> dict[str, Any]:
    """The table that `feature_from_toml` reads back as the same question; windows in microseconds."""
    table: dict[str, Any] = {"ask": _snake(type(feature).__name__)}
    for field in fields(feature):
        value = getattr(feature, field.name)
        if isinstance(value, Window):
            value = next((name for name in ("lifetime", "session") if NAMED[name] == value), [value.start, value.stop])
        elif isinstance(value, tuple):
            value = list(value)
        elif type(value) in QUESTIONS.values():
            value = feature_to_json(value)
        table[field.name] = value
    return table
