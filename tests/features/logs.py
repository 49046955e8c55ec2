"""Invented events, and a reader of them that shares no code with ours: plain Python, and mmh3 for the keys."""

import json
from pathlib import Path

import mmh3
import numpy as np
import pyarrow as pa
from hypothesis import settings
from hypothesis import strategies as st

from features.compact import cover
from features.events import CODED_FIELDS, KINDS, NULL, NUMBER_FIELDS
from features.log import EventLog
from features.workspace import Facts, Workspace

GIVEN = pa.schema(
    [
        ("user_id", pa.string()), ("ts", pa.int64()), ("arrived_at", pa.int64()), ("kind", pa.string()),
        *((name, pa.string()) for name in CODED_FIELDS), *((name, pa.int64()) for name in NUMBER_FIELDS),
        ("text", pa.string()), ("properties", pa.string()), ("event_id", pa.string()), ("source", pa.string()),
    ]
)  # fmt: skip
"""What an append is given: EVENTS without bucket and key."""

some = settings(deadline=None, max_examples=60)
"""Of the property tests: the first example may compile, and the machine may be busy."""
few = settings(deadline=None, max_examples=20)
"""Of those that write tables."""

_texts = st.one_of(st.none(), st.sampled_from(["a", "b", "鞋", "", "a/b", "é" * 9]))
_numbers = st.one_of(st.none(), st.integers(-5, 5), st.sampled_from([NULL + 1, 2**63 - 1]))
rows = st.fixed_dictionaries(
    {
        "user_id": st.sampled_from(["u1", "u2", "u3", "用户", "x" * 40]),
        "ts": st.integers(0, 6),
        "arrived_at": st.one_of(st.none(), st.integers(0, 9)),
        "kind": st.sampled_from(["view", "cart", "purchase"]),
        "event_id": st.sampled_from([f"e{i}" for i in range(25)]),
        "source": st.sampled_from(["", "till"]),
        "text": st.just(None),
        "properties": st.just(None),
        **dict.fromkeys(CODED_FIELDS, _texts),
        **dict.fromkeys(NUMBER_FIELDS, _numbers),
    }
)
"""One event; few users, instants and ids, so that ties, repetitions and conflicts are common."""
tables = st.lists(rows, max_size=25).map(lambda found: pa.Table.from_pylist(found, schema=GIVEN))
LOYALTY = """
[[feature]]
name = "loyalty_{field}"
family = "loyalty"
unit = "points"
en = "{field} of the loyalty card"
zh = "会员卡{field}"
each.field = [{ name = "points", type = "number" }, { name = "tier", type = "text" }]
ask = "attribute"
table = "loyalty"
field = "{field}"
type = "{type}"
"""
"""Features of a table of attributes of a shop's own."""


