"""Files in: every form, every encoding, lines kept, one bad line costs one line."""

import csv
import gzip
import io
import json
from datetime import datetime

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features import encoding
from features.cut import looks_cut
from features.delimited import NULLS
from features.errors import InputError, NotFoundError, SpecError
from features.reading import Layout, open_source, stem_of, suffix_of


def read(path, **layout):
    """Everything of a file: rows as dicts, their lines, (line, rule, text) of broken ones, notes."""
    source = open_source(path, Layout(**layout))
    chunks = list(source.chunks)
    rows = [row for chunk in chunks for row in chunk.table.to_pylist()]
    lines = [int(line) for chunk in chunks for line in chunk.lines]
    broken = [(b.line, b.rule, b.text) for chunk in chunks for b in chunk.broken]
    return rows, lines, broken, source.notes


def write(folder, text, name="orders.csv", encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
    return path


def test_rows_keep_their_lines_and_one_bad_line_costs_one_line(tmp_path):
    text = (
        "a,b,c\n"  # 1
        "1,2,3\n"  # 2
        "4,5\n"  # 3: a field short
        "\n"  # 4: nothing
        '6,"two\nlines",7\n'  # 5 and 6
        '8,"never closed,9\n'  # 7
        '10,5" pipe,11\n'  # 8: a quote within a field is a quote
        "12,13,14,15\n"  # 9: a field too many
        '16,"a ""quoted"" word",17\n'  # 10
    )
    rows, lines, broken, _ = read(write(tmp_path, text))
    assert [tuple(row.values()) for row in rows] == [
        ("1", "2", "3"),
        ("6", "two\nlines", "7"),
        ("10", '5" pipe', "11"),
        ("16", 'a "quoted" word', "17"),
    ]
    assert lines == [2, 5, 8, 10]
    assert sorted(broken) == [
        (3, "malformed_line", "4,5"),
        (7, "malformed_line", '8,"never closed,9'),
        (9, "malformed_line", "12,13,14,15"),
    ]


@pytest.mark.parametrize(
    ("end", "rule"),
    [
        ("7,8", "cut_off_line"),  # a field short
        ('7,8,"nin', "cut_off_line"),  # within quotes
        ("7", "cut_off_line"),
    ],
)
def test_a_file_cut_off_loses_its_last_line_and_nothing_else(tmp_path, end, rule):
    rows, lines, broken, notes = read(write(tmp_path, f"a,b,c\n1,2,3\n4,5,6\n{end}"))
    assert [row["a"] for row in rows] == ["1", "4"]
    assert lines == [2, 3]
    assert broken == [(4, rule, end)]
    assert any("no line end" in note for note in notes)


def test_looks_cut():
    for end, before, cut in [
        (None, ["1"] * 20, True),
        (None, ["1"] * 20 + [None], False),
        ("vie", ["view", "cart"] * 20, True),
        ("open", ["view", "cart"] * 20, False),  # another word, not the beginning of one
        ("i1", [f"i{n}" for n in range(10, 60)], False),  # of many different ones any may be next
        ("1", ["10", "12"] * 20, False),  # a number may be any
        ("5", [str(n) for n in range(10, 60)], False),
        ("3", ["1.50", "2.25"] * 10, True),
        ("3.10", ["1.50", "2.25"] * 10, False),
        ("15", ["150"] * 19, False),  # too few to tell
    ]:
        assert looks_cut(end, before) == cut, (end, before[0])


@pytest.mark.parametrize("end", ["u9,view,15115", "u9,view,"])
def test_a_cut_last_field_shows_where_all_others_are_alike(tmp_path, end):
    whole = "".join(f"u{i},view,15115440{i:02d}\n" for i in range(30))
    rows, _, broken, _ = read(write(tmp_path, f"user,kind,time\n{whole}{end}"))
    assert len(rows) == 30
    assert [(line, rule) for line, rule, _ in broken] == [(32, "cut_off_line")]


def test_a_last_line_without_an_end_is_a_row_where_nothing_speaks_against_it(tmp_path):
    rows, lines, broken, _ = read(write(tmp_path, "a,b\n1,2\n3,44"))
    assert (rows[-1], lines, broken) == ({"a": "3", "b": "44"}, [2, 3], [])


TEXTS = st.text(st.sampled_from('ab"\n,;é用 \t0'), max_size=6)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=25),
    size=st.integers(1, 60),
    line_end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_csv_writes_is_read_back_whatever_the_blocks(tmp_path, rows, size, line_end):
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator=line_end, quoting=csv.QUOTE_ALL)
    writer.writerow(["a", "b", "c"])
    starts, line = [], 2
    for row in rows:
        writer.writerow(row)
        starts.append(line)
        line += 1 + sum(field.count("\n") for field in row)
    path = write(tmp_path, buffer.getvalue())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "BLOCK", size)
        patch.setattr(encoding, "PIECE", size)
        found, lines, broken, _ = read(path, encoding="utf-8", delimiter=",")
    assert broken == []
    assert lines == starts

    def plain(text):  # blanks around are trimmed where there are any, and what stands for nothing is null
        text = text.strip() if text is not None else ""
        return None if text in NULLS else text

    assert [tuple(plain(v) for v in row.values()) for row in found] == [tuple(plain(f) for f in row) for row in rows]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(st.sampled_from(["1,2,3", "1,2", "1,2,3,4", '"x,2,3', '1,"2",3', '1,2,"3', "", '1,"a\nb",3'])),
    size=st.integers(1, 40),
)
def test_blocks_change_nothing_about_bad_lines(tmp_path, lines, size):
    path = write(tmp_path, "a,b,c\n" + "".join(f"{line}\n" for line in lines))
    whole = read(path, encoding="utf-8", delimiter=",")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "BLOCK", size)
        patch.setattr(encoding, "PIECE", size)
        pieces = read(path, encoding="utf-8", delimiter=",")
    assert pieces[:2] == whole[:2]
    assert sorted(pieces[2]) == sorted(whole[2])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("gb18030", "用户,时间,动作\n张三,2024-01-01,浏览\n李四,2024-01-02,购买\n"),
        ("gb18030", "user,city\n1,郑州\n2,洛阳\n"),
        ("big5", "用戶,時間,動作\n張三,2024-01-01,瀏覽\n" * 5),
        ("cp1252", "user,city\ncafé,Zürich\nnoël,Málaga\n"),
        ("shift_jis", "ユーザー,時間\n田中,2024-01-01\n"),
    ],
)
def test_the_encoding_is_detected_and_said(tmp_path, name, text):
    rows, _, _, notes = read(write(tmp_path, text, encoding=name))
    expected = list(csv.DictReader(io.StringIO(text)))
    assert rows == expected
    assert any(f"read as {name} (detected)" in note for note in notes)


