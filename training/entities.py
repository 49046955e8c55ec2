"""`intently features compute --entities`: any rows (user, cutoff), with what was known then and, of targets, what came next.

The rows that another learner can be tried on: they have the same questions, cohorts and labels that training asks, from the
same programs, whatever order they come in, and under the same consent: with targets, the stricter of the cutoff's and today's.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import catalogue, views
from features.catalogue import Catalogue
from features.compute import CELLS, schema_of
from features.entities import Entities, read_entities
from features.errors import NotReadyError, SpecError, UserError, did_you_mean
from features.hashing import bucket_of
from features.histories import Histories
from features.log import EventLog
from features.matrix import evaluate
from features.program import Program, compile_program
from features.progress import track
from features.workspace import Workspace
from features.written import check_folder, in_order
from models.spec import Weights, default_specs
from models.targets import Target

from .cadence import settled
from .split import end_of_log
from .weights import weigh

ALL: Final = "*"
"""Every target that the log can show."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of every row.

    Attributes:
        names: The features' columns.
        back: The features, and the targets' cohorts.
        ahead: The targets' questions; None without targets.
        cohorts: What tells who is in the targets' cohorts; None where no weight depends on it.
        targets: As the log can show them.
        weights: Of their rows, by target.
        end: Until here the log is whole, microseconds UTC; a label window that ends later is not over.
        schema: Of the file.
    """

    names: tuple[str, ...]
    back: Program
    ahead: Program | None
    cohorts: Program | None
    targets: tuple[Target, ...]
    weights: Mapping[str, Weights]
    end: int
    schema: pa.Schema

    @classmethod
    def of(
        cls, log: EventLog, selected: Catalogue, targets: Sequence[Target], weights: Mapping[str, Weights]
    ) -> "Asked":
        """Compile for a workspace."""
        facts = log.workspace.facts
        shop: dict[str, Any] = {
            "kinds": facts.kinds,
            "retention_days": facts.retention_days,
            "timezone": facts.timezone,
            "sources": log.workspace.features,
        }
        cohorts = {name: asked for target in targets for name, asked in target.backward.items()}
        questions = {name: question for target in targets for name, question in target.questions.items()}
        fields = [field for target in targets for field in _fields(target)]
        return cls(
            names=selected.names,
            back=compile_program(selected.features | cohorts, **shop),
            ahead=compile_program(questions, **shop) if questions else None,
            cohorts=compile_program(cohorts, **shop) if any(weights.values()) else None,
            targets=tuple(targets),
            weights=weights,
            end=end_of_log(log.last_ts),
            schema=pa.schema([*schema_of(compile_program(selected.features, **shop)), *fields]),
        )

    @property
    def fields(self) -> frozenset[str]:
        """Number and coded fields that histories must bring."""
        return self.back.fields | (self.ahead.fields if self.ahead else frozenset())

    def weigh(self, histories: Histories, person: np.ndarray, cutoff: np.ndarray) -> dict[str, np.ndarray]:
        """(r,) float64 a target: what training would weigh each row by, of all rows that these persons have, in any order.

        One without `[weights]` in the target's spec; else 0 for a row that training would not use.
        """
        found = {target.name: np.ones(len(cutoff)) for target in self.targets}
        if self.cohorts is None:
            return found
        order = np.lexsort((cutoff, person))
        known = evaluate(self.cohorts, histories, person[order], cutoff[order]).take(np.argsort(order))
        own = views.own(histories, person, cutoff)
        for target in self.targets:
            if self.weights[target.name]:
                used = target.eligible(known) & own & (cutoff + target.horizon <= self.end)
                weight = weigh(self.weights[target.name], cutoff[used], person[used], self.end)
                found[target.name] = np.zeros(len(cutoff))
                found[target.name][used] = weight
        return found

    def rows(
        self, histories: Histories, person: np.ndarray, cutoff: np.ndarray, weights: Mapping[str, np.ndarray]
    ) -> dict[str, Any]:
        """The columns behind `user_id` and `cutoff`, of rows in any order."""
        order = np.lexsort((cutoff, person))  # one person's rows side by side are read together
        place = np.argsort(order)
        known = evaluate(self.back, histories, person[order], cutoff[order]).take(place)
        columns: dict[str, Any] = {
            name: known.texts[name] if name in known.texts else pa.array(known.column(name)) for name in self.names
        }
        if self.ahead is not None:
            came = evaluate(self.ahead, histories, person[order], cutoff[order]).take(place)
            for target in self.targets:
                over = cutoff + target.horizon <= self.end
                label = pa.array(target.labels(came, known), mask=~over)
                cohort = target.eligible(known) & views.own(histories, person, cutoff)
                cells = (pa.array(target.classes).take(label), cohort, weights[target.name])
                columns |= {field.name: cell for field, cell in zip(_fields(target), cells, strict=True)}
        return columns


def _fields(target: Target) -> list[pa.Field]:
    return [
        pa.field(f"label_{target.name}", pa.string()),
        pa.field(f"cohort_{target.name}", pa.bool_(), nullable=False),
        pa.field(f"weight_{target.name}", pa.float64(), nullable=False),
    ]


def compute_entities(
    workspace: Workspace, source: Path, names: list[str] | None, targets: list[str] | None, out: Path
) -> dict[str, Any]:
    """Write the features of given rows, and labels, cohort and weight of targets.

    Args:
        workspace: Whose log.
        source: Parquet or CSV with `user_id` and `cutoff`: in any order, which is kept; a row may come twice.
        names: Features, by name or pattern, in the order of the columns; None for the whole catalogue.
        targets: Names of specs, or `*` for all that the log can show; None for no labels.
        out: The file, replaced whole or not at all; CSV where its name ends so, else Parquet: `user_id`, `cutoff`
            (timestamp[us, UTC]), a column a feature (float64 or strings), then of each target T `label_T` (the class; null where
            the horizon is not over at the log's end, and given whether or not the row is in the cohort), `cohort_T` (bool: would
            training use the row?) and `weight_T` (float64, see `Asked.weigh`).

    Returns:
        Numbers of rows, users, users that nothing is known of, and features; of each target the numbers of rows with a label, of
        rows in the cohort, and of both by class; notes, and the path.

    Raises:
        SpecError: An unknown feature or target.
        NotReadyError: The log is empty.
        InputError: The file's folder is not there, or a row cannot be used.
        TooLittleDataError: A target that was named cannot be seen in this log.
    """
    facts = workspace.facts
    selected = catalogue.of(workspace)
    selected = selected.select(names) if names is not None else selected
    check_folder(out)
    log = EventLog(workspace)
    if not log.exists:
        raise NotReadyError(f"The log of {workspace.home} has no events yet; `intently ingest` some first.")
    chosen, weights, notes = targets_of(workspace, log, targets)
    asked = Asked.of(log, selected, chosen, weights)
    entities = read_entities(source, facts.timezone)
    if entities.unread:
        notes.append(f"Columns of {source.name} that were not read: {', '.join(entities.unread)}.")
    counts = Counts(chosen)
    size = max(1, CELLS // len(asked.schema))
    with in_order(out, asked.schema, len(entities), size) as put:
        for rows, histories, person in people(log, asked, entities):
            weighed = asked.weigh(histories, person, entities.cutoff[rows])
            for first in range(0, len(rows), size):
                piece = slice(first, first + size)
                weight = {name: column[piece] for name, column in weighed.items()}
                columns = asked.rows(histories, person[piece], entities.cutoff[rows[piece]], weight)
                head = {
                    "user_id": entities.users.take(pa.array(rows[piece])),
                    "cutoff": pa.array(entities.cutoff[rows[piece]]).cast(pa.timestamp("us", "UTC")),
                }
                table = pa.table(head | columns)
                put(rows[piece], table)
                counts.add(table)
    return {
        "rows": len(entities),
        "users": len(pc.unique(entities.users)),
        "features": len(asked.names),
        "targets": counts.found,
        "notes": notes,
        "path": str(out),
    }


def people(log: EventLog, asked: Asked, entities: Entities) -> Iterator[tuple[np.ndarray, Histories, np.ndarray]]:
    """Bucket by bucket: (m,) ascending places of rows, histories of their users, and (m,) the rows' places among them."""
    bucket = bucket_of(entities.users, log.workspace.facts.buckets)
    order = np.argsort(bucket, kind="stable")
    starts = np.flatnonzero(np.diff(bucket[order], prepend=-1))
    for rows in track("Computing features", np.split(order, starts[1:]) if len(order) else []):
        ids = entities.users.take(pa.array(rows)).dictionary_encode()
        histories = log.informed(log.read_users(ids.dictionary, asked.fields, asked.back.texts), asked.back.attributes)
        yield rows, views.strict(histories) if asked.targets else histories, ids.indices.to_numpy().astype(np.int64)


