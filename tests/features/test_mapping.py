"""Mappings: what TOML may say, and what columns become of it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.adapt import adapt_events, adapt_items, adapt_users
from features.columns import Context, Money
from features.delimited import Chunk
from features.errors import InputError, NotFoundError, SpecError
from features.events import KINDS
from features.formats import format_of, names
from features.mapping_file import load, parse
from features.times import BOUND, to_instants

NOW = 1_795_000_000_000_000
LEAST = {"user_id": "u", "ts": "t", "kind": {"constant": "purchase"}}


def adapt(mapping, columns, *, zone="UTC", currency="", now=NOW, joined=None):
    """The rows that a mapping (parsed TOML) makes of columns, as dicts without nulls, and each row's rule."""
    (whole,) = parse(mapping, "test")
    table = pa.table(columns)
    bound, _ = whole.bound(table.column_names, joined.column_names if joined else [], Path("f.csv"))
    context = Context(bound, zone, KINDS, now, "f.csv", joined, Money(currency))
    make = {"events": adapt_events, "users": adapt_users, "items": adapt_items}[whole.table]
    rows, faults = make(Chunk(table, np.arange(1, len(table) + 1)), context)
    rules = [None] * len(table)
    bad = np.flatnonzero(faults.bad)
    for place, (rule, _) in zip(bad, faults.reasons(bad), strict=True):
        rules[place] = rule
    return [{k: v for k, v in row.items() if v is not None} for row in rows.to_pylist()], rules


def us(text):
    return (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


# --- what TOML may say


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ({"colums": {}}, r"Unknown key 'colums'.*Did you mean 'columns'\?"),
        ({"columns": LEAST | {"usr_id": "u"}}, r"has 'usr_id', no column of events.*Did you mean 'user_id'"),
        ({"columns": {"user_id": "u", "ts": "t"}}, "does not say what `kind` comes from"),
        ({"columns": LEAST | {"item": 0}}, "`item` is 0"),
        ({"columns": LEAST | {"item": {"constnt": "x"}}}, "`item` is"),
        ({"columns": LEAST, "time": "unix"}, "`time` is 'unix'.*Did you mean 'unix_"),
        ({"columns": LEAST, "timezone": "Asia/Shangai"}, "Unknown timezone"),
        ({"columns": LEAST, "table": "event"}, "Did you mean 'events'"),
        ({"columns": LEAST, "delimiter": "::"}, "one character"),
        ({"columns": LEAST, "header": "no"}, "`header` is 'no'"),
        ({"columns": LEAST, "header": ["a", "a"]}, "twice"),
        ({"columns": LEAST, "encoding": 8}, "`encoding` is 8"),
        ({"columns": LEAST, "units": {"vale": 0.01}}, "Did you mean 'value'"),
        ({"columns": LEAST, "units": {"value": -1}}, "factor above 0"),
        ({"columns": LEAST, "units": {"rates": {"USD": 7}}}, "needs `\\[units\\]` `currency`"),
        ({"columns": LEAST, "units": {"currency": "CNY", "rates": {"USD": {"May": 7}}}}, "has the day 'May'"),
        ({"columns": LEAST, "kinds": {"buy": 1}}, r"`\[kinds\]` maps"),
        ({"columns": LEAST, "positive": ["prize"]}, "Did you mean 'price'"),
        ({"columns": LEAST, "join": {"file": "x"}}, "`join` is"),
        ({"columns": LEAST, "decimal": "'"}, "`decimal` is"),
    ],
)
def test_a_mapping_is_strict(toml, message):
    with pytest.raises(SpecError, match=message):
        parse(toml, "test")


def test_a_mapping_file_names_itself_in_errors(tmp_path):
    with pytest.raises(NotFoundError, match="There is no mapping"):
        load(tmp_path / "none.toml")
    path = tmp_path / "shop.toml"
    path.write_text("[columns\n")
    with pytest.raises(SpecError, match=r"shop.toml is not TOML"):
        load(path)
    path.write_text('tme = "iso"\n')
    with pytest.raises(SpecError, match=r"shop.toml: Unknown key 'tme'.*'time'"):
        load(path)
    path.write_bytes("title = '用户'".encode("gb18030"))
    with pytest.raises(SpecError, match="in UTF-8"):
        load(path)


