"""What a training leaves in the registry: a parent run, a child a target, pictures and tables, the bundle as a version."""

import csv
import hashlib
import json
import platform
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any, Final

from features.instants import to_iso
from models import bundle

from . import plots
from .learn import Learned, Shop
from .metrics import Measure
from .registry import Registry

DRAWN: Final = 6
"""Classes whose calibration is drawn: the commonest, where there are many."""

FOLDERS: Final = ("features", "models", "training")
"""The code that a model depends on."""


def record(
    registry: Registry,
    shop: Shop,
    learned: Sequence[Learned],
    failed: Mapping[str, str],
    result: dict[str, Any],
    now: int,
) -> tuple[str, str]:
    """Store a training, and register its bundle. The caller holds the writer's lock.

    Args:
        registry: Where.
        shop: What was learned from.
        learned: Trained targets, at least one.
        failed: Other targets, and why.
        result: What `intently train` prints, for the version's artifacts.
        now: Microseconds UTC.

    Returns:
        The version and the parent run's id.
    """
    names = [one.model.target.name for one in learned]
    prefixes = prefixes_of(learned)
    lineage = lineage_of(shop, learned)
    tags = {"mlflow.note.content": note(learned, failed), "intently.targets": ", ".join(names)}
    with registry.run(f"{to_iso(now)[:16].replace('T', ' ')} {' + '.join(names)}", tags) as parent:
        registry.log(parent, params=params_of(shop, lineage, names))
        profile = json.dumps({"events": shop.log.n_events, "kinds": shop.kinds})
        source = json.dumps({"path": str(registry.workspace.events), "delta_table_version": shop.log.version})
        registry.dataset(parent, "events", f"v{shop.log.version}", source, profile)
        for one in learned:
            child(registry, one, parent, (source, profile, f"v{shop.log.version}"))
            prefix = prefixes[one.model.target.name]
            registry.log(parent, metrics={f"{prefix}/{name}": value for name, value in metrics_of(one).items()})
        run_version = registry.reserve(parent)
        folder = registry.workspace.bundles / run_version
        try:
            digest = bundle.write(
                folder,
                facts=shop.facts,
                catalogue=shop.catalogue,
                models={one.model.target.name: one.model for one in learned},
                specs={one.model.target.name: one.spec.text for one in learned},
                created=now,
                metrics={one.model.target.name: values_of(one.metrics) for one in learned},
                lineage={**lineage, "run": parent},
                reliability={one.model.target.name: one.reliability for one in learned if one.reliability and one.own},
            )
            registry.store(parent, folder, "bundle")
            with tempfile.TemporaryDirectory() as made:
                Path(made, "environment.txt").write_text(environment())
                Path(made, "training.json").write_text(as_json({**result, "version": run_version, "run_id": parent}))
                registry.store(parent, Path(made))
            registry.tag(parent, {"intently.version": run_version, "intently.digest": digest})
            registry.finish(run_version, digest, note(learned, failed))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    return run_version, parent


def child(registry: Registry, one: Learned, parent: str, data: tuple[str, str, str]) -> None:
    """One target's run."""
    target = one.model.target
    with registry.run(target.name, {"intently.target": target.name}, parent) as run:
        source, profile, digest = data
        registry.dataset(run, "events", digest, source, profile)
        params = {
            "horizon_days": target.horizon / 86_400_000_000,
            "classes": ", ".join(one.test.classes),
            "calibration": one.model.method,
            "rounds": one.fitted.rounds,
            "n_features": len(one.model.names),
            "spec": one.spec.digest[:12],
            **{f"lightgbm.{name}": value for name, value in sorted(one.fitted.params.items())},
            **{f"rows.{name}": n for name, n in one.rows.items()},
        }
        for name, part in one.split.to_json().items():
            params |= {f"split.{name}": f"{part['first'][:10]} to {part['last'][:10]}, {part['cutoffs']} cutoffs"}
        registry.log(run, params=params, metrics=metrics_of(one), curve=("stop_log_loss", one.fitted.curve.tolist()))
        with tempfile.TemporaryDirectory() as made:
            draw(one, Path(made))
            registry.store(run, Path(made))


def draw(one: Learned, folder: Path) -> None:
    """Pictures and tables of one target; of a base rate, which is not tested, its figures only."""
    name, test = one.model.target.name, one.test
    (folder / f"{name}.toml").write_text(one.spec.text)
    (folder / "figures.json").write_text(as_json(one.to_json()))
    if not len(test.labels):
        return
    plots.calibration(
        folder / "calibration.png",
        f"{name}: are its probabilities right?",
        test.labels,
        test.model,
        drawn(test.classes),
        test.resamples,
    )
    if (
        not one.model.names
    ):  # candidates compete: there is no one class to gain, and no feature of the catalogue to weigh
        return
    last = len(test.classes) - 1
    scores = {"model": test.model[:, last]} | {key: p[:, last] for key, p in test.baselines.items()}
    word = test.classes[last]
    plots.gain(folder / "gain.png", f"{name}: who is {word}?", test.labels == last, scores, word)
    gain = one.fitted.gain.tolist()
    rows = list(zip(one.model.names, one.families, gain, one.fitted.splits.tolist(), strict=True))
    rows.sort(key=lambda row: (-row[2], row[0]))
    plots.importance(folder / "importance.png", f"{name}: what it rests on", [row[:3] for row in rows])
    with (folder / "importance.csv").open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["feature", "family", "gain", "splits"])
        out.writerows(rows)


