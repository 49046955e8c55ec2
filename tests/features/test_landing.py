"""Rows on their way into the log: dictionaries or not, histories beside the events, and what fails after the commit."""

from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import features.log
from features import compact
from features.errors import InputError
from features.intake import ingest
from features.log import EventLog
from features.spill import Spill
from features.workspace import Workspace

from .logs import assert_reads, covers, events_in, invent, make, told

CODED = pa.dictionary(pa.int32(), pa.string())
NOW = 2 * 10**15


def encoded(table, *names):
    """The table with text columns as dictionaries."""
    for name in names:
        table = table.set_column(table.column_names.index(name), name, table[name].cast(CODED))
    return table


@pytest.fixture
def log(tmp_path):
    return make(tmp_path / "home")


@pytest.mark.parametrize("budget", [1, 1 << 30])
def test_texts_may_come_as_dictionaries_or_not_in_any_mixture(log, tmp_path, monkeypatch, budget):
    monkeypatch.setattr(features.log, "Spill", partial(Spill, budget=budget))
    table = invent(600).append_column("properties", pa.array([f'{{"n":{i % 3}}}' for i in range(600)]))
    table = table.append_column("text", pa.array([None if i % 2 else f"说 {i}" for i in range(600)]))
    pieces = [table.slice(100 * i, 100) for i in range(6)]
    mixed = [
        encoded(pieces[0], "user_id", "kind", "item", "properties"),
        pieces[1],
        encoded(pieces[2], "item", "category", "text", "source"),
        encoded(pieces[3], "event_id", "user_id"),
        pieces[4].drop_columns(["category", "text"]),
        encoded(pieces[5], "kind", "properties", "text"),
    ]
    log.append(mixed, arrived_at=None)
    plain = make(tmp_path / "plain")
    plain.append([pieces[0], *pieces[1:4], mixed[4], pieces[5]], arrived_at=None)
    by_id = [("event_id", "ascending")]
    assert log.flat().sort_by(by_id).to_pylist() == plain.flat().sort_by(by_id).to_pylist()
    assert_reads(log)


def test_words_that_no_row_has_are_no_kinds(log):
    table = invent(20)
    codes = pa.array(np.zeros(20, np.int32))
    kinds = pa.DictionaryArray.from_arrays(codes, pa.array(["view", "no such thing"]))
    log.append([table.set_column(table.column_names.index("kind"), "kind", kinds)], arrived_at=None, histories=True)
    assert log.kinds() == {"view": 20}
    bad = pa.DictionaryArray.from_arrays(pa.array(np.ones(20, np.int32)), pa.array(["view", "no such thing"]))
    with pytest.raises(InputError, match="no such thing"):
        log.append([table.set_column(table.column_names.index("kind"), "kind", bad)], arrived_at=None)


def test_no_file_holds_a_text_of_another_buckets_rows(log):
    """Else an erased person's texts, and the id, would stand in files that nobody looks into."""
    table = encoded(invent(4_000, users=12), "user_id", "kind", "item", "category")
    own = pa.array([f"only-{user}" for user in table["user_id"].to_pylist()]).dictionary_encode()
    table = table.append_column("campaign", own)
    log.append([table, table.slice(0, 50)], arrived_at=None, histories=True)
    for part in (*log.events.parts, *log.histories.parts):
        here = set(log.read(part.bucket).users.to_pylist())
        plain = pq.read_table(part.path, partitioning=None, read_dictionary=["user_id", "campaign"])
        assert set(plain["user_id"].combine_chunks().dictionary.to_pylist()) == here
        if part in log.events.parts:
            words = plain["campaign"].combine_chunks().dictionary.to_pylist()
            assert sorted(words) == sorted(f"only-{user}" for user in here)


def test_a_first_load_has_the_histories_that_a_compaction_would_make(log, tmp_path):
    late = invent(900).append_column("arrived_at", pa.array([None if i % 9 else 10**12 for i in range(900)]))
    twice = [late, late.slice(0, 200)]
    assert log.append(twice, arrived_at=None, histories=True).duplicate == 200
    assert covers(log)
    other = make(tmp_path / "other")
    other.append(twice, arrived_at=None)
    assert not covers(other)
    other.compact()
    for bucket in log.buckets():
        assert events_in(log.read(bucket, keys=True)) == events_in(other.read(bucket, keys=True))
    pairs = zip(log.histories.parts, other.histories.parts, strict=True)
    for one, two in pairs:
        assert pq.read_table(one.path, partitioning=None).equals(pq.read_table(two.path, partitioning=None))
    assert log.compact().buckets == 0
    assert_reads(log)


def test_later_loads_compact_when_it_is_due(log):
    log.append([invent(200)], arrived_at=None, histories=True)
    log.append([invent(100, start=200)], arrived_at=None, histories=True)
    assert not covers(log)
    log.append([invent(compact.DUE, start=300)], arrived_at=None, histories=True)
    assert covers(log)


def test_what_fails_after_the_commit_leaves_events_and_the_workspaces_facts(tmp_path, monkeypatch):
    path, workspace = tmp_path / "events.parquet", Workspace.at(tmp_path / "home", {})
    pq.write_table(invent(500, first=10**15).drop_columns("source"), path)

    def full(*args, **kwargs):
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(features.log.compact, "replace", full)
        with pytest.raises(OSError, match="disk is full"):
            ingest(workspace, [path], "canonical", timezone="Asia/Tokyo", now=NOW)
    assert workspace.facts.timezone == "Asia/Tokyo"
    assert EventLog(workspace).n_events == 500
    assert_reads(EventLog(workspace))
    report = ingest(workspace, [path], "canonical", now=NOW)
    assert (report["accepted"], report["duplicate"]) == (0, 500)
    with workspace.writing("test"):
        seen = EventLog(workspace)
        seen.compact()
    assert covers(seen)
    assert told(seen.flat()) == events_in(seen.read_users(sorted(told(seen.flat()))))
