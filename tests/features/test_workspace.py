"""A workspace: what its first ingest fixed, where settings come from, one writer."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from features.errors import BusyError, DamagedError, FormatError, InputError, NotReadyError, SpecError
from features.events import KINDS, MAX_KINDS
from features.workspace import FORMAT, Facts, Workspace, check_timezone, write_json

ROOT = Path(__file__).parents[2]
HOLDER = """
import sys, time
from features.workspace import Workspace
with Workspace.at(sys.argv[1]).writing("ingesting orders.csv"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def workspace(tmp_path):
    return Workspace.at(tmp_path / "home", environ={})


def test_its_place_is_the_option_then_the_environment_then_the_folder_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    environ = {"INTENTLY_HOME": str(tmp_path / "env")}
    assert Workspace.at(tmp_path / "option", environ).home == tmp_path / "option"
    assert Workspace.at(None, environ).home == tmp_path / "env"
    assert Workspace.at(None, {}).home == tmp_path / "workspace"
    assert not (tmp_path / "workspace").exists()  # nothing is made by asking


def test_a_setting_is_the_option_then_the_environment_then_the_file_then_the_default(workspace):
    assert workspace.setting("port", default=3000) == 3000
    assert workspace.setting("port") is None
    workspace.home.mkdir()
    (workspace.home / "intently.toml").write_text('port = 4000\n[serve]\nhost = "here"\n')
    assert workspace.setting("port", default=3000) == 4000
    assert workspace.setting("serve.host") == "here"
    assert workspace.setting("serve.host.deeper", default="none") == "none"
    told = replace(workspace, environ={"INTENTLY_PORT": "5000", "INTENTLY_SERVE_HOST": "there"})
    assert told.setting("port", default=3000) == "5000"
    assert told.setting("serve.host") == "there"
    assert told.setting("port", option=6000) == 6000
    assert told.setting("port", option=0) == 0  # an option of nothing is an option


def test_the_tracking_store_lies_in_the_workspace_unless_told(workspace):
    assert workspace.tracking_uri == f"sqlite:///{workspace.home}/mlflow.db"
    assert replace(workspace, environ={"INTENTLY_TRACKING_URI": "http://there"}).tracking_uri == "http://there"


def test_a_file_of_settings_that_is_no_toml_is_named(workspace):
    workspace.home.mkdir()
    (workspace.home / "intently.toml").write_text("port = = 1")
    with pytest.raises(SpecError, match=r"intently\.toml is not TOML"):
        workspace.setting("port")


def test_facts_are_kept(workspace):
    assert not workspace.exists
    facts = Facts(timezone="Asia/Shanghai", currency="CNY", buckets=7, own_kinds=("试吃", "tasting"))
    assert workspace.fix(facts) == facts
    assert workspace.exists
    assert Workspace.at(workspace.home).facts == facts
    assert facts.kinds == (*KINDS, "试吃", "tasting")
    assert {path.name for path in workspace.home.iterdir()} == {
        ".facts",
        "workspace.json",
    }  # a lock, and no draft is left


def test_without_facts_the_way_out_is_told(workspace):
    with pytest.raises(NotReadyError, match=rf"intently --home {workspace.home} ingest"):
        workspace.facts  # noqa: B018


def test_further_kinds_follow_and_known_ones_keep_their_codes(workspace):
    workspace.fix(Facts(own_kinds=("tasting",)))
    assert workspace.add_kinds(("view", "repair", "tasting", "repair")).own_kinds == ("tasting", "repair")
    before = (workspace.home / "workspace.json").stat().st_mtime_ns
    assert workspace.add_kinds(("repair",)).own_kinds == ("tasting", "repair")
    assert (workspace.home / "workspace.json").stat().st_mtime_ns == before
    assert workspace.facts.kinds[-2:] == ("tasting", "repair")


def test_kinds_are_as_many_as_a_mask_holds(workspace):
    room = MAX_KINDS - len(KINDS)
    workspace.fix(Facts(own_kinds=tuple(f"k{i}" for i in range(room))))
    with pytest.raises(InputError, match=f"{MAX_KINDS + 1} event kinds: a workspace has at most {MAX_KINDS}"):
        workspace.add_kinds(("one more",))
    assert len(workspace.facts.kinds) == MAX_KINDS


@pytest.mark.parametrize("name", ["Asia/Shangai", "", "../etc/passwd", "UTC+8"])
def test_an_unknown_timezone_is_refused_and_nothing_fixed(workspace, name):
    with pytest.raises(InputError, match="Unknown timezone"):
        workspace.fix(Facts(timezone=name))
    assert not workspace.exists
    assert check_timezone("Asia/Shanghai").key == "Asia/Shanghai"


@pytest.mark.parametrize("found", [FORMAT + 1, 0, "1"])
def test_another_format_is_refused(workspace, found):
    workspace.fix(Facts())
    path = workspace.home / "workspace.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": found}))
    with pytest.raises(FormatError, match=f"has format {found}; this version reads format {FORMAT}"):
        workspace.facts  # noqa: B018


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:40],
        lambda text: "",
        lambda text: "[1, 2]",
        lambda text: "null",
        lambda text: text.replace('"own_kinds"', '"other"'),
        lambda text: text.replace('"buckets"', '"bucket"'),
        lambda text: text.replace("{", '{"more": 1,', 1),
    ],
    ids=["cut", "empty", "list", "null", "without kinds", "renamed", "more"],
)
def test_a_damaged_file_is_told(workspace, damage):
    workspace.fix(Facts())
    path = workspace.home / "workspace.json"
    path.write_text(damage(path.read_text()))
    with pytest.raises(DamagedError, match=r"workspace\.json cannot be read"):
        workspace.facts  # noqa: B018


def test_a_second_writer_is_refused_by_name_and_served_when_the_first_is_gone(workspace):
    command = [sys.executable, "-c", HOLDER, str(workspace.home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as holder:
        try:
            assert holder.stdout.readline() == b"held\n"
            with pytest.raises(BusyError) as refused, workspace.writing("training"):
                pytest.fail("two writers")
            assert refused.value.message == (
                f"{workspace.home} is being written by ingesting orders.csv (process {holder.pid}); "
                "one writer at a time. Try again later."
            )
        finally:
            os.kill(holder.pid, signal.SIGKILL)
            holder.wait()
    with workspace.writing("training"):  # the dead hold nothing
        assert (workspace.home / ".writer").read_text() == f"training (process {os.getpid()})"
    assert not (workspace.home / ".writer").exists()


def test_the_lock_is_freed_by_an_error(workspace):
    with pytest.raises(RuntimeError), workspace.writing("failing"):
        raise RuntimeError
    with workspace.writing("again"):
        pass


def test_json_is_written_whole(tmp_path, monkeypatch):
    path = tmp_path / "deep" / "a.json"
    write_json(path, {"词": 1})
    assert "词" in path.read_text()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", lambda *a, **k: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            write_json(path, {"词": 2})
    assert json.loads(path.read_text()) == {"词": 1}
