"""freqtrade as it is started by hand: the hosts of its ccxt are set by `ccxt_config`, and that it is spot alone."""

import base64
import json
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import ccxt

from tests.clients.telling import Told, told, until

HOST, USER, PASSWORD = "127.0.0.1", "freqtrader", "freqtrade's own page"
BEGINS_WITH = 10  # bitcoin, see driving.FUNDS
STRATEGIES = Path(__file__).with_name("freqtrade")
STARTS_S = 120.0  # on a busy host its imports alone take half a minute


def configuration(given: Told, ui_port: int) -> dict[str, Any]:
    """Live, with its UI's API."""
    known = ccxt.binance().urls["api"]
    api = {name: given.url + urlsplit(url).path for name, url in known.items() if isinstance(url, str)}
    api["ws"] = {"spot": f"{given.ws_url}/ws", "ws-api": {"spot": f"{given.ws_url}/ws-api/v3"}}
    options = {"fetchCurrencies": False, "fetchMargins": False, "fetchMarkets": {"types": ["spot"]}}
    priced = {"price_side": "other", "use_order_book": True, "order_book_top": 1}
    return {
        "dry_run": False,
        "initial_state": "running",
        "trading_mode": "spot",
        "stake_currency": "USDT",
        "stake_amount": 500,
        "max_open_trades": 1,
        "timeframe": "1m",
        "entry_pricing": priced,
        "exit_pricing": priced,
        "internals": {"process_throttle_secs": 1},
        "pairlists": [{"method": "StaticPairList"}],
        "exchange": {
            "name": "binance",
            "key": given.key,
            "secret": given.secret,
            "ccxt_config": {"urls": {"api": api}, "options": options},
            "pair_whitelist": ["BTC/USDT"],
        },
        "api_server": {
            "enabled": True,
            "listen_ip_address": HOST,
            "listen_port": ui_port,
            "username": USER,
            "password": PASSWORD,
            "jwt_secret_key": "of this run alone, and of no use elsewhere",
        },
    }


class Page:
    """The API that freqtrade's own page asks."""

    def __init__(self, port: int) -> None:
        self._url = f"http://{HOST}:{port}/api/v1/"
        self._login = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    def ask(self, path: str, method: str = "GET") -> Any:
        """An answer."""
        asking = urllib.request.Request(self._url + path, method=method, headers={"Authorization": self._login})
        with urllib.request.urlopen(asking, timeout=30) as answer:
            return json.load(answer)

    def is_there(self) -> bool:
        """Whether it answers yet."""
        try:
            return bool(self.ask("ping")["status"] == "pong")
        except OSError:
            return False


def holds_no_more(page: Page) -> bool:
    """Whether it knows of no more than it began with; fees were paid of that."""
    rows = {row["currency"]: row["balance"] for row in page.ask("balance")["currencies"]}
    return bool(rows["BTC"] <= BEGINS_WITH)


def follow(given: Told, page: Page) -> None:
    """Until a trade was closed, then no more, and what the page shows of it."""
    until(page.is_there, "its page", STARTS_S)

    def closed() -> bool:
        return any(not trade["is_open"] for trade in page.ask("trades")["trades"])

    until(closed, "a closed trade", STARTS_S)
    given.call("stopentry", page.ask, "stopentry", "POST")
    until(lambda: page.ask("status") == [], "the end of the last trade")
    until(lambda: holds_no_more(page), "balances after the last sale: it asks for them now and then")
    for name in ("trades", "count", "balance", "profit", "performance", "whitelist"):
        given.call(name, page.ask, name)
    given.call("pair_candles", page.ask, "pair_candles?pair=BTC/USDT&timeframe=1m&limit=5")
    given.call("logs", page.ask, "logs?limit=500")
    given.call("stop", page.ask, "stop", "POST")


def main() -> None:
    """All of it."""
    given = told()
    with socket.socket() as free:
        free.bind((HOST, 0))
        ui_port = free.getsockname()[1]
    Path("config.json").write_text(json.dumps(configuration(given, ui_port)))
    Path("user").mkdir()
    strategy = ("--strategy-path", str(STRATEGIES), "--strategy", "Rounds")
    command = (sys.executable, "-m", "freqtrade", "trade", "--config", "config.json", "--userdir", "user", *strategy)
    trading = subprocess.Popen(command, stdout=sys.stderr)
    try:
        given.call("trade", follow, given, Page(ui_port))
    finally:
        trading.terminate()
        given.calls["ends by SIGTERM with"] = trading.wait(30)
    given.tell()


main()
