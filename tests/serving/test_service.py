"""The running service over HTTP: one real process, whose clock is the log's."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import httpx
import pandas as pd
import pytest

from features.events import DAY, NUMBER_FIELDS
from features.instants import to_iso
from features.log import EventLog
from features.workspace import Workspace
from models.pointer import point
from serving.batch import score
from serving.lookup import lookup

from .process import running, within
from .shop import END, make_bundle

AS_OF = END - 45 * DAY
EVENT = {"event_id": "h1", "user_id": "u2", "ts": to_iso(END), "kind": "purchase", "item": "i5", "value": 99.5}


@pytest.fixture(scope="module")
def served(shop, tmp_path_factory):
    """A copy of the shop: (workspace, client)."""
    home = tmp_path_factory.mktemp("served") / "home"
    shutil.copytree(shop.home, home)
    with running(home, "--clock", "log", cwd=home) as (client, _):
        yield Workspace.at(home, {}), client


def everybody(workspace):
    log = EventLog(workspace)
    return [user for bucket in log.buckets() for user in log.user_ids(bucket).to_pylist()]


def ask(client, **body):
    response = client.post("/v1/tags", json=body)
    assert response.status_code == 200, response.text
    return response.json()


def refused(response, status, code):
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert error["code"] == code
    return error


def test_batch_lookup_and_service_are_bit_equal(served, tmp_path):
    workspace, client = served
    users = everybody(workspace)
    answer = ask(client, user_ids=users, as_of=to_iso(AS_OF), explain=True)
    assert answer == lookup(workspace, users, as_of=AS_OF, explain=True, clock="log")
    scores = pd.read_parquet(score(workspace, AS_OF, tmp_path)["scores"]).set_index("user_id")
    n = 0
    for user in answer["users"]:
        tags = {tag["name"]: tag for tag in user["tags"]}
        if user["known"]:
            for label, p in tags["stage"]["probabilities"].items():
                assert scores.loc[user["user_id"], f"p_stage_7d_{label}"] == p
            n += 1
    assert n > 150


def test_now_is_the_logs_last_instant(served):
    workspace, client = served
    answer = ask(client, user_ids=["u1", "nobody"])
    assert answer == lookup(workspace, ["u1", "nobody"], clock="log")
    assert answer["clock"] == "log"
    assert [user["known"] for user in answer["users"]] == [True, False]
    assert client.get("/v1/model").json()["now"] == answer["as_of"]


def test_one_user_by_get(served):
    workspace, client = served
    expected = lookup(workspace, ["用户7"], as_of=AS_OF, only=["stage", "rfm"], explain=True, clock="log")
    query = {"as_of": to_iso(AS_OF), "only": "stage,rfm", "explain": "true"}
    assert client.get("/v1/users/用户7/tags", params=query).json() == expected
    assert client.get("/v1/users/a%2Fb/tags").json()["users"][0]["user_id"] == "a/b"
    for query in ({"explain": "1"}, {"asof": "x"}, {"as_of": "yesterday"}):
        refused(client.get("/v1/users/u1/tags", params=query), 400, "bad_input")


def test_what_would_change_an_answer_where_asked(served):
    workspace, client = served
    users = ["u1", "u2"]
    expected = lookup(workspace, users, as_of=AS_OF, what_if=True, clock="log")
    assert ask(client, user_ids=users, as_of=to_iso(AS_OF), what_if=True) == expected
    assert any("what_if" in tag for user in expected["users"] for tag in user["tags"])
    query = {"as_of": to_iso(AS_OF), "what_if": "true"}
    assert client.get("/v1/users/u1/tags", params=query).json()["users"] == expected["users"][:1]
    many = {"user_ids": [f"u{n}" for n in range(11)], "what_if": True}
    assert "at most 10 users" in refused(client.post("/v1/tags", json=many), 400, "bad_input")["message"]
    refused(client.get("/v1/users/u1/tags", params={"what_if": "yes"}), 400, "bad_input")


def test_score_of_a_users_own_events_is_the_users_tags(served):
    workspace, client = served
    users = ["u5", "u1"]
    rows = EventLog(workspace).flat().to_pylist()
    events = []
    for row in sorted(rows, key=lambda row: -users.index(row["user_id"]) if row["user_id"] in users else 1):
        if row["user_id"] in users:
            event = {
                name: value / 10_000 if name in NUMBER_FIELDS else value
                for name, value in row.items()
                if value is not None and name not in ("bucket", "key_hi", "key_lo", "source", "arrived_at")
            }
            events.append(event | {"ts": to_iso(row["ts"])})
    body = {"events": events, "as_of": to_iso(AS_OF), "explain": True}
    found = client.post("/v1/score", json=body).json()
    order = [user["user_id"] for user in found["users"]]
    assert sorted(order) == sorted(users)
    assert found == ask(client, user_ids=order, as_of=to_iso(AS_OF), explain=True)


def test_score_keeps_nothing(served):
    _, client = served
    event = {"user_id": "ghost", "ts": to_iso(END), "kind": "view"}
    assert client.post("/v1/score", json={"events": [event]}).json()["users"][0]["known"] is True
    assert ask(client, user_ids=["ghost"])["users"][0]["known"] is False


def test_an_event_changes_the_next_answer_and_counts_once(served):
    workspace, client = served
    before = ask(client, user_ids=["u2"])
    answer = client.post("/v1/events", json={"events": [EVENT, EVENT | {"event_id": "h2"}]}).json()
    assert answer == {"accepted": 2, "duplicate": 0}
    after = ask(client, user_ids=["u2"])
    assert after["as_of"] == to_iso(END + 1)
    assert after["users"][0]["tags"] != before["users"][0]["tags"]
    assert after == lookup(workspace, ["u2"], clock="log")
    again = client.post("/v1/events", json={"events": [EVENT, EVENT | {"event_id": "h3"}]}).json()
    assert again == {"accepted": 1, "duplicate": 1}


def test_a_bad_event_refuses_the_batch_and_is_named(served):
    _, client = served
    good = EVENT | {"user_id": "fresh", "event_id": "f1"}
    bad = EVENT | {"user_id": "fresh", "event_id": "f2", "kind": "purchse"}
    error = refused(client.post("/v1/events", json={"events": [good, bad]}), 400, "bad_input")
    assert error["index"] == 1
    assert error["field"] == "events[1].kind"
    assert ask(client, user_ids=["fresh"])["users"][0]["known"] is False


def test_wrong_requests_are_the_callers(served):
    _, client = served
    refused(client.post("/v1/tags", json={"user_ids": ["a"], "asof": "2025-01-01"}), 400, "bad_input")
    refused(client.post("/v1/tags", json={"user_ids": ["a"], "only": ["stagge"]}), 400, "bad_input")
    refused(client.post("/v1/tags", json={"user_ids": ["a"] * 1001}), 413, "too_large")
    refused(
        client.post("/v1/tags", content=b"\x80\x04", headers={"content-type": "application/vnd.bentoml+pickle"}),
        415,
        "unsupported_media_type",
    )
    refused(client.post("/v1/tags", content=b"{", headers={"content-type": "application/json"}), 400, "bad_input")
    refused(
        client.post("/v1/tags", content=b"x" * (4 * 2**20 + 1), headers={"content-type": "application/json"}),
        413,
        "too_large",
    )
    refused(client.get("/v1/tags"), 405, "method_not_allowed")
    refused(client.get("/v2/tags"), 404, "not_found")
    refused(client.post("/livez"), 405, "method_not_allowed")
    refused(client.get("/v1/model", headers={"host": "evil.example"}), 421, "unknown_host")


def test_health_figures_and_description(served):
    _, client = served
    for path in ("/healthz", "/livez", "/readyz"):
        assert client.get(path).status_code == 200
    figures = client.get("/metrics").text
    for name in (
        'intently_requests_total{endpoint="/v1/tags",status="200"}',
        'intently_request_seconds_bucket{endpoint="/v1/tags",le="0.1"}',
        'intently_events_total{result="accepted"}',
        'intently_users_total{known="false"}',
        'intently_info{version="1"',
        "intently_journal_backlog ",
    ):
        assert name in figures
    document = client.get("/openapi.json").json()
    assert client.get("/docs.json").json() == document
    assert set(document["paths"]) >= {"/v1/tags", "/v1/score", "/v1/events", "/v1/model", "/v1/model/reload"}
    page = client.get("/docs").text
    assert "http" not in page.replace("https://", "http").split("<body>")[1]
    assert client.get("/static_content/swagger-ui-bundle.js").status_code == 200


def test_every_documented_example_is_taken(served):
    _, client = served
    for path, item in client.get("/openapi.json").json()["paths"].items():
        if "post" in item and "requestBody" in item["post"]:
            example = item["post"]["requestBody"]["content"]["application/json"]["example"]
            assert client.post(path, json=example).status_code == 200


def test_promotion_is_followed_and_damage_refused(served):
    workspace, client = served

    second = point(workspace, "2", make_bundle(workspace, "2", seed=5), None)
    assert client.post("/v1/model/reload").json()["version"] == "2"
    answer = ask(client, user_ids=["u1"], as_of=to_iso(AS_OF))
    assert answer == lookup(workspace, ["u1"], as_of=AS_OF, clock="log")
    assert answer["version"] == "2"

    shutil.copytree(workspace.bundles / "2", workspace.bundles / "3")
    booster = next((workspace.bundles / "3").glob("*.booster.txt"))
    booster.chmod(0o644)
    booster.write_bytes(booster.read_bytes().replace(b"leaf_value", b"leaf_valve", 1))
    point(workspace, "3", second.digest, second)
    assert within(20, lambda: client.get("/v1/model").json()["refused"])
    error = refused(client.post("/v1/model/reload"), 409, "damaged")
    assert booster.name in error["message"]
    assert ask(client, user_ids=["u1"], as_of=to_iso(AS_OF)) == answer

    point(workspace, "2", second.digest, None)
    assert within(20, lambda: client.get("/v1/model").json()["refused"] is None)


def test_requests_at_once_are_each_answered_right(served):
    _, client = served
    users = [f"u{n}" for n in range(1, 41)]
    expected = {user: ask(client, user_ids=[user], as_of=to_iso(AS_OF))["users"] for user in users}
    with ThreadPoolExecutor(16) as pool, httpx.Client(base_url=client.base_url, timeout=30) as many:
        found = pool.map(
            lambda user: many.post("/v1/tags", json={"user_ids": [user], "as_of": to_iso(AS_OF)}).json()["users"],
            users * 5,
        )
        assert list(found) == [expected[user] for user in users] * 5
