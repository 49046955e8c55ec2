"""The analysis of the toy log, number by number as a pencil gives them; the log as DuckDB and the kernel read it."""

from dataclasses import replace

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from features.algebra import Sessions, Transition, back
from features.errors import InputError, NotReadyError
from features.events import DAY, KINDS, SESSION_GAP
from features.matrix import evaluate, grid
from features.paths.analyse import Asked, paths
from features.program import compile_program
from features.workspace import Facts, Workspace
from tests.features.logs import invent, make

from .toy import START, UNTIL, at, events

ASKED = Asked(START, UNTIL)


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    log = make(tmp_path_factory.mktemp("toy") / "home")
    log.append([events()], arrived_at=None)
    return log


@pytest.fixture(scope="module")
def found(log):
    return paths(log.workspace, ASKED)


def listed(way):
    """A path table as {steps: (n, people, events a step)}."""
    return {" ".join(row["steps"]): (row["n"], row["people"], row["events"]) for row in way["top"]}


def test_counts(found):
    assert found["counts"] == {
        "persons": 4, "events": 19, "sessions": 10, "sessions_converted": 3, "sessions_of_messages": 2,
        "bought": 3, "left": 2, "open": 2, "leaving": 3,
    }  # fmt: skip


def test_paths_to_purchase_and_to_leaving(found):
    assert listed(found["paths"]["goal"]) == {
        "search view cart": (1, 1, [1, 2, 1]),  # A, whose basket of two lines is one purchase
        "view": (1, 1, [1]),
        "": (1, 1, []),  # D, directly
    }
    assert listed(found["paths"]["leaving"]) == {
        "view purchase": (1, 1, [1, 1]),  # A
        "view search view": (1, 1, [1, 1, 1]),  # B
        "view cart": (1, 1, [1, 1]),  # C
    }
    assert all(row["share"] == pytest.approx(1 / 3) for way in found["paths"].values() for row in way["top"])
    days = {" ".join(row["steps"]): row["days"] for row in found["paths"]["goal"]["top"]}
    assert days == {"search view cart": pytest.approx(5 / 1440), "view": pytest.approx(10 / 1440), "": 0}


def test_a_path_keeps_its_last_steps(log):
    found = paths(log.workspace, replace(ASKED, depth=2))
    assert set(listed(found["paths"]["goal"])) == {"view cart", "view", ""}
    assert set(listed(found["paths"]["leaving"])) == {"view purchase", "search view", "view cart"}
    days = {" ".join(row["steps"]): row["days"] for row in found["paths"]["goal"]["top"]}
    assert days["view cart"] == pytest.approx(4 / 1440)  # from the first step shown to the first line of the basket


def test_streams_are_what_paths_add_up_to(found):
    told = {(row["place"], row["step"], row.get("before", "?")): row["n"] for row in found["streams"]["goal"]}
    assert told == {
        (1, "cart", "view"): 1, (1, "view", None): 1, (2, "view", "search"): 1, (3, "search", None): 1,
    }  # fmt: skip


def test_transitions(found):
    """What follows what.

                view  search  cart  purchase  message  END
    START          5       1     1         1        2
    view           1       2     1         1             3
    search         2                                     1
    cart                                   1             1
    purchase                               1             3
    message                                              2
    """
    table = found["transitions"]
    told = {
        (before, after): n
        for before, row in zip(table["before"], table["counts"], strict=True)
        for after, n in zip(table["after"], row, strict=True)
        if n
    }
    assert told == {
        ("START", "view"): 5, ("START", "search"): 1, ("START", "cart"): 1, ("START", "purchase"): 1, ("START", "message"): 2,
        ("view", "view"): 1, ("view", "search"): 2, ("view", "cart"): 1, ("view", "purchase"): 1, ("view", "END"): 3,
        ("search", "view"): 2, ("search", "END"): 1, ("cart", "purchase"): 1, ("cart", "END"): 1,
        ("purchase", "purchase"): 1, ("purchase", "END"): 3, ("message", "END"): 2,
    }  # fmt: skip
    assert table["rates"][table["before"].index("view")][table["after"].index("END")] == 3 / 8
    assert [sum(row) for row in table["rates"]] == pytest.approx([1] * 6)


def test_dwell(found):
    """Views took 10, 20, 30, 50 s as given; A's other one 600 s and C's last 60 s until the next event; C's and D's ended sessions."""
    rows = {row["step"]: row for row in found["dwell"]["kind"]}
    assert rows["view"] == {
        "step": "view", "n": 6, "given": 4, "mean": pytest.approx(770 / 6),
        "q10": 10, "q25": 20, "median": 30, "q75": 60, "q90": 600,
    }  # fmt: skip
    assert {step: (row["n"], row["given"], row["mean"]) for step, row in rows.items() if step != "view"} == {
        "search": (2, 0, 45),
        "cart": (1, 0, 60),
        "purchase": (1, 0, 20),
    }
    pages = {row["step"]: (row["n"], row["given"]) for row in found["dwell"]["page"]}
    assert pages == {"item": (7, 4), "list": (2, 0), "(purchase)": (1, 0)}  # home was the last of its session


