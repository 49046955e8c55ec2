"""docs/extending.md runs as it stands."""

import os
import re
import shlex
import subprocess
import sys

import pyarrow.parquet as pq

from .conftest import ROOT

BLOCK = re.compile(r"(?:Save as `(?P<path>[^`]+)`:\n\n)?```(?P<language>\w+)\n(?P<text>.*?)```", re.DOTALL)


def test_the_page_on_extending_runs_as_it_stands(tmp_path):
    ran = 0
    environ = {name: value for name, value in os.environ.items() if name != "INTENTLY_HOME"}
    for block in BLOCK.finditer((ROOT / "docs" / "extending.md").read_text()):
        if block["path"]:
            path = tmp_path / block["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block["text"])
            continue
        assert block["language"] == "sh"
        for line in block["text"].splitlines():
            command = [sys.executable, "-m", *shlex.split(line)]
            done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
            ran += 1
    assert ran == 5
    table = pq.ParquetFile(tmp_path / "own.parquet").read()
    assert table.column_names[2:] == [
        "late_views_30d",
        "late_views_90d",
        "loyalty_points",
        "loyalty_tier",
        "spend_trend",
    ]
    rows = {row["user_id"]: row for row in table.to_pylist()}
    assert (rows["u0000000"]["loyalty_points"], rows["u0000000"]["loyalty_tier"]) == (250, "silver")
    assert (rows["u0000001"]["loyalty_points"], rows["u0000001"]["loyalty_tier"]) == (40, "gold")
    assert any(row["spend_trend"] == row["spend_trend"] for row in rows.values())
