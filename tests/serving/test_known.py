"""Attributes in the profile store: as the log has them, refreshed when a table changed."""

import json

import numpy as np
import pyarrow as pa
import pytest

from features.events import NULL
from features.log import EventLog
from features.workspace import Facts, Workspace
from serving.clock import Clock
from serving.fill import fill, open_store
from tests.features.logs import invent

LOG = Clock("log")
USERS = ["u3", "nobody", "silent", "u1"]


@pytest.fixture
def workspace(tmp_path):
    found = Workspace.at(tmp_path / "home", {})
    found.fix(Facts(buckets=4))
    log = EventLog(found)
    log.append([invent(80, users=5, first=1_700_000_000_000_000)], arrived_at=None)
    put(found, "users", ("u1", None, {"city": "郑州"}), ("u1", 10, {"city": "洛阳"}), ("silent", 5, {"age": 3}))
    return found


def put(workspace, table, *rows):
    users, since, known = zip(*rows, strict=True)
    made = pa.table(
        {
            "user_id": users,
            "valid_from": pa.array(since, pa.int64()),
            "attributes": [json.dumps(k, ensure_ascii=False) for k in known],
        }
    )
    EventLog(workspace).put_users(made, table)


def stored(workspace, *tables):
    store = open_store(workspace)
    try:
        histories, _ = store.read(USERS, (), tables)
    finally:
        store.close()
    return histories


def assert_as_the_log(workspace, *tables):
    found = stored(workspace, *tables)
    expected = EventLog(workspace).informed(found, tables)
    for table in tables:
        ours, theirs = found.attributes[table], expected.attributes[table]
        assert ours.offsets.tolist() == theirs.offsets.tolist()
        assert ours.valid_from.tolist() == theirs.valid_from.tolist()
        assert ours.texts.to_pylist() == theirs.texts.to_pylist()
    return found.attributes


def test_the_store_says_what_the_log_says(workspace):
    assert fill(workspace, LOG) == 4
    known = assert_as_the_log(workspace, "users", "loyalty")
    assert known["users"].offsets.tolist() == [0, 0, 0, 1, 3]
    assert known["users"].valid_from.tolist() == [5, NULL, 10]
    assert np.diff(known["loyalty"].offsets).sum() == 0
    assert fill(workspace, LOG) == 0
    assert stored(workspace).attributes is None  # costs nothing where nothing is asked


def test_a_changed_table_is_copied_and_events_are_left_alone(workspace):
    fill(workspace, LOG)
    put(workspace, "users", ("u1", 10, {"city": "开封"}), ("u3", None, {"level": "gold"}))
    assert fill(workspace, LOG) == 4
    known = assert_as_the_log(workspace, "users")
    assert known["users"].texts.to_pylist() == [
        '{"level": "gold"}',
        '{"age": 3}',
        '{"city": "郑州"}',
        '{"city": "开封"}',
    ]
    put(workspace, "loyalty", ("u3", 1, {"points": 4}))
    assert fill(workspace, LOG) == 4
    assert_as_the_log(workspace, "users", "loyalty")
    assert fill(workspace, LOG) == 0


def test_a_copy_that_was_stopped_is_made_anew(workspace):
    fill(workspace, LOG)
    put(workspace, "users", *((f"u{i}", 1, {"n": i}) for i in range(5)))
    assert fill(workspace, LOG, should_stop=lambda: True) == 1
    assert fill(workspace, LOG) == 4
    assert_as_the_log(workspace, "users")
