"""The gate before every route: size, content type, host, load; a request id; and every error as the same JSON object.

`{"error": {"code", "message", "request_id", …}}`, whichever layer refuses: ours, the router's, or BentoML's.
"""

import asyncio
import json
import logging
import re
import sqlite3
import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from features.errors import UserError

from . import metrics

MAX_BODY: Final = 4 * 2**20
MAX_AT_ONCE: Final = 256
"""Requests under way in one process; further ones are told to come again."""
BODY_SECONDS: Final = 20.0
LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
ALWAYS: Final = frozenset({"/healthz", "/livez", "/readyz", "/metrics"})
KNOWN: Final = frozenset({"/v1/tags", "/v1/score", "/v1/events", "/v1/model", "/v1/model/reload", *ALWAYS})
OUT: Final = "intently.out"
"""Key of a request's scope: its `Out`."""
STATUS_CODES: Final = {404: "not_found", 405: "method_not_allowed", 413: "too_large", 503: "unavailable"}

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

logger = logging.getLogger("intently.serving")


class Refusal(Exception):  # noqa: N818 - an answer of HTTP alone, and no error of ours
    """What only HTTP knows: a status and a code."""

    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.code, self.headers = status, code, headers


class Gate:
    """ASGI middleware, the outermost one of ours."""

    def __init__(self, app: App, hosts: tuple[str, ...] = ()) -> None:
        """Wrap an application.

        Args:
            app: The application.
            hosts: Names by which it may be called, without port; empty for any. A web page that lets its own name point
                to this machine (DNS rebinding) is refused by it.
        """
        self._app = app
        self._hosts = hosts
        self._under_way = 0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        request_id = given.decode() if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        out = scope[OUT] = Out(send, scope, request_id)
        self._under_way += 1
        try:
            if self._under_way > MAX_AT_ONCE and scope["path"] not in ALWAYS:
                message = f"More than {MAX_AT_ONCE} requests are under way. Come again in a second."
                raise Refusal(503, "overloaded", message, **{"retry-after": "1"})
            self._check_host(headers)
            if scope["method"] in ("POST", "PUT", "PATCH"):
                receive = _replay(await _body(scope, headers, receive))
            await self._app(scope, receive, out)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is answered for
            await out.fail(error)
        finally:
            self._under_way -= 1
            out.count()

    def _check_host(self, headers: dict[bytes, bytes]) -> None:
        if not self._hosts:
            return
        host = headers.get(b"host", b"").decode("latin-1")
        name = re.sub(r":\d+$", "", host).lower()
        if name not in self._hosts:
            raise Refusal(
                421,
                "unknown_host",
                f"The service is not known as {host[:100]!r}. Known: {', '.join(self._hosts)};"
                " others are named by `hosts` under [serve] in intently.toml.",
            )


