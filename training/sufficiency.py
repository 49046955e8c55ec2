"""Is there enough to learn a target from? What is missing where not, and what a reader of the figures should know."""

from typing import Final

import numpy as np

from features.errors import TooLittleDataError, UserError
from features.events import DAY
from models.spec import Spec
from models.targets import Target

from .dataset import Dataset, Part

LEAST: Final = 20
"""Training rows that a second class needs."""

LEAST_ROWS: Final = 100
"""Training rows that a target needs."""


def checked(target: Target, data: Dataset) -> tuple[int, ...]:
    """The classes that training sees.

    Raises:
        TooLittleDataError: Too few rows, a part without any, or one class only.
    """
    for name, part in data.parts.items():
        if not len(part.labels):
            raise TooLittleDataError(
                f"{target.name}: nobody is eligible at the cutoffs of the {name} part. {way(target)}"
            )
    labels = data.parts["train"].labels
    seen = np.bincount(labels, minlength=len(target.classes))
    if len(labels) < LEAST_ROWS:
        raise TooLittleDataError(
            f"{target.name}: {len(labels)} rows to train on, and at least {LEAST_ROWS} are needed. {way(target)}"
        )
    if np.sort(seen)[-2] < LEAST:
        told = ", ".join(f"{n:,} {name}" for name, n in zip(target.classes, seen, strict=True))
        raise TooLittleDataError(
            f"{target.name}: of {len(labels):,} rows to train on: {told}. Two classes need at least {LEAST} rows each. {way(target)}"
        )
    if not data.names:
        raise TooLittleDataError(
            f"{target.name}: every selected feature is the same in all training rows. {way(target)}"
        )
    return tuple(int(k) for k in np.flatnonzero(seen))


def error_of(error: UserError) -> dict[str, str]:
    """Why a target has no model, as `intently train` prints it."""
    return {"code": error.code, "message": error.message}


def way(target: Target) -> str:
    """What to do about too little."""
    kinds = f" of kind {', '.join(sorted(target.kinds))}" if target.kinds else ""
    return f"Ingest more events{kinds}, or choose another horizon than {target.horizon / DAY:g} days."


def count(part: Part, target: Target) -> dict[str, int]:
    """Rows by class, in the target's order."""
    seen = np.bincount(part.labels, minlength=len(target.classes))
    return {name: int(n) for name, n in zip(target.classes, seen, strict=True)}


def remarks(spec: Spec, target: Target, trained: tuple[int, ...], data: Dataset, rate: np.ndarray) -> list[str]:
    """What a reader of the figures should know."""
    notes = []
    unseen = [target.classes[k] for k in target.reachable if k not in trained]
    if unseen:
        notes.append(f"No training row is {' or '.join(unseen)}: the probability is 0.")
    if spec.base_rate is not None and not spec.base_rate[0] <= rate[-1] <= spec.base_rate[1]:
        low, high = spec.base_rate
        notes.append(
            f"{rate[-1]:.1%} of the training rows are {target.classes[-1]}, outside {low:.0%} to {high:.0%}: another horizon than "
            f"{target.horizon / DAY:g} days may ask a better question."
        )
    if len(data.parts["test"].labels) < 1000:
        notes.append(f"Only {len(data.parts['test'].labels):,} rows to test on: the intervals are wide.")
    return notes