@pytest.mark.parametrize("name", ["utf-8-sig", "utf-16", "utf-8"])
def test_unicode_needs_no_detection(tmp_path, name):
    rows, _, _, _ = read(write(tmp_path, "用户,b\n张三,2\n", encoding=name))
    assert rows == [{"用户": "张三", "b": "2"}]


def test_the_encoding_shows_late_in_a_long_file(tmp_path):
    text = "user,city\n" + "1,x\n" * 200_000 + "2,郑州\n" * 3
    rows, _, _, notes = read(write(tmp_path, text, encoding="gb18030"))
    assert rows[-1] == {"user": "2", "city": "郑州"}
    assert any("gb18030" in note for note in notes)


def test_a_few_bad_bytes_are_marked_not_another_encoding(tmp_path):
    good = "".join(f"{i},洛阳\n" for i in range(50)).encode()
    rows, _, _, _ = read(write(tmp_path, b"user,city\n" + good + b"51,\xff\xfe\n"))
    assert rows[0]["city"] == "洛阳"
    assert encoding.UNDECODABLE in rows[-1]["city"]


def test_an_encoding_that_does_not_exist(tmp_path):
    for wrong in ("utf-9", "hex"):
        with pytest.raises(SpecError, match="Unknown encoding"):
            read(write(tmp_path, "a,b\n1,2\n"), encoding=wrong)


@pytest.mark.parametrize(("mark", "name"), [(";", "o.csv"), ("\t", "o.tsv"), ("|", "o.txt"), (",", "o.data")])
def test_the_delimiter_is_found(tmp_path, mark, name):
    rows, _, _, notes = read(write(tmp_path, f"a{mark}b\n1{mark}2\n", name))
    assert rows == [{"a": "1", "b": "2"}]
    assert (mark in (";", "|")) == any("stand apart by" in note for note in notes)


def test_columns_apart_by_blanks(tmp_path):
    text = " 00001 19970101  1   11.77\r\n 00002   19970112\t1 12.00 \r\n 00003 19970102\r\n\x1a"
    rows, lines, broken, _ = read(write(tmp_path, text, "CDNOW_master.txt"), header=False, delimiter=" ")
    assert [list(row.values()) for row in rows] == [
        ["00001", "19970101", "1", "11.77"],
        ["00002", "19970112", "1", "12.00"],
    ]
    assert lines == [1, 2]
    assert [(line, rule) for line, rule, _ in broken] == [(3, "malformed_line")]


def test_names_for_a_file_without_header(tmp_path):
    path = write(tmp_path, "1,2\n3,4\n")
    assert read(path, header=("x", "y"))[0] == [{"x": "1", "y": "2"}, {"x": "3", "y": "4"}]
    assert read(path, header=False)[0][0] == {"1": "1", "2": "2"}


