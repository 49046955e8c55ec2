"""The feature matrix: a row a (person, cutoff), a column a feature; and `evaluate`, which fills it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isnan
from typing import Final

import numpy as np
import pyarrow as pa

from . import outside, views
from .errors import SpecError, did_you_mean
from .histories import Histories
from .program import Program
from .reader import FEW, brought_texts, n_processors, read

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
    texts: Mapping[str, pa.Array]

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
    order = np.argsort(np.concatenate([rows for _, rows in done]))
    return replace(joined([part for part, _ in done]).take(order), person=person, cutoff=cutoff)


def joined(blocks: Sequence[Matrix]) -> Matrix:
    """The rows of all blocks, one block after the other; `person` counts them."""
    cutoff = np.concatenate([block.cutoff for block in blocks])
    return Matrix(
        np.arange(len(cutoff)),
        cutoff,
        blocks[0].names,
        np.concatenate([block.values.T for block in blocks], axis=1).T,
        {name: pa.concat_arrays([block.texts[name] for block in blocks]) for name in blocks[0].texts},
    )


def _evaluate(
    program: Program, histories: Histories, person: np.ndarray, cutoff: np.ndarray, threads: int | None
) -> Matrix:
    """The same of persons who are seen as they are."""
    out = read(program, histories, person, cutoff, threads or n_processors())
    texts = _texts(program, histories, person, out)
    if program.outside:
        known = outside.fill(program, histories, person, cutoff, out)
        if isinstance(texts, FewTexts):
            texts.known.update(known)
        else:
            texts = {**texts, **known}
    return Matrix(person, cutoff, program.names, out.T, texts)


def _texts(program: Program, histories: Histories, person: np.ndarray, out: np.ndarray) -> Mapping[str, pa.Array]:
    """The texts that the codes of categorical columns stand for; null for NaN."""
    for source in program.places:
        if source != "kind":
            brought_texts(histories.coded, source)  # refused here, not where somebody asks
    if len(person) <= FEW:
        return FewTexts(program, histories, person.tolist(), out)
    n_rows = len(person)
    names = [program.names[place] for places in program.places.values() for place in places]
    answers = [_of_field(program, histories, field, person, out[places]) for field, places in program.places.items()]
    cells = pa.concat_arrays([pa.array([], pa.string()), *answers])
    return {name: cells[number * n_rows : (number + 1) * n_rows] for number, name in enumerate(names)}


@dataclass(frozen=True, slots=True, eq=False)
class FewTexts(Mapping[str, pa.Array]):
    """The texts of few rows, looked up when asked for: who asks for one person's answers needs few of the texts."""

    program: Program
    histories: Histories
    person: list[int]
    out: np.ndarray
    known: dict[str, pa.Array] = field(default_factory=dict)  # of attributes, and what was looked up

    def __contains__(self, name: object) -> bool:
        return name in self.program.categorical

    def __iter__(self) -> Iterator[str]:
        return iter(self.program.categorical)

    def __len__(self) -> int:
        return len(self.program.categorical)

    def __getitem__(self, name: str) -> pa.Array:
        if name not in self.known:
            source = self.program.categorical[name]
            codes = self.out[self.program.names.index(name)].tolist()
            if source == "kind":
                cells = [None if isnan(code) else self.program.kinds[int(code)] for code in codes]
            else:
                own = brought_texts(self.histories.coded, source)
                starts = [int(own.offsets[u]) for u in self.person]
                cells = [
                    None if isnan(code) else own.values[start + int(code)].as_py()
                    for start, code in zip(starts, codes, strict=True)
                ]
            self.known[name] = pa.array(cells, pa.string())
        return self.known[name]


def _of_field(program: Program, histories: Histories, field: str, person: np.ndarray, own: np.ndarray) -> pa.Array:
    """The texts of (c, r) codes of a field, one row after the other."""
    null = np.isnan(own)
    places = np.where(null, 0, own).astype(np.int64)
    if field == "kind":
        return pa.array(program.kinds, pa.string()).take(pa.array(places.ravel(), mask=null.ravel()))
    codes = brought_texts(histories.coded, field)
    return codes.values.take(pa.array((codes.offsets[person] + places).ravel(), mask=null.ravel()))
