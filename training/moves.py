"""`intently flow`: in which stage everybody was in each period, and who moved from which to which.

Periods follow one another, `every` long. By `stage` a person's stage is the stage target's own label of the period: the furthest
reached in it. By `aipl` it is the state of the rule view at the period's end, of what was known then. Who was not seen before the
period's end is `not_yet`, so that every period has the same people and every move is a row of the table: its rows add up to the
period before, its columns to the one after. Identity and consent are those known at last.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np

from features.ahead import ahead
from features.errors import InputError, SpecError
from features.events import DAY
from features.histories import Histories
from features.instants import to_iso
from features.log import EventLog
from features.matrix import Matrix, evaluate, grid
from features.paths.movers import wilson
from features.program import Program, compile_program
from features.progress import track
from features.views import canonical
from features.workspace import Workspace
from models.spec import default_specs

from . import aipl
from .split import end_of_log

By = Literal["stage", "aipl"]
NOT_YET: Final = "not_yet"
AT_LAST: Final = 2**62
"""After every instant."""
MOST: Final = 104
"""Periods, two years of weeks."""
ROWS: Final = 1_000_000
"""Persons times periods that are asked at once."""


@dataclass(frozen=True, slots=True)
class View:
    """What a person's stage in a period is.

    Attributes:
        states: Names, `not_yet` first.
        program: The questions.
        place: The program's answers to (r,) int64 places in `states`.
        at_end: Are they asked at the period's end, or at its start?
    """

    states: tuple[str, ...]
    program: Program
    place: Callable[[Matrix], np.ndarray]
    at_end: bool


@dataclass(slots=True)
class Moves:
    """What was counted of P periods and S states.

    Attributes:
        counts: (P, S) int64 persons.
        table: (P - 1, S, S) int64 persons from a state (row) to one of the next period (column).
    """

    counts: np.ndarray
    table: np.ndarray


def flow(workspace: Workspace, start: int, until: int, every: int, by: By) -> dict[str, Any]:
    """Stages by period and the moves between them; memory is bounded by a bucket.

    Args:
        workspace: Whose log.
        start: Of the first period, microseconds UTC.
        until: Periods end at or before it, and before the log does.
        every: Microseconds of a period.
        by: `stage` or `aipl`.

    Returns:
        `people`; `states`; `periods` with their `counts`; `moves`, one a pair of neighbouring periods, and `total`, over all
        pairs: rows of `before`, `after`, `n`, its `share` of those before, and the share's 95 % interval `low` to `high` (Wilson
        1927; of `total` as if the same person's moves were different people's).

    Raises:
        NotReadyError: The log is empty.
        InputError: Fewer than two whole periods, too many, or a period longer than what a person's history is kept for.
        SpecError: No target of stages.
        TooLittleDataError: The log has none of the kinds that move a stage.
    """
    facts, log = workspace.facts, EventLog(workspace)
    end = end_of_log(log.last_ts)
    if every > facts.retention_days * DAY:
        raise InputError(
            f"--every {every / DAY:g}d: a person's history is kept for {facts.retention_days} days; ask for less."
        )
    edges = start + every * np.arange(max(0, (min(until, end) - start) // every) + 1)
    if len(edges) < 3:
        raise InputError(
            f"From {to_iso(start)} until {to_iso(min(until, end))} there are not two whole periods of {every / DAY:g} days. The log "
            f"reaches from {to_iso(log.first_ts)} until {to_iso(end)}; ask for more time, or for shorter periods with --every."
        )
    if len(edges) - 1 > MOST:
        raise InputError(
            f"{len(edges) - 1} periods: at most {MOST} are told at once; ask for longer ones with --every."
        )
    view, notes = view_of(workspace, log, every, by)
    if (until - start) // every > len(edges) - 1:
        notes.append(f"The log ends at {to_iso(end)}: periods that were not over then are left out.")

    def bucket(number: int) -> Histories:
        histories = log.read(number, view.program.fields, view.program.texts)
        return histories if histories.acts is None else canonical(histories, AT_LAST)

    found = count(track("Following moves", ahead(map(bucket, log.buckets())), len(log.buckets())), view, edges)
    told = {"by": by, "timezone": facts.timezone, "notes": notes, "log_version": log.version}
    return describe(found, view.states, edges) | told


def view_of(workspace: Workspace, log: EventLog, every: int, by: By) -> tuple[View, list[str]]:
    """The view, as this log can show it, and notes on what was left out."""
    facts = workspace.facts
    shop: dict[str, Any] = {
        "kinds": facts.kinds,
        "retention_days": facts.retention_days,
        "timezone": facts.timezone,
        "sources": workspace.features,
    }
    if by == "aipl":
        program = compile_program(aipl.QUESTIONS, **shop)
        names = (NOT_YET, *aipl.STATES)
        return View(names, program, lambda found: aipl.states(found.column, len(found.person)) + 1, at_end=True), []
    specs = [spec for spec in default_specs(workspace) if spec.target.kind == "stage"]
    if not specs:
        raise SpecError(
            "None of the workspace's specs is of kind 'stage'. Add one to HOME/specs, or ask with --by aipl."
        )
    spec = min(specs, key=lambda one: abs(one.target.horizon - every))
    target, notes = spec.target_for(workspace.config, log.kinds())
    if target.horizon != every:
        notes.append(f"The rules of {target.name}, over {every / DAY:g} days instead of {target.horizon / DAY:g}.")
    target = replace(target, horizon=every)
    program = compile_program(target.questions, **shop)
    return View((NOT_YET, *target.classes), program, lambda found: target.labels(found) + 1, at_end=False), notes


def count(people: Iterable[Histories], view: View, edges: np.ndarray) -> Moves:
    """Count groups of persons who share nobody; (P + 1,) edges of periods, microseconds UTC."""
    n, s = len(edges) - 1, len(view.states)
    found = Moves(np.zeros((n, s), np.int64), np.zeros((n - 1, s, s), np.int64))
    for histories in people:
        for some in seen(histories, int(edges[-1]), max(1, ROWS // n)):
            state = states(some, view, edges)
            for i in range(n):
                found.counts[i] += np.bincount(state[:, i], minlength=s)
            for i in range(n - 1):
                found.table[i] += np.bincount(state[:, i] * s + state[:, i + 1], minlength=s * s).reshape(s, s)
    return found


def seen(histories: Histories, until: int, size: int) -> Iterator[Histories]:
    """Those with an event before `until`, so many at once."""
    who = np.flatnonzero(np.diff(histories.offsets))
    who = who[histories.ts[histories.offsets[who]] < until]
    for first in range(0, len(who), size):
        yield histories.take(who[first : first + size])


def states(histories: Histories, view: View, edges: np.ndarray) -> np.ndarray:
    """(n, P) int64 places in the view's states, of n persons who have events."""
    n_periods = len(edges) - 1
    asked = edges[1:] if view.at_end else edges[:-1]
    found = evaluate(view.program, histories, *grid(len(histories), asked.tolist()))
    state = view.place(found).reshape(-1, n_periods)
    first = histories.ts[histories.offsets[:-1]]
    state[first[:, None] >= edges[None, 1:]] = 0
    return state


def describe(found: Moves, names: tuple[str, ...], edges: np.ndarray) -> dict[str, Any]:
    """What was counted, for people and programs."""
    at = [to_iso(edge) for edge in edges.tolist()]
    return {
        "from": at[0],
        "until": at[-1],
        "every_days": (edges[1] - edges[0]).item() / DAY,
        "states": list(names),
        "people": int(found.counts[0].sum()),
        "periods": [
            {"from": at[i], "until": at[i + 1], "counts": dict(zip(names, row, strict=True))}
            for i, row in enumerate(found.counts.tolist())
        ],
        "moves": [{"from": at[i], "to": at[i + 1], "rows": rows(table, names)} for i, table in enumerate(found.table)],
        "total": rows(found.table.sum(axis=0), names),
    }


def rows(table: np.ndarray, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Every move of an (S, S) table, also those that nobody made; shares of nobody are None."""
    out: list[dict[str, Any]] = []
    for before, line in zip(names, table.tolist(), strict=True):
        whole = sum(line)
        for after, n in zip(names, line, strict=True):
            low, high = wilson(n, whole) if whole else (None, None)
            share = n / whole if whole else None
            out.append({"before": before, "after": after, "n": n, "share": share, "low": low, "high": high})
    return out
