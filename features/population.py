"""A shop's people as they stand at some cutoffs: everyone where they are few, else a sample that is the same every time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from . import views
from .algebra import Age
from .hashing import hash128
from .log import EventLog
from .matrix import Matrix, evaluate, grid, joined
from .program import Program, compile_program
from .progress import track

SEEN: Final = "population:seen"  # catalogue names have no colon


@dataclass(frozen=True, slots=True)
class Population:
    """Answers of those who have an event seen at a cutoff.

    Attributes:
        cutoffs: (c,) microseconds UTC.
        matrices: (c,) a row a person sampled who is seen at the cutoff; `person` counts rows.
        people: (c,) number of persons seen at the cutoff, in the sample or not.
    """

    cutoffs: tuple[int, ...]
    matrices: tuple[Matrix, ...]
    people: tuple[int, ...]


def population(log: EventLog, program: Program, cutoffs: Sequence[int], most: int, label: str) -> Population:
    """Ask a program's questions of the people at each cutoff.

    A person belongs to a cutoff if an event of theirs is seen then; of more than `most` persons those with small hashes are
    asked: the same persons at every cutoff, and in every run. Ids that are one person have one row.

    Args:
        log: One snapshot.
        program: Backward questions.
        cutoffs: Microseconds UTC.
        most: Persons, about.
        label: For the progress bar.
    """
    facts = log.workspace.facts
    seen = compile_program(
        {SEEN: Age(())}, kinds=facts.kinds, retention_days=facts.retention_days, timezone=facts.timezone
    )
    total = sum(len(log.read(bucket, (), ())) for bucket in log.buckets())
    share = min(1.0, most / max(1, total))
    people = np.zeros(len(cutoffs), np.int64)
    blocks: list[list[Matrix]] = [[] for _ in cutoffs]
    for bucket in track(label, log.buckets()):
        histories = log.read(bucket, program.fields, program.texts)
        person, cutoff = grid(len(histories), cutoffs)
        there = ~np.isnan(evaluate(seen, histories, person, cutoff).column(SEEN)) & views.own(histories, person, cutoff)
        there = there.reshape(-1, len(cutoffs))
        people += there.sum(axis=0)
        chosen = np.flatnonzero(lot(histories.users) < share)
        some = log.informed(histories.take(chosen) if len(chosen) < len(histories) else histories, program.attributes)
        for place, instant in enumerate(cutoffs):
            rows = np.flatnonzero(there[chosen, place])
            blocks[place].append(evaluate(program, some, rows, np.full(len(rows), instant, np.int64)))
    return Population(tuple(cutoffs), tuple(map(joined, blocks)), tuple(people.tolist()))


def lot(users: pa.Array) -> np.ndarray:
    """(n,) float64 in [0, 1): each person's own, from their hash."""
    lots: np.ndarray = (hash128(users)[0].astype(np.uint64) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return lots
