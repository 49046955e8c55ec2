"""Refused rows: kept with their reason, mended in an editor, ingested again, counted once."""

import csv
import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.intake import ingest
from features.log import EventLog
from features.validate import RULES
from features.workspace import Workspace

NOW = int(datetime(2026, 11, 24, 8, 30, tzinfo=UTC).timestamp()) * 10**6
MARKS = ["quarantine_rule", "quarantine_value", "quarantine_file", "quarantine_line"]


@pytest.fixture
def workspace(tmp_path):
    return Workspace.at(tmp_path / "home", {})


def run(workspace, path, form, **options):
    return ingest(workspace, [Path(path)], str(form), now=NOW, **options)


def mapping(tmp_path, text):
    path = tmp_path / "m.toml"
    path.write_text(text)
    return path


def rows_of(path):
    path = Path(path)
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def write_rows(path, rows, encoding="utf-8", delimiter=","):
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)


def kinds(workspace):
    return EventLog(workspace).kinds()


TEXT = """user,when,what,note
u1,2026-01-01,view,fine
,2026-01-02,view,"no, user"
u2,2026-01-03,byu,"two
lines"
u3,2026-01-04
u4,2026-01-05,view,fine
u5,2026-01-06,vi"""

TOML = 'timezone = "Asia/Shanghai"\n[columns]\nuser_id = "user"\nts = "when"\nkind = "what"\ntext = "note"\n'


def test_a_row_keeps_its_reason_and_comes_back_mended(workspace, tmp_path):
    form = mapping(tmp_path, TOML)
    (tmp_path / "log.csv").write_text(TEXT)
    report = run(workspace, tmp_path / "log.csv", form)
    assert report["quarantined"] == {"cut_off_line": 1, "malformed_line": 1, "missing_user": 1, "unknown_kind": 1}
    assert (report["read"], report["accepted"]) == (6, 2)
    path = Path(report["quarantine"])
    assert path == workspace.home / "quarantine" / "20261124T083000Z-log.csv"
    header, *rows = rows_of(path)
    assert header == [*MARKS, "user", "when", "what", "note"]
    assert sorted(rows, key=lambda row: int(row[3])) == [
        ["missing_user", "", "log.csv", "3", "", "2026-01-02", "view", "no, user"],
        ["unknown_kind", "byu", "log.csv", "4", "u2", "2026-01-03", "byu", "two\nlines"],
        ["malformed_line", "u3,2026-01-04", "log.csv", "6", "u3", "2026-01-04", "", ""],
        ["cut_off_line", "u5,2026-01-06,vi", "log.csv", "8", "u5", "2026-01-06", "vi", ""],
    ]

    mended = [header, *(mend(row) for row in rows)]
    write_rows(path, mended)
    report = run(workspace, path, form)
    assert (report["read"], report["accepted"], report["quarantined"]) == (4, 4, {})
    assert kinds(workspace) == {"view": 5, "purchase": 1}
    again = run(workspace, path, form)
    assert (again["accepted"], again["duplicate"]) == (0, 4)

    whole = (
        TEXT.replace("\n,2026-01-02", "\nu9,2026-01-02")
        .replace("byu", "purchase")
        .replace("u3,2026-01-04", "u3,2026-01-04,view,")
    )
    (tmp_path / "log.csv").write_text(whole + "ew,\n")  # the shop delivers the file again, mended at the source
    report = run(workspace, tmp_path / "log.csv", form)
    assert (report["accepted"], report["duplicate"]) == (0, 6)


def mend(row):
    marks, (user, when, what, note) = row[:4], row[4:]
    return [*marks, user or "u9", when, {"byu": "purchase", "vi": "view", "": "view"}.get(what, what), note]


def test_rows_mended_in_part_are_refused_again_without_the_others(workspace, tmp_path):
    form = mapping(tmp_path, TOML)
    (tmp_path / "log.csv").write_text(TEXT)
    path = Path(run(workspace, tmp_path / "log.csv", form)["quarantine"])
    header, *rows = rows_of(path)
    write_rows(path, [header, *(mend(row) if row[0] == "missing_user" else row for row in rows)])
    report = run(workspace, path, form)
    assert report["accepted"] == 1
    assert report["quarantined"] == {"missing_kind": 1, "unknown_kind": 2}
    _, *rest = rows_of(report["quarantine"])
    assert {row[2] for row in rest} == {path.name}


