"""A folder of files named by one digest: what is written is whole or absent, what is read is what was written, to the byte.

`manifest.json` lists the SHA-256 of every other file; its own digest is kept outside the folder.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from features.errors import DamagedError, FormatError, InputError, NotFoundError

FORMAT: Final = 1
"""Format that this version writes, and the newest that it reads."""
OLDEST_READER: Final = 1
"""Oldest format that a reader must know to read what this version writes."""

MANIFEST: Final = "manifest.json"
PART: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


def digest_of(data: bytes) -> str:
    """SHA-256, hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def safe(name: str) -> bool:
    """Is it a relative path of plain names, which cannot lead out of the folder?"""
    return all(PART.fullmatch(part) for part in name.split("/"))


def write(folder: Path, files: Mapping[str, bytes], about: Mapping[str, Any]) -> str:
    """Write files and their manifest, atomically, and give the manifest's digest.

    Args:
        folder: Must not exist yet.
        files: Content by name, `/` between folders.
        about: Further keys of the manifest.

    Raises:
        InputError: The folder exists, or its name is not plain.
    """
    if not safe(folder.name):
        raise InputError(f"{folder.name!r} is no name for a version: use letters, digits, '_', '-' and '.'.")
    if folder.exists():
        raise InputError(f"{folder} exists; a version is written once. Choose another version.")
    assert all(safe(name) and name != MANIFEST for name in files)
    head = {"format": FORMAT, "oldest_reader": OLDEST_READER}
    digests = {name: digest_of(data) for name, data in sorted(files.items())}
    manifest = (
        json.dumps({**head, **about, "files": digests}, ensure_ascii=False, indent=2, allow_nan=False).encode() + b"\n"
    )
    draft = folder.with_name(f".{folder.name}.{os.getpid()}")
    _sweep(folder.parent)
    try:
        for name, data in {**files, MANIFEST: manifest}.items():
            path = draft / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
        draft.rename(folder)
        _sync(folder.parent)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return digest_of(manifest)


def read(folder: Path, digest: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The manifest and the content of every file, each byte checked.

    Raises:
        NotFoundError: No such folder.
        DamagedError: A file is changed, missing, or too many.
        FormatError: A newer version wrote it.
    """
    if not folder.is_dir():
        raise NotFoundError(
            f"There is no bundle {folder}. Train one, or see `intently promote` for those that there are."
        )
    found = _bytes(folder, MANIFEST)
    if digest_of(found) != digest:
        raise _damaged(folder, f"{MANIFEST} has digest {digest_of(found)[:12]}…, expected {digest[:12]}…")
    try:
        manifest = json.loads(found)
        if manifest["oldest_reader"] > FORMAT:
            raise FormatError(
                f"Bundle {folder.name} has format {manifest['format']}, which needs a reader of format "
                f"{manifest['oldest_reader']}; this version reads format {FORMAT}. Use a newer Intently, or train again."
            )
        digests = dict(manifest["files"])
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(folder, f"{MANIFEST} cannot be read ({error!r})") from error
    for name in digests:
        if not safe(name) or name == MANIFEST:
            raise _damaged(folder, f"{MANIFEST} names the file {name!r}, which is not a plain name")
    present = {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()
    }
    for name in sorted(present - digests.keys() - {MANIFEST}):
        raise _damaged(folder, f"it holds {name!r}, which its manifest does not name")
    files = {}
    for name, expected in digests.items():
        files[name] = _bytes(folder, name)
        if digest_of(files[name]) != expected:
            raise _damaged(folder, f"{name} has digest {digest_of(files[name])[:12]}…, expected {str(expected)[:12]}…")
    return manifest, files


def _sweep(parent: Path) -> None:
    """Remove drafts whose writer is dead, or was this process."""
    for draft in parent.glob(".*"):
        named = re.fullmatch(r"\..+\.(\d+)", draft.name)
        if named and (int(named[1]) == os.getpid() or not _alive(int(named[1]))):
            shutil.rmtree(draft, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _bytes(folder: Path, name: str) -> bytes:
    path = folder
    for part in name.split("/"):
        path /= part
        if path.is_symlink():
            raise _damaged(folder, f"{name} is a link, and must be a file")
    try:
        return path.read_bytes()
    except OSError as error:
        raise _damaged(folder, f"{name} cannot be read: {error.strerror}") from error


def _damaged(folder: Path, what: str) -> DamagedError:
    return DamagedError(f"Bundle {folder.name} is damaged: {what}. Roll back (`intently rollback`), or train again.")


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
