"""What would change the answer: the smallest change of what a shop can act on that gives a tag another value.

Fewest features first, then the smallest size, the sum of steps over the steps that count as small (`what_if/levers.toml`). A model of
trees answers alike between two of its split thresholds, so of a feature's steps only those are tried at which a threshold is
crossed, by it or by what moves with it: on one feature the search is exact. Of two features the furthest move of each is
combined with that of every other, and the moves that bring the answer nearest with all; of three, the nearest pairs with all.
Every candidate goes through the whole scorer, features to calibrated probabilities to the tag's value, so what is told is what
would be answered.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

import numpy as np

from features.matrix import Matrix

from .levers import Lever
from .model import Model
from .tagframe import Block

DEPTH: Final = 3
"""Features that are changed at most."""
BEAM: Final = 6
TRIED: Final = 8
"""Combinations of features that reach a value, of which the smallest change is looked for."""
Judge = Callable[[Matrix], Block]
"""Rows to their values of one tag, by the whole scorer."""


@dataclass(frozen=True, slots=True)
class Move:
    """A lever pulled `steps` up or down, and the values that the features that it moves have then."""

    lever: Lever
    steps: int
    up: bool
    after: Mapping[str, float]

    @property
    def size(self) -> float:
        """Share of what counts as small."""
        return self.steps / self.lever.most


@dataclass(frozen=True, slots=True)
class Change:
    """What gives a tag another value.

    Attributes:
        aim: Place of the value that was looked for.
        code: Place of the value that is reached; at or beyond the aim of bands.
        moves: What is changed; nothing where nothing small reaches it.
        probability: Of the answer then: of the class whose bands are read, or of the class reached.
    """

    aim: int
    code: int
    moves: tuple[Move, ...]
    probability: float

    @property
    def size(self) -> float:
        """Sum of the moves'."""
        return sum(move.size for move in self.moves)


class Search:
    """The search for one tag of one row.

    Args:
        judge: Answers.
        matrix: Its one row.
        moves: Every move that may matter.
        kin: Feature to its question; of one question only one feature is changed.
    """

    def __init__(self, judge: Judge, matrix: Matrix, moves: Sequence[Move], kin: Mapping[str, object]) -> None:
        self.judge, self.matrix, self.moves, self.kin = judge, matrix, moves, kin
        self.values = values_of(matrix, moves)
        self.now = judge(matrix)
        self.code = int(self.now.code[0])

    def changes(self, aims: Mapping[int, int]) -> list[Change]:
        """The smallest change found to each aim: place of a value to 1 or -1, a higher or lower band, or 0, a class."""
        found: dict[int, Change] = {}
        beams: dict[int, list[tuple[Move, ...]]] = {aim: [()] for aim in aims}
        furthest: dict[int, list[Move]] = {aim: [] for aim in aims}
        for depth in range(1, DEPTH + 1):
            for aim in [aim for aim in aims if aim not in found]:
                sets = self._extended(beams[aim], self.moves)
                if depth == 2:
                    sets += self._extended([(move,) for move in furthest[aim]], furthest[aim])
                if not sets:
                    continue
                block = self._judged(sets)
                reached = [
                    one for one, code in zip(sets, block.code, strict=True) if self._is_there(code, aim, aims[aim])
                ]
                if reached:
                    combined = _one_a_combination(sorted(reached, key=_size))[:TRIED]
                    found[aim] = min(
                        (self._smaller(moves, aim, aims[aim]) for moves in combined), key=lambda one: one.size
                    )
                    continue
                towards = self._towards(block, aim, aims[aim])
                nearest = _one_a_combination([sets[place] for place in np.argsort(-towards, kind="stable").tolist()])
                beams[aim] = nearest[:BEAM]
                if depth == 1:
                    order = sorted(range(len(sets)), key=lambda place: (-towards[place], -sets[place][0].size))
                    furthest[aim] = [moves[0] for moves in _one_a_combination([sets[place] for place in order])]
        return [found.get(aim, Change(aim, self.code, (), float("nan"))) for aim in aims]

    def _extended(self, beam: Sequence[tuple[Move, ...]], moves: Sequence[Move]) -> list[tuple[Move, ...]]:
        """Every set of the beam with every move of another question, each once."""
        sets = []
        seen = set()
        for held in beam:
            kin = {self.kin[move.lever.name] for move in held}
            for move in moves:
                key = frozenset(id(one) for one in (*held, move))
                if self.kin[move.lever.name] not in kin and key not in seen:
                    seen.add(key)
                    sets.append((*held, move))
        return sets

    def _smaller(self, moves: tuple[Move, ...], aim: int, way: int) -> Change:
        """The smallest change of the same features that is there: all pairs are tried; of three, one after the other."""
        ways = [[other for other in self.moves if other.lever.name == move.lever.name] for move in moves]
        if len(moves) < DEPTH:
            sets = list(product(*ways))
        else:
            sets = [(*moves[:n], other, *moves[n + 1 :]) for n in range(len(moves)) for other in ways[n]]
        sets = sorted((one for one in sets if _size(one) <= _size(moves)), key=_size)
        block = self._judged(sets)
        place = next(n for n in range(len(sets)) if self._is_there(int(block.code[n]), aim, way))
        if len(moves) == DEPTH and _size(sets[place]) < _size(moves):
            return self._smaller(sets[place], aim, way)
        assert block.probability is not None
        return Change(aim, int(block.code[place]), sets[place], float(block.probability[place]))

    def _judged(self, sets: Sequence[tuple[Move, ...]]) -> Block:
        return self.judge(changed(self.matrix, [together(moves, self.values) for moves in sets]))

    def _is_there(self, code: int, aim: int, way: int) -> bool:
        return code == aim if way == 0 else (code - aim) * way >= 0

    def _towards(self, block: Block, aim: int, way: int) -> np.ndarray:
        """(r,) how near each answer comes."""
        assert block.probability is not None
        assert block.probabilities is not None
        if way:
            return way * block.probability
        gap: np.ndarray = block.probabilities[:, aim] - block.probabilities[:, self.code]
        return gap


