"""Histories from the log itself, with what was acknowledged and is not in it yet: for look-ups, and for long ago."""

from collections.abc import Collection, Iterable, Sequence

import numpy as np

from features import acts
from features.histories import Histories
from features.log import EventLog
from features.pack import merge
from features.views import attach
from features.workspace import Workspace

from .clock import NOTHING
from .journal import Journal


def from_log(
    workspace: Workspace,
    users: Sequence[str],
    fields: Iterable[str] | None = None,
    attributes: Collection[str] = (),
) -> tuple[Histories, int]:
    """The whole histories of `users`, in that order, and the largest `ts` of log and journal.

    Args:
        workspace: With a log.
        users: Ids, nobody twice; an unknown one has no events.
        fields: Number and coded fields wanted; None for all.
        attributes: Tables of attributes wanted.
    """
    facts, log = workspace.facts, EventLog(workspace)
    wanted = None if fields is None else set(fields)
    journal = Journal(workspace.journal, facts.buckets) if workspace.journal.exists() else None
    try:
        last = journal.last_ts if journal else NOTHING  # before the log: what is drained meanwhile is then in both
        pending = journal.of_users(list(users)) if journal else None
        said = acts.said(journal.acts()) if journal and acts.codes(facts.kinds) else acts.SAID.empty_table()
        concern = log.refresh().concern
        if concern.nothing and not len(said):
            histories = log.read_users(users, wanted)
            if pending is not None and len(pending):
                histories = merge(histories, pending, facts.kinds)
        else:
            everyone = concern.with_linked(users, said)
            histories = whole(workspace, journal, everyone, wanted)
            histories = attach(histories, len(users), facts.kinds, concern.required)
    finally:
        if journal:
            journal.close()
    return log.informed(histories, attributes), max(last, log.last_ts if log.exists else NOTHING)


def from_journal_and_log(
    workspace: Workspace, users: Sequence[str], fields: Collection[str] | None = None
) -> Histories:
    """The histories of users as they were told, whatever acts say; as `whole`."""
    journal = Journal(workspace.journal, workspace.facts.buckets)
    try:
        return whole(workspace, journal, users, fields)
    finally:
        journal.close()


def whole(
    workspace: Workspace, journal: Journal | None, users: Sequence[str], fields: Collection[str] | None = None
) -> Histories:
    """The histories of users as they were told, whatever acts say.

    Args:
        workspace: With a log.
        journal: The workspace's, if there is one.
        users: Ids, nobody twice; an unknown one has no events.
        fields: Number and coded fields wanted, beside `item`; None for all.
    """
    pending = journal.of_users(list(users)) if journal else None  # before the log, as above
    histories = EventLog(workspace).whole(users, fields)
    return histories if pending is None or not len(pending) else merge(histories, pending, workspace.facts.kinds)


def is_within(histories: Histories, users: Sequence[str], hi: np.ndarray, lo: np.ndarray) -> np.ndarray:
    """Which events do their users have already?

    Args:
        histories: With keys, nobody twice.
        users: (n,) whose each event is; all are in `histories`.
        hi: (n,) int64, first halves of their keys.
        lo: (n,) int64, second halves.

    Returns:
        (n,) bool.
    """
    place = {user: u for u, user in enumerate(histories.users.to_pylist())}
    found = np.zeros(len(users), bool)
    for n, user in enumerate(users):
        mine = slice(histories.offsets[place[user]], histories.offsets[place[user] + 1])
        found[n] = ((histories.key_hi[mine] == hi[n]) & (histories.key_lo[mine] == lo[n])).any()
    return found
