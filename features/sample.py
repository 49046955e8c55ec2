"""What `features check` asks: some users of the log, cutoffs about their own instants, and what may not change their answers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from . import attributes, dated
from .dated import Dated
from .events import CODED_FIELDS, DAY, NULL, NUMBER_FIELDS, SECOND, SESSION_GAP
from .histories import Histories, from_events
from .log import EventLog
from .runs import owners
from .schema import EVENTS
from .trim import select
from .union import union

MOST_EVENTS: Final = 20_000
"""A user with more is left out: every row gets a history of its own."""
AHEAD: Final = (0, 1, SECOND, SESSION_GAP, 3 * DAY, 40 * DAY)
BEHIND: Final = (1, SECOND, SESSION_GAP - 1, SESSION_GAP, DAY, 20 * DAY)


@dataclass(frozen=True, slots=True)
class Sample:
    """r rows of n persons.

    Attributes:
        histories: Whole, with all fields, keys and texts, and the tables of attributes asked for; identity and consent left aside.
        person: (r,) int64 places.
        cutoff: (r,) int64 microseconds UTC.
        kinds: The workspace's.
    """

    histories: Histories
    person: np.ndarray
    cutoff: np.ndarray
    kinds: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.person)


def draw(log: EventLog, tables: Sequence[str], n_users: int, retention: int, rng: np.random.Generator) -> Sample:
    """Random users, those with most and fewest events and one without events among them, at random and adversarial cutoffs.

    Args:
        log: With events.
        tables: Of attributes.
        n_users: How many, about.
        retention: RETENTION in microseconds.
        rng: Draws.
    """
    found: list[tuple[str, int]] = []
    silent: list[str] = []
    for bucket in rng.permutation(log.buckets()).tolist():
        read = log.read(bucket, (), ())
        found += zip(read.users.to_pylist(), np.diff(read.offsets).tolist(), strict=True)
        known = attributes.user_ids(log.workspace, bucket)
        silent += [
            user for ids in known for user in ids.filter(pc.invert(pc.is_in(ids, value_set=read.users))).to_pylist()
        ]
        if len(found) >= 10 * n_users:
            break
    found = sorted((pair for pair in found if pair[1] <= MOST_EVENTS), key=lambda pair: (pair[1], pair[0]))
    ends = {0, len(found) - 1} if found else set()
    chosen = sorted({*rng.choice(len(found), min(n_users, len(found)), replace=False).tolist(), *ends})
    users = [*(found[place][0] for place in chosen), *silent[:1]]
    histories = log.informed(replace(log.read_users(users), acts=None), tables)
    rows = [_cutoffs(histories, u, retention, rng) for u in range(len(histories))]
    person = np.repeat(np.arange(len(rows), dtype=np.int64), [len(cutoffs) for cutoffs in rows])
    return Sample(histories, person, np.concatenate(rows).astype(np.int64), log.workspace.facts.kinds)


def _cutoffs(histories: Histories, u: int, retention: int, rng: np.random.Generator) -> np.ndarray:
    """Random instants of a person's time, and the instants at which something changes, each ± 1 µs."""
    start, stop = int(histories.offsets[u]), int(histories.offsets[u + 1])
    ts = histories.ts[start:stop]
    first, last = (int(ts[0]), int(ts[-1])) if len(ts) else (20_000 * DAY, 20_100 * DAY)
    edges = [*rng.choice(ts, min(3, len(ts)), replace=False).tolist(), first, last]
    edges += [edges[0] + SESSION_GAP, edges[0] + retention, edges[0] + 30 * DAY]
    if histories.arrived is not None and len(ts):
        arrived = histories.arrived[start:stop]
        edges += arrived[arrived > ts][:2].tolist()
    for known in (histories.attributes or {}).values():
        since = known.valid_from[known.offsets[u] : known.offsets[u + 1]]
        edges += since[since != NULL][:2].tolist()
    about = np.array(edges, np.int64)[:, None] + np.array([-1, 0, 1])
    return np.unique(np.concatenate([rng.integers(first - DAY, last + 30 * DAY, 3), about.ravel()]))


def apart(sample: Sample) -> Histories:
    """A history for every row, named by the row's number."""
    histories = sample.histories.take(sample.person)
    return replace(histories, users=pa.array([str(row) for row in range(len(sample))], pa.string()))


