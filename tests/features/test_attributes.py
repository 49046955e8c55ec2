"""The users and items tables: puts that repeat change nothing, and what was known when."""

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import delta
from features.errors import InputError
from features.hashing import bucket_of
from features.log import EventLog
from features.schema import ITEMS, USERS

from .logs import few, invent, make

rows = st.fixed_dictionaries(
    {
        "user_id": st.sampled_from(["u1", "u2", "用户"]),
        "valid_from": st.one_of(st.none(), st.integers(0, 3)),
        "attributes": st.sampled_from(['{"a": 1}', '{"a": 2}', "{}"]),
    }
)


@pytest.fixture
def log(tmp_path):
    return make(tmp_path / "home")


def table(*found):
    return pa.Table.from_pylist(list(found), schema=USERS)


@few
@given(st.lists(st.lists(rows, max_size=6), max_size=3), st.integers(-1, 4))
def test_the_table_is_the_last_row_of_each_person_and_moment(tmp_path_factory, puts, instant):
    log = make(tmp_path_factory.mktemp("log") / "home", buckets=2)
    kept = {}
    for put in puts:
        before = dict(kept)
        kept |= {(row["user_id"], row["valid_from"]): row["attributes"] for row in put}
        changed = sum(before.get(key) != attributes for key, attributes in kept.items())
        version = delta.snapshot(log.workspace.users).version
        assert log.put_users(table(*put)) == changed
        assert delta.snapshot(log.workspace.users).version == version + bool(changed)
    assert {(r["user_id"], r["valid_from"]): r["attributes"] for r in log.users().to_pylist()} == kept
    for user in ("u1", "u2", "用户"):
        rows_of = [(-1 if at is None else at, text) for (who, at), text in kept.items() if who == user]
        known = [(at, text) for at, text in rows_of if at <= max(instant, -1)]
        expected = json.loads(max(known)[1]) if known else {}
        assert log.attributes([user, "nobody", user], instant) == [expected, {}, expected]


def test_the_same_rows_twice_change_nothing(log):
    put = table(
        {"user_id": "u1", "valid_from": None, "attributes": '{"city": "郑州"}'},
        {"user_id": "u1", "valid_from": 10, "attributes": '{"city": "洛阳"}'},
    )
    assert (log.put_users(put), log.put_users(put), log.put_users(put.slice(1))) == (2, 0, 0)
    assert delta.snapshot(log.workspace.users).version == 0
    assert [log.attributes(["u1"], at)[0]["city"] for at in (0, 9, 10, 11)] == ["郑州", "郑州", "洛阳", "洛阳"]
    corrected = table({"user_id": "u1", "valid_from": 10, "attributes": '{"city": "开封"}'})
    assert log.put_users(corrected) == 1
    assert len(log.users()) == 2
    assert log.attributes(["u1"], 10) == [{"city": "开封"}]


def test_users_lie_in_the_bucket_of_their_events(log):
    log.append([invent(200)], arrived_at=None)
    log.put_users(pa.table({"user_id": [f"u{i}" for i in range(50)]}))
    for part in delta.snapshot(log.workspace.users).parts:
        users = delta.read_part(part, ["user_id"])["user_id"]
        assert set(bucket_of(users, 4).tolist()) == {part.bucket}


def test_user_ids_are_those_of_the_log_and_of_the_table(log):
    assert [log.user_ids(bucket).to_pylist() for bucket in log.buckets()] == [[]] * 4
    log.append([invent(200)], arrived_at=None)
    log.put_users(pa.table({"user_id": ["u1", "silent", "用户"]}))
    expected = {*log.flat(columns=["user_id"])["user_id"].to_pylist(), "silent", "用户"}
    found = [log.user_ids(bucket).to_pylist() for bucket in log.buckets()]
    assert all(ids == sorted(ids) for ids in found)
    assert sorted(user for ids in found for user in ids) == sorted(expected)


def test_items(log):
    first = pa.table({"item": ["i1", "i2"], "category": ["a/b", None], "price": [10_000, None]})
    assert log.put_items(first) == 2
    assert log.put_items(first) == 0
    assert log.put_items(pa.table({"item": ["i2", "i3"], "category": ["c", "d"]})) == 2
    assert log.items().schema.equals(ITEMS)
    assert log.items().to_pylist() == [
        {"item": "i1", "category": "a/b", "price": 10_000, "attributes": "{}"},
        {"item": "i2", "category": "c", "price": None, "attributes": "{}"},
        {"item": "i3", "category": "d", "price": None, "attributes": "{}"},
    ]
    assert EventLog(log.workspace).items().equals(log.items())


def test_tables_that_are_not_there_are_empty(log):
    assert (log.users(), log.items()) == (USERS.empty_table(), ITEMS.empty_table())
    assert log.attributes(["u1"], 5) == [{}]
    assert log.put_users(table()) == log.put_items(ITEMS.empty_table()) == 0
    assert not log.workspace.users.exists()


@pytest.mark.parametrize(
    ("put", "message"),
    [
        (pa.table({"valid_from": [1]}), "'user_id' is needed; found valid_from"),
        (pa.table({"user_id": ["u", None]}), "'user_id' has 1 nulls"),
        (pa.table({"user_id": ["u"], "valid_from": ["yesterday"]}), "'valid_from' is not int64"),
    ],
)
def test_what_is_no_user_is_refused(log, put, message):
    with pytest.raises(InputError, match=message):
        log.put_users(put)
    assert not log.workspace.users.exists()
