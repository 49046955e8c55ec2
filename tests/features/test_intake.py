"""Ingest as a whole: rows conserved, twice is once, all or nothing, and errors that say the way out."""

import csv
import gzip
import json
import random
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features import encoding, flat, reading
from features.columns import Money
from features.errors import BusyError, InputError, NotFoundError, SpecError, UserError
from features.events import KINDS
from features.flow import Flow
from features.formats import discover, format_of
from features.intake import ingest
from features.log import EventLog
from features.workspace import Workspace

NOW = int(datetime(2026, 11, 24, tzinfo=UTC).timestamp()) * 10**6
DAY = 86_400 * 10**6
MAPPING = 'timezone = "Asia/Shanghai"\n[columns]\nuser_id = "user"\nts = "time"\nkind = "action"\nvalue = "amount"\nitem = "item"\n'
HEADER = ["user", "time", "action", "amount", "item"]


@pytest.fixture
def workspace(tmp_path):
    return Workspace.at(tmp_path / "home", {})


@pytest.fixture
def mapping(tmp_path):
    path = tmp_path / "shop.toml"
    path.write_text(MAPPING)
    return path


def table(path, rows, header=HEADER):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def run(workspace, paths, form, **options):
    return ingest(
        workspace,
        [Path(p) for p in (paths if isinstance(paths, list) else [paths])],
        str(form),
        now=options.pop("now", NOW),
        **options,
    )


def tree(folder):
    """Every file below a folder and its bytes."""
    return (
        {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
        if folder.exists()
        else None
    )


def events(workspace, *columns):
    return [tuple(row.values()) for row in EventLog(workspace).flat(columns=list(columns)).to_pylist()]


# --- conservation and idempotence

GOOD = st.tuples(
    st.sampled_from(["u1", "u2", "张三"]),
    st.sampled_from(["2026-01-01 10:00:00", "2026-01-02 11:30:00", "2026-01-03T00:00:00+08:00"]),
    st.sampled_from(["view", "purchase"]),
    st.sampled_from(["", "1.5", "20"]),
    st.sampled_from(["", "i1", "i,2", 'i"3']),
)
BAD = st.sampled_from(
    [
        (("", "2026-01-01 10:00:00", "view", "", ""), "missing_user"),
        (("u1", "", "view", "", ""), "missing_time"),
        (("u1", "tomorrow", "view", "", ""), "bad_time"),
        (("u1", "1066-10-14", "view", "", ""), "time_out_of_range"),
        (("u1", "2099-01-01", "view", "", ""), "time_out_of_range"),
        (("u1", "2026-01-01", "", "", ""), "missing_kind"),
        (("u1", "2026-01-01", "vieww", "", ""), "unknown_kind"),
        (("u1", "2026-01-01", "view", "ten", ""), "bad_number"),
        (("u1", "2026-01-01", "view", "inf", ""), "not_finite"),
        (("u1", "2026-01-01", "view", "-1", ""), "negative_value"),
        (("x" * 257, "2026-01-01", "view", "", ""), "too_long"),
        (("u1", "2026-01-01", "view", "", "a\0b"), "bad_characters"),
        (("u1", "2026-01-01", "view"), "malformed_line"),
        (("u1", "2026-01-01", "view", "", "", "extra"), "malformed_line"),
        (("", "tomorrow", "vieww", "ten", ""), "missing_user"),  # of several the first rule is the reason
    ]
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    files=st.lists(st.lists(st.one_of(GOOD.map(lambda row: (row, None)), BAD), max_size=12), min_size=1, max_size=2),
    block=st.integers(20, 400),
    seed=st.integers(0, 99),
)
def test_rows_are_conserved_and_twice_is_once(tmp_path_factory, files, block, seed):
    folder = tmp_path_factory.mktemp("case")
    workspace, mapping = Workspace.at(folder / "home", {}), folder / "shop.toml"
    mapping.write_text(MAPPING)
    files = [*files, [(("u9", "2026-01-01", "view", "", ""), None)]]
    paths = [table(folder / f"{i}.csv", [row for row, _ in rows]) for i, rows in enumerate(files) if rows]
    expected = Counter(rule for rows in files for _, rule in rows if rule)
    within = [Counter(canonical(row) for row, rule in rows if not rule) for rows in files]
    accepted = sum(max(c[key] for c in within) for key in set().union(*within))
    n_good = sum(c.total() for c in within)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "BLOCK", block)
        before = run(workspace, paths, mapping, dry_run=True)
        assert not workspace.home.exists()
        first = run(workspace, paths, mapping)
    numbers = {
        "read": n_good + expected.total(),
        "accepted": accepted,
        "duplicate": n_good - accepted,
        "quarantined": dict(expected),
        "conflict": 0,
    }
    assert {key: first[key] for key in numbers} == numbers
    assert {key: before[key] for key in numbers} == numbers
    stored = sorted(events(workspace, "user_id", "ts", "event_id"))
    assert len(stored) == accepted

    shuffled = folder / "again"
    shuffled.mkdir()
    again = []
    for i, rows in enumerate(reversed(files)):
        mixed = [row for row, _ in rows]
        random.Random(seed).shuffle(mixed)
        again.append(table(shuffled / f"{i}.csv", mixed))
    second = run(workspace, again, mapping)
    assert second == second | numbers | {"accepted": 0, "duplicate": n_good}
    assert sorted(events(workspace, "user_id", "ts", "event_id")) == stored


