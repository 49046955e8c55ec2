"""Puts a program, histories and rows before the kernel, in one thread or several."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from math import prod
from typing import Final, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import native
from .errors import InternalError
from .events import TOUCH
from .histories import Codes, Histories
from .program import Program

T = TypeVar("T")
ROWS_A_THREAD: Final = 2048  # below twice this, starting threads costs more than it saves
BLOCK: Final = 32  # rows that are written together, so that each column is written in whole cache lines
FEW: Final = 64  # texts or rows up to which a call's own cost is what counts
MIN_CODES: Final = 64  # kinds, of which there are more than hours in a day
NONE: Final = np.empty(0, np.int64)
NONE_2D: Final = np.empty((0, 0), np.int64)


def read(program: Program, histories: Histories, person: np.ndarray, cutoff: np.ndarray, threads: int) -> np.ndarray:
    """(k, r) float64: the answer to each of the program's questions, for each row.

    Args:
        program: The questions.
        histories: n persons' events.
        person: (r,) int64 places in `histories`.
        cutoff: (r,) int64.
        threads: How many may work at it.
    """
    n_rows, n, m = len(person), len(histories), histories.n_events
    if n_rows and person.view(np.uint64).max() >= n:  # below 0 is above all
        raise InternalError(f"Rows name persons {person.min()} to {person.max()} of {n}.")
    offsets, ts = np.ascontiguousarray(histories.offsets, np.int64), np.ascontiguousarray(histories.ts, np.int64)
    late = NONE if histories.arrived is None else np.ascontiguousarray(histories.arrived, np.int64)
    numbers = np.empty((len(program.numbers), m), np.int64)
    for row, field in enumerate(program.numbers):
        numbers[row] = brought(histories.numbers, field)
    kind = np.ascontiguousarray(histories.kind, np.int8)
    coded = np.empty((len(program.codes) + program.n_calendar + (program.kind_row >= 0), m), np.int32)
    for row, field in enumerate(program.codes):
        coded[row] = brought(histories.coded, field).codes
    if program.kind_row >= 0:
        coded[program.kind_row] = np.where(kind < len(program.kinds), kind, -1)
    out = np.empty((len(program.names), n_rows), np.float64)
    arrays = (
        *(offsets, ts, late, kind, numbers, coded),
        *(_carried(program, histories) if program.lifetime else (NONE, NONE_2D, NONE_2D)),
        *(_marks(program, histories) if program.sets else (NONE, NONE_2D)),
        *(person, cutoff, out),
    )
    longest = int((offsets[1:] - offsets[:-1]).max()) if n else 0
    if histories.carry is not None and n:  # codes of what was carried may go beyond the number of events
        bounds = [histories.coded[field].offsets for field in program.codes]
        longest = max([longest, *(int(at[1] if n == 1 else (at[1:] - at[:-1]).max()) for at in bounds)])

    def calendar(first: int, last: int) -> None:
        _calendar(program, offsets, ts, coded, first, last)

    def answer(first: int, last: int) -> None:
        _answer(program, arrays, longest, first, last)

    n_parts = min(threads, n_rows // ROWS_A_THREAD)
    if n_parts < 2:
        if program.n_calendar:
            calendar(0, n)
        answer(0, n_rows)
    else:
        with ThreadPoolExecutor(n_parts) as pool:
            if program.n_calendar:
                list(pool.map(calendar, *_parts(n, n_parts)))
            list(pool.map(answer, *_parts(n_rows, n_parts)))
    return out


def n_processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def brought(columns: Mapping[str, T], field: str) -> T:
    """The field's column.

    Raises:
        InternalError: The histories were read without it.
    """
    if field not in columns:
        raise InternalError(f"The histories lack the field {field!r}; read them with fields=program.fields.")
    return columns[field]


def _carried(program: Program, histories: Histories) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`carries`, `carried` and `touch` as `kernel.run` takes them."""
    carry = histories.carry
    if carry is None:
        return NONE, NONE_2D, NONE_2D
    rows = [carry.kind, carry.count, carry.first, carry.last]
    for field in program.numbers:
        rows += [brought(carry.sums, field), brought(carry.known, field)]
    touch = np.full((len(TOUCH), len(histories)), -1, np.int64)
    for row, field in enumerate(TOUCH):
        if field in program.codes:
            touch[row] = brought(carry.touch, field)
    return np.ascontiguousarray(carry.offsets, np.int64), np.array(rows, np.int64), touch


