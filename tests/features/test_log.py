"""The event log: appends, what stands in the tables, reading."""

import json
from functools import partial

import deltalake
import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import features.log
from features import delta
from features.errors import DamagedError, InputError, NotReadyError
from features.events import CODED_FIELDS, KINDS, NUMBER_FIELDS
from features.histories import from_events
from features.log import Appended, EventLog
from features.schema import EVENTS
from features.spill import Spill

from .logs import (
    actions,
    assert_reads,
    assert_same_codes,
    events_in,
    few,
    invent,
    key_of,
    make,
    tables,
    told,
    with_keys,
)


@pytest.fixture
def log(tmp_path):
    return make(tmp_path / "home")


def judge(table):
    """DuckDB over the Delta table's own list of files, as relation `t`."""
    files = [part.path.as_posix() for part in delta.snapshot(table).parts]
    con = duckdb.connect()
    con.execute(f"create view t as from read_parquet({files!r}, hive_partitioning = true, union_by_name = true)")
    return con


def spans(log):
    return log.n_events, log.version, sorted(path.name for path in log.workspace.home.rglob("*.parquet"))


def test_what_was_appended_stands_in_the_table(log):
    table = with_keys(invent(1000))
    assert log.append([table.slice(0, 400), table.slice(400)], arrived_at=None, total=1000) == Appended(1000, 0, 0)
    found = judge(log.workspace.events).execute(
        "select user_id, ts, arrived_at, kind, item, category, value, event_id, source, key_hi, key_lo from t order by event_id"
    )
    given_rows = table.sort_by("event_id").select([column[0] for column in found.description])
    assert found.fetchall() == [tuple(row.values()) for row in given_rows.to_pylist()]
    assert log.flat().schema.equals(EVENTS)
    assert_reads(log)


def test_other_programs_read_the_tables(log):
    log.append([invent(300)], arrived_at=None)
    log.compact()
    for table, rows in ((log.workspace.events, 300), (log.workspace.histories, 40)):
        arrow = pa.table(deltalake.DeltaTable(str(table)).to_pyarrow_table())
        assert len(arrow) == rows
        assert len(pd.concat([pd.read_parquet(part.path) for part in delta.snapshot(table).parts])) == rows
    assert set(arrow["bucket"].to_pylist()) == {0, 1, 2, 3}


def test_rows_lie_in_the_bucket_of_their_person(log):
    log.append([invent(500)], arrived_at=None)
    for bucket in log.buckets():
        flat = log.flat(bucket)
        assert set(flat["bucket"].to_pylist()) == {bucket}
        assert {key_of_person(user) % 4 for user in flat["user_id"].to_pylist()} == {bucket}
        order = list(zip(*(flat[name].to_pylist() for name in ("user_id", "ts", "key_hi", "key_lo")), strict=True))
        assert order == sorted(order)


def key_of_person(user):
    import mmh3

    return mmh3.hash64(user.encode(), signed=False)[0]


def test_an_event_told_twice_is_counted_and_kept_once(log):
    table = invent(200)
    assert log.append([table, table.slice(0, 50)], arrived_at=None) == Appended(200, 50, 0)
    assert log.append([table], arrived_at=10**12) == Appended(0, 200, 0)
    assert log.append([table, invent(10, start=200)], arrived_at=10**12) == Appended(10, 200, 0)
    assert log.n_events == 210
    assert_reads(log)


def test_of_one_key_the_first_arrival_counts_then_the_log_then_the_earlier_row(log):
    def row(item, arrived, event_id="e"):
        return {"user_id": "u", "ts": 5, "kind": "view", "item": item, "arrived_at": arrived, "event_id": event_id}

    def put(*rows):
        return log.append([pa.Table.from_pylist(list(rows))], arrived_at=None)

    assert put(row("late", 9), row("first", 7), row("also first", 7)) == Appended(1, 2, 2)
    assert put(row("no sooner", 7), row("first", 8)) == Appended(0, 2, 1)
    assert log.flat(columns=["item", "arrived_at"]).to_pylist() == [{"item": "first", "arrived_at": 7}]
    assert put(row("sooner", 6), row("first", 8)) == Appended(0, 2, 2)
    assert log.flat(columns=["item", "arrived_at"]).to_pylist() == [{"item": "sooner", "arrived_at": 6}]
    # at or before its own instant, an arrival counts as the instant: the earlier row wins
    assert put(row("one", 5, "f"), row("other", None, "f"), row("third", 1, "f")) == Appended(1, 2, 2)
    assert sorted(log.flat(columns=["item"])["item"].to_pylist()) == ["one", "sooner"]


