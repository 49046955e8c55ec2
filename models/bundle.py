"""The bundle: all that is needed to score, as data in one folder, checked to the byte before it is used.

    HOME/bundles/<version>/
        manifest.json        format, facts of the shop, digests of the others; its own digest is kept outside
        catalogue.json       every feature
        models.json          target, classes or buckets, features, calibration, base rates, by target
        reliability.json     intervals and failing slices, by target
        vocabularies.json    categorical feature's codes, by target
        <target>.booster.txt  where it has trees
        specs/<target>.toml
        golden.npz           invented histories and the answers to them

A damaged booster can crash or hang the process that loads it, so `verify` loads a bundle in a child first and lets it
answer the golden rows.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

import numpy as np

from features.catalogue import Catalogue
from features.errors import DamagedError, FunctionError, IntentlyError, NotReadyError
from features.histories import Histories
from features.instants import to_iso
from features.matrix import Matrix
from features.program import Program, compile_program
from features.workspace import Facts, Workspace

from . import golden as golden_rows
from . import manifest
from .golden import Golden
from .model import Model, from_json
from .pointer import Pointer, point, pointer
from .reliability import Reliability
from .targets import Target
from .verification import WAY_OUT, sources_of, verify

__all__ = [
    "Bundle",
    "Pointer",
    "champion",
    "load",
    "pointer",
    "program_of",
    "roll_back",
    "set_champion",
    "verify",
    "write",
]


@dataclass(frozen=True, eq=False)
class Bundle:
    """A loaded version.

    Attributes:
        version: The folder's name when it was written.
        digest: SHA-256 of its manifest.
        facts: Of the shop, as they were when it was trained.
        catalogue: Every feature, whether a model uses it or not.
        models: By target.
        program: Compiled once: all features, and the cohorts' columns.
        golden: Rows whose answers are known.
        about: The manifest.
        reliability: Of the targets of which it is known.
    """

    version: str
    digest: str
    facts: Facts
    catalogue: Catalogue
    models: dict[str, Model]
    program: Program
    golden: Golden
    about: dict[str, Any]
    reliability: dict[str, Reliability] = field(default_factory=dict)

    def answers(self, histories: Histories, now: int) -> Matrix:
        """One row a person, in the order of `histories`, at `now` (microseconds UTC): all features and cohorts."""
        return golden_rows.read(self.program, histories, now)

    def predict(self, matrix: Matrix) -> dict[str, np.ndarray]:
        """Target to (n, c) calibrated probabilities, NaN outside the cohort."""
        return {name: model.predict(matrix) for name, model in self.models.items()}


def program_of(
    facts: Facts, catalogue: Catalogue, targets: Mapping[str, Target], sources: Path | None = None
) -> Program:
    """All features of the catalogue and the cohorts' columns, as one program; `sources` as `compile_program` takes them."""
    features = catalogue.features | {
        name: asked for target in targets.values() for name, asked in target.backward.items()
    }
    return compile_program(
        features,
        kinds=facts.kinds,
        retention_days=facts.retention_days,
        timezone=facts.timezone,
        sources=sources,
    )


def write(
    folder: Path,
    *,
    facts: Facts,
    catalogue: Catalogue,
    models: Mapping[str, Model],
    specs: Mapping[str, str],
    created: int,
    metrics: Mapping[str, Any] | None = None,
    lineage: Mapping[str, Any] | None = None,
    reliability: Mapping[str, Reliability] | None = None,
) -> str:
    """Write a bundle, atomically.

    Args:
        folder: `HOME/bundles/<version>`; must not exist.
        facts: The workspace's.
        catalogue: The whole of it.
        models: By target, at least one.
        specs: TOML text by target.
        created: Microseconds UTC.
        metrics: Summary by target, for people.
        lineage: Where it comes from: version of the log, run, code.
        reliability: By target, where known.

    Returns:
        The manifest's digest, to be kept outside the folder.
    """
    targets = {name: model.target for name, model in models.items()}
    rows = golden_rows.make(program_of(facts, catalogue, targets, sources_of(folder)), len(facts.kinds), models)
    files = {
        "catalogue.json": _json(catalogue.to_json()),
        "models.json": _json({name: model.to_json() for name, model in models.items()}),
        "vocabularies.json": _json({name: model.vocabularies for name, model in models.items()}),
        "golden.npz": golden_rows.to_bytes(rows),
    }
    kept = reliability or {}
    if kept:
        files["reliability.json"] = _json({name: one.to_json() for name, one in kept.items()})
    files |= {
        f"{name}.booster.txt": model.booster_text.encode() for name, model in models.items() if model.booster_text
    }
    files |= {f"specs/{name}.toml": text.encode() for name, text in specs.items()}
    about = {
        "version": folder.name,
        "created": to_iso(created),
        "intently": version_of("intently"),
        "lightgbm": version_of("lightgbm"),
        "facts": asdict(facts),
        "kinds": list(facts.kinds),
        "catalogue_digest": catalogue.digest,
        "targets": {
            name: {
                "classes": list(model.target.classes),
                "columns": list(model.target.columns),
                "base_rates": model.base_rates.tolist(),
                "n_features": len(model.names),
                "calibration": model.method,
                "metrics": (metrics or {}).get(name, {}),
                "slices_failed": list(kept[name].failed) if name in kept else [],
            }
            for name, model in models.items()
        },
        "lineage": dict(lineage or {}),
    }
    return manifest.write(folder, files, about)


