"""The verbs of `intently features`, as a program sees them: one JSON object, stable codes, files."""

import json
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from .conftest import ROOT, intently


@pytest.mark.parametrize("verb", ["list", "show", "compute", "report"])
def test_help_shows_examples(verb):
    command = [sys.executable, "-m", "intently", "features", verb, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert f"Examples:\n  intently features {verb}" in done.stdout


def test_list_and_show_need_no_workspace(tmp_path):
    home = tmp_path / "none"
    _, listed, _ = intently("features", "list", "purchase_count_*", "--lang", "zh", home=home)
    assert "purchase_count_30d" in [row["name"] for row in listed["features"]]
    _, told, _ = intently("features", "show", "purchase_count_30d", home=home)
    assert told["toml"] == '{ ask = "count", kinds = ["purchase"], window = "30d" }'
    assert "churn_30d" in told["used_by"]["specs"]
    status, answer, _ = intently("features", "show", "purchase_cuont_30d", home=home, check=False)
    assert (status, answer["error"]["code"]) == (2, "not_found")
    assert "Did you mean 'purchase_count_30d'" in answer["error"]["message"]
    assert not home.exists()


def test_people_read_words(tmp_path):
    command = [sys.executable, "-m", "intently", "--home", str(tmp_path), "features", "show", "purchase_age"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert "days from the latest event of kind purchase to the cutoff" in done.stdout


def test_compute_takes_either_cutoffs_or_entities(shop, tmp_path):
    rows = tmp_path / "rows.csv"
    rows.write_text("user_id,cutoff\nnobody,2025-06-01\nu,2025-06-01T00:00:00+08:00\n")
    out = tmp_path / "f.parquet"
    _, answer, _ = intently(
        "features", "compute", "--entities", rows, "--targets", "--features", "purchase_*", "--out", out, home=shop.home
    )
    assert answer["rows"] == 2
    assert {"stage_7d", "churn_30d"} <= set(answer["targets"])
    table = pq.ParquetFile(out).read()
    assert table["user_id"].to_pylist() == ["nobody", "u"]
    assert {"label_stage_7d", "cohort_stage_7d", "weight_stage_7d"} <= set(table.column_names)
    assert table.schema.field("label_stage_7d").type == pa.string()
    for words, said in [
        ([], "either"),
        (["--entities", rows, "--as-of", "2025-06-01"], "either"),
        (["--as-of", "2025-06-01", "--targets"], "--entities"),
        (["--entities", rows, "--targets=stage"], "Did you mean 'stage_7d'"),
        (["--entities", rows, "--targets="], "names nothing"),
    ]:
        status, answer, _ = intently("features", "compute", *words, "--out", out, home=shop.home, check=False)
        assert status == 2
        assert said in answer["error"]["message"]


def test_report(shop, tmp_path):
    out = tmp_path / "report.html"
    _, answer, _ = intently(
        "features", "report", "--out", out, "--model", "champion", "--features", "purchase_*,view_*", "--lang", "zh",
        "--as-of", "2025-08-01", home=shop.home,
    )  # fmt: skip
    assert answer["as_of"] == "2025-08-01T00:00:00Z"
    assert answer["against"] == "2025-07-04T00:00:00Z"
    assert answer["model"] == shop.train["version"]
    assert "截至2025-08-01的特征" in out.read_text("utf-8")
    assert json.dumps(answer)
