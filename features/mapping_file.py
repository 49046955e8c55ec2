"""Mappings: TOML that says how a source's columns, words, times and money become ours.

    title = "Orders of the till"        # all keys but [columns] may be left out
    name = "till"                       # goes into the events' keys; the file's name where absent
    table = "events"                    # or users, items
    header = true                       # false: columns go by their places; or their names: ["customer", "day"]
    delimiter = ","                     # found where absent; " " stands for any run of blanks
    encoding = "gb18030"                # detected where absent
    quotes = true                       # double quotes enclose fields
    sheet = "2024"                      # of an Excel file; the first where absent
    time = "%Y%m%d"                     # or iso, unix_s, unix_ms, unix_us
    timezone = "Asia/Shanghai"          # naive times are written in it; the shop's, unless ingest says otherwise
    written_in = "UTC"                  # the timezone of naive times where it is not the shop's
    decimal = "."                       # or ","
    separator = "."                     # between the levels of their category
    negative = "refund"                 # a negative quantity or value is a refund of the amount
    positive = ["price"]                # rows where it is 0 or below are put aside
    join = { file = "goods", on = "sku" }   # a small table beside the file brings its columns to the rows
    [columns]                           # ours = theirs: a name, a place from 1, or one of the forms below
    user_id = "customer"
    ts = 2                              # or ["day", "hour"]
    kind = { constant = "purchase" }
    item = "sku"
    category = { first = ["code", "id"] }   # the first that is not empty
    discount = ["coupon", "voucher"]        # numbers: their sum; texts: a path; properties: an object
    price = "unit_price"                    # where there is no `value`: value = price x quantity
    quantity = "pieces"
    currency = "currency"
    [kinds]                             # theirs = ours; a kind of the shop's own is declared in intently.toml
    buy = "purchase"
    [units]                             # factors to our unit: currency units, milliseconds of dwell
    value = 0.01                        # 分 to 元
    currency = "CNY"
    [units.rates]                       # to that currency, from a day on
    USD = { 2024-01-01 = 7.1, 2024-07-01 = 7.25 }
    EUR = 7.8

A folder's files of several layouts each have a table: `[tables.orders]`, `[tables.orders.columns]`, and so on, the name being
the file's. An unknown key is refused.
"""

import tomllib
from collections.abc import Mapping as Map
from datetime import date
from pathlib import Path
from typing import Any, Final

from .errors import InputError, IntentlyError, NotFoundError, SpecError, did_you_mean
from .events import NUMBER_FIELDS
from .instants import parse_instant
from .mapping import COLUMNS, REQUIRED, From, Join, Mapping, Units
from .reading import Layout
from .workspace import check_timezone

TIMES: Final = ("iso", "unix_s", "unix_ms", "unix_us", "any")
KEYS: Final = (
    "title", "name", "table", "file", "columns", "kinds", "time", "timezone", "written_in", "header", "delimiter",
    "encoding", "quotes", "sheet", "units", "join", "negative", "positive", "separator", "decimal", "optional",
)  # fmt: skip


