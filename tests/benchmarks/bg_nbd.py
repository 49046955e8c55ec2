"""BG/NBD beside ours: Fader, Hardie & Lee 2005, as the package `lifetimes` fits it, asked for P(buy within so many days).

The model sees of a customer x repeat days of purchase, the last of them t_x days after the first, and T days of watching.
While alive a customer buys at a rate λ, of which Gamma(r + x, α + T) is known, and may only leave after a purchase, so

    P(buys within h days) = P(alive | x, t_x, T) · (1 - ((α + T) / (α + T + h))^(r + x))
"""

import warnings

import numpy as np

from features import views
from features.hashing import hash128

DAY = 86_400_000_000
MOST_DAYS = 1_000_000
PENALTIES = (0.0, 0.001, 0.01, 0.1)


def fitted(frequency, recency, age):
    """The package's fitter on customers; days. Where the likelihood has no peak, with its penalty, ever more of it."""
    from lifetimes.fitters.beta_geo_fitter import BetaGeoFitter
    from lifetimes.utils import ConvergenceError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its logarithms, while it searches
        for penalty in PENALTIES:
            try:  # weeks, as in the paper
                return BetaGeoFitter(penalty).fit(frequency, recency / 7, age / 7)
            except ConvergenceError:
                continue
    return BetaGeoFitter(1.0).fit(frequency, recency / 7, age / 7)


def buys(model, frequency, recency, age, days):
    """(n,) P(buys within `days`)."""
    r, alpha = model.params_["r"], model.params_["alpha"]
    x, recency, age, days = frequency, recency / 7, age / 7, days / 7
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        alive = np.asarray(model.conditional_probability_alive(x, recency, age), float).ravel()
    return alive * (1 - ((alpha + age) / (alpha + age + days)) ** (r + x))


def customers(log, kinds, cutoffs):
    """By (hash of the person, cutoff): repeat days of purchase, the day of the last, age; only who bought on a day before it.

    Returns:
        (n, 2) int64 keys and (n, 3) float64 frequency, recency, age in days.
    """
    bought = list(kinds).index("purchase")
    keys, rows = [], []
    for bucket in log.buckets():
        histories = views.strict(log.read(bucket, (), ()))
        users = hash128(histories.users)[1]
        buying = histories.kind == bought
        person = np.repeat(np.arange(len(histories)), np.diff(histories.offsets))[buying]
        # A visit to the till is one, however many lines it has.
        both = np.unique(person * MOST_DAYS + histories.ts[buying] // DAY)
        person, day = both // MOST_DAYS, both % MOST_DAYS
        for cutoff in cutoffs:
            before = day < cutoff // DAY
            who, first, n = np.unique(person[before], return_index=True, return_counts=True)
            start, last = day[before][first], day[before][first + n - 1]
            keys.append(np.column_stack([users[who], np.full(len(who), cutoff)]))
            rows.append(np.column_stack([n - 1, last - start, cutoff / DAY - start]))
    return np.concatenate(keys), np.concatenate(rows).astype(float)


def forecast(shop, users, cutoff, days, otherwise):
    """(r,) P(buys within `days`) of rows; fitted to all customers as they were known at the first cutoff.

    Args:
        shop: `training.learn.Shop`.
        users: (r,) hashes.
        cutoff: (r,) microseconds UTC.
        days: Horizon.
        otherwise: For who never bought.
    """
    out = np.full(len(users), float(otherwise))
    keys, known = customers(shop.log, shop.facts.kinds, np.unique(cutoff).tolist())
    model = fitted(*known[keys[:, 1] == cutoff.min()].T)
    for at in np.unique(cutoff).tolist():
        here = keys[:, 1] == at
        place = {user: i for i, user in enumerate(keys[here, 0].tolist())}
        rows = np.flatnonzero(cutoff == at)
        found = np.array([place.get(user, -1) for user in users[rows].tolist()])
        p = buys(model, *known[here].T, days)
        out[rows[found >= 0]] = p[found[found >= 0]]
    return np.clip(out, 1e-4, 1 - 1e-4)
