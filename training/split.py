"""Cutoffs in time: train < calibrate < test, each label window over before the next part begins.

Cutoffs are midnights of the shop, a spec's `every` apart, counted back from the latest whose label window the log still
covers; whole weeks apart, they are Mondays, so that targets and data sets share their weeks. A part's last label window
ends at or before the first cutoff of the next part: nothing learned from one part has seen what the next is judged on. A
log too short for the numbers wanted gets fewer, and the notes say so.

The training part's own tail ends the growing of trees: they are grown on the cutoffs that end a gap before the tail, until
the tail gains no more, and then once more, for so many rounds, on the whole training part.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from features.errors import TooLittleDataError
from features.events import DAY, HOUR
from features.instants import EPOCH, to_iso, to_us
from features.log import EventLog
from models.spec import SplitSpec

PARTS: Final = ("train", "calibrate", "test")


@dataclass(frozen=True, slots=True)
class Split:
    """Cutoffs of the parts, int64 microseconds, ascending.

    Attributes:
        train: What the trees are grown on.
        stop: The last of them, which end the growing; none where there are too few, and users are held out instead.
        grow: Those of them that end a gap before `stop`.
        calibrate: What the calibrator, and the baselines' settings, are chosen on.
        test: What the figures are from.
        notes: What was shortened.
    """

    train: tuple[int, ...]
    stop: tuple[int, ...]
    grow: tuple[int, ...]
    calibrate: tuple[int, ...]
    test: tuple[int, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, dict[str, Any]]:
        """Part to its first and last cutoff and their number."""
        parts = {name: getattr(self, name) for name in ("train", "stop", "calibrate", "test")}
        return {
            name: {"first": to_iso(cutoffs[0]), "last": to_iso(cutoffs[-1]), "cutoffs": len(cutoffs)}
            for name, cutoffs in parts.items()
            if cutoffs
        }


def followed(
    wanted: SplitSpec, edges: Sequence[int], start: int, end: int, timezone: str
) -> tuple[Split, tuple[int, ...]]:
    """The cutoffs of a hazard, and the edges (days) of the buckets that the log can show and test.

    Rows are followed until the next part's first cutoff, the test's until the log's end, and teach the buckets that are over
    by then. So a part need not end a horizon before the next: the training part goes on to a bucket before calibration, the
    test part to a bucket before the log's end. Some training row must be followed to the last edge, or there are fewer
    buckets; calibration and test rows are followed for the gap at least: to wait for the last edge there would leave out
    the newest months, which costs more than the late buckets' own test gains.

    Raises:
        TooLittleDataError: Not even two buckets.
    """
    first = edges[0] * DAY
    for n in range(len(edges), 1, -1):
        reach = edges[n - 1] * DAY
        try:
            gap = min(wanted.gap, reach)
            made = split(replace(wanted, gap=gap), gap, start, end, timezone)
        except TooLittleDataError:
            continue
        if made.calibrate[0] - made.train[0] < reach:
            continue
        more = midnights(made.train[0], made.calibrate[0] - first, wanted.every, timezone)
        later = midnights(made.test[0], end - first, wanted.every, timezone)
        train = (*made.train, *(cutoff for cutoff in more if cutoff > made.train[-1]))
        test = (*made.test, *(cutoff for cutoff in later if cutoff > made.test[-1]))
        notes = made.notes
        if n < len(edges):
            notes = (
                *notes,
                f"The log is too short to learn what comes {edges[-1]} days ahead: buckets end at {edges[n - 1]}.",
            )
        return replace(made, train=train, test=test, notes=notes), tuple(edges[:n])
    raise TooLittleDataError(
        f"The log covers {max(0, end - start) / DAY:.1f} days, too few to follow anybody through {edges[1]} days in training, "
        "calibration and test each. Ingest a longer log."
    )


def end_of_log(last_ts: int) -> int:
    """The instant up to which a log is taken to be whole: the end of the hour of its last event."""
    return (last_ts // HOUR + 1) * HOUR


def start_of_log(first_ts: int) -> int:
    """The beginning of the hour of its first event."""
    return first_ts // HOUR * HOUR


def span_of(log: EventLog, until: int | None) -> tuple[int, int]:
    """The instants between which a log is taken to be whole.

    The first thousandth of the events (of enough persons to tell) does not count: a few stray dates before the span of an
    export must not look like months of history.
    """
    seen: list[np.ndarray] = []
    for bucket in log.buckets():
        seen.append(log.read(bucket, (), ()).ts)
        if sum(map(len, seen)) >= 200_000:
            break
    first = int(np.quantile(np.concatenate(seen), 0.001, method="lower"))
    end = end_of_log(log.last_ts)
    return start_of_log(first), end if until is None else min(end, until)


def midnights(start: int, stop: int, every: int, timezone: str) -> list[int]:
    """Cutoffs in `[start, stop]`, ascending, `every` apart: the latest is the last midnight of the shop at or before `stop`.

    Where `every` is whole weeks, it is the last Monday's; where it is not even whole days, `stop` itself.
    """
    if every % DAY:
        return list(range(stop, start - 1, -every))[::-1]
    day = (EPOCH + timedelta(microseconds=stop)).astimezone(ZoneInfo(timezone)).date()
    if every % (7 * DAY) == 0:
        day -= timedelta(days=day.weekday())
    found: list[int] = []
    while True:
        cutoff = to_us(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone)))
        if cutoff < start:
            return found[::-1]
        if cutoff <= stop:
            found.append(cutoff)
        day -= timedelta(days=every // DAY)


def place(cutoffs: list[int], sizes: tuple[int, ...], gap: int) -> list[tuple[int, ...]] | None:
    """Parts from the latest back: the last has `sizes[-1]` cutoffs and so on, the first what is left, at most `sizes[0]`.

    Args:
        cutoffs: Ascending.
        sizes: Cutoffs a part.
        gap: Least microseconds from a part's last cutoff to the next part's first.

    Returns:
        The parts, earliest first; None where one would be empty or smaller than wanted.
    """
    parts: list[tuple[int, ...]] = []
    left = cutoffs
    for size in reversed(sizes[1:]):
        if len(left) <= size:
            return None
        parts.append(tuple(left[-size:]))
        first = parts[-1][0]
        left = [cutoff for cutoff in left if cutoff + gap <= first]
    if not left:
        return None
    return [tuple(left[-sizes[0] :]), *reversed(parts)]


def split(wanted: SplitSpec, horizon: int, start: int, end: int, timezone: str) -> Split:
    """The split of a log that is whole on `[start, end)`.

    Training has at least as many cutoffs as the other parts together: for that the warm-up is halved, as often as it must
    be, then the other parts shrink.

    Args:
        wanted: Distance of cutoffs, warm-up, gap between parts, and at most how many cutoffs a part has.
        horizon: Length of the label window, microseconds.
        start: Microseconds UTC; the first training cutoff leaves a warm-up after it.
        end: Microseconds UTC; no label window reaches beyond it.
        timezone: Of the shop.

    Raises:
        TooLittleDataError: Not even one cutoff a part has room.
    """
    least = min(wanted.every, horizon, wanted.warmup)
    for warmup, sizes in attempts(wanted.warmup, least, (wanted.train, wanted.calibrate, wanted.test)):
        parts = place(midnights(start + warmup, end - horizon, wanted.every, timezone), sizes, wanted.gap)
        alone = all(size == 1 for size in sizes[1:])
        if parts and (alone or len(parts[0]) >= min(wanted.train, sum(sizes[1:]))):
            stop, grow = tail(parts[0], wanted.stop, wanted.gap)
            return Split(parts[0], stop, grow, parts[1], parts[2], tuple(shortened(wanted, warmup, parts, stop)))
    needed = least + 2 * max(wanted.gap, wanted.every) + horizon
    raise TooLittleDataError(
        f"The log covers {max(0, end - start) / DAY:.1f} days; looking {horizon / DAY:g} days ahead needs about "
        f"{(needed + min(wanted.every, 7 * DAY)) / DAY:g}: some history, then a cutoff each to train, calibrate and test on, "
        f"{wanted.gap / DAY:g} days apart. Ingest a longer log, or foresee a shorter horizon."
    )


def attempts(warmup: int, least: int, full: tuple[int, ...]) -> list[tuple[int, tuple[int, ...]]]:
    """Warm-ups and sizes of parts to try, from what is wanted to what is least."""
    found = [(warmup, full)]
    while found[-1][0] > least:
        found.append((max(found[-1][0] // 2, least), full))
    shrunk = [(full[0], *(max(1, size * eighths // 8) for size in full[1:])) for eighths in range(7, -1, -1)]
    return found + [(least, sizes) for sizes in shrunk]


def tail(train: tuple[int, ...], wanted: int, gap: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The training part's last cutoffs, at most a quarter, and those that end a gap before them.

    None of either where that would leave less than a third to grow on.
    """
    n = min(wanted, max(1, len(train) // 4))
    stop = train[len(train) - n :]
    grow = tuple(cutoff for cutoff in train if stop and cutoff + gap <= stop[0])
    return (stop, grow) if 3 * len(grow) >= len(train) else ((), ())


def shortened(wanted: SplitSpec, warmup: int, parts: list[tuple[int, ...]], stop: tuple[int, ...]) -> list[str]:
    """What came out below what was wanted, in words."""
    notes = []
    if warmup < wanted.warmup:
        notes.append(
            f"The first training cutoff has {warmup / DAY:.3g} days of log before it, not {wanted.warmup / DAY:g}."
        )
    train, calibrate, test = (len(part) for part in parts)
    if (calibrate, test) != (wanted.calibrate, wanted.test):
        notes.append(
            f"The log is short: {train} cutoffs to train on, {calibrate} to calibrate and {test} to test on "
            f"({wanted.train}, {wanted.calibrate} and {wanted.test} wanted)."
        )
    if wanted.stop and not stop:
        notes.append(
            "The training part is too short for a later tail: a quarter of its users ends the growing instead."
        )
    return notes