def test_the_example_in_the_docstring_is_a_mapping(tmp_path):
    import features.mapping_file as module

    lines = [line[4:] for line in module.__doc__.splitlines() if line.startswith("    ")]
    path = tmp_path / "example.toml"
    path.write_text("\n".join(lines))
    (mapping,) = load(path)
    assert mapping.name == "till"
    keys = {line.split(" = ")[0].strip() for line in lines} | {"columns", "kinds", "units"}
    assert {*module.KEYS} - keys == {"file", "optional"}  # said of folders; for our own format only
    assert mapping.units.rates["USD"][1][1] == 7.25
    assert mapping.theirs("category") == ("code", "id")


def test_every_adapter_is_a_mapping():
    assert {"canonical", "complete-journey", "taobao", "online-retail", "retailrocket", "rees46"} <= {*names()}
    for name in names():
        assert format_of(name).mappings
    with pytest.raises(InputError, match=r"Unknown format 'canonicl'.*Did you mean 'canonical'.*mapping.toml"):
        format_of("canonicl")


def test_a_column_that_is_missing_is_named_with_what_there_is():
    with pytest.raises(
        InputError, match=r"no column 'customer'.*It has: custmer, t.*Did you mean 'custmer'.*\[columns\]"
    ):
        adapt({"columns": LEAST | {"user_id": "customer"}}, {"custmer": ["a"], "t": ["x"]})
    with pytest.raises(InputError, match="no column number 3"):
        adapt({"columns": {"user_id": 1, "ts": 2, "kind": 3}}, {"a": ["1"], "b": ["2"]})


# --- columns


def test_where_columns_come_from():
    toml = {
        "columns": LEAST
        | {
            "item": 3,
            "category": {"first": ["code", "id"]},
            "discount": ["d1", "d2"],
            "properties": ["basket", "note"],
            "channel": {"constant": "web"},
            "page": ["site", "path"],
        },
        "separator": ".",
    }
    rows, rules = adapt(
        toml,
        {
            "u": ["a", "b"],
            "t": ["2024-01-01", "2024-01-02T00:00:00+08:00"],
            "sku": [17.0, None],
            "code": ["x.y", ""],
            "id": [7, 8],
            "d1": ["1.5", None],
            "d2": ["0.25", ""],
            "basket": [3, 4],
            "note": ['say "hi"', None],
            "site": ["s/1", None],
            "path": ["p", None],
        },
    )
    assert rules == [None, None]
    assert rows[0] == {
        "user_id": "a",
        "ts": us("2024-01-01T00:00:00Z"),
        "kind": "purchase",
        "item": "17",
        "category": "x/y",
        "channel": "web",
        "page": "s-1/p",
        "discount": 17_500,
        "properties": json.dumps({"basket": 3, "note": 'say "hi"'}, separators=(",", ":")),
    }
    assert rows[1] == {
        "user_id": "b",
        "ts": us("2024-01-01T16:00:00Z"),
        "kind": "purchase",
        "category": "8",
        "channel": "web",
        "properties": '{"basket":4}',
    }


def test_kinds_by_their_words_and_by_ours():
    toml = {"columns": LEAST | {"kind": "k"}, "kinds": {"buy": "purchase", "1": "view"}}
    rows, rules = adapt(toml, {"u": list("abcde"), "t": ["2024-01-01"] * 5, "k": ["buy", "1", "cart", "bye", None]})
    assert [row.get("kind") for row in rows[:3]] == ["purchase", "view", "cart"]
    assert rules == [None, None, None, "unknown_kind", "missing_kind"]


@pytest.mark.parametrize(
    "form", [list, pa.array, lambda v: pa.array(v).dictionary_encode(), lambda v: pa.array(v, pa.large_string())]
)
def test_texts_of_every_arrow_type(form):
    rows, rules = adapt(
        {"columns": LEAST},
        {"u": form(["a", "", "x" * 256, "y" * 257, "n\0l", "ü" * 256]), "t": form(["2024-01-01"] * 6)},
    )
    assert rules == [None, "missing_user", None, "too_long", "bad_characters", None]
    assert rows[0]["user_id"] == "a"


