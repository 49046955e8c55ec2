"""One person's history as bytes and back, for the profile store.

A header (magic, version, number of events, which fields have any value), then the columns as they lie in memory, little
endian; fields without a value take no room, and codes take one, two or four bytes by the number of texts. The carry, where
there is one, stands at the end.
"""

import struct
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa

from .carry import Carry, concatenate
from .errors import DamagedError, FormatError
from .events import CODED_FIELDS, KINDS, NULL, NUMBER_FIELDS, TOUCH
from .histories import Codes, Histories, from_events
from .runs import bounds_of
from .union import union

MAGIC: Final = b"ih"
VERSION: Final = 2
HEAD: Final = struct.Struct("<2sBBII")  # magic, version, flags, number of events, bit mask of fields with a value
LATE, CARRIED = 1, 2
BEFORE: Final = struct.Struct("<BB")  # the carry's rows, and a bit mask: number fields with a value, then touches
CODED: Final = struct.Struct("<BII")  # bytes a code, number of texts, bytes of texts
WIDTHS: Final[dict[int, np.dtype]] = {1: np.dtype("<i1"), 2: np.dtype("<i2"), 4: np.dtype("<i4")}
INT64: Final = np.dtype("<i8")


def merge(histories: Histories, events: pa.Table, kinds: tuple[str, ...] = KINDS) -> Histories:
    """Add flat events to histories.

    Args:
        histories: With keys and texts; nobody twice.
        events: Rows of the `EVENTS` schema, in any order, also of persons not in `histories`.
        kinds: The workspace's kinds.

    Returns:
        The persons of `histories` in their order, then the others by id; of equal keys the first arrival counts.
    """
    return union([histories, from_events(events, kinds, (*histories.numbers, *histories.coded))])


def pack(histories: Histories, u: int) -> bytes:
    """The history of the person at place `u`, without the person's id."""
    return _pack(histories, _texts(histories), u)


def pack_all(histories: Histories) -> Iterator[bytes]:
    """Every person's history, in order; faster than one by one."""
    texts = _texts(histories)
    return (_pack(histories, texts, u) for u in range(len(histories)))


def _texts(histories: Histories) -> dict[str, tuple[np.ndarray, memoryview]]:
    """Coded field to the (n_values + 1,) int32 offsets and the bytes of its texts."""
    found = {}
    for name, field in histories.coded.items():
        _, offsets, data = field.values.buffers()
        bounds = (
            np.frombuffer(offsets, np.int32, len(field.values) + 1, field.values.offset * 4)
            if offsets
            else np.zeros(1, np.int32)
        )
        found[name] = (bounds, memoryview(data or b""))
    return found


def _pack(histories: Histories, texts: dict[str, tuple[np.ndarray, memoryview]], u: int) -> bytes:
    start, stop = int(histories.offsets[u]), int(histories.offsets[u + 1])
    pieces: list[Any] = [
        b"",
        histories.ts[start:stop],
        histories.key_hi[start:stop],
        histories.key_lo[start:stop],
        histories.kind[start:stop],
    ]
    late = histories.arrived is not None and bool((histories.arrived[start:stop] > histories.ts[start:stop]).any())
    if histories.arrived is not None and late:
        pieces.append(histories.arrived[start:stop])
    mask = 0
    for bit, name in enumerate(NUMBER_FIELDS):
        if name in histories.numbers and (column := histories.numbers[name][start:stop]).max(initial=NULL) != NULL:
            mask |= 1 << bit
            pieces.append(column)
    for bit, name in enumerate(CODED_FIELDS, len(NUMBER_FIELDS)):
        if name not in histories.coded:
            continue
        field = histories.coded[name]
        first, last = int(field.offsets[u]), int(field.offsets[u + 1])
        if first == last:
            continue
        mask |= 1 << bit
        bounds, data = texts[name]
        width = 1 if last - first < 1 << 7 else 2 if last - first < 1 << 15 else 4
        low, high = int(bounds[first]), int(bounds[last])
        pieces += (
            CODED.pack(width, last - first, high - low),
            field.codes[start:stop].astype(WIDTHS[width]),
            np.diff(bounds[first : last + 1]),
            data[low:high],
        )
    carried = histories.carry is not None and histories.carry.offsets[u + 1] > histories.carry.offsets[u]
    if histories.carry is not None and carried:
        pieces += _pack_carry(histories.carry, u)
    pieces[0] = HEAD.pack(MAGIC, VERSION, late * LATE | carried * CARRIED, stop - start, mask)
    return b"".join(pieces)


