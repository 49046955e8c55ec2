"""`intently features report`: coverage, distribution, drift, redundancy and importance of features, as one page and as data."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from features import catalogue, drift, profile, redundancy
from features.catalogue import Entry
from features.errors import InputError, NotReadyError
from features.events import DAY
from features.instants import to_iso
from features.log import EventLog
from features.matrix import Matrix
from features.population import population
from features.program import compile_program
from features.redundancy import Group
from features.workspace import Workspace
from features.written import check_folder, drafted

from .feature_told import FLAGS, Report, Told
from .importance import Importance, importances, loaded

PEOPLE: Final = 25_000
"""Most people looked at, about: quantiles and PSI do not get better by more that one could see."""
RANKED: Final = 10_000
"""Most people by whom features are compared with each other."""
APART: Final = 28 * DAY
SPARSE: Final = 0.05
DOMINATED: Final = 0.99


def report(
    workspace: Workspace,
    out: Path,
    *,
    as_of: int | None = None,
    against: int | None = None,
    names: Sequence[str] | None = None,
    model: str | None = None,
    language: str = "en",
) -> dict[str, Any]:
    """Write the page.

    Args:
        workspace: Whose log.
        out: HTML file, replaced whole or not at all.
        as_of: Microseconds UTC; default: the log's last instant.
        against: The instant compared with; default: 28 days before.
        names: Features, by name or pattern; None for all.
        model: `champion` or a version, whose importance is shown; None for none.
        language: `en` or `zh`.

    Returns:
        What `intently features report --json` prints.

    Raises:
        SpecError: An unknown feature.
        NotReadyError: The log is empty, or nobody has an event before the instant.
        NotFoundError: No such version of the model.
        InputError: The folder is not there, or `against` is not before `as_of`.
    """
    from .feature_page import page

    check_folder(out)
    made = looked(workspace, as_of, against, names, model)
    with drafted(out) as draft:
        draft.write_text(page(made, language), encoding="utf-8")
    return made.to_json() | {"path": str(out)}


def looked(
    workspace: Workspace,
    as_of: int | None = None,
    against: int | None = None,
    names: Sequence[str] | None = None,
    model: str | None = None,
) -> Report:
    """All that the page shows; arguments and errors as of `report`."""
    facts, log = workspace.facts, EventLog(workspace)
    chosen = catalogue.of(workspace)
    chosen = chosen.select(names) if names is not None else chosen
    if not log.exists:
        raise NotReadyError(f"The log of {workspace.home} has no events yet; `intently ingest` some first.")
    first, last = log.first_ts, log.last_ts
    as_of = last + 1 if as_of is None else as_of
    against = as_of - APART if against is None else against
    if against >= as_of:
        raise InputError(f"--against {to_iso(against)} is not before --as-of {to_iso(as_of)}: give an earlier time.")
    bundle = loaded(workspace, model) if model is not None else None
    program = compile_program(
        chosen.features,
        kinds=facts.kinds,
        retention_days=facts.retention_days,
        timezone=facts.timezone,
        sources=workspace.features,
    )
    people = population(log, program, [as_of, against], PEOPLE, "Asking features")
    if not people.people[0]:
        raise NotReadyError(
            f"Nobody has an event in the {facts.retention_days} days before {to_iso(as_of)}. The log's events are from "
            f"{to_iso(first)} to {to_iso(last)}: give --as-of within or soon after."
        )
    weights = importances(bundle, log, as_of) if bundle is not None else []
    gains = gains_of(weights)
    told = [tell(entry, *people.matrices) for entry in chosen.entries.values()]
    groups = grouped(people.matrices[0], gains)
    return Report(
        facts=facts,
        people=people,
        told=tuple(noted(told, groups, gains if weights else None)),
        groups=tuple(groups),
        importances=tuple(weights),
        version=bundle.version if bundle is not None else None,
        first=first,
        last=last,
    )


def tell(entry: Entry, now: Matrix, then: Matrix) -> Told:
    """Profile, histogram and drift of one feature."""
    name = entry.name
    if name in now.texts:
        a, b = profile.texts(now.texts[name]), profile.texts(then.texts[name])
        none = np.empty(0)
        return Told(entry, a, b, none, (none, none), drift.psi_of_texts(b, a), math.nan)
    x, y = now.column(name), then.column(name)
    edges = profile.edges(np.concatenate([x, y]))
    return Told(
        entry=entry,
        now=profile.numbers(x),
        then=profile.numbers(y),
        edges=edges,
        bars=(profile.histogram(x, edges), profile.histogram(y, edges)),
        psi=drift.psi_of_numbers(y, x),
        ks=drift.ks(y, x),
    )


def gains_of(weights: Sequence[Importance]) -> dict[str, float]:
    """Feature to its largest share of a target's gain."""
    gains: dict[str, float] = {}
    for one in weights:
        for name, gain in zip(one.names, one.gain.tolist(), strict=True):
            gains[name] = max(gain, gains.get(name, 0.0))
    return gains


def grouped(now: Matrix, gains: Mapping[str, float]) -> list[Group]:
    """Features that say the same, by people spread over all that were asked; the one with most gain speaks for its group."""
    some = now.take(np.arange(0, len(now), math.ceil(len(now) / RANKED)))
    numbers = {name: some.column(name) for name in some.names if name not in some.texts}
    return [*redundancy.of_numbers(numbers, gains), *redundancy.of_texts(some.texts, gains)]


def noted(told: Sequence[Told], groups: Sequence[Group], gains: Mapping[str, float] | None) -> list[Told]:
    """What is told, with groups, gains and flags; no gains without a model."""
    member = {name: place for place, group in enumerate(groups) for name in group.names}
    spare = {name for group in groups for name in group.names[1:]}
    found = []
    for one in told:
        name = one.entry.name
        own = replace(one, group=member.get(name), gain=gains.get(name, 0.0) if gains is not None else None)
        flags = _flags(own, name in spare)
        found.append(replace(own, flags=tuple(flag for flag in FLAGS if flag in flags)))
    return found


def _flags(one: Told, spare: bool) -> set[str]:
    flags = {"redundant"} if spare else set()
    if one.now.answered == 0:
        flags.add("empty")
    elif one.now.top == 1:
        flags.add("constant")
    elif one.now.answered < SPARSE * one.now.n:
        flags.add("sparse")
    elif one.now.top >= DOMINATED:
        flags.add("dominated")
    if one.psi >= drift.STABLE:
        flags.add("shifted" if one.psi >= drift.SHIFTED else "moved")
    if one.gain == 0 and not flags & {"empty", "constant"}:
        flags.add("unused")
    return flags
