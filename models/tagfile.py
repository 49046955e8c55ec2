"""Tag files: TOML, one table `[tags.NAME]` a tag, read strictly into definitions."""

import keyword
import re
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

from features.errors import InputError, SpecError
from features.events import CODED_FIELDS, NUMBER_FIELDS
from features.instants import parse_instant

from .document import Table, read
from .tag import CATEGORIES, KINDS, OTHERWISE, STATUSES, Example, Reading, Tag, Tier, Value, Words

NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
RESERVED: Final = frozenset({"missing", "days", OTHERWISE, *keyword.kwlist})
CONSENTS: Final = ("none", "service", "analytics", "personalisation", "marketing")
"""Purposes of consent, the first being that none is needed."""


def read_file(path: Path) -> list[Tag]:
    """The definitions of a file, in order.

    Raises:
        NotFoundError: No such file.
        SpecError: A definition breaks a rule; the message names file and key.
    """
    root, _ = read(path)
    tables = root.table("tags")
    root.done()
    return [_tag(tables, name) for name in tables.keys]


def check_name(table: Table, name: str, what: str) -> None:
    """Refuse a name that a rule could not read.

    Raises:
        SpecError: It is not a small-letter identifier, or the language needs the word.
    """
    if not NAME.fullmatch(name) or name in RESERVED:
        raise SpecError(
            f"{table.source}: {table.path or 'tags'}: the {what} name {name!r} is not usable. Take at most 40 of a-z, 0-9 "
            f"and _, a letter first, and none of the words {', '.join(sorted(RESERVED - {'False', 'None', 'True'}))}."
        )


def _tag(tables: Table, name: str) -> Tag:
    table = tables.table(name)
    check_name(tables, name, "tag")
    kind = table.choice("kind", KINDS)
    reading = _reading(table.table("model")) if "model" in table.keys else None
    feature = _text(table, "feature") if "feature" in table.keys else None
    values = _values(table.table("values", required=feature is None), reading, feature)
    tag = Tag(
        name=name,
        kind=kind,
        category=table.choice("category", tuple(CATEGORIES)),
        title=_words(table.table("title")),
        definition=_words(table.table("definition")),
        owner=_text(table, "owner"),
        purpose=_text(table, "purpose"),
        target_metric=_text(table, "target_metric"),
        consent=table.choice("consent", CONSENTS),
        ttl=table.span("ttl"),
        review_by=table.take("review_by", date, rule="a date such as 2027-06-30, without quotes"),
        status=table.choice("status", STATUSES),
        version=table.whole("version", 1, 1_000_000),
        values=values,
        among=_text(table, "among") if "among" in table.keys else None,
        reading=reading,
        feature=feature,
        tiers=_tiers(table.table("tiers", required=False)),
        optional=table.texts("optional", (), empty=True),
        examples=tuple(_example(table, place) for place in range(len(table.take("examples", list, [])))),
        source=table.source,
    )
    table.done()
    _consistent(table, tag)
    return tag


def _consistent(table: Table, tag: Tag) -> None:
    """Refuse a kind that does not go with how the value is read."""
    wanted = {
        "predicted": tag.reading is not None,
        "rule": tag.reading is None and tag.feature is None and not tag.tiers,
        "statistical": tag.reading is None and (bool(tag.tiers) != (tag.feature is not None)),
        "static": tag.feature is not None and tag.reading is None and not tag.tiers,
    }
    if not wanted[tag.kind] or (tag.reading and (tag.feature or tag.tiers or tag.among)):
        raise table.fail(
            "kind",
            "a predicted tag has `model` alone; a rule tag a `rule` a value; a statistical one `tiers` and a `rule` a value, "
            "or a `feature`; a static one a `feature`.",
        )
    known = {value.name for value in tag.values}
    if tag.reading is not None and tag.reading.read == "stands_out" and len(known) != 1:
        raise table.fail("values", "must be one, for those of whom no class stands out; the others are the shop's own.")
    for place, example in enumerate(tag.examples):
        open_ended = tag.feature is not None or (tag.reading is not None and tag.reading.read == "stands_out")
        if not open_ended and example.value is not None and example.value not in known:
            raise table.fail("values", f"examples[{place}] wants {example.value!r}, which is not among them.")


def _text(table: Table, key: str) -> str:
    return table.take(key, str, check=lambda text: bool(text.strip()), rule="a text that is not empty")


