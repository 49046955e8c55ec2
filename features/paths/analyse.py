"""The analysis of a workspace's log, bucket by bucket: what `intently paths` answers. The package's docstring defines it."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from ..ahead import ahead
from ..errors import InputError, did_you_mean
from ..events import ACTS, DAY
from ..histories import Histories
from ..instants import to_iso
from ..log import EventLog
from ..progress import track
from ..runs import ranges
from ..views import canonical
from ..workspace import Workspace
from . import flows, journeys, sequences
from .dwell import Dwell, times
from .journeys import Units
from .movers import Tally
from .sequences import DEEPEST, Paths
from .steps import MODES, OURS, Mode, Steps, count_names, field_of, see, valued

CAUSE: Final = "Association, not cause: people who are about to buy put things into carts. An experiment tells what makes them buy."


AT_LAST: Final = 2**62
"""After every instant."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked.

    Attributes:
        start: Microseconds UTC: sessions that start, and journeys that end, at or after it.
        until: And before it; nothing at or after it is seen. At most the log's end.
        goal: The kind that ends a path.
        mode: How events are called.
        depth: Steps of a path.
        horizon_days: Silence of so long is leaving, and a journey reaches so far back.
        top: Paths, and pairs of steps, that are listed.
        known: Nothing is seen that arrived, nobody is joined and nothing allowed, at or after it.
    """

    start: int
    until: int
    goal: str = "purchase"
    mode: Mode = "kind"
    depth: int = 5
    horizon_days: int = 30
    top: int = 10
    known: int = AT_LAST

    @property
    def horizon(self) -> int:
        """Microseconds."""
        return self.horizon_days * DAY


@dataclass(slots=True)
class Found:
    """What was counted, over any number of groups of persons who share nobody."""

    asked: Asked
    kinds: tuple[str, ...]
    steps: dict[Mode, Steps]
    counts: Counter[str] = field(default_factory=Counter)
    bought: list[Paths] = field(default_factory=list)
    leaving: list[Paths] = field(default_factory=list)
    moves: dict[str, Tally] = field(init=False)
    dwells: dict[Mode, Dwell] = field(init=False)
    transitions: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        s = len(self.steps[self.asked.mode])
        self.moves = {unit: Tally(s) for unit in ("session", "journey")}
        self.dwells = {mode: Dwell(len(steps)) for mode, steps in self.steps.items()}
        self.transitions = np.zeros((s + 2, s + 2), np.int64)

    def add(self, seen: Histories) -> None:
        """Count n persons, of whom all is seen that may be."""
        asked, codes = self.asked, {mode: steps.encode(seen, self.kinds) for mode, steps in self.steps.items()}
        step = codes[asked.mode]
        goal = seen.kind == self.kinds.index(asked.goal)
        own = ~np.isin(seen.kind, [self.kinds.index(kind) for kind in OURS])
        visits = journeys.sessions(seen, goal, own)
        ended, n_open = journeys.journeys(seen, visits, goal, own, asked.until, asked.horizon)
        within = visits.where(visits.end >= asked.start)
        self._visits(seen, within, step)
        self._dwell(seen, visits, within, codes)
        ended = ended.where(ended.end >= asked.start)
        self._journeys(seen, ended, step)
        self.counts["persons"] += int((np.diff(seen.offsets) > 0).sum())
        self.counts["open"] += n_open

    def _visits(self, seen: Histories, within: Units, step: np.ndarray) -> None:
        self.transitions += flows.transitions(seen, within, step, len(self.steps[self.asked.mode]))
        acted = within.where(~within.alone)
        self.moves["session"].add(journeys.collapse(step, acted.first, acted.stop), acted.converted)
        self.counts["events"] += int((within.close - within.first).sum())
        self.counts["sessions"] += len(within)
        self.counts["sessions_of_messages"] += len(within) - len(acted)
        self.counts["sessions_converted"] += int(within.converted.sum())

    def _dwell(self, seen: Histories, visits: Units, within: Units, codes: dict[Mode, np.ndarray]) -> None:
        spent, given = times(seen, visits)
        inside = np.zeros(seen.n_events, bool)
        inside[ranges(within.first, within.close - within.first)] = True
        for mode, dwell in self.dwells.items():
            name = field_of(mode)
            chosen = inside if name is None or mode == "kind:page" else inside & valued(seen, name)
            dwell.add(codes[mode][chosen], spent[chosen], given[chosen])

    def _journeys(self, seen: Histories, ended: Units, step: np.ndarray) -> None:
        runs = journeys.collapse(step, ended.first, ended.stop)
        self.moves["journey"].add(runs, ended.converted)
        bought, silent = ended.where(ended.converted), ended.where(ended.alone)
        for units, stop, kept in ((bought, bought.stop, self.bought), (silent, silent.close, self.leaving)):
            walked = journeys.collapse(step, units.first, stop)
            kept.append(sequences.walk(units, walked, seen.ts, self.asked.depth))
        self.counts["bought"] += len(bought)
        self.counts["left"] += len(ended) - len(bought)
        self.counts["leaving"] += len(silent)


def paths(workspace: Workspace, asked: Asked) -> dict[str, Any]:
    """Paths, transitions, dwell, and the steps that move conversion.

    Memory is bounded by a bucket, and by what is counted: 8 · (4 + depth) bytes a different path.

    Args:
        workspace: Whose log.
        asked: What.

    Raises:
        NotReadyError: The log is empty.
        InputError: An unknown kind or way of naming steps, a number out of bounds, or an empty window.
    """
    kinds, log = workspace.facts.kinds, EventLog(workspace)
    end = log.last_ts + 1
    asked = replace(asked, until=min(asked.until, end))
    _check(asked, kinds)
    if asked.start >= asked.until:
        raise InputError(
            f"There is nothing from {to_iso(asked.start)} until {to_iso(asked.until)}: the window ends before it starts. "
            f"The log reaches from {to_iso(log.first_ts)} until {to_iso(end)}."
        )
    modes = modes_of(asked)
    texts = {name for mode in modes if (name := field_of(mode))}

    def bucket(number: int) -> Histories:
        histories = log.read(number, {*texts, "dwell"}, texts)
        return histories if histories.acts is None else canonical(histories, asked.known)

    def people(label: str) -> Iterator[Histories]:
        return track(label, ahead(map(bucket, log.buckets())), len(log.buckets()))

    return analyse(people, asked, kinds) | {"log_version": log.version}


def modes_of(asked: Asked) -> tuple[Mode, ...]:
    """The ways of naming steps that are needed: the one asked for, and kind and page for the time spent on them."""
    return tuple(mode for mode in MODES if mode in {"kind", "page", asked.mode})


def analyse(people: Callable[[str], Iterable[Histories]], asked: Asked, kinds: tuple[str, ...]) -> dict[str, Any]:
    """The analysis of any histories.

    Args:
        people: Gives, twice, groups of persons who share nobody, with `dwell` and the fields of `modes_of`; it is told what for.
        asked: What, checked.
        kinds: The workspace's.
    """
    modes = modes_of(asked)
    names: dict[Mode, Counter[str]] = {mode: Counter() for mode in modes}
    for histories in people("Naming steps"):
        for mode, counts in count_names(
            see(histories, asked.until, asked.known, kinds), modes, kinds, asked.goal
        ).items():
            names[mode] += counts
    found = Found(asked, kinds, {mode: Steps.of(mode, asked.goal, names[mode]) for mode in modes})
    for histories in people("Following paths"):
        found.add(see(histories, asked.until, asked.known, kinds))
    return _describe(found)


def _check(asked: Asked, kinds: tuple[str, ...]) -> None:
    if asked.mode not in MODES:
        raise InputError(f"Unknown steps {asked.mode!r}. {did_you_mean(asked.mode, MODES)}")
    steps = [kind for kind in kinds if kind not in ACTS]
    if asked.goal not in steps:
        raise InputError(f"Unknown event kind {asked.goal!r}. {did_you_mean(asked.goal, steps)}")
    if not 1 <= asked.depth <= DEEPEST:
        raise InputError(f"A path of {asked.depth} steps: the depth is from 1 to {DEEPEST}.")
    if not 1 <= asked.horizon_days <= 3650:
        raise InputError(f"A horizon of {asked.horizon_days} days: it is from 1 to 3650 days.")
    if asked.top < 1:
        raise InputError(f"{asked.top} paths: list at least 1.")


def _describe(found: Found) -> dict[str, Any]:
    asked, steps = found.asked, found.steps[found.asked.mode]
    ways = {
        name: sequences.merge(parts, asked.depth)
        for name, parts in (("goal", found.bought), ("leaving", found.leaving))
    }
    notes = [CAUSE]
    if steps.left_out:
        notes.append(
            f"{steps.left_out:,} rarer names are (other), {steps.events_left_out:,} events of the log: "
            f"the {len(steps) - 2} commonest stay apart."
        )
    return {
        "from": to_iso(asked.start),
        "until": to_iso(asked.until),
        "to": asked.goal,
        "steps": asked.mode,
        "depth": asked.depth,
        "horizon_days": asked.horizon_days,
        "left_out": {"names": steps.left_out, "events": steps.events_left_out},
        "counts": {
            name: found.counts[name]
            for name in (
                "persons",
                "events",
                "sessions",
                "sessions_converted",
                "sessions_of_messages",
                "bought",
                "left",
                "open",
                "leaving",
            )
        },
        "paths": {
            name: {"n": int(way.n.sum()), "different": len(way.n), "top": way.commonest(steps.names, asked.top)}
            for name, way in ways.items()
        },
        "streams": {name: sequences.describe_streams(way, steps.names, asked.depth) for name, way in ways.items()},
        "transitions": flows.describe(found.transitions, steps.names),
        "dwell": {mode: found.dwells[mode].describe(found.steps[mode].names) for mode in found.steps},
        "movers": {unit: tally.describe(steps.names, asked.top) for unit, tally in found.moves.items()},
        "notes": notes,
    }
