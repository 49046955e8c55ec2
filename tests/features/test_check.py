"""`features check` catches what leaks, what depends on company or order, and what is another thing the second time."""

import json

import numpy as np
import pyarrow as pa
import pytest

from features import check as checks
from features import outside
from features.algebra import Attribute
from features.check import CHECKS, check
from features.errors import NotReadyError, SpecError
from features.events import DAY, HOUR
from features.log import EventLog
from features.workspace import Facts, Workspace
from tests.conftest import intently

from .logs import invent
from .test_functions import simple, write

START = 1_700_000_000_000_000
TOML = """
[[feature]]
name = "loyalty_points"
family = "loyalty"
unit = "points"
en = "points of the loyalty card"
zh = "会员积分"
ask = "attribute"
table = "loyalty"
field = "points"

[[feature]]
name = "carts_2d"
family = "frequency"
unit = "events"
en = "carts in the last 2 days"
zh = "近2天加购"
ask = "count"
kinds = ["cart"]
window = "2d"
"""


def events(n, late):
    """n events of 12 users over some 120 days, of which every `late`-th arrives up to 9 days late."""
    table, rng = invent(n, users=12), np.random.default_rng(1)
    ts = np.sort(START + rng.integers(0, 120 * DAY, n) // HOUR * HOUR)
    arrived = np.where(np.arange(n) % late == 0, ts + rng.integers(1, 9 * DAY, n), ts)
    return table.set_column(1, "ts", pa.array(ts)).append_column("arrived_at", pa.array(arrived))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    found = Workspace.at(tmp_path_factory.mktemp("shop") / "home", {})
    found.fix(Facts(buckets=4, timezone="Asia/Shanghai"))
    log = EventLog(found)
    log.append([events(600, 5)], arrived_at=None)
    rows = [
        (f"u{n}", at, {"points": n + (at or 0) if n % 5 else "many", "city": "郑州"})
        for n in range(9)
        for at in (None, START + 40 * DAY)
    ]
    users, since, known = zip(*rows, strict=True)
    put = pa.table({"user_id": [*users, "silent"], "valid_from": pa.array([*since, START], pa.int64()),
                    "attributes": [*map(json.dumps, known), '{"age": 3}']})  # fmt: skip
    log.put_users(put)
    log.put_users(put, "loyalty")
    found.features.mkdir()
    (found.features / "own.toml").write_text(TOML)
    return found


@pytest.fixture
def own(workspace):
    """A file of functions, taken away again."""
    yield lambda body, **more: write(workspace, "import random, time, os, datetime\nSEEN = []\n" + simple(body, **more))
    (workspace.features / "own.py").unlink(missing_ok=True)


def faults(result, name="f"):
    (found,) = (one for one in result["features"] if one["name"] == name)
    assert found["ok"] == (not found["faults"])
    return {fault["check"]: fault for fault in found["faults"]}


def test_all_in_force_is_tried_and_sound(workspace, own):
    own("return float(np.nansum(history.number('value'))) + len(set(history.text('item')))", reads=("value", "item"))
    path = workspace.features / "own.py"
    path.write_text("import numpy as np\n" + path.read_text())
    result = check(workspace, n_users=12)
    assert (result["faults"], result["users"]) == (0, 13)  # a user without events among them
    assert result["rows"] > 200
    names = {one["name"]: one for one in result["features"]}
    assert {"purchase_age", "user_city", "loyalty_points", "carts_2d", "f"} <= set(names)
    assert names["loyalty_points"]["notes"] == ["4 values of the sample are no numbers, and count as missing"]
    assert names["user_level"]["notes"] == ["no row has an answer"]
    assert (names["carts_2d"]["missing"], names["carts_2d"]["constant"]) == (0, False)
    assert json.dumps(result) == json.dumps(check(workspace, n_users=12))  # the same seed, the same rows


@pytest.mark.parametrize(
    ("body", "caught"),
    [
        ("return time.time() - history.cutoff / 1e6", {"again", "calls"}),
        ("return round(time.time() / 86400)", {"calls"}),  # the same all day long
        ("return datetime.datetime.now().year", {"calls"}),
        ("return datetime.date.today().year", {"calls"}),
        ("return random.random()", {"again", "alone", "order", "packed", "later", "earlier", "calls"}),
        ("SEEN.append(1); return len(SEEN)", {"again", "alone"}),
        ("SEEN.append(history.ts.sum()); return max(SEEN) - history.ts.sum()", {"order"}),
        ("SEEN.append(history.cutoff); return history.cutoff - SEEN[0]", {"order"}),
        ("import sys; return sys._getframe(1).f_locals['histories'].n_events", {"later", "earlier", "alone", "calls"}),
        ("import sys; return float((sys._getframe(1).f_locals['histories'].ts >= history.cutoff).any())", {"later", "calls"}),
        ("return os.stat('.').st_mtime", {"calls"}),
        ("import pathlib; return len(pathlib.Path(__file__).read_text())", {"calls"}),
        ("return id(history) % 1000", {"again"}),
        ("return 1 / (len(history) - 1)", {"fails"}),
    ],
)  # fmt: skip
def test_a_function_of_something_else_is_caught(workspace, own, body, caught):
    own(body)
    result = check(workspace, ["f", "purchase_age"], n_users=12)
    found = faults(result)
    assert caught <= set(found), f"caught by {sorted(found)} only"
    assert result["faults"] == 1  # and no other feature is blamed
    for fault in found.values():
        if "message" not in fault:
            assert fault["cutoff"].startswith("202")
            assert fault["expected"] != fault["found"]
            assert fault["user"].startswith(("u", "silent"))
    assert set(found) <= {*CHECKS, "fails"}


def test_a_seeded_draw_is_a_function_of_the_history(workspace, own):
    own("return random.Random(len(history)).random()")
    assert check(workspace, ["f"], n_users=5)["faults"] == 0


@pytest.mark.parametrize("shift", [1, HOUR])
def test_a_kernel_that_sees_the_cutoff_is_caught(workspace, monkeypatch, shift):
    real = checks.evaluate
    monkeypatch.setattr(
        checks, "evaluate", lambda p, h, person, cutoff, threads: real(p, h, person, cutoff + shift, threads)
    )
    result = check(workspace, ["purchase_age", "view_count_1d", "carts_2d"], n_users=12)
    assert result["faults"] == 3
    assert {"later", "earlier"} <= set(faults(result, "view_count_1d"))


def test_a_kernel_that_sees_what_has_not_arrived_is_caught(workspace, monkeypatch):
    from dataclasses import replace

    real = checks.evaluate
    blind = lambda p, h, person, cutoff, threads: real(p, replace(h, arrived=None), person, cutoff, threads)  # noqa: E731
    monkeypatch.setattr(checks, "evaluate", blind)
    assert {"later", "earlier"} <= set(faults(check(workspace, ["view_count_30d"], n_users=12), "view_count_30d"))


def test_an_attribute_from_after_the_cutoff_is_caught(workspace, monkeypatch):
    real = outside.as_of
    monkeypatch.setattr(outside, "as_of", lambda rows, asked, person, cutoff: real(rows, asked, person, cutoff + 1))
    result = check(workspace, ["loyalty_points", "user_city"], n_users=12)
    assert {"later", "earlier"} <= set(faults(result, "loyalty_points"))
    assert Attribute("points", "loyalty") != Attribute("points")


def test_what_cannot_be_checked_is_said(workspace, tmp_path):
    with pytest.raises(SpecError, match="Did you mean 'purchase_age'"):
        check(workspace, ["purchase_aeg"])
    empty = Workspace.at(tmp_path / "home", {})
    empty.fix(Facts())
    with pytest.raises(NotReadyError, match="no events yet"):
        check(empty)


def test_the_command_line_ends_with_2_where_one_fails(workspace, own):
    _, result, _ = intently("features", "check", "--features", "carts_2d,loyalty_points", home=workspace.home)
    assert (result["faults"], set(result["checks"])) == (0, set(CHECKS))
    own("return time.time()")
    status, result, _ = intently("features", "check", "--features", "f", "--users", 3, home=workspace.home, check=False)
    assert (status, result["faults"]) == (2, 1)


def test_people_read_a_line_a_feature(workspace, own, capsys):
    from features.show import show_check

    own("return time.time()")
    show_check(check(workspace, ["f", "carts_2d"], n_users=3))
    text = capsys.readouterr().out
    assert "ok   carts_2d" in text
    assert "fault f" in text
    assert "calls: It looks at the clock (time.time)." in text
    assert "again: the same question twice: user u" in text
    assert "1 with faults" in text