def load(folder: Path, digest: str) -> Bundle:
    """Load a bundle whose manifest has this digest; verify one that never was, or is from elsewhere, first.

    Raises:
        NotFoundError: No such folder.
        DamagedError: Some byte is another than when it was written, or the parts do not belong together.
        FormatError: A newer version wrote it.
        FunctionError: A feature is a Python function whose file the workspace has not, or has otherwise.
    """
    about, files = manifest.read(folder, digest)
    try:
        facts = Facts(**(about["facts"] | {"own_kinds": tuple(about["facts"]["own_kinds"])}))
        if list(facts.kinds) != about["kinds"]:
            raise DamagedError("the kinds are coded otherwise than in this version of Intently; train again")
        catalogue = Catalogue.from_json(json.loads(files["catalogue.json"]))
        vocabularies = json.loads(files["vocabularies.json"])
        models = {
            name: from_json(data, vocabularies[name], files.get(f"{name}.booster.txt", b"").decode()).ready()
            for name, data in json.loads(files["models.json"]).items()
        }
        targets = {name: model.target for name, model in models.items()}
        program = program_of(facts, catalogue, targets, sources_of(folder))
        rows = golden_rows.from_bytes(files["golden.npz"])
        said = json.loads(files.get("reliability.json", b"{}"))
        reliability = {name: Reliability.from_json(data) for name, data in said.items()}
    except FunctionError as error:
        raise FunctionError(f"Bundle {folder.name} cannot be used: {error.message}") from error
    except Exception as error:
        what = error.message if isinstance(error, IntentlyError) else repr(error)
        raise DamagedError(f"Bundle {folder.name} cannot be used: {what}") from error
    return Bundle(about["version"], digest, facts, catalogue, models, program, rows, about, reliability)


def champion(workspace: Workspace) -> Bundle:
    """The bundle that answers.

    Raises:
        NotReadyError: None was promoted, or the workspace is another shop's by now.
        DamagedError: Some byte is another than when it was promoted.
    """
    found = pointer(workspace)
    if found is None:
        raise NotReadyError(
            "No model answers yet. Train one and promote it: `intently train`, `intently promote VERSION`."
        )
    folder = workspace.bundles / found.version
    if not folder.is_dir():
        raise DamagedError(f"Bundle {found.version}, which answers, is gone from {workspace.bundles}: {WAY_OUT}")
    about, _ = manifest.read(folder, found.digest)
    if about.get("lightgbm") != version_of("lightgbm"):
        verify(folder, found.digest)  # what was verified at promotion was read by another version
    bundle = load(folder, found.digest)
    facts = workspace.facts
    if facts.kinds[: len(bundle.facts.kinds)] != bundle.facts.kinds or facts.timezone != bundle.facts.timezone:
        raise NotReadyError(
            f"Bundle {found.version} was trained on another workspace. Train again with `intently train`."
        )
    return bundle


def set_champion(workspace: Workspace, version: str, digest: str) -> Pointer:
    """Let a version answer from now on, verified first; nothing changes where it answers already.

    Raises:
        NotFoundError, DamagedError, FormatError: As `verify`; what answered before goes on.
    """
    before = pointer(workspace)
    if before is not None and (before.version, before.digest) == (version, digest):
        return before
    verify(workspace.bundles / version, digest)
    return point(workspace, version, digest, before)


def roll_back(workspace: Workspace) -> Pointer:
    """Let what answered before answer again, verified first.

    Raises:
        NotReadyError: Nothing answered before.
        DamagedError: It is not what it was.
    """
    now = pointer(workspace)
    if now is None or now.previous is None:
        raise NotReadyError(
            "There is nothing to roll back to: promote another version with `intently promote VERSION`."
        )
    earlier = now.previous
    verify(workspace.bundles / earlier.version, earlier.digest)
    return point(workspace, earlier.version, earlier.digest, earlier.previous)


def _json(data: object) -> bytes:
    return json.dumps(data, ensure_ascii=False, indent=1, allow_nan=False).encode() + b"\n"