def _pack_carry(carry: Carry, u: int) -> list[Any]:
    rows = slice(int(carry.offsets[u]), int(carry.offsets[u + 1]))
    pieces: list[Any] = [b"", carry.kind[rows], carry.count[rows], carry.first[rows], carry.last[rows]]
    mask = 0
    for bit, name in enumerate(NUMBER_FIELDS):
        if name in carry.known and carry.known[name][rows].any():
            mask |= 1 << bit
            pieces += (carry.known[name][rows], carry.sums[name][rows])
    for bit, name in enumerate(TOUCH, len(NUMBER_FIELDS)):
        if name in carry.touch and carry.touch[name][u] >= 0:
            mask |= 1 << bit
            pieces += (carry.touch_key[name][u], carry.touch[name][u : u + 1])
    pieces[0] = BEFORE.pack(rows.stop - rows.start, mask)
    return pieces


def unpack(packed: Sequence[tuple[str, bytes | None]], fields: Collection[str] | None = None) -> Histories:
    """Histories of several persons, in order; None or nothing packed is a person without events.

    Args:
        packed: (person id, what `pack` made of the history).
        fields: Number and coded fields wanted; None for all.

    Raises:
        FormatError: A newer version packed it.
        DamagedError: It is not what `pack` makes, or was cut off.
    """
    names = [name for name in (*NUMBER_FIELDS, *CODED_FIELDS) if fields is None or name in fields]
    columns: dict[str, list[np.ndarray]] = {name: [] for name in ("ts", "hi", "lo", "kind", "arrived", *names)}
    sizes, late = np.zeros(len(packed), np.int64), False
    counts = {name: np.zeros(len(packed), np.int64) for name in names if name in CODED_FIELDS}
    lengths: dict[str, list[np.ndarray]] = {name: [] for name in counts}
    texts: dict[str, list[memoryview]] = {name: [] for name in counts}
    carries: dict[int, Carry] = {}
    for u, (user, data) in enumerate(packed):
        if not data:
            continue
        try:
            flags, end = _unpack(data, u, columns, sizes, counts, lengths, texts)
            late |= bool(flags & LATE)
            if flags & CARRIED:
                carries[u], end = _unpack_carry(data, end, names)
            if end != len(data):
                raise ValueError(f"{len(data)} bytes instead of {end}")
        except (struct.error, ValueError, KeyError) as error:
            raise DamagedError(
                f"The stored history of {user!r} is damaged ({error}); rebuild the profile store."
            ) from error
    return Histories(
        users=pa.array([user for user, _ in packed], pa.string()),
        offsets=bounds_of(sizes),
        ts=_join(columns["ts"], np.int64),
        arrived=_join(columns["arrived"], np.int64) if late else None,
        kind=_join(columns["kind"], np.int8),
        key_hi=_join(columns["hi"], np.int64),
        key_lo=_join(columns["lo"], np.int64),
        numbers={name: _join(columns[name], np.int64) for name in names if name in NUMBER_FIELDS},
        coded={
            name: Codes(_join(columns[name], np.int32), bounds_of(counts[name]), _strings(lengths[name], texts[name]))
            for name in counts
        },
        carry=concatenate([(1, carries.get(u)) for u in range(len(packed))]) if carries else None,
    )


