"""Who is one person with whom, and whose acts on consent count for whom, at any number of cutoffs.

An instant at which something becomes known begins an epoch of the ids that are ever linked; rows of one epoch share a view.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from .acts import ALIAS, CONSENT, ids_of, linked, places_of
from .runs import bounds_of, first_from, ranges


@dataclass(frozen=True, slots=True)
class Rules:
    """The acts on k ids, those who are ever linked in one group.

    Attributes:
        ids: (k,) sorted; an id's place is its number below.
        group: (k,) int64.
        members: (k,) int64 ids, group by group, ascending within one.
        bounds: Where each group's members begin.
        local: (k,) int64 place of an id among its group's members.
        what, who, other, ts, key_hi, key_lo: (a,) the acts, by group, then by when they became known; `other` is -1 for none.
        instants: (a,) int64 when they became known.
        act_bounds: Where each group's acts begin.
    """

    ids: pa.Array
    group: np.ndarray
    members: np.ndarray
    bounds: np.ndarray
    local: np.ndarray
    what: np.ndarray
    who: np.ndarray
    other: np.ndarray
    ts: np.ndarray
    key_hi: np.ndarray
    key_lo: np.ndarray
    instants: np.ndarray
    act_bounds: np.ndarray

    @classmethod
    def of(cls, said: pa.Table) -> "Rules":
        """The rules that rows of `SAID` make."""
        ids = ids_of(said)
        who, other = (places_of(said[name].combine_chunks(), ids) for name in ("user_id", "other"))
        pairs = other >= 0
        group = np.unique(linked(len(ids), who[pairs], other[pairs]), return_inverse=True)[1]
        n = int(group.max()) + 1 if len(group) else 0
        members, bounds = np.argsort(group, kind="stable"), bounds_of(np.bincount(group, minlength=n))
        local = np.empty(len(ids), np.int64)
        local[members] = np.arange(len(ids)) - bounds[group[members]]
        known = said["known"].to_numpy()
        order = np.lexsort((known, group[who]))
        what, ts, hi, lo = (said[name].to_numpy()[order] for name in ("what", "ts", "key_hi", "key_lo"))
        counts = np.bincount(group[who], minlength=n)
        who, other = who[order], other[order]
        return cls(ids, group, members, bounds, local, what, who, other, ts, hi, lo, known[order], bounds_of(counts))


@dataclass(frozen=True, slots=True)
class Views:
    """Persons as some rows see them.

    Attributes:
        place: (r,) int64 each row's view, 0 to v.
        own: (r,) bool: is the row's id the canonical one of its person?
        canonical: (v,) int64 canonical id of every view.
        member: (p,) int64 an id of a view's person, and
        owner: (p,) int64 that view.
        said_by: (c,) int64 view of every act on consent, in order of view, ts, key;
        said_at: (c,) int64 its `ts`;
        allowed: (c,) bool: is it `consent`?
    """

    place: np.ndarray
    own: np.ndarray
    canonical: np.ndarray
    member: np.ndarray
    owner: np.ndarray
    said_by: np.ndarray
    said_at: np.ndarray
    allowed: np.ndarray


def views_of(rules: Rules, who: np.ndarray, cutoff: np.ndarray | None) -> Views:
    """The views that rows need.

    Args:
        rules: The acts.
        who: (r,) int64 ids.
        cutoff: (r,) int64 microseconds UTC; None for what is known at last.
    """
    groups, n_acts = rules.group[who], len(rules.what)
    known = np.diff(rules.act_bounds)[groups] if cutoff is None else _known(rules, groups, cutoff)
    scenes, scene = np.unique(groups * (n_acts + 1) + known, return_inverse=True)
    group, n_known = scenes // (n_acts + 1), scenes % (n_acts + 1)
    sizes = np.diff(rules.bounds)[group]
    start = bounds_of(sizes)[:-1]  # a scene has a node for each id of its group
    node_id = rules.members[ranges(rules.bounds[group], sizes)]
    act, at = ranges(rules.act_bounds[group], n_known), np.repeat(np.arange(len(scenes)), n_known)
    node = start[at] + rules.local[rules.who[act]]
    label = _people(rules, len(node_id), act, node, start[at])
    own_node = start[scene] + rules.local[who]
    asked, place = np.unique(label[own_node], return_inverse=True)
    view = np.full(len(node_id), -1)
    view[asked] = np.arange(len(asked))
    view = view[label]
    chosen = np.flatnonzero(view >= 0)
    consents = np.flatnonzero((rules.what[act] < ALIAS) & (view[node] >= 0))
    by, act = view[node[consents]], act[consents]
    order = np.lexsort((rules.key_lo[act], rules.key_hi[act], rules.ts[act], by))
    by, act = by[order], act[order]
    return Views(
        place,
        label[own_node] == own_node,
        node_id[asked],
        node_id[chosen],
        view[chosen],
        by,
        rules.ts[act],
        rules.what[act] == CONSENT,
    )


def _known(rules: Rules, groups: np.ndarray, cutoff: np.ndarray) -> np.ndarray:
    """(r,) int64 number of acts of a group that are known before a cutoff."""
    start, stop = rules.act_bounds[groups], rules.act_bounds[groups + 1]
    known: np.ndarray = first_from(rules.instants, start, stop, cutoff) - start
    return known


def _people(rules: Rules, n: int, act: np.ndarray, node: np.ndarray, start: np.ndarray) -> np.ndarray:
    """(n,) int64 smallest node of each node's person.

    Args:
        rules: The acts.
        n: Number of nodes.
        act: (e,) int64 known acts, scene by scene.
        node: (e,) int64 who acted.
        start: (e,) int64 first node of the scene.
    """
    rows = np.flatnonzero(rules.other[act] >= 0)
    act, one = act[rows], node[rows]
    two = start[rows] + rules.local[rules.other[act]]
    low, high = np.minimum(one, two), np.maximum(one, two)
    order = np.lexsort((rules.key_lo[act], rules.key_hi[act], rules.ts[act], high, low))
    low, high, act = low[order], high[order], act[order]
    latest = np.append((low[1:] != low[:-1]) | (high[1:] != high[:-1]), True)[: len(low)]
    joint = latest & (rules.what[act] == ALIAS)
    return linked(n, low[joint], high[joint])
