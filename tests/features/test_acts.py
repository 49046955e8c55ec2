"""Acts on their way in: from files, into the workspace's kinds, out of every count; and the rows that compute writes."""

from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features import acts
from features.compute import compute_file
from features.errors import SpecError
from features.events import ACTS, DAY, KINDS
from features.log import EventLog
from features.workspace import Facts, Workspace

from .logs import invent, make
from .test_intake import mapping, run, table, workspace  # noqa: F401 - fixtures

NOON = "2025-06-{day:02} 12:00"


def rows():
    """Two users, linked on the third, consent withdrawn on the sixth, granted again on the eighth."""
    return [
        ["a", NOON.format(day=1), "view", "", "i1"],
        ["b", NOON.format(day=2), "purchase", "9.5", "i2"],
        ["b", NOON.format(day=3), "alias", "", "a"],
        ["a", NOON.format(day=5), "purchase", "1.5", "i3"],
        ["a", NOON.format(day=6), "withdraw", "", "profiling"],
        ["a", NOON.format(day=7), "purchase", "100", "i3"],
        ["b", NOON.format(day=8), "consent", "", ""],
        ["c", NOON.format(day=8), "purchase", "7", "i3"],
        ["c", NOON.format(day=8), "unalias", "", ""],
    ]


def test_acts_are_ingested_as_other_events_are(workspace, mapping, tmp_path):  # noqa: F811
    path = table(tmp_path / "acts.csv", rows())
    found = run(workspace, path, mapping)
    assert (found["read"], found["accepted"], found["quarantined"]) == (9, 8, {"missing_item": 1})
    assert workspace.facts.own_kinds == ACTS
    assert workspace.facts.kinds == (*KINDS, *ACTS)
    again = run(workspace, path, mapping)
    assert (again["accepted"], again["duplicate"]) == (0, 8)
    assert workspace.facts.own_kinds == ACTS
    assert EventLog(workspace).kinds() == {
        "view": 1, "purchase": 4, "consent": 1, "withdraw": 1, "alias": 1,
    }  # fmt: skip


def test_a_shop_without_acts_has_none_among_its_kinds(workspace, mapping, tmp_path):  # noqa: F811
    run(workspace, table(tmp_path / "plain.csv", rows()[:2]), mapping)
    assert workspace.facts.own_kinds == ()
    assert EventLog(workspace).concern.nothing


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (3, {"a": (1, 0.0), "b": (1, 9.5), "c": (0, 0.0)}),
        (4, {"a": (2, 9.5), "c": (0, 0.0)}),
        (6, {"a": (3, 11.0), "c": (0, 0.0)}),
        (8, {"a": (0, 0.0), "c": (0, 0.0)}),
        (9, {"a": (3, 11.0), "c": (1, 7.0)}),
    ],
)
def test_compute_writes_one_row_a_person(workspace, mapping, tmp_path, day, expected):  # noqa: F811
    run(workspace, table(tmp_path / "acts.csv", rows()), mapping)
    (workspace.home / "features").mkdir(exist_ok=True)
    cutoff = 1_748_707_200_000_000 + (day - 1) * DAY - 8 * 3600 * 10**6  # midnight of that day in Shanghai
    names = ["lifetime_events", "lifetime_value"]
    compute_file(workspace, [cutoff], names, tmp_path / "out.parquet")
    found = {
        r["user_id"]: (r["lifetime_events"], r["lifetime_value"])
        for r in pq.read_table(tmp_path / "out.parquet").to_pylist()
    }
    assert found == expected


def test_without_a_record_the_default_decides(workspace, mapping, tmp_path):  # noqa: F811
    run(workspace, table(tmp_path / "acts.csv", rows()), mapping)
    (workspace.home / "intently.toml").write_text('[consent]\nprofiling = "required"\n')
    cutoff = 1_748_707_200_000_000 + 20 * DAY
    compute_file(workspace, [cutoff], ["lifetime_events"], tmp_path / "out.parquet")
    found = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert {r["user_id"]: r["lifetime_events"] for r in found} == {"a": 0, "c": 0}
    with pytest.raises(SpecError, match="`assumed` or `required`"):
        acts.required(replace(workspace, environ={"INTENTLY_CONSENT_PROFILING": "maybe"}))


def test_kinds_keep_their_codes_whoever_meets_an_act_first(tmp_path):
    workspace = Workspace.at(tmp_path / "home", {})  # noqa: F811
    stale = workspace.fix(Facts(own_kinds=("tasting",)))
    assert workspace.add_acts().own_kinds == ("tasting", *ACTS)
    assert workspace.fix(replace(stale, own_kinds=("tasting", "lottery"))).own_kinds == ("tasting", *ACTS, "lottery")
    assert workspace.fix(replace(stale, currency="CNY")).own_kinds == ("tasting", *ACTS, "lottery")
    assert workspace.add_acts() == workspace.facts


def test_of_what_is_told_twice_the_first_arrival_counts():
    def said(known):
        return pa.table([["u"], [2], ["v"], [1], [known], [5], [6]], schema=acts.SAID)

    assert acts.together([said(9), said(3), said(4)]).to_pylist() == said(3).to_pylist()


def test_a_log_without_acts_reads_no_file_for_them(tmp_path, monkeypatch):
    log = make(tmp_path)
    with log.workspace.writing("the test"):
        log.append([invent(200)], arrived_at=None)
    monkeypatch.setattr("features.flat.kinds", None)
    assert log.read(0).acts is None
    assert log.read_users(["u1", "u2"]).acts is None