def _marks(program: Program, histories: Histories) -> tuple[np.ndarray, np.ndarray]:
    """`marks` and `marked` as `kernel.run` takes them."""
    marked = np.zeros((len(program.codes), len(histories)), np.int64)
    marks: list[np.ndarray] = []
    begin = 0
    for row, field in enumerate(program.codes):
        sets = [(bit, texts) for bit, (of, texts) in enumerate(program.sets) if of == field]
        if sets:
            codes = brought_texts(histories.coded, field)
            marked[row] = codes.offsets[:-1] + begin
            own = np.zeros(len(codes.values), np.int64)
            for bit, texts in sets:
                own |= _among(codes.values, texts).astype(np.int64) << bit
            marks.append(own)
            begin += len(own)
    return np.concatenate(marks), marked


def _among(values: pa.Array, texts: tuple[str, ...]) -> np.ndarray:
    """Which of the values are among the texts?"""
    if len(values) <= FEW:
        return np.array([value in texts for value in values.to_pylist()], bool)
    found: np.ndarray = pc.is_in(values, pa.array(texts, values.type)).to_numpy(zero_copy_only=False)
    return found


def brought_texts(columns: Mapping[str, Codes], field: str) -> Codes:
    """The coded field's column, with its texts.

    Raises:
        InternalError: The histories were read without them.
    """
    codes = brought(columns, field)
    if len(codes.values) < codes.offsets[-1]:
        raise InternalError("The histories lack a field's texts; read them with texts=program.texts.")
    return codes


def _parts(n: int, n_parts: int) -> tuple[list[int], list[int]]:
    """Where each of the parts begins and ends."""
    bounds = [n * part // n_parts for part in range(n_parts + 1)]
    return bounds[:-1], bounds[1:]


def _calendar(program: Program, offsets: np.ndarray, ts: np.ndarray, coded: np.ndarray, first: int, last: int) -> None:
    native.call("calendar", (offsets, ts, *program.zone, program.tables.calendar, coded), first, last)


def _answer(program: Program, arrays: tuple[np.ndarray, ...], longest: int, first: int, last: int) -> None:
    _, _, n_accumulators, n_slots, n_registers, *_ = program.tables.sizes.tolist()
    n_instants, n_codes, n_columns = len(program.tables.instants), max(longest, MIN_CODES) + 1, len(program.names)
    flat = (n_instants, n_accumulators, (3, 64), n_slots, n_registers, (4, n_codes), (BLOCK + 1, n_columns))
    shapes = [shape if isinstance(shape, tuple) else (shape,) for shape in flat]
    if native.interpreted():
        scratch = [np.empty(shape, np.float64 if place in (4, 6) else np.int64) for place, shape in enumerate(shapes)]
        native.call("run", (*program.tables, *arrays, *scratch), first, last)
        return
    # Tables and scratch each lie in one piece of memory, so that few addresses have to be asked for.
    ends = list(accumulate(prod(shape) for shape in shapes))
    scratch_rows = [(8 * end - 8 * prod(shape), shape[0], shape[-1]) for end, shape in zip(ends, shapes, strict=True)]
    memory = np.empty(ends[-1], np.int64)
    rows = np.concatenate([program.shapes, native.rows_of(arrays), np.array(scratch_rows, np.int64)])
    rows[: len(program.shapes), 0] += native.address(program.memory)
    rows[-len(shapes) :, 0] += native.address(memory)
    native.call_rows("run", rows, first, last)
