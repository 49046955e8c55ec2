"""Moves between stages, against plain Python and DuckDB; nobody is lost on the way."""

import json
import subprocess
import sys
from collections import Counter

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import InputError
from features.events import DAY, KINDS
from features.histories import from_events
from features.paths.movers import wilson
from features.program import compile_program
from models.spec import HERE, load_specs
from tests.conftest import ROOT
from tests.features.logs import invent, make, some, with_keys
from training import aipl
from training.moves import NOT_YET, View, count, describe, flow
from training.moves_told import check, date, show, write

START, EVERY, N = 20_000 * DAY, 7 * DAY, 3
EDGES = START + EVERY * np.arange(N + 1)
SHOP = {"kinds": KINDS, "retention_days": 400, "timezone": "UTC"}
TARGET = load_specs([HERE / "stage_7d.toml"])[0].target
STAGE = View(
    (NOT_YET, *TARGET.classes),
    compile_program(TARGET.questions, **SHOP),
    lambda found: TARGET.labels(found) + 1,
    at_end=False,
)
AIPL = View(
    (NOT_YET, *aipl.STATES),
    compile_program(aipl.QUESTIONS, **SHOP),
    lambda found: aipl.states(found.column, len(found.person)) + 1,
    at_end=True,
)
events = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "d"]),
        st.sampled_from(["view", "cart", "purchase", "message"]),
        st.one_of(
            st.sampled_from([*EDGES.tolist(), *(EDGES - 1).tolist()]), st.integers(START - 20 * DAY, START + 22 * DAY)
        ),
    ),
    max_size=30,
)


def told(rows):
    """Histories of (user, kind, ts)."""
    table = {
        "user_id": pa.array([user for user, _, _ in rows], pa.string()),
        "ts": pa.array([ts for *_, ts in rows], pa.int64()),
        "kind": pa.array([kind for _, kind, _ in rows], pa.string()),
        "event_id": pa.array([f"e{i}" for i in range(len(rows))], pa.string()),
        "source": pa.array([""] * len(rows), pa.string()),
    }
    return from_events(with_keys(pa.table(table)), KINDS)


def reached(rows, user, period):
    """The stage by the spec's words; no event here has an item or category."""
    mine = [(kind, ts) for who, kind, ts in rows if who == user]
    if min(ts for _, ts in mine) >= EDGES[period + 1]:
        return NOT_YET
    kinds = {kind for kind, ts in mine if EDGES[period] <= ts < EDGES[period + 1]}
    steps = (("buying", "purchase"), ("considering", "cart"), ("browsing", "view"))
    return next((stage for stage, kind in steps if kind in kinds), "idle")


def conserves(found):
    """Every table's rows add up to the period before, its columns to the one after, and every period has everybody."""
    assert (found.counts.sum(axis=1) == found.counts[0].sum()).all()
    for i, table in enumerate(found.table):
        assert table.sum(axis=1).tolist() == found.counts[i].tolist()
        assert table.sum(axis=0).tolist() == found.counts[i + 1].tolist()


@some
@given(events)
def test_stages_and_moves_are_those_of_plain_python(rows):
    found = count([told(rows)], STAGE, EDGES)
    people = {user for user, _, ts in rows if ts < EDGES[-1]}
    ways = [[reached(rows, user, i) for i in range(N)] for user in people]
    for i in range(N):
        wanted = Counter(way[i] for way in ways)
        assert dict(zip(STAGE.states, found.counts[i].tolist(), strict=True)) == {s: wanted[s] for s in STAGE.states}
    for i, table in enumerate(found.table):
        moved = Counter((way[i], way[i + 1]) for way in ways)
        assert {(a, b): table[x, y] for x, a in enumerate(STAGE.states) for y, b in enumerate(STAGE.states)} == {
            (a, b): moved[a, b] for a in STAGE.states for b in STAGE.states
        }
    conserves(found)


@some
@given(events)
def test_nobody_is_lost_between_states_of_the_rule_view(rows):
    found = count([told(rows)], AIPL, EDGES)
    assert found.counts[0].sum() == len({user for user, _, ts in rows if ts < EDGES[-1]})
    conserves(found)
    assert not found.table[:, 1:, 0].any()  # nobody was seen and then never


