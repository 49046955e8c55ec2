"""The derived `histories` table: what it covers, and how it is brought up to date from `events`.

`intently compact` brings histories up to date, and so does an ingest where 50,000 events, or 1 % of the log if that is more,
stand outside; a first load has its histories made beside its events. Reading does not need it: events outside are merged
into what is read, only more slowly. A compaction may be interrupted or killed at any moment: events and histories change by
one commit each, of finished files; what is read is the same before, between and after; and what a killed run had finished
the next one takes over.

Each file of `histories` holds one bucket and says in its footer which files of `events` it was made from: what it holds
and what it covers become visible together. It is trusted only while all of those are still in `events`; else (an erasure,
another program's rewrite, a damaged file) the bucket is read from `events` until the next compaction.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import pyarrow as pa

from . import delta, flat
from .ahead import abreast, side_by_side
from .delta import Part, Snapshot
from .histories import Histories, from_events
from .progress import track
from .rows import HISTORIES, OPTIONS, to_rows
from .schema import EVENTS
from .standing import Asked, from_flat
from .workspace import Workspace

DUE: Final = 50_000
"""Events outside `histories` from which on a compaction is worth its while; in a large log 1 % of it."""
LAYOUT: Final = 1
"""Version of the rows' layout; files of another one are not trusted."""
CROWD: Final = 16
"""A bucket with more files of `events` than this, covered or not covered, has its small ones made one."""
KEEP_HOURS: Final = {"histories": 24, "events": 168}
"""A file that left a table is kept this long for those who still read an older version."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """What a compaction did.

    Attributes:
        buckets: Number of buckets rewritten; 0: nothing was to be done.
        events: Number of events in them.
        version: The `events` version that `histories` now covers.
    """

    buckets: int
    events: int
    version: int


def cover(histories: Sequence[Part], events: Sequence[Part]) -> tuple[Part | None, list[Part]]:
    """The file of histories to trust, if any, and the files of `events` that it does not cover.

    Args:
        histories: A bucket's files in the `histories` table.
        events: Its files in `events`.
    """
    names = {part.name for part in events}
    for part in histories:
        try:
            note = delta.note_of(part.path)
        except (OSError, pa.ArrowInvalid):
            continue
        covers = set(note.get("covers", ()))
        if note.get("layout") == LAYOUT and covers and covers <= names:
            return part, [part for part in events if part.name not in covers]
    return None, list(events)


def due(events: Snapshot, histories: Snapshot) -> bool:
    """Are there so many events outside `histories` that reading is slower by more than a compaction costs?"""
    buckets = {part.bucket for part in events.parts}
    added = sum(part.rows for b in buckets for part in cover(histories.of(b), events.of(b))[1])
    return added >= max(DUE, sum(part.rows for part in events.parts) // 100)


def tidy(workspace: Workspace, events: Snapshot, histories: Snapshot) -> bool:
    """Make one file of the small ones that many small appends left, where `histories` does not cover them yet.

    Returns:
        Was there anything to do? It is then one commit, of the same rows.
    """
    merged: list[Part] = []
    small: list[Part] = []
    for bucket in {part.bucket for part in events.parts}:
        parts = events.of(bucket)
        if len(parts) > CROWD and (crowd := _crowd(cover(histories.of(bucket), parts)[1])):
            merged.append(_merge(workspace, bucket, crowd))
            small += crowd
    if merged:
        delta.commit(workspace.events, EVENTS, merged, small, data_change=False)
        delta.sweep(workspace.events, KEEP_HOURS["events"])
    return bool(merged)


def run(workspace: Workspace, events: Snapshot, histories: Snapshot) -> Compacted:
    """Rewrite the buckets that have events outside `histories`; the caller holds the writer's lock.

    Files are named by what they are made from, so a run that is killed leaves its finished files to the next one.

    Args:
        workspace: Whose.
        events: Newest snapshot.
        histories: Newest snapshot.
    """
    buckets = sorted({part.bucket for part in (*events.parts, *histories.parts)})
    largest = max((sum(part.rows for part in events.of(bucket)) for bucket in buckets), default=0)
    work = partial(_anew, workspace, events, histories)
    done = list(track("Compacting", side_by_side(work, buckets, abreast(largest)), len(buckets)))
    made = [one.made for one in done if one.made is not None]
    merged = [one.merged for one in done if one.merged is not None]
    replaced = [part for one in done for part in one.replaced]
    if merged:
        small = [part for one in done for part in one.small]
        delta.commit(workspace.events, EVENTS, merged, small, data_change=False)
    version = delta.snapshot(workspace.events).version
    if made or replaced:
        delta.commit(workspace.histories, HISTORIES, made, replaced, {"events_version": version}, data_change=False)
        delta.sweep(workspace.histories, KEEP_HOURS["histories"])
        delta.sweep(workspace.events, KEEP_HOURS["events"])
    return Compacted(len(made), sum(one.n_events for one in done), version)


@dataclass(frozen=True, slots=True)
class _Anew:
    """What becomes of a bucket: files of histories, made and replaced, and of events, merged and the small ones it is made of."""

    made: Part | None = None
    replaced: Sequence[Part] = ()
    merged: Part | None = None
    small: Sequence[Part] = ()
    n_events: int = 0


def _anew(workspace: Workspace, events: Snapshot, histories: Snapshot, bucket: int) -> _Anew:
    parts, before = events.of(bucket), histories.of(bucket)
    if not parts:  # all its events were taken away
        return _Anew(replaced=before)
    covered, added = cover(before, parts)
    crowd, one = _crowd(parts), None
    if covered is not None and not added and not crowd:
        return _Anew()
    if crowd:
        one = _merge(workspace, bucket, crowd)
        parts = (*(part for part in parts if part not in crowd), one)
    name = _name(f"histories {LAYOUT}", [part.name for part in parts])
    if covered is None:
        delta.discard(part for part in before if part.path.stem == name)  # not trusted: damaged
    made = delta.written(workspace.histories, bucket, name) or _remake(workspace, bucket, name, parts)
    replaced = [part for part in before if part.path.stem != name]
    return _Anew(made, replaced, one, crowd, sum(part.rows for part in parts))


def derive(workspace: Workspace, part: Part, rows: pa.Table) -> Part:
    """A bucket's file of histories, not committed yet, from the rows of its one file of events, sorted and unique."""
    histories = from_events(rows, workspace.facts.kinds, ordered=True)
    return _write(workspace, part.bucket, _name(f"histories {LAYOUT}", [part.name]), [part], histories)


