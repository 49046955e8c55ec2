"""One next-category target, from the log to a measured model: rows, candidates, trees, temperature, baselines, figures.

Only rows after which something with a category is bought teach and test: the answer is which category, given that one comes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa

from features import matrix, views
from features.algebra import Feature
from features.errors import TooLittleDataError
from features.hashing import hash128
from features.log import EventLog
from features.program import Program, compile_program
from features.progress import track
from features.workspace import Facts
from models.calibration import Calibrator, probabilities
from models.candidates import NAMES, Own, own, pairs
from models.candidates import Shop as Tables
from models.interest import OTHER, Interest, coming, touched
from models.interestmodel import InterestModel
from models.spec import Spec
from models.targets import Target

from . import categories, ranking
from .calibrate import MIN_ROWS, Choice, chosen, fit, folds
from .conditional import grow
from .dataset import all_cutoffs, growing, lots
from .learn import N_DRAWS, Clock, Learned, Shop, Test
from .metrics import difference, evaluate, losses
from .resample import draw
from .split import PARTS, Split, split

LEAST_ROWS: Final = 200
"""Training rows after which something is bought."""
LEAST: Final = 20
"""Training rows that a category needs to be a candidate."""


@dataclass(frozen=True, slots=True)
class Rows:
    """r rows of one part after which something is bought, sorted by person and cutoff.

    Attributes:
        touches: (r,) answers about the past.
        next: (r) categories that are bought within the horizon, in order.
        hi: (r,) int64 first half of the person's hash; `users` the second.
        users: (r,) int64.
        cutoff: (r,) int64 microseconds UTC.
    """

    touches: pa.Array
    next: list[list[str]]
    hi: np.ndarray
    users: np.ndarray
    cutoff: np.ndarray

    def __len__(self) -> int:
        return len(self.next)

    def take(self, rows: np.ndarray) -> "Rows":
        """Those at the (int64) places."""
        texts = self.touches.take(pa.array(rows))
        return Rows(texts, [self.next[n] for n in rows.tolist()], self.hi[rows], self.users[rows], self.cutoff[rows])


@dataclass(frozen=True, slots=True)
class Found:
    """(r,) rows of one bucket after which something is bought: place of the person, cutoff, lot, and what is bought, in order."""

    person: np.ndarray
    cutoff: np.ndarray
    lot: np.ndarray
    next: list[list[str]]


def learn(shop: Shop, spec: Spec) -> Learned:
    """Train and measure one next-category target.

    Raises:
        TooLittleDataError: The log cannot show it; the message says what is missing.
        SpecError: The spec does not fit the shop.
    """
    clock = Clock()
    target, notes = spec.target_for(shop.config, shop.kinds)
    made = split(spec.split, target.horizon, shop.start, shop.end, shop.facts.timezone)
    parts, sampled = gather(shop.log, shop.facts, target, made, spec.split.max_rows)
    recipe = with_candidates(target, parts["train"])
    target = replace(target, recipe=recipe)
    c = len(recipe.classes)
    mine = {name: own(part.touches, recipe.touches, recipe.candidates) for name, part in parts.items()}
    bought = {name: recipe.places(part.next) for name, part in parts.items()}
    labels = {name: np.array([row[0] for row in rows], np.int64) for name, rows in bought.items()}
    clock.lap("rows")
    table = categories.shop_of(mine["train"], labels["train"], c)
    values, start = crossed(mine["train"], labels["train"], parts["train"].users, table)
    fits, stop = growing(parts["train"].users, parts["train"].cutoff, made)
    fitted = grow(
        values,
        start,
        labels["train"],
        fits,
        stop,
        NAMES,
        spec.params,
        rounds=spec.rounds,
        patience=spec.patience,
        seed=shop.seed,
        label=f"Growing {target.name}",
    )
    clock.lap("fit")

    def said(part: Own) -> np.ndarray:
        given, begun = pairs(part, table)
        return probabilities(fitted.raw(given).reshape(begun.shape) + begun)

    choice = tempered(
        labels["calibrate"], said(mine["calibrate"]), parts["calibrate"].users, spec.calibration, shop.seed
    )
    clock.lap("calibrate")
    model = InterestModel(target, fitted.text, table, choice.calibrator)
    p = choice.calibrator.apply(said(mine["test"]))
    simple = categories.run(table, mine["calibrate"], labels["calibrate"], mine["test"])
    drawn = draw(parts["test"].users, N_DRAWS, shop.seed)
    clock.lap("baselines")
    test = Test(
        classes=recipe.classes,
        labels=labels["test"],
        model=p,
        baselines=simple,
        resamples=drawn,
        users=parts["test"].users,
        cutoff=parts["test"].cutoff,
        outcome=labels["test"],
        full=p,
    )
    learned = Learned(
        spec=spec,
        split=made,
        rows={name: len(part) for name, part in parts.items()},
        counts={
            name: dict(zip(recipe.classes, np.bincount(labels[name], minlength=c).tolist(), strict=True))
            for name in parts
        },
        fitted=replace(fitted, gain=fitted.gain[:0], splits=fitted.splits[:0]),  # no column is the catalogue's
        choice=choice,
        model=model,
        families=(),
        test=test,
        metrics=evaluate(test.labels, p, drawn),
        baselines={name: evaluate(test.labels, q, drawn) for name, q in simple.items()},
        differences={name: difference(test.labels, p, q, drawn) for name, q in simple.items()},
        notes=(*notes, *made.notes, *sampled, "Rows after which nothing is bought neither teach nor test."),
        seconds={},
        further=ranking.figures(p, simple, ranking.bought(bought["test"], c), drawn),
    )
    clock.lap("figures")
    return replace(learned, seconds=clock.laps)


def crossed(mine: Own, labels: np.ndarray, users: np.ndarray, table: Tables) -> tuple[np.ndarray, np.ndarray]:
    """`pairs` of the training rows, popularity and moves being those of the other folds' users.

    From their own users' tables trees would learn to trust what later rows do not bear out.
    """
    fold = folds(users)
    c = len(table.share)
    values = np.empty((len(labels), c, len(NAMES)), np.float32)
    start = np.empty((len(labels), c))
    for k in np.unique(fold).tolist():
        rows, rest = fold == k, fold != k
        if not rest.any():
            rest = rows
        others = replace(categories.shop_of(mine.take(rest), labels[rest], c), weight=table.weight)
        given, start[rows] = pairs(mine.take(rows), others)
        values[rows] = given.reshape(-1, c, len(NAMES))
    return values.reshape(len(labels) * c, -1), start


def tempered(
    labels: np.ndarray, p: np.ndarray, users: np.ndarray, methods: Sequence[str], seed: int
) -> Choice[Calibrator]:
    """No correction, or a temperature where it surely helps: the one method that needs not see every category."""
    held_out = {"none": p}
    if "temperature" in methods and len(labels) >= MIN_ROWS:
        held_out["temperature"] = np.array(p)
        fold = folds(users)
        for k in np.unique(fold).tolist():
            held_out["temperature"][fold == k] = fit("temperature", labels[fold != k], p[fold != k]).apply(p[fold == k])
    each = {method: losses(labels, q) for method, q in held_out.items()}
    return chosen(each, users, seed, lambda method: fit(method, labels, p))


def recipe_of(target: Target) -> Interest:
    """The target's recipe."""
    assert isinstance(target.recipe, Interest)
    return target.recipe


