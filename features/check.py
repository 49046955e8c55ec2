"""`intently features check`: is every feature free of leakage, the same in any company, and the same twice?

Features of the algebra are proved by the tests of this project; here those that a shop has in force are tried on its own
log: its TOML files, its tables of attributes, its Python functions, and ours with its kinds, timezone and RETENTION.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import pyarrow as pa

from . import catalogue, functions, sample
from .algebra import Attribute, Function
from .catalogue import Catalogue, Entry
from .errors import FunctionError, NotReadyError
from .events import DAY
from .histories import Histories
from .instants import to_iso
from .log import EventLog
from .matrix import Matrix, evaluate
from .outside import n_not_numbers
from .pack import pack_all, unpack
from .probe import watched
from .program import Program, compile_program
from .sample import Sample
from .trim import trim
from .workspace import Workspace

CHECKS: Final = {
    "again": "the same question twice",
    "alone": "each user alone, in place of all at once",
    "order": "rows and users in another order, one thread, functions loaded anew",
    "packed": "through the profile store's bytes",
    "carry": "with events before RETENTION in the carry",
    "later": "with events and attributes from after the cutoff, and events that arrive after it",
    "earlier": "without what is not seen at the cutoff",
    "calls": "a function of the history alone: no clock, chance, files or stack",
}
"""Every way in which an answer might differ, and must not."""

Answers = dict[str, np.ndarray | pa.Array]
"""Feature to its (r,) float64, or (r,) strings."""


@dataclass(slots=True)
class Finding:
    """What was found of one feature.

    Attributes:
        entry: The feature.
        missing: Share of rows without an answer.
        constant: Has every row the same answer, missing ones among them?
        notes: What is worth saying, and no fault.
        faults: A table a check that it failed: `check`, `rows`, and of the first row `user`, `cutoff`, `expected`, `found`; or a
            `message`.
    """

    entry: Entry
    missing: float = 0.0
    constant: bool = False
    notes: list[str] = field(default_factory=list)
    faults: list[dict[str, Any]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The feature's part of the result."""
        return {
            "name": self.entry.name,
            "family": self.entry.family,
            "ok": not self.faults,
            "missing": round(self.missing, 4),
            "constant": self.constant,
            "notes": self.notes,
            "faults": self.faults,
        }


def check(
    workspace: Workspace, names: Sequence[str] | None = None, *, n_users: int = 100, seed: int = 0
) -> dict[str, Any]:
    """Try the features of a workspace on a sample of its log.

    Args:
        workspace: With a log.
        names: Features, by name or pattern; None for all.
        n_users: Users to draw, about.
        seed: Of what is drawn.

    Returns:
        `users`, `rows`, `checks` (name to meaning), `features` (a table each, see `Finding`), `faults` (how many features have
        one).

    Raises:
        NotReadyError: The log is empty.
        SpecError: An unknown feature, or a file that is not understood.
        FunctionError: A function's file cannot be run.
    """
    log = EventLog(workspace)
    if not log.exists:
        raise NotReadyError(f"The log of {workspace.home} has no events yet; `intently ingest` some first.")
    chosen = catalogue.of(workspace)
    chosen = chosen.select(names) if names is not None else chosen
    rng = np.random.default_rng(seed)
    asked = (entry.feature for entry in chosen.entries.values())
    tables = sorted({feature.table for feature in asked if isinstance(feature, Attribute)})
    drawn = sample.draw(log, tables, n_users, workspace.facts.retention_days * DAY, rng)
    findings = {name: Finding(entry) for name, entry in chosen.entries.items()}
    for part in _apart(chosen):
        _try(workspace, part, drawn, findings, np.random.default_rng(seed))
    for finding in findings.values():
        _note(finding, drawn.histories)
    return {
        "users": len(drawn.histories),
        "rows": len(drawn),
        "checks": CHECKS,
        "features": [finding.to_json() for finding in findings.values()],
        "faults": sum(bool(finding.faults) for finding in findings.values()),
    }


def _apart(chosen: Catalogue) -> list[Catalogue]:
    """The features of the kernel and attributes together, each function by itself: one that fails takes no other along."""
    own = [name for name, entry in chosen.entries.items() if isinstance(entry.feature, Function)]
    rest = Catalogue({name: entry for name, entry in chosen.entries.items() if name not in own})
    return [*([rest] if rest.entries else []), *(chosen.select([name]) for name in own)]


def _try(
    workspace: Workspace, part: Catalogue, drawn: Sample, findings: dict[str, Finding], rng: np.random.Generator
) -> None:
    """Put some features to every check, and note what they answer."""
    own = any(isinstance(entry.feature, Function) for entry in part.entries.values())

    def program(retention_days: int = workspace.facts.retention_days) -> Program:
        facts = workspace.facts
        return compile_program(
            part.features,
            kinds=facts.kinds,
            retention_days=retention_days,
            timezone=facts.timezone,
            sources=workspace.features,
        )

    whole = drawn.histories
    functions.fresh()
    asked = program()
    rows = np.arange(len(drawn))

    def anew() -> Answers:
        functions.fresh()
        return _reordered(program(), drawn, rng)

    def packed() -> Answers:
        stored = unpack(list(zip(whole.users.to_pylist(), pack_all(whole), strict=True)))
        return _answers(asked, replace(stored, attributes=whole.attributes), drawn.person, drawn.cutoff)

    ways: dict[str, Callable[[], Answers]] = {
        "again": lambda: _answers(asked, whole, drawn.person, drawn.cutoff),
        "alone": lambda: _alone(asked, drawn),
        "order": anew,
        "packed": packed,
        "later": lambda: _answers(asked, sample.with_more(drawn, rng), rows, drawn.cutoff),
        "earlier": lambda: _answers(asked, sample.without_future(drawn), rows, drawn.cutoff),
    }
    try:
        expected = _answers(asked, whole, drawn.person, drawn.cutoff)
        for name, finding in ((name, findings[name]) for name in part.names):
            _describe(finding, expected[name])
        for way, answer in ways.items():
            _compare(way, expected, answer(), drawn, findings)
        _carried(program, drawn, findings)
        if own:
            told: set[str] = set()
            with watched(told):
                evaluate(asked, whole, drawn.person, drawn.cutoff, 1)
            for name in part.names if told else ():
                findings[name].faults.append({"check": "calls", "message": f"It looks at {', '.join(sorted(told))}."})
    except FunctionError as error:
        for name in part.names:
            findings[name].faults.append({"check": "fails", "message": error.message})


