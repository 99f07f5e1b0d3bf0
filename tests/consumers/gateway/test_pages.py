"""The pages' files, and accounts for the asking where the configuration calls it a demo."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from http.client import HTTPConnection
from pathlib import Path

import pytest

from config.errors import ConfigError
from config.settings import GatewaySettings, Settings
from consumers.gateway.page_files import FOLDER, PAGES
from consumers.gateway.pages.vendor import wrong_files
from ops.pipeline import refuse_what_is_missing
from tests.consumers.gateway.asking import Client, gateway_port
from tests.pipeline import Pipeline, eventually, pipeline

HTML = sorted(FOLDER.glob("*.html"))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with pipeline(tmp_path_factory.mktemp("pages"), config="[gateway]\ndemo = true\n", web=True) as made:
        made.up()
        yield made


def fetched(running: Pipeline, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = HTTPConnection("127.0.0.1", gateway_port(running), timeout=30)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read()
    connection.close()
    return found


class _Words(HTMLParser):
    """What of a page would need more than our own files: inline code, and addresses elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []
        self.own: list[str] = []
        self._in = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in = tag
        for name, value in attrs:
            if name.startswith("on") or name == "style" or (value or "").startswith(("http:", "https:", "//")):
                self.wrong.append(f"<{tag} {name}={value}>")
            if name in ("src", "href") and (value or "").startswith("/pages/"):
                self.own.append(str(value))

    def handle_data(self, data: str) -> None:
        if self._in in ("script", "style") and data.strip():
            self.wrong.append(data)


@pytest.mark.parametrize("page", HTML, ids=lambda page: page.name)
def test_a_page_has_no_code_of_its_own_and_nothing_from_elsewhere(page: Path) -> None:
    words = _Words()
    words.feed(page.read_text())
    assert words.wrong == []
    assert words.own, "it uses files"
    assert [name for name in words.own if not (FOLDER / name.removeprefix("/pages/")).exists()] == []


def test_no_script_asks_another_host_or_makes_code_of_text() -> None:
    for path in (FOLDER / "js").glob("*.js"):
        found = re.findall(
            r"https?://(?!on this)[a-z]\S*|\beval\(|new Function|innerHTML|document\.write", path.read_text()
        )
        assert found == [], path.name


def test_the_foreign_files_are_those_that_are_pinned() -> None:
    assert wrong_files() == []


def test_every_page_and_file_is_served_and_lets_nothing_else_in(running: Pipeline) -> None:
    files = [f"/pages/{path.relative_to(FOLDER).as_posix()}" for path in FOLDER.rglob("*.*js")]
    assert len(files) > 20
    for path in [*PAGES, *files]:
        status, headers, body = fetched(running, path)
        assert (status, bool(body)) == (200, True), path
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "script-src 'self';" in policy and "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
    status, _, body = fetched(running, "/", **{"If-None-Match": fetched(running, "/")[1]["ETag"]})
    assert (status, body) == (304, b"")


@pytest.mark.parametrize("path", ["/pages/vendor.py", "/pages/../server.py", "/pages/%2e%2e/server.py", "/pages/none"])
def test_what_is_no_page_is_not_served(running: Pipeline, path: str) -> None:
    assert fetched(running, path)[0] == 404


def test_whoever_asks_a_demo_has_a_funded_account_that_trades(running: Pipeline) -> None:
    made = Client(gateway_port(running)).ask("POST", "/demo/account").body
    other = Client(gateway_port(running)).ask("POST", "/demo/account").body
    assert made["account"] != other["account"]
    client = Client(gateway_port(running), made["apiKey"], made["secret"])
    eventually(lambda: client.signed("GET", "/api/v3/account").status == 200, "the key is known")
    account = client.signed("GET", "/api/v3/account").body
    assert account["uid"] == made["account"]
    held = {each["asset"]: each["free"] for each in account["balances"]}
    assert held == {"USDT": "100000.000000", "BTC": "10.00000000", "ETH": "10.00000000"}
    placed = client.signed("POST", "/api/v3/order", symbol="BTCUSDT", side="BUY", type="LIMIT", timeInForce="GTC",
                           quantity="1", price="100")  # fmt: skip
    assert placed.body["status"] == "NEW"
    assert running.report("reconcile")["ok"]


def test_a_foreign_page_gets_no_account(running: Pipeline) -> None:
    port = gateway_port(running)
    for headers in (
        {"Origin": "http://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": f"http://127.0.0.1:{port + 1}"},
        {"Host": f"elsewhere.example:{port}", "Origin": f"http://elsewhere.example:{port}"},
    ):
        refused = Client(port).ask("POST", "/demo/account", headers=headers)
        assert (refused.status, refused.code) == (403, -2015), headers
    assert Client(port).ask("POST", "/demo/account", headers={"Origin": f"http://127.0.0.1:{port}"}).status == 200


def test_a_demo_is_refused_where_others_could_reach_it() -> None:
    with pytest.raises(ConfigError, match="gateway.demo"):
        refuse_what_is_missing(Settings(gateway=GatewaySettings(host="0.0.0.0", demo=True)))