def test_groups_of_persons_add_up():
    rows = [(f"u{i % 9}", ["view", "cart", "purchase"][i % 3], START + i * DAY // 3) for i in range(60)]
    whole = count([told(rows)], STAGE, EDGES)
    parts = count(
        [told([row for row in rows if (int(row[0][1]) % 2 == 0) == even]) for even in (True, False)], STAGE, EDGES
    )
    assert (whole.counts == parts.counts).all()
    assert (whole.table == parts.table).all()


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """1,000 seconds of events, in periods of 100 s."""
    log = make(tmp_path_factory.mktemp("moves") / "home")
    table = invent(3000, users=300, first=START).append_column("arrived_at", pa.nulls(3000, pa.int64()))
    log.append([with_keys(table).drop_columns(["key_hi", "key_lo"])], arrived_at=None)
    return log


SECONDS = 10**8


def test_a_log_gives_what_duckdb_gives(log):
    found = flow(log.workspace, START, START + 8 * SECONDS, SECONDS, "stage")
    flat = log.flat()
    query = f"""
        with events as (
            select user_id, ts, kind, item, category, (ts - {START}) // {SECONDS} as i from flat
            where ts < {START + 8 * SECONDS}),
        people as (select user_id, min(i) as came from events group by 1),
        cells as (select user_id, came, i from people, range(8) as r(i)),
        per as (select user_id, i, max(kind = 'purchase') b, max(kind = 'cart') c, max(kind = 'view') v from events group by 1, 2),
        again as (
            select user_id, i from events where kind = 'view' and item is not null group by user_id, i, item having count(*) >= 3
            union select user_id, i from events where kind = 'view' group by user_id, i, category having count(*) >= 8),
        stage as (
            select user_id, i, case when came > i then 'not_yet' when b then 'buying'
                when c or (user_id, i) in (select (user_id, i) from again) then 'considering' when v then 'browsing' else 'idle' end as s
            from cells left join per using (user_id, i))
        select x.i, x.s, y.s, count(*) from stage x join stage y on x.user_id = y.user_id and y.i = x.i + 1 group by all
    """
    with duckdb.connect() as db:
        db.register("flat", flat)
        wanted = {(i, a, b): n for i, a, b, n in db.execute(query).fetchall()}
    got = {
        (i, row["before"], row["after"]): row["n"]
        for i, move in enumerate(found["moves"])
        for row in move["rows"]
        if row["n"]
    }
    assert got == wanted
    assert found["people"] == sum(n for (i, *_), n in wanted.items() if i == 0)
    assert len(found["periods"]) == 8
    assert "instead of 7" in found["notes"][-1]


def test_shares_have_wilsons_interval(log):
    found = flow(log.workspace, START, START + 5 * SECONDS, SECONDS, "aipl")
    size = len(found["states"])
    for table in [found["total"], *(move["rows"] for move in found["moves"])]:
        for first in range(0, size * size, size):
            line = table[first : first + size]
            whole = sum(row["n"] for row in line)
            for row in line:
                wanted = (row["n"] / whole, *wilson(row["n"], whole)) if whole else (None, None, None)
                assert (row["share"], row["low"], row["high"]) == wanted


def test_what_cannot_be_asked(log, tmp_path):
    for start, until, every, words in (
        (START, START + SECONDS, SECONDS, "two whole periods"),
        (START, START - SECONDS, SECONDS, "two whole periods"),
        (START, START + 1000 * SECONDS, 10**6, "at most"),
        (START, START + 2000 * DAY, 500 * DAY, "kept for 400 days"),
    ):
        with pytest.raises(InputError, match=words):
            flow(log.workspace, start, until, every, "stage")
    with pytest.raises(InputError, match="page or a picture"):
        check(tmp_path / "flow.pdf")
    with pytest.raises(InputError, match="no folder"):
        check(tmp_path / "nowhere" / "flow.png")


def test_periods_that_are_not_over_are_left_out(log):
    found = flow(log.workspace, START, START + 100 * DAY, 10 * 60 * 10**6, "stage")
    assert len(found["periods"]) == 6  # the log is whole to the end of its hour
    assert "not over" in found["notes"][-1]


@pytest.mark.parametrize("name", ["flow.html", "flow.png", "flow.svg"])
def test_files_are_whole(log, tmp_path, name):
    found = flow(log.workspace, START, START + 5 * SECONDS, SECONDS, "stage")
    write(tmp_path / name, found)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    told = (tmp_path / name).read_bytes()
    if name.endswith("png"):
        assert told.startswith(b"\x89PNG")
    else:
        text = told.decode()
        assert "considering" in text
        assert "http://" not in text.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
            "http://creativecommons.org", ""
        )


def test_of_nobody_there_is_a_picture_too(tmp_path):
    empty = describe(count([told([])], STAGE, EDGES), STAGE.states, EDGES)
    empty |= {"by": "stage", "timezone": "Asia/Shanghai", "notes": []}
    assert empty["people"] == 0
    assert all(row["share"] is None for row in empty["total"])
    write(tmp_path / "flow.html", empty)
    assert date(empty, "2025-02-02T16:00:00Z") == "2025-02-03"  # the shop's, not UTC's


def test_the_terminal_tells_people_and_moves(log, capsys):
    show(flow(log.workspace, START, START + 5 * SECONDS, SECONDS, "aipl"))
    out = capsys.readouterr().out
    assert "People by period" in out
    assert "From a period to the next" in out


def test_the_verb(log, tmp_path):
    out = tmp_path / "flow.html"
    done = subprocess.run(
        [sys.executable, "-m", "intently", "--home", str(log.workspace.home), "flow", "--from", "2024-10-04T00:00:00Z",
         "--until", "2024-10-05", "--every", "10min", "--out", str(out), "--json"],
        capture_output=True, text=True, cwd=ROOT, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    keys = "from until every_days states people periods moves total by timezone notes log_version written"
    assert " ".join(found) == keys
    assert found["written"] == [str(out)]
    assert out.read_text().startswith("<!doctype html>")