def _unpack_carry(data: bytes, place: int, fields: Sequence[str]) -> tuple[Carry, int]:
    """One person's carry, with the fields asked for, and where it ends."""
    n, mask = BEFORE.unpack_from(data, place)
    place += BEFORE.size
    kind = np.frombuffer(data, WIDTHS[1], n, place)
    place += n

    def column(size: int) -> np.ndarray:
        nonlocal place
        place += 8 * size
        return np.frombuffer(data, INT64, size, place - 8 * size)

    none = np.zeros(n, np.int64)
    found = Carry(bounds_of(np.array([n])), kind, column(n), column(n), column(n), {}, {}, {}, {})
    for bit, name in enumerate(NUMBER_FIELDS):
        known, sums = (column(n), column(n)) if mask >> bit & 1 else (none, none)
        if name in fields:
            found.known[name], found.sums[name] = known, sums
    for bit, name in enumerate(TOUCH, len(NUMBER_FIELDS)):
        key, code = np.zeros(3, np.int64), np.full(1, -1, np.int32)
        if mask >> bit & 1:
            key = column(3)
            code = np.frombuffer(data, WIDTHS[4], 1, place)
            place += 4
        if name in fields:
            found.touch_key[name], found.touch[name] = key[np.newaxis], code
    return found, place


def _unpack(
    data: bytes,
    u: int,
    columns: dict[str, list[np.ndarray]],
    sizes: np.ndarray,
    counts: dict[str, np.ndarray],
    lengths: dict[str, list[np.ndarray]],
    texts: dict[str, list[memoryview]],
) -> tuple[int, int]:
    """Put one person's columns at the end of all columns; the flags, and where they end."""
    magic, version, flags, n, mask = HEAD.unpack_from(data)
    if magic != MAGIC:
        raise ValueError("no history")
    if version != VERSION:
        raise FormatError(
            f"A stored history has version {version}; this Intently reads version {VERSION}. Delete the profile store "
            "(profiles.db): it is filled anew from the log."
        )
    place = HEAD.size

    def column(dtype: np.dtype, size: int) -> np.ndarray:
        nonlocal place
        found = np.frombuffer(data, dtype, size, place)
        place += found.nbytes
        return found

    sizes[u] = n
    for name in ("ts", "hi", "lo"):
        columns[name].append(column(INT64, n))
    columns["kind"].append(column(WIDTHS[1], n))
    columns["arrived"].append(column(INT64, n) if flags & LATE else columns["ts"][-1])
    for bit, name in enumerate(NUMBER_FIELDS):
        found = column(INT64, n) if mask >> bit & 1 else None
        if name in columns:
            columns[name].append(np.full(n, NULL) if found is None else found)
    for bit, name in enumerate(CODED_FIELDS, len(NUMBER_FIELDS)):
        if not mask >> bit & 1:
            if name in counts:
                columns[name].append(np.full(n, -1, np.int32))
            continue
        width, n_texts, n_bytes = CODED.unpack_from(data, place)
        place += CODED.size
        codes, sizes_of_texts = column(WIDTHS[width], n), column(WIDTHS[4], n_texts)
        if name in counts:
            columns[name].append(codes)
            counts[name][u] = n_texts
            lengths[name].append(sizes_of_texts)
            texts[name].append(memoryview(data)[place : place + n_bytes])
        place += n_bytes
    return flags, place


def _join(pieces: list[np.ndarray], dtype: type) -> np.ndarray:
    return np.concatenate(pieces, dtype=dtype) if pieces else np.empty(0, dtype)


def _strings(lengths: list[np.ndarray], texts: list[memoryview]) -> pa.Array:
    """One string array of all texts, without a Python string made."""
    bounds = bounds_of(_join(lengths, np.int64)).astype(np.int32)
    return pa.StringArray.from_buffers(len(bounds) - 1, pa.py_buffer(bounds), pa.py_buffer(b"".join(texts)))
