"""Filling the profile store from the log: when it is not there, or the log has gone on without it."""

from collections.abc import Callable

from features.events import DAY
from features.log import EventLog
from features.progress import track
from features.validate import FIRST_TIME
from features.workspace import Workspace

from . import known
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
    """Bring the profile store up to the log, its tables of attributes, and the journal.

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
            return inform(workspace, store, should_stop)
        with turn(workspace, "filling the profile store", wait):  # nothing is drained meanwhile
            log = EventLog(workspace)
            last = max(log.last_ts, journal.last_ts)
            oldest = oldest_kept(workspace, min(clock.now(last), last + 1))
            store.begin(oldest, log.concern.said)
            for bucket in track("Filling the profile store", log.buckets()):
                store.replace(bucket, log.whole_bucket(bucket), journal, oldest)
                if should_stop():
                    return bucket + 1
            store.follow(journal, oldest)
            store.finish(log.version, log.last_ts)
            inform(workspace, store, should_stop)
            return len(log.buckets())
    finally:
        store.close()
        journal.close()


def inform(workspace: Workspace, store: SqliteStore, should_stop: Callable[[], bool] = lambda: False) -> int:
    """Copy the tables of attributes to the store, a bucket at a time, where one has changed; number of buckets copied.

    No lock is needed: a snapshot stays as it is, and the journal holds no attributes. Whoever kills this leaves a store whose
    versions are not those of the log, and it is copied anew.
    """
    snapshots = known.snapshots(workspace)
    if not known.is_behind(store.connection, snapshots):
        return 0
    buckets = range(workspace.facts.buckets)
    for bucket in track("Copying attributes", buckets):
        with store.transaction() as connection:
            known.replace(connection, bucket, snapshots)
        if should_stop():
            return bucket + 1
    with store.transaction() as connection:
        known.finish(connection, snapshots)
    return len(buckets)


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