def _words(table: Table) -> Words:
    words = Words(_text(table, "zh"), _text(table, "en"))
    table.done()
    return words


def _values(table: Table, reading: Reading | None, feature: str | None) -> tuple[Value, ...]:
    found = []
    for name in table.keys:
        inner = table.table(name)
        banded = reading is not None and reading.read == "bands"
        value = Value(
            name=name,
            title=Words(_text(inner, "zh"), _text(inner, "en")),
            rule=_text(inner, "rule") if reading is None and feature is None else None,
            below=inner.number("below", 0.0, 1e9) if banded and name != table.keys[-1] else None,
        )
        inner.done()
        found.append(value)
    if not found and feature is None:
        raise SpecError(f"{table.source}: {table.path}: a tag has at least one value.")
    bounds = [value.below for value in found if value.below is not None]
    if any(a >= b for a, b in pairwise(bounds)):
        raise SpecError(f"{table.source}: {table.path}: `below` must rise from band to band, these do not: {bounds}.")
    if any(value.rule == OTHERWISE for value in found[:-1]):
        raise SpecError(f"{table.source}: {table.path}: only the last value may take everybody left ({OTHERWISE!r}).")
    return tuple(found)


def _reading(table: Table) -> Reading:
    read = table.choice("read", ("most_probable", "bands", "stands_out"))
    banded = read == "bands"
    reading = Reading(
        targets=table.texts("targets"),
        read=cast("Any", read),
        label=_text(table, "class") if banded else None,
        unit=cast("Any", table.choice("unit", ("probability", "base_rate"))) if banded else "probability",
    )
    table.done()
    return reading


def _tiers(table: Table) -> dict[str, Tier]:
    found = {}
    for name in table.keys:
        check_name(table, name, "tier")
        inner = table.table(name)
        quantiles = tuple(inner.take("quantiles", list, rule="a list of rising numbers between 0 and 1"))
        inside = all(isinstance(q, float) and 0 < q < 1 for q in quantiles)
        if not quantiles or not inside or any(a >= b for a, b in pairwise(quantiles)):
            raise inner.fail(
                "quantiles", "must be a list of rising numbers between 0 and 1, such as [0.2, 0.4, 0.6, 0.8]."
            )
        order = inner.choice("order", ("rising", "falling"), "rising")
        found[name] = Tier(_text(inner, "feature"), quantiles, cast("Any", order))
        inner.done()
    return found


def _example(table: Table, place: int) -> Example:
    """An example; its `events` and numbers are checked here, its value when it is run."""
    data = table.take("examples", list)[place]
    path = f"{table.path}.examples[{place}]"
    if not isinstance(data, dict):
        raise SpecError(f"{table.source}: {path}: must be a table with events and value.")
    inner = Table(data, table.source, path)
    zone = inner.take("timezone", str, "UTC")
    events = inner.take("events", list, [])
    example = Example(
        value=_text(inner, "value") if "value" in inner.keys else None,
        events=tuple(_event(event, table.source, f"{path}.events[{n}]") for n, event in enumerate(events)),
        timezone=zone,
        cuts={name: tuple(cuts) for name, cuts in inner.take("cuts", dict, {}).items()},
        probabilities=inner.take("probabilities", dict, {}),
        base_rates=inner.take("base_rates", dict, {}),
        tags=inner.take("tags", dict, {}),
        at=_instant(inner, zone) if "at" in inner.keys else Example(None).at,
    )
    inner.take("note", str, "")
    inner.done()
    return example


def _instant(table: Table, zone: str) -> int:
    try:
        ZoneInfo(zone)
        return parse_instant(table.take("at", str), zone)
    except InputError as error:
        raise table.fail("at", error.message) from None
    except (ValueError, OSError, KeyError):
        raise table.fail("timezone", "unknown; give an IANA name, such as Asia/Shanghai.") from None


def _event(data: object, source: str, path: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise SpecError(f"{source}: {path}: must be a table such as {{ kind = 'view', ago = '3d' }}.")
    table = Table(data, source, path)
    found: dict[str, Any] = {"kind": _text(table, "kind"), "ago": table.span("ago")}
    found["times"] = table.whole("times", 1, 10_000, 1)
    found["every"] = table.span("every", "1h")
    for name in NUMBER_FIELDS:
        if name in table.keys:
            found[name] = table.number(name, -1e12, 1e12)
    for name in CODED_FIELDS:
        if name in table.keys:
            found[name] = _text(table, name)
    table.done()
    return found
