"""Bodies of requests: JSON read so that nothing odd is silently accepted, and refusals that name the field."""

import json
from collections.abc import Sequence
from typing import Any, Never, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from features.errors import InputError, TooLargeError, did_you_mean

from .requests import Event, EventsRequest, Frame, ScoreRequest, StatelessEvent

M = TypeVar("M", bound=BaseModel)


def read_body(model: type[M], body: bytes, frame: Frame) -> M:
    """A request's body as its model.

    Raises:
        InputError: It is not such JSON; names the field and, in a list, the place of the first bad entry.
        TooLargeError: A list is longer than allowed.
    """
    return read_fields(model, read_json(body), frame)


def read_fields(model: type[M], fields: object, frame: Frame) -> M:
    """The same for what is no longer JSON text."""
    try:
        return model.model_validate(fields, context=frame)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    raise _refusal(model, first)


def read_json(body: bytes) -> object:
    """JSON, strictly: UTF-8, no key twice, no NaN or Infinity, no number beyond float64.

    Raises:
        InputError: It is not.
    """
    try:
        return json.loads(
            body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_constant, parse_float=_finite
        )
    except UnicodeDecodeError as error:
        raise InputError(f"The body is not UTF-8: {error.reason} at byte {error.start}.") from None
    except RecursionError:
        raise InputError("The body is nested too deeply.") from None
    except ValueError as error:
        raise InputError(f"The body is not JSON: {error}.") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!a} stands twice in one object")
    return found


def _constant(word: str) -> Never:
    raise ValueError(f"{word} is no JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text[:40]} is too large")
    return value


def _refusal(model: type[BaseModel], error: ErrorDetails) -> InputError | TooLargeError:
    """The first thing wrong: what, value, rule and way out; beside the text the field, and its place in a list."""
    where = ""
    for part in error["loc"]:
        where += f"[{part}]" if isinstance(part, int) else f"{'.' if where else ''}{part}"
    where = where if where.isprintable() else ascii(where)[1:-1]
    extra: dict[str, Any] = {"field": where} if where else {}
    index = next((part for part in error["loc"] if isinstance(part, int)), None)
    if index is not None:
        extra["index"] = index
    where = where or "The body"
    value, limits = _shown(error["input"]), error.get("ctx", {})
    match error["type"]:
        case "too_long":
            text = (
                f"{where} has {limits['actual_length']:,} entries; one request takes at most {limits['max_length']:,}."
            )
            return TooLargeError(text, extra)
        case "too_short":
            text = f"{where} is empty; give at least one."
        case "missing":
            text = f"{where} is missing; it is required."
        case "extra_forbidden":
            text = f"Unknown field {where}. {did_you_mean(str(error['loc'][-1]), _fields_at(model, error['loc']))}"
        case "value_error":
            text = f"{where}: {limits['error']}"
        case "model_type" | "dict_type":
            text = f"{where} is {value}; it must be a JSON object."
        case "list_type":
            text = f"{where} is {value}; it must be a list."
        case "string_type":
            text = f"{where} is {value}; it must be a string."
        case "string_too_short":
            text = f"{where} is empty; it must have at least one character."
        case "string_too_long":
            text = f"{where} has more than {limits['max_length']:,} characters."
        case "string_unicode":
            text = f"{where} is {value}: half of a surrogate pair is no text."
        case _:
            text = f"{where} is {value}: {error['msg'].replace('Input should', 'it should')}."
    return InputError(text, extra)


def _fields_at(model: type[BaseModel], loc: Sequence[int | str]) -> list[str]:
    """Names of the fields where an unknown one stood."""
    inner: dict[type[BaseModel], type[BaseModel]] = {EventsRequest: Event, ScoreRequest: StatelessEvent}
    return list(inner[model].model_fields if len(loc) > 1 else model.model_fields)


def _shown(value: object) -> str:
    """A value within a message: as JSON, short, and printable whatever it is."""
    text = json.dumps(value, default=str, ensure_ascii=not str(value).isprintable())
    return text if len(text) <= 60 else f"{text[:57]}…"
