"""The compiled program: features as frozen arrays that the kernel walks through."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from . import algebra, functions, traits
from .algebra import Feature, Outside, Touches
from .definition import check
from .errors import SpecError, did_you_mean
from .events import CODED_FIELDS, DAY, NUMBER_FIELDS
from .functions import Call
from .layout import Tables, pack, tables_of
from .lower import Lowering
from .zones import CALENDAR, transitions

DERIVED: Final = (*CALENDAR, "kind")
"""Coded rows that are made of `ts` and `kind`, and not read."""


@dataclass(frozen=True, slots=True)
class Program:
    """Compiled features.

    Attributes:
        features: The questions by name, in the order of the columns.
        names: The columns' names, in order.
        kinds: The workspace's kinds at compile time; a history may hold later ones, which "every kind" includes.
        retention: RETENTION in microseconds.
        timezone: The shop's timezone.
        forward: Does it look at the future?
        numbers: Number fields, in the order of the kernel's rows.
        codes: Coded fields, likewise; rows of the calendar and of the kind follow them.
        categorical: Column to the coded field whose text it answers with, or to `table.field` of an attribute.
        n_calendar: Number of rows of the calendar.
        places: The other way round: coded field, or `kind`, to the places of its columns.
        kind_row: Row of the coded matrix for the kind; -1 where not needed.
        sets: Sets of texts that are told apart: (coded field, texts), in the order of their bits.
        outside: Places of the columns that the kernel leaves to `outside.py`, and what they ask.
        attributes: Table of attributes that histories must bring to the places that ask it, and their questions.
        functions: Those of `outside` that are functions, loaded.
        tables: What the kernel reads.
        memory: (w,) int64, the tables in one piece.
        shapes: (t, 3) int64, where each lies in it, as `layout.pack` says.
    """

    features: dict[str, Feature]
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    retention: int
    timezone: str
    forward: bool
    numbers: tuple[str, ...]
    codes: tuple[str, ...]
    categorical: dict[str, str]
    n_calendar: int
    places: dict[str, list[int]]
    kind_row: int
    sets: tuple[tuple[str, tuple[str, ...]], ...]
    outside: dict[int, Outside | Touches]
    attributes: dict[str, dict[int, algebra.Attribute]]
    functions: dict[int, Call]
    tables: Tables
    memory: np.ndarray
    shapes: np.ndarray

    @property
    def fields(self) -> frozenset[str]:
        """Number and coded fields that a history must bring."""
        return frozenset((*self.numbers, *self.codes)) | self._read

    @property
    def texts(self) -> frozenset[str]:
        """Coded fields whose texts a history must bring, beside their codes."""
        told_apart = (field for field, _ in self.sets)
        return frozenset((*self.places, *told_apart, *self._read)) & set(CODED_FIELDS)

    @property
    def lifetime(self) -> bool:
        """Does any question reach beyond RETENTION?"""
        return bool(self.tables.sizes[5] >= 0)

    @property
    def _read(self) -> frozenset[str]:
        """Fields that functions are given, and those whose values are counted one by one."""
        functions = (asked for asked in self.outside.values() if isinstance(asked, algebra.Function))
        counted = frozenset(asked.field for asked in self.outside.values() if isinstance(asked, Touches))
        return counted | frozenset(field for function in functions for field in function.reads)

    @property
    def zone(self) -> tuple[np.ndarray, np.ndarray]:
        """`zones.transitions` of the shop's timezone."""
        return transitions(self.timezone)


def compile_program(
    features: Mapping[str, Feature],
    *,
    kinds: tuple[str, ...],
    retention_days: int,
    timezone: str,
    sources: Path | None = None,
) -> Program:
    """Compile features, all backward or all forward, for histories of these kinds.

    Equal questions are asked once, whatever features they stand in.

    Args:
        features: The questions by name.
        kinds: The workspace's.
        retention_days: The workspace's.
        timezone: The shop's.
        sources: The folder of the workspace's Python functions; loaded only where a feature is one.

    Raises:
        SpecError: An unknown kind, a question that makes no sense, or backward and forward windows together.
        FunctionError: A function's file is not there, or is another.
    """
    ways = {}
    for name, feature in features.items():
        try:
            check(feature)
            ways[name] = traits.is_forward(feature)
            _check_kinds(feature, kinds)
        except SpecError as error:
            raise SpecError(f"Feature {name!r}: {error.message}") from None
    if len(set(ways.values())) > 1:
        back, ahead = (next(name for name, way in ways.items() if way is wanted) for wanted in (False, True))
        raise SpecError(
            f"{back!r} looks back and {ahead!r} forward: compile features and targets as programs of their own."
        )
    forward = any(ways.values())
    parts = [part for feature in features.values() for part in traits.parts(feature)]
    asked = {getattr(part, "field", None) for part in parts}
    if any(isinstance(part, algebra.Gaps) and part.distinct_days for part in parts):
        asked.add("day")
    if any(isinstance(part, algebra.Abandoned) for part in parts):
        asked.add("item")
    numbers = tuple(field for field in NUMBER_FIELDS if field in asked)
    codes = tuple(field for field in CODED_FIELDS if field in asked)
    rows = {field: row for row, field in enumerate((*codes, *(field for field in DERIVED if field in asked)))}
    lowering = Lowering(kinds, retention_days * DAY, forward, {field: row for row, field in enumerate(numbers)}, rows)
    outside = {place: asked for place, asked in enumerate(features.values()) if isinstance(asked, Outside | Touches)}
    inside = (feature for feature in features.values() if not isinstance(feature, Outside | Touches))
    columns = [lowering.register(feature) for feature in inside]
    lowering.n_registers = max(lowering.n_registers, 1)  # any register stands in the columns of `outside`
    for place in outside:
        columns.insert(place, 0)
    tables = tables_of(lowering, columns)
    by_table: dict[str, dict[int, algebra.Attribute]] = {}
    for place, question in outside.items():
        if isinstance(question, algebra.Attribute):
            by_table.setdefault(question.table, {})[place] = question
    memory, shapes = pack(tables)
    places: dict[str, list[int]] = {}
    for place, feature in enumerate(features.values()):
        if isinstance(feature, algebra.CATEGORICAL):
            places.setdefault(feature.field, []).append(place)
    return Program(
        features=dict(features),
        names=tuple(features),
        kinds=kinds,
        retention=retention_days * DAY,
        timezone=timezone,
        forward=forward,
        numbers=numbers,
        codes=codes,
        categorical={name: _named(feature) for name, feature in features.items() if traits.is_text(feature)},
        n_calendar=sum(field in rows for field in CALENDAR),
        places=places,
        kind_row=rows.get("kind", -1),
        sets=tuple(lowering.sets),
        outside=outside,
        attributes=by_table,
        functions={
            place: functions.load(sources, asked)
            for place, asked in outside.items()
            if isinstance(asked, algebra.Function)
        },
        tables=tables,
        memory=memory,
        shapes=shapes,
    )


def _named(feature: Feature) -> str:
    """What a text is one of."""
    if isinstance(feature, algebra.Attribute):
        return f"{feature.table}.{feature.field}"
    assert isinstance(feature, (*algebra.CATEGORICAL, Touches))
    return feature.field


def _check_kinds(feature: Feature, kinds: tuple[str, ...]) -> None:
    for kind in traits.named(feature):
        if kind not in kinds:
            raise SpecError(f"unknown event kind {kind!r}. {did_you_mean(kind, kinds)}")
