"""Keeping pandas out of a process that does one thing and ends."""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType


class _NoPandas(MetaPathFinder):
    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == "pandas":
            raise ImportError("pandas is kept out of this process; see features/lean.py.")
        return None


def keep_pandas_out() -> None:
    """Let every later `import pandas` fail.

    pyarrow imports pandas at the first array that it makes from, or gives to, NumPy, only to learn whether that is one of
    pandas' own: 0.2 s and 40 MB. It takes an import that fails for an answer. For a command line's own process only.
    """
    if "pandas" not in sys.modules:
        sys.meta_path.insert(0, _NoPandas())
