"""The truth, recomputed: a filter of its own over events.parquet, and outlooks by running forwards over all arms."""

import itertools
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from math import comb, cos, exp, pi

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.filter import outlook, spared
from training.shop import SHOP, Campaign, State, UserType
from training.sim_calendar import calendar, mondays
from training.sim_chain import emissions
from training.simulate import simulate

DAYS = 190
START = date(2025, 2, 6)
FEES = ("p_stage_7d_idle", "p_stage_7d_browsing", "p_stage_7d_considering", "p_stage_7d_buying", "p_churn_30d")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("shop") / "shop"
    simulate(60, DAYS, 11, out, start=START.isoformat())
    return out


# The shop's laws once more, from the parameters and the equations in shop.py, in plain Python.


@cache
def campaigns_until(days):
    """(name, first day, days) of each campaign that starts within `days` of the start."""
    found = [
        (f"{year}-{c.name}", (date(year, c.month, c.day) - START).days, c.days)
        for year in (START.year, START.year + 1)
        for c in SHOP.campaigns
    ]
    return sorted((c for c in found if 0 <= c[1] < days), key=lambda c: c[1])


@cache
def running_on(day):
    return next((c for c in campaigns_until(800) if c[1] <= day < c[1] + c[2]), None)


@cache
def p_class(state, day, z):
    """P(class | state, day, arm) over the four classes."""
    when = START + timedelta(days=day)
    season = SHOP.weekday[when.weekday()]
    season += SHOP.yearly * cos(2 * pi * (when.timetuple().tm_yday - 1 - SHOP.peak) / 365.25)
    sale = running_on(day)
    weights = [1 - sum(state.classes)]
    for c in range(3):
        effect = season + (SHOP.opened[c] if sale else 0) + (SHOP.reached[c] if sale and z else 0)
        weights.append(state.classes[c] * exp(effect))
    return [w / sum(weights) for w in weights]


def binomial(n, k, p):
    return comb(n, k) * p**k * (1 - p) ** (n - k)


def step(kind, law):
    """One day's transition of a law over the four states of a type."""
    out = [0.0] * 4
    for s, state in enumerate(kind.states):
        for to in range(4):
            move = 1 - 1 / state.dwell if to == s else state.onward[to] / state.dwell
            out[to] += law[s] * move
    return out


@cache
def stationary(kind):
    law = [0.25] * 4
    for _ in range(20_000):
        law = step(kind, law)
    return law


def never_above(kind, law, level, cutoff, horizon, known):
    """P(no class above `level` in [cutoff, cutoff + horizon)): forwards, each combination of unknown arms apart."""
    inside = [c for c in campaigns_until(cutoff + horizon) if c[1] >= cutoff]
    total = 0.0
    for arms in itertools.product((0, 1), repeat=len(inside)):
        chance = 1.0
        for arm in arms:
            chance *= SHOP.treated if arm else 1 - SHOP.treated
        z = dict(zip((c[0] for c in inside), arms, strict=True))
        alive = list(law)
        for day in range(cutoff, cutoff + horizon):
            sale = running_on(day)
            arm = z.get(sale[0], known) if sale else 0
            alive = [a * sum(p_class(s, day, arm)[: level + 1]) for a, s in zip(alive, kind.states, strict=True)]
            alive = step(kind, alive)
        total += chance * sum(alive)
    return total


def outcomes(laws, cutoff, known):
    """The five probabilities of `FEES` given a law over states for each type, each with the type's probability in it."""
    below = [
        sum(never_above(k, law, level, cutoff, 7, known) for k, law in zip(SHOP.types, laws, strict=True))
        for level in range(3)
    ]
    churn = sum(never_above(k, law, 2, cutoff, 30, known) for k, law in zip(SHOP.types, laws, strict=True))
    return [below[0], below[1] - below[0], below[2] - below[1], 1 - below[2], churn]