def test_bytes_that_are_no_text():
    good, bad = pa.array([b"a", "\u00fc".encode()]), pa.array([b"a", b"\xed\xa0\x80"])
    assert [r["user_id"] for r in adapt({"columns": LEAST}, {"u": good, "t": ["2024-01-01"] * 2})[0]] == ["a", "ü"]
    assert adapt({"columns": LEAST}, {"u": bad, "t": ["2024-01-01"] * 2})[1] == [None, "bad_characters"]
    lying = pa.StringArray.from_buffers(2, bad.buffers()[1], bad.buffers()[2])  # says string, holds a lone surrogate
    assert adapt({"columns": LEAST}, {"u": lying, "t": ["2024-01-01"] * 2})[1] == [None, "bad_characters"]


def test_ids_that_are_numbers_lose_needless_fractions():
    rows, rules = adapt({"columns": LEAST}, {"u": [17850.0, 1.5, None, float("nan")], "t": ["2024-01-01"] * 4})
    assert [row.get("user_id") for row in rows] == ["17850", "1.5", None, None]
    assert rules == [None, None, "missing_user", "missing_user"]


# --- numbers and money


def test_numbers_and_their_rules():
    texts = ["1.5", " 2 ", "+3", "1e2", "", None, "1,5", "nan", "-inf", "-1", "1e12", "12元"]
    rows, rules = adapt({"columns": LEAST | {"value": "v"}}, {"u": ["a"] * 12, "t": ["2024-01-01"] * 12, "v": texts})
    assert [row.get("value") for row in rows[:6]] == [15_000, 20_000, 30_000, 1_000_000, None, None]
    assert rules[:6] == [None] * 6
    assert rules[6:] == ["bad_number", "not_finite", "not_finite", "negative_value", "bad_number", "bad_number"]


def test_a_decimal_comma():
    toml = {"columns": LEAST | {"value": "v"}, "decimal": ","}
    rows, rules = adapt(toml, {"u": ["a"] * 3, "t": ["2024-01-01"] * 3, "v": ["12,50", "3", "1,000,5"]})
    assert [row.get("value") for row in rows[:2]] == [125_000, 30_000]
    assert rules == [None, None, "bad_number"]


def test_numbers_of_every_arrow_type():
    from decimal import Decimal

    for values in (
        [7, None],
        [7.0, None],
        pa.array([Decimal("7.00"), None]),
        pa.array([7, None], pa.int8()),
        ["7", None],
    ):
        rows, rules = adapt(
            {"columns": LEAST | {"value": "v"}}, {"u": ["a", "b"], "t": ["2024-01-01"] * 2, "v": values}
        )
        assert ([row.get("value") for row in rows], rules) == ([70_000, None], [None, None])
    rows, rules = adapt(
        {"columns": LEAST | {"value": "v"}}, {"u": ["a", "b"], "t": ["2024-01-01"] * 2, "v": [float("nan"), 1.0]}
    )
    assert rules == ["not_finite", None]


@settings(max_examples=200, deadline=None)
@given(cents=st.integers(0, 10**12))
def test_money_is_exact(cents):
    rows, rules = adapt(
        {"columns": LEAST | {"value": "v"}},
        {"u": ["a"], "t": ["2024-01-01"], "v": [f"{cents // 100}.{cents % 100:02d}"]},
    )
    assert (rows[0]["value"], rules) == (cents * 100, [None])


def test_scale_and_price_times_quantity():
    columns = {
        "u": ["a", "b", "c"],
        "t": ["2024-01-01"] * 3,
        "v": [None, "999", None],
        "p": ["255", "100", "1"],
        "n": ["6", "2", None],
    }
    toml = {"columns": LEAST | {"value": "v", "price": "p", "quantity": "n"}, "units": {"value": 0.01, "price": 0.01}}
    rows, _ = adapt(toml, columns)
    assert [row["value"] for row in rows] == [153_000, 99_900, 100]
    rows, _ = adapt(toml | {"units": {"value": 0.01}}, columns)  # a price has the value's scale unless it has its own
    assert [row["value"] for row in rows] == [153_000, 99_900, 100]
    rows, _ = adapt({"columns": LEAST | {"price": "p"}}, columns)
    assert rows[0]["value"] == 2_550_000


def test_negative_lines_become_refunds():
    toml = {"columns": LEAST | {"price": "p", "quantity": "n"}, "negative": "refund", "positive": ["price"]}
    rows, rules = adapt(toml, {"u": ["a"] * 4, "t": ["2024-01-01"] * 4, "p": [2.5, 2.5, 0.0, -1.0], "n": [2, -2, 1, 1]})
    assert [(row["kind"], row["value"], row["quantity"]) for row in rows[:2]] == [
        ("purchase", 50_000, 20_000),
        ("refund", 50_000, 20_000),
    ]
    assert rules == [None, None, "not_positive", "not_positive"]


