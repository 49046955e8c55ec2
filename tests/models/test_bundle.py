"""Bundles: the same answers after a round trip, every damage refused, crashes and hangs kept in the child, the pointer."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.catalogue import Catalogue
from features.errors import DamagedError, FormatError, InputError, NotFoundError, NotReadyError
from features.workspace import Facts, Workspace
from models import bundle as bundles
from models import golden, manifest
from models.bundle import Bundle
from models.model import Model
from models.pointer import DEPTH, Pointer, point, pointer

Edit = Callable[[bytes], bytes]


def copied(folder: Path, to: Path) -> Path:
    shutil.copytree(folder, to)
    return to


def remade(folder: Path, edits: dict[str, Edit], head: Callable[[dict], object] = dict) -> str:
    """Change files and make the manifest true again, as a fault in the writer would; its new digest."""
    about = json.loads((folder / manifest.MANIFEST).read_bytes())
    for name, edit in edits.items():
        data = edit((folder / name).read_bytes())
        (folder / name).write_bytes(data)
        about["files"][name] = hashlib.sha256(data).hexdigest()
    text = json.dumps(head(about) or about).encode()
    (folder / manifest.MANIFEST).write_bytes(text)
    return hashlib.sha256(text).hexdigest()


def test_what_is_read_is_what_was_written(written: tuple[Path, str], bundle: Bundle, parts: dict) -> None:
    folder, digest = written
    assert hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest() == digest
    assert (bundle.version, bundle.digest) == (folder.name, digest)
    assert bundle.facts == parts["facts"]
    assert bundle.catalogue == parts["catalogue"]
    assert set(bundle.models) == {"churn_30d", "stage_7d", "next_purchase"}
    for name, model in bundle.models.items():
        made: Model = parts["models"][name]
        assert model.to_json() == made.to_json()
        assert model.booster_text == made.booster_text
        assert model.vocabularies == made.vocabularies
        assert (folder / "specs" / f"{name}.toml").read_text() == parts["specs"][name]


def test_the_manifest_says_what_the_bundle_is(bundle: Bundle, parts: dict) -> None:
    about = bundle.about
    assert about["format"] == manifest.FORMAT
    assert about["created"] == "2025-06-15T15:06:40Z"
    assert about["catalogue_digest"] == parts["catalogue"].digest
    assert about["facts"]["timezone"] == "Asia/Shanghai"
    assert about["kinds"][-1] == "livestream"
    assert about["targets"]["churn_30d"]["metrics"] == {"log_loss": 0.5}
    assert about["targets"]["stage_7d"]["classes"] == ["idle", "browsing", "considering", "buying"]
    assert about["lineage"] == {"log": 3}


def test_answers_and_predictions_survive_the_round_trip_to_the_bit(bundle: Bundle, parts: dict) -> None:
    histories = golden.invent(len(bundle.facts.kinds), 77, {})
    matrix = bundle.answers(histories, golden.NOW)
    assert matrix.names == (
        *parts["catalogue"].names,
        *(f"cohort:{name}" for name in ("churn_30d", "stage_7d", "next_purchase")),
    )
    found = bundle.predict(matrix)
    for name, model in parts["models"].items():
        assert found[name].tobytes() == model.predict(matrix).tobytes()
    alone = [bundle.predict(bundle.answers(histories.take(np.array([i])), golden.NOW)) for i in range(len(histories))]
    for name, scores in found.items():
        assert np.concatenate([one[name] for one in alone]).tobytes() == scores.tobytes()


def test_a_history_with_kinds_that_came_later_is_answered(bundle: Bundle) -> None:
    more = golden.invent(len(bundle.facts.kinds) + 3, 5, {})
    assert len(bundle.predict(bundle.answers(more, golden.NOW))["stage_7d"]) == golden.PERSONS


def test_the_same_parts_give_the_same_bytes(written: tuple[Path, str], parts: dict, tmp_path: Path) -> None:
    folder, digest = written
    assert bundles.write(tmp_path / folder.name, **parts) == digest


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(data=st.data())
def test_one_flipped_bit_anywhere_is_refused(written: tuple[Path, str], data: st.DataObject) -> None:
    folder, digest = written
    name = data.draw(
        st.sampled_from(sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()))
    )
    path = folder / name
    sound = path.read_bytes()
    place = data.draw(st.integers(0, len(sound) - 1))
    hurt = bytearray(sound)
    hurt[place] ^= 1 << data.draw(st.integers(0, 7))
    try:
        path.write_bytes(hurt)
        with pytest.raises(DamagedError) as error:
            bundles.load(folder, digest)
    finally:
        path.write_bytes(sound)
    assert name in error.value.message
    assert "roll back" in error.value.message.lower()


@pytest.mark.parametrize(
    "name", ["golden.npz", "models.json", "specs/stage_7d.toml", "manifest.json", "stage_7d.booster.txt"]
)
def test_a_missing_or_shortened_file_is_refused(written: tuple[Path, str], tmp_path: Path, name: str) -> None:
    folder = copied(written[0], tmp_path / "a")
    with (folder / name).open("rb+") as file:
        file.truncate(10)
    with pytest.raises(DamagedError, match=name):
        bundles.load(folder, written[1])
    (folder / name).unlink()
    with pytest.raises(DamagedError, match=f"{name} cannot be read: No such file"):
        bundles.load(folder, written[1])


def test_what_the_manifest_does_not_name_is_refused(written: tuple[Path, str], tmp_path: Path) -> None:
    folder = copied(written[0], tmp_path / "a")
    for name in ("extra.txt", ".hidden", "specs/more.toml"):
        (folder / name).write_text("")
        with pytest.raises(DamagedError, match=f"it holds '{re.escape(name)}'"):
            bundles.load(folder, written[1])
        (folder / name).unlink()
    (folder / "link").symlink_to(folder / "models.json")
    with pytest.raises(DamagedError, match="it holds 'link'"):
        bundles.load(folder, written[1])
    (folder / "link").unlink()
    bundles.load(folder, written[1])


def test_links_in_place_of_files_are_refused(written: tuple[Path, str], tmp_path: Path) -> None:
    folder = copied(written[0], tmp_path / "a")
    (folder / "models.json").rename(tmp_path / "elsewhere.json")
    (folder / "models.json").symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(DamagedError, match="is a link"):
        bundles.load(folder, written[1])


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/passwd", "a/../../b", "specs/..", "", "a//b", "manifest.json", "a\\b", "a\0"]
)
def test_names_that_lead_out_of_the_folder_are_refused(written: tuple[Path, str], tmp_path: Path, name: str) -> None:
    folder = copied(written[0], tmp_path / "a")
    (tmp_path / "secret").write_text("x")
    digest = remade(folder, {}, lambda about: about["files"].update({name: hashlib.sha256(b"x").hexdigest()}))
    with pytest.raises(DamagedError, match="is not a plain name"):
        bundles.load(folder, digest)


def test_a_newer_format_is_refused_by_name(written: tuple[Path, str], tmp_path: Path) -> None:
    folder = copied(written[0], tmp_path / "a")
    digest = remade(folder, {}, lambda about: about.update(format=9, oldest_reader=8))
    with pytest.raises(
        FormatError, match=r"has format 9, which needs a reader of format 8; this version reads format 1"
    ):
        bundles.verify(folder, digest)
    digest = remade(folder, {}, lambda about: about.update(format=9, oldest_reader=1))  # newer, and says we may
    assert bundles.load(folder, digest).about["format"] == 9


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[]", b"null", b"{", b'{"format": 1, "oldest_reader": 1, "files": 3}', b"\xff"]
)
def test_a_manifest_that_is_none_is_refused(written: tuple[Path, str], tmp_path: Path, text: bytes) -> None:
    folder = copied(written[0], tmp_path / "a")
    (folder / "manifest.json").write_bytes(text)
    with pytest.raises(DamagedError, match="cannot be read"):
        bundles.load(folder, hashlib.sha256(text).hexdigest())


def test_parts_that_do_not_fit_are_damage(written: tuple[Path, str], tmp_path: Path) -> None:
    edits: list[tuple[str, Edit, str]] = [
        ("models.json", lambda data: data.replace(b'"trained"', b'"tained"', 1), "KeyError"),
        ("models.json", lambda data: data.replace(b'"method": "beta"', b'"method": "bet"'), "Did you mean 'beta'"),
        ("vocabularies.json", lambda data: b"{}", "KeyError"),
        ("catalogue.json", lambda data: data.replace(b'"ask": "count"', b'"ask": "cont"', 1), "Did you mean 'count'"),
        ("golden.npz", lambda data: data[:100], "BadZipFile"),
        ("stage_7d.booster.txt", lambda data: data.replace(b"feature_names=", b"feature_names=x ", 1), "another order"),
    ]
    for i, (name, edit, says) in enumerate(edits):
        folder = copied(written[0], tmp_path / str(i))
        with pytest.raises(DamagedError) as error:
            bundles.load(folder, remade(folder, {name: edit}))
        assert says in error.value.message
    folder = copied(written[0], tmp_path / "kinds")
    with pytest.raises(DamagedError, match="kinds are coded otherwise"):
        bundles.load(folder, remade(folder, {}, lambda about: about["kinds"].reverse()))


def test_no_such_bundle(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="There is no bundle"):
        bundles.load(tmp_path / "9", "0" * 64)


def test_writing_is_whole_or_nothing(
    parts: dict, written: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="a version is written once"):
        bundles.write(written[0], **parts)
    with pytest.raises(InputError, match="no name for a version"):
        bundles.write(tmp_path / "a b", **parts)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        bundles.write(tmp_path / "1", **parts)
    assert list(tmp_path.iterdir()) == []


def test_a_writer_that_is_killed_leaves_no_version_and_no_draft(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys, models.manifest as m\n"
        "os.fsync = lambda handle: (print('writing', flush=True), sys.stdin.read())\n"
        f"m.write(pathlib.Path({str(tmp_path)!r}) / '1', {{'a.txt': b'x', 'b/c.txt': b'y'}}, {{}})"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"writing\n"
        assert [path.name for path in tmp_path.iterdir()] == [f".1.{writer.pid}"]
        writer.kill()
    digest = manifest.write(tmp_path / "1", {"a.txt": b"x"}, {})
    assert [path.name for path in tmp_path.iterdir()] == ["1"]
    assert manifest.read(tmp_path / "1", digest)[1] == {"a.txt": b"x"}


def every_leaf_moved(data: bytes) -> bytes:
    """The booster's last tree answers a little otherwise."""
    head, sep, tail = data.rpartition(b"\nleaf_value=")
    values, _, rest = tail.partition(b"\n")
    moved = b" ".join(repr(float(value) + 1e-4).encode() for value in values.split())
    return head + sep + moved + b"\n" + rest


