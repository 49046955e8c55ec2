"""The routes, as a Starlette application: read the body, let one thread answer, write JSON."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import orjson
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from features.errors import InputError, IntentlyError, NotReadyError, did_you_mean

from . import metrics
from .answers import Answers
from .body import read_body, read_fields
from .middleware import OUT
from .openapi import DOCS_PAGE, document
from .posting import Posting
from .requests import EventsRequest, ScoreRequest, TagsRequest

FOLLOW_SECONDS: Final = 0.5
SUPERVISOR: Final = "INTENTLY_SUPERVISOR"
"""Environment: the process whose child a worker is; without it the worker stops."""

R = TypeVar("R")
Handler = Callable[[Request], Awaitable[Response]]
logger = logging.getLogger("intently.serving")


@dataclass
class Desk:
    """What the routes share in one process.

    What takes a few milliseconds is answered where it is read: handing it to another thread would take longer (each
    waits for the interpreter's lock). Larger requests are scored on one thread, so that the process goes on answering, and
    posted events are written on another.
    """

    answers: Answers | None = None
    scoring: ThreadPoolExecutor | None = None
    writing: ThreadPoolExecutor | None = None
    posting: Posting | None = None

    @property
    def ready(self) -> Answers:
        """What answers.

        Raises:
            NotReadyError: Not yet, or no longer.
        """
        if self.answers is None:
            raise NotReadyError("The service is starting or stopping.")
        return self.answers

    async def score(self, call: Callable[[], R]) -> R:
        """Run on the scoring thread."""
        return await asyncio.get_running_loop().run_in_executor(self.scoring, call)

    async def write(self, call: Callable[[], R]) -> R:
        """Run on the writing thread."""
        return await asyncio.get_running_loop().run_in_executor(self.writing, call)


def application(desk: Desk) -> Starlette:
    """The routes over a desk."""

    async def tags(request: Request) -> Response:
        answers = desk.ready
        return _counted(await tagged(answers, read_body(TagsRequest, await request.body(), answers.frame())))

    async def tagged(answers: Answers, asked: TagsRequest) -> dict[str, Any]:
        if answers.is_quick(asked):
            return answers.tags(asked)
        return await desk.score(lambda: answers.tags(asked))

    async def tags_of_one(request: Request) -> Response:
        answers = desk.ready
        fields = _query(request) | {"user_ids": [request.path_params["user_id"]]}
        return _counted(await tagged(answers, read_fields(TagsRequest, fields, answers.frame())))

    async def score(request: Request) -> Response:
        answers = desk.ready
        asked = read_body(ScoreRequest, await request.body(), answers.frame())
        return _counted(await desk.score(lambda: answers.score(asked)))

    async def events(request: Request) -> Response:
        answers = desk.ready
        asked = read_body(EventsRequest, await request.body(), answers.frame())
        assert desk.posting is not None
        found = await desk.posting.post(asked, answers.post)
        for result, n in found.items():
            metrics.events.labels(result=result).inc(n)
        return _json(found)

    async def model(_: Request) -> Response:
        return _json(await desk.write(desk.ready.model))

    async def reload(request: Request) -> Response:
        body = await request.body()
        if body:
            read_body(Nothing, body, desk.ready.frame())
        return _json(await _reloading(desk.ready.reload))

    async def figures(_: Request) -> Response:
        return Response(metrics.text(await desk.write(desk.ready.model)), media_type=metrics.CONTENT_TYPE)

    async def openapi(_: Request) -> Response:
        return _json(document())

    async def docs(_: Request) -> Response:
        return HTMLResponse(DOCS_PAGE, headers={"content-security-policy": "default-src 'self' 'unsafe-inline' data:"})

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        desk.scoring = ThreadPoolExecutor(1, "scoring")
        desk.writing = ThreadPoolExecutor(1, "writing")
        desk.posting = Posting(desk.writing)
        watch = asyncio.create_task(_watch(desk))
        yield
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch
        desk.scoring.shutdown()
        desk.writing.shutdown()

    routes: list[tuple[str, str, Handler]] = [
        ("POST", "/v1/tags", tags),
        ("GET", "/v1/users/{user_id:path}/tags", tags_of_one),
        ("POST", "/v1/score", score),
        ("POST", "/v1/events", events),
        ("GET", "/v1/model", model),
        ("POST", "/v1/model/reload", reload),
        ("GET", "/metrics", figures),
        ("GET", "/openapi.json", openapi),
        ("GET", "/docs.json", openapi),  # where BentoML's own would be
        ("GET", "/docs", docs),
        ("GET", "/", docs),
    ]
    return Starlette(
        routes=[Route(path, _answered(handler), methods=[method]) for method, path, handler in routes],
        lifespan=lifespan,
    )


def _answered(handler: Handler) -> Handler:
    """The handler, its errors given to the gate: Starlette would answer them itself before the gate sees them."""

    async def route(request: Request) -> Response:
        try:
            return await handler(request)
        except Exception as error:  # noqa: BLE001 - the gate tells them apart
            return Failure(error)

    return route


class Failure(Response):
    """An answer that the gate writes."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        """Let the gate answer."""
        await scope[OUT].fail(self._error)


class Nothing(BaseModel, extra="forbid"):
    """An empty object."""


def _json(found: dict[str, Any]) -> Response:
    return Response(orjson.dumps(found), media_type="application/json", headers={"cache-control": "no-store"})


def _counted(found: dict[str, Any]) -> Response:
    known = sum(user["known"] for user in found["users"])
    metrics.users.labels(known="true").inc(known)
    metrics.users.labels(known="false").inc(len(found["users"]) - known)
    return _json(found)


def _query(request: Request) -> dict[str, Any]:
    """`as_of`, `only` (again for more, or with commas), `explain` and `what_if` of a GET."""
    found: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        if name == "only":
            found.setdefault("only", []).extend(value.split(","))
        elif name in found:
            raise InputError(f"{name} stands twice in the query.", {"field": name})
        elif name in ("explain", "what_if"):
            if value not in ("true", "false"):
                raise InputError(f"{name} is {value[:40]!r}; it must be true or false.", {"field": name})
            found[name] = value == "true"
        elif name == "as_of":
            found[name] = value
        else:
            known = did_you_mean(name, ["as_of", "explain", "only", "what_if"])
            raise InputError(f"Unknown field {name[:60]!r} in the query. {known}", {"field": name[:60]})
    return found


async def _reloading(call: Callable[[], R]) -> R:
    """Run beside the answers, and count."""
    try:
        found = await asyncio.to_thread(call)
    except IntentlyError:
        metrics.reloads.labels(result="refused").inc()
        raise
    if found:
        metrics.reloads.labels(result="loaded").inc()
    return found


async def _watch(desk: Desk) -> None:
    """Follow what is promoted; stop with the supervisor."""
    supervisor = int(os.environ.get(SUPERVISOR, "0"))
    while True:
        await asyncio.sleep(FOLLOW_SECONDS)
        if supervisor and os.getppid() != supervisor:
            logger.warning("the supervisor is gone; stopping")
            os.kill(os.getpid(), signal.SIGTERM)
            return
        if desk.answers is None:
            continue
        try:
            if await _reloading(desk.answers.follow_files):
                logger.warning("version %s answers from now on", desk.answers.holder.live.bundle.version)
        except IntentlyError as error:
            logger.error("what was promoted is refused, the version before goes on: %s", error.message)
        except Exception:
            logger.exception("following what is promoted failed")
