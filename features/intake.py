"""Ingest: read, adapt, validate, split good rows from bad, add the good ones to the log, keep the bad ones to be mended.

Rows are conserved: read = accepted + duplicate + quarantined. Either all of a call is done, or nothing.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from .adapt import Context, adapt_events
from .errors import InputError, InternalError
from .events import ITEMS, USERS
from .formats import Found, discover, format_of
from .identity import CONTENT, Numbering, name_events
from .log import Appended, EventLog
from .quarantine import Quarantine
from .settle import settle
from .tables import adapt_items, adapt_users, count_new
from .tally import tally
from .validate import RULES
from .workspace import Facts, Workspace, write_json

ITEMS_HELD: Final = 5_000_000
"""Items beyond that many are not looked up for events without a category."""


@dataclass(slots=True)
class Intake:
    """One call of `ingest` under way.

    Attributes:
        facts: The workspace's, as they will be.
        zone: Timezone of naive times that no mapping tells.
        now: Microseconds UTC.
        fields: Source to the columns that its derived event ids are made of.
        folder: Where quarantine files go; None for a dry run.
        stamp: Begins their names.
        read: Rows of events seen.
        good: Of those, the ones that are right.
        quarantined: Rule to number of rows of events refused.
        files: Quarantine files under way.
        notes: What is worth saying.
    """

    facts: Facts
    zone: str | None
    now: int
    fields: dict[str, list[str]]
    folder: Path | None
    stamp: str
    read: int = 0
    good: int = 0
    late: int = 0
    quarantined: Counter[str] = field(default_factory=Counter)
    files: list[Quarantine] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def context(self, found: Found) -> Context:
        """What a file's rows are read by."""
        mapping = found.mapping
        zone = mapping.written_in or mapping.timezone or self.zone
        return Context(
            mapping, zone, self.facts.kinds, self.facts.currency, self.now, found.source.path.name, found.joined
        )

    def quarantine(self, found: Found) -> Quarantine:
        """A place for the file's refused rows."""
        place = Quarantine(self.folder, self.stamp, found.source, found.mapping)
        self.files.append(place)
        return place

    def events(self, files: list[Found], items: pa.Table | None) -> Iterator[pa.Table]:
        """The good rows of all files, in chunks, ready for the log.

        Raises:
            InputError: Not one row is right.
        """
        for found in files:
            context, numbering, refused = self.context(found), Numbering(), self.quarantine(found)
            fields = self.fields[found.mapping.name]
            for chunk in found.source.chunks:
                rows, faults = adapt_events(chunk, context)
                self.read += len(rows) + len(chunk.broken)
                if faults.found or chunk.broken:
                    refused.add(chunk, faults)
                    rows = rows.filter(pa.array(~faults.bad))
                self.good += len(rows)
                if len(rows) == 0:
                    continue
                rows = rows.combine_chunks()
                self.late += int(pc.sum(pc.less(rows["arrived_at"], rows["ts"])).as_py() or 0)
                names = name_events(rows, fields, numbering)
                rows = rows.set_column(rows.schema.get_field_index("event_id"), "event_id", names)
                if items is not None:
                    rows = _with_categories(rows, items)
                yield rows.append_column("source", pa.array([found.mapping.name] * len(rows), pa.string()))
            self.quarantined += refused.counts
            self.notes += found.source.notes
        if self.good == 0:
            raise InputError(self._all_bad(files))

    def attributes(self, files: list[Found], table: str, *, main: bool) -> pa.Table:
        """The good rows of users or items.

        Args:
            files: All of one table.
            table: Which.
            main: There are no events in this ingest: these are the rows that are counted.

        Raises:
            InputError: There are rows, and not one is right.
        """
        adapt, schema = (adapt_users, USERS) if table == "users" else (adapt_items, ITEMS)
        good, counts, read = [schema.empty_table()], Counter[str](), 0
        for found in files:
            context, refused = self.context(found), self.quarantine(found)
            for chunk in found.source.chunks:
                rows, faults = adapt(chunk, context, found.source.columns)
                read += len(rows) + len(chunk.broken)
                if faults.found or chunk.broken:
                    refused.add(chunk, faults)
                good.append(rows.filter(pa.array(~faults.bad)).cast(schema))
            counts += refused.counts
            self.notes += found.source.notes
            if refused.counts and not main:
                told = ", ".join(f"{rule} {n:,}" for rule, n in refused.counts.items())
                self.notes.append(f"{found.source.path.name}: rows refused, not counted among the events: {told}.")
        made = pa.concat_tables(good)
        if main:
            self.read, self.good, self.quarantined = self.read + read, self.good + len(made), self.quarantined + counts
        if files and len(made) == 0:
            self.read, self.quarantined = read, counts
            raise InputError(self._all_bad(files))
        return made

    def _all_bad(self, files: list[Found]) -> str:
        where = ", ".join(found.source.path.name for found in files[:3]) + (" …" if len(files) > 3 else "")
        if self.read == 0:
            return f"{where}: no rows but the header; there is nothing to ingest."
        rule, n = self.quarantined.most_common(1)[0]
        line, value = next(place.example[rule] for place in self.files if rule in place.example)
        return (
            f"All {self.read:,} rows of {where} are refused, {n:,} of them as {rule} ({RULES[rule]}); for example line {line}: "
            f"{value[:200]!r}. Nothing was ingested. Is it the right format, and does the mapping fit the file?"
        )


