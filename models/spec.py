"""Specs: how one target is trained, as TOML: target, features, split in time, LightGBM's parameters, calibration."""

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from features.errors import NotFoundError, SpecError
from features.events import DAY
from features.workspace import Workspace

from .calibration import METHODS
from .document import Table, read
from .hazard import Hazard
from .hazardmodel import CORRECTIONS
from .parameters import lightgbm_parameters
from .targetfile import target_of
from .targets import Target

HERE: Final = Path(__file__).parent
TRIED: Final = ("none", "temperature", "platt", "beta", "isotonic", "venn_abers")


@dataclass(frozen=True, slots=True)
class SplitSpec:
    """Cutoffs, and their parts in time: train < stop < calibrate < test.

    Attributes:
        every: Microseconds between neighbouring cutoffs.
        warmup: Least microseconds of log before the first cutoff.
        gap: Least microseconds between cutoffs of different parts; at least the horizon, so that no label of one part
            looks at what another part's cutoffs see. Of a hazard: how long its calibration rows are followed at least; its
            rows are followed no further than the next part's first cutoff.
        train: Number of cutoffs wanted at most, the newest that fit; likewise:
        stop: The last ones of train, which end the growing of trees; 0 holds out users instead.
        calibrate: for fitting and choosing the calibrator.
        test: for the figures that are reported.
        max_rows: Most rows of the training part; persons are sampled above it, which bounds memory.
    """

    every: int
    warmup: int
    gap: int
    train: int
    stop: int
    calibrate: int
    test: int
    max_rows: int


@dataclass(frozen=True, slots=True)
class Weights:
    """What a training row weighs; false where all weigh one.

    Attributes:
        half_life: Microseconds after which a row counts half; None for rows of any age alike.
        per_user: Do each person's rows sum to one?
    """

    half_life: int | None = None
    per_user: bool = False

    def __bool__(self) -> bool:
        return self.half_life is not None or self.per_user


