"""A workspace: the folder that holds one shop's log, models and outputs; its settings and its one-writer lock.

`workspace.json` records what was fixed by the first ingest (format, timezone, currency, retention, buckets, own kinds);
`intently.toml` is the user's to edit. One function, `Workspace.setting`, reads configuration: option > environment >
`intently.toml` > default.
"""

import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .errors import BusyError, DamagedError, FormatError, InputError, NotReadyError, SpecError
from .events import ACTS, KINDS, MAX_KINDS, RETENTION_DAYS

FORMAT: Final = 1
"""Format of the workspace that this version writes, and the newest that it reads."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a workspace fixed at its first ingest."""

    timezone: str = "UTC"
    currency: str = ""
    retention_days: int = RETENTION_DAYS
    buckets: int = 32
    own_kinds: tuple[str, ...] = ()
    format: int = FORMAT

    @property
    def kinds(self) -> tuple[str, ...]:
        """Every kind, a kind's place being its code."""
        return KINDS + self.own_kinds


@dataclass(frozen=True, slots=True)
class Workspace:
    """Paths and settings under `home`; nothing is made until something is written."""

    home: Path
    environ: Mapping[str, str]

    @classmethod
    def at(cls, home: Path | str | None = None, environ: Mapping[str, str] = os.environ) -> "Workspace":
        """The workspace at `home`, else `$INTENTLY_HOME`, else `./workspace`."""
        return cls(Path(home or environ.get("INTENTLY_HOME") or "workspace").absolute(), environ)

    @property
    def events(self) -> Path:
        """The Delta table of events."""
        return self.home / "log" / "events"

    @property
    def histories(self) -> Path:
        """The derived Delta table, one row a person."""
        return self.home / "log" / "histories"

    @property
    def users(self) -> Path:
        """The Delta table of user attributes."""
        return self.home / "log" / "users"

    @property
    def attributes(self) -> Path:
        """One Delta table a table of attributes of the shop's own."""
        return self.home / "log" / "attributes"

    @property
    def features(self) -> Path:
        """The shop's own features: catalogues in TOML, and Python functions."""
        return self.home / "features"

    @property
    def items(self) -> Path:
        """The Delta table of items."""
        return self.home / "log" / "items"

    @property
    def quarantine(self) -> Path:
        """Rows refused at ingest, to be mended."""
        return self.home / "quarantine"

    @property
    def profiles(self) -> Path:
        """The embedded profile store."""
        return self.home / "profiles.db"

    @property
    def journal(self) -> Path:
        """Events acknowledged by the service and not yet in the log."""
        return self.home / "journal.db"

    @property
    def bundles(self) -> Path:
        """One folder a model version."""
        return self.home / "bundles"

    @property
    def champion(self) -> Path:
        """The pointer to the bundle that answers: version, manifest digest, the one before."""
        return self.home / "champion.json"

    @property
    def tags(self) -> Path:
        """The shop's own tag definitions, which win over ours."""
        return self.home / "tags"

    @property
    def specs(self) -> Path:
        """The shop's own training specs, which win over ours."""
        return self.home / "specs"

    @property
    def output(self) -> Path:
        """Where batch scoring writes by default."""
        return self.home / "scores"

    @property
    def tracking_uri(self) -> str:
        """MLflow's store: `INTENTLY_TRACKING_URI`, `tracking_uri` in `intently.toml`, else SQLite in the workspace."""
        return str(self.setting("tracking_uri", default=f"sqlite:///{self.home / 'mlflow.db'}"))

    @property
    def facts(self) -> Facts:
        """What the first ingest fixed.

        Raises:
            NotReadyError: Nothing has been ingested.
            FormatError: A newer version wrote it.
            DamagedError: It cannot be read.
        """
        path = self.home / "workspace.json"
        if not path.exists():
            raise NotReadyError(
                f"No workspace at {self.home}. Make one with `intently --home {self.home} ingest PATH --format NAME`."
            )
        try:
            data = json.loads(path.read_text())
            found = data["format"]
            if found != FORMAT:
                raise FormatError(f"Workspace {self.home} has format {found}; this version reads format {FORMAT}.")
            return Facts(**(data | {"own_kinds": tuple(data["own_kinds"])}))
        except (ValueError, KeyError, TypeError) as error:
            raise DamagedError(f"{path} cannot be read ({error}); restore it from a backup.") from error

    @property
    def exists(self) -> bool:
        """Has something been ingested?"""
        return (self.home / "workspace.json").exists()

    def fix(self, facts: Facts) -> Facts:
        """Record the facts, atomically. Kinds stay what they were once an act was met, whoever read the facts before.

        Raises:
            InputError: The timezone is unknown, or there are too many kinds.
        """
        from filelock import FileLock

        check_timezone(facts.timezone)
        self.home.mkdir(parents=True, exist_ok=True)
        with FileLock(self.home / ".facts"):
            own = self.facts.own_kinds if self.exists else ()
            if not set(ACTS).isdisjoint((*own, *facts.own_kinds)):
                facts = replace(facts, own_kinds=tuple(dict.fromkeys((*own, *facts.own_kinds))))
            if len(facts.kinds) > MAX_KINDS:
                raise InputError(f"{len(facts.kinds)} event kinds: a workspace has at most {MAX_KINDS}.")
            write_json(self.home / "workspace.json", asdict(facts))
        return facts

    def add_acts(self) -> Facts:
        """Record the acts' kinds, all at once, so that whoever meets one first gives them the same codes."""
        return self.add_kinds(ACTS)

    def add_kinds(self, kinds: tuple[str, ...]) -> Facts:
        """Record further kinds of the shop's own; known ones keep their codes."""
        facts = self.facts
        new = tuple(kind for kind in dict.fromkeys(kinds) if kind not in facts.kinds)
        return self.fix(replace(facts, own_kinds=facts.own_kinds + new)) if new else facts

    def setting(self, name: str, option: Any = None, default: Any = None) -> Any:
        """`option`, else `$INTENTLY_<NAME>`, else `name` in `intently.toml`, else `default`; dots reach into tables.

        Raises:
            SpecError: `intently.toml` is not TOML.
        """
        if option is not None:
            return option
        value = self.environ.get("INTENTLY_" + name.upper().replace(".", "_"))
        if value is not None:
            return value
        found: Any = self.config
        for key in name.split("."):
            found = found.get(key) if isinstance(found, dict) else None
        return default if found is None else found

    @property
    def config(self) -> dict[str, Any]:
        """`intently.toml`, empty where absent."""
        path = self.home / "intently.toml"
        try:
            return tomllib.loads(path.read_text()) if path.exists() else {}
        except tomllib.TOMLDecodeError as error:
            raise SpecError(f"{path} is not TOML: {error}.") from error

    @contextmanager
    def writing(self, what: str) -> Iterator[None]:
        """Hold the one-writer lock while in the body; the holder's death frees it.

        Args:
            what: What the holder does, told to whoever is refused.

        Raises:
            BusyError: Another process writes; the message names it.
        """
        from filelock import FileLock, Timeout

        self.home.mkdir(parents=True, exist_ok=True)
        holder = self.home / ".writer"
        lock = FileLock(self.home / ".lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            name = holder.read_text() if holder.exists() else "another process"
            raise BusyError(f"{self.home} is being written by {name}; one writer at a time. Try again later.") from None
        try:
            holder.write_text(f"{what} (process {os.getpid()})")
            yield
        finally:
            holder.unlink(missing_ok=True)
            lock.release()


def check_timezone(name: str) -> ZoneInfo:
    """The zone of an IANA name.

    Raises:
        InputError: No such zone.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InputError(f"Unknown timezone {name!r}. Give an IANA name, such as Asia/Shanghai or UTC.") from None


def write_json(path: Path, data: object) -> None:
    """Write JSON atomically: whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(data, ensure_ascii=False, indent=2) + "\n")
    draft.replace(path)
