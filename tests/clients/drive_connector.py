"""binance-connector: `base_url` and `stream_url` are set, nothing else."""

import json
import queue
from collections.abc import Callable
from typing import Any

from binance.spot import Spot
from binance.websocket.spot.websocket_api import SpotWebsocketAPIClient
from binance.websocket.spot.websocket_stream import SpotWebsocketStreamClient

from tests.clients.telling import PATIENCE_S, Told, told

SYMBOL = "BTCUSDT"


class Heard:
    """What comes over a socket, as its callback is told."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Any] = queue.Queue()

    def put(self, socket: Any, text: str) -> None:
        """The callback."""
        self._queue.put(json.loads(text))

    def first(self, fits: Callable[[Any], bool]) -> Any:
        """The first that fits; what comes before it is dropped."""
        while not fits(found := self._queue.get(timeout=PATIENCE_S)):
            pass
        return found

    def all_until(self, fits: Callable[[Any], bool]) -> list[Any]:
        """Everything up to the first that fits."""
        found = [self._queue.get(timeout=PATIENCE_S)]
        while not fits(found[-1]):
            found.append(self._queue.get(timeout=PATIENCE_S))
        return found


def ask_in_public(given: Told, client: Spot) -> None:
    """What needs no key."""
    call = given.call
    call("time", client.time)
    call("exchange_info", client.exchange_info, symbol=SYMBOL)
    call("depth", client.depth, SYMBOL, limit=10)
    call("trades", client.trades, SYMBOL, limit=3)
    call("historical_trades", client.historical_trades, SYMBOL, limit=3)
    call("agg_trades", client.agg_trades, SYMBOL, limit=3)
    call("klines", client.klines, SYMBOL, "1m", limit=3)
    call("ui_klines", client.ui_klines, SYMBOL, "1m", limit=3)
    call("avg_price", client.avg_price, SYMBOL)
    call("ticker_24hr", client.ticker_24hr, SYMBOL)
    call("ticker_price", client.ticker_price, SYMBOL)
    call("book_ticker", client.book_ticker, SYMBOL)
    call("rolling_window_ticker", client.rolling_window_ticker, SYMBOL)


def trade(given: Told, client: Spot) -> None:
    """Orders, beside the user data stream of a listen key."""
    call = given.call
    token = call("new_listen_key", client.new_listen_key)["listenKey"]
    call("renew_listen_key", client.renew_listen_key, token)
    heard = Heard()
    stream = SpotWebsocketStreamClient(stream_url=given.ws_url, on_message=heard.put)
    stream.user_data(listen_key=token)
    heard.first(lambda message: "result" in message)
    limit = {"symbol": SYMBOL, "side": "SELL", "type": "LIMIT", "timeInForce": "GTC"}
    rests = call("new_order LIMIT", client.new_order, quantity="0.01", price="64000", **limit)
    call("new_order MARKET", client.new_order, SYMBOL, "BUY", "MARKET", quantity="0.02")
    call("new_order IOC", client.new_order, SYMBOL, "SELL", "LIMIT", timeInForce="IOC", quantity="0.01", price="49000")
    call("new_order_test", client.new_order_test, SYMBOL, "BUY", "MARKET", quantity="0.02")
    call("get_order", client.get_order, SYMBOL, orderId=rests["orderId"])
    call("get_open_orders", client.get_open_orders, SYMBOL)
    call("cancel_order", client.cancel_order, SYMBOL, orderId=rests["orderId"])
    given.calls["user_data"] = heard.all_until(lambda message: message.get("x") == "CANCELED")
    stream.stop()
    call("get_orders", client.get_orders, SYMBOL)
    call("my_trades", client.my_trades, SYMBOL)
    call("account", client.account)
    call("query_commission_rates", client.query_commission_rates, SYMBOL)
    call("get_order_rate_limit", client.get_order_rate_limit)
    given.refused("a cancel of nothing", client.cancel_order, SYMBOL, orderId=1)
    call("close_listen_key", client.close_listen_key, token)


def listen(given: Told) -> None:
    """Market streams, raw and combined."""
    for name, combined in (("streams", False), ("combined streams", True)):
        heard = Heard()
        stream = SpotWebsocketStreamClient(stream_url=given.ws_url, on_message=heard.put, is_combined=combined)
        try:
            stream.subscribe(["btcusdt@trade", "btcusdt@bookTicker", "btcusdt@depth@100ms", "btcusdt@kline_1m"])
            wanted = "stream" if combined else "e"
            given.call(name, heard.first, lambda message, field=wanted: field in message)
        finally:
            stream.stop()


def ask_by_socket(given: Told) -> None:
    """The WebSocket API."""
    heard = Heard()
    client = SpotWebsocketAPIClient(
        stream_url=f"{given.ws_url}/ws-api/v3", api_key=given.key, api_secret=given.secret, on_message=heard.put
    )
    limit = {"symbol": SYMBOL, "side": "SELL", "type": "LIMIT", "timeInForce": "GTC"}
    try:
        for name, ask in (
            ("ws ping_connectivity", lambda: client.ping_connectivity(id="1")),
            ("ws order_book", lambda: client.order_book(symbol=SYMBOL, limit=5, id="2")),
            ("ws new_order", lambda: client.new_order(id="3", quantity="0.01", price="65000", **limit)),
            ("ws get_open_orders", lambda: client.get_open_orders(symbol=SYMBOL, id="4")),
            ("ws cancel_open_orders", lambda: client.cancel_open_orders(symbol=SYMBOL, id="5")),
            ("ws account", lambda: client.account(id="6")),
        ):
            ask()
            given.call(name, heard.first, lambda message: "status" in message)
    finally:
        client.stop()


def main() -> None:
    """All of it."""
    given = told()
    client = Spot(api_key=given.key, api_secret=given.secret, base_url=given.url)
    ask_in_public(given, client)
    trade(given, client)
    listen(given)
    given.call("WebSocket API", ask_by_socket, given)
    given.tell()


main()
