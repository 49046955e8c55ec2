"""Whom the acts in the log concern: read once a snapshot, and nothing at all where a shop has none."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Lock

import numpy as np
import pyarrow as pa

from . import acts, flat
from .acts import SAID, Acts
from .delta import Part
from .events import ACTS
from .hashing import bucket_of
from .histories import Histories
from .people import Rules
from .runs import ranges
from .standing import Asked
from .union import concatenate
from .views import without_acts
from .workspace import Workspace

Fetch = Callable[[Sequence[str], Asked], Histories]
"""Whole histories of persons, unknown ones without events."""


class Concern:
    """The acts of one snapshot of a log, and whom they concern.

    Attributes:
        said: Rows of `SAID`.
        required: Is nothing seen of somebody who never consented?
    """

    def __init__(self, workspace: Workspace, parts: Sequence[Part], fetch: Fetch) -> None:
        facts = workspace.facts
        self.required = acts.required(workspace)
        self.said = _said(parts) if acts.codes(facts.kinds) else SAID.empty_table()
        self._kinds = facts.kinds
        self._fetch = fetch
        self._rules = Rules.of(self.said)
        self._bucket = bucket_of(self._rules.ids, facts.buckets)
        self._lock = Lock()
        self._abroad: tuple[Asked, Histories] | None = None

    @property
    def nothing(self) -> bool:
        """Is everybody seen as they are?"""
        return not self.required and not len(self.said)

    def with_linked(self, users: Sequence[str], more: pa.Table | None = None) -> list[str]:
        """The users, each once, then everyone who was ever linked with one of them.

        Args:
            users: Ids.
            more: Rows of `SAID` that the log does not have.
        """
        rules = self._rules if not more else Rules.of(acts.together([self.said, more]))
        found = dict.fromkeys(users)
        if len(rules.ids):
            known = acts.places_of(pa.array(list(found), pa.string()), rules.ids)
            groups = np.unique(rules.group[known[known >= 0]])
            members = rules.members[ranges(rules.bounds[groups], np.diff(rules.bounds)[groups])]
            found |= dict.fromkeys(rules.ids.take(pa.array(members)).to_pylist())
        return list(found)

    def of_bucket(self, bucket: int, histories: Histories, asked: Asked) -> Histories:
        """A bucket's histories, with what the acts say of its persons.

        Args:
            bucket: Which.
            histories: Of all its persons.
            asked: What was wanted of them.
        """
        rules = self._rules
        here = np.zeros(len(rules.bounds) - 1, bool)
        here[rules.group[self._bucket == bucket]] = True
        if not here.any() and not self.required:
            return histories
        asked = replace(asked, texts=asked.coded, keys=True)
        ids = np.flatnonzero(here[rules.group])
        home = rules.ids.take(pa.array(ids[self._bucket[ids] == bucket]))
        abroad = rules.ids.take(pa.array(ids[self._bucket[ids] != bucket]))
        sources = without_acts(self._fetch(home.to_pylist(), asked), self._kinds)
        if len(abroad):
            far = self._far(asked)
            sources = concatenate([sources, far.take(acts.places_of(abroad, far.users))])
        who = acts.places_of(self.said["user_id"].combine_chunks(), rules.ids)
        said = self.said.filter(pa.array(here[rules.group[who]]))
        return replace(histories, acts=Acts(said, sources, self.required))

    def _far(self, asked: Asked) -> Histories:
        """Everyone who was ever linked with somebody of another bucket."""
        with self._lock:
            if self._abroad is None or self._abroad[0] != asked:
                low, high = (np.full(len(self._rules.bounds) - 1, far) for far in (2**31, -1))
                np.minimum.at(low, self._rules.group, self._bucket)
                np.maximum.at(high, self._rules.group, self._bucket)
                ids = self._rules.ids.filter(pa.array((low < high)[self._rules.group]))
                self._abroad = asked, without_acts(self._fetch(ids.to_pylist(), asked), self._kinds)
            return self._abroad[1]


def _said(parts: Sequence[Part]) -> pa.Table:
    """The acts in files of events."""
    met = [part for part in parts if not set(flat.kinds(part)).isdisjoint(ACTS)]
    return acts.together([acts.said(flat.read(part, acts.COLUMNS, coded=True)) for part in met])
