"""What a model rests on: its features' share of the gain, and of the contributions to what it says of today's people."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.log import EventLog
from features.matrix import Matrix
from features.population import population
from features.workspace import Workspace
from models import bundle
from models.bundle import Bundle
from models.model import Model

from .registry import connect

ROWS: Final = 1_000
"""People whose contributions are looked at; TreeSHAP takes about a millisecond each."""
CLASSES: Final = 4


@dataclass(frozen=True, slots=True)
class Importance:
    """Of one target's model.

    Attributes:
        target: Its name.
        names: (k,) features.
        gain: (k,) float64 share of the total gain of the splits; sums to 1, or is 0 without any split.
        contribution: (k,) float64 mean |contribution| to the raw scores (log-odds), over people in the cohort and scores.
        people: How many those people are.
    """

    target: str
    names: tuple[str, ...]
    gain: np.ndarray
    contribution: np.ndarray
    people: int


def loaded(workspace: Workspace, version: str) -> Bundle:
    """The bundle that answers (`champion`), or a version of the registry.

    Raises:
        NotReadyError: None answers.
        NotFoundError: No such version.
    """
    if version == "champion":
        return bundle.champion(workspace)
    return bundle.load(*connect(workspace).bundle(version))


def importances(answering: Bundle, log: EventLog, as_of: int) -> list[Importance]:
    """Of every target of a bundle that rests on features, on people as they stand at an instant."""
    people = population(log, answering.program, [as_of], ROWS, "Asking the model").matrices[0]
    return [importance(model, people) for model in answering.models.values() if model.names]


def importance(model: Model, people: Matrix) -> Importance:
    """Of one model, on the people of a matrix who are in its cohort.

    Of two classes the last is looked at, of more up to `CLASSES` all, of more yet the last: the others' contributions say the
    same again.
    """
    from lightgbm import Booster

    booster = Booster(model_str=model.booster_text)
    gains = dict(zip(booster.feature_name(), booster.feature_importance("gain").tolist(), strict=True))
    gain = np.array([gains[name] for name in model.names])
    rows = np.flatnonzero(model.target.eligible(people))
    n_classes = len(model.target.classes)
    places = range(n_classes) if 2 < n_classes <= CLASSES else [n_classes - 1]
    found = [np.abs(model.explained(people, rows, place)[0]).mean(axis=0) for place in places] if len(rows) else []
    trained = [one for one in found if one.any()]
    return Importance(
        target=model.target.name,
        names=model.names,
        gain=gain / (gain.sum() or 1.0),
        contribution=np.mean(trained, axis=0) if trained else np.zeros(len(model.names)),
        people=len(rows),
    )
