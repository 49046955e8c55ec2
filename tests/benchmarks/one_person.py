"""Microseconds that the whole catalogue takes for one person at one cutoff, in process, by the number of events.

    python tests/benchmarks/one_person.py 100 1000 10000 100000 1000000

One call of `evaluate` on a history that is at hand; the median of many. Prints events and microseconds, a line each.
"""

import statistics
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parents[2]))

from features import catalogue
from features.events import CODED_FIELDS, DAY, FIXED_POINT, KINDS, NUMBER_FIELDS, RETENTION_DAYS
from features.histories import Codes, Histories
from features.matrix import evaluate, grid
from features.program import compile_program

CUTOFF = 1_766_966_400_000_000  # 2025-12-29
SHOWN = KINDS[:7]  # what people do most


def history(n: int) -> Histories:
    """A person's events over a year, in visits, with every field."""
    rng = np.random.default_rng(n)
    visits = np.repeat(rng.integers(CUTOFF - 365 * DAY, CUTOFF - DAY, -(-n // 6)), 6)[:n]
    ts = np.sort(visits + rng.integers(0, 900_000_000, n))
    n_texts = max(1, min(n // 3, 5000))
    codes = np.unique(rng.integers(0, n_texts, n), return_inverse=True)[1]
    order = np.unique(codes, return_index=True)[1].argsort().argsort()  # codes in the order of first appearance
    own = order[codes].astype(np.int32)
    texts = Codes(own, np.array([0, own.max() + 1]), pa.array([f"c{code}/d{code}" for code in range(own.max() + 1)]))
    none = np.empty(0, np.int64)
    return Histories(
        users=pa.array(["u"]),
        offsets=np.array([0, n]),
        ts=ts,
        arrived=None,
        kind=rng.integers(0, len(SHOWN), n).astype(np.int8),
        key_hi=none,
        key_lo=none,
        numbers={name: rng.integers(1, 500, n) * FIXED_POINT for name in NUMBER_FIELDS},
        coded=dict.fromkeys(CODED_FIELDS, texts),
    )


def main() -> None:
    """Time each size."""
    features = catalogue.load().features
    program = compile_program(features, kinds=KINDS, retention_days=RETENTION_DAYS, timezone="Asia/Shanghai")
    person, cutoff = grid(1, [CUTOFF])
    for n in map(int, sys.argv[1:]):
        one = history(n)
        for _ in range(3):
            evaluate(program, one, person, cutoff)
        took = []
        until = time.perf_counter() + 2
        while len(took) < 5 or (time.perf_counter() < until and len(took) < 5000):
            begun = time.perf_counter()
            evaluate(program, one, person, cutoff)
            took.append(time.perf_counter() - begun)
        print(n, statistics.median(took) * 1e6, len(program.names))


if __name__ == "__main__":
    main()