def children(place: bytes) -> Edit:
    """Every node's left child is `place`."""

    def edit(data: bytes) -> bytes:
        data = re.sub(rb"(?m)^tree_sizes=.*\n", b"", data)  # else LightGBM stumbles over the new length first
        return re.sub(rb"(?m)^left_child=.*$", lambda m: b"left_child=" + b" ".join([place] * len(m[0].split())), data)

    return edit


def test_another_booster_whose_digest_was_made_again_is_caught_by_golden_rows(
    written: tuple[Path, str], tmp_path: Path
) -> None:
    folder = copied(written[0], tmp_path / "a")
    digest = remade(folder, {"stage_7d.booster.txt": every_leaf_moved})
    bundles.load(folder, digest)  # its parts fit; only its answers tell
    with pytest.raises(DamagedError, match="target stage_7d answers otherwise than when the bundle was written"):
        bundles.verify(folder, digest)


def test_a_booster_that_crashes_kills_the_child_only(written: tuple[Path, str], tmp_path: Path) -> None:
    folder = copied(written[0], tmp_path / "a")
    digest = remade(folder, {"stage_7d.booster.txt": children(b"1000000000")})
    with pytest.raises(DamagedError, match=r"crashes the process that loads it \(signal"):
        bundles.verify(folder, digest)


