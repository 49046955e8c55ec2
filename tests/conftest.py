"""What all tests share: where the data lies, and a closing table of what was skipped and why."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[1]
MAY_SKIP_IN_CI = ("no data: ",)
"""Beginnings of the reasons for which CI may skip."""


def find_data():
    """The folder of data sets that the repository does not carry; None where it is absent."""
    places = [Path(os.environ["INTENTLY_DATA"])] if "INTENTLY_DATA" in os.environ else [ROOT.parent / "shared" / "data"]
    return next((place for place in places if place.is_dir()), None)


@pytest.fixture(scope="session")
def data_dir():
    """The data sets at hand, or a skip that says so."""
    found = find_data()
    if found is None:
        pytest.skip("no data: neither $INTENTLY_DATA nor ../shared/data")
    return found


def pytest_configure():
    """Let Ctrl-C be felt, here and in the processes of tests: a shell starts what runs in the background without it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config, items):
    """Full-count torture and benchmarks run only when asked for (`-m`)."""
    if config.option.markexpr:
        return
    left = [item for item in items if item.get_closest_marker("torture") or item.get_closest_marker("bench")]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in left]


def reason_of(report):
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


def pytest_terminal_summary(terminalreporter):
    skipped = terminalreporter.stats.get("skipped", [])
    terminalreporter.section("skipped, and why")
    if not skipped:
        terminalreporter.line("nothing was skipped")
    for report in skipped:
        terminalreporter.line(f"{report.nodeid:<70} {reason_of(report)}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None:
        wrong = [r for r in reporter.stats.get("skipped", []) if not reason_of(r).startswith(MAY_SKIP_IN_CI)]
        if wrong:
            reporter.write_line(f"\nIn CI, {len(wrong)} tests were skipped for reasons that are not on the short list.")
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def intently(*words, home=None, environ=None, check=True):
    """Run the command line as a real process with `--json`; returns (exit status, the object on stdout, stderr)."""
    at = ["--home", str(home)] if home else []
    done = subprocess.run(
        [sys.executable, "-m", "intently", *at, "--json", *map(str, words)],
        capture_output=True, text=True, cwd=ROOT, env={**os.environ, **(environ or {})}, check=False,
    )  # fmt: skip
    assert done.stdout.count("\n") == 1, f"not one JSON object on stdout: {done.stdout[:500]!r}\n{done.stderr[-3000:]}"
    answer = json.loads(done.stdout)
    if check:
        assert done.returncode == 0, f"{answer}\n{done.stderr[-3000:]}"
    return done.returncode, answer, done.stderr


@dataclass(frozen=True)
class Shop:
    """A simulated shop that was ingested, trained on and promoted, as a user would."""

    home: Path
    source: Path
    ingest: dict
    train: dict


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    """2,000 users over 240 days, with version 1 answering. Tests read it; whoever writes copies it first."""
    home = tmp_path_factory.mktemp("shop") / "home"
    source = home / "input"
    intently("simulate", "--users", 2000, "--days", 240, "--seed", 7, "--out", source)
    _, ingest, _ = intently("ingest", source, "--format", "canonical", home=home)
    _, train, _ = intently("train", "--truth", source / "truth.parquet", home=home)
    intently("promote", train["version"], home=home)
    return Shop(home, source, ingest, train)


@contextmanager
def serving(home, *words):
    """The service of a workspace as a real process on a free port; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "intently", "--home", str(home), "serve", "--port", str(port), *words]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            for _ in range(600):
                if process.poll() is not None:
                    pytest.fail(f"the service ended: {process.stdout.read()[-3000:]}")
                try:
                    if httpx.get(f"{url}/readyz", timeout=2).status_code == 200:
                        break
                except httpx.TransportError:
                    time.sleep(0.1)
            yield url
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)


@pytest.fixture(scope="session")
def service(shop, tmp_path_factory):
    """The shop's service, on the log's clock, over a copy of the workspace; (address, home)."""
    home = tmp_path_factory.mktemp("service") / "home"
    shutil.copytree(shop.home, home)
    with serving(home, "--clock", "log") as url:
        yield url, home
