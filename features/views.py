"""What is seen of persons because of what they said: identity and consent, as known at a cutoff.

At cutoff `t` the acts with `ts < t` and `arrived_at < t` are known; of several on one matter, the latest by (ts, key) counts.

- Two ids are linked where the latest act on the pair, by either, is `alias`; linked ids, and those linked with them, are one
  person, whose canonical id is the smallest. Its history is all their events but acts; of equal keys the first arrival counts.
- Consent is the person's: the acts of all its ids, in order. While the latest is `withdraw`, nothing is seen. Else an event is
  seen if there was consent at its `ts` (an act at the same instant counts), and so is an attribute by its `valid_from`; one that
  is valid always asks for consent at the cutoff only. Before any act the workspace's default holds.
- Who looks forward from `t` (a target) sees identity and consent as they are known at last.

An instant at which something becomes known begins an epoch of the ids that are ever linked; rows of one epoch share a view, a
history made for it, and the kernel never knows.
"""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from . import acts as acts_
from .acts import Acts, ids_of, places_of
from .consent import allowed
from .errors import InternalError
from .histories import Histories
from .people import Rules, Views, views_of
from .trim import select
from .union import concatenate, empty, joined


def resolve(
    histories: Histories, person: np.ndarray, cutoff: np.ndarray, forward: bool = False
) -> tuple[Histories, np.ndarray]:
    """The histories that rows see, where those are other than the persons' own.

    Args:
        histories: n persons' events.
        person: (r,) int64 places.
        cutoff: (r,) int64 microseconds UTC.
        forward: Do the rows look forward?

    Returns:
        Histories made for the rows, and (r,) int64 each row's place there; -1 where the person's own is seen as it is.
    """
    acts = _brought(histories)
    rules = Rules.of(acts.said)
    who = places_of(histories.users, rules.ids)[person]
    rows = np.flatnonzero(who >= 0)
    place = np.full(len(person), -1)
    views = views_of(rules, who[rows], None if forward else cutoff[rows])
    place[rows] = views.place
    seen = _seen(acts, rules, views)
    if acts.required and len(rows) < len(person):  # of the others nothing is seen
        nobody = empty(pa.array([""]), list(seen.numbers), list(seen.coded))
        place[place < 0] = len(seen)
        seen = concatenate([seen, nobody])
    return seen, place


def own(histories: Histories, person: np.ndarray, cutoff: np.ndarray) -> np.ndarray:
    """(r,) bool: has the row an answer of its own? Not where its id is one of another's by then.

    Args:
        histories: n persons' events.
        person: (r,) int64 places.
        cutoff: (r,) int64 microseconds UTC.
    """
    found = np.ones(len(person), bool)
    if histories.acts is None:
        return found
    rules = Rules.of(histories.acts.said)
    who = places_of(histories.users, rules.ids)[person]
    rows = np.flatnonzero(who >= 0)
    found[rows] = views_of(rules, who[rows], cutoff[rows]).own
    return found


def at(histories: Histories, cutoff: int) -> Histories:
    """The same persons, in order, each with the history that is seen of it at a cutoff, and nothing more to be resolved.

    Events at or after the cutoff, or that arrived then, are among them still.
    """
    if histories.acts is None:
        return histories
    n = len(histories)
    seen, place = resolve(histories, np.arange(n), np.full(n, cutoff))
    plain = replace(histories, acts=None)
    if (place < 0).all():
        return plain
    if (place < 0).any():
        seen, place = concatenate([plain, seen]), np.where(place < 0, np.arange(n), n + place)
    return replace(seen.take(place), users=histories.users)


def canonical(histories: Histories, cutoff: int) -> Histories:
    """As `at`, without the ids that are another's at the cutoff."""
    n = len(histories)
    return at(histories.take(np.flatnonzero(own(histories, np.arange(n), np.full(n, cutoff)))), cutoff)


def strict(histories: Histories) -> Histories:
    """The same, and nothing is seen at any cutoff that is not seen by what is known at last: for whoever learns from it."""
    acts = histories.acts
    if acts is None:
        return histories
    rules = Rules.of(acts.said)
    who = places_of(acts.sources.users, rules.ids)
    if (who < 0).any():
        raise InternalError("Sources of views are those whom acts concern.")
    views = views_of(rules, who, None)
    return replace(histories, acts=replace(acts, sources=allowed(acts.sources, views.place, views, acts.required)))


def _brought(histories: Histories) -> Acts:
    if histories.acts is None:
        raise InternalError("These histories have nothing to resolve.")
    return histories.acts


def _seen(acts: Acts, rules: Rules, views: Views) -> Histories:
    """The history of every view."""
    place = places_of(rules.ids, acts.sources.users)[views.member]
    if (place < 0).any():
        raise InternalError("Sources of views lack somebody whom acts concern.")
    made = joined(acts.sources.take(place), views.owner, rules.ids.take(pa.array(views.canonical)))
    return allowed(made, np.arange(len(made)), views, acts.required)


def attach(whole: Histories, n: int, kinds: tuple[str, ...], required: bool) -> Histories:
    """The first n persons, with what acts among all persons' events say of them.

    Args:
        whole: Those asked for, then all who are linked with them; with keys, and the texts of all fields, `item` among them.
        n: How many were asked for.
        kinds: The workspace's.
        required: Is nothing seen of somebody who never consented?
    """
    said = acts_.said_in(whole, kinds)
    asked = whole if n == len(whole) else whole.take(np.arange(n))
    ids = ids_of(said)
    concerned = places_of(ids, whole.users)
    if not required and not ((concerned >= 0) & (concerned < n)).any():
        return asked
    silent = empty(ids.filter(pa.array(concerned < 0)), list(whole.numbers), list(whole.coded))
    sources = concatenate([whole.take(concerned[concerned >= 0]), silent])
    return replace(asked, acts=Acts(said, without_acts(sources, kinds), required))


def without_acts(histories: Histories, kinds: tuple[str, ...]) -> Histories:
    """The same without events of the acts' kinds; with the texts of all fields."""
    return select(histories, ~np.isin(histories.kind, acts_.codes(kinds)))