def canonical(row):
    user, time, kind, amount, item = row
    moment = datetime.fromisoformat(time)
    return user, moment if moment.tzinfo is None else moment.replace(tzinfo=None), kind, amount and float(amount), item


def test_overlapping_exports_share_rows_and_equal_purchases_stay_two(workspace, mapping, tmp_path):
    twin = ("u1", "2026-01-01 10:00:00", "purchase", "5", "i1")
    old = table(tmp_path / "old.csv", [twin, twin, ("u2", "2026-01-01 10:00:00", "view", "", "i1")])
    new = table(tmp_path / "new.csv", [("u3", "2026-02-01 10:00:00", "view", "", "i1"), twin, twin, twin])
    assert run(workspace, [old, new], mapping)["accepted"] == 5  # two and one more twin, u2, u3
    again = run(workspace, [new, old, old], mapping)
    assert (again["accepted"], again["duplicate"]) == (0, 10)
    ids = [event_id for user, event_id in events(workspace, "user_id", "event_id") if user == "u1"]
    assert len({*ids}) == 3


def test_the_form_of_the_file_changes_no_id(workspace, mapping, tmp_path):
    rows = [
        ("17850", "2026-01-01 10:00:00", "purchase", "2.50", "85123A"),
        ("17850", "2026-01-01 10:00:00", "purchase", "2.5", "22"),
    ]
    run(workspace, table(tmp_path / "a.csv", rows), mapping)
    moment = datetime(2026, 1, 1, 10)
    typed = pa.table(
        {
            "user": [17850.0] * 2,
            "time": [moment] * 2,
            "action": ["purchase"] * 2,
            "amount": [2.5, 2.5],
            "item": ["85123A", "22"],
        }
    )
    pq.write_table(typed, tmp_path / "a.parquet")
    lines = [dict(zip(HEADER, row, strict=True)) for row in rows]
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    for path in ("a.parquet", "a.jsonl"):
        report = run(workspace, tmp_path / path, mapping)
        assert (report["accepted"], report["duplicate"]) == (0, 2), path


def test_a_mapping_that_gains_a_column_counts_no_row_twice(workspace, mapping, tmp_path):
    path = table(tmp_path / "a.csv", [("u1", "2026-01-01", "view", "", "i1"), ("u1", "2026-01-02", "view", "", "i2")])
    mapping.write_text(MAPPING.replace('item = "item"\n', ""))
    assert run(workspace, path, mapping)["accepted"] == 2
    mapping.write_text(MAPPING)
    report = run(workspace, path, mapping)
    assert (report["accepted"], report["duplicate"], report["conflict"]) == (0, 2, 2)
    assert any("differ" in note for note in report["notes"])


def test_given_ids_are_kept_and_the_first_content_counts(workspace, tmp_path):
    path = table(
        tmp_path / "e.csv",
        [
            ("1", "u", "2026-01-01T00:00:00Z", "view"),
            ("1", "u", "2026-01-01T00:00:00Z", "cart"),
            ("", "u", "2026-01-01T00:00:00Z", "open"),
        ],
        ["event_id", "user_id", "ts", "kind"],
    )
    report = run(workspace, path, "canonical")
    assert (report["accepted"], report["duplicate"], report["conflict"]) == (2, 1, 1)
    assert {row for row in events(workspace, "event_id", "kind", "source") if row[0] == "1"} == {("1", "view", "")}


