"""The derived histories: equal to the events whatever was appended and compacted when, and rebuildable from them."""

import json
import os
import shutil
import threading
import time

import deltalake
import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import features.compact
from features import delta
from features.compact import CROWD, Compacted, cover
from features.errors import DamagedError
from features.events import NULL
from features.log import EventLog

from .logs import actions, assert_reads, covers, events_in, few, invent, make, tables, told


@pytest.fixture
def log(tmp_path):
    return make(tmp_path / "home")


def files(log):
    return sorted(part.path.name for part in log.histories.parts)


@few
@given(st.lists(st.one_of(tables, st.just("compact")), max_size=6), st.sampled_from([1, 3]))
def test_any_interleaving_of_appends_and_compactions_reads_as_the_events(tmp_path_factory, steps, buckets):
    log = make(tmp_path_factory.mktemp("log") / "home", buckets)
    for step in steps:
        if isinstance(step, str):
            log.compact()
            assert covers(log)
        else:
            log.append([step], arrived_at=None)
        assert_reads(log)
    people = told(log.flat())
    assert events_in(log.read_users(sorted(people))) == people


def test_it_is_one_commit_and_then_nothing_to_do(log):
    log.append([invent(500)], arrived_at=None)
    assert log.compact() == Compacted(buckets=4, events=500, version=0)
    assert log.compact() == Compacted(buckets=0, events=0, version=0)
    assert log.histories.version == 0
    log.append([invent(1, start=500)], arrived_at=None)
    assert log.compact().buckets == 1
    assert log.histories.version == 1
    assert len(log.histories.parts) == 4
    assert covers(log)


def test_nothing_is_compacted_to_nothing(log):
    assert log.compact() == Compacted(0, 0, -1)
    assert log.histories.version == -1


def test_it_records_the_version_it_covers(log):
    log.append([invent(300)], arrived_at=None)
    log.append([invent(300, start=300)], arrived_at=None)
    log.compact()
    assert (
        next(a["commitInfo"]["events_version"] for a in actions(log.workspace.histories) if "commitInfo" in a)
        == log.version
        == 1
    )


def test_duckdb_unnests_the_rows_to_the_events(log):
    table = invent(400).append_column("arrived_at", pa.array([None] * 300 + [10**12] * 100, pa.int64()))
    log.append([table], arrived_at=None)
    log.compact()
    con = duckdb.connect()
    names = [part.path.as_posix() for part in log.histories.parts]
    con.execute(
        f"""create table e as select user_id, bucket, unnest(ts) ts, unnest(key_hi) key_hi, unnest(key_lo) key_lo,
        unnest(coalesce(arrived, ts)) arrived, unnest(kind) code, nullif(unnest(value), {NULL}) as value,
        unnest(list_transform(item_code, lambda c: item[c + 1])) item, item_n = len(item) as counted
        from read_parquet({names}, hive_partitioning = true)"""
    )
    kinds = log.workspace.facts.kinds
    found = con.execute(
        "select user_id, bucket, ts, key_hi, key_lo, arrived, code, value, item from e order by key_hi, key_lo"
    ).fetchall()
    flat = log.flat().sort_by([("key_hi", "ascending"), ("key_lo", "ascending")]).to_pylist()
    assert found == [
        (
            row["user_id"], row["bucket"], row["ts"], row["key_hi"], row["key_lo"],
            row["ts"] if row["arrived_at"] is None else max(row["ts"], row["arrived_at"]),
            kinds.index(row["kind"]), row["value"], row["item"],
        )
        for row in flat
    ]  # fmt: skip
    assert con.execute("select bool_and(counted) from e").fetchall() == [(True,)]


def test_the_table_is_rebuilt_from_events_alone(log):
    log.append([invent(500)], arrived_at=None)
    log.compact()
    before = files(log)
    shutil.rmtree(log.workspace.histories)
    assert_reads(log.refresh())
    assert log.compact().buckets == 4
    assert files(log) == before  # files are named by what they are made from
    assert_reads(log)