def test_journeys_with_a_step_against_those_without(found):
    """Of five journeys three bought: A with search, view, cart; A with view; D directly. B saw view, search; C view, cart."""
    told = found["movers"]["journey"]
    assert (told["n"], told["converted"], told["rate"]) == (5, 3, 0.6)
    rows = {" ".join(row["steps"]): row for row in [*told["steps"], *told["pairs"]]}
    assert {
        name: (row["n"], row["converted"], row["n_without"], row["converted_without"]) for name, row in rows.items()
    } == {
        "view": (4, 2, 1, 1), "search": (2, 1, 3, 2), "cart": (2, 1, 3, 2),
        "search view": (2, 1, 3, 2), "view cart": (2, 1, 3, 2), "view search": (1, 0, 4, 3),
    }  # fmt: skip
    assert rows["cart"]["lift"] == pytest.approx(0.5 / 0.6)
    assert rows["cart"]["difference"] == pytest.approx(0.5 - 2 / 3)
    assert not any(row["sure"] for row in rows.values())
    # From view: 2/5 cart, 1/5 search, 1/5 bought, 1/5 left; from search view; from cart half bought; START 1/5, 3/5, 1/5.
    # x(view) = 2/5 · 1/2 + 1/5 · x(view) + 1/5 = 1/2 = x(search); P = 1/5 · 1/2 + 3/5 · 1/2 + 1/5 = 3/5
    assert told["chain_rate"] == pytest.approx(3 / 5)
    assert rows["cart"]["removal"] == pytest.approx(1 / 3)  # x(view) = 1/5 · x + 1/5 = 1/4; P = 4/5 · 1/4 + 1/5 = 2/5
    assert rows["view"]["removal"] == pytest.approx(2 / 3)  # P = 1/5
    assert rows["search"]["removal"] == pytest.approx(4 / 15)  # x(view) = 2/5; P = 3/5 · 2/5 + 1/5 = 0.44


def test_sessions_with_a_step_against_those_without(found):
    """Of ten sessions two are messages of ours, three convert: A's two and D's first."""
    told = found["movers"]["session"]
    assert (told["n"], told["converted"]) == (8, 3)
    rows = {row["steps"][0]: row for row in told["steps"]}
    assert {
        name: (row["n"], row["converted"], row["n_without"], row["converted_without"]) for name, row in rows.items()
    } == {"view": (6, 2, 2, 1), "search": (3, 1, 5, 2), "cart": (2, 1, 6, 2)}


def test_a_window_takes_sessions_by_their_start_and_journeys_by_their_end(log):
    found = paths(log.workspace, replace(ASKED, start=at(3, 9)))
    assert found["counts"] | {"sessions": 6, "events": 8, "bought": 2, "left": 0, "leaving": 1} == found["counts"]
    assert set(listed(found["paths"]["goal"])) == {"view", ""}
    found = paths(
        log.workspace, replace(ASKED, start=at(3, 9) + 1)
    )  # A's session began before it, the purchase is in it
    assert (found["counts"]["sessions"], found["counts"]["bought"]) == (5, 2)
    assert paths(log.workspace, replace(ASKED, start=at(3, 9, 10)))["counts"]["bought"] == 2
    assert paths(log.workspace, replace(ASKED, start=at(3, 9, 10) + 1))["counts"]["bought"] == 1


def test_nothing_is_seen_from_until_on(log):
    found = paths(
        log.workspace, replace(ASKED, until=at(32, 12, 2, 30))
    )  # B has been silent for 30 days to the microsecond
    assert (found["counts"]["left"], found["counts"]["open"]) == (2, 0)  # C has, too; D's message is nothing that D did
    found = paths(log.workspace, replace(ASKED, until=at(32, 12, 2, 30) - 1))
    assert (found["counts"]["left"], found["counts"]["open"]) == (1, 1)


def test_the_log_tells_nothing_of_what_came_after_it(log):
    assert paths(log.workspace, replace(ASKED, until=UNTIL + 500 * DAY))["counts"]["open"] == 2


def test_what_arrived_later_is_not_seen(tmp_path):
    log = make(tmp_path / "home")
    log.append([events()], arrived_at=UNTIL)
    assert paths(log.workspace, ASKED)["counts"]["events"] == 19  # all that the log holds
    assert paths(log.workspace, replace(ASKED, known=UNTIL + 1))["counts"]["events"] == 19
    empty = paths(log.workspace, replace(ASKED, known=UNTIL))
    assert set(empty["counts"].values()) == {0}
    assert empty["paths"]["goal"] == {"n": 0, "different": 0, "top": []}


