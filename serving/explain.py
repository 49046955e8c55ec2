"""Why predicted tags have their values, and what would change them; of the persons of whom something is known."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from features.matrix import Matrix
from models.assign import predicted, prediction
from models.bundle import Bundle
from models.changes import what_if
from models.levers import levers
from models.reasons import explain
from models.tagframe import Block, TagFrame


def explained(bundle: Bundle, targets: Mapping[str, str], matrix: Matrix, frame: TagFrame) -> TagFrame:
    """The tags with their reasons, and what every family adds.

    Args:
        bundle: The models.
        targets: Predicted tag to target.
        matrix: What they were predicted from.
        frame: Without.
    """
    return replace(frame, blocks=tuple(_explained(bundle, targets, matrix, block) for block in frame.blocks))


def changeable(bundle: Bundle, targets: Mapping[str, str], matrix: Matrix, frame: TagFrame) -> TagFrame:
    """The tags with what would change them, by `models.counterfactual`; the arguments are those of `explained`."""
    return replace(frame, blocks=tuple(_changeable(bundle, targets, matrix, block) for block in frame.blocks))


def labels(bundle: Bundle, targets: Mapping[str, str], block: Block) -> np.ndarray:
    """(r,) place, in the model's read-outs, of what is explained: the class that a row has, or the one whose bands it reads."""
    reading = block.tag.reading
    if reading is not None and reading.read == "stands_out" and block.probabilities is not None:
        best: np.ndarray = np.argmax(block.probabilities[:, :-1], axis=1)  # of whom nothing stands out
        return np.where(block.code < block.probabilities.shape[1] - 1, block.code, best)
    if reading is None or reading.label is None:
        return block.code
    return np.full(len(block), list(bundle.models[targets[block.tag.name]].target.readouts).index(reading.label))


def _explained(bundle: Bundle, targets: Mapping[str, str], matrix: Matrix, block: Block) -> Block:
    if block.base is None:
        return block
    rows = np.flatnonzero(~block.base)
    label = labels(bundle, targets, block)[rows]
    model = bundle.models[targets[block.tag.name]]
    words = iter(explain(model, bundle.catalogue, matrix, block.person[rows], label, bundle.facts.currency))
    told = [None if at_base else next(words) for at_base in block.base.tolist()]
    return replace(
        block,
        reasons=[[] if one is None else one.reasons for one in told],
        accounts=[None if one is None else one.account for one in told],
    )


def _changeable(bundle: Bundle, targets: Mapping[str, str], matrix: Matrix, block: Block) -> Block:
    reading = block.tag.reading
    if reading is None or block.base is None or reading.read == "stands_out":
        return block
    model, tag, pulled = bundle.models[targets[block.tag.name]], block.tag, levers(bundle.catalogue)

    def judge(rows: Matrix) -> Block:
        said = prediction(model, model.predict(rows), bundle.version)
        return predicted(tag, reading, said, np.ones(len(rows), bool))

    found: list[list[dict[str, Any]] | None] = []
    for person, at_base in zip(block.person, block.base, strict=True):
        row = matrix.take(np.array([person]))
        found.append(None if at_base else what_if(model, bundle.catalogue, pulled, row, judge, bundle.facts.currency))
    return replace(block, what_if=found)
