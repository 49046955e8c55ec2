"""How far a model's answers can be trusted, kept beside it: intervals, and the slices in which its probabilities are off."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from features.matrix import Matrix

from .interval import Interval, kind_of
from .slices import Slice, members
from .tagframe import Block, TagFrame


@dataclass(frozen=True, eq=False)
class Reliability:
    """What was found on one target's held-out rows.

    Attributes:
        slices: Those that make kinds of persons, and those that failed.
        failed: Names of slices whose calibration error is surely beyond the tolerance.
        interval: Of its probabilities.
    """

    slices: tuple[Slice, ...]
    failed: tuple[str, ...]
    interval: Interval

    def named(self, names: tuple[str, ...]) -> tuple[Slice, ...]:
        """The slices of these names that there are, in this order."""
        found = {one.name: one for one in self.slices}
        return tuple(found[name] for name in names if name in found)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        slices = [one.to_json() for one in self.slices]
        return {"slices": slices, "failed": list(self.failed), "interval": self.interval.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Reliability":
        """The same from such data."""
        slices = tuple(Slice.from_json(one) for one in data["slices"])
        return cls(slices, tuple(data["failed"]), Interval.from_json(data["interval"]))


def relied(
    frame: TagFrame,
    targets: Mapping[str, str],
    found: Mapping[str, Reliability],
    matrix: Matrix,
) -> TagFrame:
    """The tags with intervals and failing slices, where they are known of their target.

    Args:
        frame: Assigned tags.
        targets: Predicted tag to its target.
        found: By target.
        matrix: (n) rows, one a person, with the slices' features.
    """
    kinds: dict[tuple[Slice, ...], np.ndarray] = {}
    blocks = []
    for block in frame.blocks:
        target = targets.get(block.tag.name)
        if target is not None and target in found:
            said = found[target]
            telling = said.named(said.interval.kinds)
            if telling not in kinds:
                kinds[telling] = kind_of(members(telling, matrix))
            made = _bounded(block, said.interval, kinds[telling][block.person])
            blocks.append(_failing(made, said, matrix) if said.failed else made)
        else:
            blocks.append(block)
    return TagFrame(frame.computed_at, tuple(blocks))


def _bounded(block: Block, interval: Interval, kind: np.ndarray) -> Block:
    """The block with the bounds of its probability; as it is where some read-out has none."""
    reading = block.tag.reading
    if reading is None or block.probability is None or block.base is None:
        return block
    shown = list(block.values) if reading.read == "most_probable" else [reading.label or ""] * len(block.values)
    names = {shown[code] for code in np.unique(block.code).tolist()}
    base = interval.base
    if not names <= base.keys():
        return block
    low, high = block.probability.copy(), block.probability.copy()
    which = np.array(shown, object)[block.code] if len(block) else np.empty(0, object)
    for name in names:
        rows = which == name
        low[rows], high[rows] = interval.around(name, kind[rows], block.probability[rows])
        at_base = rows & block.base
        low[at_base] = np.minimum(base[name][0], block.probability[at_base])
        high[at_base] = np.maximum(base[name][1], block.probability[at_base])
    return replace(block, low=low, high=high)


def _failing(block: Block, said: Reliability, matrix: Matrix) -> Block:
    """The block with the names of the failing slices that each person is in; `all` is everybody's."""
    inside = members(said.named(said.failed), matrix)[block.person]
    names = [one.name for one in said.named(said.failed)]
    always = [name for name in said.failed if name not in names]
    known = np.ones(len(block), bool) if block.base is None else ~block.base
    slices = [
        [*always, *(name for name, there in zip(names, row, strict=True) if there)] if sure else []
        for row, sure in zip(inside.tolist(), known.tolist(), strict=True)
    ]
    return replace(block, slices_failed=slices)
