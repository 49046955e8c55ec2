"""Ingest: read, adapt, validate, split good rows from bad, add the good ones to the log, keep the bad ones to be mended.

Rows are conserved: read = accepted + duplicate + quarantined. Either all of a call is done, or nothing.
"""

import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from . import attributes as tables
from . import flat
from .arrivals import stamp_of
from .attributes import check_name
from .columns import Money
from .errors import InputError, InternalError
from .events import ACTS
from .flow import Flow
from .formats import Found, attributes_format, discover, format_of
from .fresh import Appended
from .identity import CONTENT
from .log import EventLog
from .quarantine import DRAFTS
from .settle import settle
from .tally import count_new, tally
from .validate import RULES
from .workspace import Facts, Workspace, write_json

ITEMS_HELD: Final = 5_000_000
"""Where there are more, they are not looked up for events without a category."""


def ingest(
    workspace: Workspace,
    paths: list[Path],
    format: str | None,  # noqa: A002 - the option's name
    *,
    attributes: str | None = None,
    timezone: str | None = None,
    currency: str | None = None,
    dry_run: bool = False,
    now: int,
    ask: Callable[[], str] | None = None,
) -> dict[str, Any]:
    """Bring files into a workspace.

    Args:
        workspace: Where to; made at the first ingest.
        paths: Files, or folders of files.
        format: An adapter's name, or the path of a mapping in TOML; None with `attributes`, for files that have a column
            `user_id`, perhaps a `valid_from`, and an attribute in each other one.
        attributes: The table of attributes of the shop's own that the rows go into; None for events, users and items.
        timezone: The shop's, at the first ingest.
        currency: The workspace's, at the first ingest.
        dry_run: Count, and write nothing.
        now: Microseconds UTC: later loads arrive then, and no event may be from after.
        ask: Asks the user for the shop's timezone at the first ingest.

    Returns:
        "read", "accepted", "duplicate", "quarantined" (rule to number), "conflict" (duplicates whose content differs), "early"
        (rows that arrived before they happened), "users", "items" (rows taken), "quarantine" (first quarantine file or None),
        "quarantine_files", "notes". Users and items are counted as read only where there are no events.

    Raises:
        InputError: Nothing was ingested; the message says why.
        NotFoundError: A file or the mapping is not there.
        SpecError: The mapping is wrong.
        BusyError: Another process writes to the workspace.
    """
    table = None if attributes is None else check_name(attributes)
    files = discover(paths, attributes_format(table or "") if format is None else format_of(format))
    other = next((found for found in files if table is not None and found.mapping.table != "users"), None)
    if other is not None:
        raise InputError(
            f"{other.source.path.name} would be read as {other.mapping.table}, by {format}. A mapping of attributes has "
            '`table = "users"`; a file with a column user_id needs none: leave --format out.'
        )
    options = (timezone, currency, now, ask, table or "users")
    if dry_run:
        return _ingest(workspace, files, *options, dry_run=True)
    fresh = not workspace.home.exists()
    try:
        with workspace.writing("ingest"):
            for draft in workspace.quarantine.glob(DRAFTS):  # of an ingest that was killed
                draft.unlink()
            return _ingest(workspace, files, *options, dry_run=False)
    finally:
        if fresh and not workspace.exists:
            _remove_empty(workspace.home)


def _ingest(
    workspace: Workspace,
    files: list[Found],
    timezone: str | None,
    currency: str | None,
    now: int,
    ask: Callable[[], str] | None,
    known_in: str,
    *,
    dry_run: bool,
) -> dict[str, Any]:
    log = EventLog(workspace)
    notes = [note for found in files for note in found.notes]
    mappings = [found.mapping for found in files]
    facts, zone = settle(workspace, mappings, timezone=timezone, currency=currency, ask=ask, notes=notes)
    flow = Flow(
        kinds=(*facts.kinds, *ACTS),
        zone=zone,
        money=Money(facts.currency),
        now=now,
        fields=_fields(workspace, files),
        folder=None if dry_run else workspace.quarantine,
        begins=datetime.fromtimestamp(now / 1e6, UTC).strftime("%Y%m%dT%H%M%SZ"),
        stamp=stamp_of(flat.last_arrival(log.events.parts), now, notes) if log.exists else None,
        notes=notes,
    )
    try:
        events = [found for found in files if found.mapping.table == "events"]
        users, items = (
            flow.attributes([found for found in files if found.mapping.table == table], table, main=not events)
            for table in ("users", "items")
        )
        appended = (_count if dry_run else _append)(log, facts, flow, events, users, items, known_in)
        return _report(flow, appended, users, items)
    except BaseException:
        for refused in flow.files:
            refused.drop()
        raise


