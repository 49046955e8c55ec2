"""The feature matrix: a row a (person, cutoff), a column a feature; and `evaluate`, which fills it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Final

import numpy as np
import pyarrow as pa

from . import outside, views
from .errors import SpecError, did_you_mean
from .histories import Codes, Histories
from .program import Program
from .reader import brought_texts, n_processors, read

FEW: Final = 64  # rows up to which a call's own cost is what counts
BLOCK: Final = 4096  # rows turned from columns to rows at a time, so that both stay in cache


@dataclass(frozen=True, slots=True)
class Matrix:
    """Answers for r rows and k columns.

    Attributes:
        person: (r,) int64 place of the row's person in the histories.
        cutoff: (r,) int64 microseconds UTC.
        names: The k columns.
        values: (r, k) float64, held column by column (Fortran order); a categorical column holds the code that the person's
            history gives the text, NaN for null.
        texts: Categorical column to (r,) strings with nulls.
    """

    person: np.ndarray
    cutoff: np.ndarray
    names: tuple[str, ...]
    values: np.ndarray
    texts: dict[str, pa.Array]

    def __len__(self) -> int:
        return len(self.person)

    def column(self, name: str) -> np.ndarray:
        """(r,) float64, a view.

        Raises:
            SpecError: No such column.
        """
        column: np.ndarray = self.values[:, self._place(name)]
        return column

    def take(self, rows: np.ndarray) -> "Matrix":
        """The rows at the (int64) places, or where a mask is true, in that order."""
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        places = pa.array(rows)
        return Matrix(
            self.person[rows],
            self.cutoff[rows],
            self.names,
            self.values.T[:, rows].T,
            {name: text.take(places) for name, text in self.texts.items()},
        )

    def model_input(self, names: Sequence[str], vocabularies: Mapping[str, Mapping[str, int]]) -> np.ndarray:
        """Columns exactly by name, as a model takes them.

        Args:
            names: The columns, in order.
            vocabularies: Categorical column to the code of each text.

        Returns:
            (r, len(names)) float32 in C order; a categorical text that is null or not in its vocabulary is NaN.

        Raises:
            SpecError: No such column, or a categorical column without a vocabulary.
        """
        places = {name: place for place, name in enumerate(self.names)}
        wanted = [places[name] if name in places else self._place(name) for name in names]
        if len(self) <= FEW:
            filled = self.values[:, wanted].astype(np.float32, order="C")
        else:
            filled = np.empty((len(self), len(names)), np.float32)
            for first in range(0, len(self), BLOCK):
                block = slice(first, first + BLOCK)
                for place, column in enumerate(wanted):
                    filled[block, place] = self.values[block, column]
        for place, name in enumerate(names):
            if name in self.texts:
                filled[:, place] = self._coded(name, vocabularies)
        return filled

    def to_table(self, histories: Histories) -> pa.Table:
        """`user_id`, `cutoff` (timestamp[us, UTC]), then a column a feature: float64, or strings."""
        columns = {
            "user_id": histories.users.take(pa.array(self.person)),
            "cutoff": pa.array(self.cutoff).cast(pa.timestamp("us", "UTC")),
        }
        for name in self.names:
            columns[name] = self.texts[name] if name in self.texts else pa.array(self.column(name))
        return pa.table(columns)

    def _place(self, name: str) -> int:
        if name not in self.names:
            raise SpecError(f"The matrix has no column {name!r}. {did_you_mean(name, self.names)}")
        return self.names.index(name)

    def _coded(self, name: str, vocabularies: Mapping[str, Mapping[str, int]]) -> np.ndarray:
        if name not in vocabularies:
            raise SpecError(f"The categorical feature {name!r} has no vocabulary. {did_you_mean(name, vocabularies)}")
        if len(self) <= FEW:
            return np.array([vocabularies[name].get(word, np.nan) for word in self.texts[name].to_pylist()], np.float64)
        text = self.texts[name].dictionary_encode()
        codes = [vocabularies[name].get(word, np.nan) for word in text.dictionary.to_pylist()]
        places = text.indices.fill_null(len(codes)).to_numpy(zero_copy_only=False)
        coded: np.ndarray = np.array([*codes, np.nan], np.float64)[places]
        return coded


def grid(n_users: int, cutoffs: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Every person at every cutoff: (person, cutoff), (n_users * len(cutoffs),) int64, all of a person's rows together."""
    person = np.repeat(np.arange(n_users, dtype=np.int64), len(cutoffs))
    return person, np.tile(np.asarray(cutoffs, np.int64), n_users)


