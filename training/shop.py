"""The simulated shop's parameters: who its users are, what they intend, and what intent makes them do.

Each user has a type for good and an intent state a day, a Markov chain (`STATES`) whose transitions are the type's own.
Given the day's joint state, the calendar and whether a campaign's message reached the user, the day's observation is
independent of all other days: its class (`CLASSES`), the number of different items viewed and of searches. All else in
the log is drawn from what was already observed, or from tastes that are independent of intent, so that the forward
filter (`filter.py`) over these three is exact.

    P(class c | s, d, z)  ∝  p_c(s) · exp(season_c(d) + opened_c(d) + z · reached_c(d)),   the effects of class 0 being 0
    views - 1 | s  ~  Binomial(5, views_s),   searches | s  ~  Binomial(3, searches_s),    on days of a class above 0

What a model can gain is bounded (`ATTAINABLE`): the exact filter's log loss lies 24 to 32 % below the entropy of the base
rate on `stage_7d`, 27 to 40 % on `churn_30d`, more as histories grow. Rates differ by type and state, and stays last days
to months, so counts in windows, recencies and gaps carry most of it.
"""

from dataclasses import dataclass
from functools import cached_property
from math import comb
from typing import Final, NamedTuple

import numpy as np

from features.errors import SpecError

STATES: Final = ("away", "looking", "comparing", "deciding")
CLASSES: Final = ("nothing", "browsing", "considering", "buying")
MAX_VIEWS: Final = 6
MAX_SEARCHES: Final = 3
ATTAINABLE: Final = {"stage_7d": (0.24, 0.32), "churn_30d": (0.27, 0.40)}
"""Bounds on 1 - (log loss of the exact filter) / (entropy of the base rate), for 365 days and 2,000 users or more."""
EFFECTS = tuple[float, float, float]
"""Log factors on the weights of browsing, considering and buying."""


@dataclass(frozen=True, slots=True)
class State:
    """One type's way of being in one intent state.

    Args:
        dwell: Mean days in the state, at least 1; the length of a stay is geometric.
        onward: Probabilities of the next state, in the order of `STATES`, once this one is left; its own is 0.
        classes: Probabilities that an ordinary day is one of browsing, considering, buying; the rest is nothing.
        views: Chance of each of five items more than the first, on a day of a class above 0.
        searches: Chance of each of three searches, on such a day.
    """

    dwell: float
    onward: tuple[float, float, float, float]
    classes: tuple[float, float, float]
    views: float
    searches: float


@dataclass(frozen=True, slots=True)
class UserType:
    """A persistent kind of user: its share of the base, and its four states in the order of `STATES`."""

    name: str
    share: float
    states: tuple[State, State, State, State]


@dataclass(frozen=True, slots=True)
class Campaign:
    """A sale that recurs each year from midnight of a date, for some days."""

    name: str
    month: int
    day: int
    days: int


class Habits(NamedTuple):
    """Chances of what people do beyond intent; each depends only on what was already observed."""

    click: float = 0.10  # a view was reached by a click in a list
    cart: float = 0.62  # a considering day shows a cart, else a favorite or repeated looks
    favorite: float = 0.22
    second_action: float = 0.25  # a considering day with a cart or favorite has one more
    cart_before_buying: float = 0.25  # a line that was put into the cart first, on the day
    store: float = 0.08  # a purchase made at the till
    uncart: float = 0.10  # a thing in the cart is taken out
    focus: float = 0.65  # a view is of the day's category
    drift: float = 0.02  # on an active day: one of the user's three favourite categories is replaced
    refund: float = 0.06  # of a line, 2 to 14 days later
    review: float = 0.10  # of a line, 3 to 20 days later
    complain: float = 0.02  # of a line, 1 to 7 days later
    survey: float = 0.06  # of an order, 1 to 10 days later
    late: float = 0.30  # a review, refund, complaint or survey arrives hours to days after its time
    share: float = 0.02  # on an active day
    refer: float = 0.03  # on a buying day
    join: float = 0.12  # on an active day of a campaign
    open: float = 0.40  # an active day within 3 days of a message starts by opening it
    reminder: float = 0.30  # a day with a cart and no purchase is followed by a message
    newsletter: float = 0.0015  # a day


