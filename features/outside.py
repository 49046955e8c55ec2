"""What the kernel does not answer: attributes as of the cutoff, touches by category, and Python functions over one history."""

from collections.abc import Iterator
from math import isfinite, nan
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from . import seen
from .algebra import Attribute, Function, Touches
from .cells import as_text
from .dated import Dated
from .errors import InternalError
from .histories import Histories
from .program import Program
from .reader import FEW
from .runs import bounds_of, first_from


def fill(
    program: Program, histories: Histories, person: np.ndarray, cutoff: np.ndarray, out: np.ndarray
) -> dict[str, pa.Array]:
    """Answer the questions of `program.outside`.

    Args:
        program: With such questions.
        histories: n persons' events, with what `program.attributes` say of them.
        person: (r,) int64 places in `histories`.
        cutoff: (r,) int64 microseconds UTC.
        out: (k, r) float64; the rows of these questions are filled in. A text's row holds a code of this call, NaN for null.

    Returns:
        Text column to its (r,) strings with nulls.
    """
    texts: dict[str, pa.Array] = {}
    for table, asked in program.attributes.items():
        rows = _brought(histories, table)
        if rows is None or not len(rows.valid_from):  # nothing is known of anybody
            out[list(asked)] = nan
            names = (program.names[place] for place, question in asked.items() if question.type == "text")
            texts |= dict.fromkeys(names, pa.nulls(len(person), pa.string()))
            continue
        for place, answer in zip(asked, as_of(rows, list(asked.values()), person, cutoff), strict=True):
            if isinstance(answer, pa.Array):
                texts[program.names[place]] = answer
                out[place] = _codes(answer)
            else:
                out[place] = answer
    for place, question in program.outside.items():
        if isinstance(question, Touches):
            from . import touches  # numba, which nobody else here needs

            texts[program.names[place]] = counted = touches.answer(program, question, histories, person, cutoff)
            out[place] = _codes(counted)
    if program.functions:
        functions = {place: q for place, q in program.outside.items() if isinstance(q, Function)}
        seen.call(program, functions, histories, person, cutoff, out)
    return texts


def _codes(texts: pa.Array) -> np.ndarray | list[float]:
    """(r,) a number for every text, NaN for null."""
    if len(texts) <= FEW:
        numbers: dict[str | None, float] = {None: nan}
        return [numbers.setdefault(text, float(len(numbers))) for text in texts.to_pylist()]
    codes = texts.dictionary_encode().indices.cast(pa.float64()).fill_null(nan)
    found: np.ndarray = codes.to_numpy(zero_copy_only=False)
    return found


def as_of(
    rows: Dated, asked: list[Attribute], person: np.ndarray, cutoff: np.ndarray
) -> Iterator[np.ndarray | pa.Array]:
    """What was known at each cutoff: of the rows valid by then, the latest that gives the field.

    Args:
        rows: Of one table.
        asked: Questions to that table.
        person: (r,) int64 places.
        cutoff: (r,) int64 microseconds UTC.

    Yields:
        Of each question (r,) float64, NaN for nothing, or (r,) strings, null for nothing.
    """
    if not len(person) or not len(rows.valid_from):
        yield from (
            pa.nulls(len(person), pa.string()) if q.type == "text" else np.full(len(person), nan) for q in asked
        )
    elif len(person) <= FEW:
        yield from _few(rows, asked, person.tolist(), cutoff.tolist())
    else:
        yield from _many(rows, asked, person, cutoff)


def number_of(value: Any) -> float:
    """The number that a JSON value is, NaN where it is none: true and false are 1 and 0, texts are read as decimals.

    >>> [number_of(value) for value in (3, True, " 1.5 ", "1_000", "many", None)]
    [3.0, 1.0, 1.5, nan, nan, nan]
    """
    if isinstance(value, str) and "_" in value:
        return nan
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return nan
    return found if isfinite(found) else nan


def is_given(value: Any) -> bool:
    """Is it something? null and the empty text are not, and do not hide what an earlier row says."""
    return value is not None and value != ""


def n_not_numbers(rows: Dated, field: str) -> int:
    """How many rows give the field something that is no number."""
    values = (orjson.loads(text).get(field) for text in rows.texts.to_pylist())
    return sum(is_given(value) and number_of(value) != number_of(value) for value in values)


def _few(
    rows: Dated, asked: list[Attribute], persons: list[int], cutoffs: list[int]
) -> Iterator[np.ndarray | pa.Array]:
    told: dict[int, list[tuple[int, dict[str, Any]]]] = {}  # a person's rows, the latest first
    found: list[list[Any]] = []
    for u, instant in zip(persons, cutoffs, strict=True):
        if u not in told:
            mine = slice(int(rows.offsets[u]), int(rows.offsets[u + 1]))
            objects = map(orjson.loads, rows.texts[mine].to_pylist())
            told[u] = list(zip(rows.valid_from[mine].tolist(), objects, strict=True))[::-1]
        known: dict[str, Any] = {}
        for since, given in told[u]:
            if since <= instant:
                known = {**{field: value for field, value in given.items() if is_given(value)}, **known}
        found.append([known.get(question.field) for question in asked])
    for question, answers in zip(asked, zip(*found, strict=True), strict=True):
        if question.type == "text":
            yield pa.array([None if value is None else as_text(value) for value in answers], pa.string())
        else:
            yield np.array([number_of(value) for value in answers], np.float64)


def _many(
    rows: Dated, asked: list[Attribute], person: np.ndarray, cutoff: np.ndarray
) -> Iterator[np.ndarray | pa.Array]:
    coded = rows.texts.dictionary_encode()  # many persons' objects are equal, and parsing is what takes long
    objects = [orjson.loads(text) for text in coded.dictionary.to_pylist()]
    codes = coded.indices.to_numpy()
    for question in asked:
        values = [found.get(question.field) for found in objects]
        given = np.array([is_given(value) for value in values], bool)[codes]
        bounds = bounds_of(given)[rows.offsets]
        row = _latest(bounds, rows.valid_from[given], person, cutoff)
        code = np.append(codes[given], -1)[row].astype(np.int64)  # -1, the last, for nothing
        if question.type == "text":
            texts = pa.array([as_text(value) if is_given(value) else None for value in values], pa.string())
            yield texts.take(pa.array(code, mask=code < 0))
        else:
            yield np.array([*(number_of(value) for value in values), nan])[code]


def _latest(bounds: np.ndarray, valid_from: np.ndarray, person: np.ndarray, cutoff: np.ndarray) -> np.ndarray:
    """(r,) place of the last row of each person that is valid by the cutoff, -1 for none."""
    first = bounds[person]
    after = first_from(valid_from, first, bounds[person + 1], cutoff + 1)
    return np.where(after > first, after - 1, -1)


def _brought(histories: Histories, table: str) -> Dated | None:
    """The table's rows; None where histories were made by hand, without any.

    Raises:
        InternalError: The histories were read without them.
    """
    if histories.attributes is None:
        return None
    if table not in histories.attributes:
        raise InternalError(
            f"The histories lack the attributes {table!r}: EventLog.informed(histories, program.attributes)."
        )
    return histories.attributes[table]