def test_an_arrival_before_the_known_one_takes_its_place_in_one_commit(log):
    table = invent(400)
    late = table.append_column("arrived_at", pa.array([10**12] * 400, pa.int64()))
    soon = table.slice(100, 150).append_column("arrived_at", pa.array([10**11] * 150, pa.int64()))
    log.append([late], arrived_at=None)
    log.append([invent(50, start=400)], arrived_at=None)
    log.compact()
    version = log.version
    news = invent(7, start=450)
    assert log.append([soon, news, soon], arrived_at=None) == Appended(7, 300, 0)
    assert (log.version, log.n_events) == (version + 1, 457)
    assert_reads(log)
    assert log.flat(columns=["arrived_at"])["arrived_at"].to_pylist().count(10**11) == 150
    log.compact()
    assert_reads(log)
    other = make(log.workspace.home.with_name("other"))
    for batch in (soon, late, news, invent(50, start=400)):
        other.append([batch], arrived_at=None)
    assert told(other.flat()) == told(log.flat())


def test_what_another_program_wrote_twice_is_read_once_and_left_alone(log):
    log.append([invent(40)], arrived_at=None)
    again = log.flat().append_column("n", pa.array(range(40))).filter(pa.compute.field("n") < 9).drop_columns("n")
    deltalake.write_deltalake(str(log.workspace.events), again.cast(EVENTS), mode="append")
    assert log.refresh().n_events == 49
    assert log.append([invent(40)], arrived_at=None) == Appended(0, 40, 0)
    assert sum(log.read(bucket).n_events for bucket in log.buckets()) == 40


def test_arrival_is_no_content(log):
    table = invent(20)
    log.append([table], arrived_at=10**12)
    assert log.append([table], arrived_at=2 * 10**12) == Appended(0, 20, 0)


@pytest.mark.parametrize("name", ["ts", "kind", "item", "category", "value"])
def test_any_other_column_is_content(log, name):
    table = invent(1)
    log.append([table], arrived_at=None)
    other = {"ts": 77, "kind": "refer", "item": "other", "category": None, "value": 3}[name]
    place = table.column_names.index(name)
    changed = table.set_column(place, name, pa.array([other], table.schema.field(name).type))
    assert log.append([changed], arrived_at=None) == Appended(0, 1, 1)


def test_a_source_and_a_person_each_have_ids_of_their_own(log):
    table = invent(30, users=1)
    till = table.set_column(table.column_names.index("source"), "source", pa.array(["till"] * 30))
    other = table.set_column(table.column_names.index("user_id"), "user_id", pa.array(["someone"] * 30))
    assert log.append([table, till, other], arrived_at=None) == Appended(90, 0, 0)


@few
@given(st.lists(tables, max_size=3), st.sampled_from([1, 3]), st.sampled_from([1, 1 << 30]))
def test_counts_conserve_and_depend_on_neither_buckets_nor_memory(tmp_path_factory, parts, buckets, budget):
    log = make(tmp_path_factory.mktemp("log") / "home", buckets)
    known = {}  # (person, source, id) to the arrival and content that count
    for table in parts:
        groups = {}
        for place, row in enumerate(table.to_pylist()):
            arrived = row.pop("arrived_at")
            mark = (row["user_id"], row["source"], row["event_id"])
            groups.setdefault(mark, []).append((max(row["ts"] if arrived is None else arrived, row["ts"]), place, row))
        accepted = duplicate = conflict = 0
        for mark, told_rows in groups.items():
            accepted += mark not in known
            duplicate += len(told_rows) - (mark not in known)
            before = [(known[mark][0], -1, known[mark][1])] if mark in known else []
            first, *others = sorted([*before, *told_rows], key=lambda found: found[:2])
            conflict += sum(row != first[2] for _, _, row in others)
            known[mark] = (first[0], first[2])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(features.log, "Spill", partial(Spill, budget=budget))
            got = log.append([table.slice(0, 10), table.slice(10)], arrived_at=None)
        assert got == Appended(accepted, duplicate, conflict)
        assert accepted + duplicate == len(table)
    kept = {(row["user_id"], row["source"], row["event_id"]): row for row in log.flat().to_pylist()}
    made = ("bucket", "arrived_at", "key_hi", "key_lo")
    assert {mark: {k: v for k, v in row.items() if k not in made} for mark, row in kept.items()} == {
        mark: row for mark, (_, row) in known.items()
    }
    assert_reads(log)