@dataclass(frozen=True)
class Shop:
    """All parameters.

    Args:
        types: User types; shares sum to 1.
        entry: State of a user who signs up, in the order of `STATES`.
        campaigns: Sales, none overlapping another.
        weekday: Log factor of activity, Monday to Sunday.
        yearly: Amplitude of the yearly log factor of activity, largest on day `peak` of the year.
        peak: Day of the year, from 0.
        opened: Effects of a campaign on its days, on everyone.
        reached: Further effects on those whom its message reached.
        treated: Chance that a user who has joined before the campaign gets the message; the others are held out.
        doubling: Days in which sign-ups equal the opening base.
        habits: Chances of what people do beyond intent.

    Raises:
        SpecError: Probabilities outside [0, 1] or not summing to 1.
    """

    types: tuple[UserType, ...]
    entry: tuple[float, float, float, float]
    campaigns: tuple[Campaign, ...]
    weekday: tuple[float, float, float, float, float, float, float]
    yearly: float
    peak: int
    opened: EFFECTS
    reached: EFFECTS
    treated: float
    doubling: float
    habits: Habits

    def __post_init__(self) -> None:
        _sums_to_one("shares of the types", [t.share for t in self.types])
        _sums_to_one("entry states", self.entry)
        _chances("habits and treated", (*self.habits, self.treated))
        for kind in self.types:
            for place, (name, state) in enumerate(zip(STATES, kind.states, strict=True)):
                where = f"type {kind.name!r}, state {name!r}"
                _sums_to_one(f"next states of {where}", state.onward)
                _chances(f"{where}", (*state.classes, 1 - sum(state.classes), state.views, state.searches))
                if state.dwell < 1 or state.onward[place]:
                    raise SpecError(f"The {where} has dwell {state.dwell}, onward {state.onward}: need >= 1, own 0.")

    @property
    def states(self) -> tuple[tuple[UserType, State], ...]:
        """The joint states: type-major, a type's four in the order of `STATES`."""
        return tuple((kind, state) for kind in self.types for state in kind.states)

    @cached_property
    def transitions(self) -> np.ndarray:
        """(S, S) float64 daily transitions between joint states, rows from, block-diagonal by type."""
        n = len(STATES)
        out = np.zeros((n * len(self.types),) * 2)
        for row, (_, state) in enumerate(self.states):
            block = slice(row - row % n, row - row % n + n)
            out[row, block] = np.array(state.onward) / state.dwell
            out[row, row] = 1 - 1 / state.dwell
        return out

    @cached_property
    def opening(self) -> np.ndarray:
        """(S,) float64 state of a user of the opening base on the first day: each type's stationary law."""
        n = len(STATES)
        parts = []
        for k, kind in enumerate(self.types):
            block = self.transitions[k * n : (k + 1) * n, k * n : (k + 1) * n]
            system = np.vstack([block.T - np.eye(n), np.ones(n)])
            parts.append(kind.share * np.linalg.lstsq(system, np.r_[np.zeros(n), 1.0], rcond=None)[0])
        law = np.concatenate(parts)
        return np.asarray(law / law.sum())

    @cached_property
    def newcomer(self) -> np.ndarray:
        """(S,) float64 state of a user on the day of sign-up."""
        return np.concatenate([kind.share * np.array(self.entry) for kind in self.types])

    @cached_property
    def weights(self) -> np.ndarray:
        """(S, 4) float64 class probabilities of an ordinary day."""
        return np.array([(1 - sum(state.classes), *state.classes) for _, state in self.states])

    @cached_property
    def views(self) -> np.ndarray:
        """(S, 6) float64 P(v + 1 different items viewed) on a day of a class above 0."""
        return _binomial(MAX_VIEWS - 1, [state.views for _, state in self.states])

    @cached_property
    def searches(self) -> np.ndarray:
        """(S, 4) float64 P(q searches) on a day of a class above 0."""
        return _binomial(MAX_SEARCHES, [state.searches for _, state in self.states])


def _binomial(n: int, chances: list[float]) -> np.ndarray:
    """(len(chances), n + 1) binomial probabilities."""
    return np.array([[comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)] for p in chances])


def _chances(what: str, values: tuple[float, ...]) -> None:
    if not all(-1e-12 <= value <= 1 for value in values):
        raise SpecError(f"The {what}: {values} must all lie in [0, 1].")


def _sums_to_one(what: str, values: tuple[float, ...] | list[float]) -> None:
    _chances(what, tuple(values))
    if abs(sum(values) - 1) > 1e-9:
        raise SpecError(f"The {what}: {values} must sum to 1, not {sum(values)}.")


SHOP: Final = Shop(
    types=(
        UserType(
            "regular",
            0.25,
            (
                State(30, (0.0, 0.60, 0.20, 0.20), (0.004, 0.001, 0.003), 0.02, 0.08),
                State(14, (0.20, 0.0, 0.40, 0.40), (0.14, 0.03, 0.03), 0.03, 0.06),
                State(12, (0.10, 0.30, 0.0, 0.60), (0.12, 0.08, 0.06), 0.12, 0.18),
                State(12, (0.40, 0.30, 0.30, 0.0), (0.05, 0.06, 0.20), 0.06, 0.08),
            ),
        ),
        UserType(
            "browser",
            0.29,
            (
                State(45, (0.0, 0.80, 0.18, 0.02), (0.003, 0.0005, 0.0002), 0.02, 0.06),
                State(25, (0.35, 0.0, 0.63, 0.02), (0.20, 0.015, 0.001), 0.05, 0.04),
                State(20, (0.35, 0.60, 0.0, 0.05), (0.17, 0.08, 0.003), 0.12, 0.12),
                State(6, (0.40, 0.35, 0.25, 0.0), (0.12, 0.12, 0.06), 0.08, 0.10),
            ),
        ),
        UserType(
            "occasional",
            0.46,
            (
                State(120, (0.0, 0.60, 0.25, 0.15), (0.0015, 0.0003, 0.0001), 0.02, 0.08),
                State(9, (0.60, 0.0, 0.25, 0.15), (0.12, 0.015, 0.004), 0.04, 0.08),
                State(8, (0.45, 0.15, 0.0, 0.40), (0.12, 0.07, 0.015), 0.12, 0.22),
                State(7, (0.75, 0.10, 0.15, 0.0), (0.05, 0.08, 0.09), 0.08, 0.10),
            ),
        ),
    ),
    entry=(0.10, 0.50, 0.25, 0.15),
    campaigns=(
        Campaign("new-year", 1, 18, 4),
        Campaign("spring", 3, 12, 4),
        Campaign("618", 6, 16, 4),
        Campaign("back-to-school", 8, 22, 4),
        Campaign("double-11", 11, 9, 4),
        Campaign("double-12", 12, 10, 4),
    ),
    weekday=(-0.08, -0.06, -0.04, 0.0, 0.04, 0.10, 0.08),
    yearly=0.06,
    peak=320,
    opened=(0.10, 0.10, 0.15),
    reached=(0.15, 0.20, 0.35),
    treated=0.8,
    doubling=850.0,
    habits=Habits(),
)
"""The shop that `intently simulate` draws from."""
