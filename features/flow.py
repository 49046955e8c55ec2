"""Files under way into the log: rows read, adapted, the bad ones put aside, the good ones named and passed on."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .adapt import adapt_events, adapt_items, adapt_users
from .ahead import ahead
from .cells import whole
from .columns import Context, Money
from .errors import InputError
from .events import DAY
from .formats import Found
from .identity import CONTENT, Numbering, name_events
from .quarantine import Quarantine
from .schema import ITEMS, USERS
from .validate import RULES

LONG_AGO: Final = 30 * DAY


@dataclass(slots=True)
class Flow:
    """One call of `ingest` under way.

    Attributes:
        kinds: The workspace's, as they will be.
        zone: Timezone of naive times that no mapping tells; None where it is not known.
        money: The workspace's currency.
        now: Microseconds UTC.
        fields: Source to the columns that its derived event ids are made of.
        folder: Where quarantine files go; None for a dry run.
        begins: Begins their names.
        stamp: When rows arrive that have no arrival of their own; None leaves it open (a first load).
        notes: What is worth saying.
        read: Rows seen, of events, or of users and items where there are no events.
        good: Of those, the ones that are right.
        early: Of those, the ones that arrived before they happened.
        past: Of those, the ones stamped long after they happened.
        quarantined: Rule to number of rows refused, of those read.
        files: Quarantine files under way.
    """

    kinds: tuple[str, ...]
    zone: str | None
    money: Money
    now: int
    fields: dict[str, list[str]]
    folder: Path | None
    begins: str
    stamp: int | None
    notes: list[str]
    read: int = 0
    good: int = 0
    early: int = 0
    past: int = 0
    quarantined: Counter[str] = field(default_factory=Counter)
    files: list[Quarantine] = field(default_factory=list)

    def events(self, files: list[Found], items: pa.Table | None) -> Iterator[pa.Table]:
        """The good rows of all files, in chunks, ready for the log.

        Args:
            files: All of events.
            items: Items and their categories, for events without one.

        Raises:
            InputError: Not one row is right.
        """
        for found in files:
            context, refused = self._begin(found)
            fields = self.fields.get(found.mapping.name, CONTENT)
            numbering = Numbering()
            with closing(ahead(found.source.chunks)) as chunks:
                for chunk in chunks:
                    rows, faults = adapt_events(chunk, context)
                    self.read += len(rows) + len(chunk.broken)
                    if faults.found or chunk.broken:
                        refused.add(chunk, faults)
                        rows = rows.filter(pa.array(~faults.bad))
                    self.good += len(rows)
                    if len(rows):
                        yield self._ready(rows.combine_chunks(), found.mapping.name, fields, numbering, items)
            self.quarantined += refused.counts
            self.notes += found.source.notes
        if self.good == 0:
            raise InputError(self._all_bad(files))

    def _ready(
        self, rows: pa.Table, source: str, fields: Sequence[str], numbering: Numbering, items: pa.Table | None
    ) -> pa.Table:
        self.early += pc.sum(pc.less(rows["arrived_at"], rows["ts"])).as_py() or 0
        if self.stamp is not None:
            old = pc.and_(rows["arrived_at"].is_null(), pc.less(rows["ts"], self.now - LONG_AGO))
            self.past += pc.sum(old).as_py() or 0
        names = name_events(rows, fields, numbering)
        rows = rows.set_column(rows.schema.get_field_index("event_id"), "event_id", names)
        if items is not None:
            rows = _with_categories(rows, items)
        places = pa.array(np.zeros(len(rows), np.int32))
        return rows.append_column("source", pa.DictionaryArray.from_arrays(places, pa.array([source])))

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
        good: list[pa.Table] = [schema.empty_table()]
        counts: Counter[str] = Counter()
        read = 0
        for found in files:
            context, refused = self._begin(found)
            for chunk in found.source.chunks:
                rows, faults = adapt(chunk, context)
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
        if main or (files and len(made) == 0):
            self.read, self.good, self.quarantined = self.read + read, self.good + len(made), self.quarantined + counts
        if files and len(made) == 0:
            raise InputError(self._all_bad(files))
        return made

    def _begin(self, found: Found) -> tuple[Context, Quarantine]:
        mapping = found.mapping
        context = Context(
            mapping=mapping,
            zone=mapping.written_in or mapping.timezone or self.zone,
            kinds=self.kinds,
            now=self.now,
            where=found.source.path.name,
            joined=found.joined,
            money=self.money,
            notes=self.notes,
        )
        refused = Quarantine(self.folder, self.begins, found.source, mapping)
        self.files.append(refused)
        return context, refused

    def _all_bad(self, files: list[Found]) -> str:
        where = ", ".join(found.source.path.name for found in files[:3]) + (" …" if len(files) > 3 else "")
        if self.read == 0:
            return f"{where}: no rows but the header; there is nothing to ingest."
        rule, n = self.quarantined.most_common(1)[0]
        line, value = next(refused.example[rule] for refused in self.files if rule in refused.example)
        return (
            f"All {self.read:,} rows of {where} are refused, {n:,} of them as {rule} ({RULES[rule]}), such as {value[:200]!r} "
            f"in line {line}. Nothing was ingested. Is it the right format, and does the mapping fit the file?"
        )


def _with_categories(rows: pa.Table, items: pa.Table) -> pa.Table:
    """Events without a category have their item's."""
    category, item = whole(rows["category"].cast(pa.string())), whole(rows["item"])
    if not pc.any(pc.and_(category.is_null(), item.is_valid())).as_py():
        return rows
    encoded = item if pa.types.is_dictionary(item.type) else item.dictionary_encode()
    places = pc.index_in(encoded.dictionary, value_set=items["item"].combine_chunks())
    found = items["category"].combine_chunks().take(places).take(encoded.indices)
    return rows.set_column(rows.schema.get_field_index("category"), "category", pc.coalesce(category, found))
