"""Runs a failed test once more, for `--rerun-failed`; CI asks for it.

Nothing is hidden: the summary counts reruns, and the text of the first failure is printed before
it. A test that fails twice has failed.
"""

from collections.abc import Iterator

import pytest
from _pytest.runner import runtestprotocol

_OUTCOME = "rerun"
_BEGUN_AGAIN = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the option."""
    parser.addoption("--rerun-failed", action="store_true", help="run a failed test once more")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run a test; if it fails, tell of that and leave the rest to pytest, as if it began now."""
    if not item.config.getoption("rerun_failed") or item.stash.get(_BEGUN_AGAIN, False):
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, log=False, nextitem=nextitem)
    failed = [report for report in reports if report.failed]
    if failed and failed[0].when == "setup":  # what it shares with others may be what failed
        failed += _torn_down(item)
    for report in [_told(failed)] if failed else reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    if failed:
        item.stash[_BEGUN_AGAIN] = True
        # With all that is wrapped around a test, such as its deadline.
        item.ihook.pytest_runtest_protocol(item=item, nextitem=nextitem)
    return True


def _torn_down(item: pytest.Item) -> Iterator[pytest.TestReport]:
    """End all fixtures, so that they begin anew; yield the report if that fails."""
    state = item.session._setupstate
    call = pytest.CallInfo.from_call(lambda: state.teardown_exact(None), when="teardown")
    report = pytest.TestReport.from_item_and_call(item, call)
    if report.failed:
        yield report


def _told(failed: list[pytest.TestReport]) -> pytest.TestReport:
    """Return one report of all that failed, which counts as a rerun."""
    first, *others = failed
    first.sections += [(f"failed at {other.when} too", other.longreprtext) for other in others]
    first.outcome = _OUTCOME  # type: ignore[assignment]
    return first


def pytest_report_teststatus(
    report: pytest.TestReport,
) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
    """Count a rerun as one."""
    if report.outcome == _OUTCOME:
        return _OUTCOME, "R", ("RERUN", {"yellow": True})
    return None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print why tests were run once more, and which."""
    reports = terminalreporter.getreports(_OUTCOME)
    if not reports:
        return
    terminalreporter.section("failures that were run once more")
    for report in reports:
        terminalreporter.section(report.nodeid, sep="_")
        terminalreporter.write_line(report.longreprtext)
        for name, text in report.sections:
            terminalreporter.section(name, sep="-")
            terminalreporter.write_line(text)
    terminalreporter.section("run once more, each a defect to look into")
    for report in reports:
        terminalreporter.write_line(f"RERUN {report.nodeid}")