def _one_a_combination(sets: Sequence[tuple[Move, ...]]) -> list[tuple[Move, ...]]:
    """The first set of each combination of features, in order."""
    kept: dict[frozenset[str], tuple[Move, ...]] = {}
    for moves in sets:
        kept.setdefault(frozenset(move.lever.name for move in moves), moves)
    return list(kept.values())


def together(moves: Sequence[Move], now: Mapping[str, float]) -> dict[str, float]:
    """What several moves make of the features, one after the other: two that add an event each add two to what counts both."""
    found = dict(moves[0].after) if moves else {}
    for move in moves[1:]:
        state = {name: found.get(name, now[name]) for name in move.lever.moved}
        found |= move.lever.pulled(state, move.after[move.lever.name], move.up)
    return found


def values_of(matrix: Matrix, moves: Sequence[Move]) -> dict[str, float]:
    """A row's values of all features that some moves change."""
    return {name: float(matrix.column(name)[0]) for name in {name for move in moves for name in move.lever.moved}}


def changed(matrix: Matrix, afters: Sequence[Mapping[str, float]]) -> Matrix:
    """A row's matrix once for each set of new values, which are put in."""
    found = matrix.take(np.zeros(len(afters), np.int64))
    values = np.array(found.values, order="F")
    place = {name: column for column, name in enumerate(matrix.names)}
    for row, after in enumerate(afters):
        for name, value in after.items():
            values[row, place[name]] = value
    return replace(found, values=values)


def moves_of(model: Model, levers: Sequence[Lever], matrix: Matrix) -> list[Move]:
    """The moves of one row that cross a threshold of the model's trees."""
    found = []
    for lever in levers:
        names = [name for name in lever.moved if name in model.thresholds]
        if names:
            now = {name: float(matrix.column(name)[0]) for name in lever.moved}
            bins = {1: _bins(model, names, now), -1: _bins(model, names, now)}
            for steps, after in lever.values(now):
                way = -1 if after[lever.name] < now[lever.name] else 1
                there = _bins(model, names, now | after)
                if there != bins[way]:
                    found.append(Move(lever, steps, way > 0, after))
                bins[way] = there
    return found


def _size(moves: Sequence[Move]) -> float:
    return sum(move.size for move in moves)


def _bins(model: Model, names: Sequence[str], values: Mapping[str, float]) -> tuple[int, ...]:
    """Between which thresholds the features lie, as the trees see them: float32, NaN apart."""
    return tuple(
        -1 if np.isnan(values[name]) else int(np.searchsorted(model.thresholds[name], np.float32(values[name]), "left"))
        for name in names
    )
