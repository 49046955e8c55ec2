"""Filling the profile store from the log: when it is not there, or the log has gone on without it."""

from collections.abc import Callable

from features.events import DAY
from features.log import EventLog
from features.progress import track
from features.validate import FIRST_TIME
from features.workspace import Workspace

from .clock import Clock
from .drain import turn
from .journal import Journal
from .store import SLACK, SqliteStore


def open_store(workspace: Workspace) -> SqliteStore:
    """The workspace's profile store, made empty where there is none."""
    return SqliteStore(workspace)


def open_journal(workspace: Workspace) -> Journal:
    """The workspace's journal, made empty where there is none."""
    return Journal(workspace.journal, workspace.facts.buckets)


def oldest_kept(workspace: Workspace, now: int) -> int:
    """Events before it are not needed to answer `now`, nor an instant up to `SLACK` earlier."""
    return max(FIRST_TIME, now - workspace.facts.retention_days * DAY - SLACK)


def fill(
    workspace: Workspace, clock: Clock, *, wait: float = 0, should_stop: Callable[[], bool] = lambda: False
) -> int:
    """Bring the profile store up to the log and the journal.

    A bucket at a time, each in one transaction: a service that reads meanwhile sees each user whole, and whoever kills
    this leaves a store that is known to be incomplete, and filled anew.

    Args:
        workspace: With a log.
        clock: The one that will ask: RETENTION before it is kept.
        wait: Seconds to wait for another writer.
        should_stop: Asked after each bucket.

    Returns:
        Number of buckets filled; 0 where the store was up to date.

    Raises:
        BusyError: The log still has another writer; nothing was done.
    """
    store, journal = open_store(workspace), open_journal(workspace)
    try:
        if not is_behind(workspace, store, clock):
            follow(workspace, store, journal, clock)
            return 0
        with turn(workspace, "filling the profile store", wait):  # nothing is drained meanwhile
            log = EventLog(workspace)
            last = max(log.last_ts, journal.last_ts)
            oldest = oldest_kept(workspace, min(clock.now(last), last + 1))
            store.begin(oldest)
            for bucket in track("Filling the profile store", log.buckets()):
                store.replace(bucket, log.read(bucket, keys=True), journal, oldest)
                if should_stop():
                    return bucket + 1
            store.follow(journal, oldest)
            store.finish(log.version, log.last_ts)
            return len(log.buckets())
    finally:
        store.close()
        journal.close()


def is_behind(workspace: Workspace, store: SqliteStore, clock: Clock) -> bool:
    """Does the store lack events that the log has, and that the clock needs?"""
    standing, log = store.standing(), EventLog(workspace)
    if standing.log_version != log.version:
        return True
    return clock.now(standing.last_ts) - workspace.facts.retention_days * DAY < standing.floor


def follow(workspace: Workspace, store: SqliteStore, journal: Journal, clock: Clock) -> None:
    """Let the store take in what the journal has and the store has not."""
    store.follow(journal, oldest_kept(workspace, clock.now(max(store.standing().last_ts, journal.last_ts))))


def refresh(workspace: Workspace) -> int:
    """Bring an existing profile store up to the log; number of buckets filled. Nothing where there is no store.

    Raises:
        BusyError: The log has another writer.
    """
    return fill(workspace, Clock("now"), wait=10) if workspace.profiles.exists() else 0
