"""What a simulated user looks at: tastes that are independent of intent, and the choice of items.

On a browsing day the choice stays clear of what the stage rule calls considering: over any eight days in a row, hence
over any seven times 24 hours, an item that a browsing day shows is viewed at most twice and its category at most seven
times, all days' views counted.
"""

from typing import Final

import numpy as np
from numba import njit

from .sim_goods import CATEGORIES, PER_CATEGORY
from .sim_random import below, unit

N_CATEGORIES: Final = len(CATEGORIES)
MEMORY: Final = 128
"""Views that are remembered: at least eight days' worth (eight or fewer a day)."""
SPAN_DAYS: Final = 8
MAX_OF_ITEM: Final = 2
MAX_OF_CATEGORY: Final = 7


@njit
def no_memory() -> np.ndarray:
    """A ring of views that holds none: (MEMORY + 1, 2) int64 of day and item, the head's place in the last row."""
    seen = np.full((MEMORY + 1, 2), -(10**6), np.int64)
    seen[MEMORY, 0] = 0
    return seen


@njit
def remember(seen: np.ndarray, day: int, item: int) -> None:
    """Add a view to the ring `seen`."""
    head = seen[MEMORY, 0]
    seen[head, 0] = day
    seen[head, 1] = item
    seen[MEMORY, 0] = (head + 1) % MEMORY


@njit
def viewed(seen: np.ndarray, since: int, item: int, category: int) -> int:
    """Number of remembered views on day `since` or later of the item, or where that is -1 of the category."""
    count = 0
    place = seen[MEMORY, 0]
    for _ in range(MEMORY):
        place = (place - 1) % MEMORY
        if seen[place, 0] < since:
            break
        same = seen[place, 1] == item if item >= 0 else seen[place, 1] // PER_CATEGORY == category
        count += int(same)
    return count


@njit
def favourite(rng: np.ndarray, user: int, favourites: np.ndarray) -> int:
    """A category: one of the user's three (4 : 2.5 : 1.5), or in a fifth of cases any."""
    x = unit(rng, user)
    if x >= 0.8:
        return int(below(rng, user, N_CATEGORIES))
    return int(favourites[int(x >= 0.4) + int(x >= 0.65)])


@njit
def choose(rng: np.ndarray, user: int, seen: np.ndarray, tier: float, day: int, category: int, browsing: bool) -> int:
    """An item not yet viewed today, of the wished category unless a browsing day must keep clear of it.

    Args:
        rng: Streams.
        user: Place of the user's stream.
        seen: The ring of recent views.
        tier: Taste for expensive things, in [0, 1).
        day: Today.
        category: The wished one.
        browsing: Keep clear of repeated looks.
    """
    while browsing and viewed(seen, day - SPAN_DAYS + 1, -1, category) >= MAX_OF_CATEGORY:
        category = below(rng, user, N_CATEGORIES)
    wish = tier + 0.8 * (unit(rng, user) + unit(rng, user) - 1.0)
    place = min(max(int(wish * PER_CATEGORY), 0), PER_CATEGORY - 1)
    item = category * PER_CATEGORY + place
    while viewed(seen, day, item, 0) > 0 or (browsing and viewed(seen, day - SPAN_DAYS + 1, item, 0) >= MAX_OF_ITEM):
        place = (place + 1) % PER_CATEGORY
        item = category * PER_CATEGORY + place
    return item
