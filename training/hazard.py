"""One hazard, from the log to a measured model: periods, baseline, trees, correction, figures.

Headline figures are of one horizon, "bought within 30 days or not", on which baselines can stand beside it; the others are
in `further`.
"""

from dataclasses import replace
from typing import Any, Final

import numpy as np

from features.errors import TooLittleDataError
from features.events import DAY
from models.hazard import Hazard
from models.hazardmodel import BLOCK, PLACE, HazardModel, laid_out
from models.spec import TRIED, Spec
from models.targets import Target
from models.timing import distribution, within

from . import baselines
from .dataset import Dataset, Part, build, lots
from .fit import Fitted, Rows, fit
from .learn import N_DRAWS, Clock, Learned, Rated, Shop, Test
from .mend import mend
from .metrics import difference, evaluate
from .periods import MOST, Periods, followed, life_table, periods, thinned
from .resample import draw
from .split import Split
from .split import followed as followed_split
from .sufficiency import LEAST, LEAST_ROWS, count, way
from .timing import LEAST as ENOUGH
from .timing import Followed, figures, two
from .weights import told, weighed

JUDGED: Final = 30
"""Days of the headline's horizon, or the largest named one below."""


def learn(shop: Shop, spec: Spec) -> Learned:
    """Train and measure one hazard.

    Raises:
        TooLittleDataError: The log cannot show it; the message says what is missing.
        SpecError: The spec does not fit the shop.
    """
    clock = Clock()
    target, notes = spec.target_for(shop.config, shop.kinds)
    recipe = recipe_of(target)
    kept = recipe.up_to(shop.facts.retention_days)
    made, edges = followed_split(spec.split, kept.edges, shop.start, shop.end, shop.facts.timezone)
    target = replace(target, horizon=edges[-1] * DAY, recipe=kept.up_to(edges[-1]))
    selected = shop.catalogue.select(spec.features)
    data = build(shop.log, shop.facts, selected, target, made, spec.split.max_rows)
    clock.lap("rows")
    until = {"train": made.calibrate[0], "calibrate": made.test[0], "test": shop.end}
    seen = {name: followed(part.cutoff, until[name], edges) for name, part in data.parts.items()}
    given = periods(data.parts["train"].labels, seen["train"])
    table = life_table(given, len(edges))
    check(target, data, given)
    fitted, note, matrix = grown(shop, spec, data, made, given, edges, table.log_odds)
    clock.lap("fit")
    held_out = periods(data.parts["calibrate"].labels, seen["calibrate"])
    z = log_odds(fitted, data.parts["calibrate"].values, table.log_odds)
    mended = mend(
        z[held_out.row, held_out.bucket],
        held_out,
        data.parts["calibrate"].users,
        spec.calibration,
        len(edges),
        shop.seed,
    )
    correction = mended.calibrator
    rated = Rated(
        data.parts["calibrate"].users,
        data.parts["calibrate"].cutoff,
        data.parts["calibrate"].labels,
        distribution(z, correction.slope, np.array(correction.shift)),
    )
    clock.lap("calibrate")
    rates = distribution(table.log_odds[None, :], 1.0, np.zeros(len(edges)))[0]
    model = HazardModel(target, data.names, data.vocabularies, fitted.text, table.log_odds, correction, rates)
    p = distribution(
        log_odds(fitted, data.parts["test"].values, table.log_odds), correction.slope, np.array(correction.shift)
    )
    clock.lap("predict")
    judged = horizon_of(recipe_of(target), spec.split.gap)
    test = tested(shop, data, seen, p, recipe_of(target), judged)
    clock.lap("baselines")
    simple = {name: evaluate(test.labels, q, test.resamples) for name, q in test.baselines.items()}
    rows = Followed(
        p, rates, data.parts["test"].labels, seen["test"], data.parts["test"].users, groups(data.parts["test"])
    )
    learned = Learned(
        spec=spec,
        split=made,
        rows={name: len(part.labels) for name, part in data.parts.items()},
        counts={name: count(known(part, seen[name], len(edges)), target) for name, part in data.parts.items()},
        fitted=replace(fitted, gain=fitted.gain[:-1], splits=fitted.splits[:-1]),  # the bucket's place is no feature
        choice=mended,
        model=model,
        families=tuple(selected.entries[name].family for name in data.names),
        test=test,
        metrics=evaluate(test.labels, test.model, test.resamples),
        baselines=simple,
        differences={
            name: difference(test.labels, test.model, q, test.resamples) for name, q in test.baselines.items()
        },
        notes=(
            *notes,
            *made.notes,
            *data.notes,
            *note,
            f"Metrics are of P({recipe.act} within {judged} days), on the rows that were followed so long.",
            *untested(recipe_of(target), seen["test"]),
        ),
        seconds={},
        memory={**data.memory, "periods": matrix},
        further=figures(rows, recipe_of(target), judged, shop.seed),
        held_out=rated,
    )
    clock.lap("figures")
    return replace(learned, seconds=clock.laps)


def recipe_of(target: Target) -> Hazard:
    """The target's recipe."""
    assert isinstance(target.recipe, Hazard)
    return target.recipe


def check(target: Target, data: Dataset, given: Periods) -> None:
    """Refuse what cannot be learned from.

    Raises:
        TooLittleDataError: A part without rows, too few rows or events, or no feature that varies.
    """
    for name, part in data.parts.items():
        if not len(part.labels):
            raise TooLittleDataError(f"{target.name}: nobody is there at the cutoffs of the {name} part. {way(target)}")
    n_rows, n_events = len(data.parts["train"].labels), int(given.event.sum())
    if n_rows < LEAST_ROWS or n_events < LEAST:
        raise TooLittleDataError(
            f"{target.name}: {n_rows:,} rows to train on and {n_events:,} events in what follows them; at least {LEAST_ROWS} and "
            f"{LEAST} are needed. {way(target)}"
        )
    if not data.names:
        raise TooLittleDataError(
            f"{target.name}: every selected feature is the same in all training rows. {way(target)}"
        )


