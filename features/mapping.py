"""Mappings: how a source's columns, words, times and money become ours; `mapping_file` reads them from TOML."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

from .errors import InputError, did_you_mean
from .events import CODED_FIELDS, NUMBER_FIELDS
from .reading import Layout

MONEY: Final = ("value", "discount", "price")
COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "events": (
        "user_id", "ts", "kind", "event_id", "arrived_at", *CODED_FIELDS, *NUMBER_FIELDS, "price", "currency",
        "text", "properties",
    ),
    "users": ("user_id", "valid_from", "attributes"),
    "items": ("item", "category", "price", "currency", "attributes"),
}  # fmt: skip
"""Our columns that each table can be given."""

REQUIRED: Final = {"events": ("user_id", "ts", "kind"), "users": ("user_id",), "items": ("item",)}


@dataclass(frozen=True, slots=True)
class From:
    """Where a column of ours comes from.

    Attributes:
        columns: Their columns: names, or places from 1.
        how: "one" column; "all": summed, joined or made an object; the "first" that is not empty; "constant".
        constant: The constant.
    """

    columns: tuple[str | int, ...] = ()
    how: Literal["one", "all", "first", "constant"] = "one"
    constant: str = ""


@dataclass(frozen=True, slots=True)
class Units:
    """What their numbers are in.

    Attributes:
        scale: Our column to the factor that brings theirs to our unit.
        currency: Of the amounts as they leave the mapping; None where it does not say.
        rates: Currency to its (first day as microseconds UTC, factor to `currency`), by day.
    """

    scale: dict[str, float] = field(default_factory=dict)
    currency: str | None = None
    rates: dict[str, tuple[tuple[int, float], ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Join:
    """A small table beside the file, whose columns are added to the rows: `on` is named alike in both."""

    file: str
    on: str


@dataclass(frozen=True, slots=True)
class Mapping:
    """How one file becomes rows of one table of ours.

    Attributes:
        name: Goes into the event's key as its source.
        table: "events", "users" or "items".
        columns: Ours to where it comes from.
        kinds: Their words to our kinds; our own kinds need not be there.
        time: How times are written: one of `TIMES`, or a strptime format.
        timezone: The shop's; naive times are in it.
        written_in: The timezone of naive times, where it is not the shop's.
        layout: How the file is laid out.
        units: Scales, currency and rates.
        file: The stem of the file in a folder; None for every file.
        join: A table to look columns up in.
        negative: A kind; rows with a negative quantity or value become that kind, with the amounts made positive.
        positive: Our number columns that must be above 0.
        separator: What stands between the levels of their category.
        decimal: What stands before the decimals of their numbers.
        optional: Only the required columns need be in a file.
    """

    name: str
    table: str
    columns: dict[str, From]
    kinds: dict[str, str] = field(default_factory=dict)
    time: str = "iso"
    timezone: str | None = None
    written_in: str | None = None
    layout: Layout = field(default_factory=Layout)
    units: Units = field(default_factory=Units)
    file: str | None = None
    join: Join | None = None
    negative: str | None = None
    positive: tuple[str, ...] = ()
    separator: str | None = None
    decimal: str = "."
    optional: bool = False

    def theirs(self, ours: str) -> tuple[str, ...]:
        """Names of the source's columns that a column of ours comes from; of a bound mapping."""
        return tuple(str(name) for name in self.columns[ours].columns) if ours in self.columns else ()

    def bound(
        self, columns: Sequence[str], joined: Sequence[str], where: Path, *, sparse: bool = False
    ) -> "tuple[Mapping, list[str]]":
        """The mapping with places turned into names, and optional columns that the file lacks left out.

        Args:
            columns: The file's.
            joined: Those that the join adds.
            where: The file, for messages.
            sparse: Rows need not have every column, so further ones may turn up: only required columns must be there.

        Returns:
            It, and names that a strict mapping wants and no row looked at has.

        Raises:
            InputError: The file lacks a column; the message names it and what the file has.
        """
        known = {*columns, *joined}
        kept: dict[str, From] = {}
        absent: list[str] = []
        for ours, source in self.columns.items():
            names = [
                columns[ref - 1] if isinstance(ref, int) and ref <= len(columns) else ref for ref in source.columns
            ]
            lost = [name for name in names if name not in known]
            if lost and (ours in REQUIRED[self.table] or not (self.optional or sparse)):
                raise InputError(_missing(ours, lost[0], columns, where))
            if lost and not self.optional:
                absent += [str(name) for name in lost]
            if not lost or sparse:
                kept[ours] = From(tuple(str(name) for name in names), source.how, source.constant)
        return replace(self, columns=kept), absent


def _missing(ours: str, ref: str | int, columns: Sequence[str], where: Path) -> str:
    what = f"column {ref!r}" if isinstance(ref, str) else f"column number {ref}"
    near = did_you_mean(str(ref), columns).rpartition(". ")[2] if isinstance(ref, str) else ""
    return (
        f"{where} has no {what}, which `{ours}` comes from. It has: {', '.join(columns)}. "
        + (f"{near} " if near.startswith("Did") else "")
        + f'Say in a mapping which one it is: `[columns]` `{ours} = "THEIR COLUMN"`, and pass it with --format mapping.toml.'
    )
