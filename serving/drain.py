"""From the journal to the log: acknowledged events, in batches, by one writer at a time.

Draining twice changes nothing: the log knows an event by its person and key, and the journal forgets only what the log has.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from features.errors import BusyError
from features.log import EventLog
from features.workspace import Workspace

from .journal import Journal
from .store import SqliteStore

BATCH: Final = 100_000
"""Events a commit: bounds memory, and how long others wait for the log."""
WAIT_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Drained:
    """What a drain did.

    Attributes:
        accepted: Events that are new in the log.
        duplicate: Events that the log had already.
        left: Events still in the journal: posted meanwhile, or all of them where the log had another writer.
    """

    accepted: int = 0
    duplicate: int = 0
    left: int = 0


def drain(workspace: Workspace, *, wait: float = WAIT_SECONDS) -> Drained:
    """Move what the journal has to the log.

    Args:
        workspace: Where.
        wait: Seconds to wait for another writer. After that the events stay in the journal, and stderr says so.
    """
    if not workspace.journal.exists():
        return Drained()
    journal = Journal(workspace.journal, workspace.facts.buckets)
    try:
        backlog = journal.backlog
        if backlog == 0:
            return Drained()
        try:
            with turn(workspace, "draining the journal", wait):
                return _drain(workspace, journal)
        except BusyError as error:
            print(f"{backlog} posted events are not in the log yet: {error.message}", file=sys.stderr)
            return Drained(left=backlog)
    finally:
        journal.close()


def _drain(workspace: Workspace, journal: Journal) -> Drained:
    """The same, with the writer's lock held."""
    log = EventLog(workspace)
    accepted = duplicate = 0
    while True:
        seq, events = journal.since(0, BATCH)
        if not len(events):
            return Drained(accepted, duplicate, journal.backlog)
        before = log.refresh().version
        appended = log.append([events], arrived_at=None)
        if log.due:
            log.compact()
        _advance(workspace, before, log.version, journal.id, seq)
        journal.forget(seq)
        accepted, duplicate = accepted + appended.accepted, duplicate + appended.duplicate


def _advance(workspace: Workspace, before: int, after: int, journal: str, seq: int) -> None:
    """Tell the profile store, where there is one, that the log went on by events that it may have already."""
    if not workspace.profiles.exists():
        return
    store = SqliteStore(workspace)
    try:
        store.advance(before, after, journal, seq)
    finally:
        store.close()


@contextmanager
def turn(workspace: Workspace, what: str, seconds: float) -> Iterator[None]:
    """Hold the writer's lock while in the body, waiting for it if need be.

    Raises:
        BusyError: Another process still writes after `seconds`.
    """
    until = time.monotonic() + seconds
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(workspace.writing(what))
                break
            except BusyError:
                if time.monotonic() >= until:
                    raise
                time.sleep(0.1)
        yield
