"""Commands as processes of their own, with the time, processor time and memory that each took."""

import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
WATCH: Final = """
import os, subprocess, sys, time
started = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, status)
"""
"""Runs a command from a small process: the peak that a child reports begins with its parent's."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a command took.

    Attributes:
        wall: Seconds.
        processor: Seconds of all processors together.
        peak: MiB of memory at the most.
    """

    wall: float
    processor: float
    peak: float


def timed(command: list[str]) -> Run:
    """Run a command to its end."""
    words = [sys.executable, "-c", WATCH, *map(str, command)]
    told = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    wall, processor, peak, status = told.split()
    if status != "0":
        sys.exit(f"{' '.join(words[3:11])} … ended with {status}")
    return Run(float(wall), float(processor), int(peak) / (1024 if sys.platform == "linux" else 1024**2))


def turn_about(commands: dict[str, list[str]], repeats: dict[str, int]) -> dict[str, list[Run]]:
    """Every command so many times, turn about, so that what else the machine does falls on all alike."""
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for turn in range(max(repeats.values())):
        for name, command in commands.items():
            if turn < repeats[name]:
                runs[name].append(timed(command))
    return runs


def median(runs: list[Run]) -> Run:
    """The median of each figure."""
    return Run(*(statistics.median(getattr(run, name) for run in runs) for name in ("wall", "processor", "peak")))


def intently(*words: object) -> list[str]:
    """The command line of a verb."""
    return [sys.executable, "-m", "intently", *map(str, words)]


def script(name: str, *words: object) -> list[str]:
    """The command line of a script of this folder."""
    return [sys.executable, str(Path(__file__).parent / name), *map(str, words)]


def quietly(command: list[str]) -> None:
    """Run a step that is not measured."""
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