@dataclass(frozen=True, slots=True)
class Spec:
    """How one target is trained.

    Attributes:
        target: What is to be foreseen; `target_for` fits it to a shop.
        features: Patterns over catalogue names, `!` in front excludes.
        split: Cutoffs and their parts.
        weights: Of training rows.
        params: LightGBM's parameters by LightGBM's names, without those that are ours (objective, seeds, threads).
        rounds: Most boosting rounds.
        patience: Rounds without a gain on the `stop` part after which boosting ends.
        calibration: Methods tried; the best on held-out log loss is kept.
        base_rate: Share of the last class (churned) outside of which training warns; None for no warning.
        title: `zh` and `en`, for reports.
        path: The file, as it was named.
        text: The file's content; goes into the tracking run and the bundle.
    """

    target: Target
    features: tuple[str, ...]
    split: SplitSpec
    weights: Weights
    params: dict[str, Any]
    rounds: int
    patience: int
    calibration: tuple[str, ...]
    base_rate: tuple[float, float] | None
    title: dict[str, str]
    path: str
    text: str

    @property
    def name(self) -> str:
        """The target's name."""
        return self.target.name

    @property
    def digest(self) -> str:
        """SHA-256 of the text, hexadecimal."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def target_for(self, config: Mapping[str, Any], present: Collection[str]) -> tuple[Target, list[str]]:
        """The target fitted to a shop, and notes on what was left out.

        Args:
            config: The workspace's `intently.toml`; `[kinds.NAME] stage = …` joins the shop's own kinds to a stage.
            present: Kinds that the log has events of.

        Raises:
            SpecError: A kind is mapped to a stage that is none.
            TooLittleDataError: The log has nothing that the target could be seen by.
        """
        target = self.target.joined(own_stages(config))
        return target.without(target.kinds - set(present))


def own_stages(config: Mapping[str, Any]) -> dict[str, str]:
    """Kind to stage, of `[kinds.NAME] stage = …` in `intently.toml`."""
    kinds = config.get("kinds", {})
    if not isinstance(kinds, Mapping):
        raise SpecError(f'intently.toml: kinds = {kinds!r}: write a table a kind: [kinds.NAME] stage = "browsing".')
    found = {}
    for kind, entry in kinds.items():
        stage = entry.get("stage") if isinstance(entry, Mapping) else None
        if stage is not None:
            if not isinstance(stage, str):
                raise SpecError(f"intently.toml: kinds.{kind}.stage = {stage!r}: must be the name of a stage.")
            found[kind] = stage
    return found


def load(path: Path) -> Spec:
    """The spec of one file.

    Raises:
        NotFoundError: No such file.
        SpecError: It breaks a rule; the message names file, key, value, rule and way out.
    """
    return read_spec(*read(path))


def read_spec(root: Table, text: str) -> Spec:
    """The spec of a file's root table and text.

    Raises:
        SpecError: It breaks a rule, as `load` says.
    """
    target = target_of(root)
    title = root.table("title")
    titles = {language: title.take(language, str) for language in ("zh", "en")}
    title.done()
    calibration = root.table("calibration", required=False)
    hazard = isinstance(target.recipe, Hazard)
    methods = calibration.choices("methods", *((CORRECTIONS, CORRECTIONS) if hazard else (METHODS, TRIED)))
    calibration.done()
    params, rounds, patience = lightgbm_parameters(root.table("lightgbm", required=False))
    spec = Spec(
        target=target,
        features=root.texts("features", ("*",)),
        split=_split(root.table("split", required=False), target),
        weights=_weights(root, target),
        params=params,
        rounds=rounds,
        patience=patience,
        calibration=methods,
        base_rate=_base_rate(root, target),
        title=titles,
        path=root.source,
        text=text,
    )
    root.done()
    return spec


def _split(table: Table, target: Target) -> SplitSpec:
    hazard = isinstance(target.recipe, Hazard)
    least = target.recipe.edges[0] * DAY if isinstance(target.recipe, Hazard) else target.horizon
    usual = min(30 * DAY, target.horizon) if hazard else target.horizon
    split = SplitSpec(
        every=table.span("every", "7d"),
        warmup=table.span("warmup", "60d"),
        gap=table.span("gap", f"{usual // 1_000_000}s"),
        train=table.whole("train", 1, 1000, 26),
        stop=table.whole("stop", 0, 100, 2),
        calibrate=table.whole("calibrate", 1, 100, 3),
        test=table.whole("test", 1, 100, 6),
        max_rows=table.whole("max_rows", 100, 50_000_000, 250_000),
    )
    if split.gap < least:
        if hazard:
            raise table.fail("gap", "must be at least the first bucket, or nothing is seen of the rows before it.")
        raise table.fail("gap", "must be at least the horizon, or labels of one part look into the next. Leave it out.")
    table.done()
    return split


def _weights(root: Table, target: Target) -> Weights:
    if target.kind == "interest" and "weights" in root.keys:
        raise root.fail("weights", "rows of a next category all weigh one. Delete the table.")
    table = root.table("weights", required=False)
    half_life = table.span("half_life") if "half_life" in table.keys else None
    if half_life is not None and half_life < DAY:
        raise table.fail(
            "half_life", "must be at least 1d, or hardly a row counts. Leave it out for rows of any age alike."
        )
    weights = Weights(half_life, table.take("per_user", bool, False))
    table.done()
    return weights


def _base_rate(root: Table, target: Target) -> tuple[float, float] | None:
    if "base_rate" not in root.keys and not target.binary:
        return None
    if isinstance(target.recipe, Hazard):
        raise root.fail("base_rate", "a hazard has a rate for every horizon. Delete the table.")
    table = root.table("base_rate", required=False)
    low, high = table.number("low", 0, 1, 0.05), table.number("high", 0, 1, 0.60)
    if low >= high:
        raise table.fail("low", f"must be below high = {high:g}.")
    table.done()
    return low, high


def load_specs(paths: Iterable[Path]) -> list[Spec]:
    """Specs of files, and of every `*.toml` in folders, in order.

    Raises:
        NotFoundError: No such file, a folder without any, or no path at all.
        SpecError: A spec breaks a rule, or two have one name.
    """
    files: list[Path] = []
    for path in paths:
        found = sorted(path.glob("*.toml")) if path.is_dir() else [path]
        if not found:
            raise NotFoundError(f"There is no spec (*.toml) in {path}.")
        files += found
    if not files:
        raise NotFoundError("No spec was named. Give at least one file, such as models/churn_30d.toml.")
    specs: dict[str, Spec] = {}
    columns: dict[str, str] = {}
    for file in files:
        spec = load(file)
        if spec.name in specs:
            raise SpecError(
                f"{file}: target.name = {spec.name!r}: {specs[spec.name].path} has that name too; rename one."
            )
        for column in spec.target.columns:
            if column in columns:
                raise SpecError(f"{file}: its score column {column} is {columns[column]}'s too; choose other words.")
            columns[column] = spec.name
        specs[spec.name] = spec
    return list(specs.values())


def default_specs(workspace: Workspace) -> list[Spec]:
    """The shop's own specs in `HOME/specs/` where there are any, else ours."""
    return load_specs(sorted(workspace.specs.glob("*.toml")) or [HERE])


def specs_for(dataset: str) -> list[Path]:
    """Files of the specs that a data set ships (`taobao`, `online-retail`, `complete-journey`), ours where it ships none."""
    folder = HERE / dataset
    named = re.fullmatch(r"[a-z0-9-]+", dataset) and dataset not in {"tags", "more"}
    own = sorted(folder.glob("*.toml")) if named else []
    return own or sorted(HERE.glob("*.toml"))
