"""`intently paths` as it is typed: the page, the picture, the tables, what people read, and what is refused."""

import csv
import json
import re
import shutil
import subprocess

import pytest

from features.paths.deliver import deliver
from features.paths.show import show_paths
from intently import main
from tests.conftest import intently
from tests.features.logs import make

from .toy import TOLD, at, events

NASTY = "</script><b>[/]鞋 & 包$x$"


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    log = make(tmp_path_factory.mktemp("toy") / "home", timezone="Asia/Shanghai")
    told = [(user, ts, kind, NASTY if page == "list" else page, dwell) for user, ts, kind, page, dwell in TOLD]
    log.append([events(told)], arrived_at=None)
    return log


@pytest.fixture(scope="module")
def written(log, tmp_path_factory):
    """Everything that can be written, by page, in Chinese."""
    folder = tmp_path_factory.mktemp("out")
    outs = tuple(folder / name for name in ("paths.html", "paths.png", "paths.svg"))
    result = deliver(
        log.workspace, until=at(50, 0), mode="page", outs=outs, tables=folder / "tables", language="zh", horizon_days=30
    )
    return folder, result


def test_page_stands_alone_and_holds_the_figures(written):
    folder, result = written
    page = (folder / "paths.html").read_text()
    assert not re.search(r"https?://|src=|@import|<link", page)
    assert page.count("</script>") == 1  # no text of the log ends it
    told = json.loads(re.search(r"const R = (\{.*\});\n", page)[1])
    assert told["language"] == "zh"
    assert told["words"]["cart"] == "加购"
    assert {key: told[key] for key in result if key not in {"written", "notes"}} == {
        key: json.loads(json.dumps(value)) for key, value in result.items() if key not in {"written", "notes"}
    }


def test_page_draws_itself(written):
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no data: no Chromium here to open the page with")
    for look in ("", "#dark"):
        url = f"file://{written[0] / 'paths.html'}{look}"
        command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", url]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        drawn = re.sub(r"<script>.*?</script>", "", done.stdout[done.stdout.index("<body") :], flags=re.DOTALL)
        assert drawn.count('role="img"') == 3
        assert "影响转化的步骤" in drawn
        assert "NaN" not in drawn
        assert "undefined" not in drawn
        assert "&lt;/script&gt;&lt;b&gt;[/]鞋 &amp; 包$x$" in drawn


def test_pictures(written):
    folder, _ = written
    assert (folder / "paths.png").read_bytes().startswith(b"\x89PNG")
    assert "走到购买的路径" in (folder / "paths.svg").read_text()


def test_tables(written):
    folder, result = written
    found = {path.name for path in (folder / "tables").iterdir()}
    assert found == {
        "paths_to_goal.csv", "paths_to_leaving.csv", "transitions.csv", "dwell_by_kind.csv", "dwell_by_page.csv",
        "movers_session.csv", "movers_journey.csv",
    }  # fmt: skip
    with (folder / "tables" / "transitions.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert sum(int(row["n"]) for row in rows) == result["counts"]["events"] + result["counts"]["sessions"]
    assert result["written"] == [str(folder / f"paths.{kind}") for kind in ("html", "png", "svg")] + [
        str(folder / "tables" / name)
        for name in sorted(found, key=lambda name: result["written"].index(str(folder / "tables" / name)))
    ]


def test_people_read_it(written, capsys):
    show_paths(written[1])
    text = capsys.readouterr().out
    for part in (
        "Paths to purchase",
        "Paths to leaving",
        "What follows",
        "Seconds on a step",
        "Journeys with a step",
        "not cause",
    ):
        assert part in text
    assert "[/]鞋" in text


def test_verb(log, tmp_path):
    home = log.workspace.home
    words = ("--from", "2025-06-15", "--until", "2025-08-03", "--steps", "kind:page", "--depth", 3, "--horizon", 14)
    _, answer, _ = intently("paths", *words, "--out", tmp_path / "p.html", home=home)
    assert answer["from"] == "2025-06-14T16:00:00Z"
    assert set(answer) == {
        "from", "until", "to", "steps", "depth", "horizon_days", "left_out", "counts", "paths", "streams", "transitions",
        "dwell", "movers", "notes", "log_version", "written",
    }  # fmt: skip
    assert (tmp_path / "p.html").exists()


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("--from", "yesterday"), "'yesterday' is not a time"),
        (("--from", "2026-01-01"), "ends before it starts"),
        (("--steps", "knid"), "Did you mean 'kind'"),
        (("--to", "buy"), "Unknown event kind 'buy'"),
        (("--depth", "0"), "from 1 to 10"),
        (("--out", "paths.pdf"), ".html, .png or .svg"),
        (("--out", "no/such/folder/p.html"), "no folder"),
        (("--lang", "fr"), "'fr' is not one of"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_refused(log, words, part, capsys):
    assert main(["--home", str(log.workspace.home), "paths", *words]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert part in told.err


def test_a_log_without_events_says_what_to_do(tmp_path, capsys):
    assert main(["--home", str(tmp_path / "home"), "paths"]) == 2
    assert "ingest" in capsys.readouterr().err
    assert not (tmp_path / "home").exists()
