"""Bodies: what is taken, and what each wrong one is told."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import InputError, TooLargeError
from features.events import KINDS
from serving.body import read_body, read_json
from serving.requests import (
    MAX_EVENTS,
    MAX_USERS,
    EventsRequest,
    Frame,
    ScoreRequest,
    TagsRequest,
    events_table,
)

NOW = 1_750_000_000_000_000  # 2025-06-15T15:06:40Z
FRAME = Frame("Asia/Shanghai", (*KINDS, "livestream"), NOW)
EVENT = {"event_id": "e1", "user_id": "u1", "ts": "2025-06-01T08:00:00+08:00", "kind": "view"}


def read(model, body):
    return read_body(model, body if isinstance(body, bytes) else json.dumps(body).encode(), FRAME)


def refused(model, body):
    with pytest.raises((InputError, TooLargeError)) as caught:
        read(model, body)
    error = caught.value
    json.dumps(error.args)
    return error


def test_the_smallest_and_the_fullest_tags_request():
    asked = read(TagsRequest, {"user_ids": ["u1"]})
    assert (asked.user_ids, asked.as_of, asked.only, asked.explain) == (["u1"], None, None, False)
    asked = read(TagsRequest, {"user_ids": ["用户", "u2"], "as_of": "2025-06-15", "only": ["stage"], "explain": True})
    assert asked.as_of == NOW - 15 * 3600 * 10**6 - (6 * 60 + 40) * 10**6 - 8 * 3600 * 10**6
    assert read(TagsRequest, {"user_ids": ["u"] * MAX_USERS, "as_of": None})


def test_events_become_canonical_rows():
    one = EVENT | {"value": 12.345, "quantity": 2, "dwell": 1500, "properties": {"a": [1]}, "item": "", "text": "x"}
    rows = events_table(read(EventsRequest, {"events": [one]}).events, FRAME.kinds).to_pylist()
    assert rows[0]["value"] == 123_450
    assert rows[0]["quantity"] == 20_000
    assert rows[0]["dwell"] == 1500
    assert rows[0]["properties"] == '{"a":[1]}'
    assert rows[0]["item"] is None
    assert rows[0]["ts"] == 1_748_736_000_000_000
    assert rows[0]["source"] == ""


def test_events_without_id_are_each_their_own():
    events = [{name: EVENT[name] for name in ("user_id", "ts", "kind")}] * 3
    rows = events_table(read(ScoreRequest, {"events": events}).events, FRAME.kinds)
    assert len(set(rows["key_hi"].to_pylist())) == 3


BAD_BODIES = [
    (b"", "not JSON"),
    (b"\xff\xfe", "UTF-8"),
    (b"\xef\xbb\xbf{}", "BOM"),
    (b"nonsense", "not JSON"),
    (b"{'user_ids': ['a']}", "not JSON"),
    (b'{"user_ids": ["a"]} {}', "not JSON"),
    (b'{"user_ids": ["a"], "user_ids": ["b"]}', "twice"),
    (b'{"user_ids": [NaN]}', "NaN"),
    (b'{"user_ids": [-Infinity]}', "Infinity"),
    (b'{"user_ids": [1e400]}', "too large"),
    (b'{"user_ids": [' + b"9" * 5000 + b"]}", "not JSON"),
    (b"[" * 100_000, "deep"),
    (b'{"a":' * 100_000, "deep"),
    (b"null", "JSON object"),
    (b"[]", "JSON object"),
    (b'"user_ids"', "JSON object"),
    (b'{"\\ud800": 1}', "surrogate"),
    (b'{"user_ids": ["\\udfff"]}', "surrogate"),
]


@pytest.mark.parametrize(("body", "word"), BAD_BODIES, ids=range(len(BAD_BODIES)))
def test_what_is_no_proper_json_is_refused(body, word):
    assert word in refused(TagsRequest, body).message


BAD_TAGS = [
    ({}, "user_ids", "missing"),
    ({"user_ids": []}, "user_ids", "empty"),
    ({"user_ids": None}, "user_ids", "list"),
    ({"user_ids": "u1"}, "user_ids", "list"),
    ({"user_ids": [1]}, "user_ids[0]", "string"),
    ({"user_ids": ["a", True]}, "user_ids[1]", "string"),
    ({"user_ids": ["a", ""]}, "user_ids[1]", "empty"),
    ({"user_ids": ["a\0b"]}, "user_ids[0]", "NUL"),
    ({"user_ids": ["a" * 257]}, "user_ids[0]", "256"),
    ({"user_ids": ["a"], "explain": 1}, "explain", "boolean"),
    ({"user_ids": ["a"], "explain": "true"}, "explain", "boolean"),
    ({"user_ids": ["a"], "only": "stage"}, "only", "list"),
    ({"user_ids": ["a"], "only": []}, "only", "empty"),
    ({"user_ids": ["a"], "as_of": 1_750_000_000}, "as_of", "string"),
    ({"user_ids": ["a"], "as_of": "yesterday"}, "as_of", "not a time"),
    ({"user_ids": ["a"], "as_of": "2025-06-01T08:00:00"}, "as_of", "offset"),
    ({"user_ids": ["a"], "as_of": "2025-13-01"}, "as_of", "not a time"),
    ({"user_ids": ["a"], "as_of": "1989-12-31T00:00:00Z"}, "as_of", "1990"),
    ({"user_ids": ["a"], "as_of": "2025-06-15T15:06:40.000001Z"}, "as_of", "future"),
    ({"user_ids": ["a"], "as_of": "9999-12-31T00:00:00Z"}, "as_of", "future"),
    ({"user_ids": ["a"], "asof": "2025-06-01"}, "asof", "'as_of'"),
]


@pytest.mark.parametrize(("body", "field", "word"), BAD_TAGS, ids=[json.dumps(case[0])[:40] for case in BAD_TAGS])
def test_a_wrong_tags_request_names_the_field(body, field, word):
    error = refused(TagsRequest, body)
    assert error.args[1]["field"] == field
    assert word in error.message
    assert field in error.message


BAD_EVENTS = [
    ({"event_id": None}, "event_id", "string"),
    ({"event_id": 7}, "event_id", "string"),
    ({"user_id": ""}, "user_id", "empty"),
    ({"kind": "purchse"}, "kind", "'purchase'"),
    ({"kind": None}, "kind", "string"),
    ({"ts": 1_748_736_000}, "ts", "string"),
    ({"ts": "1748736000000"}, "ts", "not a time"),
    ({"ts": "2025-06-01 08:00:00"}, "ts", "offset"),
    ({"ts": "2025-07-01T00:00:00Z"}, "ts", "future"),
    ({"value": "12"}, "value", "number"),
    ({"value": True}, "value", "number"),
    ({"value": -0.5}, "value", "0"),
    ({"value": 1e12}, "value", "100000000000"),
    ({"value": 10**400}, "value", "number"),
    ({"dwell": 1.5}, "dwell", "integer"),
    ({"dwell": -1}, "dwell", "0"),
    ({"item": 5}, "item", "string"),
    ({"item": "x" * 257}, "item", "256"),
    ({"text": "a\0"}, "text", "NUL"),
    ({"properties": []}, "properties", "object"),
    ({"properties": {"a": 10**30}}, "properties", "64-bit"),
    ({"properties": {"a": "x" * 70_000}}, "properties", "65,536"),
    ({"properties": {"a": "\0"}}, "properties", "NUL"),
    ({"arrived_at": "2025-06-01T00:00:00Z"}, "arrived_at", "Unknown field"),
    ({"source": "x"}, "source", "Unknown field"),
]


@pytest.mark.parametrize(("change", "field", "word"), BAD_EVENTS, ids=[json.dumps(case[0])[:40] for case in BAD_EVENTS])
def test_the_first_bad_event_is_named_by_its_place(change, field, word):
    events = [EVENT, EVENT | {"event_id": "e2"} | change, EVENT | {"kind": "nonsense"}]
    error = refused(EventsRequest, {"events": events})
    assert error.args[1] == {"field": f"events[1].{field}", "index": 1}
    assert word in error.message


@pytest.mark.parametrize("name", ["event_id", "user_id", "ts", "kind"])
def test_four_fields_are_required(name):
    event = {key: value for key, value in EVENT.items() if key != name}
    error = refused(EventsRequest, {"events": [event]})
    assert error.args[1] == {"field": f"events[0].{name}", "index": 0}
    assert "missing" in error.message


def test_too_many_are_refused_as_too_large():
    assert refused(TagsRequest, {"user_ids": ["u"] * (MAX_USERS + 1)}).http_status == 413
    assert refused(EventsRequest, {"events": [EVENT] * (MAX_EVENTS + 1)}).http_status == 413


def test_an_own_kind_of_the_shop_is_known():
    assert read(EventsRequest, {"events": [EVENT | {"kind": "livestream"}]})


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body):
    try:
        read_json(body)
    except InputError as error:
        error.message.encode()


KEYS = st.sampled_from(["user_ids", "events", "a"]) | st.text()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=10,
)
IDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=256)


@given(JSON, st.sampled_from([TagsRequest, ScoreRequest, EventsRequest]))
def test_any_json_is_taken_or_refused(value, model):
    body = json.dumps(value).encode()
    try:
        found = read(model, body)
    except (InputError, TooLargeError) as error:
        json.dumps(error.args)
    else:
        assert isinstance(found, TagsRequest)
        assert len(found.user_ids) >= 1


@given(st.lists(IDS, min_size=1, max_size=5), st.booleans())
def test_every_proper_request_is_taken(users, explain):
    found = read(TagsRequest, {"user_ids": users, "explain": explain})
    assert (found.user_ids, found.explain) == (users, explain)