def gather(
    log: EventLog, facts: Facts, target: Target, made: Split, max_rows: int
) -> tuple[dict[str, Rows], list[str]]:
    """Every part's rows, of which those with the smallest lots are kept, and notes on what was not; the log is read twice."""

    def program(features: Mapping[str, Feature]) -> Program:
        return compile_program(
            features,
            kinds=facts.kinds,
            retention_days=facts.retention_days,
            timezone=facts.timezone,
        )

    past, ahead = program(target.backward), program(target.questions)
    cutoffs = all_cutoffs(made)
    (question,) = target.questions
    buckets = list(log.buckets())
    found: list[Found] = []
    for bucket in track(f"Looking ahead for {target.name}", buckets):
        histories = views.strict(log.read(bucket, ahead.fields, ahead.texts))
        person, cutoff = matrix.grid(len(histories), cutoffs)
        kept = views.own(histories, person, cutoff)
        person, cutoff = person[kept], cutoff[kept]
        to_come = coming(matrix.evaluate(ahead, histories, person, cutoff).texts[question])
        rows = np.flatnonzero([bool(row) for row in to_come])
        lot = lots(hash128(histories.users)[1][person[rows]], cutoff[rows])
        found.append(Found(person[rows], cutoff[rows], lot, [to_come[n] for n in rows.tolist()]))
    most, notes = {}, []
    for name in PARTS:
        lot = np.sort(np.concatenate([one.lot[np.isin(one.cutoff, getattr(made, name))] for one in found]))
        most[name] = lot[max_rows] if len(lot) > max_rows else 1.0
        if len(lot) > max_rows:
            notes.append(f"The {name} part has {len(lot):,} rows; a sample of {max_rows / len(lot):.1%} is used.")
    blocks: dict[str, list[Rows]] = {name: [] for name in PARTS}
    for bucket, one in track(f"Reading {target.name}", list(zip(buckets, found, strict=True))):
        histories = views.strict(log.read(bucket, past.fields, past.texts))
        hi, lo = hash128(histories.users)
        for name in PARTS:
            rows = np.flatnonzero(np.isin(one.cutoff, getattr(made, name)) & (one.lot < most[name]))
            known = matrix.evaluate(past, histories, one.person[rows], one.cutoff[rows])
            inside = np.flatnonzero(target.eligible(known))
            rows = rows[inside]
            texts = known.texts[touched(target.cohort_column)].take(pa.array(inside))
            coming_to = [one.next[n] for n in rows.tolist()]
            who = one.person[rows]
            blocks[name].append(Rows(texts, coming_to, hi[who], lo[who], one.cutoff[rows]))
    return {name: joined(some) for name, some in blocks.items()}, notes