@pytest.mark.parametrize(
    ("encoding", "delimiter"), [("utf-8-sig", ","), ("utf-8", ";"), ("gb18030", ","), ("utf-16", "\t")]
)
def test_an_editor_may_save_it_its_own_way(workspace, tmp_path, encoding, delimiter):
    form = mapping(
        tmp_path,
        'header = false\ndelimiter = ","\nencoding = "utf-8"\ntime = "unix_s"\n[columns]\nuser_id = 1\nts = 2\nkind = 3\nitem = 4\n',
    )
    (tmp_path / "log.csv").write_text("u1,1700000000,view,运动鞋\nu2,1700000000,viewed,郑州的手机\n")
    path = Path(run(workspace, tmp_path / "log.csv", form)["quarantine"])
    header, row = rows_of(path)
    assert header == [*MARKS, "1", "2", "3", "4"]
    row[6] = "view"
    write_rows(path, [header, row], encoding, delimiter)
    report = run(workspace, path, form)
    assert report["accepted"] == 1
    assert {row["item"] for row in EventLog(workspace).flat().to_pylist()} == {"运动鞋", "郑州的手机"}


def test_the_same_file_again_waits_in_one_place(workspace, tmp_path):
    form = mapping(tmp_path, TOML)
    (tmp_path / "log.csv").write_text(TEXT)
    first = run(workspace, tmp_path / "log.csv", form)
    second = ingest(workspace, [tmp_path / "log.csv"], str(form), now=NOW + 10**9)
    assert second["quarantine"] == first["quarantine"]
    (tmp_path / "log.csv").write_text(TEXT.replace("byu", "bye"))
    third = run(workspace, tmp_path / "log.csv", form)
    assert Path(third["quarantine"]).name == "20261124T083000Z-log-2.csv"
    assert len(list(workspace.quarantine.iterdir())) == 2


def test_typed_rows_come_back_from_text(workspace, tmp_path):
    form = mapping(
        tmp_path,
        'time = "unix_s"\ntimezone = "Europe/London"\n[columns]\nuser_id = "user"\nts = "when"\n'
        'kind = { constant = "purchase" }\nvalue = "amount"\n',
    )
    moments = [datetime(2011, 7, 1, 8, 26), datetime(2011, 7, 1, 8, 27, 0, 500_000), datetime(2011, 7, 1, 8, 28)]
    pq.write_table(
        pa.table({"user": [17850.0, None, 3.0], "when": moments, "amount": [2.55, 1.1, -4.0]}), tmp_path / "o.parquet"
    )
    path = Path(run(workspace, tmp_path / "o.parquet", form)["quarantine"])
    header, *rows = rows_of(path)
    assert rows == [
        ["missing_user", "", "o.parquet", "2", "", "2011-07-01 08:27:00.500000", "1.1"],
        ["negative_value", "-4", "o.parquet", "3", "3", "2011-07-01 08:28:00", "-4"],
    ]
    rows[0][4], rows[1][6] = "17850", "4"
    write_rows(path, [header, *rows])
    form.write_text(form.read_text().replace('time = "unix_s"\n', ""))
    assert run(workspace, path, form)["accepted"] == 2
    pq.write_table(
        pa.table({"user": [17850.0, 17850.0, 3.0], "when": moments, "amount": [2.55, 1.1, 4.0]}), tmp_path / "o.parquet"
    )
    report = run(workspace, tmp_path / "o.parquet", form)
    assert (report["accepted"], report["duplicate"]) == (0, 3)


def test_json_rows_stay_json(workspace, tmp_path):
    lines = [
        {"user_id": "u1", "ts": "2026-01-01T00:00:00Z", "kind": "view"},
        {"user_id": "u2", "ts": "2026-01-01T00:00:00Z", "kind": "viw", "properties": {"n": [1]}, "value": 2.5},
    ]
    (tmp_path / "e.jsonl").write_text("\n".join(map(json.dumps, lines)) + '\n{"user_id": "u3", "ts": "2026')
    report = run(workspace, tmp_path / "e.jsonl", "canonical")
    path = Path(report["quarantine"])
    assert path.name == "20261124T083000Z-e.jsonl"
    kept = [json.loads(line) for line in path.read_text().splitlines()]
    assert [[row[name] for name in MARKS] for row in kept] == [
        ["unknown_kind", "viw", "e.jsonl", 2],
        ["cut_off_line", '{"user_id": "u3", "ts": "2026', "e.jsonl", 3],
    ]
    kept[0]["kind"] = "view"
    kept[1] |= {"user_id": "u3", "ts": "2026-01-01T00:00:00Z", "kind": "cart"}
    path.write_text("\n".join(map(json.dumps, kept)) + "\n")
    assert run(workspace, path, "canonical")["accepted"] == 2
    stored = {row["user_id"]: row for row in EventLog(workspace).flat().to_pylist()}
    assert (stored["u2"]["properties"], stored["u2"]["value"]) == ('{"n":[1]}', 25_000)


