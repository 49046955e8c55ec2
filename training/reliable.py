"""What is kept of a target's held-out rows: its intervals, and the slices in which it fails."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from models.baserate import of_classes
from models.interval import kind_of
from models.reliability import Reliability
from models.scorer import TargetModel
from models.slices import HISTORY, MOST, WORDS, Slice

from .dataset import Part, lots
from .fit import Fitted, Rows
from .interval import SHARE, grouped, rival, tabulate
from .slices import judge


def slices_of(names: Sequence[str], vocabularies: Mapping[str, Mapping[str, int]]) -> tuple[Slice, ...]:
    """The slices that a model's features can tell: those of history, and one a common value of channel and category.

    Args:
        names: The model's features.
        vocabularies: Categorical feature to its codes by text, the commonest first.
    """
    found = [one for one in HISTORY if one.feature in names]
    for word, feature in WORDS.items():
        found += [Slice(f"{word}: {text}", feature, value=text) for text in list(vocabularies.get(feature, ()))[:MOST]]
    return tuple(found)


def inside(
    slices: Sequence[Slice], values: np.ndarray, names: Sequence[str], vocabularies: Mapping[str, Mapping[str, int]]
) -> np.ndarray:
    """(r, s) bool: which rows of (r, k) model input are in which slice."""
    found = np.zeros((len(values), len(slices)), bool)
    for place, one in enumerate(slices):
        column = values[:, list(names).index(one.feature)]
        found[:, place] = one.among(column) if one.value is None else column == vocabularies[one.feature][one.value]
    return found


def reliability(
    model: TargetModel,
    fitted: Fitted,
    train: Rows,
    parts: Mapping[str, Part],
    calibrate: np.ndarray,
    test: np.ndarray,
    seed: int,
) -> tuple[Reliability, dict[str, Any]]:
    """What the bundle keeps, and what is reported.

    Args:
        model: The target's.
        fitted: Its trees.
        train: What they were grown on.
        parts: By name, on the trained classes.
        calibrate: (q, c) probabilities of the calibration part's rows.
        test: (r, c) probabilities of the test part's rows.
        seed: Of the draws.

    Returns:
        The bundle's part; and `training.slices.judge`'s figures with `interval`: `grouped`'s coverage on the test rows.
    """
    names, words = model.names, model.vocabularies
    slices = slices_of(names, words)
    kinds = tuple(one.name for one in slices if one.value is None)
    telling = [place for place, one in enumerate(slices) if one.value is None]
    held_out, later = parts["calibrate"], parts["test"]
    users = parts["train"].users
    other = rival(fitted, train, lots(users, np.zeros_like(users)) < SHARE, names, [n for n in names if n in words])
    counts = np.zeros(len(model.target.classes))
    counts[list(model.trained)] = np.bincount(train.labels, minlength=len(model.trained))
    places = {model.target.classes[k]: (place,) for place, k in enumerate(model.trained)}
    there = inside(slices, held_out.values, names, words)
    interval = tabulate(
        held_out.labels,
        calibrate,
        model.calibrator.apply(other.predict(held_out.values)),
        held_out.users,
        there[:, telling],
        kinds,
        places,
        of_classes(model.target, counts, len(np.unique(users))).interval(),
    )
    among = inside(slices, later.values, names, words)
    figures = judge(later.labels, test, later.users, among, [one.name for one in slices], seed)
    last = model.target.classes[model.trained[-1]]
    kind = kind_of(among[:, telling])
    low, high = interval.around(last, kind, test[:, -1])
    figures["interval"] = grouped(test[:, -1], low, high, later.labels == len(places) - 1, kind) | {
        "width": float((high - low).mean()) if len(low) else None
    }
    kept = tuple(one for one in slices if one.name in {*kinds, *figures["failed"]})
    return Reliability(kept, tuple(figures["failed"]), interval), figures
