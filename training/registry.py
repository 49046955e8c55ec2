"""The one home of MLflow: runs, registered versions and their aliases.

A version of the registered model is a bundle. Its number is reserved first, the bundle written under that number, and only
when all of it is stored is its digest noted on the version: one without a digest is what an interrupted training left, and
the next training removes it. Serving never asks MLflow anything.
"""

import contextlib
import logging
import os
import shutil
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from features.errors import BusyError, InputError, NotFoundError, NotReadyError
from features.workspace import Workspace

MODEL: Final = "intently"
"""Name of the registered model, and of the experiment."""

QUIET: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "GIT_PYTHON_REFRESH": "quiet",
}
"""Environment of MLflow, where the user has not set it otherwise."""

BATCH: Final = 1000
"""Metrics that MLflow takes at once."""


@dataclass(frozen=True, slots=True)
class Registry:
    """An MLflow store, as one workspace uses it.

    Attributes:
        client: MLflow's.
        uri: The store.
        experiment: Id of the experiment.
        workspace: Whose.
    """

    client: Any
    uri: str
    experiment: str
    workspace: Workspace

    @contextlib.contextmanager
    def run(self, name: str, tags: Mapping[str, str], parent: str | None = None) -> Iterator[str]:
        """A run, its id in the body; it ends as FINISHED, as KILLED on Ctrl-C, else as FAILED."""
        own = {"intently.workspace": str(self.workspace.home), "mlflow.source.name": "intently train"}
        of = {"mlflow.parentRunId": parent} if parent else {}
        with self._reached():
            run = self.client.create_run(self.experiment, run_name=name, tags={**own, **of, **tags}).info.run_id
        status = "FAILED"
        try:
            yield run
            status = "FINISHED"
        except KeyboardInterrupt:
            status = "KILLED"
            raise
        finally:
            with self._reached():
                self.client.set_terminated(run, status)

    def log(
        self,
        run: str,
        params: Mapping[str, Any] | None = None,
        metrics: Mapping[str, float] | None = None,
        curve: tuple[str, Sequence[float]] | None = None,
    ) -> None:
        """Params, metrics, and one metric by step."""
        from mlflow.entities import Metric, Param

        now = time.time_ns() // 1_000_000
        found = [Metric(name, float(value), now, 0) for name, value in (metrics or {}).items()]
        if curve is not None:
            found += [Metric(curve[0], float(value), now, step) for step, value in enumerate(curve[1], 1)]
        named = [Param(name, str(value)) for name, value in (params or {}).items()]
        with self._reached():
            self.client.log_batch(run, params=named)
            for start in range(0, len(found), BATCH):
                self.client.log_batch(run, metrics=found[start : start + BATCH])

    def tag(self, run: str, tags: Mapping[str, str]) -> None:
        """Tags of a run."""
        from mlflow.entities import RunTag

        with self._reached():
            self.client.log_batch(run, tags=[RunTag(name, value) for name, value in tags.items()])

    def store(self, run: str, folder: Path, path: str | None = None) -> None:
        """All files of a folder as artifacts, under `path`."""
        with self._reached():
            self.client.log_artifacts(run, str(folder), path)

    def dataset(self, run: str, name: str, digest: str, source: str, profile: str) -> None:
        """What a run learned from."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        data = Dataset(name, digest, "delta_table", source, profile=profile)
        with self._reached():
            self.client.log_inputs(run, [DatasetInput(data, [InputTag("mlflow.data.context", "training")])])

    def reserve(self, run: str) -> str:
        """The number of a new version, whose bundle will be among the run's artifacts.

        A number that the workspace has a bundle of, from another registry, is skipped: MLflow gives none twice.
        """
        while True:
            with self._reached():
                made = self.client.create_model_version(
                    MODEL,
                    source=f"runs:/{run}/bundle",
                    run_id=run,
                    tags={"intently.workspace": str(self.workspace.home)},
                )
            version = str(made.version)
            if not (self.workspace.bundles / version).exists():
                return version
            with self._reached():
                self.client.delete_model_version(MODEL, version)

    def finish(self, version: str, digest: str, description: str) -> None:
        """Note that a version's bundle is whole, and let it challenge."""
        with self._reached():
            self.client.update_model_version(MODEL, version, description=description)
            self.client.set_model_version_tag(MODEL, version, "digest", digest)
            self.client.set_registered_model_alias(MODEL, "challenger", version)

    def versions(self) -> dict[str, Any]:
        """Whole versions by number, the newest first."""
        with self._reached():
            found = self._all()
        return {str(one.version): one for one in found if "digest" in one.tags}

    def _all(self) -> list[Any]:
        found, token = [], None
        while True:
            page = self.client.search_model_versions(f"name='{MODEL}'", page_token=token)
            found += page
            token = page.token
            if not token:
                return sorted(found, key=lambda one: -int(one.version))

    def tidy(self) -> list[str]:
        """Remove what an interrupted training of this workspace left; returns notes on it. The caller holds the writer's lock."""
        home, notes = str(self.workspace.home), []
        with self._reached():
            for one in self._all():
                if "digest" not in one.tags and one.tags.get("intently.workspace") == home:
                    shutil.rmtree(self.workspace.bundles / str(one.version), ignore_errors=True)
                    self.client.delete_model_version(MODEL, str(one.version))
                    notes.append(f"Version {one.version}, left unfinished by an interrupted training, was removed.")
            left = self.client.search_runs(
                [self.experiment], f"attributes.status = 'RUNNING' and tags.`intently.workspace` = '{home}'"
            )
            for run in left:
                self.client.set_terminated(run.info.run_id, "KILLED")
        return notes

    def fetch(self, version: Any) -> Path:
        """The folder of a whole version's bundle; one trained elsewhere is fetched from the run's artifacts."""
        folder = self.workspace.bundles / str(version.version)
        if not folder.exists():
            run, _, path = version.source.removeprefix("runs:/").partition("/")
            self.workspace.bundles.mkdir(parents=True, exist_ok=True)
            draft = self.workspace.bundles / f".{version.version}.{os.getpid()}"
            draft.mkdir()
            try:
                with self._reached():
                    found = self.client.download_artifacts(run, path, str(draft))
                Path(found).replace(folder)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        return folder

    def bundle(self, version: str) -> tuple[Path, str]:
        """Folder and digest of a whole version.

        Raises:
            NotFoundError: No such version; the message lists those that are there.
        """
        known = self.versions()
        if version not in known:
            there = f"Versions: {', '.join(known)}." if known else "There are none yet: run `intently train`."
            raise NotFoundError(f"There is no version {version!r} in {self.uri}. {there}")
        return self.fetch(known[version]), known[version].tags["digest"]

    def alias(self, name: str, version: str) -> None:
        """Let an alias mean a version."""
        with self._reached():
            self.client.set_registered_model_alias(MODEL, name, version)

    @contextlib.contextmanager
    def _reached(self) -> Iterator[None]:
        with reached(self.uri):
            yield


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """MLflow's words go to stderr; of its warnings, those on its own use of SQLAlchemy are nobody's to mend here."""
    with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The ``noload`` loader strategy is deprecated")
        yield