def observe(events):
    """Per day: class by the stage rule within the day, different items viewed, searches."""
    days = defaultdict(list)
    for event in events:
        days[event["day"]].append(event)
    seen = {}
    for day, rows in days.items():
        views = [e["item"] for e in rows if e["kind"] == "view"]
        kinds = {e["kind"] for e in rows}
        repeated = max((views.count(item) for item in views), default=0) >= 3
        crowded = max(
            (sum(e["category"] == c for e in rows if e["kind"] == "view") for c in {e["category"] for e in rows}),
            default=0,
        )
        level = 0
        if kinds & {"view", "click", "search", "open", "join"}:
            level = 1
        if kinds & {"cart", "favorite"} or repeated or crowded >= 8:
            level = 2
        if "purchase" in kinds:
            level = 3
        seen[day] = (level, len(set(views)), sum(e["kind"] == "search" for e in rows))
    return seen


def foresee(events, cutoffs):
    """The five probabilities at each cutoff, from one user's events alone."""
    signup = [e["day"] for e in events if e["kind"] == "signup"]
    begin = signup[0] if signup else 0
    told = {e["campaign"] for e in events if e["kind"] == "message"}
    seen = observe(events)
    laws = [[k.share * p for p in (SHOP.entry if signup else stationary(k))] for k in SHOP.types]
    found = {}
    for day in range(begin, max(cutoffs) + 1):
        if day in cutoffs and any(e["day"] < day for e in events):
            sale = running_on(day)
            found[day] = outcomes(laws, day, int(sale is not None and sale[0] in told and sale[1] < day))
        level, views, searches = seen.get(day, (0, 0, 0))
        sale = running_on(day)
        z = int(sale is not None and sale[0] in told)
        for k, kind in enumerate(SHOP.types):
            for s, state in enumerate(kind.states):
                laws[k][s] *= p_class(state, day, z)[level]
                if level:
                    laws[k][s] *= binomial(5, views - 1, state.views) * binomial(3, searches, state.searches)
        norm = sum(map(sum, laws))
        laws = [step(kind, [p / norm for p in law]) for kind, law in zip(SHOP.types, laws, strict=True)]
    return found


