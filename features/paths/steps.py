"""Steps: what an event is called on a path, and which names stay apart."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from ..acts import codes
from ..histories import Histories

Mode = Literal["kind", "page", "category", "channel", "kind:page"]
MODES: Final[tuple[Mode, ...]] = ("kind", "page", "category", "channel", "kind:page")
MOST: Final = 60
"""Names that stay apart; with the goal and `(other)`, a step and "no step" fit into `BITS`."""
BITS: Final = 6
OTHER: Final = "(other)"
OURS: Final = ("message",)
"""Kinds of what the shop does: steps, but no sign of the person."""


def field_of(mode: Mode) -> str | None:
    """The coded field that a mode reads."""
    return {"kind": None, "kind:page": "page"}.get(mode, mode)


def label(seen: Histories, mode: Mode, kinds: tuple[str, ...], goal: str) -> tuple[np.ndarray, list[str]]:
    """What every event is called.

    Args:
        seen: n persons' m events, with the mode's field and its texts.
        mode: How events are called.
        kinds: The workspace's.
        goal: The kind that ends a path.

    Returns:
        (m,) int64 places in the names, and the names.
    """
    kind, ends = seen.kind.astype(np.int64), kinds.index(goal)
    field = field_of(mode)
    if field is None:
        return kind, list(kinds)
    own = seen.coded[field]
    texts = own.values.dictionary_encode()
    shared = np.append(texts.indices.to_numpy(), 0)  # the one more for who has no texts at all
    place = own.codes + np.repeat(own.offsets[:-1], np.diff(seen.offsets))
    value = np.where(own.codes < 0, -1, shared[np.where(own.codes < 0, -1, place)]).astype(np.int64)
    value[kind == ends] = -1
    names = texts.dictionary.to_pylist()
    if mode == "kind:page":
        pair = kind * (len(names) + 1) + value + 1
        met = np.flatnonzero(np.bincount(pair))
        place_of = np.zeros(len(kinds) * (len(names) + 1), np.int64)
        place_of[met] = np.arange(len(met))
        of_kind, of_page = np.divmod(met, len(names) + 1)
        return place_of[pair], [
            kinds[k] if p == 0 else f"{kinds[k]}:{names[p - 1]}"
            for k, p in zip(of_kind.tolist(), of_page.tolist(), strict=True)
        ]
    return np.where(value < 0, len(names) + kind, value), [*names, *(f"({kind})" for kind in kinds)]


def goal_name(mode: Mode, goal: str) -> str:
    """What the goal is called."""
    return goal if mode in {"kind", "kind:page"} else f"({goal})"


def valued(seen: Histories, field: str) -> np.ndarray:
    """(m,) Has the event a value?"""
    has: np.ndarray = seen.coded[field].codes >= 0
    return has


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps of one mode, as codes.

    Attributes:
        mode: How events are called.
        names: Name of each code: the goal first, then the commonest, `(other)` last where there is one.
        goal: The goal's kind.
        left_out: How many names are `(other)`.
        events_left_out: How many events of the log they have.
    """

    mode: Mode
    names: tuple[str, ...]
    goal: str
    left_out: int = 0
    events_left_out: int = 0

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def of(cls, mode: Mode, goal: str, counts: Counter[str]) -> "Steps":
        """The commonest names of a count of all; equal ones by name."""
        first = goal_name(mode, goal)
        ordered = sorted((name for name in counts if name != first), key=lambda name: (-counts[name], name))
        kept, rest = ordered[:MOST], ordered[MOST:]
        names = (first, *kept, *([OTHER] if rest else []))
        return cls(mode, names, goal, len(rest), sum(counts[name] for name in rest))

    def encode(self, seen: Histories, kinds: tuple[str, ...]) -> np.ndarray:
        """(m,) int64 code of every event."""
        places, names = label(seen, self.mode, kinds, self.goal)
        known = {name: code for code, name in enumerate(self.names)}
        coded = np.array([known.get(name, len(self.names) - 1) for name in names], np.int64)
        found: np.ndarray = coded[places]
        return found


def count_names(seen: Histories, modes: Iterable[Mode], kinds: tuple[str, ...], goal: str) -> dict[Mode, Counter[str]]:
    """Number of events of every name, by mode."""
    found = {}
    for mode in modes:
        places, names = label(seen, mode, kinds, goal)
        sizes = np.bincount(places, minlength=len(names)).tolist()
        counts: Counter[str] = Counter()
        for name, n in zip(names, sizes, strict=True):
            counts[name] += n
        found[mode] = +counts
    return found


def see(histories: Histories, until: int, known: int, kinds: tuple[str, ...]) -> Histories:
    """What is seen: events that happened before `until` and had arrived before `known`, without what says who somebody is."""
    shown = histories.ts < until
    if histories.arrived is not None:
        shown &= histories.arrived < known
    for code in codes(kinds):
        shown &= histories.kind != code
    if shown.all():
        return histories
    before = np.concatenate([[0], np.cumsum(shown)])
    return replace(
        histories,
        offsets=before[histories.offsets],
        ts=histories.ts[shown],
        arrived=None,
        kind=histories.kind[shown],
        key_hi=histories.key_hi[:0],
        key_lo=histories.key_lo[:0],
        numbers={name: column[shown] for name, column in histories.numbers.items()},
        coded={name: replace(field, codes=field.codes[shown]) for name, field in histories.coded.items()},
    )
