"""A browser for the tests of pages, and a demo pipeline with a market in it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.pipeline import PATIENCE_S, Pipeline, pipeline

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
MAKER = 7
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
# A page asks for much when it is opened, and many are within a minute, all from one address.
CONFIG = "[gateway]\ndemo = true\nweight_per_minute = 1000000\n"


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """Chromium as Debian has it."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        made = started.chromium.launch(executable_path=program, args=list(FLAGS))
        yield made
        made.close()


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A demo pipeline in which account 7 has orders on both sides of 50 000, and has traded."""
    with pipeline(tmp_path_factory.mktemp("browser"), config=CONFIG, web=True) as made:
        made.up()
        commands: list[dict[str, Any]] = [
            {"op": "deposit", "account": account, "asset": asset, "amount": "100000", "client_id": number}
            for account in (MAKER, MAKER + 1)
            for number, asset in enumerate(("USDT", "BTC"), 1)
        ]
        commands += [
            {"op": "place", "account": MAKER, "client_id": 10 + at, "symbol": "BTC-USDT", "side": side, "qty": "0.05",
             "type": "limit", "price": str(50000 + at // 2 * 10 + 5 if side == "sell" else 50000 - at // 2 * 10 - 5)}
            for at in range(40)
            for side in (("sell", "buy")[at % 2],)
        ]  # fmt: skip
        commands += [
            {"op": "place", "account": MAKER + 1, "client_id": 10, "symbol": "BTC-USDT", "side": "buy", "qty": "0.01",
             "type": "market"}
        ]  # fmt: skip
        made.report("send", *map(json.dumps, commands))
        made.settled()
        yield made


class Opened:
    """A page in a tab of its own, and everything that went wrong in it."""

    def __init__(self, browser: "Browser", running: Pipeline, path: str, size: dict[str, int], scheme: str) -> None:
        self.context = browser.new_context(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
        self.context.set_default_timeout(PATIENCE_S * 1000)
        self.page: Page = self.context.new_page()
        self.wrong: list[str] = []
        self.foreign: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", lambda said: self._note(said.type, said.text))
        self.page.on("response", lambda answer: self._check(answer.url, answer.status))
        self.page.on("request", lambda asked: self._look(asked.url))
        self.address = f"http://127.0.0.1:{running.base + 10}{path}"
        self.page.goto(self.address)

    def _note(self, kind: str, text: str) -> None:
        # A refusal, and a gateway that is killed meanwhile, the browser itself notes: that is none of the page's.
        own = ("Failed to load resource", "WebSocket connection to")
        if kind == "error" and not text.startswith(own):
            self.wrong.append(text)

    def _check(self, url: str, status: int) -> None:
        if status >= 400 and "/pages/" in url:
            self.wrong.append(f"{status} {url}")

    def _look(self, url: str) -> None:
        if not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:")):
            self.foreign.append(url)

    def shot(self, name: str) -> None:
        """A picture, where MATCHLINE_SHOTS says that somebody wants to look at it."""
        import os

        folder = os.environ.get("MATCHLINE_SHOTS")
        if folder:
            self.page.screenshot(path=str(Path(folder) / f"{name}.png"))


@pytest.fixture
def open_page(browser: "Browser", running: Pipeline) -> Iterator[Any]:
    """open_page(path, size, scheme) -> Opened. At the end nothing has gone wrong in any, and nobody else was asked."""
    opened: list[Opened] = []

    def open_one(path: str = "/", size: dict[str, int] = WIDE, scheme: str = "dark") -> Opened:
        opened.append(Opened(browser, running, path, size, scheme))
        return opened[-1]

    yield open_one
    for each in opened:
        each.context.close()
        assert (each.wrong, each.foreign) == ([], [])
