"""Histories from the log itself, with what was acknowledged and is not in it yet: for look-ups, and for long ago."""

from collections.abc import Collection, Iterable, Sequence

import numpy as np

from features.histories import Histories
from features.log import EventLog
from features.pack import merge
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
    facts = workspace.facts
    pending, last = None, NOTHING
    if workspace.journal.exists():  # before the log: what is drained meanwhile is then in both, and counted once
        journal = Journal(workspace.journal, facts.buckets)
        try:
            pending, last = journal.of_users(list(users)), journal.last_ts
        finally:
            journal.close()
    log = EventLog(workspace)
    histories = log.read_users(users, None if fields is None else set(fields))
    if pending is not None and len(pending):
        histories = merge(histories, pending, facts.kinds)
    histories = log.informed(histories, attributes)
    return histories, max(last, log.last_ts if log.exists else NOTHING)


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