def test_a_booster_that_hangs_is_ended(written: tuple[Path, str], tmp_path: Path) -> None:
    folder = copied(written[0], tmp_path / "a")
    digest = remade(folder, {"stage_7d.booster.txt": children(b"0")})
    with pytest.raises(DamagedError, match="gave no answer within 10 seconds"):
        bundles.verify(folder, digest, timeout=10)


def test_after_an_upgrade_of_lightgbm_the_champion_is_verified_again(written: tuple[Path, str], tmp_path: Path) -> None:
    workspace = shop(tmp_path / "home")
    folder = copied(written[0], workspace.bundles / "1")
    crash = {"stage_7d.booster.txt": children(b"1000000000")}
    point(workspace, "1", remade(folder, crash, lambda about: about.update(lightgbm="0.0.1")), None)
    with pytest.raises(DamagedError, match="crashes the process"):
        bundles.champion(workspace)


def shop(home: Path, **facts: object) -> Workspace:
    workspace = Workspace.at(home, {})
    workspace.fix(Facts(**({"timezone": "Asia/Shanghai", "own_kinds": ("livestream",)} | facts)))  # type: ignore[arg-type]
    return workspace


def test_nothing_answers_before_a_promotion(tmp_path: Path) -> None:
    workspace = shop(tmp_path)
    assert pointer(workspace) is None
    with pytest.raises(NotReadyError, match="intently promote"):
        bundles.champion(workspace)
    with pytest.raises(NotReadyError, match="nothing to roll back to"):
        bundles.roll_back(workspace)


