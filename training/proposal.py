"""Which horizon and lookback a shop's own repurchase gaps ask for, and how many would count as churned under each.

The time from a visit with a purchase to the next is right-censored by the end of the log: its distribution is Kaplan & Meier's
(1958) estimate over whole days. Purchases of one day are one visit.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from features import views
from features.events import DAY
from features.log import EventLog
from models.spec import Spec
from models.targets import Churn

HORIZONS: Final = (7, 14, 30, 60, 90)
LOOKBACKS: Final = (30, 60, 90, 180, 365)
"""Days that are proposed."""
LEVELS: Final = (0.5, 0.8, 0.9, 0.95)
LONGEST: Final = 730
"""Days; longer gaps count as this."""
LEAST: Final = 30
"""Repeat purchases below which nothing is proposed."""
LOW, HIGH = 0.05, 0.60
"""Base rates between which churn can be told from the usual."""
KIND: Final = "purchase"


def propose(log: EventLog, kinds: Sequence[str], end: int) -> dict[str, Any] | None:
    """What the log's purchases before `end` propose.

    Args:
        log: One snapshot.
        kinds: Of the workspace, in the order of the histories' codes.
        end: Microseconds UTC; what follows is not looked at.

    Returns:
        `purchases`, `repeat_gaps` (their number), `gap_days` (quantile to days within which so large a share of the visits that are
        ever followed by another one are; None where the log is too short to see it), `horizon` and `lookback` in days, and
        `base_rates`: for every horizon that is over by `end`, the share `churned` of `eligible` buyers of the lookback.
        None where there are fewer than `LEAST` repeat purchases.
    """
    if KIND not in kinds:
        return None
    code = list(kinds).index(KIND)
    lasting: list[np.ndarray] = []  # gaps that ended, days
    cut: list[np.ndarray] = []  # time from a person's last visit to the end, days
    visits: list[tuple[np.ndarray, np.ndarray]] = []
    purchases = 0
    for bucket in log.buckets():
        histories = views.strict(log.read(bucket, (), ()))
        owner = np.repeat(np.arange(len(histories)), np.diff(histories.offsets))
        bought = (histories.kind == code) & (histories.ts < end)
        person, ts = _visits(owner[bought], histories.ts[bought])
        purchases += int(bought.sum())
        follows = person[1:] == person[:-1]
        gap = np.diff(ts) / DAY
        lasting.append(gap[follows])
        last = np.append(~follows, True)[: len(ts)]
        cut.append((end - ts[last]) / DAY)
        visits.append((person, ts))
    gaps = np.concatenate(lasting)
    if len(gaps) < LEAST:
        return None
    quantiles = _quantiles(gaps, np.concatenate(cut))
    lookback = next((days for days in LOOKBACKS if days >= (quantiles[0.95] or np.inf)), LOOKBACKS[-1])
    rates = [rate for days in HORIZONS if (rate := _rate(visits, end, days, lookback)) is not None]
    inside = [rate for rate in rates if LOW <= rate["churned"] <= HIGH]
    usual = quantiles[0.8] or np.inf
    horizon = next((rate["days"] for rate in inside if rate["days"] >= usual), None)
    if horizon is None:
        nearest = inside[-1:] or sorted(rates, key=lambda rate: abs(rate["churned"] - (LOW + HIGH) / 2))[:1]
        horizon = nearest[0]["days"] if nearest else None
    return {
        "purchases": purchases,
        "repeat_gaps": len(gaps),
        "gap_days": {f"{level:g}": quantiles[level] for level in LEVELS},
        "horizon": horizon,
        "lookback": lookback,
        "base_rates": rates,
    }


def told(found: dict[str, Any] | None, specs: Sequence[Spec]) -> list[str]:
    """The proposal in words, and what it means for the churn specs among `specs`."""
    if found is None:
        return []
    half, nine = found["gap_days"]["0.5"], found["gap_days"]["0.9"]
    lines = []
    if half is not None:
        more = "" if nine is None else f", nine in ten within {nine:g}"
        lines.append(f"Of {found['repeat_gaps']:,} repeat purchases, half come within {half:g} days{more}.")
    rates = {rate["days"]: rate["churned"] for rate in found["base_rates"]}
    if found["horizon"] is None:
        return lines
    each = ", ".join(f"{share:.0%} in {days}" for days, share in rates.items())
    lines.append(
        f"Proposed for churn: a horizon of {found['horizon']} days after a purchase in the last {found['lookback']}. "
        f"Of those buyers, without a purchase: {each} days."
    )
    for spec in specs:
        days = spec.target.horizon / DAY
        share = rates.get(int(days))
        low, high = spec.base_rate or (LOW, HIGH)
        if isinstance(spec.target.recipe, Churn) and share is not None and not low <= share <= high:
            lines.append(
                f"{spec.name}: at {share:.0%} churned, {days:g} days are too {'few' if share > high else 'many'} for this shop. "
                f"Try intently train --horizon {found['horizon']}d {spec.path}"
            )
    return lines


def _visits(person: np.ndarray, ts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Persons and instants at which visits begin, of purchases sorted by person and time."""
    day = ts // DAY
    first = np.ones(len(ts), bool)
    first[1:] = (person[1:] != person[:-1]) | (day[1:] != day[:-1])
    return person[first], ts[first]


def _quantiles(gaps: np.ndarray, cut: np.ndarray) -> dict[float, float | None]:
    """Level to the days within which that share of the returns come, by Kaplan and Meier.

    The estimate's own tail, of those who never return, is set aside: shares are of what returns within the longest gap seen.
    """
    ended = np.bincount(np.minimum(np.ceil(gaps), LONGEST).astype(np.int64), minlength=LONGEST + 1)
    left = np.bincount(np.minimum(np.ceil(cut), LONGEST).astype(np.int64), minlength=LONGEST + 1)
    at_risk = (ended + left)[::-1].cumsum()[::-1]
    staying = np.cumprod(1 - ended / np.maximum(at_risk, 1))
    returned = (1 - staying) / max(1 - staying[-1], 1e-12)
    found: dict[float, float | None] = {}
    for level in LEVELS:
        place = int(np.searchsorted(returned, level - 1e-9))  # a share that is the level but for rounding reaches it
        found[level] = float(place) if place < LONGEST else None
    return found


def _rate(
    visits: Sequence[tuple[np.ndarray, np.ndarray]], end: int, days: int, lookback: int
) -> dict[str, int | float] | None:
    """Churned and eligible a horizon before the end; None where nobody is eligible."""
    cutoff = end - days * DAY
    eligible = churned = 0
    for person, ts in visits:
        before = np.unique(person[(ts < cutoff) & (ts >= cutoff - lookback * DAY)])
        after = np.unique(person[ts >= cutoff])
        eligible += len(before)
        churned += len(np.setdiff1d(before, after, assume_unique=True))
    return {"days": days, "churned": churned / eligible, "eligible": eligible} if eligible else None
