"""Columns of times, however written, as int64 microseconds UTC."""

import re
from datetime import UTC, datetime
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .errors import InputError
from .instants import to_us
from .zones import transitions

FACTORS: Final = {"unix_s": 1_000_000, "unix_ms": 1_000, "unix_us": 1, "any": 1}
"""Microseconds of a unit of a number; in "any" numbers are microseconds and texts ISO 8601."""

BOUND: Final = 2**62
YEAR: Final = 31_557_600
_OFFSET: Final = r"[ ]?(Z|UTC|[+-]\d\d(:?\d\d)?)$"
_ISO: Final = r"^\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,9})?)?)?$"
_PYTHON_ONLY: Final = ("%f", "%z", "%Z", "%j", "%U", "%W", "%p", "%b", "%B", "%a", "%A")  # C's reading of these varies


def to_instants(column: pa.ChunkedArray, how: str, zone: str | None, where: str) -> np.ndarray:
    """Instants of a column of times.

    Args:
        column: (n,) timestamps, dates, numbers or texts.
        how: "iso", "unix_s", "unix_ms", "unix_us", "any" or a strptime format; of no weight for timestamps and dates.
        zone: Timezone of times without offset; None where it is not known.
        where: The column, for messages.

    Returns:
        (n,) int64 microseconds UTC; `-BOUND` where null or unreadable, clipped to ± `BOUND`.

    Raises:
        InputError: There are times without an offset, and their timezone is not known.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.combine_chunks()
        column = column.chunk(0) if isinstance(column, pa.ChunkedArray) else column
        values = to_instants(pa.chunked_array([column.dictionary]), how, zone, where)
        places = column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        spread: np.ndarray = np.append(values, -BOUND)[places]
        return spread
    if pa.types.is_timestamp(kind):
        if kind.tz is not None:
            return _filled(column.cast(pa.timestamp("us", "UTC"), safe=False).cast(pa.int64()))
        return _local(_filled(column.cast(pa.timestamp("us"), safe=False).cast(pa.int64())), zone, where)
    if pa.types.is_date(kind):
        return _local(_filled(column.cast(pa.timestamp("us")).cast(pa.int64())), zone, where)
    if how in FACTORS and not _is_text(kind):
        return _scaled(column, FACTORS[how])
    texts = column if pa.types.is_string(kind) else column.cast(pa.string())
    if how in ("iso", "any"):
        return _iso(texts, how, zone, where)
    if how in FACTORS:
        numeric = pc.match_substring_regex(texts, r"^-?\d{1,18}(\.\d+)?$")
        return _scaled(pc.if_else(numeric, texts, pa.scalar(None, pa.string())), FACTORS[how])
    return _formatted(texts, how, zone, where)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _filled(column: pa.ChunkedArray) -> np.ndarray:
    """Nulls as -BOUND; clipped."""
    filled: np.ndarray = np.clip(column.fill_null(-BOUND).to_numpy(), -BOUND, BOUND)
    return filled


def _scaled(column: pa.ChunkedArray, factor: int) -> np.ndarray:
    if _is_text(column.type):
        try:
            column = column.cast(pa.int64())
        except pa.ArrowInvalid:
            column = column.cast(pa.float64())
    if pa.types.is_integer(column.type):
        numbers = column.cast(pa.int64(), safe=False)
        limit = BOUND // factor
        clipped = np.clip(numbers.fill_null(-limit).to_numpy(), -limit, limit) * factor
        return np.where(numbers.is_null().to_numpy(), -BOUND, clipped)
    values = column.cast(pa.float64()).fill_null(np.nan).to_numpy()
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = np.clip(np.where(np.isnan(values), -BOUND, np.rint(values * factor)), -BOUND, BOUND)
    return scaled.astype(np.int64)


def _local(naive: np.ndarray, zone: str | None, where: str) -> np.ndarray:
    """Instants of wall-clock times; in the hour told twice the first, in the hour left out as if it were not (PEP 495, fold 0)."""
    given = naive > -BOUND
    if not given.any():
        return naive
    if zone is None:
        raise InputError(
            f"{where} has times without an offset, and their timezone is not known. Say which with --timezone "
            "Asia/Shanghai, or `timezone` in a mapping."
        )
    starts, offsets = transitions(zone)
    ends = starts[1:] + offsets[:-1]
    span = np.searchsorted(ends, naive, side="right")
    instants = naive - offsets[span]
    gap = (instants < starts[span]) & (span > 0)
    instants[gap] = naive[gap] - offsets[span[gap] - 1]
    return np.where(given, instants, naive)


def _iso(texts: pa.ChunkedArray, how: str, zone: str | None, where: str) -> np.ndarray:
    n = len(texts)
    try:  # the two forms that whole columns have
        return _filled(texts.cast(pa.timestamp("us", "UTC")).cast(pa.int64()))
    except pa.ArrowInvalid:
        pass
    try:
        naive = _filled(texts.cast(pa.timestamp("us")).cast(pa.int64()))
    except pa.ArrowInvalid:
        naive = None
    if naive is not None:
        return _local(naive, zone, where)
    texts = pc.utf8_trim_whitespace(texts)
    out = np.full(n, -BOUND)
    if how == "any":
        numeric = _mask(pc.match_substring_regex(texts, r"^-?\d{9,18}$"))
        out[numeric] = _scaled(texts.filter(pa.array(numeric)), 1)
    offset = _mask(pc.match_substring_regex(texts, _OFFSET)) & ~_mask(
        pc.match_substring_regex(texts, r"^\d{4}-\d\d-\d\d$")
    )
    bare = pc.replace_substring_regex(texts, _OFFSET, "")
    shaped = _mask(pc.match_substring_regex(pc.if_else(pa.array(offset), bare, texts), _ISO))
    cut = pc.replace_substring_regex(texts, r"(\.\d{6})\d+", r"\1")  # nanoseconds
    aware = pc.replace_substring_regex(pc.replace_substring_regex(cut, r"[ ]?(Z|UTC)$", "+00"), r"[ ]([+-])", r"\1")
    with_offset, without = shaped & offset, shaped & ~offset
    out[with_offset] = _each_valid(aware.filter(pa.array(with_offset)), pa.timestamp("us", "UTC"))
    local = _each_valid(cut.filter(pa.array(without)), pa.timestamp("us"))
    out[without] = _local(local, zone, where)
    return out


def _each_valid(texts: pa.ChunkedArray, kind: pa.DataType) -> np.ndarray:
    """Cast texts of the right shape; those that are no time of any calendar are -BOUND."""
    try:
        return _filled(texts.cast(kind).cast(pa.int64()))
    except pa.ArrowInvalid:
        if len(texts) == 1:
            return np.array([-BOUND])
    middle = len(texts) // 2
    return np.concatenate([_each_valid(texts.slice(0, middle), kind), _each_valid(texts.slice(middle), kind)])


def _mask(mask: pa.ChunkedArray) -> np.ndarray:
    values: np.ndarray = mask.fill_null(False).to_numpy()
    return values.astype(bool)


def _formatted(texts: pa.ChunkedArray, form: str, zone: str | None, where: str) -> np.ndarray:
    """Times by a strptime format; a time that is ISO instead (Excel's own, a mended row) is taken too."""
    encoded = pc.utf8_trim_whitespace(texts).combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    words = encoded.dictionary
    plain = not any(mark in form for mark in _PYTHON_ONLY)
    if plain:
        parsed = pc.strptime(words, format=form, unit="us", error_is_null=True)
        naive = _filled(pa.chunked_array([parsed.cast(pa.int64())]))
        # C's strptime lets 30 February pass as 2 March
        suspect = np.flatnonzero(pc.less_equal(pc.day(parsed), 3).fill_null(False).to_numpy(zero_copy_only=False))
    else:
        naive = np.full(len(words), -BOUND)
        suspect = np.arange(len(words))
    aware = np.zeros(len(words), bool)
    for place, word in zip(suspect, words.take(pa.array(suspect)).to_pylist(), strict=True):
        moment = _strptime(word, form)
        naive[place] = -BOUND if moment is None else to_us(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        aware[place] = moment is not None and moment.tzinfo is not None
    values = naive.copy()
    values[~aware] = _local(naive[~aware], zone, where)
    failed = np.flatnonzero(values == -BOUND)
    if len(failed):
        others = pa.chunked_array([words.take(pa.array(failed))])
        iso = _mask(pc.match_substring_regex(others, r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d"))
        values[failed[iso]] = _iso(others.filter(pa.array(iso)), "iso", zone, where)
    spread: np.ndarray = np.append(values, -BOUND)[encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)]
    return spread


def _strptime(text: str | None, form: str) -> datetime | None:
    try:
        return datetime.strptime(text or "", form)
    except (ValueError, OverflowError):
        return None


def likely(column: pa.ChunkedArray) -> str | None:
    """The `time` that a column seems to be written in, from its first values; None where that is not plain."""
    sample = [str(value) for value in column.drop_null().slice(0, 100).to_pylist()]
    if not sample:
        return None
    if all(re.fullmatch(r"(19|20)\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])", text) for text in sample):
        return "%Y%m%d"
    if all(re.fullmatch(r"\d+(\.\d+)?", text) for text in sample):
        middle = sorted(float(text) for text in sample)[len(sample) // 2]
        for unit, per_second in (("unix_s", 1.0), ("unix_ms", 1e3), ("unix_us", 1e6)):
            if 20 * YEAR <= middle / per_second <= 130 * YEAR:
                return unit
        return None
    if all(re.match(r"\d{4}-\d\d-\d\d([ T]|$)", text) for text in sample):
        return "iso"
    slashed = [re.match(r"(\d{1,2})([/.-])(\d{1,2})[/.-](\d{4})( \d{1,2}:\d\d)?(:\d\d)?", text) for text in sample]
    found = [match for match in slashed if match]
    if len(found) == len(sample):
        mark = found[0][2]
        day_first = max(int(match[1]) for match in found) >= max(int(match[3]) for match in found)
        days = f"%d{mark}%m{mark}%Y" if day_first else f"%m{mark}%d{mark}%Y"
        return days + (" %H:%M" if found[0][5] else "") + (":%S" if found[0][6] else "")
    if all(re.match(r"\d{4}/\d{1,2}/\d{1,2}", text) for text in sample):
        return "%Y/%m/%d" + (" %H:%M:%S" if ":" in sample[0] else "")
    return None
