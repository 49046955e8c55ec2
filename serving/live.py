"""Which bundle and tag set answer: checked before they do, swapped by one reference, followed by every worker."""

import json
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

from filelock import FileLock

from features.errors import IntentlyError, NotReadyError
from features.workspace import Workspace, write_json
from models.bundle import Bundle, champion, pointer, verify
from models.cutpoints import ensure
from models.frozen import FILE
from models.tags import TagSet

from .clock import wall

VERIFYING_SECONDS: Final = 300.0

Stamp = tuple[tuple[int, int], ...]
"""Inode and time of the files that say what should answer: when it changes, there may be something new."""


@dataclass(frozen=True, slots=True)
class Live:
    """A bundle and a tag set that answer together.

    Attributes:
        bundle: Loaded.
        tagset: As it stood when the pair was loaded.
        loaded_at: Microseconds UTC.
        stamp: Of the files that it was loaded by.
    """

    bundle: Bundle
    tagset: TagSet
    loaded_at: int
    stamp: Stamp


def load(workspace: Workspace) -> Live:
    """The champion and the tags as they are now, not verified in a child: for one who asks once.

    Raises:
        NotReadyError: Nothing was ingested, or no version was promoted.
        DamagedError: Some byte of the bundle is another than when it was promoted.
    """
    stamp = _stamp(workspace)
    bundle = champion(workspace)
    return Live(bundle, ensure(workspace), wall(), stamp)


def verify_champion(workspace: Workspace, *, again: bool = False) -> None:
    """Load the champion in a child process and let it answer its golden rows; once a bundle, unless `again`.

    Whoever verifies first leaves word for the other processes of the workspace, who wait for it.

    Raises:
        NotReadyError: No version was promoted.
        DamagedError: It is not what was promoted.
    """
    found = pointer(workspace)
    if found is None:
        champion(workspace)  # says what must come first
        raise NotReadyError("No model answers yet.")
    with FileLock(workspace.home / ".verifying", timeout=VERIFYING_SECONDS):
        if not again and _verified(_word(workspace)) == found.digest:
            return
        verify(workspace.bundles / found.version, found.digest)
        write_json(_word(workspace), {"version": found.version, "digest": found.digest, "verified_at": wall()})


def forget_verified(workspace: Workspace) -> None:
    """Let the next `verify_champion` verify, whatever was verified before."""
    _word(workspace).unlink(missing_ok=True)


class Holder:
    """The pair that answers in this process. Readers take `live` once a request.

    Attributes:
        live: What answers.
        refused: Why something newer does not; None where nothing is refused.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._loading = Lock()
        self._refused_stamp: Stamp = ()
        self.refused: IntentlyError | None = None
        verify_champion(workspace)
        self.live = load(workspace)

    def follow(self) -> bool:
        """Let what was promoted meanwhile answer; was there something new? What was refused once is not tried again.

        Raises:
            NotReadyError, DamagedError, FormatError, SpecError: It cannot answer; what did goes on.
        """
        if _stamp(self._workspace) in (self.live.stamp, self._refused_stamp):  # cheap: this is asked all the time
            return False
        with self._loading:
            if _stamp(self._workspace) in (self.live.stamp, self._refused_stamp):
                return False
            self._load(again=False)
            return True

    def reload(self) -> Live:
        """Verify what the pointer names once more, load it with the tags as they are, and let it answer.

        The other workers then load anew too.

        Raises:
            NotReadyError, DamagedError, FormatError, SpecError: It cannot answer; what did goes on.
        """
        with self._loading:
            return self._load(again=True)

    def _load(self, again: bool) -> Live:
        try:
            verify_champion(self._workspace, again=again)
            self.live = load(self._workspace)
        except IntentlyError as error:
            self.refused, self._refused_stamp = error, _stamp(self._workspace)
            raise
        self.refused = None
        return self.live


def _word(workspace: Workspace) -> Path:
    return workspace.home / "verified.json"


def _verified(path: Path) -> str | None:
    """Digest of the bundle that was verified last."""
    try:
        found = json.loads(path.read_text())["digest"]
        return found if isinstance(found, str) else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _stamp(workspace: Workspace) -> Stamp:
    watched = (workspace.champion, _word(workspace), workspace.home / "workspace.json", workspace.tags / FILE)
    return tuple(_mark(path) for path in watched)


def _mark(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return (0, 0)
    return (found.st_ino, found.st_mtime_ns)
