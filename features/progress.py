"""Progress bars on long work, on stderr, so that stdout stays for results."""

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

T = TypeVar("T")
_quiet: Final = ContextVar("quiet", default=False)


@contextmanager
def progress(label: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar; the body calls what it is given with the number of steps done since.

    Args:
        label: What is being done, a few words.
        total: Number of steps; None where unknown.
    """
    columns = (
        TextColumn("{task.description:<28}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=_quiet.get() or not console.is_terminal) as bar:
        task = bar.add_task(label, total=total)
        yield lambda n: bar.advance(task, n)


@contextmanager
def quiet() -> Iterator[None]:
    """No bars in the body, in this thread: for what a service does beside its work."""
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)


def track(label: str, items: Iterable[T], total: int | None = None) -> Iterator[T]:
    """Yield the items under a bar; `total` defaults to `len(items)` where there is one."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with progress(label, total) as advance:
        for item in items:
            yield item
            advance(1)
