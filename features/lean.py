"""What makes a process light that does one thing and ends."""

import ctypes
import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Final

MALLOPT: Final = {"trim threshold": (-1, 2**31 - 1), "number of mappings": (-4, 0), "number of arenas": (-8, 1)}
"""Of glibc's `mallopt`: parameter and value."""


class _NoPandas(MetaPathFinder):
    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == "pandas":
            raise ImportError("pandas is kept out of this process; see features/lean.py.")
        return None


def for_one_task() -> None:
    """All that is here. For a command line's own process only, before it imports NumPy or Arrow."""
    os.environ.setdefault(
        "OPENBLAS_NUM_THREADS", "1"
    )  # linear algebra is not what it does, and threads take time to start
    keep_pandas_out()
    keep_memory()


def keep_pandas_out() -> None:
    """Let every later `import pandas` fail.

    pyarrow imports pandas at the first array that it makes from, or gives to, NumPy, only to learn whether that is one of
    pandas' own: 0.2 s and 40 MB. It takes an import that fails for an answer.
    """
    if "pandas" not in sys.modules:
        sys.meta_path.insert(0, _NoPandas())


def keep_memory() -> None:
    """Let what is freed be used again, by NumPy and Arrow alike, rather than go back to the system.

    Fresh pages are cleared by the system one by one, which took an eighth of `features compute`; and one pool for both holds
    less at its peak than one each. Does nothing where the C library is not glibc.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for parameter, value in MALLOPT.values():
            mallopt(parameter, value)
