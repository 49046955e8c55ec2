"""Questions that the kernel does not answer: to tables of attributes, to a shop's own Python functions, and by category."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Attribute:
    """What a table of attributes says of the person at the cutoff.

    Of the rows with `valid_from <= t` (null: always), the latest that gives the field. A number is NaN for nothing and for what
    is no number; a text is null for nothing.
    """

    field: str
    table: str = "users"
    type: Literal["number", "text"] = "number"


@dataclass(frozen=True, slots=True)
class Function:
    """The number that a Python function of the workspace gives for a history as it is seen; NaN where it gives None.

    `digest` is the SHA-256 of the function's source file, `reads` are the fields that it is given beside ts and kind.
    """

    name: str
    digest: str
    reads: tuple[str, ...] = ()


Outside = Attribute | Function
"""They stand alone, never in a Ratio."""


@dataclass(frozen=True, slots=True)
class Touches:
    """What a person did with each value of a coded field, as a text that `touches.py` writes and reads.

    No question of a catalogue: a recipe asks it, for a model that compares the values with each other.

    Attributes:
        field: The coded field, such as `category`.
        groups: Kinds that count alike, group by group; a kind is in one at most.
        windows: Days back that are counted within, group by group.
        ahead: Microseconds; above 0 the question looks at `[t, t + ahead)` instead.
    """

    field: str
    groups: tuple[tuple[str, ...], ...]
    windows: tuple[int, ...]
    ahead: int = 0

    @property
    def width(self) -> int:
        """Numbers behind each value."""
        return len(self.groups) * (len(self.windows) + 2)
