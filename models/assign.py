"""From a feature matrix and probabilities to tags: every rule and band over whole columns, no loop over persons."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np

from features.matrix import Matrix

from .baserate import BaseRateModel
from .columns import Coded, PersonColumns
from .model import Model
from .tag import STANDS_OUT, Reading, Tag, Value
from .tagframe import Block, TagFrame
from .tags import Plan, TagSet
from .timing import total


@dataclass(frozen=True, slots=True)
class Prediction:
    """What one model says about n persons.

    Attributes:
        target: Its name.
        classes: (c,) names.
        probabilities: (n, c) float64, NaN outside the target's cohort.
        base_rates: (c,) shares of the classes in training.
        version: Of the model.
        readouts: Name to the places of the classes that it sums; each class by itself where None.
        scores: From (r, c) probabilities to the score columns by name, where an answer is to show them.
        note: Of a base rate that stands in for a model: read-out to what an answer says of itself, by language.
        interval: Likewise, read-out to the bounds of its probability.
    """

    target: str
    classes: tuple[str, ...]
    probabilities: np.ndarray
    base_rates: np.ndarray
    version: str
    readouts: Mapping[str, tuple[int, ...]] | None = None
    scores: Callable[[np.ndarray], dict[str, np.ndarray]] | None = None
    note: Callable[[str], dict[str, str]] | None = None
    interval: Mapping[str, tuple[float, float]] | None = None

    def places(self, label: str) -> tuple[int, ...]:
        """Places of the classes that a read-out sums."""
        return (self.classes.index(label),) if self.readouts is None else self.readouts[label]


def prediction(model: Model, probabilities: np.ndarray, version: str) -> Prediction:
    """What a model of a bundle's version says.

    Args:
        model: Which.
        probabilities: (n, c) its answers.
        version: Of the bundle.
    """
    target = model.target
    scores = target.named_scores if target.kind in {"hazard", "interest"} else None
    note, interval = (model.note, model.bounds) if isinstance(model, BaseRateModel) else (None, None)
    return Prediction(
        target.name, target.classes, probabilities, model.base_rates, version, target.readouts, scores, note, interval
    )


def assign(
    tags: TagSet,
    matrix: Matrix,
    predictions: Mapping[str, Prediction],
    known: np.ndarray,
    now: int,
    timezone: str,
    only: Collection[str] | None = None,
) -> TagFrame:
    """The tags of n persons as they stand at `now`.

    A person of whom no event is seen gets the predicted tags alone, at the base rate.

    Args:
        tags: What is assigned.
        matrix: (n) rows, one a person, at `now`.
        predictions: By predicted tag; one that is not there is assigned to nobody.
        known: (n,) bool: is any event of the person seen?
        now: Microseconds UTC.
        timezone: The shop's.
        only: Names of the tags wanted, those that they read excepted; None for all that are assigned.

    Returns:
        One block a tag.
    """
    wanted = tags.names if only is None else [name for name in tags.names if name in only]
    needed = set(tags.plans) if only is None else tags.closure(wanted)
    columns = PersonColumns(matrix, now, timezone)
    blocks: dict[str, Block] = {}
    with np.errstate(all="ignore"):  # a missing number is NaN, and compares false
        for name, plan in tags.plans.items():
            tag = tags.tags[name]
            if name not in needed or name in tags.unassigned:
                continue
            if tag.reading is not None:
                if name in predictions:
                    blocks[name] = predicted(tag, tag.reading, predictions[name], known)
                columns.put_tag(name, _coded(blocks.get(name), len(known)))
                continue
            if tag.tiers:
                columns.put_tiers(tag, tags.frozen.cuts[name].tiers)
            values = read_rules(tag, plan, columns)
            columns.drop_tiers(tag)
            columns.put_tag(name, values)
            rows = np.flatnonzero(known & (values.codes >= 0))
            blocks[name] = Block(tag, rows, values.codes[rows], values.values, tag.origin)
    return TagFrame(now, tuple(blocks[name] for name in wanted if name in blocks))


def read_rules(tag: Tag, plan: Plan, columns: PersonColumns) -> Coded:
    """(n,) values of a tag that no model stands behind: the first value whose rule holds, or a text feature's answer."""
    n = len(columns)
    inside = np.ones(n, bool) if plan.among is None else plan.among.test(columns)
    if tag.feature is not None:
        found = columns.text(tag.feature)
        return Coded(np.where(inside, found.codes, -1), found.values)
    codes = np.full(n, -1, np.int64)
    for place in range(len(plan.rules) - 1, -1, -1):  # backwards, so that the first one that holds is written last
        rule = plan.rules[place]
        codes[inside if rule is None else inside & rule.test(columns)] = place
    return Coded(codes, [value.name for value in tag.values])


