"""One target, from the log to a measured model: split, rows, trees, calibration, baselines, figures."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from features.catalogue import Catalogue
from features.errors import TooLittleDataError
from features.log import EventLog
from features.workspace import Facts
from models.calibration import Calibrator
from models.hazardmodel import Correction
from models.model import Model
from models.readout import ReadOut
from models.reliability import Reliability
from models.scorer import TargetModel
from models.spec import Spec
from models.targets import Target

from . import baselines
from .cadence import settled
from .calibrate import Choice, choose
from .dataset import Part, build, growing
from .fit import Fitted, Rows, fit, fitting
from .metrics import Measure, difference, evaluate
from .reliable import reliability as reliability_of
from .resample import Resamples, draw
from .split import Split, split
from .sufficiency import checked, count, error_of, remarks
from .weights import told, weighed

N_DRAWS: Final = 200


@dataclass(frozen=True, slots=True)
class Shop:
    """What all targets of a training share.

    Attributes:
        log: One snapshot.
        facts: Of the workspace.
        config: `intently.toml`.
        catalogue: The whole of it.
        kinds: Number of events by kind.
        start: The log is whole from here, microseconds UTC,
        end: to here.
        seed: Of all that is drawn.
        answers: Will the models answer? An earlier origin's do not, and need no intervals.
    """

    log: EventLog
    facts: Facts
    config: dict[str, Any]
    catalogue: Catalogue
    kinds: dict[str, int]
    start: int
    end: int
    seed: int
    answers: bool = True


@dataclass(frozen=True, slots=True)
class Test:
    """The test rows, on the classes that training or test rows have.

    Attributes:
        classes: (c,) names.
        labels: (r,) int64, places in `classes`.
        model: (r, c) the model's probabilities.
        baselines: Name to (r, c) probabilities.
        resamples: Draws of the rows' users.
        users: (r,) int64 hash of the row's person.
        cutoff: (r,) int64 microseconds UTC.
        outcome: (r,) int64, places in the target's classes.
        full: (r, C) the model's probabilities of all the target's classes.
    """

    __test__ = False  # not for pytest

    classes: tuple[str, ...]
    labels: np.ndarray
    model: np.ndarray
    baselines: dict[str, np.ndarray]
    resamples: Resamples
    users: np.ndarray
    cutoff: np.ndarray
    outcome: np.ndarray
    full: np.ndarray


@dataclass(frozen=True, slots=True)
class Rated:
    """Calibration rows, which no tree has seen, with the calibrated model's probabilities; the rest as in `Test`."""

    users: np.ndarray
    cutoff: np.ndarray
    outcome: np.ndarray
    full: np.ndarray


@dataclass(frozen=True, slots=True)
class Learned:
    """A trained target with its figures; `further` ones only some kinds of target have, `origins` are `origins.rolling`'s.

    `missing` says what the log lacked for a model; then the base rate answers, and nothing was tested.
    """

    spec: Spec
    split: Split
    rows: dict[str, int]
    counts: dict[str, dict[str, int]]
    fitted: Fitted
    choice: Choice[Calibrator] | Choice[Correction]
    model: Model
    families: tuple[str, ...]
    test: Test
    metrics: dict[str, Measure]
    baselines: dict[str, dict[str, Measure]]
    differences: dict[str, Measure]
    notes: tuple[str, ...]
    seconds: dict[str, float]
    memory: dict[str, Any] = field(default_factory=dict)
    further: dict[str, Measure] = field(default_factory=dict)
    held_out: Rated | None = None
    origins: dict[str, Any] = field(default_factory=dict)
    missing: TooLittleDataError | None = None
    slices: dict[str, Any] = field(default_factory=dict)
    reliability: Reliability | None = None

    @property
    def own(self) -> bool:
        """Does its own model answer, of which `slices` and `reliability` are, and not another's read-out?"""
        return not isinstance(self.model, ReadOut)

    def to_json(self) -> dict[str, Any]:
        """The target's part of what `intently train` prints."""
        target = self.model.target
        shares: dict[str, Any] = {"classes": self.counts["train"], "classes_test": self.counts["test"]}
        if target.binary:
            last = target.classes[-1]
            shares = {"positives": self.counts["train"][last], "positives_test": self.counts["test"][last]}
        return {
            "n_train": self.rows["train"],
            "n_test": self.rows["test"],
            **shares,
            "metrics": self.metrics,
            "baselines": self.baselines,
            "differences": self.differences,
            "calibration": self.choice.to_json() | ({"slices": self.slices} if self.slices and self.own else {}),
            "split": self.split.to_json(),
            "rounds": self.fitted.rounds,
            "n_features": len(self.model.names),
            "memory": self.memory,
            **({"read_from": self.model.read_from} if isinstance(self.model, ReadOut) else {}),
            "notes": list(self.notes),
            **({"further": self.further} if self.further else {}),
            **({"origins": self.origins} if self.origins else {}),
            **({"error": error_of(self.missing)} if self.missing else {}),
        }


