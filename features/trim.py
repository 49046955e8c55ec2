"""Cutting events off histories: some of them, or all before a floor, which then stand in the carry."""

from dataclasses import replace

import numpy as np

from .carry import Carry, collected, concatenate
from .events import NULL, TOUCH
from .histories import Histories, localise
from .runs import bounds_of, owners


def select(histories: Histories, kept: np.ndarray) -> Histories:
    """The same persons with some of their events.

    Args:
        histories: With the texts of all coded fields.
        kept: (m,) bool: which events stay.
    """
    return _select(histories, kept, histories.carry)


def trim(
    histories: Histories, floor: int, *, arrived_before: int | None = None, whole: np.ndarray | None = None
) -> Histories:
    """The same persons with their events before `floor` in the carry.

    Of a person, events are cut off in order, up to the first that must stay: so every carried event precedes every held one.
    Where an event that arrived late must stay, all after it stay too.

    Args:
        histories: With keys, and the texts of all coded fields; what is in the carry already precedes these events.
        floor: Microseconds UTC.
        arrived_before: Events that arrived then or later stay: the first cutoff that will be asked about. None: any may go.
        whole: (n,) bool: persons who keep all their events.
    """
    stays = histories.ts >= floor
    if arrived_before is not None:
        stays |= (histories.ts if histories.arrived is None else histories.arrived) >= arrived_before
    person = owners(histories.offsets)
    if whole is not None:
        stays |= whole[person]
    before = bounds_of(stays.astype(np.int64))
    kept = before[1:] > before[histories.offsets[:-1]][person]
    if kept.all():
        return histories
    n = len(histories)
    cut = _folded(histories, np.flatnonzero(~kept), person)
    both = concatenate([(n, _shared(histories)), (n, cut)])
    assert both is not None
    return _select(histories, kept, collected(n, np.tile(np.arange(n), 2), both), shared=True)


def _folded(histories: Histories, rows: np.ndarray, person: np.ndarray) -> Carry:
    """A carry of single events (int64 places), touches in shared codes."""
    n, owner, ts = len(histories), person[rows], histories.ts[rows]
    given = {name: column[rows] != NULL for name, column in histories.numbers.items()}
    touch: dict[str, np.ndarray] = {}
    keys: dict[str, np.ndarray] = {}
    for name in TOUCH:
        if name in histories.coded:
            field = histories.coded[name]
            places = field.places(owner, field.codes[rows])
            first = np.flatnonzero(places >= 0)  # in order: of a person's, the first counts
            who, at = np.unique(owner[first], return_index=True)
            touch[name], keys[name] = np.full(n, -1, np.int32), np.zeros((n, 3), np.int64)
            touch[name][who] = places[first[at]]
            chosen = rows[first[at]]
            keys[name][who] = np.column_stack(
                [histories.ts[chosen], histories.key_hi[chosen], histories.key_lo[chosen]]
            )
    return Carry(
        bounds_of(np.bincount(owner, minlength=n)),
        histories.kind[rows],
        np.ones(len(rows), np.int64),
        ts,
        ts,
        {name: np.where(given[name], column[rows], 0) for name, column in histories.numbers.items()},
        {name: mask.astype(np.int64) for name, mask in given.items()},
        touch,
        keys,
    )


def _shared(histories: Histories) -> Carry | None:
    """The histories' carry with its touches as places among the texts of all persons."""
    carry = histories.carry
    if carry is None:
        return None
    touch = {
        name: histories.coded[name].places(np.arange(len(carry)), codes)
        for name, codes in carry.touch.items()
        if name in histories.coded
    }
    return replace(carry, touch=touch, touch_key={name: carry.touch_key[name] for name in touch})


def _select(histories: Histories, kept: np.ndarray, carry: Carry | None, shared: bool = False) -> Histories:
    """The events where `kept`, beside a carry whose touches are own codes, or places among all texts where `shared`."""
    if kept.all():
        return histories
    if carry is not None and not shared:
        carry = _shared(histories)
    offsets = bounds_of(kept.astype(np.int64))[histories.offsets]
    person = owners(offsets)
    coded, touch = {}, {}
    for name, field in histories.coded.items():
        places = field.places(person, field.codes[kept])
        first = None if carry is None else carry.touch.get(name)
        coded[name], own = localise(places, field.values, offsets, first)
        if own is not None:
            touch[name] = own
    return replace(
        histories,
        offsets=offsets,
        ts=histories.ts[kept],
        arrived=None if histories.arrived is None else histories.arrived[kept],
        kind=histories.kind[kept],
        key_hi=histories.key_hi[kept],
        key_lo=histories.key_lo[kept],
        numbers={name: column[kept] for name, column in histories.numbers.items()},
        coded=coded,
        carry=None if carry is None else replace(carry, touch=touch),
    )