def predicted(tag: Tag, reading: Reading, prediction: Prediction, known: np.ndarray) -> Block:
    """The rows of a predicted tag: of known persons in the target's cohort, and of the unknown at the base rate.

    Where the base rate stands in for a model, all are at it.
    """
    outside = np.isnan(prediction.probabilities[:, 0])
    rows = np.flatnonzero(~(known & outside))
    base = ~known[rows] | (prediction.note is not None)
    p = prediction.probabilities[rows]
    p[base] = prediction.base_rates
    if reading.read == "most_probable":
        code = np.argmax(p, axis=1)
        probability = p[np.arange(len(p)), code]
        values: list[str] = list(prediction.classes)
        readout = prediction.classes[int(np.argmax(prediction.base_rates))]
    elif reading.read == "stands_out":
        code, probability = standing_out(p, prediction.base_rates)
        values = [*prediction.classes[:-1], tag.values[0].name]
        readout = prediction.classes[int(np.argmax(prediction.base_rates))]
    else:
        readout = reading.label or ""
        places = prediction.places(readout)
        probability = total(p, places)
        base_rate = float(total(prediction.base_rates[None, :], places)[0])
        code = np.searchsorted(bounds(tag.values, reading, base_rate), probability, "right")
        values = [value.name for value in tag.values]
    low, high = (None, None) if prediction.interval is None else prediction.interval[readout]
    return Block(
        tag=tag,
        person=rows,
        code=code,
        values=values,
        source=f"model:{prediction.version}/{prediction.target}",
        probability=probability,
        probabilities=p,
        classes=prediction.classes,
        base=base,
        base_source=f"base_rate:{prediction.version}/{prediction.target}",
        scores={} if prediction.scores is None else prediction.scores(p),
        low=None if low is None else np.full(len(rows), low),
        high=None if high is None else np.full(len(rows), high),
        note=None if prediction.note is None else prediction.note(readout),
    )


def standing_out(p: np.ndarray, base_rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The most probable class of those that stand out from the shop, the last class left aside.

    Returns:
        (r,) its place, c - 1 where none does; (r,) its probability, there that of the most probable one.
    """
    named = p[:, :-1]
    out: np.ndarray = np.asarray(named >= STANDS_OUT * base_rates[:-1])
    some: np.ndarray = np.asarray(out.any(axis=1))
    best = np.argmax(np.where(out | ~some[:, None], named, -1.0), axis=1)
    return np.where(some, best, named.shape[1]), named[np.arange(len(p)), best]


def bounds(values: tuple[Value, ...], reading: Reading, base_rate: float) -> np.ndarray:
    """Probabilities at which one band ends and the next begins.

    Multiples of a large base rate would lie beyond 1, and their band out of reach. The multiples above 1 are therefore drawn
    in, all by one factor, until the largest bound lies no further than halfway from the base rate to 1.

    Returns:
        (bands - 1,) ascending; a probability equal to a bound lies in the upper band.
    """
    below = np.array([value.below for value in values if value.below is not None], np.float64)
    if reading.unit == "probability" or not len(below):
        return below
    most = (1 + base_rate) / 2
    excess = below[-1] * base_rate - base_rate
    if excess > most - base_rate:
        below = np.where(below > 1, 1 + (below - 1) * ((most - base_rate) / excess), below)
    return np.minimum(below * base_rate, most)


def _coded(block: Block | None, n: int) -> Coded:
    """A tag as other tags' rules read it, missing for whoever has it not."""
    codes = np.full(n, -1, np.int64)
    if block is None:
        return Coded(codes, ())
    codes[block.person] = block.code
    return Coded(codes, block.values)
