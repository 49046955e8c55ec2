"""One person's history as a Python function sees it: nothing but what is seen at the cutoff."""

from collections.abc import Mapping
from math import isfinite
from typing import Final, TypeVar

import numpy as np

from .algebra import Function
from .errors import FunctionError, did_you_mean
from .events import CODED_FIELDS, FIXED_POINT, NULL
from .histories import Histories
from .instants import to_iso
from .program import Program

T = TypeVar("T")
UNIT: Final = {"dwell": 1000}  # others are fixed point


class History:
    """m events in order, each with `t - RETENTION <= ts < t` and `arrived_at < t`; read-only copies, and whose is not said.

    Without the user's id a function cannot look anything up elsewhere, which would not be as of the cutoff.

    Attributes:
        cutoff: Microseconds UTC, t.
        ts: (m,) int64 microseconds UTC, ascending.
        kinds: (m) names of kinds; a kind that the shop added after the program was compiled is `other`.
    """

    __slots__ = ("_numbers", "_texts", "cutoff", "kinds", "ts")

    def __init__(
        self,
        cutoff: int,
        ts: np.ndarray,
        kinds: tuple[str, ...],
        numbers: Mapping[str, np.ndarray],
        texts: Mapping[str, tuple[str | None, ...]],
    ) -> None:
        self.cutoff, self.ts, self.kinds, self._numbers, self._texts = cutoff, ts, kinds, numbers, texts

    def __len__(self) -> int:
        return len(self.ts)

    def number(self, field: str) -> np.ndarray:
        """(m,) float64 of a number field in its unit (dwell in seconds), NaN for null.

        Raises:
            FunctionError: The function's `reads` does not name it.
        """
        return self._of(self._numbers, field)

    def text(self, field: str) -> tuple[str | None, ...]:
        """(m) texts of a coded field, None for null; as `number`."""
        return self._of(self._texts, field)

    @staticmethod
    def _of(among: Mapping[str, T], field: str) -> T:
        if field not in among:
            raise FunctionError(
                f"It reads {field!r}, which its decorator's `reads` does not name. {did_you_mean(field, among)}"
            )
        return among[field]


def call(
    program: Program,
    functions: Mapping[int, Function],
    histories: Histories,
    person: np.ndarray,
    cutoff: np.ndarray,
    out: np.ndarray,
) -> None:
    """Call functions for every row.

    Args:
        program: Theirs.
        functions: Place of the column to the question.
        histories: n persons' events, with all fields and texts that the functions read.
        person: (r,) int64 places in `histories`.
        cutoff: (r,) int64 microseconds UTC.
        out: (k, r) float64, whose rows at the places are filled in.

    Raises:
        FunctionError: A function failed, or gave what is no number; the message names function, user and cutoff.
    """
    for row, (u, instant) in enumerate(zip(person.tolist(), cutoff.tolist(), strict=True)):
        rows = visible(program, histories, u, instant)
        for place, asked in functions.items():
            history = _history(program, histories, u, instant, rows, asked.reads)
            try:
                out[place, row] = _number(program.functions[place](history))
            except Exception as error:
                reason = error.message if isinstance(error, FunctionError) else f"{type(error).__name__}: {error}."
                raise FunctionError(
                    f"The function {asked.name!r} failed for user {histories.users[u].as_py()!r} at {to_iso(instant)}: {reason}"
                ) from error


def visible(program: Program, histories: Histories, person: int, cutoff: int) -> np.ndarray:
    """Places of the person's events that are seen at the cutoff."""
    start, stop = int(histories.offsets[person]), int(histories.offsets[person + 1])
    first, last = np.searchsorted(histories.ts[start:stop], (cutoff - program.retention, cutoff)) + start
    rows = np.arange(first, last)
    return rows if histories.arrived is None else rows[histories.arrived[first:last] < cutoff]


def _history(
    program: Program, histories: Histories, person: int, cutoff: int, rows: np.ndarray, reads: tuple[str, ...]
) -> History:
    names = program.kinds
    kinds = tuple(names[kind] if kind < len(names) else "other" for kind in histories.kind[rows].tolist())
    numbers, texts = {}, {}
    for field in reads:
        if field in CODED_FIELDS:
            coded = histories.coded[field]
            own = coded.values[int(coded.offsets[person]) : int(coded.offsets[person + 1])].to_pylist()
            texts[field] = tuple(None if code < 0 else own[code] for code in coded.codes[rows].tolist())
        else:
            column = histories.numbers[field][rows]
            numbers[field] = _frozen(np.where(column == NULL, np.nan, column / UNIT.get(field, FIXED_POINT)))
    return History(cutoff, _frozen(histories.ts[rows]), kinds, numbers, texts)


def _frozen(array: np.ndarray) -> np.ndarray:
    """The array, a copy already, read-only: what one call does to it must not reach the next."""
    array.flags.writeable = False
    return array


def _number(answer: object) -> float:
    if answer is None:
        return np.nan
    found = float(answer)  # type: ignore[arg-type]  # what is none raises
    if isinstance(answer, str | bytes) or not (isfinite(found) or found != found):  # noqa: PLR0124 - NaN
        raise FunctionError(f"It gave {answer!r}, which is no finite number; None stands for nothing.")
    return found