def test_arrived_at_is_stamped_where_it_is_null(log):
    table = invent(4, first=100).append_column("arrived_at", pa.array([None, 10**10, None, 3], pa.int64()))
    log.append([table], arrived_at=2 * 10**9)
    arrived = dict(zip(*(log.flat(columns=["event_id", "arrived_at"])[n].to_pylist() for n in (0, 1)), strict=True))
    assert arrived == {"e0": 2 * 10**9, "e1": 10**10, "e2": 2 * 10**9, "e3": 3}


def test_one_append_is_one_commit_and_nothing_is_none(log):
    assert (log.exists, log.version, log.n_events) == (False, -1, 0)
    log.append([invent(100)], arrived_at=None)
    assert (log.exists, log.version) == (True, 0)
    log.append([invent(100)], arrived_at=None)  # all known
    log.append([], arrived_at=None)
    log.append([invent(0)], arrived_at=None)
    assert log.version == 0
    log.append([invent(100, start=100)], arrived_at=None)
    assert (log.version, log.n_events) == (1, 200)


def test_no_id_stands_in_the_transaction_log(log):
    for i in range(3):
        batch = invent(100, start=100 * i)
        ids = pa.array([f"event-{name}" for name in batch["event_id"].to_pylist()])  # unlike a file's random name
        log.append([batch.set_column(batch.column_names.index("event_id"), "event_id", ids)], arrived_at=None)
    log.compact()
    log.put_users(pa.table({"user_id": ["u1"]}))
    log.put_items(pa.table({"item": ["i1"]}))
    for table in (log.workspace.events, log.workspace.histories, log.workspace.users, log.workspace.items):
        deltalake.DeltaTable(str(table)).create_checkpoint()
        told_stats = [json.loads(action["add"]["stats"]) for action in actions(table) if "add" in action]
        assert told_stats
        for stats in told_stats:
            assert set(stats) <= {"numRecords", "minValues", "maxValues", "nullCount"}
            assert all(set(stats.get(name, {})) <= {"ts"} for name in ("minValues", "maxValues", "nullCount"))
        settings = next(action["metaData"]["configuration"] for action in actions(table) if "metaData" in action)
        assert settings["delta.dataSkippingStatsColumns"] == "ts"  # and so other writers keep to it
        for path in (table / "_delta_log").iterdir():
            if path.is_file():
                bytes_there = path.read_bytes()
                assert not any(name in bytes_there for name in (b"event-e", b'"u1', b'i1"'))