def with_more(sample: Sample, rng: np.random.Generator) -> Histories:
    """Every row's history with events after its cutoff, events before it that arrive after it, and attributes valid after it.

    What is added is like what is there: events of the person's own, or another's, at other times.
    """
    whole, n = sample.histories, len(sample)
    row = np.repeat(np.arange(n), 8)
    at = sample.cutoff[row]
    ahead = np.tile(np.arange(8) < 5, n)
    ts = np.where(ahead, at + rng.choice(AHEAD, 8 * n), at - rng.choice(BEHIND, 8 * n))
    arrived = np.where(ahead, ts + rng.choice((0, DAY), 8 * n), at + rng.choice((0, 1, DAY), 8 * n))
    like = _like(whole, sample.person[row], rng)
    more = from_events(_flat(whole, like, row, ts, arrived, sample.kinds, rng), sample.kinds)
    joined = union([apart(sample), more])
    return replace(joined, attributes=_later(whole, sample, rng))


def without_future(sample: Sample) -> Histories:
    """Every row's history without what is not seen at its cutoff."""
    histories = apart(sample)
    at = np.repeat(sample.cutoff, np.diff(histories.offsets))
    kept = histories.ts < at
    if histories.arrived is not None:
        kept &= histories.arrived < at
    known = {}
    for table, rows in (histories.attributes or {}).items():
        valid = rows.valid_from <= np.repeat(sample.cutoff, np.diff(rows.offsets))
        owner = owners(rows.offsets)
        known[table] = dated.of(len(rows), owner[valid], rows.valid_from[valid], rows.texts.filter(pa.array(valid)))
    return replace(select(histories, kept), attributes=known)


def _like(whole: Histories, person: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(a,) places of events: mostly the person's own."""
    sizes = np.diff(whole.offsets)[person]
    own = whole.offsets[person] + rng.integers(0, np.maximum(sizes, 1))
    other = rng.integers(0, whole.n_events, len(person))
    place: np.ndarray = np.where((sizes == 0) | (rng.random(len(person)) < 0.3), other, own)
    return place


def _flat(
    whole: Histories,
    like: np.ndarray,
    row: np.ndarray,
    ts: np.ndarray,
    arrived: np.ndarray,
    kinds: tuple[str, ...],
    rng: np.random.Generator,
) -> pa.Table:
    """Events of the rows, at other times, with the content of the events `like`."""
    n, owner = len(like), np.searchsorted(whole.offsets, like, side="right") - 1
    columns = {
        "bucket": np.zeros(n, np.int32),
        "user_id": pa.array([str(place) for place in row.tolist()], pa.string()),
        "ts": ts,
        "arrived_at": arrived,
        "kind": pa.array([kinds[kind] for kind in whole.kind[like].tolist()]),
        "event_id": pa.array([""] * n),
        "source": pa.array([""] * n),
        "key_hi": rng.integers(-(2**63), 2**63 - 1, n),
        "key_lo": rng.integers(-(2**63), 2**63 - 1, n),
    }
    for name in NUMBER_FIELDS:
        values = whole.numbers[name][like]
        columns[name] = pa.array(values, mask=values == NULL)
    for name in CODED_FIELDS:
        field = whole.coded[name]
        places = field.places(owner, field.codes[like])
        columns[name] = field.values.take(pa.array(places, mask=places < 0))
    absent = {name: pa.nulls(n, EVENTS.field(name).type) for name in EVENTS.names if name not in columns}
    return pa.table([(columns | absent)[name] for name in EVENTS.names], schema=EVENTS)


def _later(whole: Histories, sample: Sample, rng: np.random.Generator) -> dict[str, Dated] | None:
    """What is known of every row's person, with a row of somebody's that is valid from after the cutoff on."""
    if whole.attributes is None:
        return None
    found = {}
    for table, known in whole.attributes.items():
        rows, n = known.take(sample.person), len(sample)
        if len(known.valid_from):
            owner = np.concatenate([owners(rows.offsets), np.arange(n)])
            since = np.concatenate([rows.valid_from, sample.cutoff + rng.choice((1, DAY), n)])
            texts = known.texts.take(pa.array(rng.integers(0, len(known.valid_from), n)))
            rows = dated.of(n, owner, since, pa.concat_arrays([rows.texts, texts]))
        found[table] = rows
    return found