def grown(
    shop: Shop, spec: Spec, data: Dataset, made: Split, given: Periods, edges: tuple[int, ...], baseline: np.ndarray
) -> tuple[Fitted, list[str], dict[str, Any]]:
    """The trees, what was thinned and weighted, and the periods' own entry of `Dataset.memory`."""
    train = data.parts["train"]
    weight = weighed(spec.weights, train, shop.end)
    lot = lots(train.users[given.row] + given.bucket, train.cutoff[given.row])
    used, share = thinned(given, lot)
    cutoff = train.cutoff[used.row]
    grow = np.isin(cutoff, made.grow)
    stop = np.isin(cutoff, made.stop)
    if made.stop:  # what the stopping rows' features see, the growing rows may not be followed into
        grow &= cutoff + np.array(edges)[used.bucket] * DAY <= made.stop[0]
    if not made.stop or not (used.event[grow].any() and used.event[stop].any()):
        stop = lots(train.users, np.zeros_like(train.users))[used.row] < 0.25
        grow = ~stop
    values = np.empty((len(used), train.values.shape[1] + 1), np.float32)
    values[:, :-1] = train.values[used.row]
    values[:, -1] = used.bucket
    fitted = fit(
        Rows(
            values,
            used.event.astype(np.int64),
            used.weight if weight is None else used.weight * weight[used.row],
            baseline[used.bucket],
        ),
        grow,
        stop,
        (*data.names, PLACE),
        [name for name in data.names if name in data.vocabularies],
        2,
        spec.params,
        rounds=spec.rounds,
        patience=spec.patience,
        seed=shop.seed,
        label=f"Growing {spec.name}",
    )
    note = (
        f"Of {len(given):,} periods to train on, {len(used):,} are used: all with the event, {share:.1%} of the others."
    )
    notes = [*([note] if len(given) > MOST else []), *told(weight)]
    return fitted, notes, {"rows": len(used), "of": len(given), "mib": round(values.nbytes / 2**20, 1)}


def log_odds(fitted: Fitted, values: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    """(r, J) uncorrected log-odds of the hazards of (r, k) rows, as `HazardModel.raw` gives them."""
    out = np.empty((len(values), len(baseline)))
    for first in range(0, len(values), 8 * BLOCK):
        block = slice(first, first + 8 * BLOCK)
        out[block] = fitted.raw(laid_out(values[block], len(baseline))).reshape(-1, len(baseline)) + baseline
    return out


def horizon_of(recipe: Hazard, gap: int) -> int:
    """Days of the headline: the largest named horizon up to `JUDGED` that calibration rows are followed through."""
    most = min(JUDGED, gap // DAY)
    return max((days for days in recipe.within if days <= most), default=recipe.edges[0])


def whole(part: Part, seen: np.ndarray, n_buckets: int) -> Part:
    """The rows that were followed through so many buckets."""
    return kept(part, seen >= n_buckets)


def known(part: Part, seen: np.ndarray, n_buckets: int) -> Part:
    """The rows whose bucket was seen: the event's, or all of them and no event."""
    return kept(part, (part.labels < seen) | (seen >= n_buckets))


def kept(part: Part, rows: np.ndarray) -> Part:
    """Some rows of a part."""
    return Part(part.values[rows], part.labels[rows], part.users[rows], part.cutoff[rows], part.baselines[rows])


def untested(recipe: Hazard, seen: np.ndarray) -> list[str]:
    """Which named horizons too few test rows were followed through, in words."""
    far = [days for days in recipe.within if (seen > recipe.edges.index(days)).sum() < ENOUGH]
    if not far:
        return []
    named = ", ".join(f"P({recipe.act} within {days} days)" for days in far)
    told = f"Not tested: {named}: too few test rows are followed so long. With more cutoffs in [split] test they are, "
    return [told + "and the model learns from older rows."]


def groups(part: Part) -> dict[str, np.ndarray]:
    """Rows by the number of purchases seen: one-time buyers get the shop's own return curve, not certainty."""
    bought = part.baselines[:, baselines.NAMES.index(baselines.PREFIX + "purchases")]
    return {"never_bought": bought == 0, "one_time_buyers": bought == 1, "repeat_buyers": bought > 1}


def tested(shop: Shop, data: Dataset, seen: dict[str, np.ndarray], p: np.ndarray, recipe: Hazard, judged: int) -> Test:
    """The headline's test rows with everyone's probabilities, and all test rows with the model's distributions."""
    n = recipe.edges.index(judged) + 1
    rows = {name: whole(part, seen[name], n) for name, part in data.parts.items()}
    labels = {name: (part.labels < n).astype(np.int64) for name, part in rows.items()}
    train, calibrate = (
        baselines.Part(rows[name].baselines, labels[name], rows[name].users) for name in ("train", "calibrate")
    )
    part = data.parts["test"]
    return Test(
        classes=(f"later than {judged} days", f"within {judged} days"),
        labels=labels["test"],
        model=two(within(p[seen["test"] >= n], recipe.edges, judged)),
        baselines=baselines.run(train, calibrate, rows["test"].baselines, 2, TRIED, shop.seed),
        resamples=draw(rows["test"].users, N_DRAWS, shop.seed),
        users=part.users,
        cutoff=part.cutoff,
        outcome=part.labels,
        full=p,
    )
