"""Work beside work, in threads: Arrow, NumPy and our own machine code hold no lock while they run."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Any, Final, TypeVar

T = TypeVar("T")
R = TypeVar("R")
_END: Final = object()
AT_A_TIME: Final = 4_000_000
"""Events of buckets that are worked at side by side; one bucket at least is."""
TICK: Final = 0.1
"""Seconds after which a waiting thread looks whether anybody still wants its items."""


def ahead(items: Iterable[T], n: int = 1) -> Generator[T]:
    """The items, in order, made in a thread of their own while the last ones are worked at.

    Args:
        items: Iterated in the thread, and closed there where it is a generator, also when this one is closed early.
        n: Items that may wait; the one being made comes on top.
    """
    waiting: Queue[tuple[Any, BaseException | None]] = Queue(n)
    left = Event()

    def put(item: Any, error: BaseException | None = None) -> None:
        while not left.is_set():
            try:
                waiting.put((item, error), timeout=TICK)
            except Full:
                continue
            return

    def make() -> None:
        try:
            for item in items:
                put(item)
                if left.is_set():
                    break
        except BaseException as error:  # noqa: BLE001 - it is raised again where the items are used
            put(_END, error)
        else:
            put(_END)
        finally:
            if left.is_set() and hasattr(items, "close"):
                items.close()

    thread = Thread(target=make, daemon=True)
    thread.start()
    try:
        while True:
            item, error = waiting.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item
    finally:
        left.set()
        while thread.is_alive():
            try:
                waiting.get_nowait()
            except Empty:
                thread.join(TICK)


def abreast(n_events: int) -> int:
    """How many buckets of so many events may be worked at side by side: memory and processors bound it."""
    return max(1, min(AT_A_TIME // max(1, n_events), os.cpu_count() or 1, 4))


def side_by_side(function: Callable[[T], R], items: Iterable[T], workers: int = 2) -> Generator[R]:
    """`function` of every item, in order, some at a time: at most `workers` results are being made or wait.

    Where one fails, or this is closed early, those that were begun are ended before that is told.
    """
    with ThreadPoolExecutor(workers) as pool:
        under_way = deque[Future[R]]()
        try:
            for item in items:
                if len(under_way) == workers:
                    yield under_way.popleft().result()
                under_way.append(pool.submit(function, item))
            while under_way:
                yield under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()