def test_other_currencies_by_dated_rates():
    toml = {
        "columns": LEAST | {"value": "v", "currency": "c"},
        "units": {"currency": "CNY", "rates": {"USD": {"2024-01-01": 7.0, "2024-07-01": 7.2}, "EUR": 8}},
    }
    columns = {
        "u": ["a"] * 6,
        "t": [
            "2024-06-30T23:59:59Z",
            "2024-07-01T00:00:00Z",
            "2023-12-31T00:00:00Z",
            "2024-01-01Z",
            "2024-01-01Z",
            "2024-01-01Z",
        ],
        "v": ["10"] * 6,
        "c": ["USD", "USD", "USD", "EUR", None, "GBP"],
    }
    columns["t"] = [t.replace("-01Z", "-01T00:00:00Z") for t in columns["t"]]
    rows, rules = adapt(toml, columns, currency="CNY")
    assert [row.get("value") for row in rows] == [700_000, 720_000, None, 800_000, 100_000, None]
    assert rules == [None, None, "unknown_currency", None, None, "unknown_currency"]


def test_mixed_currencies_without_rates_are_refused():
    toml = {"columns": LEAST | {"value": "v", "currency": "c"}}
    columns = {"u": ["a", "b"], "t": ["2024-01-01"] * 2, "v": ["1", "2"]}
    with pytest.raises(InputError, match=r"amounts in CNY, USD.*\[units.rates\]"):
        adapt(toml, columns | {"c": ["CNY", "USD"]})
    with pytest.raises(InputError, match="amounts in USD, and the workspace is in CNY"):
        adapt(toml, columns | {"c": ["USD", "USD"]}, currency="CNY")
    assert adapt(toml, columns | {"c": ["USD", None]})[1] == [None, None]


def test_dwell_is_milliseconds():
    toml = {"columns": LEAST | {"dwell": "d"}, "units": {"dwell": 1000}}
    assert adapt(toml, {"u": ["a"], "t": ["2024-01-01"], "d": ["2.5"]})[0][0]["dwell"] == 2_500


# --- JSON


def test_properties_are_objects():
    column = ['{"a": 1}', "[1]", "{}, {}", '{"a"', "", None, "null"]
    _, rules = adapt({"columns": LEAST | {"properties": "p"}}, {"u": ["a"] * 7, "t": ["2024-01-01"] * 7, "p": column})
    assert rules == [None, "bad_json", "bad_json", "bad_json", None, None, "bad_json"]
    _, rules = adapt({"columns": LEAST | {"properties": "p"}}, {"u": ["a"], "t": ["2024-01-01"], "p": [{"a": 1}]})
    assert rules == [None]


def test_users_have_the_other_columns_as_attributes():
    columns = {
        "u": ["a", None],
        "since": ["2024-01-01", None],
        "age": [34, 35],
        "vip": [True, None],
        "city": ["郑州", ""],
        "w": [1.5, float("nan")],
    }
    rows, rules = adapt({"table": "users", "columns": {"user_id": "u", "valid_from": "since"}}, columns)
    assert rules == [None, "missing_user"]
    assert json.loads(rows[0]["attributes"]) == {"age": 34, "vip": True, "city": "郑州", "w": 1.5}
    assert json.loads(rows[1]["attributes"]) == {"age": 35}
    assert rows[0]["valid_from"] == us("2024-01-01T00:00:00Z")
    rows, _ = adapt({"table": "users", "columns": {"user_id": "u", "attributes": ["age"]}}, columns)
    assert json.loads(rows[0]["attributes"]) == {"age": 34}
    rows, rules = adapt(
        {"table": "users", "columns": {"user_id": "u", "attributes": "j"}}, {"u": ["a", "b"], "j": ['{"x": 1}', "x"]}
    )
    assert (rows[0]["attributes"], rules) == ('{"x": 1}', [None, "bad_json"])