# --- time and order


def test_the_first_load_has_no_arrival_and_later_ones_arrive_now(workspace, mapping, tmp_path):
    run(workspace, table(tmp_path / "a.csv", [("u1", "2026-01-01", "view", "", "")]), mapping)
    report = run(
        workspace,
        table(tmp_path / "b.csv", [("u2", "2026-11-23", "view", "", ""), ("u3", "2026-01-01", "view", "", "")]),
        mapping,
    )
    assert dict(events(workspace, "user_id", "arrived_at")) == {"u1": None, "u2": NOW, "u3": NOW}
    assert any(note.startswith("1 events are older than 30 days") for note in report["notes"])


def test_the_sources_own_arrival_wins_and_early_ones_are_told(workspace, tmp_path):
    rows = [
        ("u1", "2026-01-01T00:00:00Z", "view", "2026-01-02T00:00:00Z"),
        ("u2", "2026-01-01T00:00:00Z", "view", "2025-12-31T00:00:00Z"),
    ]
    report = run(workspace, table(tmp_path / "a.csv", rows, ["user_id", "ts", "kind", "arrived_at"]), "canonical")
    assert (
        dict(events(workspace, "user_id", "arrived_at"))["u1"]
        == int(datetime(2026, 1, 2, tzinfo=UTC).timestamp()) * 10**6
    )
    assert any(note.startswith("1 events arrived before they happened") for note in report["notes"])
    assert report["early"] == 1
    assert EventLog(workspace).read_users(["u2"]).arrived is None  # it counts as when it happened


def test_an_arrival_of_the_next_five_minutes_is_kept_and_one_beyond_is_put_aside(workspace, tmp_path):
    def at(us):
        return datetime.fromtimestamp(us / 1e6, UTC).isoformat()

    rows = [(f"u{n}", at(NOW - DAY), "view", at(NOW + n * 60 * 10**6)) for n in (1, 5, 6)]
    report = run(workspace, table(tmp_path / "a.csv", rows, ["user_id", "ts", "kind", "arrived_at"]), "canonical")
    assert (report["accepted"], report["quarantined"]) == (2, {"arrived_in_future": 1})
    assert dict(events(workspace, "user_id", "arrived_at")) == {"u1": NOW + 60 * 10**6, "u5": NOW + 300 * 10**6}


@pytest.mark.parametrize(
    ("back", "stamp", "note"),
    [
        (-1, NOW + 1, None),
        (0, NOW, None),
        (
            3_600 * 10**6,
            NOW,
            "The clock is 1:00:00 behind the last arrival in the log: events of this load arrive then",
        ),
        (DAY, NOW, "1 day, 0:00:00 behind"),
        (9 * DAY, NOW - 9 * DAY, "The clock is 9 days behind the last arrival in the log, 2026-11-24T00:00:00+00:00"),
    ],
)
def test_a_clock_that_went_back_does_not_change_what_was_known(workspace, mapping, tmp_path, back, stamp, note):
    for n in range(2):
        run(workspace, table(tmp_path / f"{n}.csv", [(f"u{n}", "2026-01-01", "view", "", "")]), mapping)
    later = table(tmp_path / "later.csv", [("u2", "2026-01-01", "view", "", "")])
    foreseen = run(workspace, later, mapping, now=NOW - back, dry_run=True)
    report = run(workspace, later, mapping, now=NOW - back)
    assert report == foreseen
    assert dict(events(workspace, "user_id", "arrived_at")) == {"u0": None, "u1": NOW, "u2": stamp}
    told = [line for line in report["notes"] if "behind" in line]
    assert len(told) == (note is not None)
    assert note is None or note in told[0]
    with workspace.writing("test"):
        EventLog(workspace).compact()
    assert flat.last_arrival(EventLog(workspace).events.parts) == max(NOW, stamp)


# --- what the first ingest fixes


