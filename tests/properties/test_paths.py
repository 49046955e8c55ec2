"""Paths of invented histories against a reading of them that shares no code with ours: plain Python, an event at a time."""

from collections import Counter
from itertools import pairwise
from math import ceil

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.events import DAY, KINDS, SECOND
from features.histories import from_events
from features.paths.analyse import Asked, analyse
from tests.features.logs import with_keys

GAP, HORIZON = 1800 * SECOND, 2 * DAY
steps = st.sampled_from([0, 1, 1800 * SECOND - 1, 1800 * SECOND, 1801 * SECOND, DAY, 2 * DAY - 1, 2 * DAY, 3 * DAY])
told = st.lists(
    st.tuples(
        st.sampled_from(["A", "B", "C"]),
        steps,  # since the event before, whosever
        st.sampled_from(["view", "view", "cart", "purchase", "message"]),
        st.sampled_from([None, "p", "q"]),
        st.sampled_from([None, 700, 1234, 83_456]),
        st.sampled_from([None, 0, DAY]),  # how late
    ),
    max_size=30,
)


def tables(rows):
    """Events as an append takes them, with keys."""
    ts, found = 10 * DAY, []
    for n, (user, gap, kind, page, dwell, late) in enumerate(rows):
        ts += gap
        arrived = None if late is None else ts + late
        found.append((user, ts, arrived, kind, page, dwell, f"e{n}"))
    columns = list(zip(*found, strict=True)) if found else [[]] * 7
    types = [pa.string(), pa.int64(), pa.int64(), pa.string(), pa.string(), pa.int64(), pa.string()]
    names = ["user_id", "ts", "arrived_at", "kind", "page", "dwell", "event_id"]
    table = pa.table([pa.array(list(c), t) for c, t in zip(columns, types, strict=True)], names)
    return with_keys(table.append_column("source", pa.array([""] * len(table), pa.string())))


def named(event, mode):
    if mode == "kind" or event["kind"] == "purchase" or event["page"] is None:
        return event["kind"] if mode != "page" else f"({event['kind']})"
    return event["page"] if mode == "page" else f"{event['kind']}:{event['page']}"


def collapsed(names):
    out = []
    for name in names:
        if not out or out[-1] != name:
            out.append(name)
    return out


def read(table, asked):
    """All that is counted, the slow way."""
    seen = {}
    for event in sorted(table.to_pylist(), key=lambda e: (e["ts"], e["key_hi"], e["key_lo"])):
        if event["ts"] < asked.until and max(event["arrived_at"] or 0, event["ts"]) < asked.until:
            seen.setdefault(event["user_id"], []).append(event)
    out = {name: Counter() for name in ("goal", "leaving", "next", "counts", "session", "journey")}
    out["dwell"], out["people"] = {}, {}
    for history in seen.values():
        out["counts"]["persons"] += 1
        sessions(history, asked, out)
        journeys(history, asked, out)
    return out


def sessions(history, asked, out):
    cut = [[history[0]]]
    for before, event in pairwise(history):
        if event["ts"] - before["ts"] >= GAP:
            cut.append([])
        cut[-1].append(event)
    for number, session in enumerate(cut):
        for event in session:
            event["session"] = number
        if session[0]["ts"] < asked.start:
            continue
        names = ["START", *(named(event, asked.mode) for event in session), "END"]
        out["next"].update(pairwise(names))
        out["counts"].update({"sessions": 1, "events": len(session)})
        for event, after in zip(session, [*session[1:], None], strict=True):
            spent = event["dwell"] if event["dwell"] is not None else after and (after["ts"] - event["ts"]) // 1000
            if spent is not None:
                out["dwell"].setdefault(event["kind"], []).append(spent)
        kinds = [event["kind"] for event in session]
        won = "purchase" in kinds
        out["counts"]["sessions_converted"] += won
        if set(kinds) == {"message"}:
            out["counts"]["sessions_of_messages"] += 1
            continue
        tally(out["session"], session[: kinds.index("purchase")] if won else session, won, asked.mode)


