"""The workspace's pointer to the bundle that answers: one small file, replaced whole, cheap to poll."""

import json
import re
from dataclasses import asdict, dataclass
from typing import Any, Final

from features.errors import DamagedError
from features.workspace import Workspace, write_json

from .manifest import safe

DEPTH: Final = 20
"""How many predecessors are kept."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """A version, its manifest's digest, and what answered before it."""

    version: str
    digest: str
    previous: "Pointer | None" = None


def pointer(workspace: Workspace) -> Pointer | None:
    """Which bundle answers; None where none was promoted.

    Raises:
        DamagedError: The file cannot be read.
    """
    path = workspace.champion
    try:
        return _read(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, OSError, RecursionError) as error:
        raise DamagedError(
            f"{path} cannot be read ({error}). Promote a version again: `intently promote VERSION`."
        ) from error


def point(workspace: Workspace, version: str, digest: str, previous: Pointer | None) -> Pointer:
    """Let `version` answer, atomically; `previous` is what a rollback returns to."""
    chain = _cut(previous, DEPTH)
    write_json(workspace.champion, asdict(Pointer(version, digest, chain)))
    return Pointer(version, digest, chain)


def _cut(found: Pointer | None, depth: int) -> Pointer | None:
    if found is None or depth == 0:
        return None
    return Pointer(found.version, found.digest, _cut(found.previous, depth - 1))


def _read(data: dict[str, Any]) -> Pointer:
    version, digest = data["version"], data["digest"]
    if not (isinstance(version, str) and safe(version) and "/" not in version):
        raise ValueError(f"version {version!r} is not a plain name")
    if not (isinstance(digest, str) and re.fullmatch(r"[0-9a-f]{64}", digest)):
        raise ValueError(f"digest {digest!r} is not a SHA-256")
    previous = data.get("previous")
    return Pointer(version, digest, None if previous is None else _read(previous))