def test_another_writers_rows_are_read_too(log):
    log.append([invent(50)], arrived_at=None)
    log.compact()
    alien = with_keys(invent(20, start=50, first=10**12)).append_column("bucket", pa.array([1] * 20, pa.int32()))
    alien = alien.filter(pa.compute.equal(alien["user_id"], user := log.read(1).users[0].as_py()))
    assert len(alien)
    deltalake.write_deltalake(str(log.workspace.events), alien.select(EVENTS.names).cast(EVENTS), mode="append")
    seen = EventLog(log.workspace)
    assert seen.n_events == 50 + len(alien)
    assert seen.last_ts == max(alien["ts"].to_pylist())
    assert sum(seen.kinds().values()) == 50 + len(alien)
    assert_reads(seen)
    assert events_in(seen.read_users([user])) == {user: told(seen.flat())[user]}
    for part in delta.snapshot(log.workspace.events).parts:
        added = next(a["add"] for a in actions(log.workspace.events) if a.get("add", {}).get("path") == part.name)
        assert set(json.loads(added["stats"]).get("minValues", {})) <= {"ts"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop_columns("event_id"), "need a column 'event_id'"),
        (lambda t: t.drop_columns("kind"), "need a column 'kind'"),
        (
            lambda t: t.drop_columns("user_id").append_column("user_id", pa.array([None] * 9 + ["u"])),
            "'user_id' of events has 9 nulls",
        ),
        (
            lambda t: t.drop_columns("ts").append_column("ts", pa.array(["noon"] * 10)),
            "Column 'ts' of events is not int64",
        ),
        (lambda t: t.drop_columns("kind").append_column("kind", pa.array(["purchse"] * 10)), "Did you mean 'purchase'"),
    ],
)
def test_what_is_no_event_is_refused_and_nothing_is_added(log, change, message):
    log.append([invent(10)], arrived_at=None)
    before = spans(log)
    with pytest.raises(InputError, match=message):
        log.append([invent(500, start=10), change(invent(10, start=900))], arrived_at=None)
    assert spans(EventLog(log.workspace)) == before


