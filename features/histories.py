"""Histories: many persons' events as offsets into sorted columns, the one shape that the kernel reads."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import native
from .acts import Acts
from .carry import Carry
from .dated import Dated
from .events import CODED_FIELDS, KINDS, NULL, NUMBER_FIELDS
from .runs import bounds_of, ranges


@dataclass(frozen=True, slots=True)
class Codes:
    """A text field of n persons' m events as dense codes, each person with codes of their own.

    Attributes:
        codes: (m,) int32, from 0 in order of first appearance in the person's history; -1 for null.
        offsets: (n + 1,) int64; the texts of person u are `values[offsets[u]:offsets[u + 1]]`.
        values: The texts; empty where texts were not asked for, `offsets` then standing as they would with them.
    """

    codes: np.ndarray
    offsets: np.ndarray
    values: pa.Array

    def places(self, person: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """(k,) int32 places in `values` of own codes of (k,) persons, -1 for null."""
        return np.where(codes < 0, -1, codes + self.offsets[person]).astype(np.int32)


@dataclass(frozen=True, slots=True)
class Histories:
    """n persons' m events, each person's sorted by (ts, event_key) and without equal keys.

    Attributes:
        users: (n,) person ids.
        offsets: (n + 1,) int64; the events of person u are rows `offsets[u]:offsets[u + 1]`.
        ts: (m,) int64 microseconds UTC.
        arrived: (m,) int64, never below `ts`; None where every event arrived when it happened.
        kind: (m,) int8, places in the workspace's kinds.
        key_hi: (m,) int64, first half of the event key; (0,) where keys were not asked for.
        key_lo: (m,) int64, second half, likewise.
        numbers: Field to (m,) int64, `NULL` for null; a field that was not asked for is absent.
        coded: Field to its codes, likewise.
        carry: What lies before these events; None where nothing was cut off.
        attributes: Table of attributes to what it says of these persons; a table that was not asked for is absent. None: nothing
            is known of anybody.
        acts: What was said of identity and consent, which `views.py` resolves; None where it concerns none of these persons.
    """

    users: pa.Array
    offsets: np.ndarray
    ts: np.ndarray
    arrived: np.ndarray | None
    kind: np.ndarray
    key_hi: np.ndarray
    key_lo: np.ndarray
    numbers: dict[str, np.ndarray]
    coded: dict[str, Codes]
    carry: Carry | None = None
    attributes: dict[str, Dated] | None = None
    acts: Acts | None = None

    def __len__(self) -> int:
        return len(self.users)

    @property
    def n_events(self) -> int:
        """Number of events, m."""
        return len(self.ts)

    def take(self, rows: np.ndarray) -> "Histories":
        """The histories of persons `rows` (int64 places), in that order."""
        if len(rows) == len(self) and (rows == np.arange(len(rows))).all():
            return self
        starts = self.offsets[rows]
        offsets = bounds_of(np.diff(self.offsets)[rows])
        coded = {}
        for name, field in self.coded.items():
            n_values = np.diff(field.offsets)[rows]
            coded[name] = Codes(
                gather(field.codes, starts, offsets),
                bounds_of(n_values),
                field.values.take(pa.array(ranges(field.offsets[rows], n_values)))
                if len(field.values)
                else field.values,
            )
        return Histories(
            users=self.users.take(pa.array(rows)),
            offsets=offsets,
            ts=gather(self.ts, starts, offsets),
            arrived=None if self.arrived is None else gather(self.arrived, starts, offsets),
            kind=gather(self.kind, starts, offsets),
            key_hi=gather(self.key_hi, starts, offsets) if len(self.key_hi) else self.key_hi,
            key_lo=gather(self.key_lo, starts, offsets) if len(self.key_lo) else self.key_lo,
            numbers={name: gather(column, starts, offsets) for name, column in self.numbers.items()},
            coded=coded,
            carry=None if self.carry is None else self.carry.take(rows),
            attributes=None if self.attributes is None else {t: d.take(rows) for t, d in self.attributes.items()},
            acts=self.acts,
        )


def gather(values: np.ndarray, starts: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Runs of `values`, run i beginning at `starts[i]` and filling `[offsets[i], offsets[i + 1])` of the result."""
    out: np.ndarray = np.empty(offsets[-1], values.dtype)
    octets, width = np.ascontiguousarray(values).view(np.uint8), np.array([values.itemsize])
    native.call("gather", (octets, np.ascontiguousarray(starts), offsets, width, out.view(np.uint8)), 0, len(starts))
    return out


