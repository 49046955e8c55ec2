"""The recipe of the next category: of the first purchase within the horizon, which category has its first line?

Candidates are the commonest categories of the training labels, and `other` for all the rest; the label of somebody who buys
nothing, or nothing with a category, is that there is none, and such rows neither teach nor test: the answer is "given that the
person buys".
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
import orjson
import pyarrow as pa

from features.algebra import Age, Feature, Touches
from features.matrix import Matrix

from .recipe import Plain, Rule, Ruled, left_of

OTHER: Final = "other"
"""The class of every category that is no candidate, and of one that has that name."""

BROWSE: Final = ("view", "click", "open")
WANT: Final = ("cart", "favorite")
GROUPS: Final = ("browse", "want", "buy")
"""What a person does with a category: looks, thinks of buying, buys (whatever kinds the target foresees)."""

WINDOWS: Final = (7, 30, 90, 400)
"""Days back in which touches are counted; the last is as far as a history is kept."""

SHOWN: Final = 3
"""Categories among the score columns."""


@dataclass(frozen=True, slots=True)
class Interest(Ruled, Plain):
    """The category of the first event of `kinds` at or after the cutoff.

    Attributes:
        kinds: Any of them; those that a log lacks fall away.
        most: Candidates at most, `other` not counted.
        candidates: The categories, the commonest first; training finds them.
    """

    kinds: tuple[str, ...]
    most: int = 30
    candidates: tuple[str, ...] = ()

    kind: ClassVar[str] = "interest"

    @property
    def cohort(self) -> Feature:
        """The age of the latest event seen: above 0, NaN without one in RETENTION."""
        return Age(())

    @property
    def named(self) -> frozenset[str]:
        """The kinds."""
        return frozenset(self.kinds)

    @property
    def classes(self) -> tuple[str, ...]:
        """The candidates, then `other`."""
        return (*self.candidates, OTHER)

    @property
    def otherwise(self) -> int:
        """Other."""
        return len(self.candidates)

    def rules(self, name: str) -> tuple[Rule, ...]:  # noqa: ARG002 - a recipe's
        """None: the class is a text of the answer."""
        return ()

    @property
    def touches(self) -> Touches:
        """What is asked of the past, a category at a time."""
        browse, want = (tuple(kind for kind in group if kind not in self.kinds) for group in (BROWSE, WANT))
        return Touches("category", (browse, want, self.kinds), WINDOWS)

    def background(self, column: str) -> dict[str, Feature]:
        """The touches, beside the cohort's column."""
        return {touched(column): self.touches}

    def questions(self, name: str, horizon: int) -> dict[str, Feature]:
        """The categories of the events to come, in order."""
        return {f"{name}:next": Touches("category", (self.kinds,), (), ahead=horizon)}

    def labels(self, name: str, horizon: int, answers: Matrix, known: Matrix | None) -> np.ndarray:  # noqa: ARG002 - a recipe's
        """(r,) int64 class of the first category to come, -1 for none; of lines at one instant the first by event key counts."""
        return np.array([row[0] if row else -1 for row in self.places(coming(answers.texts[f"{name}:next"]))], np.int64)

    def places(self, rows: list[list[str]]) -> list[list[int]]:
        """The classes of lists of categories, each once, in order."""
        place = {text: k for k, text in enumerate(self.candidates)}
        return [list(dict.fromkeys(place.get(text, self.otherwise) for text in row)) for row in rows]

    def reachable(self, name: str) -> tuple[int, ...]:  # noqa: ARG002 - a recipe's
        """All."""
        return tuple(range(len(self.classes)))

    def columns(self, name: str) -> tuple[str, ...]:  # noqa: ARG002 - they name what they are
        """`category_1`, `p_category_1`, … of the `SHOWN` most probable."""
        return tuple(f"{head}category_{n + 1}" for n in range(SHOWN) for head in ("", "p_"))

    def worded(self, name: str) -> tuple[str, ...]:
        """The categories."""
        return self.columns(name)[::2]

    def scores(self, p: np.ndarray) -> list[np.ndarray]:
        """Per column texts (objects, None) or float64 (NaN): the most probable by name, the commoner first where they tie."""
        order = np.argsort(-p[:, : len(self.candidates)], axis=1, kind="stable")
        inside = ~np.isnan(p[:, 0])
        names = np.array([*self.candidates, None], object)
        found = []
        for n in range(SHOWN):
            there = inside if n < len(self.candidates) else np.zeros(len(p), bool)
            place = order[:, min(n, len(self.candidates) - 1)]
            found += [
                names[np.where(there, place, len(names) - 1)],
                np.where(there, p[np.arange(len(p)), place], np.nan),
            ]
        return found

    def without(self, name: str, absent: Collection[str]) -> tuple["Interest", list[str]]:
        """See `Recipe`."""
        kinds = left_of(self.kinds, absent, name, "there is no next category to foresee")
        return Interest(kinds, self.most, self.candidates), []


def touched(column: str) -> str:
    """The column of the touches beside that of the cohort."""
    return f"{column}:touched"


def coming(texts: pa.Array) -> list[list[str]]:
    """The categories of answers about the time to come, in order."""
    return [[item[0] for item in orjson.loads(text)] for text in texts.to_pylist()]
