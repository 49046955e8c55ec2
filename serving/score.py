"""From events to tags: one pure function. The service, the lookup and the batch job all end here."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import lru_cache

import numpy as np
import pyarrow as pa

from features import views
from features.errors import InputError, did_you_mean
from features.histories import Histories
from features.matrix import Matrix
from models.assign import assign, prediction
from models.bundle import Bundle
from models.reliability import relied
from models.tag import Reading
from models.tagframe import TagFrame
from models.tags import TagSet

from .explain import changeable, explained


@dataclass(frozen=True, slots=True)
class Scored:
    """n persons at one instant.

    Attributes:
        now: Microseconds UTC.
        users: (n,) person ids.
        known: (n,) bool: is any event of the person seen at `now`?
        matrix: (n) rows of features.
        probabilities: Target to (n, c) float64, NaN outside its cohort.
        tags: Assigned tags.
        version: Of the bundle.
        tag_set: Digest of the tag set.
        unassigned: Live tags that nobody gets, with the reason.
    """

    now: int
    users: pa.Array
    known: np.ndarray
    matrix: Matrix
    probabilities: dict[str, np.ndarray]
    tags: TagFrame
    version: str
    tag_set: str
    unassigned: dict[str, str]


def score(
    bundle: Bundle,
    tags: TagSet,
    histories: Histories,
    now: int,
    *,
    explain: bool = False,
    what_if: bool = False,
    only: Collection[str] | None = None,
) -> Scored:
    """Probabilities and tags of every person in `histories`, as they stand at `now`.

    A person's answer is the same to the bit in any company, and for a history cut to RETENTION and a carry as for the whole.
    What identity and consent, as known at `now`, do not let be seen is not there.

    Args:
        bundle: The models.
        tags: What is assigned from them.
        histories: n persons' events.
        now: Microseconds UTC; events at or after it, or that arrived then, are not seen.
        explain: Give the predicted tags' reasons.
        what_if: Give what would change them: a search for each person, so for few.
        only: Tags wanted; then only the targets that they need are predicted. None for all.

    Raises:
        InputError: `only` names a tag that is not in the set.
    """
    for name in only or ():
        if name not in tags.names:
            raise InputError(f"Unknown tag {name!r}. {did_you_mean(name, tags.names)}")
    paired, targets = pair(bundle, tags)
    histories = views.at(histories, now)
    matrix = bundle.answers(histories, now)
    known = seen(histories, now)
    wanted = set(paired.plans) if only is None else paired.closure(only)
    needed = set(bundle.models) if only is None else {targets[name] for name in wanted if name in targets}
    probabilities = {name: model.predict(matrix) for name, model in bundle.models.items() if name in needed}
    predictions = {
        tag: prediction(bundle.models[target], probabilities[target], bundle.version)
        for tag, target in targets.items()
        if target in probabilities
    }
    frame = assign(paired, matrix, predictions, known, now, bundle.facts.timezone, only)
    frame = relied(frame, targets, bundle.reliability, matrix)
    if explain:
        frame = explained(bundle, targets, matrix, frame)
    if what_if:
        frame = changeable(bundle, targets, matrix, frame)
    return Scored(
        now, histories.users, known, matrix, probabilities, frame, bundle.version, tags.digest, paired.unassigned
    )


def seen(histories: Histories, now: int) -> np.ndarray:
    """(n,) bool: has the person an event before `now` that had arrived before `now`, however long ago?"""
    there = histories.ts < now
    if histories.arrived is not None:
        there &= histories.arrived < now
    before = np.concatenate([[0], np.cumsum(there)])
    some: np.ndarray = np.diff(before[histories.offsets]) > 0
    return some if histories.carry is None else some | (np.diff(histories.carry.offsets) > 0)


@lru_cache(maxsize=2)
def pair(bundle: Bundle, tags: TagSet) -> tuple[TagSet, dict[str, str]]:
    """What a tag set can assign with a bundle.

    Returns:
        The tag set, with the tags that this bundle cannot serve among the unassigned; and predicted tag to target.
    """
    unassigned = dict(tags.unassigned)
    targets: dict[str, str] = {}
    for name, plan in tags.plans.items():
        reading = tags.tags[name].reading
        reason = ""
        for feature in plan.features:
            entry = bundle.catalogue.entries.get(feature)
            if entry is None or entry.feature != tags.features[feature]:
                reason = f"it reads {feature}, which model {bundle.version} knows {'otherwise' if entry else 'nothing of'}: train again"
        for other in plan.tags:
            if other in unassigned:
                reason = f"it reads the tag {other}, which is unassigned: {unassigned[other]}"
        if reading is not None:
            target = _target(bundle, reading)
            classes = bundle.models[target].target.classes if target else ()
            lacking = [
                label for label in classes if reading.read == "most_probable" and label not in tags.tags[name].places()
            ]
            if target is None:
                reason = f"model {bundle.version} has no target {' or '.join(reading.targets)}"
            elif (reading.label is not None and reading.label not in bundle.models[target].target.readouts) or lacking:
                reason = f"the classes of {target} ({', '.join(classes)}) are not those it reads"
            else:
                targets[name] = target
        if reason:
            unassigned.setdefault(name, reason)
    return replace(tags, unassigned=unassigned), {
        name: target for name, target in targets.items() if name not in unassigned
    }


def _target(bundle: Bundle, reading: Reading) -> str | None:
    """The first target that the reading prefers."""
    found = (name for pattern in reading.targets for name in bundle.models if fnmatchcase(name, pattern))
    return next(found, None)