def test_rows_of_excel_and_gzip(workspace, tmp_path):
    book = openpyxl.Workbook()
    for row in (
        ["user", "when", "what", "note"],
        ["u1", datetime(2026, 1, 1), "view", None],
        [None, datetime(2026, 1, 2), "view", None],
    ):
        book.active.append(row)
    book.save(tmp_path / "o.xlsx")
    form = mapping(tmp_path, TOML)
    path = Path(run(workspace, tmp_path / "o.xlsx", form)["quarantine"])
    header, row = rows_of(path)
    assert row == ["missing_user", "", "o.xlsx", "3", "", "2026-01-02 00:00:00", "view", ""]
    write_rows(path, [header, [*row[:4], "u2", *row[5:]]])
    assert run(workspace, path, form)["accepted"] == 1
    (tmp_path / "p.csv.gz").write_bytes(gzip.compress(TEXT.encode()))
    assert Path(run(workspace, tmp_path / "p.csv.gz", form)["quarantine"]).name == "20261124T083000Z-p.csv"


def test_undecodable_bytes_and_nul_are_shown_as_such(workspace, tmp_path):
    good = "".join(f"u{i},2026-01-01,view,洛阳\n" for i in range(30)).encode()
    (tmp_path / "log.csv").write_bytes(
        b"user,when,what,note\n" + good + b"u1,2026-01-01,view,\xff\nu\0,2026-01-01,view,x\n"
    )
    report = run(workspace, tmp_path / "log.csv", mapping(tmp_path, TOML))
    assert report["quarantined"] == {"bad_characters": 2}
    _, *rows = rows_of(report["quarantine"])
    assert [row[4:] for row in rows] == [["u1", "2026-01-01", "view", "\ufffd"], ["u\ufffd", "2026-01-01", "view", "x"]]


def test_a_table_of_several_is_told_from_its_name(workspace, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "events.csv").write_text("user_id,ts,kind\nu1,2026-01-01T00:00:00Z,view\n,2026-01-01T00:00:00Z,view\n")
    (folder / "users.csv").write_text("user_id,vip\nu1,yes\n,no\n")
    files = {Path(p).name: Path(p) for p in run(workspace, folder, "canonical")["quarantine_files"]}
    assert {*files} == {"20261124T083000Z-events.csv", "20261124T083000Z-users.csv"}
    for path in files.values():
        path.write_text(path.read_text().replace(",,no", ",u2,no").replace(",,2026", ",u2,2026"))
    assert run(workspace, files["20261124T083000Z-users.csv"], "canonical")["users"] == 1
    assert run(workspace, files["20261124T083000Z-events.csv"], "canonical")["accepted"] == 1
    assert [json.loads(row["attributes"]) for row in EventLog(workspace).users().sort_by("user_id").to_pylist()] == [
        {"vip": "yes"},
        {"vip": "no"},
    ]


def test_nothing_is_left_when_nothing_is_refused_or_all_fails(workspace, tmp_path):
    form = mapping(tmp_path, TOML)
    (tmp_path / "good.csv").write_text("user,when,what,note\nu1,2026-01-01,view,\n")
    assert run(workspace, tmp_path / "good.csv", form)["quarantine"] is None
    assert not workspace.quarantine.exists()
    (tmp_path / "bad.csv").write_text("user,when,what,note\n,2026-01-01,view,\n")
    with pytest.raises(Exception, match="All 1 rows"):
        run(workspace, tmp_path / "bad.csv", form)
    assert not workspace.quarantine.exists() or not list(workspace.quarantine.iterdir())


def test_every_rule_says_what_it_means():
    assert all(text and text[-1] != "." for text in RULES.values())