def test_the_timezone_is_the_option_the_answer_the_mappings_or_utc(tmp_path, mapping):
    path = table(tmp_path / "a.csv", [("u1", "2026-01-01 12:00:00", "view", "", "")])
    plain = tmp_path / "plain.toml"
    plain.write_text(MAPPING.split("\n", 1)[1])
    noon = int(datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp()) * 10**6
    hour = 3_600 * 10**6

    def settled(name, form, **options):
        workspace = Workspace.at(tmp_path / name, options.pop("environ", {}))
        report = run(workspace, path, form, **options)
        return workspace.facts.timezone, (events(workspace, "ts")[0][0] - noon) // hour, report["notes"]

    assert settled("w1", plain, timezone="America/New_York", ask=lambda: "UTC")[:2] == ("America/New_York", 5)
    assert settled("w2", mapping, ask=lambda: " Europe/London ")[:2] == ("Europe/London", -8)
    zone, shift, notes = settled("w3", mapping, ask=lambda: "")
    assert (zone, shift) == ("Asia/Shanghai", -8)
    assert any("Asia/Shanghai" in note for note in notes)
    assert settled("w4", plain, environ={"INTENTLY_TIMEZONE": "Asia/Tokyo"})[:2] == ("Asia/Tokyo", -9)
    with pytest.raises(InputError, match="Unknown timezone"):
        settled("w5", plain, timezone="Mars/Olympus")
    with pytest.raises(InputError, match="times without an offset"):
        settled("w6", plain)
    path = table(tmp_path / "d.csv", [("u1", "2026-01-01", "view", "", "")])
    zone, shift, notes = settled("w8", plain)
    assert (zone, shift) == ("UTC", -12)
    assert any("d.csv: column 'time': times without an offset, read as UTC" in note for note in notes)
    assert not (tmp_path / "w6").exists()
    stamps = table(tmp_path / "s.csv", [("u1", "2026-01-01T12:00:00Z", "view")], ["user_id", "ts", "kind"])
    workspace = Workspace.at(tmp_path / "w7", {})
    report = run(workspace, stamps, "canonical")
    assert workspace.facts.timezone == "UTC"
    assert any("UTC, since none was given" in note for note in report["notes"])


def test_later_ingests_keep_to_the_facts(workspace, mapping, tmp_path):
    path = table(tmp_path / "a.csv", [("u1", "2026-01-01", "view", "", "")])
    run(workspace, path, mapping, currency="CNY")
    before = tree(workspace.home)
    with pytest.raises(InputError, match="timezone is Asia/Shanghai, since its first ingest; UTC cannot be set"):
        run(workspace, path, mapping, timezone="UTC")
    with pytest.raises(InputError, match="currency is CNY, since its first ingest; USD was given"):
        run(workspace, path, mapping, currency="USD")
    assert tree(workspace.home) == before
    run(workspace, path, mapping, timezone="Asia/Shanghai", currency="CNY", ask=lambda: pytest.fail("asked again"))


def test_a_currency_column_settles_the_currency(workspace, tmp_path):
    header = ["user_id", "ts", "kind", "value", "currency"]
    rows = [("u1", "2026-01-01T00:00:00Z", "purchase", "1", "CNY"), ("u2", "2026-01-01T00:00:00Z", "purchase", "1", "")]
    report = run(workspace, table(tmp_path / "a.csv", rows, header), "canonical")
    assert workspace.facts.currency == "CNY"
    assert any("currency is CNY" in note for note in report["notes"])
    with pytest.raises(InputError, match="amounts in USD"):
        run(
            workspace,
            table(tmp_path / "b.csv", [("u3", "2026-01-01T00:00:00Z", "purchase", "1", "USD")], header),
            "canonical",
        )