def test_items_have_a_category_path_and_a_price():
    columns = {"i": ["1", None], "dep": ["A/B", "C"], "cat": ["x", None], "p": ["1.5", "-1"], "brand": ["z", None]}
    rows, rules = adapt({"table": "items", "columns": {"item": "i", "category": ["dep", "cat"], "price": "p"}}, columns)
    assert rules == ["missing_item" if i is None else None for i in columns["i"]]
    assert rows[0] == {"item": "1", "category": "A-B/x", "price": 15_000, "attributes": '{"brand":"z"}'}


def test_a_join_brings_columns_from_a_table_beside():
    toml = {"columns": LEAST | {"ts": "start"}, "join": {"file": "campaigns", "on": "c"}}
    beside = pa.table({"c": [1, 2], "start": ["2024-01-01", "2024-02-01"]})
    rows, rules = adapt(toml, {"u": ["a", "b", "c"], "c": ["2", "1", "3"]}, joined=beside)
    assert [row.get("ts") for row in rows[:2]] == [us("2024-02-01T00:00:00Z"), us("2024-01-01T00:00:00Z")]
    assert rules == [None, None, "missing_time"]


# --- times


def instants(values, how="iso", zone="UTC"):
    return [
        None if t == -BOUND else t for t in to_instants(pa.chunked_array([pa.array(values)]), how, zone, "f").tolist()
    ]


def test_iso_in_its_many_forms():
    texts = [
        "2024-02-29",
        "2024-02-29 08:00",
        "2024-02-29T08:00:00",
        "2024-02-29 08:00:00.123456789",
        "2024-02-29T08:00:00Z",
        "2024-02-29 08:00:00 UTC",
        "2024-02-29T08:00:00+08:00",
        "2024-02-29T08:00:00.5 +0800",
        "2023-02-29",
        "2024-02-29 25:00",
        "yesterday",
        None,
    ]
    day = us("2024-02-29T00:00:00Z")
    hour = 3_600_000_000
    assert instants(texts) == [
        day,
        day + 8 * hour,
        day + 8 * hour,
        day + 8 * hour + 123_456,
        day + 8 * hour,
        day + 8 * hour,
        day,
        day + 500_000,
        None,
        None,
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("how", "values", "expected"),
    [
        ("unix_s", [1_511_544_070, None], [1_511_544_070_000_000, None]),
        (
            "unix_s",
            ["1511544070", "1511544070.25", "x", ""],
            [1_511_544_070_000_000, 1_511_544_070_250_000, None, None],
        ),
        ("unix_s", [1_511_544_070.5, float("nan")], [1_511_544_070_500_000, None]),
        ("unix_ms", [1_511_544_070_123], [1_511_544_070_123_000]),
        ("unix_us", ["1511544070123456"], [1_511_544_070_123_456]),
        ("any", [1_511_544_070_123_456], [1_511_544_070_123_456]),
        ("any", ["1511544070123456", "2017-11-24T17:21:10Z"], [1_511_544_070_123_456, 1_511_544_070_000_000]),
        ("%Y%m%d", ["19970101", "19970230", "1997", None], [us("1997-01-01T00:00:00Z"), None, None, None]),
        ("%Y%m%d", [19_970_101], [us("1997-01-01T00:00:00Z")]),
        ("%m/%d/%Y %H:%M", ["12/1/2010 8:26", "13/1/2010 8:26"], [us("2010-12-01T08:26:00Z"), None]),
        ("%m/%d/%Y %H:%M", ["2010-12-01 08:26:00"], [us("2010-12-01T08:26:00Z")]),
        ("%d %b %Y %I:%M %p", ["01 Jan 2020 03:04 PM"], [us("2020-01-01T15:04:00Z")]),
        ("%Y-%m-%dT%H:%M:%S.%f%z", ["2020-01-01T00:00:00.5+0800"], [us("2019-12-31T16:00:00.5Z")]),
    ],
)
def test_times_as_a_mapping_says(how, values, expected):
    assert instants(values, how) == expected
    column = pa.chunked_array([pa.array(values).dictionary_encode()])
    assert [None if t == -BOUND else t for t in to_instants(column, how, "UTC", "f").tolist()] == expected


def test_times_beyond_64_bits_are_clipped_not_wrapped():
    found = instants([2**62, -(2**62), 2**63 - 1], "unix_s")
    assert found[0] == found[2] > 4 * 10**18
    assert instants([1e300, -1e300], "unix_s")[0] == BOUND