@pytest.mark.parametrize("budget", [1, 1 << 30])
@pytest.mark.parametrize("where", ["reading", "writing", "committing"])
def test_an_interrupt_leaves_nothing_half_done(log, monkeypatch, where, budget):
    log.append([invent(100)], arrived_at=None)
    before = spans(log)
    monkeypatch.setattr(features.log, "Spill", partial(Spill, budget=budget))

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    def batches():
        yield invent(300, start=100)
        if where == "reading":
            interrupted()

    with monkeypatch.context() as patch:
        if where == "writing":
            real, calls = features.log.flat.write, []
            patch.setattr(
                features.log.flat, "write", lambda *a: interrupted() if len(calls) == 2 else calls.append(1) or real(*a)
            )
        if where == "committing":
            patch.setattr(features.log.delta, "commit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            log.append(batches(), arrived_at=None)
    assert spans(EventLog(log.workspace)) == before
    assert not list(log.workspace.home.rglob("*.arrow"))
    assert log.append([invent(300, start=100)], arrived_at=None) == Appended(300, 0, 0)


def test_an_interrupt_after_the_commit_keeps_it(log, monkeypatch):
    real = delta.commit

    def commit(*args, **kwargs):
        real(*args, **kwargs)
        raise KeyboardInterrupt

    monkeypatch.setattr(features.log.delta, "commit", commit)
    with pytest.raises(KeyboardInterrupt):
        log.append([invent(100)], arrived_at=None)
    seen = EventLog(log.workspace)
    assert seen.n_events == 100
    assert_reads(seen)


def test_what_a_killed_writer_spilled_is_cleared(log):
    left = log.workspace.events.parent / ".spill" / "3.arrow"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half a file")
    log.append([invent(100)], arrived_at=None)
    assert not left.parent.exists()
    assert log.n_events == 100


def test_a_log_is_one_snapshot_until_refreshed(log):
    log.append([invent(100)], arrived_at=None)
    early = EventLog(log.workspace)
    assert early.n_events == 100
    with log.workspace.writing("test"):  # readers do not wait for the writer
        log.append([invent(100, start=100)], arrived_at=None)
        log.compact()
        assert (early.n_events, early.version) == (100, 0)
        assert_reads(early)
        assert sum(early.read(bucket).n_events for bucket in early.buckets()) == 100
    assert early.refresh().n_events == 200


@pytest.mark.parametrize("compacted", [False, True])
def test_only_what_was_asked_for_is_read(log, compacted):
    log.append([invent(500)], arrived_at=None)
    if compacted:
        log.compact()
    whole = log.read(2, keys=True)
    part = log.read(2, fields=("value", "item", "category"), texts=("category",))
    assert (list(part.numbers), list(part.coded)) == (["value"], ["item", "category"])
    assert len(part.coded["item"].values) == len(part.key_hi) == len(part.key_lo) == 0
    np.testing.assert_array_equal(part.coded["item"].codes, whole.coded["item"].codes)
    np.testing.assert_array_equal(part.coded["item"].offsets, whole.coded["item"].offsets)
    assert_same_codes(part.coded["category"], whole.coded["category"])
    np.testing.assert_array_equal(part.numbers["value"], whole.numbers["value"])
    bare = log.read(2, fields=(), texts=())
    assert (bare.numbers, bare.coded) == ({}, {})
    np.testing.assert_array_equal(bare.ts, whole.ts)


@pytest.mark.parametrize("state", ["flat", "compacted", "both"])
def test_read_users_gives_them_in_the_order_asked(log, state):
    log.append([invent(300)], arrived_at=None)
    if state != "flat":
        log.compact()
    if state == "both":
        log.append([invent(5, seed=3, start=300)], arrived_at=10**12)
    people = told(log.flat())
    asked = ["u7", "nobody", "u0", "用户", "u7", "u31"]
    histories = log.read_users(asked)
    assert histories.users.to_pylist() == asked
    for u, user in enumerate(asked):
        assert events_in(histories.take(np.array([u])))[user] == people.get(user, [])
    everyone = sorted(people)
    assert events_in(log.read_users(everyone)) == people
    part = log.read_users(["u7", "nobody"], fields=("item",), texts=())
    assert (part.numbers, len(part.coded["item"].values)) == ({}, 0)
    assert len(log.read_users([])) == 0


def test_read_users_of_an_empty_log(log):
    histories = log.read_users(["a", "b"])
    assert events_in(histories) == {"a": [], "b": []}
    assert set(histories.numbers) | set(histories.coded) == {*NUMBER_FIELDS, *CODED_FIELDS}


def test_span_and_kinds(log):
    for ask in ("first_ts", "last_ts"):
        with pytest.raises(NotReadyError, match="no events yet"):
            getattr(log, ask)
    assert log.kinds() == {}
    log.append([invent(200)], arrived_at=None)
    log.append([invent(200, start=200, first=10**10)], arrived_at=10**12)
    table = judge(log.workspace.events)
    assert table.execute("select min(ts), max(ts), count(*) from t").fetchall() == [
        (log.first_ts, log.last_ts, log.n_events)
    ]
    counted = dict(table.execute("select kind, count(*) from t group by kind").fetchall())
    assert log.kinds() == counted
    assert list(log.kinds()) == sorted(counted, key=KINDS.index)


def test_a_shops_own_kinds_keep_their_codes(tmp_path):
    log = make(tmp_path / "home", own_kinds=("tasting",))
    table = invent(50)
    own = table.set_column(table.column_names.index("kind"), "kind", pa.array(["tasting"] * 50))
    log.append([own], arrived_at=None)
    log.compact()
    log.workspace.add_kinds(("repair",))
    later = invent(50, start=50)
    log.append([later.set_column(later.column_names.index("kind"), "kind", pa.array(["repair"] * 50))], arrived_at=None)
    assert log.kinds() == {"tasting": 50, "repair": 50}
    assert_reads(log, log.workspace.facts.kinds)


def test_read_is_from_events_of_the_bucket(log):
    log.append([invent(800)], arrived_at=None)
    log.compact()
    log.append([invent(30, start=800, seed=1)], arrived_at=10**12)
    for bucket in log.buckets():
        one, other = log.read(bucket, keys=True), from_events(log.flat(bucket))
        assert one.users.equals(other.users)
        for name in ("offsets", "ts", "arrived", "kind", "key_hi", "key_lo"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        for name in CODED_FIELDS:
            assert_same_codes(one.coded[name], other.coded[name])


def test_a_missing_events_file_is_told(log):
    log.append([invent(100)], arrived_at=None)
    part = log.events.parts[0]
    part.path.unlink()
    with pytest.raises(DamagedError, match=part.path.name):
        log.read(part.bucket)


def test_a_broken_transaction_log_is_told(log):
    log.append([invent(100)], arrived_at=None)
    next((log.workspace.events / "_delta_log").glob("*.json")).write_text("{")
    with pytest.raises(DamagedError, match="cannot be read"):
        EventLog(log.workspace).n_events  # noqa: B018


def test_keys_are_the_reference_hash_of_source_and_id(log):
    log.append([invent(3)], arrived_at=None)
    for row in log.flat().to_pylist():
        assert (row["key_hi"], row["key_lo"]) == key_of("", row["event_id"])