def test_promotion_and_rollback(written: tuple[Path, str], tmp_path: Path) -> None:
    workspace = shop(tmp_path / "home")
    folder, digest = written
    copied(folder, workspace.bundles / "1")
    assert bundles.set_champion(workspace, "1", digest) == Pointer("1", digest)
    assert bundles.champion(workspace).digest == digest
    stamp = workspace.champion.stat().st_mtime_ns
    bundles.set_champion(workspace, "1", digest)  # again: nothing moves
    assert workspace.champion.stat().st_mtime_ns == stamp
    copied(folder, workspace.bundles / "2")
    for wrong, error in ((("2", "0" * 64), DamagedError), (("3", digest), NotFoundError)):
        with pytest.raises(error):
            bundles.set_champion(workspace, *wrong)
        assert pointer(workspace) == Pointer("1", digest)
    point(workspace, "2", digest, pointer(workspace))
    assert bundles.roll_back(workspace) == Pointer("1", digest)
    assert pointer(workspace) == Pointer("1", digest)


def test_a_rollback_to_a_damaged_bundle_is_refused(written: tuple[Path, str], tmp_path: Path) -> None:
    workspace = shop(tmp_path / "home")
    folder = copied(written[0], workspace.bundles / "1")
    now = point(workspace, "2", written[1], point(workspace, "1", written[1], None))
    (folder / "models.json").write_text("{}")
    with pytest.raises(DamagedError, match=r"models\.json"):
        bundles.roll_back(workspace)
    assert pointer(workspace) == now


def test_the_champion_of_another_shop_is_refused(written: tuple[Path, str], tmp_path: Path) -> None:
    folder, digest = written
    for i, facts in enumerate(({"timezone": "UTC"}, {"own_kinds": ("other", "livestream")}, {"own_kinds": ()})):
        workspace = shop(tmp_path / str(i), **facts)
        copied(folder, workspace.bundles / "1")
        point(workspace, "1", digest, None)
        with pytest.raises(NotReadyError, match="trained on another workspace"):
            bundles.champion(workspace)
    workspace = shop(tmp_path / "later", own_kinds=("livestream", "preorder"))  # kinds that came later are fine
    copied(folder, workspace.bundles / "1")
    point(workspace, "1", digest, None)
    assert bundles.champion(workspace).version == bundles.load(folder, digest).version


def test_a_champion_that_is_gone_is_damage(tmp_path: Path) -> None:
    workspace = shop(tmp_path)
    point(workspace, "1", "0" * 64, None)
    with pytest.raises(DamagedError, match="Bundle 1, which answers, is gone"):
        bundles.champion(workspace)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "3", '{"version": "1"}', '{"version": "../1", "digest": "%s"}' % ("0" * 64), '{"version": "1", "digest": "x"}',
     '{"version": 1, "digest": "%s"}' % ("0" * 64), '{"version": "a/b", "digest": "%s"}' % ("0" * 64)],
)  # fmt: skip
def test_a_pointer_that_is_none_is_damage(tmp_path: Path, text: str) -> None:
    workspace = shop(tmp_path)
    workspace.champion.write_text(text)
    with pytest.raises(DamagedError, match=r"champion\.json cannot be read"):
        bundles.champion(workspace)


def test_the_pointers_chain_is_kept_and_bounded(tmp_path: Path) -> None:
    workspace = shop(tmp_path)
    for i in range(DEPTH + 5):
        point(workspace, str(i), f"{i:064x}", pointer(workspace))
    found, versions = pointer(workspace), []
    while found is not None:
        versions.append(found.version)
        found = found.previous
    assert versions == [str(i) for i in range(DEPTH + 4, 3, -1)]


def test_importing_models_leaves_lightgbm_alone() -> None:
    heavy = "lightgbm mlflow bentoml deltalake sklearn pandas matplotlib duckdb"
    code = f"import models.bundle, models.spec, sys; print(*sorted(set('{heavy}'.split()) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_catalogue_is_whole(bundle: Bundle) -> None:
    assert Catalogue.from_json(bundle.catalogue.to_json()).digest == bundle.about["catalogue_digest"]