class Out:
    """Sends one answer; an error that is not JSON yet becomes so."""

    def __init__(self, send: Send, scope: MutableMapping[str, Any], request_id: str) -> None:
        self._send, self._scope, self._id = send, scope, request_id
        self._started = time.perf_counter()
        self._status = 0
        self._swallow = False

    async def __call__(self, message: Message) -> None:
        """What the application sends."""
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            kind = next((value for name, value in headers if name == b"content-type"), b"")
            if message["status"] >= 400 and not kind.startswith(b"application/json"):
                kept = {name.decode(): value.decode() for name, value in headers if name in (b"allow", b"retry-after")}
                self._swallow = True
                await self._refuse_as(message["status"], kept)
                return
            self._status = message["status"]
            headers.append((b"x-request-id", self._id.encode()))
            headers.append((b"x-content-type-options", b"nosniff"))
            message = {**message, "headers": headers}
        elif self._swallow:
            return
        await self._send(message)

    async def _refuse_as(self, status: int, headers: dict[str, str]) -> None:
        """Say in our words what another layer refused."""
        path, method = self._scope["path"], self._scope["method"]
        if status == 404:
            text = f"There is nothing at {path[:200]!r}. /docs lists what there is."
        elif status == 405:
            text = f"{path[:200]!r} does not take {method}; it takes {headers.get('allow', 'another method')}."
        else:
            text = f"The request was refused with status {status}."
        await self.refuse(
            status, STATUS_CODES.get(status, "internal" if status >= 500 else "bad_input"), text, {}, headers
        )

    async def fail(self, error: Exception) -> None:
        """Answer with an error, and log what is a fault of ours."""
        match error:
            case Refusal():
                await self.refuse(error.status, error.code, str(error), {}, error.headers)
            case UserError():
                await self.refuse(
                    error.http_status, error.code, error.message, error.args[1] if len(error.args) > 1 else {}
                )
            case sqlite3.Error():
                logger.error("request %s: the store cannot be used", self._id, exc_info=error)
                text = "The store cannot be read or written at the moment; nothing was acknowledged. Try again."
                await self.refuse(503, "unavailable", text, {}, {"retry-after": "1"})
            case _:
                logger.error("request %s failed", self._id, exc_info=error)
                text = "A fault of ours; the service's log has more under this request id."
                await self.refuse(500, "internal", text)

    async def refuse(
        self,
        status: int,
        code: str,
        message: str,
        extra: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Send an error, unless an answer is on its way already."""
        if self._status:
            return
        self._status = status
        metrics.refusals.labels(code=code).inc()
        error = {"code": code, "message": message, **(extra or {}), "request_id": self._id}
        body = json.dumps({"error": error}).encode()  # ASCII: whatever stands in it can be sent
        fields = {
            "content-type": "application/json",
            "content-length": str(len(body)),
            "x-request-id": self._id,
            "x-content-type-options": "nosniff",
            **(headers or {}),
        }
        if status in (408, 413):
            fields["connection"] = "close"  # the rest of the body is not read
        await self._send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(name.encode(), value.encode()) for name, value in fields.items()],
            }
        )
        body = b"" if self._scope["method"] == "HEAD" else body
        await self._send({"type": "http.response.body", "body": body})

    def count(self) -> None:
        """Add the answer to the metrics, under the route and not the path, whose number nothing bounds."""
        path = self._scope["path"]
        endpoint = path if path in KNOWN else "/v1/users/{user_id}/tags" if path.startswith("/v1/users/") else "other"
        metrics.requests.labels(endpoint=endpoint, status=str(self._status or 499)).inc()
        metrics.seconds.labels(endpoint=endpoint).observe(time.perf_counter() - self._started)


async def _body(scope: MutableMapping[str, Any], headers: dict[bytes, bytes], receive: Receive) -> bytes:
    """The whole body of a request, which must be JSON of a bearable size; empty where there is none.

    Raises:
        Refusal: It is not, or did not come in time.
    """
    stated = headers.get(b"content-length", b"0")
    too_large = Refusal(413, "too_large", f"The body is larger than {MAX_BODY:,} bytes. Send it in parts.")
    if stated.isdigit() and int(stated) > MAX_BODY:
        raise too_large
    pieces: list[bytes] = []
    size, more = 0, True
    while more:
        try:
            message = await asyncio.wait_for(receive(), BODY_SECONDS)
        except TimeoutError:
            raise Refusal(408, "timeout", f"The body did not come within {BODY_SECONDS:g} seconds.") from None
        if message["type"] == "http.disconnect":
            raise Refusal(408, "timeout", "The caller left before the body was whole.")
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > MAX_BODY:
            raise too_large
        more = message.get("more_body", False)
    if size:
        _check_type(scope["path"], headers)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _check_type(path: str, headers: dict[bytes, bytes]) -> None:
    """Only plain JSON is read; no pickle, no form, nothing packed."""
    kind = headers.get(b"content-type", b"").decode("latin-1")
    media, _, parameters = kind.partition(";")
    charset = re.sub(r"[\s\"]", "", parameters).lower()
    if media.strip().lower() != "application/json" or charset not in ("", "charset=utf-8", "charset=utf8"):
        shown = repr(kind[:100]) if kind else "none"
        raise Refusal(
            415, "unsupported_media_type", f"{path} takes application/json in UTF-8; the content type is {shown}."
        )
    encoding = headers.get(b"content-encoding", b"identity").decode("latin-1").strip().lower()
    if encoding not in ("", "identity"):
        raise Refusal(
            415,
            "unsupported_media_type",
            f"The body is packed ({encoding[:40]!r}); send it as it is.",
            **{"accept-encoding": "identity"},
        )


def _replay(body: bytes) -> Receive:
    """A `receive` that hands over a body which was read already."""
    given = False

    async def receive() -> Message:
        nonlocal given
        if given:
            return {"type": "http.disconnect"}
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