def test_what_a_killed_run_finished_is_not_done_again(log, monkeypatch):
    log.append([invent(500)], arrived_at=None)
    real, done, one_at_a_time = features.compact.to_rows, [], threading.Lock()

    def to_rows(histories):
        with one_at_a_time:
            if len(done) == 2:
                raise KeyboardInterrupt
            done.append(len(histories))
        return real(histories)

    with monkeypatch.context() as patch:
        patch.setattr(features.compact, "to_rows", to_rows)
        with pytest.raises(KeyboardInterrupt):
            log.compact()
        seen = EventLog(log.workspace)
        assert (seen.histories.version, seen.histories.parts) == (-1, ())
        assert_reads(seen)
        done.clear()
        assert log.compact().buckets == 4  # with two files to write
        assert len(done) == 2
    assert covers(log)
    assert_reads(log)


def test_events_taken_away_are_no_longer_read_from_histories(log):
    log.append([invent(500)], arrived_at=None)
    log.compact()
    deltalake.DeltaTable(str(log.workspace.events)).delete("user_id = 'u3'")
    seen = EventLog(log.workspace)
    assert seen.n_events < 500
    assert "u3" not in told(seen.flat())
    assert_reads(seen)
    assert events_in(seen.read_users(["u3"])) == {"u3": []}
    assert seen.compact().buckets == 1
    assert covers(seen)
    assert_reads(seen)
    assert not any("u3" in delta.read_part(part)["user_id"].to_pylist() for part in seen.histories.parts)


def test_histories_of_nobody_are_dropped(log):
    log.append([invent(500)], arrived_at=None)
    log.compact()
    deltalake.DeltaTable(str(log.workspace.events)).delete("bucket = 2")
    seen = EventLog(log.workspace)
    assert_reads(seen)
    seen.compact()
    assert {part.bucket for part in seen.histories.parts} == {0, 1, 3}
    assert_reads(seen)


def test_another_programs_rewrite_of_the_events_is_followed(log):
    for start in range(0, 500, 100):
        log.append([invent(100, start=start)], arrived_at=None)
    log.compact()
    deltalake.DeltaTable(str(log.workspace.events)).optimize.compact()
    seen = EventLog(log.workspace)
    assert (len(seen.events.parts), seen.n_events) == (4, 500)
    assert not covers(seen)
    assert_reads(seen)
    assert seen.compact().buckets == 4
    assert covers(seen)
    assert_reads(seen)


@pytest.mark.parametrize("more", [False, True])
@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"PAR1")])
def test_a_damaged_file_of_histories_is_read_around_and_made_anew(log, damage, more):
    log.append([invent(500)], arrived_at=None)
    log.compact()
    damage(log.histories.parts[1].path)
    seen = EventLog(log.workspace)
    assert_reads(seen)
    if more:  # the file that replaces it then has another name
        seen.append([invent(300, start=500)], arrived_at=None)
    assert seen.compact().buckets == (4 if more else 1)
    assert covers(seen)
    assert_reads(seen)
    assert len(pa.table(deltalake.DeltaTable(str(log.workspace.histories)).to_pyarrow_table())) == 40


def crowded(log):
    """2,000 events compacted, CROWD small appends after them."""
    log.append([invent(2000)], arrived_at=None)
    log.compact()
    for i in range(CROWD):
        log.append([invent(40, start=2000 + 40 * i, seed=i)], arrived_at=10**12)
    return log


def data_changes(log):
    """Whether the rows changed, of every removal from `events`."""
    return [action["remove"]["dataChange"] for action in actions(log.workspace.events) if "remove" in action]


def test_small_appends_leave_few_files_and_histories_stay_trusted(log):
    before = files(crowded(log))
    early = EventLog(log.workspace)
    assert early.n_events == 2000 + 40 * CROWD
    assert max(len(log.events.of(bucket)) for bucket in log.buckets()) > CROWD
    for i in range(CROWD, CROWD + 20):
        log.append([invent(40, start=2000 + 40 * i, seed=i)], arrived_at=10**12)
        assert max(len(log.events.of(bucket)) for bucket in log.buckets()) <= CROWD + 1
    assert files(log) == before
    assert all(cover(log.histories.of(bucket), log.events.of(bucket))[0] for bucket in log.buckets())
    assert log.n_events == 2000 + 40 * (CROWD + 20)
    assert_reads(log)
    assert_reads(early)  # an older snapshot still finds its files
    assert not any(data_changes(log))
    assert data_changes(log)


