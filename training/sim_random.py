"""A random stream for each user, so that a shop does not depend on how its users are cut into blocks.

SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators"): the state steps by an odd
constant, and the number is a mix of it.
"""

import numpy as np
from numba import njit

STEP = np.uint64(0x9E3779B97F4A7C15)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
S30, S27, S31, S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
UNIT = 2.0**-53


def streams(seed: int, purpose: int, users: np.ndarray) -> np.ndarray:
    """(n,) uint64 states, one stream for each user number, apart for each purpose."""
    key = np.random.SeedSequence((seed, purpose)).generate_state(1, np.uint64)[0]
    z = key ^ (users.astype(np.uint64) * MIX_2 + STEP)
    z = (z ^ (z >> S30)) * MIX_1
    z = (z ^ (z >> S27)) * MIX_2
    return np.asarray(z ^ (z >> S31))


def uniforms(seed: int, purpose: int, users: np.ndarray) -> np.ndarray:
    """(n,) float64 in [0, 1), one number for each user."""
    return np.asarray((streams(seed, purpose, users) >> S11) * UNIT)


@njit
def unit(state: np.ndarray, user: int) -> float:
    """The next number of the user's stream, uniform in [0, 1)."""
    state[user] += STEP
    z = state[user]
    z = (z ^ (z >> S30)) * MIX_1
    z = (z ^ (z >> S27)) * MIX_2
    z = z ^ (z >> S31)
    return float(z >> S11) * UNIT


@njit
def below(state: np.ndarray, user: int, n: int) -> int:
    """A whole number uniform in [0, n)."""
    return int(unit(state, user) * n)


@njit
def pick(state: np.ndarray, user: int, cumulative: np.ndarray) -> int:
    """A place drawn with the probabilities whose running sums are given; the last sum counts as 1."""
    x = unit(state, user)
    place = 0
    while place < len(cumulative) - 1 and x >= cumulative[place]:
        place += 1
    return place
