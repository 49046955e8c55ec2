"""Tags of a few users without a service: the same functions over the same events, so the same answer to the bit."""

from collections.abc import Sequence
from typing import Any, Literal

from features.errors import InputError
from features.workspace import Workspace

from .answer import answer
from .clock import Clock
from .live import load
from .past import from_log
from .requests import MAX_ID
from .score import score


def lookup(
    workspace: Workspace,
    users: Sequence[str],
    as_of: int | None = None,
    only: Sequence[str] | None = None,
    explain: bool = False,
    what_if: bool = False,
    clock: Literal["now", "log"] = "now",
) -> dict[str, Any]:
    """What `/v1/tags` answers.

    Args:
        workspace: With a log and a champion.
        users: Ids; an unknown one is no error.
        as_of: Microseconds UTC; None for the clock.
        only: Names of tags; None for all.
        explain: With the strongest reasons of predicted tags.
        what_if: With what would change predicted tags, by a search.
        clock: The wall's time, or the log's last instant.

    Raises:
        NotReadyError: Nothing was ingested, or no version was promoted.
        DamagedError: The champion is not what was promoted.
        InputError: No id, or one that is too long; an unknown tag.
    """
    if not users:
        raise InputError("No user was given. Give at least one id.")
    for user in users:
        if not 0 < len(user) <= MAX_ID or "\0" in user:
            raise InputError(f"The user id {user[:60]!r} must have 1 to {MAX_ID} characters, and no NUL.")
    live = load(workspace)
    asked = list(dict.fromkeys(users))
    program = live.bundle.program
    histories, last_ts = from_log(workspace, asked, program.fields, program.attributes)
    now = Clock(clock).now(last_ts) if as_of is None else as_of
    scored = score(live.bundle, live.tagset, histories, now, explain=explain, what_if=what_if, only=only)
    found = answer(scored, live.bundle.version, clock)
    by_id = dict(zip(asked, found["users"], strict=True))
    return found | {"users": [by_id[user] for user in users]}