@settings(max_examples=300, deadline=None)
@given(
    moment=st.datetimes(datetime(1995, 1, 1), datetime(2035, 1, 1)).map(lambda m: m.replace(microsecond=0)),
    zone=st.sampled_from(
        ["Europe/London", "America/New_York", "Asia/Shanghai", "America/St_Johns", "Asia/Kathmandu", "UTC"]
    ),
)
def test_local_times_are_as_python_reads_them(moment, zone):
    expected = us(moment.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).isoformat())
    assert instants([moment.isoformat(sep=" ")], "iso", zone) == [expected]
    assert instants([moment], "iso", zone) == [expected]


def test_daylight_saving_in_london():
    local = [
        "2011-03-27 00:59:59",
        "2011-03-27 01:30:00",
        "2011-03-27 02:00:00",
        "2011-10-30 01:30:00",
        "2011-10-30 02:00:00",
    ]
    assert instants(local, "iso", "Europe/London") == [
        us("2011-03-27T00:59:59Z"),
        us("2011-03-27T01:30:00Z"),  # told by no clock that day; as if it had not been put forward
        us("2011-03-27T01:00:00Z"),
        us("2011-10-30T00:30:00Z"),  # told twice; the first
        us("2011-10-30T02:00:00Z"),
    ]


def test_a_naive_time_needs_a_timezone():
    for values in (["2024-01-01 00:00:00"], ["2024-01-01 00:00:00", "2024-01-01T00:00:00Z"], [datetime(2024, 1, 1)]):
        with pytest.raises(InputError, match=r"times without an offset.*--timezone"):
            instants(values, "iso", None)
    assert instants(["2024-01-01T00:00:00Z"], "iso", None) == [us("2024-01-01T00:00:00Z")]
    assert instants([None, None], "iso", None) == [None, None]


@pytest.mark.parametrize(
    ("how", "values", "seems"),
    [
        ("unix_s", [1_700_000_000_000], "unix_ms"),
        ("unix_ms", [1_700_000_000], "unix_s"),
        ("unix_us", ["1700000000000"], "unix_ms"),
        ("any", [1_700_000_000], "unix_s"),
        ("any", [1_700_000_000_000], "unix_ms"),
        ("iso", ["1700000000"], "unix_s"),
        ("unix_s", ["2024-01-01 00:00:00"], "iso"),
        ("iso", ["20240131"], "%Y%m%d"),
        ("iso", ["31/12/2024"], "%d/%m/%Y"),
        ("%d/%m/%Y", ["12/31/2024 10:00:00"], "%m/%d/%Y %H:%M:%S"),
        ("iso", ["2024/1/31"], "%Y/%m/%d"),
    ],
)
def test_times_written_otherwise_are_recognised(how, values, seems):
    with pytest.raises(InputError, match=f'column .t. has times such as .*They look like `time = "{seems}"`'):
        adapt(
            {"columns": LEAST, "time": how} if how != "any" else {"columns": LEAST, "time": "any"},
            {"u": ["a"] * 3, "t": values * 3},
        )


def test_a_few_times_out_of_range_are_rows_not_the_file():
    stamps = [1_511_544_070] * 5 + [12, 1_511_544_070_000, None, NOW // 10**6 + 299, NOW // 10**6 + 301]
    _, rules = adapt({"columns": LEAST, "time": "unix_s"}, {"u": ["a"] * 10, "t": stamps})
    assert rules == [None] * 5 + ["time_out_of_range", "time_out_of_range", "missing_time", None, "time_out_of_range"]


def test_a_date_and_a_time_of_day_in_columns_of_their_own():
    rows, _ = adapt(
        {"columns": LEAST | {"ts": ["d", "h"]}, "time": "%Y%m%d %H:%M"}, {"u": ["a"], "d": ["20240131"], "h": ["08:30"]}
    )
    assert rows[0]["ts"] == us("2024-01-31T08:30:00Z")


def test_arrivals():
    columns = {
        "u": ["a"] * 3,
        "t": ["2024-01-01T00:00:00Z"] * 3,
        "a": ["2024-01-02T00:00:00Z", None, "2099-01-01T00:00:00Z"],
    }
    rows, rules = adapt({"columns": LEAST | {"arrived_at": "a"}}, columns)
    assert [row.get("arrived_at") for row in rows[:2]] == [us("2024-01-02T00:00:00Z"), None]
    assert rules == [None, None, "arrived_in_future"]
