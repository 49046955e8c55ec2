"""A target of which the log has too little for a model: its base rate, over every row whose label is known, and what is missing."""

from dataclasses import replace
from typing import Final

import numpy as np

from features.catalogue import Catalogue
from features.errors import TooLittleDataError
from features.events import DAY
from features.instants import to_iso
from models.baserate import LEVEL, BaseRateModel, of_buckets, of_classes
from models.calibration import identity
from models.hazard import Hazard
from models.spec import Spec
from models.targets import Target

from .cadence import settled
from .calibrate import Choice
from .dataset import Part, build
from .fit import Fitted
from .learn import Clock, Learned, Shop, Test
from .metrics import NAMES, undefined
from .periods import followed, life_table, periods
from .resample import draw
from .split import Split, midnights, split
from .split import followed as followed_split
from .sufficiency import count

MOST_DAYS: Final = 4000
"""No log is waited for longer."""


def learn(shop: Shop, spec: Spec, why: TooLittleDataError) -> Learned:
    """The base rate of one target, in the place of a model.

    Args:
        shop: What all targets share.
        spec: How it would be trained.
        why: What was said when training it was tried.

    Raises:
        TooLittleDataError: The log has no event of the kinds that the target is told by, too few to know its cohort, or too few
            to know the categories between which the next one lies.
    """
    if spec.target.kind == "interest":  # whose classes are found in training
        raise why
    clock = Clock()
    target, notes = spec.target_for(shop.config, shop.kinds)
    if isinstance(target.recipe, Hazard):
        kept = target.recipe.up_to(shop.facts.retention_days)
        target = replace(target, horizon=kept.edges[-1] * DAY, recipe=kept)
    cutoffs = matured(shop, spec, target)
    target = settled(shop.log, shop.facts, target, cutoffs[-1] if cutoffs else shop.end)
    made = Split(train=cutoffs, stop=(), grow=(), calibrate=(), test=(), notes=())
    data = build(shop.log, shop.facts, Catalogue({}), target, made, spec.split.max_rows)
    part = data.parts["train"]
    clock.lap("rows")
    model = model_of(shop, target, part)
    rates = rates_of(model)
    return Learned(
        spec=spec,
        split=made,
        rows={name: len(one.labels) for name, one in data.parts.items()},
        counts={name: count(one, target) for name, one in data.parts.items()},
        fitted=Fitted("", 0, {}, np.zeros(0), np.zeros(0, np.int64), np.zeros(0)),
        choice=Choice(identity(), {}, None),
        model=model,
        families=(),
        test=untested(target, shop.seed),
        metrics={name: undefined("a base rate is not tested") for name in NAMES},
        baselines={},
        differences={},
        notes=(*notes, *data.notes, *told(shop, spec, target, model, part, why)),
        seconds=clock.laps,
        further=rates,
        missing=why,
    )


def matured(shop: Shop, spec: Spec, target: Target) -> tuple[int, ...]:
    """Every cutoff, ascending, whose label window (a hazard's first bucket) the log has seen the end of; none of a log too short.

    The spec's own where there are any, else days, else the one instant that just fits.
    """
    edges = target.recipe.edges if isinstance(target.recipe, Hazard) else ()
    last = shop.end - (edges[0] * DAY if edges else target.horizon)
    least = min(spec.split.every, target.horizon, spec.split.warmup)
    for start, every in ((shop.start + least, spec.split.every), (shop.start, spec.split.every), (shop.start, DAY)):
        found = midnights(start, last, every, shop.facts.timezone)
        if found:
            return tuple(found)
    return (last,) if last > shop.start else ()


def model_of(shop: Shop, target: Target, part: Part) -> BaseRateModel:
    """The model of such rows."""
    users = len(np.unique(part.users))
    if not isinstance(target.recipe, Hazard):
        return of_classes(target, np.bincount(part.labels, minlength=len(target.classes)).astype(np.float64), users)
    edges = target.recipe.edges
    table = life_table(periods(part.labels, followed(part.cutoff, shop.end, edges)), len(edges))
    return of_buckets(target, edges, table.events, table.at_risk, len(part.labels), users)


def rates_of(model: BaseRateModel) -> dict[str, dict[str, float]]:
    """Read-out to its rate and the interval that the rate lies in; see `BaseRateModel.interval`."""
    return {
        f"rate_{name}": {
            "value": float(model.base_rates[list(model.target.readouts[name])].sum()),
            "low": low,
            "high": high,
        }
        for name, (low, high) in model.interval(LEVEL).items()
    }


def untested(target: Target, seed: int) -> Test:
    """No test rows."""
    none = np.zeros(0, np.int64)
    p = np.zeros((0, len(target.classes)))
    return Test(target.classes, none, p, {}, draw(none, 1, seed), none, none, none, p)


def told(
    shop: Shop, spec: Spec, target: Target, model: BaseRateModel, part: Part, why: TooLittleDataError
) -> list[str]:
    """What is missing, what stands in for it, and when that may change."""
    asked = [name for name in target.readouts if name not in target.classes and not name.startswith("no_")]
    rates, intervals = model.base_rates, model.interval(LEVEL)
    each = []
    for name in asked or (target.classes[1:] if target.binary else target.classes):
        low, high = intervals[name]
        each.append(f"{name} {rates[list(target.readouts[name])].sum():.1%} ({low:.1%} to {high:.1%})")
    seen = (
        f"from {len(part.labels):,} rows of {model.users:,} persons, whom the {LEVEL:.0%} interval counts"
        if len(part.labels)
        else "of which nothing is known yet: no row's outcome is over"
    )
    later = ready(shop, spec, target)
    when = [f"The log will be long enough on {to_iso(later)[:10]}."] if later is not None else []
    return [
        f"Too little data to tell people apart. {why.message}",
        f"Until then everybody's answer is the shop's base rate: {', '.join(each)}, {seen}.",
        *when,
    ]


def ready(shop: Shop, spec: Spec, target: Target) -> int | None:
    """The day (microseconds UTC) from which the log has a cutoff for each part; None where it has already: rows are what lacks."""

    def fits(end: int) -> bool:
        try:
            if isinstance(target.recipe, Hazard):
                _, edges = followed_split(spec.split, target.recipe.edges, shop.start, end, shop.facts.timezone)
                return bool(edges)
            split(spec.split, target.horizon, shop.start, end, shop.facts.timezone)
        except TooLittleDataError:
            return False
        return True

    if fits(shop.end):
        return None
    return next((end for end in range(shop.end, shop.end + MOST_DAYS * DAY, DAY) if fits(end)), None)