def replace(workspace: Workspace, made: Sequence[Part], before: Sequence[Part]) -> None:
    """Let these files of histories stand where the others did, in one commit."""
    version = delta.snapshot(workspace.events).version
    stays = {part.name for part in made}
    gone = [part for part in before if part.name not in stays]
    delta.commit(workspace.histories, HISTORIES, made, gone, {"events_version": version}, data_change=False)


def _write(workspace: Workspace, bucket: int, name: str, parts: Sequence[Part], histories: Histories) -> Part:
    """A bucket's file of histories, not committed yet; made from events alone, so that nothing can drift."""
    rows, n_late = to_rows(histories)
    covers = sorted(part.name for part in parts)
    note = {"layout": LAYOUT, "covers": covers, "n_events": histories.n_events, "n_late": n_late}
    return delta.write_part(workspace.histories, bucket, rows, note, name, **OPTIONS)


def _remake(workspace: Workspace, bucket: int, name: str, parts: Sequence[Part]) -> Part:
    histories = from_flat(parts, workspace.facts.kinds, Asked.of(None, None, keys=True))
    return _write(workspace, bucket, name, parts, histories)


def _merge(workspace: Workspace, bucket: int, parts: Sequence[Part]) -> Part:
    """One file of the rows of several, not committed yet."""
    name = _name("events", [part.name for part in parts])
    return delta.written(workspace.events, bucket, name) or flat.write(workspace, bucket, flat.gather(parts), name)


def _crowd(parts: Sequence[Part]) -> list[Part]:
    """The files to make one: none while they are few; all but one that has half of the rows, else."""
    if len(parts) <= CROWD:
        return []
    half = sum(part.rows for part in parts) / 2
    return [part for part in parts if part.rows < half]


def _name(kind: str, made_from: Sequence[str]) -> str:
    """A file's name, by what it is made from."""
    return hashlib.sha256(json.dumps([kind, sorted(made_from)]).encode()).hexdigest()[:32]