def _append(
    log: EventLog,
    facts: Facts,
    flow: Flow,
    events: list[Found],
    users: pa.Table,
    items: pa.Table,
    known_in: str,
) -> Appended:
    """Add all of it, or nothing; users into the table of attributes `known_in`."""
    workspace = log.workspace
    before, version = workspace.facts if workspace.exists else None, log.version
    if before != facts:
        workspace.fix(facts)
    try:
        if events:
            batches = flow.events(events, _categories(log, items))
            appended = log.append(batches, arrived_at=flow.stamp, total=_total(events), histories=True)
    except BaseException:
        if EventLog(workspace).version != version:  # only what is derived from the events failed
            raise
        if before is None:
            (workspace.home / "workspace.json").unlink(missing_ok=True)
        elif before != facts:
            workspace.fix(before)
        raise
    new = (log.put_users(users, known_in) if len(users) else 0) + (log.put_items(items) if len(items) else 0)
    if flow.money.currency != facts.currency:
        workspace.fix(replace(facts, currency=flow.money.currency))
        flow.notes.append(f"The workspace's currency is {flow.money.currency}, the only one in the file.")
    _note_fields(workspace, flow.fields)
    return appended if events else Appended(new, flow.good - new)


def _count(
    log: EventLog,
    facts: Facts,
    flow: Flow,
    events: list[Found],
    users: pa.Table,
    items: pa.Table,
    known_in: str,
) -> Appended:
    """What `_append` would answer; the workspace is only read."""
    if not events:
        known = tables.users(log.workspace, known_in)
        new = count_new(users, known, ["user_id", "valid_from"]) + count_new(items, log.items(), ["item"])
        return Appended(new, flow.good - new)
    with tempfile.TemporaryDirectory(prefix="intently-") as scratch:
        batches = flow.events(events, _categories(log, items))
        return tally(log, facts, batches, flow.stamp, Path(scratch))


def _categories(log: EventLog, items: pa.Table) -> pa.Table | None:
    """Items with their categories: those of this ingest, then those known before."""
    both = pa.concat_tables([items.select(["item", "category"]), log.items().select(["item", "category"])])
    both = both.filter(pc.is_valid(both["category"]))
    return both.combine_chunks() if 0 < len(both) <= ITEMS_HELD else None


def _total(events: list[Found]) -> int | None:
    sizes = [found.source.n_rows for found in events]
    return None if None in sizes else sum(size or 0 for size in sizes)


def _fields(workspace: Workspace, files: list[Found]) -> dict[str, list[str]]:
    """The columns that derived event ids are made of: those that a mapping had when its source was first ingested.

    One that gains a column later thus gives known rows the names they have, and does not count them twice. A format with
    optional columns is read by what each file has.
    """
    path = workspace.home / "log" / "sources.json"
    known: dict[str, list[str]] = json.loads(path.read_text()) if path.exists() else {}
    found: dict[str, set[str]] = {}
    for file in files:
        if file.mapping.table == "events" and not file.mapping.optional and "event_id" not in file.mapping.columns:
            mapped = set(file.mapping.columns)
            found.setdefault(file.mapping.name, set()).update(mapped | ({"value"} if "price" in mapped else set()))
    for source, mapped in found.items():
        known.setdefault(source, [name for name in CONTENT if name in mapped])
    return known


def _note_fields(workspace: Workspace, fields: dict[str, list[str]]) -> None:
    path = workspace.home / "log" / "sources.json"
    if fields and (not path.exists() or json.loads(path.read_text()) != fields):
        write_json(path, fields)


def _report(flow: Flow, appended: Appended, users: pa.Table, items: pa.Table) -> dict[str, Any]:
    quarantined = {rule: flow.quarantined[rule] for rule in RULES if flow.quarantined[rule]}
    if flow.read != appended.accepted + appended.duplicate + sum(quarantined.values()):
        raise InternalError(
            f"Rows are not conserved: read {flow.read}, accepted {appended.accepted}, duplicate {appended.duplicate}, "
            f"quarantined {quarantined}. Please report this."
        )
    notes = flow.notes
    if flow.early:
        notes.append(f"{flow.early:,} events arrived before they happened; their arrival counts as when they happened.")
    if past := min(flow.past, appended.accepted):
        notes.append(
            f"{past:,} events are older than 30 days and arrive now: cutoffs before now do not see them. To load a past "
            "in parts, give all files to the first ingest, or map `arrived_at`."
        )
    if appended.conflict:
        notes.append(
            f"{appended.conflict:,} duplicates differ from the event of the same id; what arrived first counts. Where the ids name "
            "orders and the rows are their lines, leave `event_id` out of the mapping."
        )
    kept = [str(path) for refused in flow.files if (path := refused.keep()) is not None]
    return {
        "read": flow.read,
        "accepted": appended.accepted,
        "duplicate": appended.duplicate,
        "quarantined": quarantined,
        "conflict": appended.conflict,
        "early": flow.early,
        "users": len(users),
        "items": len(items),
        "quarantine": kept[0] if kept else None,
        "quarantine_files": kept,
        "notes": list(dict.fromkeys(notes)),
    }


def _remove_empty(home: Path) -> None:
    """Take away the folder that only the lock made."""
    for name in (".lock", ".writer", ".facts"):
        (home / name).unlink(missing_ok=True)
    for folder in (home / "quarantine", home / "log", home):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