def ingest(
    workspace: Workspace,
    paths: list[Path],
    format: str,  # noqa: A002 - the option's name
    *,
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
        format: An adapter's name, or the path of a mapping in TOML.
        timezone: The shop's, at the first ingest.
        currency: The workspace's, at the first ingest.
        dry_run: Count, and write nothing.
        now: Microseconds UTC: later loads arrive then, and no event may be from after.
        ask: Asks the user for the shop's timezone at the first ingest.

    Returns:
        "read", "accepted", "duplicate", "quarantined" (rule to number), "conflict" (duplicates whose content differs), "users",
        "items" (rows taken), "quarantine" (first quarantine file or None), "quarantine_files", "notes".

    Raises:
        InputError: Nothing was ingested; the message says why.
        NotFoundError: A file or the mapping is not there.
        SpecError: The mapping is wrong.
        BusyError: Another process writes to the workspace.
    """
    files = discover(paths, format_of(format))
    if dry_run:
        return _ingest(workspace, files, timezone, currency, now, ask, dry_run=True)
    fresh = not workspace.home.exists()
    try:
        with workspace.writing("ingest"):
            return _ingest(workspace, files, timezone, currency, now, ask, dry_run=False)
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
    *,
    dry_run: bool,
) -> dict[str, Any]:
    log = EventLog(workspace)
    first = not (log.exists or workspace.users.exists() or workspace.items.exists() or workspace.journal.exists())
    notes: list[str] = []
    mappings = [found.mapping for found in files]
    facts, zone = settle(workspace, mappings, first=first, timezone=timezone, currency=currency, ask=ask, notes=notes)
    intake = Intake(
        facts,
        zone,
        now,
        _fields(workspace, files),
        None if dry_run else workspace.quarantine,
        datetime.fromtimestamp(now / 1e6, UTC).strftime("%Y%m%dT%H%M%SZ"),
        notes=notes,
    )
    try:
        events = [found for found in files if found.mapping.table == "events"]
        tables = {
            name: intake.attributes([f for f in files if f.mapping.table == name], name, main=not events)
            for name in ("users", "items")
        }
        users, items = tables["users"], tables["items"]
        appended = (_count if dry_run else _append)(workspace, log, intake, events, users, items)
        return _report(intake, appended, users, items)
    except BaseException:
        for place in intake.files:
            place.drop()
        raise


def _append(
    workspace: Workspace, log: EventLog, intake: Intake, events: list[Found], users: pa.Table, items: pa.Table
) -> Appended:
    """Add all of it, or nothing."""
    before = workspace.facts if workspace.exists else None
    if before != intake.facts:
        workspace.fix(intake.facts)
    try:
        appended = Appended()
        if events:
            arrived_at = intake.now if log.exists else None
            batches = intake.events(events, _categories(workspace, items))
            appended = log.append(batches, arrived_at=arrived_at, total=_total(events))
    except BaseException:
        if before is None:
            (workspace.home / "workspace.json").unlink(missing_ok=True)
        elif before != intake.facts:
            workspace.fix(before)
        raise
    new = (log.put_users(users) if len(users) else 0) + (log.put_items(items) if len(items) else 0)
    if not events:
        appended = Appended(new, intake.good - new)
    _note_fields(workspace, intake.fields)
    if log.due:
        log.compact()
    return appended


def _count(
    workspace: Workspace, log: EventLog, intake: Intake, events: list[Found], users: pa.Table, items: pa.Table
) -> Appended:
    """What `_append` would answer, by adding to a copy of nothing: the workspace is only read."""
    if not events:
        new = count_new(users, log.users(), ["user_id", "valid_from"]) + count_new(items, log.items(), ["item"])
        return Appended(new, intake.good - new)
    with tempfile.TemporaryDirectory(prefix="intently-") as scratch:
        batches = intake.events(events, _categories(workspace, items))
        return tally(log, intake.facts, batches, intake.now if log.exists else None, Path(scratch))


def _categories(workspace: Workspace, items: pa.Table) -> pa.Table | None:
    """Items with their categories: those of this ingest, then those known before."""
    known = EventLog(workspace).items()
    both = pa.concat_tables([items.select(["item", "category"]), known.select(["item", "category"])])
    both = both.filter(pc.is_valid(both["category"]))
    return both.combine_chunks() if 0 < len(both) <= ITEMS_HELD else None


def _with_categories(rows: pa.Table, items: pa.Table) -> pa.Table:
    """Events without a category have their item's."""
    category, item = rows["category"], rows["item"]
    if pc.sum(pc.and_(pc.is_null(category), pc.is_valid(item))).as_py() in (0, None):
        return rows
    encoded = item.combine_chunks().dictionary_encode()
    places = pc.index_in(encoded.dictionary, value_set=items["item"].combine_chunks())
    found = items["category"].combine_chunks().take(places).take(encoded.indices)
    return rows.set_column(rows.schema.get_field_index("category"), "category", pc.coalesce(category, found))


def _total(events: list[Found]) -> int | None:
    sizes = [found.source.n_rows for found in events]
    return None if None in sizes else sum(size or 0 for size in sizes)


def _fields(workspace: Workspace, files: list[Found]) -> dict[str, list[str]]:
    """The columns that derived event ids are made of: those mapped when a source was first ingested.

    A mapping that gains a column later thus gives known rows the names they have, and does not count them twice.
    """
    path = workspace.home / "log" / "sources.json"
    known: dict[str, list[str]] = json.loads(path.read_text()) if path.exists() else {}
    found: dict[str, set[str]] = {}
    for file in files:
        if file.mapping.table == "events":
            mapped = set(file.mapping.columns)
            found.setdefault(file.mapping.name, set()).update(mapped | ({"value"} if "price" in mapped else set()))
    for source, mapped in found.items():
        known.setdefault(source, [name for name in CONTENT if name in mapped])
    return known


def _note_fields(workspace: Workspace, fields: dict[str, list[str]]) -> None:
    path = workspace.home / "log" / "sources.json"
    if fields and (not path.exists() or json.loads(path.read_text()) != fields):
        write_json(path, fields)


def _report(intake: Intake, appended: Appended, users: pa.Table, items: pa.Table) -> dict[str, Any]:
    quarantined = {rule: intake.quarantined[rule] for rule in RULES if intake.quarantined[rule]}
    if intake.read != appended.accepted + appended.duplicate + sum(quarantined.values()):
        raise InternalError(
            f"Rows are not conserved: read {intake.read}, accepted {appended.accepted}, duplicate {appended.duplicate}, "
            f"quarantined {quarantined}. Please report this."
        )
    if intake.late:
        intake.notes.append(
            f"{intake.late:,} events have an arrival before they happened; it counts as when they happened."
        )
    if appended.conflict:
        intake.notes.append(
            f"{appended.conflict:,} duplicates have other content than the event of that id; the first content stays."
        )
    kept = [str(path) for place in intake.files if (path := place.keep()) is not None]
    return {
        "read": intake.read,
        "accepted": appended.accepted,
        "duplicate": appended.duplicate,
        "quarantined": quarantined,
        "conflict": appended.conflict,
        "users": len(users),
        "items": len(items),
        "quarantine": kept[0] if kept else None,
        "quarantine_files": kept,
        "notes": list(dict.fromkeys(intake.notes)),
    }


def _remove_empty(home: Path) -> None:
    """Take away the folder that only the lock made."""
    for name in (".lock", ".writer"):
        (home / name).unlink(missing_ok=True)
    for folder in (home / "quarantine", home / "log", home):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