def test_a_compaction_makes_many_covered_files_one(log, monkeypatch):
    log.append([invent(2000)], arrived_at=None)
    large = {part.name for part in log.events.parts}
    for i in range(CROWD):
        log.append([invent(40, start=2000 + 40 * i, seed=i)], arrived_at=10**12)
        log.compact()
    assert len(log.events.parts) == 8
    assert large <= {part.name for part in log.events.parts}
    assert covers(log)
    assert_reads(log)
    assert not any(data_changes(log))
    assert log.append([invent(2000)], arrived_at=None).duplicate == 2000
    assert log.compact().buckets == 0


def test_a_kill_between_its_two_commits_costs_speed_alone(log, monkeypatch):
    log.append([invent(2000)], arrived_at=None)
    for i in range(CROWD):
        log.append([invent(40, start=2000 + 40 * i, seed=i)], arrived_at=10**12)
        if i < CROWD - 1:
            log.compact()
    real = delta.commit

    def commit(table, *args, **kwargs):
        if table == log.workspace.histories:
            raise KeyboardInterrupt
        real(table, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(features.compact.delta, "commit", commit)
        with pytest.raises(KeyboardInterrupt):
            log.compact()
    seen = EventLog(log.workspace)
    assert len(seen.events.parts) == 8
    assert not covers(seen)
    assert_reads(seen)
    assert seen.compact().buckets == 4
    assert covers(seen)
    assert_reads(seen)


def test_files_that_left_are_kept_a_while(log):
    log.append([invent(500)], arrived_at=None)
    log.compact()
    old = {part.path for part in log.histories.parts}
    orphan = log.histories.parts[0].path.with_name("left-by-a-killed-writer.parquet")
    orphan.write_bytes(b"half")
    log.append([invent(500, start=500)], arrived_at=None)
    log.compact()
    assert all(path.exists() for path in {*old, orphan})
    day = time.time() - 25 * 3600
    for path in {*old, orphan}:
        os.utime(path, (day, day))
    log.append([invent(500, start=1000)], arrived_at=None)
    log.compact()
    assert not any(path.exists() for path in {*old, orphan})
    assert_reads(log)


def test_due_after_many_new_rows(log):
    assert not log.due
    log.append([invent(60_000)], arrived_at=None)
    assert log.due
    log.compact()
    log.append([invent(100, start=60_000)], arrived_at=None)
    assert not log.due


def test_lateness_is_kept_for_those_who_are_late(log):
    table = invent(300).append_column("arrived_at", pa.array([None] * 299 + [10**12], pa.int64()))
    log.append([table], arrived_at=None)
    log.compact()
    notes = [delta.note_of(part.path)["n_late"] for part in log.histories.parts]
    assert sorted(notes) == [0, 0, 0, 1]
    late = [log.read(bucket) for bucket in log.buckets()]
    assert sorted(0 if h.arrived is None else int((h.arrived > h.ts).sum()) for h in late) == [0, 0, 0, 1]
    assert_reads(log)


def test_reading_does_not_copy_what_it_need_not(log):
    """Offsets are Arrow's own, one cast away; columns are views of what Parquet decoded."""
    log.append([invent(5000)], arrived_at=None)
    log.compact()
    histories = log.read(0, keys=True)
    for column in (
        histories.ts,
        histories.kind,
        histories.key_hi,
        histories.numbers["value"],
        histories.coded["item"].codes,
    ):
        assert column.base is not None
        assert not column.flags.writeable
    assert histories.offsets.dtype == np.int64


def test_an_older_layout_is_not_trusted(log, monkeypatch):
    log.append([invent(100)], arrived_at=None)
    log.compact()
    monkeypatch.setattr(features.compact, "LAYOUT", 2)
    assert not covers(log)
    assert_reads(log)
    assert log.compact().buckets == 4
    assert covers(log)


def test_a_missing_events_file_stops_it(log):
    log.append([invent(100)], arrived_at=None)
    log.events.parts[2].path.unlink()
    with pytest.raises(DamagedError):
        log.compact()
    assert json.dumps(files(log.refresh())) == "[]"
