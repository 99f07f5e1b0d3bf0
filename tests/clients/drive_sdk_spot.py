"""binance-sdk-spot, Binance's own: `base_path` and `stream_url` are set, and how long it waits for an answer."""

import asyncio
from typing import Any

from binance_common.configuration import (
    ConfigurationRestAPI,
    ConfigurationWebSocketAPI,
    ConfigurationWebSocketStreams,
)
from binance_sdk_spot.spot import Spot

from tests.clients.telling import Told, async_until, told

SYMBOL = "BTCUSDT"
PATIENCE_MS = 30_000


def plain(found: Any) -> Any:
    """What a model, or a list of them, holds, by the names of the wire."""
    if isinstance(found, list):
        return [plain(each) for each in found]
    if hasattr(found, "actual_instance"):
        return plain(found.actual_instance)
    return found.model_dump(mode="json", by_alias=True, exclude_none=True) if hasattr(found, "model_dump") else found


def ask_by_rest(given: Told, client: Any) -> None:
    """Public and signed requests."""

    def call(name: str, function: Any, **terms: Any) -> Any:
        return given.call(name, lambda: plain(function(**terms).data()))

    call("time", client.time)
    call("exchange_info", client.exchange_info, symbol=SYMBOL)
    call("depth", client.depth, symbol=SYMBOL, limit=10)
    call("get_trades", client.get_trades, symbol=SYMBOL, limit=3)
    call("agg_trades", client.agg_trades, symbol=SYMBOL, limit=3)
    call("klines", client.klines, symbol=SYMBOL, interval="1m", limit=3)
    call("avg_price", client.avg_price, symbol=SYMBOL)
    call("ticker24hr", client.ticker24hr, symbol=SYMBOL)
    call("ticker_price", client.ticker_price, symbol=SYMBOL)
    call("ticker_book_ticker", client.ticker_book_ticker, symbol=SYMBOL)
    limit = {"symbol": SYMBOL, "side": "SELL", "type": "LIMIT", "time_in_force": "GTC"}
    rests = call("new_order LIMIT", client.new_order, quantity=0.01, price=64000, **limit)
    number = (rests or {}).get("orderId")
    call("new_order MARKET", client.new_order, symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.02)
    call(
        "new_order TAKE_PROFIT", client.new_order, symbol=SYMBOL, side="SELL", type="TAKE_PROFIT",
        quantity=0.01, stop_price=66000,
    )  # fmt: skip
    call("get_order", client.get_order, symbol=SYMBOL, order_id=number)
    call("get_open_orders", client.get_open_orders, symbol=SYMBOL)
    call("delete_order", client.delete_order, symbol=SYMBOL, order_id=number)
    call("order_test", client.order_test, symbol=SYMBOL, side="BUY", type="MARKET", quantity=0.02)
    call("delete_open_orders", client.delete_open_orders, symbol=SYMBOL)
    call("all_orders", client.all_orders, symbol=SYMBOL)
    call("my_trades", client.my_trades, symbol=SYMBOL)
    call("account_commission", client.account_commission, symbol=SYMBOL)
    call("rate_limit_order", client.rate_limit_order)
    call("get_account", client.get_account)
    given.refused("a cancel of nothing", client.delete_order, symbol=SYMBOL, order_id=1)


async def listen(given: Told, client: Any) -> None:
    """Market streams."""
    await client.create_connection()
    try:
        for name, terms in (
            ("trade", {}),
            ("agg_trade", {}),
            ("book_ticker", {}),
            ("diff_book_depth", {"update_speed": "100ms"}),
            ("partial_book_depth", {"levels": 5, "update_speed": "100ms"}),
            ("kline", {"interval": "1m"}),
            ("ticker", {}),
            ("mini_ticker", {}),
        ):
            await given.await_call(f"stream {name}", first_of(getattr(client, name), symbol=SYMBOL.lower(), **terms))
    finally:
        await client.close_connection()


async def first_of(make: Any, **terms: Any) -> Any:
    """The first message of a stream."""
    heard: list[Any] = []
    stream = await make(**terms)
    stream.on("message", heard.append)
    await async_until(lambda: heard, "a message")
    await stream.unsubscribe()
    return plain(heard[0])


async def ask_by_socket(given: Told, client: Any) -> None:
    """The WebSocket API: user data, and orders."""

    async def ask(name: str, function: Any, **terms: Any) -> Any:
        async def result() -> Any:
            return plain((await function(**terms)).data())["result"]

        return await given.await_call(f"ws {name}", result())

    await client.create_connection()
    try:
        await ask("time", client.time)
        await ask("depth", client.depth, symbol=SYMBOL, limit=5)
        events: list[Any] = []
        subscribed = await client.user_data_stream_subscribe_signature()
        subscribed.stream.on("message", events.append)
        limit = {"symbol": SYMBOL, "side": "SELL", "type": "LIMIT", "time_in_force": "GTC"}
        rests = await ask("order_place", client.order_place, quantity=0.01, price=65000, **limit)
        number = (rests or {}).get("orderId")
        await ask("order_status", client.order_status, symbol=SYMBOL, order_id=number)
        await ask("order_cancel", client.order_cancel, symbol=SYMBOL, order_id=number)
        await ask("account_status", client.account_status)
        await given.await_call("ws user_data_stream_subscribe_signature", reports_of(events))
    finally:
        await client.close_connection()


async def reports_of(events: list[Any]) -> list[Any]:
    """What was told up to the cancel. The package's models drop an event's name: their class has it."""

    def reports() -> list[Any]:
        instances = [event.actual_instance for event in events]
        return [plain(each) for each in instances if type(each).__name__ == "ExecutionReport"]

    await async_until(lambda: any(report["x"] == "CANCELED" for report in reports()), "the cancel")
    return reports()


async def by_sockets(given: Told, client: Spot) -> None:
    """Both kinds of sockets."""
    await listen(given, client.websocket_streams)
    await ask_by_socket(given, client.websocket_api)


def main() -> None:
    """All of it."""
    given = told()
    own = {"api_key": given.key, "api_secret": given.secret, "timeout": PATIENCE_MS}
    client = Spot(
        config_rest_api=ConfigurationRestAPI(base_path=given.url, **own),
        config_ws_api=ConfigurationWebSocketAPI(stream_url=f"{given.ws_url}/ws-api/v3", **own),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=f"{given.ws_url}/stream"),
    )
    ask_by_rest(given, client.rest_api)
    asyncio.run(by_sockets(given, client))
    given.tell()


main()
