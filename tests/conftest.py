"""What every test runs under."""

import os
from collections.abc import Generator

import pytest

# What needs outside servers (tests/servers), a browser or other toolchains: left out unless `--servers` or a path asks.
ON_SERVERS = (
    "tests/browser/",
    "tests/servers/",
    "tests/client/test_foreign_subscribers.py",
    "tests/client/test_subscribers.py::test_c",  # it needs Debian's libzmq3-dev
    "tests/clients/",
    "tests/consumers/mirror/",
    *(f"tests/consumers/sinks/test_{kind}" for kind in ("kafka", "mongodb", "mysql", "postgresql", "redis")),
    "tests/e2e/test_all_sinks.py",
    "tests/e2e/test_mirror.py",
    "tests/engine/test_entry_kafka.py",
)
# Whose files take a minute or two.
LONGEST = ("tests/engine/test_bounds.py", "tests/e2e/", "tests/faults/", "tests/ops/")


def pytest_addoption(parser: pytest.Parser) -> None:
    """--servers."""
    parser.addoption("--servers", action="store_true", help="only what needs outside servers")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of tests on outside servers all or none, as was asked; of the rest the longest files begin first.

    Where files run side by side, nobody waits at the end for one of them then.
    """
    asked = bool(config.getoption("servers"))
    if asked or not any(f"{given}/".startswith(ON_SERVERS) for given in config.args):
        left_out = [item for item in items if item.nodeid.startswith(ON_SERVERS) != asked]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item.nodeid.startswith(ON_SERVERS) == asked]
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
