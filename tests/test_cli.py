"""The command line as a program sees it: one JSON object, stable codes, exit statuses; and as people do: help."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from .conftest import ROOT, intently

VERBS = [
    "simulate", "ingest", "train", "promote", "rollback", "score", "lookup", "drivers", "serve", "ui", "compact", "demo", "paths",
    "flow",
]  # fmt: skip


def refused(*words, home=None, **kwargs):
    """Run what must be refused: exit status 2, a code, a message; returns (code, message)."""
    status, answer, _ = intently(*words, home=home, check=False, **kwargs)
    assert status == 2, answer
    assert set(answer) == {"error"}
    assert set(answer["error"]) >= {"code", "message"}
    return answer["error"]["code"], answer["error"]["message"]


@pytest.mark.parametrize("words", [[], *([verb] for verb in VERBS), ["features", "compute"]], ids=" ".join)
def test_help_shows_examples(words):
    done = subprocess.run(
        [sys.executable, "-m", "intently", *words, "--help"], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert "Usage: intently" in done.stdout
    assert not words or f"Examples:\n  intently {' '.join(words)}" in done.stdout
    assert "--json" in done.stdout


def test_help_imports_no_heavy_library():
    code = (
        "import sys, intently\n"
        "try: intently.cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = [m for m in ('numpy', 'pandas', 'pyarrow', 'numba', 'sklearn', 'lightgbm', 'mlflow', 'bentoml') if m in sys.modules]\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)


def test_json_may_stand_before_or_after_the_verb(tmp_path):
    for words in (["--json", "compact"], ["compact", "--json"]):
        done = subprocess.run(
            [sys.executable, "-m", "intently", "--home", str(tmp_path), *words],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )
        assert done.returncode == 2
        assert json.loads(done.stdout)["error"]["code"] == "not_ready"


def test_people_get_words_on_stderr_and_nothing_on_stdout(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "intently", "--home", str(tmp_path), "compact"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "error:" in done.stderr
    assert "ingest" in done.stderr


def test_usage_errors_name_the_help():
    assert refused("no-such-verb") == ("usage", "No such command 'no-such-verb'. See `intently --help`.")
    code, message = refused("score")
    assert code == "usage"
    assert "--as-of" in message


@pytest.mark.parametrize(
    ("name", "content", "layout", "code", "words"),
    [
        ("absent.csv", None, "canonical", "not_found", ["absent.csv"]),
        ("empty.csv", "", "canonical", "bad_input", ["empty.csv"]),
        (
            "a.csv",
            "user_id,ts,kind\nu,2025-01-01T00:00:00Z,view\n",
            "canonicl",
            "bad_input",
            ["canonicl", "canonical", "taobao"],
        ),
        ("b.csv", "user_id,when,kind\nu,2025-01-01T00:00:00Z,view\n", "canonical", "bad_input", ["ts", "when"]),
        (
            "c.csv",
            "user_id,ts,kind\nu,2025-01-01T00:00:00Z,looked\nu,never,view\n",
            "canonical",
            "bad_input",
            ["unknown_kind"],
        ),
    ],
    ids=["no such file", "empty file", "wrong format name", "a column missing", "all rows bad"],
)
def test_ingest_refuses_bad_input_and_leaves_nothing(tmp_path, name, content, layout, code, words):
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    got, message = refused("ingest", path, "--format", layout, home=tmp_path / "home")
    assert got == code, message
    assert all(word in message for word in words), message
    assert not (tmp_path / "home" / "workspace.json").exists()
    assert not (tmp_path / "home" / "log").exists()


def test_milliseconds_read_as_seconds_are_recognised(tmp_path):
    path = tmp_path / "e.csv"
    path.write_text("u1,1,2,pv,1511544070000\nu2,1,2,buy,1511544071000\n")
    (tmp_path / "m.toml").write_text(
        'time = "unix_s"\nheader = false\ntimezone = "UTC"\n[columns]\nuser_id = 1\nitem = 2\ncategory = 3\nkind = 4\nts = 5\n'
        '[kinds]\npv = "view"\nbuy = "purchase"\n'
    )
    code, message = refused("ingest", path, "--format", tmp_path / "m.toml", home=tmp_path / "home")
    assert code == "bad_input"
    assert "unix_ms" in message


def test_verbs_that_need_an_earlier_one_say_which(tmp_path):
    home = tmp_path / "home"
    assert "ingest" in refused("train", home=home)[1]
    path = tmp_path / "ten.csv"
    path.write_text("user_id,ts,kind\n" + "".join(f"u{n},2025-01-0{1 + n % 9}T00:00:00Z,purchase\n" for n in range(10)))
    _, answer, _ = intently("ingest", path, "--format", "canonical", home=home)
    assert (answer["read"], answer["accepted"]) == (10, 10)
    _, answer, _ = intently("train", home=home)  # ten purchases teach no model: the shop's rates answer, and it says so
    assert {target["error"]["code"] for target in answer["targets"].values()} == {"too_little_data"}
    assert answer["version"] == "1"
    for words in (["score", "--as-of", "2025-01-11"], ["lookup", "u1"], ["drivers"], ["serve"]):
        code, message = refused(*words, home=home)
        assert code == "not_ready"
        assert "promote" in message


def test_drivers_say_what_they_cannot_do(shop, tmp_path):
    for words, part in (
        (["--tag", "stages"], "Did you mean 'stage'"),
        (["--tag", "lifecycle"], "no model stands behind it"),
        (["--out", tmp_path / "d.pdf"], "must end in .html or .png"),
        (["--out", tmp_path / "no" / "d.png"], "There is no folder"),
        (["--users", 3], "3 is not in the range"),
    ):
        code, message = refused("drivers", *words, home=shop.home)
        assert part in message, message
        assert code in {"bad_input", "usage"}


def test_drivers_and_what_would_change_an_answer(shop, tmp_path):
    _, answer, _ = intently("drivers", "--tag", "stage", "--users", 60, "--out", tmp_path / "d.html", home=shop.home)
    assert [tag["name"] for tag in answer["tags"]] == ["stage"]
    assert answer["path"] == str(tmp_path / "d.html")
    _, answer, _ = intently(
        "lookup", "u0000001", "--clock", "log", "--explain", "--what-if", "--only", "stage", home=shop.home
    )
    (tag,) = answer["users"][0]["tags"]
    if answer["users"][0]["known"]:
        assert tag["what_if"]["says"]["en"].startswith("This says what the model would answer")
        assert tag["explanation"]["families"]


def test_times_without_an_offset_are_refused(shop):
    code, message = refused("score", "--as-of", "2025-06-01T00:00:00", home=shop.home)
    assert code == "bad_input"
    assert "offset" in message


def test_a_changed_byte_in_the_bundle_is_refused(shop, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(shop.home, home)
    booster = next((home / "bundles" / shop.train["version"]).glob("*.txt"))
    data = bytearray(booster.read_bytes())
    data[len(data) // 2] ^= 1
    booster.chmod(0o644)
    booster.write_bytes(data)
    for words in (["score", "--as-of", "2025-06-01"], ["lookup", "x"], ["serve"], ["promote", shop.train["version"]]):
        code, message = refused(*words, home=home)
        assert code == "damaged", words
        assert booster.name in message, words


def test_a_port_in_use_is_refused(shop):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, message = refused("serve", "--port", port, home=shop.home)
    assert code == "busy"
    assert str(port) in message


def test_a_user_never_seen_is_no_error(shop):
    _, answer, _ = intently("lookup", "nobody-at-all", "--clock", "log", home=shop.home)
    (user,) = answer["users"]
    assert user["user_id"] == "nobody-at-all"
    assert user["known"] is False
    assert {tag["name"] for tag in user["tags"] if tag["probability"] is not None} >= {"stage", "churn_risk"}


def test_promote_and_rollback(shop, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(shop.home, home)
    code, message = refused("promote", "99", home=home)
    assert code == "not_found"
    assert "99" in message
    code, message = refused("rollback", home=home)
    assert code == "not_ready", message


def test_features_compute_writes_the_named_columns(shop, tmp_path):
    out = tmp_path / "f.parquet"
    names = [
        "purchase_count_30d",
        "purchase_age",
        "purchase_value_90d",
        "items_30d",
        "categories_7d",
        "active_days_90d",
    ]
    _, answer, _ = intently(
        "features", "compute", "--as-of", "2025-05-01", "--as-of", "2025-06-01T00:00:00+08:00", "--features", ",".join(names), "--out", out,
        home=shop.home,
    )  # fmt: skip
    table = pq.ParquetFile(out).read()
    assert table.column_names == ["user_id", "cutoff", *names]
    assert table.num_rows == answer["rows"]
    assert {str(t) for t in table["cutoff"].unique().to_pylist()} == {
        "2025-05-01 00:00:00+00:00",
        "2025-05-31 16:00:00+00:00",
    }
    code, message = refused(
        "features", "compute", "--as-of", "2025-05-01", "--features", "purchase_cont_30d", "--out", out, home=shop.home
    )
    assert code == "bad_definition"
    assert "purchase_count_30d" in message


def test_interrupting_an_ingest_leaves_nothing_half_done(shop, tmp_path):
    home = tmp_path / "home"
    command = [
        sys.executable,
        "-m",
        "intently",
        "--home",
        str(home),
        "--json",
        "ingest",
        str(shop.source),
        "--format",
        "canonical",
    ]
    for delay in (0.5, 1.5, 2.5):
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            time.sleep(delay)
            process.send_signal(signal.SIGINT)
            process.wait(60)
    _, answer, _ = intently("ingest", shop.source, "--format", "canonical", home=home)
    assert answer["accepted"] + answer["duplicate"] == shop.ingest["accepted"]
    assert not list(Path(home).rglob("*spill*"))
    assert {path.name for path in home.iterdir()} >= {"log", "workspace.json"}
