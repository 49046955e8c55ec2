"""What a Python function calls while it runs: a clock, chance, files or the interpreter's own stack are not in the history."""

import builtins
import datetime as dt
import gc
import io
import os
import random
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

CLOCKS: Final = (
    time.time, time.time_ns, time.monotonic, time.monotonic_ns, time.perf_counter, time.perf_counter_ns,
    time.process_time, time.process_time_ns, time.thread_time,
)  # fmt: skip
OUTSIDE: Final = (io.open, builtins.open, os.open, os.stat, os.listdir, os.scandir, os.urandom, os.getpid, os.system)
WITHIN: Final = (sys._getframe, gc.get_objects, gc.get_referrers, gc.get_referents)


@contextmanager
def watched(told: set[str]) -> Iterator[None]:
    """Note, in the body, calls of things that are not functions of their arguments: `told` gets a phrase for each.

    It sees calls of built-in functions in this thread; what a compiled extension does within is seen only by its answers.
    """

    def look(frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and not frame.f_code.co_filename.startswith("<frozen importlib"):
            phrase = _phrase(called)
            if phrase:
                told.add(phrase)

    before, collecting = sys.getprofile(), gc.isenabled()
    gc.disable()  # a library's hook on collections may read the clock, and is not the function's doing
    sys.setprofile(look)
    try:
        yield
    finally:
        sys.setprofile(before)
        if collecting:
            gc.enable()


def _phrase(called: Any) -> str:
    """What calling it looks at, empty where that is harmless."""
    name, owner = getattr(called, "__name__", ""), getattr(called, "__self__", None)
    if called in CLOCKS:
        return f"the clock (time.{name})"
    if isinstance(owner, type) and issubclass(owner, dt.date) and name in ("now", "today", "utcnow"):
        return f"the clock ({owner.__name__}.{name})"
    if isinstance(owner, random.SystemRandom) or owner is random._inst:
        return f"chance (random.{name})"
    if called in OUTSIDE or isinstance(owner, socket.socket):
        return f"what lies outside ({name})"
    if called in WITHIN:
        return f"the interpreter ({name})"
    return ""
