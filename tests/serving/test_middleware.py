"""The gate: limits, types, ids, and every error as one JSON object."""

import asyncio
import sqlite3

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from features.errors import DamagedError, InputError
from serving import middleware
from serving.middleware import MAX_BODY, OUT, Gate


async def echo(request):
    return JSONResponse({"size": len(await request.body())})


async def wrong(request):
    match request.path_params["how"]:
        case "input":
            error = InputError("No such thing.", {"field": "x"})
        case "damaged":
            error = DamagedError("A byte differs.")
        case "store":
            error = sqlite3.OperationalError("database is locked")
        case _:
            error = RuntimeError("secret")
    await request.scope[OUT].fail(error)
    return PlainTextResponse("not sent")


async def slow(request):
    await asyncio.sleep(0.3)
    return JSONResponse({})


INNER = Starlette(
    routes=[
        Route("/echo", echo, methods=["POST", "GET"]),
        Route("/wrong/{how}", wrong),
        Route("/slow", slow),
        Route("/healthz", slow),
    ]
)


def call(method, path, *, hosts=(), times=1, **kwargs):
    """The answers of the gate around a small application, asked at once."""

    async def ask():
        gate = Gate(INNER, hosts)
        transport = httpx.ASGITransport(gate)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:3000") as client:
            return await asyncio.gather(*(client.request(method, path, **kwargs) for _ in range(times)))

    found = asyncio.run(ask())
    return found[0] if times == 1 else found


def error_of(response, status, code):
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    error = response.json()["error"]
    assert error["code"] == code
    assert error["message"]
    assert error["request_id"] == response.headers["x-request-id"]
    return error


def test_json_goes_through():
    response = call("POST", "/echo", json={"a": 1})
    assert response.json() == {"size": 7}
    assert response.headers["x-request-id"]


def test_a_request_id_is_kept_if_it_is_harmless():
    assert call("GET", "/echo", headers={"x-request-id": "abc-1.2"}).headers["x-request-id"] == "abc-1.2"
    for odd in ("a b", "x" * 65, "a\tb", "é"):
        assert call("GET", "/echo", headers={"x-request-id": odd.encode()}).headers["x-request-id"] != odd


@pytest.mark.parametrize(
    "kind",
    [None, "", "text/plain", "application/vnd.bentoml+pickle", "application/x-www-form-urlencoded", "multipart/form-data",
     "application/json; charset=utf-16", "application/jsonp", "application/octet-stream"],
)  # fmt: skip
def test_only_json_is_read(kind):
    headers = {} if kind is None else {"content-type": kind}
    error_of(call("POST", "/echo", content=b"{}", headers=headers), 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "kind",
    ["application/json", "Application/JSON", "application/json; charset=UTF-8", 'application/json;charset="utf-8"'],
)
def test_json_by_its_names(kind):
    assert call("POST", "/echo", content=b"{}", headers={"content-type": kind}).status_code == 200


def test_a_packed_body_is_refused():
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    error_of(call("POST", "/echo", content=b"{}", headers=headers), 415, "unsupported_media_type")


def test_no_body_needs_no_type():
    assert call("POST", "/echo").json() == {"size": 0}


def test_a_large_body_is_refused_whether_it_says_so_or_not():
    headers = {"content-type": "application/json"}
    assert call("POST", "/echo", content=b"x" * MAX_BODY, headers=headers).json() == {"size": MAX_BODY}
    error_of(call("POST", "/echo", content=b"x" * (MAX_BODY + 1), headers=headers), 413, "too_large")

    async def pieces():
        for _ in range(MAX_BODY // 2**16 + 1):
            yield b"x" * 2**16

    error_of(call("POST", "/echo", content=pieces(), headers=headers), 413, "too_large")


def test_a_body_that_does_not_come_is_given_up(monkeypatch):
    monkeypatch.setattr(middleware, "BODY_SECONDS", 0.1)

    async def ask():
        sent = []

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/echo", "headers": [(b"content-type", b"application/json")]}
        await asyncio.wait_for(Gate(INNER)(scope, asyncio.Event().wait, send), 5)
        return sent

    assert asyncio.run(ask())[0]["status"] == 408


def test_what_the_router_refuses_is_json_too():
    error_of(call("GET", "/nothing/here"), 404, "not_found")
    response = call("DELETE", "/echo")
    error_of(response, 405, "method_not_allowed")
    assert "POST" in response.headers["allow"]


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ("input", 400, "bad_input"),
        ("damaged", 409, "damaged"),
        ("store", 503, "unavailable"),
        ("other", 500, "internal"),
    ],
)
def test_errors_have_their_status_and_code(how, status, code):
    response = call("GET", f"/wrong/{how}")
    error = error_of(response, status, code)
    assert "secret" not in response.text
    if how == "input":
        assert error["field"] == "x"
    if how == "store":
        assert response.headers["retry-after"] == "1"


def test_more_at_once_than_it_bears_are_told_to_come_again(monkeypatch):
    monkeypatch.setattr(middleware, "MAX_AT_ONCE", 2)
    found = call("GET", "/slow", times=5)
    assert sorted(response.status_code for response in found) == [200, 200, 503, 503, 503]
    late = next(response for response in found if response.status_code == 503)
    error_of(late, 503, "overloaded")
    assert late.headers["retry-after"] == "1"
    assert {response.status_code for response in call("GET", "/healthz", times=5)} == {200}


def test_another_name_for_this_machine_is_refused():
    hosts = ("127.0.0.1", "localhost")
    assert call("GET", "/echo", hosts=hosts).status_code == 200
    for host in ("evil.example", "evil.example:3000", "localhost.evil.example", ""):
        error_of(call("GET", "/echo", hosts=hosts, headers={"host": host}), 421, "unknown_host")
