"""What every test runs under."""

import os
from collections.abc import Generator

import pytest


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.CallInfo[None], None]:
    """With MATCHLINE_REQUIRE_SERVERS=1 (CI) what a test needs from outside must be there: a skip is a failure.

    Only what is marked `handed_in` needs what no test run can get by itself.
    """
    outcome: object = yield
    report: pytest.TestReport = outcome.get_result()  # type: ignore[attr-defined]
    handed_in = item.get_closest_marker("handed_in") is not None
    if report.skipped and not handed_in and os.environ.get("MATCHLINE_REQUIRE_SERVERS") == "1":
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped where nothing may be: {report.longrepr}"