def targets_of(
    workspace: Workspace, log: EventLog, names: list[str] | None
) -> tuple[list[Target], dict[str, Weights], list[str]]:
    """The targets of these names as the log can show them, the weights of their rows, and notes on what was left out.

    Raises:
        SpecError: No spec has that name.
        TooLittleDataError: One that was named, or every one, cannot be seen in this log.
    """
    if names is None:
        return [], {}, []
    specs = {spec.name: spec for spec in default_specs(workspace)}
    for name in names:
        if name != ALL and name not in specs:
            raise SpecError(f"There is no target {name!r}. {did_you_mean(name, specs)}")
    found: list[Target] = []
    notes: list[str] = []
    present, failed = log.kinds(), list[UserError]()
    for name in specs if ALL in names else dict.fromkeys(names):
        try:
            target, left_out = specs[name].target_for(workspace.config, present)
            target = settled(log, workspace.facts, target, end_of_log(log.last_ts))
        except UserError as error:
            if name in names:
                raise
            failed.append(error)
            continue
        found.append(target)
        notes += left_out
    if not found:
        raise failed[0]
    weights = {target.name: specs[target.name].weights for target in found}
    return found, weights, [*notes, *(error.message for error in failed)]


class Counts:
    """How many rows of each target have a label, are in the cohort, and are of a class and in it."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self.found: dict[str, dict[str, Any]] = {
            target.name: {"labelled": 0, "cohort": 0, "classes": dict.fromkeys(target.classes, 0)} for target in targets
        }

    def add(self, table: pa.Table) -> None:
        """Count a table's rows."""
        for name, found in self.found.items():
            label, cohort = table[f"label_{name}"], table[f"cohort_{name}"]
            found["labelled"] += len(label) - label.null_count
            found["cohort"] += pc.sum(cohort).as_py() or 0
            for pair in label.filter(cohort).drop_null().value_counts():
                found["classes"][pair["values"].as_py()] += pair["counts"].as_py()
