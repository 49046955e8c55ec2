"""The best possible forecast for the simulated shop: the exact forward filter, and the exact outlook of a state.

Notation of Rabiner 1989, "A tutorial on hidden Markov models", section III.A, the forward variable kept as a
normalised prediction: α_d(s) = P(s_d = s | observations of the days before d),

    α_{d+1}(s') ∝ Σ_s α_d(s) · P(o_d | s, d, z) · A(s, s'),    P(o | s, d, z) = P(class | s, d, z) · P(views | s) · P(searches | s)

and the outlook from day t over h days in which only certain classes occur (the backward variable of section III.B,
with the set of allowed classes in place of one observation):

    β_d(s) = [Σ_{allowed c} P(c | s, d, z)] · Σ_s' A(s, s') · β_{d+1}(s'),    β_{t+h} = 1.

The message of a campaign that starts at or after t is not known at t: at its first day β is the mean over the arms
z = 1 and 0, weighted by the chance of treatment. Of one that started before t, z is known.
"""

from typing import Final

import numpy as np
from numba import njit

from .shop import CLASSES, STATES, Shop
from .sim_calendar import Calendar
from .sim_chain import Chain, emissions

STAGE_DAYS: Final = 7
CHURN_DAYS: Final = 30
N_STATES: Final = len(STATES)
OUTCOMES: Final = (
    "p_stage_7d_idle",
    "p_stage_7d_browsing",
    "p_stage_7d_considering",
    "p_stage_7d_buying",
    "p_churn_30d",
)
"""What the truth foretells: the furthest class within 7 days, and that no purchase falls within 30 days."""


def spared(shop: Shop, cal: Calendar, allowed: np.ndarray, cutoff: int, horizon: int) -> np.ndarray:
    """P(every day in [cutoff, cutoff + horizon) is of an allowed class | state on the day `cutoff`).

    Args:
        shop: The parameters.
        cal: At least `cutoff + horizon` days long.
        allowed: (days, 2, S) float64 probability that the day's class is an allowed one.
        cutoff: Day.
        horizon: Days.

    Returns:
        (2, S) float64: by arm of the campaign that is running across the cutoff, and state.
    """
    beta = np.ones(allowed.shape[1:])
    for day in range(cutoff + horizon - 1, cutoff - 1, -1):
        if day < cutoff + horizon - 1:
            beta = beta @ shop.transitions.T
        beta = beta * allowed[day]
        if cal.running[day] >= 0 and cal.first[cal.running[day]] == day:
            beta[:] = shop.treated * beta[1] + (1 - shop.treated) * beta[0]
    return beta


def outlook(shop: Shop, cal: Calendar, cutoffs: np.ndarray) -> np.ndarray:
    """(k, 2, S, 5) float64 P(outcome | state on the cutoff's day, arm), outcomes in the order of `OUTCOMES`."""
    reach = np.cumsum(emissions(shop, cal), axis=3)
    out = np.empty((len(cutoffs), 2, len(shop.states), len(OUTCOMES)))
    for k, cutoff in enumerate(cutoffs.tolist()):
        below = [spared(shop, cal, reach[..., c], cutoff, STAGE_DAYS) for c in range(len(CLASSES) - 1)]
        out[k, ..., :4] = np.diff(np.stack(below, axis=-1), prepend=0.0, append=1.0)
        out[k, ..., 4] = spared(shop, cal, reach[..., 2], cutoff, CHURN_DAYS)
    return out


def forecasts(shop: Shop, cal: Calendar, cutoffs: np.ndarray, ahead: np.ndarray, chain: Chain) -> np.ndarray:
    """P(outcome | what was observed before the cutoff), the best that any model can do.

    Args:
        shop: The parameters.
        cal: At least `cutoffs[-1] + CHURN_DAYS` long.
        cutoffs: (k,) int64 days, ascending, in (0, days].
        ahead: (k, 2, S, 5) float64, as `outlook` says.
        chain: What n users showed; its states are not looked at.

    Returns:
        (n, k, 5) float64; NaN at cutoffs not after the day of sign-up.
    """
    out = np.full((len(chain.joined), len(cutoffs), len(OUTCOMES)), np.nan)
    _filter(
        emissions(shop, cal), shop.views, shop.searches, shop.transitions, shop.opening, shop.newcomer, cal.running,
        cutoffs, ahead, chain.joined, chain.reached, chain.classes, chain.views, chain.searches, out,
    )  # fmt: skip
    return out


@njit(cache=True, nogil=True)
def _filter(  # type: ignore[no-untyped-def]
    emits, p_views, p_searches, moves, opening, newcomer, running,
    cutoffs, ahead, joined, reached, classes, views, searches, out,
):  # fmt: skip
    """Run the filter user by user, and read the forecasts where a cutoff falls."""
    days, n_states = classes.shape[1], len(moves)
    after = np.empty(n_states)
    for u in range(len(joined)):
        alpha = (opening if joined[u] < 0 else newcomer).copy()
        begin = max(joined[u], 0)
        k = np.searchsorted(cutoffs, begin + 1)
        arm = 0  # of yesterday's campaign: where it runs on today, its message is known
        for d in range(begin, days + 1):
            if k < len(cutoffs) and cutoffs[k] == d:
                for o in range(out.shape[2]):
                    out[u, k, o] = (alpha * ahead[k, arm, :, o]).sum()
                k += 1
            if d == days:
                break
            arm = int(running[d] >= 0 and reached[u, running[d]])
            c = classes[u, d]
            for s in range(n_states):
                alpha[s] *= emits[d, arm, s, c]
                if c > 0:
                    alpha[s] *= p_views[s, views[u, d] - 1] * p_searches[s, searches[u, d]]
            alpha /= alpha.sum()
            after[:] = 0.0
            for s in range(n_states):
                block = s - s % N_STATES  # a user's type stays
                for to in range(block, block + N_STATES):
                    after[to] += alpha[s] * moves[s, to]
            alpha[:] = after
