"""Histories as they stand: those compacted, with the events added since merged into the persons concerned."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import flat
from .delta import Part
from .events import CODED_FIELDS, NUMBER_FIELDS
from .histories import Histories, from_events
from .rows import read_rows
from .schema import EVENTS
from .union import concatenate, thin, union

Cover = tuple[Part | None, Sequence[Part]]
"""A bucket's file of histories, if there is one to trust, and its files of events outside it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is wanted of histories.

    Attributes:
        numbers: Number fields.
        coded: Coded fields.
        texts: Those of them whose texts are wanted.
        keys: Are event keys wanted?
    """

    numbers: tuple[str, ...]
    coded: tuple[str, ...]
    texts: tuple[str, ...]
    keys: bool

    @classmethod
    def of(cls, fields: Collection[str] | None, texts: Collection[str] | None, keys: bool) -> "Asked":
        """All fields where `fields` is None; the texts of all coded ones where `texts` is None."""
        numbers, coded = (
            tuple(name for name in known if fields is None or name in fields) for known in (NUMBER_FIELDS, CODED_FIELDS)
        )
        return cls(numbers, coded, tuple(name for name in coded if texts is None or name in texts), keys)

    @property
    def fields(self) -> tuple[str, ...]:
        """Number and coded fields."""
        return (*self.numbers, *self.coded)


def from_flat(parts: Sequence[Part], kinds: tuple[str, ...], asked: Asked) -> Histories:
    """All persons in files of events, sorted by id."""
    return thin(from_events(_events(parts, asked.fields), kinds, asked.fields), asked.texts, asked.keys)


def of_bucket(cover: Cover, kinds: tuple[str, ...], asked: Asked) -> Histories:
    """All persons of a bucket, sorted by id."""
    covered, added = cover
    if covered is None:
        return from_flat(added, kinds, asked)
    base = read_rows(covered.path, asked.fields, asked.texts, asked.keys)
    if not added:
        return base
    events = _events(added, asked.fields)
    concerned = pc.unique(events["user_id"]).cast(pa.string())
    alone = pc.invert(pc.is_in(base.users, value_set=concerned)).to_numpy(zero_copy_only=False)
    touched = read_rows(covered.path, asked.fields, CODED_FIELDS, True, concerned)
    merged = union([touched, from_events(events, kinds, asked.fields)])
    both = concatenate([base, thin(merged, asked.texts, asked.keys)])
    rows = np.concatenate([np.flatnonzero(alone), np.arange(len(base), len(both))])
    return both.take(rows[pc.array_sort_indices(both.users.take(pa.array(rows))).to_numpy()])


def of_users(cover: Cover, kinds: tuple[str, ...], asked: Asked, users: pa.Array) -> Histories:
    """Those of the given persons of a bucket who are known, in no promised order."""
    covered, added = cover
    events = _events(added, asked.fields, users)
    if covered is None:
        return thin(from_events(events, kinds, asked.fields), asked.texts, asked.keys)
    if not len(events):
        return read_rows(covered.path, asked.fields, asked.texts, asked.keys, users)
    before = read_rows(covered.path, asked.fields, CODED_FIELDS, True, users)
    return thin(union([before, from_events(events, kinds, asked.fields)]), asked.texts, asked.keys)


def _events(parts: Sequence[Part], fields: Sequence[str], users: pa.Array | None = None) -> pa.Table:
    """Rows of events files as `from_events` reads them, of all persons or of some."""
    names = ["user_id", "ts", "arrived_at", "kind", "key_hi", "key_lo", *fields]
    tables = []
    for part in parts:
        if users is None:
            tables.append(flat.read(part, names, coded=True))
        elif pc.any(chosen := pc.is_in(flat.read(part, ["user_id"])["user_id"], value_set=users)).as_py():
            tables.append(flat.read(part, names, coded=True).filter(chosen))
    none = pa.schema([EVENTS.field(name) for name in names]).empty_table()
    return pa.concat_tables(tables).unify_dictionaries() if tables else none
