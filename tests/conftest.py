"""What all tests share: where the data lies, and a closing table of what was skipped and why."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_SKIP_IN_CI: tuple[str, ...] = ()
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
        wrong = [r for r in reporter.stats.get("skipped", []) if not reason_of(r).startswith(MAY_SKIP_IN_CI or ("\0",))]
        if wrong:
            reporter.write_line(f"\nIn CI, {len(wrong)} tests were skipped for reasons that are not on the short list.")
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