def test_gzip_whole_and_cut(tmp_path):
    text = "a,b\n" + "".join(f"{i},{i * i}\n" for i in range(5_000))
    packed = gzip.compress(text.encode())
    rows, _, broken, _ = read(write(tmp_path, packed, "o.csv.gz"))
    assert (len(rows), broken) == (5_000, [])
    rows, lines, broken, notes = read(write(tmp_path, packed[: len(packed) // 2], "cut.csv.gz"))
    assert rows == [{"a": str(i), "b": str(i * i)} for i in range(len(rows))]
    assert 1_000 < len(rows) < 5_000
    assert [(line, rule) for line, rule, _ in broken] == [(lines[-1] + 1, "cut_off_line")]
    assert any("ends in the middle" in note for note in notes)
    twice = gzip.compress(b"a,b\n1,2\n") + gzip.compress(b"3,4\n")  # members one after another are one file
    assert len(read(write(tmp_path, twice, "two.csv.gz"))[0]) == 2


def test_json_lines(tmp_path):
    lines = [
        json.dumps({"user": "u1", "n": 1, "properties": {"a": [1]}}),
        "",
        "[1, 2]",
        '{"user": "\\ud800"}',
        "{nonsense}",
        json.dumps({"user": "u2", "n": 2.5, "late": True}),
        '{"user": "u3", "n"',
    ]
    rows, numbers, broken, _ = read(write(tmp_path, "\n".join(lines), "o.jsonl"))
    assert rows == [
        {"user": "u1", "n": 1.0, "properties": '{"a":[1]}', "late": None},
        {"user": "u2", "n": 2.5, "properties": None, "late": True},
    ]
    assert numbers == [1, 6]
    assert [(line, rule) for line, rule, _ in broken] == [
        (3, "bad_json"),
        (4, "bad_characters"),
        (5, "bad_json"),
        (7, "cut_off_line"),
    ]


def test_a_list_of_objects(tmp_path):
    assert read(write(tmp_path, '[{"a": 1}, {"a": 2}]', "o.json"))[0] == [{"a": 1}, {"a": 2}]
    with pytest.raises(InputError, match="is not JSON"):
        read(write(tmp_path, '[{"a": 1}, {"a"', "o.json"))


def test_excel(tmp_path):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append([None, None])
    sheet.append(["Invoice", "When", "Price", "Customer"])
    sheet.append([536365, datetime(2010, 12, 1, 8, 26), 2.55, 17850.0])
    sheet.append(["C536366", datetime(2010, 12, 1, 9), 3, None])
    book.create_sheet("other").append(["x"])
    book.save(tmp_path / "o.xlsx")
    rows, lines, _, notes = read(tmp_path / "o.xlsx")
    assert rows == [
        {"Invoice": "536365", "When": "2010-12-01 08:26:00", "Price": "2.55", "Customer": "17850"},
        {"Invoice": "C536366", "When": "2010-12-01 09:00:00", "Price": "3", "Customer": None},
    ]
    assert lines == [3, 4]
    assert any("sheet 'Sheet'" in note for note in notes)
    assert read(tmp_path / "o.xlsx", sheet="other", header=False)[0] == [{"1": "x"}]
    with pytest.raises(InputError, match=r"no sheet 'orders'. It has: Sheet, other"):
        read(tmp_path / "o.xlsx", sheet="orders")


def test_parquet_in_chunks_with_row_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr("features.reading.ROWS", 300)
    table = pa.table({"user": [f"u{i % 7}" for i in range(1_000)], "n": range(1_000)})
    pq.write_table(table, tmp_path / "o.parquet", row_group_size=700)
    source = open_source(tmp_path / "o.parquet", Layout())
    chunks = list(source.chunks)
    assert source.n_rows == 1_000
    assert len(chunks) > 3
    assert [int(n) for chunk in chunks for n in chunk.lines] == list(range(1, 1_001))
    assert [v for chunk in chunks for v in chunk.table["user"].to_pylist()] == table["user"].to_pylist()


def test_what_cannot_be_read_is_said(tmp_path):
    with pytest.raises(NotFoundError, match="There is no file"):
        read(tmp_path / "none.csv")
    with pytest.raises(InputError, match="is empty"):
        read(write(tmp_path, ""))
    with pytest.raises(InputError, match="is empty"):
        read(write(tmp_path, gzip.compress(b""), "o.csv.gz"))
    with pytest.raises(InputError, match="nothing but blank lines"):
        read(write(tmp_path, "\n\n \n"))
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        read(write(tmp_path, "no parquet", "o.parquet"))
    with pytest.raises(InputError, match="cannot be read as Excel"):
        read(write(tmp_path, "no excel", "o.xlsx"))
    with pytest.raises(InputError, match=r"Save it as .xlsx"):
        read(write(tmp_path, "old", "o.xls"))
    with pytest.raises(InputError, match="names column 'a' twice"):
        read(write(tmp_path, "a,b,a\n1,2,3\n"))
    pq.write_table(pa.table({"a": pa.array([], pa.string())}), tmp_path / "no_rows.parquet")
    with pytest.raises(InputError, match="no rows"):
        read(tmp_path / "no_rows.parquet")


def test_names_of_files(tmp_path):
    assert [suffix_of(tmp_path / n) for n in ("a.CSV.gz", "b.parquet", "c.md")] == [".csv", ".parquet", ""]
    assert [stem_of(tmp_path / n) for n in ("a.csv.gz", "2019-Oct.csv", "c.md")] == ["a", "2019-Oct", "c.md"]
