"""What training weighs a row by: how recent it is, and how many rows its person has; one each unless a spec says otherwise.

    [weights]
    half_life = "90d"    # a row counts half as much as one 90 days later
    per_user = true      # each person's rows sum to one, so that who is seen at many cutoffs does not count more for it

With both, a person's rows sum to one and the newer ones have the larger share. Weights are for growing trees alone: calibration,
baselines and figures look at rows as they come, for that is whom the answers are about.
"""

import numpy as np

from models.spec import Weights

from .dataset import Part


def weigh(wanted: Weights, cutoff: np.ndarray, person: np.ndarray, end: int) -> np.ndarray:
    """(r,) float64, above 0: 2 ** -((end - cutoff) / half_life), over the sum of the person's where they are to sum to one.

    Args:
        wanted: What counts.
        cutoff: (r,) int64 microseconds UTC.
        person: (r,) int64, equal for rows of one person.
        end: Of the log, microseconds UTC.
    """
    halvings = np.zeros(len(cutoff)) if wanted.half_life is None else (cutoff - end) / wanted.half_life
    if not wanted.per_user:
        weight: np.ndarray = np.exp2(halvings)
        return weight
    place = np.unique(person, return_inverse=True)[1]
    newest = np.full(place.max(initial=-1) + 1, -np.inf)
    np.maximum.at(newest, place, halvings)
    weight = np.exp2(halvings - newest[place])  # a person's newest row is 1, so that no sum underflows
    share: np.ndarray = weight / np.bincount(place, weight)[place]
    return share


def weighed(wanted: Weights, part: Part, end: int) -> np.ndarray | None:
    """(r,) `weigh` of a part's rows, as multiples of their mean; None where all weigh alike.

    LightGBM's penalties and least sums of a leaf are in rows, so that weights far from one would change what they mean.
    """
    if not wanted:
        return None
    weight = weigh(wanted, part.cutoff, part.users, end)
    scaled: np.ndarray = weight / weight.mean()
    return scaled


def told(weight: np.ndarray | None) -> list[str]:
    """How many rows of equal weight the weighted ones are worth: (sum w)² / sum w² (Kish 1965, section 11.7)."""
    if weight is None:
        return []
    worth = weight.sum() ** 2 / (weight**2).sum()
    return [f"Weighted, {len(weight):,} rows to train on are worth {worth:,.0f} of equal weight."]
