"""Identity and consent as of a cutoff, against a reading of the rules in plain Python, event by event."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import algebra as ask
from features import views
from features.dated import of
from features.events import ACTS, KINDS, NULL
from features.histories import from_events
from features.matrix import evaluate, grid
from features.program import compile_program
from tests.features.logs import GIVEN, events_in, few, make, some, told, with_keys

USERS = ("u1", "u2", "u3", "u4", "v")
ALL = (*KINDS, *ACTS)
END = 14  # after everything

_texts, _numbers = st.sampled_from([None, "a", "b", "鞋"]), st.sampled_from([None, 1, 5])
_done = st.fixed_dictionaries(
    {"kind": st.sampled_from(["view", "cart", "purchase"]), "item": _texts, "channel": _texts, "value": _numbers}
)
_links = st.fixed_dictionaries({"kind": st.sampled_from(ACTS[2:]), "item": st.sampled_from([*USERS, "w", None])})
_consents = st.fixed_dictionaries(
    {"kind": st.sampled_from(ACTS[:2]), "item": st.sampled_from([None, "profiling", "marketing"])}
)
_when = st.fixed_dictionaries(
    {
        "user_id": st.sampled_from(USERS),
        "ts": st.integers(0, 8),
        "arrived_at": st.one_of(st.none(), st.integers(0, 12)),
        "event_id": st.sampled_from([f"e{i}" for i in range(30)]),
    }
)
_rows = st.tuples(_when, st.one_of(_done, _done, _links, _consents)).map(
    lambda both: {**both[0], **both[1], "source": ""}
)
lists = st.lists(_rows, max_size=22)


def table(rows):
    return with_keys(pa.Table.from_pylist(rows, schema=GIVEN))


def known(event, cutoff):
    """(ts, key_hi, key_lo, arrived, kind, …, item, …) of `told`: had it happened and arrived?"""
    return cutoff is None or (event[0] < cutoff and event[3] < cutoff)


def item_of(event):
    return event[10]


def people_at(people, cutoff):
    """Id to the set of ids that are one person with it by what is known."""
    pairs = {}
    for user, events in people.items():
        for event in events:
            if event[4] in ("alias", "unalias") and item_of(event) not in (None, user) and known(event, cutoff):
                pair = frozenset((user, item_of(event)))
                pairs[pair] = max(pairs.get(pair, ((),)), (event[:3], event[4]))
    ids = {*people, *(one for pair in pairs for one in pair)}
    sets = {one: {one} for one in ids}
    for pair, (_, kind) in pairs.items():
        if kind == "alias":
            one, two = pair
            merged = sets[one] | sets[two]
            for member in merged:
                sets[member] = merged
    return sets


def consent(people, members, cutoff, at, required):
    """Is there consent at `at` (None: at last) by what the acts say that are known?"""
    said = [
        (event[:3], event[4] == "consent")
        for member in members
        for event in people.get(member, ())
        if event[4] in ("consent", "withdraw") and item_of(event) in (None, "profiling")
        if known(event, cutoff) and (at is None or event[0] <= at)
    ]
    return max(said)[1] if said else not required


def visible(people, user, cutoff, required, *, cut=True):
    """The events that are seen of a user, sorted; those not known at the cutoff too unless `cut`."""
    members = people_at(people, cutoff).get(user, {user})
    if not consent(people, members, cutoff, None, required):
        return []
    found = {}
    for member in sorted(members):
        for event in people.get(member, ()):
            kept = found.get(event[1:3])
            if event[4] not in ACTS and (kept is None or event[3] < kept[3]):
                found[event[1:3]] = event
    return sorted(
        event
        for event in found.values()
        if consent(people, members, cutoff, event[0], required)
        if not cut or known(event, cutoff)
    )


def plain(histories, cutoff=None):
    """Person to events as they are held, those not known left out."""
    found = events_in(histories, ALL)
    return {user: [e for e in events if known(e, cutoff)] for user, events in found.items()}


def whole(rows, required):
    """Histories of everyone who has events, with acts."""
    histories = from_events(table(rows), ALL)
    return views.attach(histories, len(histories), ALL, required)


@some
@given(lists, st.booleans(), st.integers(0, END))
def test_what_is_seen_at_a_cutoff_is_what_the_rules_say(rows, required, cutoff):
    people = told(table(rows))
    expected = {user: visible(people, user, cutoff, required) for user in people}
    assert plain(views.at(whole(rows, required), cutoff), cutoff) == expected


@some
@given(lists, st.booleans(), st.randoms(use_true_random=False))
def test_any_order_and_repetition_gives_the_same(rows, required, random):
    distinct = list({(row["user_id"], row["event_id"]): row for row in rows}.values())
    turned = distinct * 2
    random.shuffle(turned)
    for cutoff in (3, 7, END):
        one, other = (views.at(whole(some_rows, required), cutoff) for some_rows in (distinct, turned))
        assert plain(one) == plain(other)


@some
@given(lists, st.booleans(), st.integers(0, END))
def test_the_smallest_id_answers_for_all(rows, required, cutoff):
    people = told(table(rows))
    histories = whole(rows, required)
    n = len(histories)
    own = views.own(histories, np.arange(n), np.full(n, cutoff))
    sets = people_at(people, cutoff)
    assert {u: bool(o) for u, o in zip(histories.users.to_pylist(), own, strict=True)} == {
        user: min(sets[user]) == user for user in people
    }
    found = views.canonical(histories, cutoff)
    assert found.acts is None
    assert found.users.to_pylist() == [user for user in histories.users.to_pylist() if min(sets[user]) == user]


PROGRAM = {
    "events": ask.Count((), ask.back(1)),
    "bought": ask.Sum("value", ("purchase",), ask.back(1)),
    "items": ask.Distinct("item", (), ask.back(1)),
    "channel": ask.Favorite("channel", (), ask.back(1)),
    "since": ask.Age(()),
}


def asked(features):
    return compile_program(features, kinds=ALL, retention_days=20, timezone="UTC")


def answers(matrix):
    columns = {name: matrix.texts[name].to_pylist() for name in matrix.texts}
    columns |= {name: matrix.column(name).tolist() for name in matrix.names if name not in matrix.texts}
    return [tuple(repr(columns[name][row]) for name in matrix.names) for row in range(len(matrix))]


@some
@given(lists, st.booleans(), st.lists(st.integers(0, END), min_size=1, max_size=3, unique=True))
def test_features_of_many_cutoffs_are_those_of_what_is_seen(rows, required, cutoffs):
    people = told(table(rows))
    histories = whole(rows, required)
    program = asked(PROGRAM)
    found = answers(evaluate(program, histories, *grid(len(histories), cutoffs)))
    expected = []
    for user in histories.users.to_pylist():
        for cutoff in cutoffs:
            seen = [dict(zip(_FIELDS, event, strict=True)) for event in visible(people, user, cutoff, required)]
            made = pa.Table.from_pylist(
                [{**e, "user_id": "x", "arrived_at": e["arrived"]} for e in seen], schema=_SCHEMA
            )
            alone = from_events(made, ALL)
            if not len(alone):
                alone = from_events(
                    table([{"user_id": "x", "ts": 10**9, "kind": "view", "event_id": "", "source": ""}])
                )
            expected += answers(evaluate(program, alone, *grid(1, [cutoff])))
    assert found == expected


_FIELDS = (
    "ts", "key_hi", "key_lo", "arrived", "kind", "value", "quantity", "discount", "rating", "dwell",
    "item", "category", "channel", "campaign", "page", "referrer",
)  # fmt: skip
_SCHEMA = table([]).schema


@some
@given(lists, st.booleans(), st.integers(0, END))
def test_who_looks_forward_sees_what_is_known_at_last(rows, required, cutoff):
    people = told(table(rows))
    histories = whole(rows, required)
    program = asked({"bought": ask.Count(("purchase",), ask.ahead(1))})
    found = evaluate(program, histories, *grid(len(histories), [cutoff])).column("bought").tolist()
    expected = [
        sum(e[4] == "purchase" and e[0] >= cutoff for e in visible(people, user, None, required))
        for user in histories.users.to_pylist()
    ]
    assert found == expected


@some
@given(lists, st.booleans(), st.integers(0, END))
def test_whoever_learns_sees_nothing_that_may_not_be_seen_at_last(rows, required, cutoff):
    people = told(table(rows))
    found = plain(views.at(views.strict(whole(rows, required)), cutoff), cutoff)
    sets = people_at(people, None)
    for user in people:
        allowed = {
            (member, event[1:3])
            for member in people
            for event in people[member]
            if consent(people, sets[member], None, None, required)
            and consent(people, sets[member], None, event[0], required)
        }
        members = people_at(people, cutoff)[user]
        seen = visible(people, user, cutoff, required)
        owners = {event[1:3]: {m for m in members if (m, event[1:3]) in allowed} for event in seen}
        # an event of two ids may be seen by either: then the one that is left counts
        if all(sum(event[1:3] == e[1:3] for m in members for e in people.get(m, ())) == 1 for event in seen):
            assert found[user] == [event for event in seen if owners[event[1:3]]]


@few
@given(lists, st.booleans())
def test_the_log_bucket_by_bucket_and_person_by_person(tmp_path_factory, rows, required):
    log = make(tmp_path_factory.mktemp("log"), buckets=3)
    if required:
        (log.workspace.home / "intently.toml").write_text('[consent]\nprofiling = "required"\n')
    with log.workspace.writing("the test"):
        log.append([table(rows).drop_columns(["key_hi", "key_lo"])], arrived_at=None)
    people, kinds = told(log.flat()), log.workspace.facts.kinds
    for compacted in (False, True):
        if compacted:
            with log.workspace.writing("the test"):
                log.compact()
        asked_for = [*people, "nobody"]
        for cutoff in (4, END):
            expected = {user: visible(people, user, cutoff, required) for user in people}
            found = {}
            for bucket in log.buckets():
                histories = log.read(bucket, keys=True)
                seen = views.at(histories, cutoff)
                found |= {u: [e for e in es if known(e, cutoff)] for u, es in events_in(seen, kinds).items()}
            assert found == expected
            users = views.at(log.read_users(asked_for), cutoff)
            assert {u: [e for e in es if known(e, cutoff)] for u, es in events_in(users, kinds).items()} == {
                **expected,
                "nobody": visible(people, "nobody", cutoff, required),
            }


def test_a_chain_of_a_thousand_ids_is_one_person():
    ids = [f"i{n:04}" for n in range(1000)]
    order = np.random.default_rng(0).permutation(999)
    rows = [
        {"user_id": ids[n + 1], "ts": 5, "kind": "alias", "item": ids[n], "event_id": f"a{n}", "source": ""}
        for n in order
    ]
    rows += [{"user_id": one, "ts": 4, "kind": "view", "event_id": one, "source": ""} for one in ids]
    seen = views.canonical(whole(rows, required=False), 6)
    assert seen.users.to_pylist() == ["i0000"]
    assert seen.n_events == 1000
    assert len(views.canonical(whole(rows, required=False), 5)) == 1000


def test_nobody_concerned_costs_nothing():
    rows = [{"user_id": "u1", "ts": 1, "kind": "view", "event_id": "e", "source": ""}]
    histories = whole(rows, required=False)
    assert histories.acts is None
    assert views.at(histories, 5) is histories
    assert views.strict(histories) is histories


@pytest.mark.parametrize(
    ("cutoff", "expected"), [(3, [True, True, True, False]), (6, [False] * 4), (9, [True, True, False, True])]
)
def test_attributes_without_consent_are_not_seen(cutoff, expected):
    """Rows valid always, from 1, from 5 (withdrawn at 4, granted again at 7), from 8."""
    rows = [
        {"user_id": "u1", "ts": 4, "kind": "withdraw", "event_id": "a", "source": ""},
        {"user_id": "u1", "ts": 7, "kind": "consent", "event_id": "b", "source": ""},
    ]
    histories = from_events(table(rows), ALL)
    names = ["always", "early", "while", "after"]
    told_of = of(1, np.zeros(4, np.int64), np.array([NULL, 1, 5, 8]), pa.array(names))
    object.__setattr__(histories, "attributes", {"users": told_of})
    seen = views.at(views.attach(histories, 1, ALL, required=False), cutoff).attributes["users"].texts.to_pylist()
    expected = [True, True, True, True] if cutoff == 3 else expected  # nothing was withdrawn: the cutoff is asked later
    assert [name in seen for name in names] == expected