def _answers(
    program: Program, histories: Histories, person: np.ndarray, cutoff: np.ndarray, threads: int = 2
) -> Answers:
    return _by_name(evaluate(program, histories, person, cutoff, threads))


def _by_name(matrix: Matrix) -> Answers:
    return {name: matrix.texts[name] if name in matrix.texts else matrix.column(name) for name in matrix.names}


def _alone(program: Program, drawn: Sample) -> Answers:
    """Every user's rows from a call of their own."""
    found: list[Answers] = []
    for u in range(len(drawn.histories)):
        cutoff = drawn.cutoff[drawn.person == u]
        found.append(_answers(program, drawn.histories.take(np.array([u])), np.zeros(len(cutoff), np.int64), cutoff))
    return {
        name: pa.concat_arrays(columns) if isinstance(columns[0], pa.Array) else np.concatenate(columns)
        for name in program.names
        if (columns := [answers[name] for answers in found])
    }


def _reordered(program: Program, drawn: Sample, rng: np.random.Generator) -> Answers:
    """The same rows, asked in another order of users and rows, by one thread."""
    users, rows = rng.permutation(len(drawn.histories)), rng.permutation(len(drawn))
    place, back = np.argsort(users), np.argsort(rows)
    turned = drawn.histories.take(users)
    return _by_name(evaluate(program, turned, place[drawn.person[rows]], drawn.cutoff[rows], 1).take(back))


def _carried(program: Callable[[int], Program], drawn: Sample, findings: dict[str, Finding]) -> None:
    """A history whose events before the first cutoff's RETENTION stand in the carry answers like the whole one.

    RETENTION is taken as a fifth of the sample's time, or logs shorter than it would have no carry; the later half of the
    rows is asked.
    """
    whole = drawn.histories
    span = int(whole.ts.max() - whole.ts.min()) if whole.n_events else 0
    short = program(max(1, span // (5 * DAY)))
    rows = np.flatnonzero(drawn.cutoff >= np.median(drawn.cutoff))
    first = int(drawn.cutoff[rows].min())
    trimmed = trim(whole, first - short.retention, arrived_before=first)
    later = Sample(whole, drawn.person[rows], drawn.cutoff[rows], drawn.kinds)
    expected = _answers(short, whole, later.person, later.cutoff)
    _compare("carry", expected, _answers(short, trimmed, later.person, later.cutoff), later, findings)


def _compare(way: str, expected: Answers, found: Answers, drawn: Sample, findings: dict[str, Finding]) -> None:
    for name, answer in expected.items():
        differ = _differ(answer, found[name])
        if len(differ):
            row = int(differ[0])
            findings[name].faults.append(
                {
                    "check": way,
                    "rows": len(differ),
                    "user": drawn.histories.users[int(drawn.person[row])].as_py(),
                    "cutoff": to_iso(int(drawn.cutoff[row])),
                    "expected": _value(answer, row),
                    "found": _value(found[name], row),
                }
            )


def _differ(one: np.ndarray | pa.Array, other: np.ndarray | pa.Array) -> np.ndarray:
    """Places where two columns differ by a bit; NaN is NaN."""
    if isinstance(one, pa.Array) or isinstance(other, pa.Array):
        return np.flatnonzero([a != b for a, b in zip(one.tolist(), other.tolist(), strict=True)])
    bits = np.ascontiguousarray(one).view(np.int64) != np.ascontiguousarray(other).view(np.int64)
    return np.flatnonzero(bits & ~(np.isnan(one) & np.isnan(other)))


def _value(column: np.ndarray | pa.Array, row: int) -> float | str | None:
    if isinstance(column, pa.Array):
        text: str | None = column[row].as_py()
        return text
    return None if np.isnan(column[row]) else float(column[row])


def _describe(finding: Finding, answer: np.ndarray | pa.Array) -> None:
    if isinstance(answer, pa.Array):
        finding.missing, finding.constant = answer.null_count / max(len(answer), 1), len(answer.unique()) < 2
    else:
        finding.missing = float(np.isnan(answer).mean()) if len(answer) else 0.0
        finding.constant = len(np.unique(answer)) < 2
    if finding.missing == 1:
        finding.notes.append("no row has an answer")
    elif finding.constant:
        finding.notes.append("every row has the same answer")


def _note(finding: Finding, histories: Histories) -> None:
    asked = finding.entry.feature
    if isinstance(asked, Attribute) and asked.type == "number" and histories.attributes:
        n = n_not_numbers(histories.attributes[asked.table], asked.field)
        if n:
            finding.notes.append(f"{n:,} values of the sample are no numbers, and count as missing")