def test_ids_that_are_one_person_walk_one_path_and_who_withdrew_walks_none(tmp_path):
    log = make(tmp_path / "home", own_kinds=("alias", "withdraw"))
    rows = events(
        [
            ("phone", at(1, 10), "search", None, None),
            ("phone", at(1, 10, 2), "alias", None, None),
            ("desk", at(1, 10, 5), "purchase", None, None),
            ("silent", at(1, 10), "view", None, None),
            ("silent", at(1, 11), "withdraw", None, None),
        ]
    ).append_column("item", pa.array([None, "desk", None, None, None], pa.string()))
    log.append([rows], arrived_at=None)
    found = paths(log.workspace, ASKED)
    assert found["counts"] | {"persons": 1, "events": 2, "sessions": 1, "bought": 1} == found["counts"]
    assert listed(found["paths"]["goal"]) == {"search": (1, 1, [1])}
    with pytest.raises(InputError, match="Unknown event kind 'alias'"):
        paths(log.workspace, replace(ASKED, goal="alias"))
    before = paths(log.workspace, replace(ASKED, until=at(1, 10, 2), known=at(1, 10, 2)))  # nothing of it is known yet
    assert before["counts"] | {"persons": 2, "events": 2} == before["counts"]


@pytest.mark.parametrize(
    ("mode", "goal", "path"),
    [
        ("page", "purchase", "list item"),
        ("kind:page", "purchase", "search:list view:item cart:item"),
        ("channel", "purchase", "(search) (view) (cart)"),
        ("kind", "cart", "search view"),
    ],
)
def test_steps_by_other_names(log, mode, goal, path):
    found = paths(log.workspace, replace(ASKED, mode=mode, goal=goal))
    assert path in listed(found["paths"]["goal"])


def test_rare_names_are_one(log, monkeypatch):
    monkeypatch.setattr("features.paths.steps.MOST", 1)
    found = paths(log.workspace, ASKED)
    assert found["left_out"] == {"names": 3, "events": 7}  # search 3, cart 2, message 2
    assert "(other) view (other)" in listed(found["paths"]["goal"])
    assert "3 rarer names" in found["notes"][1]


def test_transitions_are_what_duckdb_and_the_kernel_count(tmp_path):
    log = make(tmp_path / "home")
    log.append([invent(20_000, users=300, first=1_750_000_000_000_000)], arrived_at=None)
    asked = Asked(log.first_ts, log.last_ts + 1)
    found = paths(log.workspace, asked)
    e = log.flat(columns=["user_id", "ts", "key_hi", "key_lo", "kind"])  # noqa: F841 - DuckDB finds it by name
    rows = duckdb.sql(f"""
        with told as (select *, lag(kind) over w as before, ts - lag(ts) over w as gap from e
                      window w as (partition by user_id order by ts, key_hi, key_lo))
        select case when gap < {SESSION_GAP} then before else 'START' end as before, kind as after, count(*) from told group by all
    """).fetchall()  # fmt: skip
    table = found["transitions"]
    told = {
        (before, after): n
        for before, row in zip(table["before"], table["counts"], strict=True)
        for after, n in zip(table["after"], row, strict=True)
        if n and after != "END"
    }
    assert told == {(before, after): n for before, after, n in rows}
    window = back(400)
    asks = {"visits": Sessions("count", (), window), "carted": Transition("view", "cart", window)}
    program = compile_program(asks, kinds=KINDS, retention_days=400, timezone="UTC")
    total = np.zeros(2)
    for bucket in log.buckets():
        histories = log.read(bucket, program.fields, program.texts)
        person, cutoff = grid(len(histories), [asked.until])
        total += evaluate(program, histories, person, cutoff).values.sum(axis=0)
    assert total.tolist() == [found["counts"]["sessions"], told["view", "cart"]]


def test_what_cannot_be_answered_is_refused(log, tmp_path):
    for wrong, words in (
        ({"mode": "pages"}, "Did you mean 'page'"),
        ({"goal": "purchse"}, "Did you mean 'purchase'"),
        ({"depth": 11}, "from 1 to 10"),
        ({"depth": 0}, "from 1 to 10"),
        ({"horizon_days": 0}, "from 1 to 3650"),
        ({"top": 0}, "at least 1"),
        ({"start": UNTIL}, "ends before it starts"),
    ):
        with pytest.raises(InputError, match=words):
            paths(log.workspace, replace(ASKED, **wrong))
    empty = Workspace.at(tmp_path / "empty", {})
    with pytest.raises(NotReadyError, match="ingest"):
        paths(empty, ASKED)
    empty.fix(Facts())
    with pytest.raises(NotReadyError, match="no events"):
        paths(empty, ASKED)
