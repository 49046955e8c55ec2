"""Several histories made one: concatenated where they share nobody, merged event by event where they do."""

from collections.abc import Collection, Sequence

import numpy as np
import pyarrow as pa

from . import dated
from .dated import Dated
from .errors import InternalError
from .histories import Codes, Histories, bounds_of, localise, sort_events, unique_events


def empty(users: pa.Array, numbers: Sequence[str], coded: Sequence[str]) -> Histories:
    """Histories of `users` without events, with the named fields."""
    none = np.empty(0, np.int64)
    offsets = np.zeros(len(users) + 1, np.int64)
    return Histories(
        users=users,
        offsets=offsets,
        ts=none,
        arrived=None,
        kind=np.empty(0, np.int8),
        key_hi=none,
        key_lo=none,
        numbers=dict.fromkeys(numbers, none),
        coded={name: Codes(np.empty(0, np.int32), offsets, pa.array([], pa.string())) for name in coded},
    )


def union(parts: Sequence[Histories]) -> Histories:
    """All persons' events, in the order in which the persons first appear.

    Of a person in several parts, equal keys are kept once: the first arrival, the earlier part where that ties. Fields
    are those that all parts have. Keys and texts may be absent only where no person appears twice.

    Raises:
        InternalError: A person appears twice and keys or texts were not read.
    """
    if len(parts) == 1:
        return parts[0]
    users = pa.concat_arrays([part.users for part in parts]).dictionary_encode()
    if len(users.dictionary) == len(users):
        return concatenate(parts)
    if not all(_whole(part) for part in parts):
        raise InternalError("Histories of one person can be merged only with their keys and texts.")
    owner = users.indices.to_numpy()
    sizes = np.concatenate([np.diff(part.offsets) for part in parts])
    person = np.repeat(owner, sizes)
    ts = np.concatenate([part.ts for part in parts])
    arrived = _arrived(parts)
    late = ts if arrived is None else arrived
    hi = np.concatenate([part.key_hi for part in parts])
    lo = np.concatenate([part.key_lo for part in parts])
    order = unique_events(person, hi, lo, late)
    order = order[sort_events(person[order], ts[order], hi[order], lo[order])]
    offsets = bounds_of(np.bincount(person[order], minlength=len(users.dictionary)))
    return Histories(
        users=users.dictionary,
        offsets=offsets,
        ts=ts[order],
        arrived=_none_if_prompt(None if arrived is None else arrived[order], ts[order]),
        kind=np.concatenate([part.kind for part in parts])[order],
        key_hi=hi[order],
        key_lo=lo[order],
        numbers={
            name: np.concatenate([part.numbers[name] for part in parts])[order] for name in _shared(parts, "numbers")
        },
        coded={
            name: _recode([part.coded[name] for part in parts], parts, order, offsets)
            for name in _shared(parts, "coded")
        },
        attributes=_known(parts, owner),
    )


def thin(histories: Histories, texts: Collection[str], keys: bool) -> Histories:
    """The same without the texts of other coded fields than `texts`, and without keys unless asked for."""
    none = np.empty(0, np.int64)
    return Histories(
        users=histories.users,
        offsets=histories.offsets,
        ts=histories.ts,
        arrived=histories.arrived,
        kind=histories.kind,
        key_hi=histories.key_hi if keys else none,
        key_lo=histories.key_lo if keys else none,
        numbers=histories.numbers,
        coded={
            name: field if name in texts else Codes(field.codes, field.offsets, pa.array([], pa.string()))
            for name, field in histories.coded.items()
        },
        attributes=histories.attributes,
    )


def concatenate(parts: Sequence[Histories]) -> Histories:
    """One after the other, without asking whether a person appears twice; keys and texts only where all parts have them."""
    keys = all(len(part.key_hi) == part.n_events for part in parts)
    arrived = _arrived(parts)
    ts = np.concatenate([part.ts for part in parts])
    none = np.empty(0, np.int64)
    return Histories(
        users=pa.concat_arrays([part.users for part in parts]),
        offsets=bounds_of(np.concatenate([np.diff(part.offsets) for part in parts])),
        ts=ts,
        arrived=_none_if_prompt(arrived, ts),
        kind=np.concatenate([part.kind for part in parts]),
        key_hi=np.concatenate([part.key_hi for part in parts]) if keys else none,
        key_lo=np.concatenate([part.key_lo for part in parts]) if keys else none,
        numbers={name: np.concatenate([part.numbers[name] for part in parts]) for name in _shared(parts, "numbers")},
        coded={name: _chain([part.coded[name] for part in parts]) for name in _shared(parts, "coded")},
        attributes=dated.concatenate([(len(part), part.attributes) for part in parts]),
    )


def _known(parts: Sequence[Histories], owner: np.ndarray) -> dict[str, Dated] | None:
    """What is known of merged persons: what any part knows."""
    known = dated.concatenate([(len(part), part.attributes) for part in parts])
    members = np.argsort(owner, kind="stable")
    offsets = bounds_of(np.bincount(owner))
    return known and {table: rows.gathered(offsets, members) for table, rows in known.items()}


def _chain(fields: Sequence[Codes]) -> Codes:
    """The codes of parts without a common person; no texts where a part has none."""
    texts = all(len(field.values) == field.offsets[-1] for field in fields)
    return Codes(
        np.concatenate([field.codes for field in fields]),
        bounds_of(np.concatenate([np.diff(field.offsets) for field in fields])),
        pa.concat_arrays([field.values for field in fields]) if texts else pa.array([], pa.string()),
    )


def _recode(fields: Sequence[Codes], parts: Sequence[Histories], order: np.ndarray, offsets: np.ndarray) -> Codes:
    """The codes of merged persons, through codes that all of them share."""
    texts = pa.concat_arrays([field.values for field in fields]).dictionary_encode()
    to_shared = texts.indices.to_numpy()
    shared, passed = [], 0
    for field, part in zip(fields, parts, strict=True):
        start = np.repeat(field.offsets[:-1] + passed, np.diff(part.offsets))
        known = field.codes >= 0
        codes = np.full(len(field.codes), -1, np.int32)
        codes[known] = to_shared[start[known] + field.codes[known]]
        shared.append(codes)
        passed += len(field.values)
    return localise(np.concatenate(shared)[order], texts.dictionary, offsets)


def _arrived(parts: Sequence[Histories]) -> np.ndarray | None:
    if all(part.arrived is None for part in parts):
        return None
    return np.concatenate([part.ts if part.arrived is None else part.arrived for part in parts])


def _none_if_prompt(arrived: np.ndarray | None, ts: np.ndarray) -> np.ndarray | None:
    return None if arrived is None or not (arrived > ts).any() else arrived


def _whole(part: Histories) -> bool:
    """Has it the keys, and the texts of all its coded fields?"""
    texts = all(len(field.values) == field.offsets[-1] for field in part.coded.values())
    return texts and len(part.key_hi) == part.n_events


def _shared(parts: Sequence[Histories], kind: str) -> list[str]:
    """The fields that all parts have, in the order of the first."""
    return [name for name in getattr(parts[0], kind) if all(name in getattr(part, kind) for part in parts)]
