"""docs/clients.md, of what a run of the clients' tests showed."""

import platform
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.clients.driving import Outcome
from tests.clients.installed import requirements
from tests.pipeline import ROOT

PAGE = ROOT / "docs" / "clients.md"
WORDS = 100  # characters of what came back, at most
HEAD = """# Clients of others

Trading clients as their packages are, pinned, each in an environment of its own, changed by nothing but their URLs, at
a gateway of `./run.sh up` in a moving market. Written by `python -m tests.clients` ({day}, Python {python}). What each
is told to do is in `tests/clients/drive_*.py`; what is compared with the engine's own answers in `test_*.py` there.

How each is pointed here:

| client | by |
|---|---|
| python-binance | class attributes `API_URL`, `WS_API_URL`, `STREAM_URL` |
| binance-connector | `base_url`, `stream_url` |
| binance-sdk-spot | `base_path`, `stream_url` |
| ccxt, ccxt.pro | the hosts in `urls['api']`; `fetchCurrencies`, `fetchMargins` off, `fetchMarkets` of `spot` only |
| cryptofeed | `websocket_endpoints`, `rest_endpoints`; it takes `wss://` only: TLS stands before the gateway |
| freqtrade | `ccxt_config` of its configuration: as ccxt |
| nautilus_trader | `base_url_http`, `base_url_ws` |
"""


class Collector:
    """What a pytest run of these tests shows: each client's outcome, and how each check of it ended."""

    def __init__(self) -> None:
        self.outcomes: dict[str, Outcome] = {}
        self.checks: dict[str, dict[str, str]] = {}
        self.why: dict[str, str] = {}

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, Any, None]:
        """After each phase of a test."""
        report: pytest.TestReport = (yield).get_result()
        client = item.path.stem.removeprefix("test_")
        outcome = getattr(item, "funcargs", {}).get("outcome")
        if isinstance(outcome, Outcome):
            self.outcomes[client] = outcome
        if report.when == "call" or report.outcome != "passed":
            self.checks.setdefault(client, {})[item.name] = report.outcome
            if report.skipped and isinstance(report.longrepr, tuple):
                self.why[client] = report.longrepr[2]


def page(collected: Collector) -> str:
    """Its text."""
    day = datetime.now(UTC).date().isoformat()
    parts = [HEAD.format(day=day, python=platform.python_version()), "\n".join(_overview(collected)) + "\n"]
    parts += [
        f"{section_of(client)}\n\n" + "\n".join(_section(collected, client)) + "\n" for client in collected.checks
    ]
    return "\n".join(parts)


def section_of(client: str) -> str:
    """The heading of its section: its package and version."""
    name, version = next(iter(requirements(client).items()))
    return f"## {name} {version}"


def _overview(collected: Collector) -> Iterator[str]:
    yield "| client | version | calls | as expected | checks against the engine | hold |"
    yield "|---|---|---|---|---|---|"
    for client, checks in collected.checks.items():
        name, version = next(iter(requirements(client).items()))
        outcome = collected.outcomes.get(client)
        calls = "–" if outcome is None else str(len(outcome.calls.keys() | outcome.errors.keys()))
        answered = "–" if outcome is None else str(len(outcome.calls.keys() - outcome.errors.keys()))
        held = sum(result == "passed" for result in checks.values())
        yield f"| {name} | {version} | {calls} | {answered} | {len(checks)} | {held} |"


def _section(collected: Collector, client: str) -> Iterator[str]:
    outcome = collected.outcomes.get(client)
    if outcome is None:
        yield f"Not run: {collected.why.get(client, 'its driver told nothing')}"
        return
    yield "| called | got |"
    yield "|---|---|"
    for name in [*outcome.calls, *(name for name in outcome.errors if name not in outcome.calls)]:
        yield f"| `{name}` | {_got(outcome, name)} |"
    yield ""
    yield "| checked | holds |"
    yield "|---|---|"
    for test, result in collected.checks[client].items():
        yield f"| {test.removeprefix('test_').replace('_', ' ')} | {'yes' if result == 'passed' else 'no'} |"


def _got(outcome: Outcome, name: str) -> str:
    """In a few words."""
    if name in outcome.errors:
        return outcome.errors[name].strip().splitlines()[-1][:WORDS].replace("|", "/")
    found = outcome.calls[name]
    if isinstance(found, dict) and "raised" in found:
        return f"refused, as it should be: {found['raised']}"
    if isinstance(found, dict) and "updates" in found:
        return "a book, kept to the engine's"
    if isinstance(found, list):
        return "a list" if found else "nothing, an empty list"
    status = found.get("status") if isinstance(found, dict) else None
    return status if isinstance(status, str) else "answered"
