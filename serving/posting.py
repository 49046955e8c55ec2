"""Posted events, many callers' in one transaction: while one batch goes to the disk, the next ones gather."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Final

from .requests import EventsRequest

MOST_REQUESTS: Final = 64
"""Requests a transaction: bounds how long the last of them waits."""

Counts = dict[str, int]
Keep = Callable[[Sequence[EventsRequest]], list[Counts]]


class Posting:
    """Gathers requests in one event loop, and keeps them on another thread.

    A call returns when its events are on the disk; those of others that came meanwhile share the transaction, and one sync
    of the disk. Where it fails, all of its callers are told, and none was acknowledged.
    """

    def __init__(self, thread: Executor) -> None:
        self._thread = thread
        self._waiting: list[tuple[EventsRequest, asyncio.Future[Counts]]] = []
        self._running: asyncio.Task[None] | None = None

    async def post(self, request: EventsRequest, keep: Keep) -> Counts:
        """What became of the request's events."""
        done: asyncio.Future[Counts] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, done))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run(keep))
        return await done

    async def _run(self, keep: Keep) -> None:
        """Keep what waits, until nothing does."""
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST_REQUESTS], self._waiting[MOST_REQUESTS:]
            try:
                counts = await loop.run_in_executor(self._thread, keep, [request for request, _ in batch])
            except Exception as error:  # noqa: BLE001 - each caller is told
                for _, done in batch:
                    if not done.done():
                        done.set_exception(error)
            else:
                for (_, done), count in zip(batch, counts, strict=True):
                    if not done.done():  # the caller may have left
                        done.set_result(count)