def joined(blocks: list[Rows]) -> Rows:
    """All blocks' rows, sorted by person and cutoff."""
    hi, users, cutoff = (
        np.concatenate([getattr(block, name) for block in blocks]) for name in ("hi", "users", "cutoff")
    )
    texts = pa.chunked_array([block.touches for block in blocks], pa.string()).combine_chunks()
    whole = Rows(texts, [row for block in blocks for row in block.next], hi, users, cutoff)
    return whole.take(np.lexsort((cutoff, users, hi)))


def with_candidates(target: Target, train: Rows) -> Interest:
    """The recipe with the commonest categories of the training labels; of equally common ones the first by name.

    Raises:
        TooLittleDataError: Too few rows, or but one category.
    """
    recipe = recipe_of(target)
    counts: dict[str, int] = {}
    for row in train.next:
        counts[row[0]] = counts.get(row[0], 0) + 1
    known = sorted((n, text) for text, n in counts.items() if n >= LEAST and text != OTHER)
    candidates = [text for _, text in sorted(known, key=lambda one: (-one[0], one[1]))][: recipe.most]
    if len(train) < LEAST_ROWS or len(candidates) < 2:
        kinds = " or ".join(recipe.kinds)
        raise TooLittleDataError(
            f"{target.name}: {len(train):,} rows with a {kinds} of some category after them, and {len(candidates)} categories that "
            f"{LEAST} of them have; at least {LEAST_ROWS} rows and 2 categories are needed. Ingest more of the log, with categories."
        )
    return replace(recipe, candidates=tuple(candidates))
