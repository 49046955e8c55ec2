"""Several histories made one: concatenated where they share nobody, merged event by event where they do."""

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from . import carry, dated
from .acts import Acts, together
from .carry import collected, earliest
from .dated import Dated
from .errors import InternalError
from .histories import Codes, Histories, localise, sort_events, unique_events
from .runs import bounds_of, owners


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
    return joined(concatenate(parts), users.indices.to_numpy().astype(np.int64), users.dictionary)


def joined(both: Histories, owner: np.ndarray, users: pa.Array) -> Histories:
    """Persons who are one made one; of equal keys the first arrival counts, the earlier person's where that ties.

    Args:
        both: p persons, with keys and texts.
        owner: (p,) int64 whom each of them is, a place in `users`.
        users: The ids of those whom they are.
    """
    n, whose = len(users), owners(both.offsets)
    person = owner[whose]
    ts, hi, lo = both.ts, both.key_hi, both.key_lo
    order = unique_events(person, hi, lo, ts if both.arrived is None else both.arrived)
    order = order[sort_events(person[order], ts[order], hi[order], lo[order])]
    offsets = bounds_of(np.bincount(person[order], minlength=n))
    coded, touch, touch_key = {}, {}, {}
    before = both.carry
    for name, field in both.coded.items():
        texts = field.values.dictionary_encode()
        shared, first = np.append(texts.indices.to_numpy(), np.int32(-1)), None  # -1, the last, for null
        if before is not None and name in before.touch:
            touched = shared[field.places(np.arange(len(both)), before.touch[name])]
            first, touch_key[name] = earliest(n, owner, touched, before.touch_key[name])
        codes = shared[field.places(whose, field.codes)[order]]
        coded[name], own = localise(codes, texts.dictionary, offsets, first)
        if own is not None:
            touch[name] = own
    if before is not None:
        before = replace(collected(n, owner, before), touch=touch, touch_key=touch_key)
    return replace(
        both,
        users=users,
        offsets=offsets,
        ts=ts[order],
        arrived=_none_if_prompt(None if both.arrived is None else both.arrived[order], ts[order]),
        kind=both.kind[order],
        key_hi=hi[order],
        key_lo=lo[order],
        numbers={name: column[order] for name, column in both.numbers.items()},
        coded=coded,
        carry=before,
        attributes=_known(both.attributes, owner, n),
    )


def thin(histories: Histories, texts: Collection[str], keys: bool) -> Histories:
    """The same without the texts of other coded fields than `texts`, and without keys unless asked for."""
    none = np.empty(0, np.int64)
    return replace(
        histories,
        key_hi=histories.key_hi if keys else none,
        key_lo=histories.key_lo if keys else none,
        coded={
            name: field if name in texts else Codes(field.codes, field.offsets, pa.array([], pa.string()))
            for name, field in histories.coded.items()
        },
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
        carry=carry.concatenate([(len(part), part.carry) for part in parts]),
        attributes=dated.concatenate([(len(part), part.attributes) for part in parts]),
        acts=_acts(parts),
    )


def _acts(parts: Sequence[Histories]) -> Acts | None:
    """The acts of all parts."""
    found = list({id(part.acts): part.acts for part in parts if part.acts is not None}.values())
    if len(found) < 2:
        return found[0] if found else None
    sources = concatenate([acts.sources for acts in found])
    users = sources.users.dictionary_encode()
    first = np.unique(users.indices.to_numpy(), return_index=True)[1]
    return Acts(together([acts.said for acts in found]), sources.take(first), any(acts.required for acts in found))


def _known(known: dict[str, Dated] | None, owner: np.ndarray, n: int) -> dict[str, Dated] | None:
    """What is known of n merged persons: what is known of any of them."""
    members = np.argsort(owner, kind="stable")
    offsets = bounds_of(np.bincount(owner, minlength=n))
    return known and {table: rows.gathered(offsets, members) for table, rows in known.items()}


def _chain(fields: Sequence[Codes]) -> Codes:
    """The codes of parts without a common person; no texts where a part has none."""
    texts = all(len(field.values) == field.offsets[-1] for field in fields)
    return Codes(
        np.concatenate([field.codes for field in fields]),
        bounds_of(np.concatenate([np.diff(field.offsets) for field in fields])),
        pa.concat_arrays([field.values for field in fields]) if texts else pa.array([], pa.string()),
    )


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