def load(path: Path) -> tuple[Mapping, ...]:
    """Read a mapping: one, or one a file under `[tables.NAME]`.

    Raises:
        NotFoundError: No such file.
        SpecError: Not TOML, or a key or value is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFoundError(f"There is no mapping {path}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path} cannot be read as a mapping in UTF-8: {error}.") from error
    try:
        return parse(tomllib.loads(text), path.stem)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{path} is not TOML: {error}.") from error
    except IntentlyError as error:
        raise SpecError(f"{path}: {error.message}") from error


def parse(data: Map[str, Any], name: str) -> tuple[Mapping, ...]:
    """The mappings of parsed TOML.

    Raises:
        SpecError: A key or value is wrong.
    """
    if "tables" not in data:
        return (_mapping(data, name),)
    shared = {key: value for key, value in data.items() if key != "tables"}
    tables = data["tables"]
    if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
        raise SpecError("`[tables]` holds one table a file: `[tables.orders]`.")
    return tuple(_mapping({"file": key, **shared, **table}, name) for key, table in tables.items())


def _mapping(data: Map[str, Any], name: str) -> Mapping:
    for key in data:
        if key not in KEYS:
            raise SpecError(f"Unknown key {key!r}. {did_you_mean(key, KEYS)}")
    table = _text(data, "table") or "events"
    if table not in COLUMNS:
        raise SpecError(f"`table` is {table!r}. {did_you_mean(table, COLUMNS)}")
    columns = _columns(data.get("columns", {}), table)
    missing = [ours for ours in REQUIRED[table] if ours not in columns]
    if missing:
        raise SpecError(
            f"`[columns]` does not say what `{missing[0]}` comes from; {table} need {', '.join(REQUIRED[table])}."
        )
    kinds = data.get("kinds", {})
    if not isinstance(kinds, dict) or not all(isinstance(kind, str) for kind in kinds.values()):
        raise SpecError('`[kinds]` maps their words to our kinds: `buy = "purchase"`.')
    time = _text(data, "time") or "iso"
    if time not in TIMES and "%" not in time:
        raise SpecError(
            f"`time` is {time!r}: neither a strptime format such as %Y%m%d nor known. {did_you_mean(time, TIMES)}"
        )
    for key in ("timezone", "written_in"):
        if zone := _text(data, key):
            _check_zone(key, zone)
    positive = data.get("positive", [])
    for ours in positive:
        if ours not in (*NUMBER_FIELDS, "price"):
            raise SpecError(f"`positive` names {ours!r}. {did_you_mean(str(ours), (*NUMBER_FIELDS, 'price'))}")
    join = data.get("join")
    if join is not None and (not isinstance(join, dict) or set(join) != {"file", "on"}):
        raise SpecError('`join` is `{ file = "campaigns", on = "campaign_id" }`.')
    return Mapping(
        name=_text(data, "name") or name,
        table=table,
        columns=columns,
        kinds=kinds,
        time=time,
        timezone=_text(data, "timezone"),
        written_in=_text(data, "written_in"),
        layout=_layout(data),
        units=_units(data.get("units", {}), table),
        file=_text(data, "file"),
        join=Join(**join) if join else None,
        negative=_text(data, "negative"),
        positive=tuple(positive),
        separator=_text(data, "separator"),
        decimal=_decimal(data),
        optional=_flag(data, "optional", default=False),
    )


def _check_zone(key: str, zone: str) -> None:
    try:
        check_timezone(zone)
    except InputError as error:
        raise SpecError(f"`{key}`: {error.message}") from error


def _text(data: Map[str, Any], key: str) -> str | None:
    value = data.get(key)
    if value is not None and (not isinstance(value, str) or not value):
        raise SpecError(f"`{key}` is {value!r}; it is a text in quotes.")
    return value


def _decimal(data: Map[str, Any]) -> str:
    mark = _text(data, "decimal") or "."
    if mark not in (".", ","):
        raise SpecError(f'`decimal` is {mark!r}; it is "." or ",".')
    return mark


def _flag(data: Map[str, Any], key: str, *, default: bool) -> bool:
    value = data.get(key, default)
    if not isinstance(value, bool):
        raise SpecError(f"`{key}` is {value!r}; it is true or false.")
    return value


def _layout(data: Map[str, Any]) -> Layout:
    header = data.get("header", True)
    if isinstance(header, list) and header and all(isinstance(name, str) and name for name in header):
        if len(set(header)) < len(header):
            raise SpecError("`header` names a column twice.")
        header = tuple(header)
    elif not isinstance(header, bool):
        raise SpecError(f'`header` is {header!r}; it is true, false, or the columns\' names: ["user", "time"].')
    delimiter = _text(data, "delimiter")
    if delimiter is not None and (len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n'):
        raise SpecError(
            f'`delimiter` is {delimiter!r}; it is one character, such as "," or "\\t", or " " for any run of blanks.'
        )
    return Layout(header, delimiter, _text(data, "encoding"), _flag(data, "quotes", default=True), _text(data, "sheet"))


def _columns(data: object, table: str) -> dict[str, From]:
    if not isinstance(data, dict):
        raise SpecError('`[columns]` is a table: `user_id = "customer"`.')
    columns = {}
    for ours, theirs in data.items():
        if ours not in COLUMNS[table]:
            raise SpecError(f"`[columns]` has {ours!r}, no column of {table}. {did_you_mean(ours, COLUMNS[table])}")
        columns[ours] = _from(ours, theirs)
    return columns


def _from(ours: str, theirs: object) -> From:
    if _is_column(theirs):
        return From((theirs,))  # type: ignore[arg-type]
    if isinstance(theirs, list) and theirs and all(_is_column(ref) for ref in theirs):
        return From(tuple(theirs), "all")
    if isinstance(theirs, dict) and set(theirs) == {"constant"} and isinstance(theirs["constant"], str | int | float):
        return From((), "constant", str(theirs["constant"]))
    if isinstance(theirs, dict) and set(theirs) == {"first"} and isinstance(theirs["first"], list):
        return From(tuple(theirs["first"]), "first")
    raise SpecError(
        f"`[columns]` `{ours}` is {theirs!r}. It is a column's name, its place from 1, a list of them, "
        '{ constant = "…" } or { first = ["…", "…"] }.'
    )


def _is_column(ref: object) -> bool:
    return (isinstance(ref, str) and bool(ref)) or (isinstance(ref, int) and not isinstance(ref, bool) and ref > 0)


def _units(data: object, table: str) -> Units:
    if not isinstance(data, dict):
        raise SpecError("`[units]` is a table: `value = 0.01`.")
    numbers = tuple(name for name in (*NUMBER_FIELDS, "price") if name in COLUMNS[table])
    scale = {}
    for key, value in data.items():
        if key in ("currency", "rates"):
            continue
        if key not in numbers:
            raise SpecError(f"`[units]` has {key!r}. {did_you_mean(key, (*numbers, 'currency', 'rates'))}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e12:
            raise SpecError(f"`[units]` `{key}` is {value!r}; it is a factor above 0, such as 0.01.")
        scale[key] = float(value)
    rates = data.get("rates", {})
    if not isinstance(rates, dict):
        raise SpecError("`[units.rates]` is a table: `USD = 7.1`, or `USD = { 2024-01-01 = 7.1 }`.")
    currency = _text(data, "currency")
    if rates and currency is None:
        raise SpecError("`[units.rates]` needs `[units]` `currency`: the one that the rates lead to.")
    return Units(scale, currency, {name: _rates(name, table) for name, table in rates.items()})


def _rates(name: str, table: object) -> tuple[tuple[int, float], ...]:
    if isinstance(table, int | float) and not isinstance(table, bool):
        table = {"1970-01-01": table}
    if not isinstance(table, dict) or not table:
        raise SpecError(f"`[units.rates]` `{name}` is {table!r}; it is a factor, or days and factors.")
    rates = []
    for day, factor in table.items():
        try:
            start = parse_instant(date.fromisoformat(day).isoformat(), "UTC")
        except ValueError:
            raise SpecError(f"`[units.rates]` `{name}` has the day {day!r}; write it as 2024-01-31.") from None
        if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 < factor < 1e9:
            raise SpecError(f"`[units.rates]` `{name}` on {day} is {factor!r}; it is a factor above 0.")
        rates.append((start, float(factor)))
    return tuple(sorted(rates))