@contextlib.contextmanager
def reached(uri: str) -> Iterator[None]:
    """MLflow's failures become ours.

    Raises:
        NotReadyError: The store cannot be reached.
        BusyError: Another process is writing to it.
    """
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with quiet():
            yield
    except (MlflowException, RequestException, SQLAlchemyError, OSError) as error:
        said = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        if "database is locked" in str(error):
            raise BusyError(f"MLflow's store {uri} is locked by another process. Try again later.") from error
        raise NotReadyError(
            f"MLflow's store {uri} does not answer: {said[:300]} "
            "Start it, or name another: --tracking-uri sqlite:///PATH or http://HOST:PORT."
        ) from error


def connect(workspace: Workspace, tracking_uri: str | None = None) -> Registry:
    """Open the workspace's MLflow store, made where it is a database that is not there yet.

    Args:
        workspace: Artifacts of a database store lie in its `mlartifacts`.
        tracking_uri: A database or a server; default as `Workspace.tracking_uri`.

    Raises:
        InputError: Not such a URI.
        NotReadyError: It does not answer.
    """
    uri = tracking_uri or workspace.tracking_uri
    scheme = uri.partition(":")[0]
    if scheme not in {"sqlite", "postgresql", "mysql", "mssql", "http", "https", "databricks"}:
        raise InputError(f"Tracking URI {uri!r}: give sqlite:///PATH, another database, or http://HOST:PORT.")
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    with quiet():
        import mlflow
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    if scheme == "sqlite":
        Path(uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    with reached(uri):
        mlflow.set_tracking_uri(uri)  # artifacts of `runs:/…` are looked up by it
        client = MlflowClient(uri, uri)
        found = client.get_experiment_by_name(MODEL)
        if found is None:
            place = None if scheme in {"http", "https", "databricks"} else str(workspace.home / "mlartifacts")
            experiment = client.create_experiment(MODEL, place)
        else:
            experiment = found.experiment_id
        try:
            client.get_registered_model(MODEL)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            client.create_registered_model(MODEL, description="Bundles of Intently: who will do what, as data.")
    return Registry(client, uri, experiment, workspace)
