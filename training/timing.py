"""How good a hazard is: by horizon, by what it says of dates, and on the rows of the models that ask about one horizon."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa

from features.events import DAY
from models.hazard import INTERVAL, Hazard
from models.targets import STAGES, Churn, Stages
from models.timing import within

from .learn import Learned, Rated, Test
from .metrics import Measure, calibration_error, difference, interval, losses
from .periods import likelihood
from .resample import draw

N_DRAWS: Final = 200
LEAST: Final = 200
"""Rows that a figure needs."""


@dataclass(frozen=True, slots=True)
class Followed:
    """r test rows.

    Attributes:
        p: (r, J + 1) the model's distributions.
        rates: (J + 1,) the life table's, which knows no features.
        labels: (r,) int64 bucket of the event, J for later.
        seen: (r,) int64 number of buckets that the row was followed through; an event beyond it is not to be used.
        users: (r,) int64 hash of the row's user.
        groups: Name to (r,) bool.
    """

    p: np.ndarray
    rates: np.ndarray
    labels: np.ndarray
    seen: np.ndarray
    users: np.ndarray
    groups: dict[str, np.ndarray]

    def through(self, n_buckets: int) -> "Followed":
        """The rows that were followed through so many buckets."""
        rows = self.seen >= n_buckets
        groups = {name: inside[rows] for name, inside in self.groups.items()}
        return Followed(self.p[rows], self.rates, self.labels[rows], self.seen[rows], self.users[rows], groups)


def two(yes: np.ndarray) -> np.ndarray:
    """(r, 2) probabilities of two classes, from the second's."""
    return np.column_stack([1 - yes, yes])


def figures(rows: Followed, recipe: Hazard, judged: int, seed: int) -> dict[str, Measure]:
    """All further figures of a hazard.

    Args:
        rows: Of the test part.
        recipe: The target's.
        judged: Days of the horizon at which the groups are compared.
        seed: Of the draws.

    Returns:
        `timing_log_loss`, -ln of the probability given to what was seen of a row, however long it was followed, and
        `timing_minus_life_table`, the same less that of the life table; for every named horizon H `log_loss_Hd`,
        `minus_life_table_Hd`, `ece_Hd`; `coverage_80` (see `coverage`); for every group `<group>_said` and `<group>_seen`,
        mean probability and share of those who bought within the judged horizon.
    """
    found: dict[str, Measure] = {}
    same = np.broadcast_to(rows.rates, rows.p.shape)
    ours, theirs = (-np.log(np.maximum(likelihood(p, rows.labels, rows.seen), 1e-12)) for p in (rows.p, same))
    draws = draw(rows.users, N_DRAWS, seed)
    found["timing_log_loss"] = interval(float(ours.mean()), draws.mean(ours))
    found["timing_minus_life_table"] = interval(float((ours - theirs).mean()), draws.mean(ours - theirs))
    for days in recipe.within:
        n = recipe.edges.index(days) + 1
        there = rows.through(n)
        if len(there.labels) < LEAST:
            continue
        bought, draws = (there.labels < n).astype(np.int64), draw(there.users, N_DRAWS, seed)
        p = two(within(there.p, recipe.edges, days))
        flat = np.tile(two(within(there.rates[None, :], recipe.edges, days)), (len(p), 1))
        found[f"log_loss_{days}d"] = interval(float(losses(bought, p).mean()), draws.mean(losses(bought, p)))
        found[f"minus_life_table_{days}d"] = difference(bought, p, flat, draws)
        found[f"ece_{days}d"] = {"value": calibration_error(bought, p), "low": None, "high": None}
    n = recipe.edges.index(judged) + 1
    there = rows.through(n)
    if len(there.labels) >= LEAST:
        inside = coverage(there.p, there.labels, there.seen)
        found["coverage_80"] = interval(float(inside.mean()), draw(there.users, N_DRAWS, seed).mean(inside))
    for name, members in there.groups.items():
        if members.sum() < LEAST:
            continue
        bought, draws = (there.labels[members] < n).astype(float), draw(there.users[members], N_DRAWS, seed)
        said = within(there.p[members], recipe.edges, judged)
        found[f"{name}_said"] = {"value": float(said.mean()), "low": None, "high": None}
        found[f"{name}_seen"] = interval(float(bought.mean()), draws.mean(bought))
    return found


