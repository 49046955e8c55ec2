"""The whole catalogue against the oracle at full count: 20 seeds of at least 10,000 events and 10,000 (person, cutoff).

Two processes take five minutes of processor time each. `INTENTLY_SEEDS` and `INTENTLY_PERSONS` (20 cutoffs each) choose other counts. As a
script this compares the seeds that it is given, and prints what it found.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crowd import catalogue, compare

ROOT = Path(__file__).parents[2]
SEEDS = int(os.environ.get("INTENTLY_SEEDS", "20"))
PERSONS = int(os.environ.get("INTENTLY_PERSONS", "500"))
CUTOFFS, EVENTS, PROCESSES = 20, 20, 2


@pytest.mark.torture
def test_no_answer_differs_at_full_count():
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    running = [
        subprocess.Popen(
            [sys.executable, __file__, *map(str, range(first, SEEDS, PROCESSES))], env=environ, stdout=subprocess.PIPE
        )
        for first in range(PROCESSES)
    ]
    found = [json.loads(line) for process in running for line in process.communicate()[0].splitlines()]
    assert [process.returncode for process in running] == [0] * PROCESSES
    assert len(found) == SEEDS
    assert all(n_events >= PERSONS * EVENTS for n_events, _, _ in found)
    n_answers, wrong = sum(n for _, n, _ in found), [answer for _, _, some in found for answer in some]
    print(f"{sum(n for n, _, _ in found):,} events, {SEEDS * PERSONS * CUTOFFS:,} queries, {n_answers:,} answers")
    assert n_answers == SEEDS * PERSONS * CUTOFFS * len(catalogue())
    assert not wrong, wrong[:20]


@pytest.mark.parametrize("seed", range(6))  # every timezone of the crowd's
def test_no_answer_differs(seed):
    n_events, n_answers, wrong = compare(seed, 6, 10, 20)
    assert n_events > 100
    assert n_answers == 6 * 10 * len(catalogue())
    assert not wrong, wrong[:20]


if __name__ == "__main__":
    for number in map(int, sys.argv[1:]):
        print(json.dumps(compare(number, PERSONS, CUTOFFS, EVENTS)), flush=True)