def invent(n, *, seed=0, users=40, start=0, first=0):
    """n events of a few users, ids `e<start>` on, in the order of time."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(["view", "view", "view", "cart", "purchase"], n)
    item = rng.integers(0, 30, n)
    return pa.table(
        {
            "user_id": [f"u{i}" for i in rng.integers(0, users, n)],
            "ts": np.sort(rng.integers(first, first + 10**9, n)),
            "kind": kind,
            "item": [None if i % 7 == 0 else f"i{i}" for i in item],
            "category": [f"c{i % 5}" for i in item],
            "value": pa.array(
                [int(i) + 1 if k == "purchase" else None for i, k in zip(item, kind, strict=True)], pa.int64()
            ),
            "event_id": [f"e{start + i}" for i in range(n)],
            "source": [""] * n,
        }
    )


def key_of(source, event_id):
    """The event key by the reference implementation, as two signed halves."""
    return mmh3.hash64(f"{source}\0{event_id}".encode())


def with_keys(table):
    """The table with all columns of GIVEN, and key_hi and key_lo."""
    absent = {field.name: pa.nulls(len(table), field.type) for field in GIVEN if field.name not in table.column_names}
    table = pa.table([absent[name] if name in absent else table[name] for name in GIVEN.names], GIVEN.names)
    halves = [key_of(s, e) for s, e in zip(table["source"].to_pylist(), table["event_id"].to_pylist(), strict=True)]
    for place, name in enumerate(("key_hi", "key_lo")):
        table = table.append_column(name, pa.array([half[place] for half in halves], pa.int64()))
    return table


def told(table):
    """Person to events as tuples, of flat rows with keys: sorted by (ts, key), equal keys once, the first arrival."""
    people = {}
    for row in table.to_pylist():
        arrived = max(row["ts"] if row.get("arrived_at") is None else row["arrived_at"], row["ts"])
        event = (
            row["ts"], row["key_hi"], row["key_lo"], arrived, row["kind"],
            *(row.get(name) for name in (*NUMBER_FIELDS, *CODED_FIELDS)),
        )  # fmt: skip
        kept = people.setdefault(row["user_id"], {})
        if event[1:3] not in kept or arrived < kept[event[1:3]][3]:
            kept[event[1:3]] = event
    return {user: sorted(kept.values(), key=lambda event: event[:3]) for user, kept in people.items()}


def events_in(histories, kinds=KINDS):
    """The same of histories, in the order of their persons."""
    people = {}
    for u, user in enumerate(histories.users.to_pylist()):
        assert user not in people
        people[user] = []
        for e in range(histories.offsets[u], histories.offsets[u + 1]):
            numbers = [int(histories.numbers[name][e]) for name in NUMBER_FIELDS]
            texts = []
            for name in CODED_FIELDS:
                field = histories.coded[name]
                code = field.codes[e]
                assert -1 <= code < field.offsets[u + 1] - field.offsets[u]
                texts.append(None if code < 0 else field.values[int(field.offsets[u] + code)].as_py())
            people[user].append(
                (
                    int(histories.ts[e]), int(histories.key_hi[e]), int(histories.key_lo[e]),
                    int(histories.ts[e] if histories.arrived is None else histories.arrived[e]), kinds[histories.kind[e]],
                    *(None if number == NULL else number for number in numbers), *texts,
                )
            )  # fmt: skip
    return people


def assert_dense(histories):
    """Codes are each person's own, from 0 in order of first appearance."""
    for field in histories.coded.values():
        for u in range(len(histories)):
            codes = field.codes[histories.offsets[u] : histories.offsets[u + 1]]
            seen = list(dict.fromkeys(code for code in codes.tolist() if code >= 0))
            assert seen == list(range(field.offsets[u + 1] - field.offsets[u]))


def assert_same_codes(one, other):
    """Codes, offsets and texts are equal."""
    np.testing.assert_array_equal(one.codes, other.codes)
    np.testing.assert_array_equal(one.offsets, other.offsets)
    assert one.values.to_pylist() == other.values.to_pylist()


def actions(table):
    """Every action in a Delta table's JSON log, oldest first."""
    for path in sorted((Path(table) / "_delta_log").glob("*.json")):
        for line in path.read_text().splitlines():
            yield json.loads(line)


def make(home, buckets=4, **facts):
    """A workspace that was ingested into: its log, empty."""
    workspace = Workspace.at(home, environ={})
    workspace.fix(Facts(buckets=buckets, **facts))
    return EventLog(workspace)


def assert_reads(log, kinds=KINDS):
    """What `read` tells of all buckets is what plain Python tells of the flat events."""
    flat = told(log.flat())
    people = {}
    for bucket in log.buckets():
        histories = log.read(bucket, keys=True)
        assert histories.users.to_pylist() == sorted(histories.users.to_pylist())
        assert_dense(histories)
        people |= events_in(histories, kinds)
    assert people == flat
    assert log.n_events == sum(map(len, flat.values()))  # nothing is in the log twice


def covers(log):
    """Is every bucket read from its file of histories alone?"""
    found = [cover(log.histories.of(b), log.events.of(b)) for b in log.buckets() if log.events.of(b)]
    return all(part is not None and not added for part, added in found)
