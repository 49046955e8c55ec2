"""The rule view of Alibaba's Brand Databank and Quick Audience: Awareness, Interest, Purchase, Loyalty, as questions of the algebra.

Published (Alibaba Cloud, Quick Audience, "AIPL Model", help.aliyun.com/en/document_detail/420448.html; the databank's list of
touch points with its windows, e-com-net.com/article/1757862431419285504.htm): who meets the conditions of several stages is in
the highest, A < I < P < L.

A  passive contact within 15 days: exposed to or clicked an advertisement, looked at goods or the shop on one day only, watched
I  active contact: looked on more than one day, favourite, cart, brand search within 15 days; takes part, member, follower
P  purchased
L  purchased again, or reviewed well, or shared

In the log of one shop: exposed is a `message`, `open` or `click`; every `search` is a search at the brand; members and followers
are who signed up or joined within 30 days; the look-back of P is all that is seen (RETENTION; the databank's own is longer); that
of L is 365 days; again means on another day of the shop, as an order's lines are events each; well is 4 of 5 or more. The sources
name the windows of A and I, not those of P and L. Quick Audience counts an advertisement's click to I, the databank to A, as here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.algebra import ALL_BACK, Count, Distinct, Feature, Max, back

STATES: Final = ("N", "A", "I", "P", "L")
"""From no rule to the highest."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Whose answer to `question` is at least `at_least` is in `state`, unless a rule of a higher one holds too."""

    state: str
    question: Feature
    at_least: float


RULES: Final[dict[str, Rule]] = {
    "aipl_contact": Rule("A", Count(("click", "message", "open", "view"), back(15)), 1),
    "aipl_days": Rule("I", Distinct("day", ("view",), back(15)), 2),
    "aipl_interest": Rule("I", Count(("cart", "favorite", "search"), back(15)), 1),
    "aipl_joined": Rule("I", Count(("join", "signup"), back(30)), 1),
    "aipl_bought": Rule("P", Count(("purchase",), ALL_BACK), 1),
    "aipl_again": Rule("L", Distinct("day", ("purchase",), back(365)), 2),
    "aipl_praised": Rule("L", Max("rating", ("review",), back(365)), 4),
    "aipl_shared": Rule("L", Count(("share",), back(365)), 1),
}
"""By the name of the question, lower states first."""
QUESTIONS: Final[dict[str, Feature]] = {name: rule.question for name, rule in RULES.items()}


def states(column: Callable[[str], np.ndarray], n_rows: int) -> np.ndarray:
    """(r,) int64 places in `STATES`.

    Args:
        column: A question's name to (r,) answers; NaN is nothing.
        n_rows: r.
    """
    state = np.zeros(n_rows, np.int64)
    for name, rule in RULES.items():
        state[column(name) >= rule.at_least] = STATES.index(rule.state)  # NaN is not at least anything
    return state
