"""A definition's examples, run through the real kernel: events in, value out."""

from typing import Any

import numpy as np
import pyarrow as pa

from features.errors import SpecError, did_you_mean
from features.events import CODED_FIELDS, FIXED_POINT, KINDS, NUMBER_FIELDS, RETENTION_DAYS
from features.hashing import hash128
from features.histories import from_events
from features.matrix import Matrix, evaluate
from features.program import compile_program
from features.schema import EVENTS

from .assign import Prediction, predicted, read_rules
from .columns import Coded, PersonColumns
from .tag import Example, Reading, Tag
from .tags import TagSet


def run(tags: TagSet, name: str, example: Example) -> str | None:
    """The value that a person with the example's events gets; None for no tag.

    Raises:
        SpecError: The example lacks something: cut points, probabilities, another tag's value.
    """
    tag, plan = tags.tags[name], tags.plans[name]
    if tag.reading is not None:
        return _predict(tag, tag.reading, example)
    if not example.events and not example.tags:
        return None
    columns = PersonColumns(_matrix(tags, plan.features, example), example.at, example.timezone)
    for other in plan.tags:
        given = example.tags.get(other)
        columns.put_tag(other, Coded(np.array([-1 if given is None else 0]), [given or ""]))
    for tier in tag.tiers:
        if tier not in example.cuts:
            raise SpecError(f"{tag.source}: tags.{name}: an example gives no cut points for the tier {tier!r}.")
    columns.put_tiers(tag, example.cuts)
    with np.errstate(all="ignore"):
        values = read_rules(tag, plan, columns)
    return None if values.codes[0] < 0 else values.values[values.codes[0]]


def failures(tags: TagSet) -> list[str]:
    """What each failing example of the tag set wanted, and got."""
    found = []
    for name, tag in tags.tags.items():
        for place, example in enumerate(tag.examples):
            got = run(tags, name, example)
            if got != example.value:
                found.append(f"{tag.source}: tags.{name}.examples[{place}]: wanted {example.value!r}, got {got!r}.")
    return found


def _predict(tag: Tag, reading: Reading, example: Example) -> str | None:
    classes = tuple(example.probabilities)
    rates = example.base_rates or dict.fromkeys(classes, 1 / max(len(classes), 1))
    if not classes or set(rates) != set(classes) or (reading.label or classes[0]) not in classes:
        raise SpecError(
            f"{tag.source}: tags.{tag.name}: an example gives the same classes' probabilities and base_rates."
        )
    prediction = Prediction(
        target=reading.targets[0],
        classes=classes,
        probabilities=np.array([list(example.probabilities.values())], np.float64),
        base_rates=np.array([rates[label] for label in classes], np.float64),
        version="example",
    )
    block = predicted(tag, reading, prediction, np.array([True]))
    return str(block.values[block.code[0]])


def _matrix(tags: TagSet, names: tuple[str, ...], example: Example) -> Matrix:
    """One row: the answers to the questions that the tag reads, by the kernel."""
    here = np.zeros(1, np.int64)
    cutoff = np.array([example.at], np.int64)
    if not names or not example.events:
        return Matrix(here, cutoff, (), np.empty((1, 0)), {})
    program = compile_program(
        {name: tags.features[name] for name in names},
        kinds=KINDS,
        retention_days=RETENTION_DAYS,
        timezone=example.timezone,
    )
    return evaluate(program, from_events(_table(example)), here, cutoff)


def _table(example: Example) -> pa.Table:
    """The example's events as rows of the log."""
    rows: list[dict[str, Any]] = []
    for event in example.events:
        if event["kind"] not in KINDS:
            raise SpecError(
                f"An example has an unknown event kind {event['kind']!r}. {did_you_mean(event['kind'], KINDS)}"
            )
        scaled: dict[str, Any] = {
            name: round(event[name] * (1000 if name == "dwell" else FIXED_POINT))
            for name in NUMBER_FIELDS
            if name in event
        }
        texts: dict[str, Any] = {name: event[name] for name in CODED_FIELDS if name in event}
        for again in range(event["times"]):
            ts = example.at - event["ago"] - again * event["every"]
            rows.append({"ts": ts, "kind": event["kind"], "event_id": str(len(rows)), **scaled, **texts})
    hi, lo = hash128(pa.array([row["event_id"] for row in rows]))
    same = {"bucket": 0, "user_id": "example", "source": ""}
    rows = [row | same | {"key_hi": int(hi[n]), "key_lo": int(lo[n])} for n, row in enumerate(rows)]
    return pa.Table.from_pylist(rows, EVENTS)