def learn(shop: Shop, spec: Spec) -> Learned:
    """Train and measure one target.

    Raises:
        TooLittleDataError: The log cannot show the target; the message says what is missing.
        SpecError: The spec does not fit the shop.
    """
    clock = Clock()
    target, notes = spec.target_for(shop.config, shop.kinds)
    made = split(spec.split, target.horizon, shop.start, shop.end, shop.facts.timezone)
    target = settled(shop.log, shop.facts, target, made.train[-1])
    selected = shop.catalogue.select(spec.features)
    data = build(shop.log, shop.facts, selected, target, made, spec.split.max_rows)
    clock.lap("rows")
    trained = checked(target, data)
    parts = {name: on_classes(part, trained) for name, part in data.parts.items()}
    categorical = [name for name in data.names if name in data.vocabularies]
    train = parts["train"]
    grow, stop = growing(train.users, train.cutoff, made)
    weight = weighed(spec.weights, train, shop.end)
    fitted = fit(
        Rows(train.values, train.labels, weight),
        grow,
        stop,
        data.names,
        categorical,
        len(trained),
        fitting(spec.params, len(train.labels)),
        rounds=spec.rounds,
        patience=spec.patience,
        seed=shop.seed,
        label=f"Growing {target.name}",
    )
    clock.lap("fit")
    held_out = parts["calibrate"]
    plain = fitted.predict(held_out.values)
    choice = choose(held_out.labels, plain, held_out.users, spec.calibration, shop.seed)
    judged = choice.calibrator.apply(plain)
    later = choice.calibrator.apply(fitted.predict(data.parts["test"].values))
    clock.lap("calibrate")
    rate = np.bincount(data.parts["train"].labels, minlength=len(target.classes)) / len(data.parts["train"].labels)
    model = TargetModel(target, trained, data.names, data.vocabularies, fitted.text, choice.calibrator, rate)
    test = tested(shop, spec, parts, data.parts["test"], trained, target, later)
    clock.lap("baselines")
    reliability: Reliability | None = None
    slices: dict[str, Any] = {}
    if shop.answers:
        rows = Rows(train.values, train.labels, weight)
        said = later[np.isin(data.parts["test"].labels, trained)]
        reliability, slices = reliability_of(model, fitted, rows, parts, judged, said, shop.seed)
    clock.lap("reliability")
    figures = {name: evaluate(test.labels, p, test.resamples) for name, p in test.baselines.items()}
    learned = Learned(
        spec=spec,
        split=made,
        rows={name: len(part.labels) for name, part in data.parts.items()},
        counts={name: count(part, target) for name, part in data.parts.items()},
        fitted=fitted,
        choice=choice,
        model=model,
        families=tuple(selected.entries[name].family for name in data.names),
        test=test,
        metrics=evaluate(test.labels, test.model, test.resamples),
        baselines=figures,
        differences={
            name: difference(test.labels, test.model, p, test.resamples) for name, p in test.baselines.items()
        },
        notes=(*notes, *made.notes, *data.notes, *told(weight), *remarks(spec, target, trained, data, rate)),
        seconds={},
        memory=data.memory,
        held_out=rated(held_out, judged, trained, len(target.classes)),
        slices=slices,
        reliability=reliability,
    )
    clock.lap("figures")
    return replace(learned, seconds=clock.laps)


class Clock:
    """Seconds by step."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """End a step."""
        now = time.perf_counter()
        self.laps[name], self._last = round(now - self._last, 2), now


def on_classes(part: Part, places: tuple[int, ...]) -> Part:
    """The part's rows of the classes at `places`, renumbered from 0."""
    kept = np.isin(part.labels, places)
    rows = slice(None) if kept.all() else kept
    labels = np.searchsorted(places, part.labels[rows])
    return Part(part.values[rows], labels, part.users[rows], part.cutoff[rows], part.baselines[rows])


def rated(part: Part, p: np.ndarray, trained: tuple[int, ...], n_classes: int) -> Rated:
    """A part's rows, whose labels are places in `trained`, with their probabilities, on all the target's classes."""
    full = np.zeros((len(p), n_classes))
    full[:, trained] = p
    return Rated(part.users, part.cutoff, np.array(trained)[part.labels], full)


def tested(
    shop: Shop, spec: Spec, parts: dict[str, Part], rows: Part, trained: tuple[int, ...], target: Target, p: np.ndarray
) -> Test:
    """The test rows with everyone's probabilities; a class that only they have gets 0 from all."""
    places = tuple(sorted({*trained, *np.unique(rows.labels).tolist()}))

    def spread(q: np.ndarray, over: Sequence[int]) -> np.ndarray:
        out = np.zeros((len(q), len(over)))
        out[:, np.searchsorted(over, trained)] = q
        return out

    train, calibrate = (
        baselines.Part(part.baselines, part.labels, part.users) for part in (parts["train"], parts["calibrate"])
    )
    simple = baselines.run(train, calibrate, rows.baselines, len(trained), spec.calibration, shop.seed)
    return Test(
        classes=tuple(target.classes[k] for k in places),
        labels=np.searchsorted(places, rows.labels),
        model=spread(p, places),
        baselines={name: spread(q, places) for name, q in simple.items()},
        resamples=draw(rows.users, N_DRAWS, shop.seed),
        users=rows.users,
        cutoff=rows.cutoff,
        outcome=rows.labels,
        full=spread(p, range(len(target.classes))),
    )