def test_own_kinds_must_be_declared(workspace, tmp_path):
    path = table(
        tmp_path / "a.csv",
        [("u1", "2026-01-01T00:00:00Z", "抽奖"), ("u2", "2026-01-01T00:00:00Z", "view")],
        ["user_id", "ts", "kind"],
    )
    assert run(workspace, path, "canonical", dry_run=True)["quarantined"] == {"unknown_kind": 1}
    toml = tmp_path / "m.toml"
    toml.write_text('[columns]\nuser_id = "user_id"\nts = "ts"\nkind = "kind"\n[kinds]\n"抽奖" = "lottery"\n')
    with pytest.raises(SpecError, match=r"the kind 'lottery', which is not known.*\[kinds.lottery\]"):
        run(workspace, path, toml)
    workspace.home.mkdir()
    (workspace.home / "intently.toml").write_text('[kinds.lottery]\nstage = "browsing"\n')
    assert run(workspace, path, toml, dry_run=True)["accepted"] == 2
    assert run(workspace, path, toml)["accepted"] == 2
    assert workspace.facts.own_kinds == ("lottery",)
    assert EventLog(workspace).kinds() == {"view": 1, "lottery": 1}
    (workspace.home / "intently.toml").write_text('[kinds.lottery]\n[kinds.checkin]\nstage = "browsing"\n')
    other = table(tmp_path / "b.csv", [("u3", "2026-01-01T00:00:00Z", "checkin")], ["user_id", "ts", "kind"])
    assert run(workspace, other, "canonical", dry_run=True)["accepted"] == 1
    assert run(workspace, other, "canonical")["accepted"] == 1
    assert workspace.facts.own_kinds == ("lottery", "checkin")


# --- folders, users, items


def shop(folder):
    folder.mkdir(exist_ok=True)
    table(
        folder / "events.csv",
        [
            ("u1", "2026-01-01T00:00:00Z", "view", "i1", ""),
            ("u1", "2026-01-02T00:00:00Z", "view", "i2", "own"),
            ("u2", "2026-01-02T00:00:00Z", "view", "i9", ""),
        ],
        ["user_id", "ts", "kind", "item", "category"],
    )
    pq.write_table(pa.table({"user_id": ["u1", "u2", None], "vip": [True, False, None]}), folder / "users.parquet")
    (folder / "items.jsonl").write_text(
        '{"item": "i1", "category": "shoes/sport", "price": 9.5, "brand": "x"}\n{"item": "i2", "category": "hats"}\n'
    )
    (folder / "truth.parquet").write_bytes(b"left alone")
    return folder


def test_a_folder_takes_events_users_and_items(workspace, tmp_path):
    folder = shop(tmp_path / "in")
    before = run(workspace, folder, "canonical", dry_run=True)
    assert not workspace.home.exists()
    report = run(workspace, folder, "canonical")
    wanted = {"read": 3, "accepted": 3, "duplicate": 0, "quarantined": {}, "users": 2, "items": 2}
    assert report == report | wanted
    assert before == before | wanted
    assert any("users.parquet: rows refused" in note and "missing_user 1" in note for note in report["notes"])
    assert len(report["quarantine_files"]) == 1
    assert sorted(events(workspace, "user_id", "item", "category")) == [
        ("u1", "i1", "shoes/sport"),
        ("u1", "i2", "own"),
        ("u2", "i9", None),
    ]
    log = EventLog(workspace)
    assert [json.loads(row["attributes"]) for row in log.users().sort_by("user_id").to_pylist()] == [
        {"vip": True},
        {"vip": False},
    ]
    assert log.items().sort_by("item").to_pylist()[0] == {
        "item": "i1",
        "category": "shoes/sport",
        "price": 95_000,
        "attributes": '{"brand":"x"}',
    }
    again = run(workspace, folder, "canonical")
    assert (again["accepted"], again["duplicate"]) == (0, 3)


def test_a_folder_without_events_is_refused(workspace, tmp_path):
    folder = shop(tmp_path / "in")
    (folder / "events.csv").unlink()
    with pytest.raises(InputError, match=r"has no events\.\*.*It has: items.jsonl, truth.parquet, users.parquet"):
        run(workspace, folder, "canonical")
    (tmp_path / "void").mkdir()
    with pytest.raises(InputError, match=r"has no file that can be read.*It has: nothing"):
        run(workspace, tmp_path / "void", "taobao")
    assert not workspace.home.exists()


def test_users_alone(workspace, tmp_path):
    toml = tmp_path / "people.toml"
    toml.write_text('table = "users"\ntimezone = "UTC"\n[columns]\nuser_id = "id"\nvalid_from = "since"\n')
    path = table(
        tmp_path / "people.csv",
        [("u1", "2026-01-01", "gold"), ("u2", "", "silver"), ("", "", "x"), ("u2", "", "silver")],
        ["id", "since", "tier"],
    )
    wanted = {"read": 4, "accepted": 2, "duplicate": 1, "quarantined": {"missing_user": 1}, "users": 3}
    assert run(workspace, path, toml, dry_run=True).items() >= wanted.items()
    assert run(workspace, path, toml).items() >= wanted.items()
    assert run(workspace, path, toml, dry_run=True).items() >= (wanted | {"accepted": 0, "duplicate": 3}).items()
    assert run(workspace, path, toml).items() >= (wanted | {"accepted": 0, "duplicate": 3}).items()
    assert workspace.facts.timezone == "UTC"