def encode(column: pa.Array | pa.ChunkedArray, order: np.ndarray | slice, offsets: np.ndarray) -> Codes:
    """Codes of a text column.

    Args:
        column: (m,) strings or dictionary of strings, in any order.
        order: (m,) places of the column that sort it into histories.
        offsets: (n + 1,) offsets of the histories.
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    shared = column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)[order]
    return localise(shared, column.dictionary, offsets)[0]


def localise(
    shared: np.ndarray, texts: pa.Array, offsets: np.ndarray, more: np.ndarray | None = None
) -> tuple[Codes, np.ndarray | None]:
    """Codes of each person's own from codes that all persons share.

    Args:
        shared: (m,) int32 places in `texts`, -1 for null, in the order of the histories.
        texts: The distinct texts.
        offsets: (n + 1,) offsets of the histories.
        more: (n,) int32 of one more text a person, which comes after those of the events; None for none.

    Returns:
        The codes, and (n,) int32 those of `more`.
    """
    ends = offsets[1:]
    if more is not None:
        shared, offsets = np.insert(shared, ends, more), offsets + np.arange(len(offsets))
    own, kept = np.empty(len(shared), np.int32), np.empty(len(shared), np.int32)
    bounds = np.empty(len(offsets), np.int64)
    place = np.full(len(texts), -1, np.int32)
    native.call("localise", (offsets, shared, place, own, kept, bounds), 0, len(offsets) - 1)
    kept = kept[: bounds[-1]]
    values = texts.cast(pa.string()).take(pa.array(kept))
    if more is None:
        return Codes(own, bounds, values), None
    last = offsets[1:] - 1
    return Codes(np.delete(own, last), bounds, values), own[last]


def from_events(
    events: pa.Table, kinds: tuple[str, ...] = KINDS, fields: Collection[str] | None = None, ordered: bool = False
) -> Histories:
    """Sort flat events into histories; of equal keys the first arrival counts.

    Args:
        events: Rows of the `EVENTS` schema (other columns are ignored), in any order; persons come out sorted by id.
        kinds: The workspace's kinds.
        fields: Number and coded fields wanted; None for all.
        ordered: They are sorted by (user_id, ts, event_key), and no person has a key twice.
    """
    names = set(events.column_names) & set(fields if fields is not None else (*NUMBER_FIELDS, *CODED_FIELDS))
    users, person = ranks(events["user_id"].combine_chunks())
    ts = events["ts"].to_numpy()
    arrived = np.maximum(events["arrived_at"].combine_chunks().fill_null(NULL).to_numpy(), ts)
    hi, lo = events["key_hi"].to_numpy(), events["key_lo"].to_numpy()
    order: np.ndarray | slice = slice(None)
    if not ordered:
        order = unique_events(person, hi, lo, arrived)
        order = order[sort_events(person[order], ts[order], hi[order], lo[order])]
    offsets = bounds_of(np.bincount(person[order], minlength=len(users)))
    late = arrived[order]
    kind = events["kind"].combine_chunks()
    kind = kind if pa.types.is_dictionary(kind.type) else kind.dictionary_encode()
    codes = np.array([kinds.index(name) for name in kind.dictionary.to_pylist()], np.int8)
    return Histories(
        users=users,
        offsets=offsets,
        ts=ts[order],
        arrived=late if (late > ts[order]).any() else None,
        kind=codes[kind.indices.to_numpy()[order]] if len(ts) else np.empty(0, np.int8),
        key_hi=hi[order],
        key_lo=lo[order],
        numbers={
            name: events[name].combine_chunks().fill_null(NULL).to_numpy()[order]
            for name in NUMBER_FIELDS
            if name in names
        },
        coded={name: encode(events[name], order, offsets) for name in CODED_FIELDS if name in names},
    )


def unique_events(person: np.ndarray, hi: np.ndarray, lo: np.ndarray, arrived: np.ndarray) -> np.ndarray:
    """Places of one event a (person, key), in any order: the first to arrive, the earlier row where that ties."""
    ordered = np.sort(hi)
    if not (ordered[1:] == ordered[:-1]).any():  # the rule: no first half of a key occurs twice
        return np.arange(len(hi))
    order = np.lexsort((arrived, lo, hi, person))
    p, h, k = person[order], hi[order], lo[order]
    first = np.ones(len(order), bool)
    first[1:] = (p[1:] != p[:-1]) | (h[1:] != h[:-1]) | (k[1:] != k[:-1])
    return order[first]


def sort_events(person: np.ndarray, ts: np.ndarray, hi: np.ndarray, lo: np.ndarray) -> np.ndarray:
    """Places that sort events by (person, ts, key)."""
    order = np.arange(len(ts))
    if not _ascending(person, ts):
        few = len(person) == 0 or (person.min() >= 0 and person.max() < 1 << 16)
        order = np.argsort(person.astype(np.uint16) if few else person, kind="stable")  # a radix sort at 16 bits
        if not _ascending(person[order], ts[order]):
            order = np.lexsort((ts, person))
    p, t = person[order], ts[order]
    same = (p[1:] == p[:-1]) & (t[1:] == t[:-1])
    if same.any():  # keys decide among the tied alone
        tied = np.zeros(len(order), bool)
        tied[1:] = same
        tied[:-1] |= same
        among = order[tied]
        order[tied] = among[np.lexsort((lo[among], hi[among], ts[among], person[among]))]
    return order


def _ascending(person: np.ndarray, ts: np.ndarray) -> bool:
    """Are events sorted by (person, ts)?"""
    return bool(((person[1:] > person[:-1]) | ((person[1:] == person[:-1]) & (ts[1:] >= ts[:-1]))).all())


def ranks(ids: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """The distinct ids, sorted, and (n,) each one's place among them.

    Args:
        ids: (n,) strings, or a dictionary of strings, without nulls.
    """
    encoded = ids if pa.types.is_dictionary(ids.type) else ids.dictionary_encode()
    texts, codes = encoded.dictionary.cast(pa.string()), encoded.indices.to_numpy()
    used = np.flatnonzero(np.bincount(codes, minlength=len(texts)))  # a dictionary may hold more than its array
    order = used[pc.array_sort_indices(texts.take(pa.array(used))).to_numpy()]
    rank = np.empty(len(texts), np.int64)
    rank[order] = np.arange(len(order))
    return texts.take(pa.array(order)), rank[codes]
