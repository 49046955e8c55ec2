"""Churn is trained directly and read from the hazard: the one with the less log loss on held-out rows answers, both are told.

Held out are the rows of the calibration parts that the two have in common: neither's trees saw them, and neither's test is looked
at. Where they have too few, as for horizons whose calibration rows the hazard has learned from, the direct model answers.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from models.hazardmodel import HazardModel
from models.readout import ReadOut, read_outs
from models.timing import total

from .learn import N_DRAWS, Learned
from .metrics import Measure, difference, evaluate, losses
from .resample import draw
from .timing import LEAST, common, two


def champions(learned: Sequence[Learned], seed: int) -> list[Learned]:
    """What was learned, each churn target of which by the better of its two ways."""
    hazards = [one for one in learned if isinstance(one.model, HazardModel) and one.held_out is not None]
    out = []
    for one in learned:
        rivals = [hazard for hazard in hazards if read_outs(hazard.model.target, one.model.target) is not None]
        out.append(better(one, rivals[0], seed) if rivals and one.held_out is not None else one)
    return out


def better(direct: Learned, hazard: Learned, seed: int) -> Learned:
    """The direct model of churn, or the hazard in its place, with both's figures on the held-out rows."""
    assert direct.held_out is not None
    assert hazard.held_out is not None
    name, source = direct.model.target.name, hazard.model.target.name
    mine, theirs = common(hazard.held_out, direct.held_out)
    tested, there = common(hazard.test, direct.test)
    if min(len(mine), len(tested)) < LEAST or len(direct.test.classes) != 2:
        note = f"{name} is the direct model's: too few held-out rows in common with {source} to choose between the two."
        return replace(direct, notes=(*direct.notes, note))
    churned = direct.held_out.outcome[theirs]
    read, asked = churn_of(hazard, direct, hazard.held_out.full[mine]), direct.held_out.full[theirs]
    gap = difference(churned, read, asked, draw(direct.held_out.users[theirs], N_DRAWS, seed))
    each = [float(losses(churned, p).mean()) for p in (read, asked)]
    further: dict[str, Measure] = {
        **direct.further,
        "held_out_hazard": {"value": each[0], "low": None, "high": None},
        "held_out_direct": {"value": each[1], "low": None, "high": None},
        "held_out_hazard_minus_direct": gap,
    }
    wins = gap["value"] is not None and gap["value"] < 0
    told = "" if gap["low"] is None else f", {gap['low']:+.4f} to {gap['high']:+.4f}"
    note = (
        f"{name} is {f'read from {source}' if wins else 'the direct model'}: log loss {each[0]:.4f} read from {source}, "
        f"{each[1]:.4f} asked directly, on the same {len(mine):,} calibration rows ({gap['value']:+.4f}{told})."
    )
    direct = replace(direct, further=further, notes=(*direct.notes, note))
    return taken(direct, hazard, tested, there, seed) if wins else direct


def churn_of(hazard: Learned, direct: Learned, p: np.ndarray) -> np.ndarray:
    """(r, 2) P(active), P(churned), from (r, J + 1) distributions."""
    found = read_outs(hazard.model.target, direct.model.target)
    assert found is not None
    return two(total(p, hazard.model.target.readouts[found[1]]))


def taken(direct: Learned, hazard: Learned, mine: np.ndarray, theirs: np.ndarray, seed: int) -> Learned:
    """The hazard in the direct model's place, with its figures on the test rows that both have."""
    assert isinstance(hazard.model, HazardModel)
    test = direct.test
    p = churn_of(hazard, direct, hazard.test.full[mine])
    kept = replace(
        test,
        labels=test.labels[theirs],
        model=p,
        baselines={name: q[theirs] for name, q in test.baselines.items()},
        resamples=draw(test.users[theirs], N_DRAWS, seed),
        users=test.users[theirs],
        cutoff=test.cutoff[theirs],
        outcome=test.outcome[theirs],
        full=p,
    )
    classes = direct.model.target.classes
    counted = dict(zip(classes, np.bincount(kept.outcome, minlength=2).tolist(), strict=True))
    return replace(
        direct,
        model=ReadOut(direct.model.target, hazard.model, direct.model.base_rates),
        fitted=hazard.fitted,
        choice=hazard.choice,
        families=hazard.families,
        test=kept,
        rows={**direct.rows, "train": hazard.rows["train"], "test": len(theirs)},
        counts={**direct.counts, "test": counted},
        metrics=evaluate(kept.labels, kept.model, kept.resamples),
        baselines={name: evaluate(kept.labels, q, kept.resamples) for name, q in kept.baselines.items()},
        differences={
            name: difference(kept.labels, kept.model, q, kept.resamples) for name, q in kept.baselines.items()
        },
    )
