"""Assigned tags: columns, one block a tag, so that nothing loops over persons until an answer is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa

from .tag import Tag

INSTANT: Final = pa.timestamp("us", tz="UTC")
SCHEMA: Final = pa.schema(
    [
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("value", pa.string(), nullable=False),
        pa.field("probability", pa.float64()),
        pa.field("source", pa.string(), nullable=False),
        pa.field("computed_at", INSTANT, nullable=False),
        pa.field("expires_at", INSTANT, nullable=False),
    ]
)
"""Assigned tags in long form."""


@dataclass(frozen=True, slots=True)
class Block:
    """One tag's r rows.

    Attributes:
        tag: Its definition.
        person: (r,) int64 places of persons, ascending.
        code: (r,) int64 places of their values in `values`.
        values: The values that occur, and perhaps others.
        source: Where it comes from: `model:<version>/<target>`, or `<kind>:<tag>@<version>` of a rule, statistical or static
            tag. All of these are the system's own; a source that begins otherwise is not.
        probability: (r,) float64 of a predicted tag: that of the value, or of the class whose bands it reads.
        probabilities: (r, c) float64 of a predicted tag.
        classes: (c,) their names.
        base: (r,) bool of a predicted tag: nothing is known of the person, or too little of the shop, and the base rate
            stands in; then `base_source` is the source.
        base_source: `base_rate:<version>/<target>`.
        reasons: (r) lists of reasons, where asked.
        accounts: (r) what every family adds to the score, where asked; None at the base rate.
        what_if: (r) lists of what would change the value, where asked; None at the base rate.
        scores: Further figures of a predicted tag by name, (r,) float64 each, NaN for null; a hazard's horizons and days.
        low: (r,) float64 lower bounds of `probability`, where known; likewise:
        high: the upper ones.
        slices_failed: (r) names of the slices of the person in which the model's probabilities are surely off; None where
            there is no such slice.
        note: Why the base rate stands in, by language, where it does so for everybody.
    """

    tag: Tag
    person: np.ndarray
    code: np.ndarray
    values: Sequence[str]
    source: str
    probability: np.ndarray | None = None
    probabilities: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    base: np.ndarray | None = None
    base_source: str = ""
    reasons: list[list[dict[str, Any]]] | None = None
    accounts: list[dict[str, Any] | None] | None = None
    what_if: list[list[dict[str, Any]] | None] | None = None
    scores: Mapping[str, np.ndarray] = field(default_factory=dict)
    note: Mapping[str, str] | None = None
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    slices_failed: list[list[str]] | None = None

    def __len__(self) -> int:
        return len(self.person)


@dataclass(frozen=True, slots=True)
class TagFrame:
    """The tags of n persons at one instant.

    Attributes:
        computed_at: The instant that they are as of, microseconds UTC; a row expires at that + its tag's `ttl`.
        blocks: One a tag, in the order of the tag set; a person without the tag has no row.
    """

    computed_at: int
    blocks: tuple[Block, ...]

    def __len__(self) -> int:
        return sum(map(len, self.blocks))

    def to_table(self, users: pa.Array) -> pa.Table:
        """All rows of `SCHEMA`, by person in the order of `users`, then by tag.

        Args:
            users: (n,) person ids.
        """
        if not self.blocks:
            return SCHEMA.empty_table()
        person = np.concatenate([block.person for block in self.blocks])
        order = np.argsort(person, kind="stable")
        sizes = [len(block) for block in self.blocks]
        which = np.repeat(np.arange(len(self.blocks)), sizes)[order]
        values = _texts([block.values for block in self.blocks], [block.code for block in self.blocks])
        ways = [[block.source, block.base_source] for block in self.blocks]
        based = [np.zeros(len(b), np.int64) if b.base is None else b.base.astype(np.int64) for b in self.blocks]
        probability = np.concatenate(
            [np.full(len(b), np.nan) if b.probability is None else b.probability for b in self.blocks]
        )[order]
        expires = self.computed_at + np.array([block.tag.ttl for block in self.blocks])
        columns = [
            users.take(pa.array(person[order])),
            pa.array([block.tag.name for block in self.blocks]).take(pa.array(which)),
            values.take(pa.array(order)),
            pa.array(probability, mask=np.isnan(probability)),
            _texts(ways, based).take(pa.array(order)),
            pa.array(np.full(len(order), self.computed_at), INSTANT),
            pa.array(expires[which], INSTANT),
        ]
        return pa.Table.from_arrays(columns, schema=SCHEMA)


def _texts(values: Sequence[Sequence[str]], codes: list[np.ndarray]) -> pa.Array:
    """The texts that codes stand for, block after block."""
    starts = np.cumsum([0, *map(len, values)])
    places = np.concatenate([code + start for code, start in zip(codes, starts, strict=False)])
    return pa.array([text for part in values for text in part], pa.string()).take(pa.array(places))
