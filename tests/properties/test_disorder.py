"""Disorder: in whatever order, files and repetitions events come, the log as read is the same.

"As read" is: every person's history with keys, arrivals, fields and texts, the flat events but for the files that hold them,
and the number of events. Of an event told several times what arrived first counts, content and all; two tellings that arrive
at one instant with other content are a conflict, which is counted, and the one loaded first stays: so none are invented here.
Where the source gives no arrival, ours is stamped, and the rest is the same.
"""

import random
from collections import Counter
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.intake import ingest
from features.log import EventLog
from features.workspace import Workspace
from tests.features.logs import GIVEN, assert_dense, events_in, told, with_keys

DAY = 86_400 * 10**6
START = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 10**6
NOW = START + 300 * DAY
disorder = settings(deadline=None, max_examples=12, suppress_health_check=list(HealthCheck))


def telling(event, lateness, whole):
    """A row that tells an event; what it says follows from the event and when it arrives, but for a part of the fields."""
    number, user, ts, kind = event
    said = lateness if not whole else 0
    return {
        "user_id": user,
        "ts": START + ts,
        "arrived_at": START + ts + lateness,
        "kind": kind,
        "item": f"i{(number + said) % 5}",
        "category": None if number % 3 else "c/d",
        "value": (number + said) % 7 * 10_000 if kind == "purchase" else None,
        "text": f"鞋 {number}" if number % 4 == 0 else None,
        "properties": f'{{"n":{said}}}' if number % 2 else None,
        "event_id": f"e{number}",
        "source": "",
    }


LATENESS = st.sampled_from([0, 1, 3_600 * 10**6, DAY, 7 * DAY])
EVENT = st.tuples(
    st.integers(0, 40),
    st.sampled_from(["u1", "u2", "用户", "x"]),
    st.sampled_from([0, 1, DAY - 1, DAY, DAY + 1, 2 * DAY]),
    st.sampled_from(["view", "cart", "purchase"]),
)
TOLD = st.lists(st.tuples(EVENT, st.lists(LATENESS, min_size=1, max_size=3), st.booleans()), min_size=1, max_size=25)


def load(folder, rows, rng, stamped=False):
    """A log that took the rows in some order, in some files, compacted in between or not; and the files' rows."""
    rows, workspace = list(rows), Workspace.at(folder / "home", {})
    day = [row for row in rows if row["ts"] < START + DAY]
    rng.shuffle(rows)
    cuts = sorted(rng.randrange(len(rows) + 1) for _ in range(rng.randrange(4)))
    files = [rows[a:b] for a, b in zip([0, *cuts], [*cuts, len(rows)], strict=True) if a < b]
    if not stamped:
        files += [day, day] if day else []  # a day replayed twice
        rng.shuffle(files)
    for n, file in enumerate(files):
        table = pa.Table.from_pylist(file, schema=GIVEN).drop_columns("source")
        money = pa.compute.divide(table["value"].cast(pa.float64()), 10_000)
        table = table.set_column(table.column_names.index("value"), "value", money)
        if stamped:
            table = table.drop_columns("arrived_at")
        path = folder / f"{n}.{rng.choice(['csv', 'parquet'])}"
        pq.write_table(table, path) if path.suffix == ".parquet" else pyarrow.csv.write_csv(table, path)
        report = ingest(workspace, [path], "canonical", timezone="UTC", currency="CNY", now=NOW + n)
        assert report["read"] == len(file) == report["accepted"] + report["duplicate"], report
        if rng.random() < 0.4:
            with workspace.writing("compact"):
                EventLog(workspace).compact()
    return EventLog(workspace), files


def as_read(log):
    """Persons' histories, and the flat events, each once."""
    people = {}
    for bucket in log.buckets():
        histories = log.read(bucket, keys=True)
        assert_dense(histories)
        people |= events_in(histories, log.workspace.facts.kinds)
    flat = sorted(log.flat().drop_columns("bucket").to_pylist(), key=lambda row: (row["user_id"], row["event_id"]))
    assert log.n_events == len(flat) == sum(map(len, people.values()))
    keys = Counter((row["user_id"], row["key_hi"], row["key_lo"]) for row in flat)
    assert set(keys.values()) <= {1}
    return people, flat


@disorder
@given(TOLD, st.integers(0, 10**6))
def test_any_order_of_rows_and_files_reads_the_same(tmp_path_factory, events, seed):
    rng = random.Random(seed)
    known = {}  # an event's person, instant and kind are its own, whoever tells it
    rows = [telling(known.setdefault(event[0], event), late, whole) for event, lates, whole in events for late in lates]
    alike = {}
    rows = [alike.setdefault((row["event_id"], row["arrived_at"]), row) for row in rows]  # no conflict at one instant
    rows += [row for row in rows if rng.random() < 0.1]
    expected = told(with_keys(pa.Table.from_pylist(rows, schema=GIVEN)))
    one, _ = load(tmp_path_factory.mktemp("one"), rows, rng)
    other, _ = load(tmp_path_factory.mktemp("other"), rows, rng)
    people, flat = as_read(one)
    assert people == expected
    assert as_read(other) == (people, flat)


@disorder
@given(TOLD, st.integers(0, 10**6))
def test_stamped_arrivals_are_those_of_the_first_load_that_told_and_all_else_is_the_same(
    tmp_path_factory, events, seed
):
    rng = random.Random(seed)
    known = {}
    rows = [telling(known.setdefault(event[0], event), 0, True) for event, _, _ in events]
    rows += [row for row in rows if rng.random() < 0.3]
    told_by = []
    for name in ("one", "other"):
        log, files = load(tmp_path_factory.mktemp(name), rows, rng, stamped=True)
        people, flat = as_read(log)
        first = {}
        for n, file in enumerate(files):
            for row in file:
                first.setdefault(row["event_id"], None if n == 0 else NOW + n)
        assert {row["event_id"]: row.pop("arrived_at") for row in flat} == first
        told_by.append(({user: [event[:3] + event[4:] for event in each] for user, each in people.items()}, flat))
    assert told_by[0] == told_by[1]