def coverage(p: np.ndarray, labels: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """(r,) share of each row's outcome that lies between the 10 % and the 90 % quantile; its mean should be 0.8.

    A bucket is days wide: an outcome is an interval of the distribution function, `[F(bucket - 1), F(bucket)]`, and may lie
    partly inside. It counts by the part that does, which is the chance that a date drawn within the bucket, as the model
    spreads it, is covered (the probability integral transform of a discrete outcome: Czado, Gneiting & Held 2009, section 2).
    So is "not in what the row was followed through", `[F(last bucket seen), 1]`: covered by the part of it below 90 %.

    Args:
        p: (r, J + 1) distributions.
        labels: (r,) int64 as for `periods.periods`.
        seen: (r,) int64 likewise, at least 1.
    """
    rows = np.arange(len(p))
    through = np.hstack([np.zeros((len(p), 1)), np.cumsum(p, axis=1)])
    known = labels < seen
    bucket = np.where(known, labels, seen)
    before = through[rows, bucket]
    after = np.where(known, through[rows, np.minimum(bucket + 1, p.shape[1])], 1.0)
    mass = np.maximum(after - before, 1e-12)
    low, high = INTERVAL
    inside: np.ndarray = np.clip((np.minimum(after, high) - np.maximum(before, low)) / mass, 0.0, 1.0)
    return inside


def beside(learned: Sequence[Learned], seed: int) -> list[Learned]:
    """The hazards among what was learned, compared with those models that ask one of their questions directly.

    Churn of the same kinds: P(no event within its horizon); a stage: P(buying). Both on the test rows that the two have in
    common, which neither was trained nor calibrated on; below 0, the hazard is better.
    """
    tested = [one for one in learned if len(one.test.users)]  # a base rate is not
    return [
        against(one, tested, seed) if isinstance(one.model.target.recipe, Hazard) and len(one.test.users) else one
        for one in learned
    ]


def against(one: Learned, others: Sequence[Learned], seed: int) -> Learned:
    """One hazard compared with all that can be."""
    recipe, found, notes = one.model.target.recipe, dict(one.further), list(one.notes)
    assert isinstance(recipe, Hazard)
    for other in others:
        target = other.model.target
        days = target.horizon / DAY
        if isinstance(target.recipe, Churn) and target.recipe.kinds == recipe.kinds:
            place, word = 0, f"no {recipe.act} within {days:g} days"
        elif isinstance(target.recipe, Stages) and target.recipe.buying == recipe.kinds:
            place, word = len(STAGES) - 1, f"{recipe.act} within {days:g} days"
        else:
            continue
        mine, theirs = common(one.test, other.test)
        if days > recipe.edges[-1] or len(mine) < LEAST:
            notes.append(f"There are too few rows, or days, in common to compare with {target.name}.")
            continue
        bought = (other.test.outcome[theirs] == place).astype(np.int64)
        direct = two(other.test.full[theirs, place])
        hazard = two(within(one.test.full[mine], recipe.edges, days))
        gap = difference(bought, hazard, direct, draw(one.test.users[mine], N_DRAWS, seed))
        each = [float(losses(bought, p).mean()) for p in (hazard, direct)]
        found[f"minus_{target.name}"] = gap
        told = "" if gap["low"] is None else f", {gap['low']:+.4f} to {gap['high']:+.4f}"
        notes.append(
            f"P({word}): log loss {each[0]:.4f} here, {each[1]:.4f} by {target.name}, on the same {len(mine):,} rows "
            f"({gap['value']:+.4f}{told})."
        )
    return replace(one, further=found, notes=tuple(notes))


def common(one: Test | Rated, other: Test | Rated) -> tuple[np.ndarray, np.ndarray]:
    """Places, in either, of the rows (person, cutoff) that both have."""
    tables = [
        pa.table({"user": rows.users, "cutoff": rows.cutoff, name: np.arange(len(rows.users))})
        for rows, name in ((one, "mine"), (other, "theirs"))
    ]
    both = tables[0].join(tables[1], ["user", "cutoff"], join_type="inner").sort_by("mine")
    return both["mine"].to_numpy(), both["theirs"].to_numpy()
