"""Tables of attributes of a shop's own: files in, rows conserved, joined as of the cutoff."""

import json

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features import attributes, catalogue
from features.compute import compute_file
from features.described import listing
from features.errors import InputError, SpecError
from features.events import DAY
from features.intake import ingest
from features.log import EventLog
from features.workspace import Workspace
from tests.conftest import intently

from .logs import LOYALTY, invent

NOW = 1_780_000_000_000_000
POINTS = "user_id,valid_from,points,tier\nu1,2025-03-01,10,silver\nu1,2025-03-02 08:00:00,25,\nu2,,7,gold\n,,9,gold\n"
MIDNIGHT = 1_740_758_400_000_000  # 2025-03-01 in Shanghai


@pytest.fixture
def workspace(tmp_path):
    return Workspace.at(tmp_path / "home", {})


def load(workspace, path, **options):
    given = {"timezone": "Asia/Shanghai", "now": NOW} | options
    return ingest(workspace, [path], given.pop("format", None), attributes=given.pop("attributes", "loyalty"), **given)


def counts(result):
    return result["read"], result["accepted"], result["duplicate"], sum(result["quarantined"].values())


def rows(workspace):
    found = attributes.users(workspace, "loyalty").to_pylist()
    told = [
        (row["user_id"], row["valid_from"], json.loads(row["attributes"])) for row in found if row["user_id"] != "u2"
    ]
    return sorted(told, key=lambda row: (row[0], row[1] or 0))


def test_rows_are_conserved_and_times_are_the_shops(workspace, tmp_path):
    path = tmp_path / "points.csv"
    path.write_text(POINTS)
    dry = load(workspace, path, dry_run=True)
    first = load(workspace, path)
    assert counts(dry) == counts(first) == (4, 3, 0, 1)
    assert first["quarantined"] == {"missing_user": 1}
    assert counts(load(workspace, path)) == counts(load(workspace, path, dry_run=True)) == (4, 0, 3, 1)
    assert rows(workspace) == [
        ("u1", MIDNIGHT, {"points": "10", "tier": "silver"}),
        ("u1", MIDNIGHT + DAY + 8 * 3_600_000_000, {"points": "25"}),
    ]
    assert listing(workspace, (), None)["tables"] == {"loyalty": {"rows": 3, "fields": ["points", "tier"]}}
    assert attributes.tables(workspace) == ("users", "loyalty")
    with pytest.raises(InputError, match="timezone is Asia/Shanghai"):  # its times are the workspace's by now
        load(workspace, path, timezone="UTC")


def test_every_form_of_file(workspace, tmp_path):
    book = openpyxl.Workbook()
    for row in (["user_id", "points"], ["u1", 3]):
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    (tmp_path / "b.jsonl").write_text(
        '{"user_id": "u1", "valid_from": 1740758400000000, "points": 4}\n'
        '{"user_id": "u1", "vip": true, "valid_from": "2025-03-02T00:00:00+08:00"}\n'
    )
    pq.write_table(
        pa.table(
            {"user_id": ["u1"], "valid_from": pa.array([MIDNIGHT - 1], pa.timestamp("us", "UTC")), "points": [5.0]}
        ),
        tmp_path / "c.parquet",
    )
    for name, n in (("a.xlsx", 1), ("b.jsonl", 2), ("c.parquet", 1)):
        assert counts(load(workspace, tmp_path / name)) == (n, n, 0, 0)
    found = [(since, {name: float(value) for name, value in known.items()}) for _, since, known in rows(workspace)]
    assert found == [
        (None, {"points": 3}),
        (MIDNIGHT - 1, {"points": 5}),
        (MIDNIGHT, {"points": 4}),
        (MIDNIGHT + DAY, {"vip": 1}),
    ]


def test_a_mapping_names_other_columns(workspace, tmp_path):
    (tmp_path / "cards.csv").write_text("customer;since;pts\nu1;20250301;4\n")
    mapping = tmp_path / "mapping.toml"
    text = 'table = "users"\ntime = "%Y%m%d"\n[columns]\nuser_id = "customer"\nvalid_from = "since"\nattributes = ["pts"]\n'
    mapping.write_text(text)
    assert counts(load(workspace, tmp_path / "cards.csv", format=str(mapping))) == (1, 1, 0, 0)
    assert rows(workspace) == [("u1", MIDNIGHT, {"pts": "4"})]
    mapping.write_text('table = "items"\n[columns]\nitem = "customer"\n')
    with pytest.raises(InputError, match=r"cards\.csv would be read as items.*leave --format out"):
        load(workspace, tmp_path / "cards.csv", format=str(mapping))


@pytest.mark.parametrize("name", ["users", "Loyalty", "a/b", "", "9"])
def test_names_that_are_none(workspace, tmp_path, name):
    with pytest.raises(InputError, match="is not a name for a table of attributes"):
        load(workspace, tmp_path / "x.csv", attributes=name)
    assert not workspace.home.exists()


def test_a_feature_of_it_is_joined_as_of_the_cutoff(workspace, tmp_path):
    workspace.features.mkdir(parents=True)
    (workspace.features / "loyalty.toml").write_text(LOYALTY)
    with pytest.raises(SpecError, match=r"no attributes 'loyalty'.*--attributes loyalty"):
        catalogue.of(workspace)
    (tmp_path / "points.csv").write_text(POINTS)
    load(workspace, tmp_path / "points.csv")
    log = EventLog(workspace)
    log.append([invent(20, users=1, first=MIDNIGHT - 10**9)], arrived_at=None)
    log.put_users(pa.table({"user_id": ["silent"], "attributes": ['{"city": "郑州"}']}))
    out = tmp_path / "f.parquet"
    names = ["loyalty_*", "user_city", "view_count_30d"]
    compute_file(workspace, [MIDNIGHT - 1, MIDNIGHT, MIDNIGHT + 2 * DAY], names, out)
    found = {}
    for row in pq.ParquetFile(out).read().to_pylist():
        found.setdefault(row["user_id"], []).append((row["loyalty_points"], row["loyalty_tier"], row["user_city"]))
    nan = pytest.approx(float("nan"), nan_ok=True)
    assert found["u0"] == [(nan, None, None)] * 3
    assert found["silent"] == [(nan, None, "郑州")] * 3
    assert set(found) == {"u0", "silent"}  # those whom the log or the users table knows
    (tmp_path / "own.csv").write_text("user_id,points,tier,valid_from\nu0,1.5,silver,\nu0,2.5,,2025-03-01\n")
    load(workspace, tmp_path / "own.csv")
    compute_file(workspace, [MIDNIGHT - 1, MIDNIGHT], names, out)
    table = pq.ParquetFile(out).read().filter(pa.compute.field("user_id") == "u0")
    assert (table["loyalty_points"].to_pylist(), table["loyalty_tier"].to_pylist()) == ([1.5, 2.5], ["silver"] * 2)


def test_the_command_line(tmp_path):
    (tmp_path / "points.csv").write_text(POINTS)
    _, result, _ = intently(
        "ingest", tmp_path / "points.csv", "--attributes", "loyalty", "--timezone", "UTC", home=tmp_path / "home"
    )
    assert counts(result) == (4, 3, 0, 1)
    status, answer, _ = intently("ingest", tmp_path / "points.csv", home=tmp_path / "home", check=False)
    assert (status, answer["error"]["message"].split(" See")[0]) == (2, "Missing option '--format'.")