def drawn(classes: Sequence[str]) -> list[str]:
    """The first classes as pictures name them: in ASCII, as our font has no Chinese; else by their place."""
    return [name if name.isascii() else f"class {place + 1}" for place, name in enumerate(classes[:DRAWN])]


def prefixes_of(learned: Sequence[Learned]) -> dict[str, str]:
    """Target to the head of its metrics in the parent run: its kind, or its name where two targets share a kind."""
    kinds = [one.model.target.kind for one in learned]
    return {
        one.model.target.name: one.model.target.kind
        if kinds.count(one.model.target.kind) == 1
        else one.model.target.name
        for one in learned
    }


def metrics_of(one: Learned) -> dict[str, float]:
    """Every number of a target: `log_loss`, `log_loss.low`, `rfm.log_loss`, `minus_rfm.log_loss.high`, …."""
    found = flat("", one.metrics)
    for name, figures in one.baselines.items():
        found |= {f"{name}.{key}": value for key, value in values_of(figures).items()}
        found |= flat(f"minus_{name}.", {"log_loss": one.differences[name]})
    if one.origins:
        mean = one.origins["mean"]
        found |= {"origins.log_loss": mean["log_loss"]} | flat("origins.minus_", {"best": mean["difference"]})
    return found | flat("", one.further)


def flat(head: str, measures: Mapping[str, Measure]) -> dict[str, float]:
    """Values and bounds by name, those that exist."""
    named = {"value": "", "low": ".low", "high": ".high"}
    return {
        f"{head}{name}{tail}": measure[key]
        for name, measure in measures.items()
        for key, tail in named.items()
        if measure[key] is not None
    }


def values_of(measures: Mapping[str, Measure]) -> dict[str, float]:
    """Values by name, those that exist."""
    return {name: measure["value"] for name, measure in measures.items() if measure["value"] is not None}


def params_of(shop: Shop, lineage: Mapping[str, Any], targets: Sequence[str]) -> dict[str, Any]:
    """What tells one training from another."""
    return {
        "targets": ", ".join(targets),
        "log_version": shop.log.version,
        "events": shop.log.n_events,
        "log_start": to_iso(shop.start),
        "log_end": to_iso(shop.end),
        "timezone": shop.facts.timezone,
        "retention_days": shop.facts.retention_days,
        "catalogue": shop.catalogue.digest[:12],
        "features": len(shop.catalogue.names),
        "code": lineage["code"][:12],
        "seed": shop.seed,
        "lightgbm": version("lightgbm"),
    }


def lineage_of(shop: Shop, learned: Sequence[Learned]) -> dict[str, Any]:
    """What the models are a function of: log, specs, code; and the cutoffs they were tested on."""
    return {
        "log_version": shop.log.version,
        "log_end": shop.end,
        "catalogue": shop.catalogue.digest,
        "specs": {one.model.target.name: one.spec.digest for one in learned},
        "code": code_digest(),
        "seed": shop.seed,
        "test_cutoffs": {one.model.target.name: list(one.split.test) for one in learned},
    }


def code_digest() -> str:
    """SHA-256 over the code and data files that a model depends on."""
    root = Path(__file__).parent.parent
    whole = hashlib.sha256()
    for path in sorted(
        path for folder in FOLDERS for path in (root / folder).rglob("*") if path.suffix in {".py", ".toml"}
    ):
        whole.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return whole.hexdigest()


def environment() -> str:
    """Interpreter, platform and every installed package, pinned."""
    pins = sorted({f"{one.metadata['Name']}=={one.version}" for one in distributions()}, key=str.lower)
    return "\n".join([f"# Python {platform.python_version()}, {platform.platform()}", *pins, ""])


def note(learned: Sequence[Learned], failed: Mapping[str, str]) -> str:
    """A training in a few lines."""
    lines = []
    for one in learned:
        if not one.baselines:
            lines.append(f"{one.model.target.name}: too little data, answered at the base rate")
            continue
        loss, auc = one.metrics["log_loss"]["value"], one.metrics["auc"]["value"]
        best = min(one.baselines, key=lambda name: one.baselines[name]["log_loss"]["value"])
        lines.append(
            f"{one.model.target.name}: log loss {loss:.4f} ({best} {one.baselines[best]['log_loss']['value']:.4f})"
            + (f", AUC {auc:.3f}" if auc is not None else "")
        )
    return "\n\n".join([*lines, *(f"{name}: not trained. {why}" for name, why in failed.items())])


def as_json(data: object) -> str:
    """JSON for people."""
    return json.dumps(data, ensure_ascii=False, indent=2) + "\n"
