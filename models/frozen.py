"""What a tag set takes from the data, fitted once and frozen: quantile cut points, and which kinds and fields the log has.

Kept in `HOME/tags/cutpoints.json`, beside the shop's own definitions, so that batch, lookup and service read the same
numbers, and a person can see them and the instant they were fitted at.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from features.algebra import Abandoned, Elementary, Feature, Transition
from features.errors import DamagedError, FormatError, InputError
from features.events import CODED_FIELDS, NUMBER_FIELDS
from features.instants import parse_instant, to_iso
from features.traits import parts
from features.workspace import write_json

FILE: Final = "cutpoints.json"
FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Cuts:
    """A tag's cut points.

    Attributes:
        at: The cutoff of the features, microseconds UTC.
        users: Number of persons they were fitted on.
        tiers: Cut points by tier, ascending; none where nobody was there to fit them on.
        digest: Of what they rest on (`TagSet.tier_digest`).
    """

    at: int
    users: int
    tiers: dict[str, tuple[float, ...]]
    digest: str


@dataclass(frozen=True, slots=True)
class Frozen:
    """Cut points by tag, and what the log had.

    Attributes:
        cuts: By tag.
        at: When the log was looked at, microseconds UTC; None: never, so nothing is known to be lacking.
        kinds: Event kinds that the log had.
        fields: Number and coded fields that had values, each with the kinds of the events that had them.
    """

    cuts: dict[str, Cuts] = field(default_factory=dict)
    at: int | None = None
    kinds: frozenset[str] = frozenset()
    fields: dict[str, frozenset[str]] = field(default_factory=dict)

    def lacking(self, feature: Feature) -> str:
        """What the log lacks for the feature to say anything; empty where it lacks nothing."""
        if self.at is None:
            return ""
        return next((words for part in parts(feature) if (words := self._lacking(part))), "")

    def _lacking(self, part: Elementary) -> str:
        if isinstance(part, Transition | Abandoned):
            wanted = (part.before, part.after) if isinstance(part, Transition) else ("cart",)
            absent = [kind for kind in wanted if kind not in self.kinds]
            return f"the log has no event of kind {' or '.join(absent)}" if absent else ""
        kinds = set(part.kinds) & self.kinds if part.kinds else self.kinds
        if not kinds:
            return f"the log has no event of kind {' or '.join(part.kinds)}" if part.kinds else "the log is empty"
        name = getattr(part, "field", None)
        if name in {*NUMBER_FIELDS, *CODED_FIELDS} and not kinds & self.fields.get(name, frozenset()):
            return f"no {' or '.join(part.kinds) or 'event'} in the log has a {name}"
        return ""

    def to_json(self) -> dict[str, Any]:
        """Plain data; `from_json` gives the same."""
        return {
            "format": FORMAT,
            "at": None if self.at is None else to_iso(self.at),
            "kinds": sorted(self.kinds),
            "fields": {name: sorted(kinds) for name, kinds in sorted(self.fields.items())},
            "tags": {
                name: {
                    "fitted_at": to_iso(cuts.at),
                    "users": cuts.users,
                    "tiers": {tier: list(points) for tier, points in cuts.tiers.items()},
                    "digest": cuts.digest,
                }
                for name, cuts in sorted(self.cuts.items())
            },
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Frozen":
        """What such data says."""
        cuts = {}
        for name, one in data["tags"].items():
            tiers = {tier: tuple(map(float, points)) for tier, points in one["tiers"].items()}
            cuts[name] = Cuts(parse_instant(one["fitted_at"], "UTC"), one["users"], tiers, one["digest"])
        return cls(
            cuts=cuts,
            at=None if data["at"] is None else parse_instant(data["at"], "UTC"),
            kinds=frozenset(data["kinds"]),
            fields={name: frozenset(kinds) for name, kinds in data["fields"].items()},
        )

    @classmethod
    def read(cls, folder: Path) -> "Frozen":
        """What is frozen in a folder of tags; nothing where nothing is.

        Raises:
            DamagedError: The file cannot be read.
            FormatError: Another version wrote it.
        """
        path = folder / FILE
        if not path.exists():
            return cls()
        try:
            data = json.loads(path.read_text())
            if data["format"] != FORMAT:
                raise FormatError(f"{path} has format {data['format']!r}; this version reads format {FORMAT}.")
            return cls.from_json(data)
        except (ValueError, KeyError, TypeError, AttributeError, InputError) as error:
            raise DamagedError(
                f"{path} cannot be read ({error}). Remove it: the cut points are then fitted anew."
            ) from error

    def write(self, folder: Path) -> None:
        """Freeze it in a folder of tags, atomically."""
        write_json(folder / FILE, self.to_json())
