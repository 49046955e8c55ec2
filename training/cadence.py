"""How often a shop's customers buy, and how differently: the prior that a cadence shrinks a person's own gaps to."""

import math
from dataclasses import replace
from typing import Final

import numpy as np

from features import views
from features.errors import TooLittleDataError
from features.log import EventLog
from features.matrix import evaluate, grid
from features.program import compile_program
from features.workspace import Facts
from models.cadence import Cadence, gaps
from models.targets import Target

LEAST: Final = 30
"""Persons with a gap that the prior needs."""


def settled(log: EventLog, facts: Facts, target: Target, cutoff: int) -> Target:
    """The target with the shop's prior as it was known at `cutoff`; any but a cadence is left as it is.

    Raises:
        TooLittleDataError: Too few persons bought twice.
    """
    recipe = target.recipe
    if not isinstance(recipe, Cadence) or recipe.prior is not None:
        return target
    program = compile_program(
        target.backward, kinds=facts.kinds, retention_days=facts.retention_days, timezone=facts.timezone
    )
    found = []
    for bucket in log.buckets():
        histories = views.strict(log.read(bucket, program.fields, ()))
        person, cutoffs = grid(len(histories), (cutoff,))
        kept = views.own(histories, person, cutoffs)
        found.append(gaps(evaluate(program, histories, person[kept], cutoffs[kept]), target.cohort_column))
    number, total = (np.concatenate(column) for column in zip(*found, strict=True))
    several = number > 0
    if several.sum() < LEAST:
        raise TooLittleDataError(
            f"{target.name}: {several.sum()} persons bought on two days or more, and at least {LEAST} are needed to know the "
            "shop's cadence. Ingest a longer log."
        )
    return replace(target, recipe=replace(recipe, prior=prior(number[several], total[several])))


def prior(number: np.ndarray, total: np.ndarray) -> tuple[float, float]:
    """The Gamma(a, b) of rates under which so many gaps of so many days in total are likeliest, for persons with a gap.

    A person's gaps have the likelihood Γ(a + n) / Γ(a) · b^a / (b + S)^(a + n).

    Args:
        number: (r,) n, at least 1.
        total: (r,) S, days.
    """
    from scipy.optimize import minimize
    from scipy.special import gammaln

    def loss(at: np.ndarray) -> float:
        a, b = np.exp(at)
        each = gammaln(a + number) - gammaln(a) + a * math.log(b) - (a + number) * np.log(b + total)
        return -float(each.mean())

    mean = float(total.sum() / number.sum())
    start = np.log([2.0, 2.0 * mean])
    found = minimize(loss, start, method="L-BFGS-B", bounds=[(-4.0, 6.0), (start[1] - 6.0, start[1] + 6.0)]).x
    a, b = np.exp(found)
    return float(f"{a:.4g}"), float(f"{b:.4g}")
