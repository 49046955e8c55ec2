"""Verification of a bundle in a child process: of 1,000 damaged boosters 400 crashed the process that loaded them.

`python -m models.verification FOLDER DIGEST` is that child.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from features import functions
from features.algebra import Function
from features.errors import DamagedError, IntentlyError

from . import manifest

TIMEOUT: Final = 180.0
"""Seconds that a child may take to verify; a cold start compiles the kernel."""

WAY_OUT: Final = "roll back (`intently rollback`), or train again."

KEPT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "NUMBA_CACHE_DIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""Environment that a child is given."""


def sources_of(folder: Path) -> Path:
    """Where the workspace of a bundle (`HOME/bundles/<version>`) keeps its Python functions: a bundle holds no code."""
    return folder.parent.parent / "features"


def verify(folder: Path, digest: str, timeout: float = TIMEOUT) -> None:
    """Load a bundle in a child process and let it answer the golden rows.

    Args:
        folder: The bundle.
        digest: Of its manifest.
        timeout: Seconds.

    Raises:
        DamagedError: A digest or an answer differs, or the child crashes or hangs.
        FormatError, NotFoundError, FunctionError: As `load`.
    """
    _, files = manifest.read(folder, digest)  # cheap, and its errors keep their types
    for entry in json.loads(files["catalogue.json"])["features"]:
        if entry["question"]["ask"] == "function":
            functions.find(sources_of(folder), Function(entry["name"], entry["question"]["digest"]))
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    root = str(Path(__file__).parent.parent)
    environment |= {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "PYTHONPATH": root, "PYTHONNOUSERSITE": "1"}
    command = [sys.executable, "-m", "models.verification", str(folder.absolute()), digest]
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        raise DamagedError(f"Bundle {folder.name} gave no answer within {timeout:g} seconds: {WAY_OUT}") from None
    if done.returncode == 0:
        return
    said = done.stderr.decode(errors="replace").strip().splitlines()
    if done.returncode == DamagedError.exit_status and said:
        raise DamagedError(said[-1])
    how = f"signal {-done.returncode}" if done.returncode < 0 else f"exit {done.returncode}"
    last = f"; {said[-1]}" if said else ""
    raise DamagedError(f"Bundle {folder.name} crashes the process that loads it ({how}{last}): {WAY_OUT}")


def main(arguments: list[str]) -> int:
    """`FOLDER DIGEST`: 0 where the bundle answers as it did when written, 2 and one line where not."""
    from . import bundle as bundles  # the parent needs neither numba nor LightGBM
    from . import golden

    folder, digest = arguments

    try:
        bundle = bundles.load(Path(folder), digest)
        golden.check(bundle.golden, bundle.program, bundle.models)
    except IntentlyError as error:
        print(error.message.replace("\n", " "), file=sys.stderr)
        return DamagedError.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
