"""Which version answers: promotion and return, in the registry and in the workspace's own pointer."""

from typing import Any

from features.errors import BusyError, NotReadyError
from features.workspace import Workspace
from models import bundle, pointer

from .registry import connect


def promote(workspace: Workspace, version: str, *, tracking_uri: str | None = None) -> dict[str, Any]:
    """Let a version answer: its bundle is verified in a child process, then the alias moves, then the workspace's pointer.

    Raises:
        NotFoundError: No such version; the message lists those that are there.
        DamagedError: The bundle is not what was trained; what answered before goes on.
        NotReadyError: Nothing was ingested, or MLflow does not answer; likewise.
    """
    workspace.facts  # noqa: B018 - refuses where nothing was ingested, and makes nothing there
    with workspace.writing("intently promote"):
        registry = connect(workspace, tracking_uri)
        folder, digest = registry.bundle(version)
        before = pointer.pointer(workspace)
        bundle.verify(folder, digest)
        registry.alias("champion", version)
        if before is None or (before.version, before.digest) != (version, digest):
            pointer.point(workspace, version, digest, before)
        now = pointer.pointer(workspace)
    previous = now.previous.version if now and now.previous else None
    return {"version": version, "digest": digest, "alias": "champion", "previous": previous}


def rollback(workspace: Workspace, *, tracking_uri: str | None = None) -> dict[str, Any]:
    """Let what answered before answer again: the pointer first, for it is what serving reads, then the alias.

    MLflow's silence does not stop it: the answer then says that the alias stayed behind.

    Raises:
        NotReadyError: Nothing answered before.
        DamagedError: It is not what it was.
    """
    workspace.facts  # noqa: B018 - likewise
    with workspace.writing("intently rollback"):
        now = bundle.roll_back(workspace)
        back = {"version": now.version, "digest": now.digest}
        try:
            connect(workspace, tracking_uri).alias("champion", now.version)
        except (NotReadyError, BusyError) as error:
            return {**back, "alias": None, "note": f"The alias `champion` did not move. {error.message}"}
    return {**back, "alias": "champion"}