def evaluate(
    program: Program, histories: Histories, person: np.ndarray, cutoff: np.ndarray, threads: int | None = None
) -> Matrix:
    """Ask a program's questions of persons at cutoffs.

    Args:
        program: The questions.
        histories: n persons' events, with the fields `program.fields` and the texts of `program.texts`.
        person: (r,) int64 places in `histories`; rows of one person side by side are the fast case. Where acts concern them, a
            row sees what identity and consent let it see (`views.py`).
        cutoff: (r,) int64 microseconds UTC.
        threads: How many may work at it; None for the processors this process may use. The answer is the same.
    """
    person, cutoff = np.ascontiguousarray(person, np.int64), np.ascontiguousarray(cutoff, np.int64)
    if histories.acts is None:
        return _evaluate(program, histories, person, cutoff, threads)
    seen, place = views.resolve(histories, person, cutoff, program.forward)
    other = place >= 0
    parts = [(histories, person, np.flatnonzero(~other)), (seen, place, np.flatnonzero(other))]
    done = [(_evaluate(program, those, who[rows], cutoff[rows], threads), rows) for those, who, rows in parts]
    return _together(done, person, cutoff)


def _together(parts: Sequence[tuple[Matrix, np.ndarray]], person: np.ndarray, cutoff: np.ndarray) -> Matrix:
    """One matrix of several, each with the (int64) places of its rows."""
    order = np.argsort(np.concatenate([rows for _, rows in parts]))
    first = parts[0][0]
    values = np.concatenate([part.values.T for part, _ in parts], axis=1)[:, order].T
    texts = {
        name: pa.concat_arrays([part.texts[name] for part, _ in parts]).take(pa.array(order)) for name in first.texts
    }
    return Matrix(person, cutoff, first.names, values, texts)


def _evaluate(
    program: Program, histories: Histories, person: np.ndarray, cutoff: np.ndarray, threads: int | None
) -> Matrix:
    """The same of persons who are seen as they are."""
    n_rows = len(person)
    out = read(program, histories, person, cutoff, threads or n_processors())
    texts: dict[str, pa.Array] = {}
    for field, places in program.places.items():
        if field == "kind":
            answers = _kinds(program.kinds, out[places])
        else:
            answers = _texts(brought_texts(histories.coded, field), person, out[places])
        for number, place in enumerate(places):
            texts[program.names[place]] = answers[number * n_rows : (number + 1) * n_rows]
    if program.outside:
        texts |= outside.fill(program, histories, person, cutoff, out)
    return Matrix(person, cutoff, program.names, out.T, texts)


def _kinds(kinds: tuple[str, ...], own: np.ndarray) -> pa.Array:
    """The names of (c, r) kinds, one row after the other; null for NaN."""
    if own.size <= FEW:
        return pa.array(
            [None if isnan(kind) else kinds[int(kind)] for row in own.tolist() for kind in row], pa.string()
        )
    null = np.isnan(own).ravel()
    return pa.array(kinds, pa.string()).take(pa.array(np.where(null, 0, own.ravel()).astype(np.int64), mask=null))


def _texts(codes: Codes, person: np.ndarray, own: np.ndarray) -> pa.Array:
    """The texts of (c, r) codes, one row after the other; null for NaN."""
    if own.size <= FEW:  # one person's answers: Arrow's ways take longer to set out
        starts = codes.offsets[person].tolist()
        rows = own.tolist()
        cells = [
            None if isnan(c) else codes.values[s + int(c)].as_py()
            for row in rows
            for s, c in zip(starts, row, strict=True)
        ]
        return pa.array(cells, pa.string())
    null = np.isnan(own)
    places = codes.offsets[person] + np.where(null, 0, own).astype(np.int64)
    return codes.values.take(pa.array(places.ravel(), mask=null.ravel()))