def test_several_files_in_one_call(workspace, tmp_path):
    paths = [
        table(tmp_path / f"{m}.csv", [(f"u{m}", f"2026-0{m}-01T00:00:00Z", "view")], ["user_id", "ts", "kind"])
        for m in (1, 2, 3)
    ]
    report = run(workspace, paths, "canonical")
    assert report["accepted"] == 3
    assert {arrived for (arrived,) in events(workspace, "arrived_at")} == {None}


# --- the canonical format


def test_canonical_parquet_with_all_columns_and_dictionaries(workspace, tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "ROWS", 100)
    n = 1_000
    moments = pa.array([NOW - (i + 1) * DAY // 10 for i in range(n)], pa.timestamp("us", "UTC"))
    columns = {
        "event_id": [f"e{i}" for i in range(n)],
        "user_id": pa.array([f"u{i % 37}" for i in range(n)]).dictionary_encode(),
        "ts": moments,
        "kind": pa.array([["view", "purchase"][i % 2] for i in range(n)]).dictionary_encode(),
        "item": pa.array([None if i % 5 == 0 else f"i{i % 11}" for i in range(n)]).dictionary_encode(),
        "value": pa.array([None if i % 2 == 0 else i / 4 for i in range(n)]),
        "quantity": pa.array([i % 3 for i in range(n)], pa.int64()),
        "dwell": pa.array(range(n), pa.int64()),
        "rating": pa.array([float(i % 5) for i in range(n)]),
        "properties": [f'{{"n":{i}}}' for i in range(n)],
        "extra": range(n),
    }
    pq.write_table(pa.table(columns), tmp_path / "events.parquet", row_group_size=333)
    report = run(workspace, tmp_path / "events.parquet", "canonical")
    assert (report["read"], report["accepted"], report["quarantined"]) == (n, n, {})
    assert "events.parquet: columns not used: extra." in report["notes"]
    stored = sorted(EventLog(workspace).flat().to_pylist(), key=lambda row: int(row["event_id"][1:]))
    assert [row["ts"] for row in stored] == [NOW - (i + 1) * DAY // 10 for i in range(n)]
    assert [row["value"] for row in stored[:4]] == [None, 2_500, None, 7_500]
    assert [row["quantity"] for row in stored[:3]] == [0, 10_000, 20_000]
    assert [row["dwell"] for row in stored[:3]] == [0, 1, 2]
    assert [row["item"] for row in stored[:3]] == [None, "i1", "i2"]
    assert stored[7]["properties"] == '{"n":7}'


def test_only_three_columns_are_required(workspace, tmp_path):
    path = table(tmp_path / "o.csv", [("u", str(NOW - DAY), "view")], ["user_id", "ts", "kind"])
    assert run(workspace, path, "canonical")["accepted"] == 1
    for gone in ("user_id", "ts", "kind"):
        header = [name for name in ("user_id", "ts", "kind") if name != gone]
        with pytest.raises(InputError, match=rf"has no column '{gone}'.*It has: {header[0]}, {header[1]}.*mapping"):
            run(workspace, table(tmp_path / "p.csv", [("u", "x")], header), "canonical")


def test_json_lines_whose_columns_turn_up_late(workspace, tmp_path):
    lines = [{"user_id": "u", "ts": "2026-01-01T00:00:00Z", "kind": "view", "event_id": str(i)} for i in range(1_500)]
    lines[1_400] |= {"value": 5, "properties": {"a": 1}}
    (tmp_path / "e.jsonl").write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    assert run(workspace, tmp_path / "e.jsonl", "canonical")["accepted"] == 1_500
    assert [row for row in events(workspace, "event_id", "value", "properties") if row[1]] == [
        ("1400", 50_000, '{"a":1}')
    ]


# --- nothing half-done


def refused(workspace, error, match, paths, form, **options):
    before = tree(workspace.home)
    for dry_run in (True, False):
        with pytest.raises(error, match=match) as caught:
            run(workspace, paths, form, dry_run=dry_run, **options)
        assert tree(workspace.home) == before
    return caught.value


@pytest.mark.parametrize("used", [False, True])
def test_errors_leave_nothing(workspace, mapping, tmp_path, used):
    if used:
        run(workspace, table(tmp_path / "first.csv", [("u1", "2026-01-01", "view", "", "")]), mapping)
    (tmp_path / "empty.csv").write_text("")
    good = table(tmp_path / "good.csv", [("u5", "2026-01-01", "view", "", "")])
    refused(workspace, NotFoundError, "There is no file", [good, tmp_path / "none.csv"], mapping)
    refused(workspace, InputError, "is empty", [good, tmp_path / "empty.csv"], mapping)
    refused(workspace, InputError, "Unknown format 'taobo'.*Did you mean 'taobao'", good, "taobo")
    refused(workspace, NotFoundError, "There is no mapping", good, tmp_path / "none.toml")
    refused(workspace, InputError, "Nothing to ingest", [], mapping)
    refused(
        workspace,
        InputError,
        "no column 'user'.*It has: a, b",
        table(tmp_path / "x.csv", [(1, 2)], ["a", "b"]),
        mapping,
    )
    header = table(tmp_path / "header.csv", [])
    refused(workspace, InputError, "no rows but the header", header, mapping)
    bad = table(
        tmp_path / "bad.csv",
        [("u1", "2026-01-01", "buyy", "", ""), ("", "x", "view", "", ""), ("u1", "2026-01-01", "buyy", "", "")],
    )
    message = refused(workspace, InputError, "All 3 rows of bad.csv are refused", bad, mapping).message
    assert "2 of them as unknown_kind" in message
    assert "'buyy' in line 2" in message
    stamps = table(tmp_path / "ms.csv", [("u", 1_700_000_000_000 + i, "view", "", "") for i in range(20)])
    (tmp_path / "s.toml").write_text('time = "unix_s"\n' + MAPPING)
    refused(
        workspace,
        InputError,
        'column .time. has times such as 1700000000000.*`time = "unix_ms"`',
        [stamps, good],
        tmp_path / "s.toml",
    )
    pq.write_table(pa.table({"a": [1]}), tmp_path / "half.parquet")
    (tmp_path / "half.parquet").write_bytes((tmp_path / "half.parquet").read_bytes()[:-9])
    refused(workspace, InputError, "cannot be read as Parquet", tmp_path / "half.parquet", mapping)


def test_a_failure_in_the_second_file_takes_back_the_first(workspace, mapping, tmp_path):
    good = table(tmp_path / "good.csv", [("u5", "2026-01-01", "view", "", ""), ("", "", "", "", "")])
    currency = table(
        tmp_path / "mixed.csv", [("u", "2026-01-01", "view", "1", "USD"), ("u", "2026-01-01", "view", "1", "CNY")]
    )
    mapping.write_text(MAPPING.replace('item = "item"', 'currency = "item"'))
    refused(workspace, InputError, "amounts in CNY, USD", [good, currency], mapping)
    assert not workspace.home.exists()


def test_a_file_cut_anywhere_loses_one_line_at_most(tmp_path):
    """Cuts that leave a row which nothing tells from a whole one (a price of 12.9 for 12.95) are the last bytes only."""
    header = ["event_id", "user_id", "ts", "kind", "text", "value"]
    moments = [f"2026-01-{1 + i % 28:02d}T10:00:00Z" for i in range(60)]
    rows = [
        (f"e{i}", f"u{i % 7}", moments[i], ["view", "cart"][i % 2], f'"{i}", or\n{i}', f"{i}.{i % 10}5")
        for i in range(60)
    ]
    path = table(tmp_path / "e.csv", rows, header)
    whole = path.read_bytes()
    expected = flowed(path)[0]
    starts = [whole.index(f"\ne{i},".encode()) + 1 for i in range(60)] + [len(whole)]
    for at in [*range(starts[30], starts[34]), *range(starts[57], starts[60])]:
        path.write_bytes(whole[:at])
        got, read, quarantined = flowed(path)
        n_whole = sum(start <= at for start in starts[1:])
        assert got[:n_whole] == expected[:n_whole], at
        cut = at not in starts and at + 2 not in starts and at + 1 not in starts  # \r\n belongs to the line's end
        assert quarantined == ({"cut_off_line": 1} if cut else {}), at
        assert read == n_whole + (at not in starts), at


def flowed(path):
    """Good rows of a canonical file on its way to the log, rows read, refused ones by rule."""
    files = discover([path], format_of("canonical"))
    flow = Flow(KINDS, "UTC", Money(), NOW, {}, None, "", stamp=None, notes=[])
    batches = list(flow.events(files, None))
    for batch in batches:
        batch.validate(full=True)
    good = [row for batch in batches for row in batch.to_pylist()]
    assert flow.read == len(good) + sum(flow.quarantined.values())
    return good, flow.read, flow.quarantined


INSERTED = [
    b'"',
    b",",
    b"\n",
    b"\0",
    b"\r",
    b"\xff\xfe",
    "用".encode(),
    b'""',
    b"\n\n",
    b" ",
    b"\x1a",
    b"9" * 30,
    b"nan",
    b"1e400",
]


@pytest.mark.parametrize("name", ["events.csv", "events.jsonl", "events.csv.gz", "events.parquet"])
def test_damage_anywhere_is_rows_refused_or_an_error_of_the_users(tmp_path, name):
    rows = [
        {"user_id": f"u{i}", "ts": "2026-01-01T00:00:00Z", "kind": "view", "value": i, "text": f'say "{i}"'}
        for i in range(30)
    ]
    path = tmp_path / name
    if name.endswith("jsonl"):
        data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    elif name.endswith("parquet"):
        pq.write_table(pa.Table.from_pylist(rows), path)
        data = path.read_bytes()
    else:
        data = table(path, [row.values() for row in rows], rows[0]).read_bytes()
        data = gzip.compress(data) if name.endswith("gz") else data
    chance = random.Random(5)
    outcomes = Counter()
    for _ in range(120):
        damaged = bytearray(data)
        for _ in range(chance.choice([1, 2, 9])):
            at = chance.randrange(len(damaged))
            what = chance.randrange(3)
            if what == 0:
                damaged[at] = chance.randrange(256)
            elif what == 1:
                damaged[at:at] = chance.choice(INSERTED)
            else:
                del damaged[at : at + chance.randrange(1, 20)]
        path.write_bytes(damaged)
        try:
            flowed(path)
            outcomes["read"] += 1
        except UserError:
            outcomes["refused"] += 1
    assert outcomes["refused"] or "json" in name, outcomes
    assert outcomes["read"] or "gz" in name, outcomes


def test_one_writer(workspace, mapping, tmp_path):
    path = table(tmp_path / "a.csv", [("u1", "2026-01-01", "view", "", "")])
    with workspace.writing("another"), pytest.raises(BusyError, match="another"):
        run(Workspace.at(workspace.home, {}), path, mapping)


def test_a_dry_run_counts_against_the_log_and_writes_nothing(workspace, mapping, tmp_path):
    first = table(tmp_path / "a.csv", [("u1", "2026-01-01", "view", "", ""), ("u2", "2026-01-01", "view", "", "")])
    run(workspace, first, mapping)
    more = table(
        tmp_path / "b.csv",
        [("u1", "2026-01-01", "view", "", ""), ("u3", "2026-01-01", "view", "", ""), ("", "", "", "", "")],
    )
    before = tree(workspace.home)
    promised = run(workspace, more, mapping, dry_run=True)
    assert tree(workspace.home) == before
    done = run(workspace, more, mapping)
    numbers = ("read", "accepted", "duplicate", "quarantined", "conflict")
    assert [promised[key] for key in numbers] == [done[key] for key in numbers] == [3, 1, 1, {"missing_user": 1}, 0]


def test_facts_of_a_first_ingest_that_was_killed_bind_nobody(workspace, mapping, tmp_path):
    from features.workspace import Facts

    workspace.fix(Facts(timezone="Europe/London", currency="GBP"))
    run(workspace, table(tmp_path / "a.csv", [("u1", "2026-01-01", "view", "", "")]), mapping, timezone="Asia/Tokyo")
    assert workspace.facts.timezone == "Asia/Tokyo"