def journeys(history, asked, out):
    piece = []
    for n, event in enumerate(history):
        piece.append(event)
        later = [e["ts"] for e in history[n + 1 :] if e["kind"] != "message"]
        silent = event["kind"] != "message" and (later[0] if later else asked.until) - event["ts"] >= HORIZON
        after = history[n + 1] if n + 1 < len(history) else None
        bought = event["kind"] == "purchase" and not (
            after and after["kind"] == "purchase" and after["session"] == event["session"]
        )
        if not bought and not silent:
            continue
        steps = [e for e in piece if e["kind"] != "purchase"]
        basket = [e for e in piece if e["kind"] == "purchase"]
        end = basket[0]["ts"] if basket else event["ts"]
        piece = []
        if end < asked.start:
            continue
        steps = [e for e in steps if e["ts"] >= end - HORIZON]
        names = collapsed([named(e, asked.mode) for e in steps])
        tally(out["journey"], steps, bool(basket), asked.mode)
        if basket:
            out["goal"][tuple(names[-asked.depth :])] += 1
            out["people"].setdefault(tuple(names[-asked.depth :]), set()).add(event["user_id"])
            out["counts"]["bought"] += 1
        else:
            out["counts"]["left"] += 1
        if silent:
            out["leaving"][tuple(collapsed([named(e, asked.mode) for e in [*steps, *basket]])[-asked.depth :])] += 1
            out["counts"]["leaving"] += 1
    out["counts"]["open"] += any(event["kind"] != "message" for event in piece)


def tally(counts, steps, won, mode):
    names = collapsed([named(event, mode) for event in steps])
    counts["n"] += 1
    counts["converted"] += won
    for name in {(name,) for name in names} | set(pairwise(names)):
        counts[name] += 1
        counts[(*name, "won")] += won


@settings(deadline=None, max_examples=80)
@given(
    told,
    st.sampled_from(["kind", "page", "kind:page"]),
    st.integers(1, 4),
    st.sampled_from([0, 12 * DAY]),
    st.integers(10, 40),
)
def test_counts_are_those_of_a_plain_reading(rows, mode, depth, start, days):
    table = tables(rows)
    asked = Asked(start, days * DAY, mode=mode, depth=depth, horizon_days=2, top=1000, known=days * DAY)
    groups = [table.filter(pa.compute.is_in(table["user_id"], pa.array(users))) for users in (["A", "C"], ["B"])]
    found = analyse(lambda _: [from_events(group) for group in groups], asked, KINDS)
    name = {"page": "(purchase)"}.get(mode, "purchase")
    right = read(table, asked)

    def naming(steps):
        return tuple(name if step == "(purchase)" else step for step in steps)

    for way in ("goal", "leaving"):
        assert {tuple(row["steps"]): row["n"] for row in found["paths"][way]["top"]} == {
            naming(steps): n for steps, n in right[way].items()
        }
        assert sum(row["share"] for row in found["paths"][way]["top"]) == pytest.approx(1 if right[way] else 0)
    assert {tuple(row["steps"]): row["people"] for row in found["paths"]["goal"]["top"]} == {
        naming(steps): len(people) for steps, people in right["people"].items()
    }
    assert found["counts"] == {key: right["counts"][key] for key in found["counts"]}
    nexts = found["transitions"]
    assert {
        (before, after): n
        for before, row in zip(nexts["before"], nexts["counts"], strict=True)
        for after, n in zip(nexts["after"], row, strict=True)
        if n
    } == dict(right["next"])
    assert all(sum(row) == pytest.approx(1) for row, n in zip(nexts["rates"], nexts["counts"], strict=True) if sum(n))
    for unit in ("session", "journey"):
        check_movers(found["movers"][unit], right[unit])
    check_dwell(found["dwell"]["kind"], right["dwell"])


def check_movers(found, right):
    assert (found["n"], found["converted"]) == (right["n"], right["converted"])
    shown = {tuple(row["steps"]): (row["n"], row["converted"]) for row in [*found["steps"], *found["pairs"]]}
    for steps, (n, won) in shown.items():
        assert (n, won) == (right[steps], right[(*steps, "won")])
    some = {key for key in right if isinstance(key, tuple) and key[-1] != "won" and 0 < right[key] < right["n"]}
    assert {key for key in some if len(key) == 1} == {key for key in shown if len(key) == 1}
    for row in found["steps"]:
        assert -1 <= row["low"] <= row["difference"] <= row["high"] <= 1
        assert row["removal"] is None or -1e-9 <= row["removal"] <= 1 + 1e-9
    if found["n"]:
        assert found["chain_rate"] == pytest.approx(
            found["rate"]
        )  # a first-order chain keeps the rate it was counted from


def check_dwell(found, right):
    assert {row["step"]: row["n"] for row in found} == {kind: len(times) for kind, times in right.items()}
    for row in found:
        times = sorted(right[row["step"]])
        assert row["mean"] == pytest.approx(sum(times) / len(times) / 1000)
        for key, q in (("q10", 10), ("median", 50), ("q90", 90)):
            exact = times[ceil(q * len(times) / 100) - 1] / 1000
            assert exact * 0.99 <= row[key] <= exact
