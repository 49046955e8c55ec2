"""Transitions of sessions, and the absorbing Markov chain of a unit's steps with its removal effects."""

from typing import Any

import numpy as np

from ..histories import Histories
from .journeys import Runs, Units


def transitions(seen: Histories, visits: Units, step: np.ndarray, n_steps: int) -> np.ndarray:
    """(s + 2, s + 2) int64: how often each row was followed by each column; START is s, END is s + 1.

    Args:
        seen: n persons' m events.
        visits: Sessions to count, in order.
        step: (m,) int64 codes of the events.
        n_steps: How many steps there are, s.
    """
    n_states, start, end = n_steps + 2, n_steps, n_steps + 1
    inside = np.zeros(seen.n_events + 1, np.int64)  # +1 where a session begins, -1 behind it
    np.add.at(inside, visits.first, 1)
    np.add.at(inside, visits.close, -1)
    within = np.cumsum(inside[:-1]) > 0
    joined = within[1:] & within[:-1]
    joined[visits.first[visits.first > 0] - 1] = False
    pairs = step[:-1][joined] * n_states + step[1:][joined]
    counts = np.bincount(pairs, minlength=n_states * n_states).reshape(n_states, n_states)
    counts[start] += np.bincount(step[visits.first], minlength=n_states)
    counts[:, end] += np.bincount(step[visits.close - 1], minlength=n_states)
    return counts


def rates(counts: np.ndarray) -> np.ndarray:
    """Each row over its sum; rows of nothing stay 0."""
    total = counts.sum(axis=1, keepdims=True)
    shares: np.ndarray = counts / np.maximum(total, 1)
    return shares


def chain(runs: Runs, converted: np.ndarray, n_steps: int) -> np.ndarray:
    """(s + 3, s + 3) int64 counts of the absorbing chain: steps, then START, conversion, nothing.

    Args:
        runs: Collapsed steps of u units, those before the goal.
        converted: (u,) bool.
        n_steps: s.
    """
    n_states, start = n_steps + 3, n_steps
    end = np.where(converted, n_steps + 1, n_steps + 2)
    low, high = runs.offsets[:-1], runs.offsets[1:]
    some = high > low
    joined = np.ones(len(runs.step), bool)
    joined[low[some]] = False  # no unit's first step follows another's last
    after = np.flatnonzero(joined)
    pairs = np.concatenate(
        [
            runs.step[after - 1] * n_states + runs.step[after],
            start * n_states + runs.step[low[some]],
            runs.step[high[some] - 1] * n_states + end[some],
            start * n_states + end[~some],
        ]
    )
    return np.bincount(pairs, minlength=n_states * n_states).reshape(n_states, n_states)


def removal(counts: np.ndarray) -> tuple[float, np.ndarray]:
    """The chain's probability of conversion, and (s,) the share of it lost without each step; NaN where it is 0.

    Anderl et al. 2016; the formula is in the package's docstring.

    Args:
        counts: As of `chain`.
    """
    s = len(counts) - 3
    p = rates(counts)
    visits = np.linalg.inv(np.eye(s) - p[:s, :s])  # N: mean number of visits of a column from a row
    onward = visits @ p[:s, s + 1]
    first = p[s, :s]
    converts = float(p[s, s + 1] + first @ onward)
    reached = (first @ visits) / np.diag(visits)  # probability that the step is ever reached
    with np.errstate(invalid="ignore"):
        lost: np.ndarray = np.divide(reached * onward, converts)
    return converts, lost


def describe(counts: np.ndarray, names: tuple[str, ...]) -> dict[str, Any]:
    """The transitions as lists: states with START first and END last, steps that never occur left out."""
    s = len(names)
    met = np.flatnonzero(counts[:, :].sum(axis=1)[:s] > 0)
    order = met[np.argsort(-counts[met].sum(axis=1), kind="stable")]
    rows, columns = np.concatenate([[s], order]), np.concatenate([order, [s + 1]])
    table = counts[np.ix_(rows, columns)]
    return {
        "before": ["START", *(names[k] for k in order.tolist())],
        "after": [*(names[k] for k in order.tolist()), "END"],
        "counts": table.tolist(),
        "rates": rates(table).tolist(),
    }
