"""What every test runs under."""

import os
from collections.abc import Generator

import pytest

# Whose files take a minute or two.
LONGEST = ("tests/engine/test_bounds.py", "tests/e2e/", "tests/faults/", "tests/ops/")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where files run side by side, the longest begin first: at the end nobody waits for one of them."""
    if config.getoption("numprocesses", default=None):
        items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


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