def test_truth_is_that_of_a_filter_that_reads_only_the_events(folder):
    per_user = defaultdict(list)
    for e in pq.ParquetFile(folder / "events.parquet").read().to_pylist():
        day = (e["ts"].date() - START).days
        per_user[e["user_id"]].append(
            {name: e[name] for name in ("kind", "item", "category", "campaign")} | {"day": day}
        )
    truth = defaultdict(dict)
    for row in pq.ParquetFile(folder / "truth.parquet").read().to_pylist():
        truth[row["user_id"]][(row["cutoff"].date() - START).days] = [row[name] for name in FEES]
    cutoffs = set(mondays(START, DAYS).tolist())
    assert len(cutoffs) == 27
    joined = [u for u, events in per_user.items() if any(e["kind"] == "signup" for e in events)]
    users = sorted({*joined, *sorted(per_user)[: 52 - len(joined)]})
    assert len(joined) >= 5
    for user in users:
        some = {d for d in cutoffs if (d // 7 + int(user[1:])) % 2}  # the outlook is slow in plain Python
        mine = foresee(per_user[user], some)
        assert set(mine) == some & set(truth[user])
        for day, expected in mine.items():
            np.testing.assert_allclose(truth[user][day], expected, rtol=0, atol=1e-9)


def test_every_user_seen_has_a_row_a_monday_from_the_first_event_on(folder):
    first = {}
    for e in pq.ParquetFile(folder / "events.parquet").read(columns=["user_id", "ts"]).to_pylist():
        first[e["user_id"]] = min(first.get(e["user_id"], e["ts"]), e["ts"])
    expected = set()
    for user, ts in first.items():
        day = datetime(2025, 2, 10, tzinfo=UTC)
        while day <= datetime(START.year, START.month, START.day, tzinfo=UTC) + timedelta(days=DAYS):
            if ts < day:
                expected.add((user, day))
            day += timedelta(days=7)
    rows = pq.ParquetFile(folder / "truth.parquet").read(columns=["user_id", "cutoff"]).to_pylist()
    assert [(r["user_id"], r["cutoff"]) for r in rows] == sorted(expected)


def test_probabilities_sum_to_one_and_horizons_nest(folder):
    truth = pq.ParquetFile(folder / "truth.parquet").read().to_pandas()
    for prefix in ("", "latent_"):
        stages = truth[[prefix + name for name in FEES[:4]]].to_numpy()
        np.testing.assert_allclose(stages.sum(axis=1), 1, rtol=0, atol=1e-12)
        assert (stages > 0).all()
        assert (truth[prefix + "p_churn_30d"] < 1 - truth[prefix + "p_stage_7d_buying"]).all()


def test_emissions_are_those_of_the_equation():
    cal = calendar(SHOP, START, 60)
    found = emissions(SHOP, cal)
    for day, z, s in itertools.product((0, 33, 34, 36, 37, 38, 59), (0, 1), range(12)):
        state = SHOP.types[s // 4].states[s % 4]
        np.testing.assert_allclose(found[day, z, s], p_class(state, day, z), rtol=1e-12)
    assert cal.campaigns == ("2025-spring",)
    assert np.flatnonzero(cal.running == 0).tolist() == [34, 35, 36, 37]


chances = st.floats(0.01, 0.9)


@st.composite
def kinds_of_users(draw):
    """A user type with any dwell times, next states and class probabilities."""
    states = []
    for place in range(4):
        onward = [0.0 if to == place else draw(chances) for to in range(4)]
        classes = [draw(chances) for _ in range(4)]
        states.append(
            State(
                draw(st.floats(1, 50)),
                tuple(p / sum(onward) for p in onward),
                tuple(p / sum(classes) for p in classes[1:]),
                0.1,
                0.1,
            )
        )
    return UserType("any", 1.0, tuple(states))


@settings(deadline=None, max_examples=40)
@given(kinds_of_users(), st.integers(0, 12), st.integers(1, 6), st.integers(0, 2), st.integers(0, 1), st.floats(0, 1))
def test_outlook_is_the_sum_over_all_paths_of_states_and_arms(kind, cutoff, horizon, level, known, treated):
    """Two campaigns of 3 days at days 5 and 9: paths that run across, into, through and out of them, enumerated."""
    shop = replace(SHOP, types=(kind,), campaigns=(Campaign("a", 2, 11, 3), Campaign("b", 2, 15, 3)), treated=treated)
    cal = calendar(shop, START, 30)
    allowed = emissions(shop, cal)[..., : level + 1].sum(axis=3)
    found = spared(shop, cal, allowed, cutoff, horizon)
    moves = shop.transitions
    expected = np.zeros(4)
    for path in itertools.product(range(4), repeat=horizon):
        if horizon > 4 and path[0] != 1:
            continue
        for arms in itertools.product((0, 1), repeat=2):
            fixed = [c for c in (0, 1) if cal.first[c] < cutoff]
            if any(arms[c] != known for c in fixed):
                continue
            p = np.prod([1 if c in fixed else treated if arms[c] else 1 - treated for c in (0, 1)])
            for offset, s in enumerate(path):
                p *= moves[path[offset - 1], s] if offset else 1
                sale = cal.running[cutoff + offset]
                p *= allowed[cutoff + offset, arms[sale] if sale >= 0 else 0, s]
            expected[path[0]] += p
    states = slice(1, 2) if horizon > 4 else slice(None)
    np.testing.assert_allclose(found[known][states], expected[states], rtol=1e-10)


def test_outlook_by_simulation_from_a_known_state():
    """From each state on a Monday before a campaign, 20,000 futures drawn: within 4.5 standard errors."""
    rng = np.random.default_rng(5)
    start, cutoff, n = date(2025, 6, 1), 8, 20_000  # Monday 9 June; 618 begins on the 16th
    cal = calendar(SHOP, start, cutoff + 31)
    emits = emissions(SHOP, cal).cumsum(axis=3)
    moves = SHOP.transitions.cumsum(axis=1)
    ahead = outlook(SHOP, cal, np.array([cutoff]))[0, 0]
    for first in range(12):
        state = np.full(n, first)
        arm = (rng.random(n) < SHOP.treated).astype(int)
        deepest = np.zeros((30, n), int)
        for d in range(30):
            law = emits[cutoff + d, arm, state]
            deepest[d] = (rng.random(n)[:, None] >= law[:, :3]).sum(axis=1)
            state = (rng.random(n)[:, None] >= moves[state][:, :11]).sum(axis=1)
        stage = deepest[:7].max(axis=0)
        found = np.array([*(np.mean(stage == c) for c in range(4)), np.mean((deepest != 3).all(axis=0))])
        error = np.sqrt(ahead[first] * (1 - ahead[first]) / n)
        assert (np.abs(found - ahead[first]) < 4.5 * error).all()
