"""python-binance: its three URLs are set, nothing else."""

import asyncio
import contextlib
from typing import Any

from binance import AsyncClient, BinanceSocketManager, Client, DepthCacheManager

from tests.clients.telling import Told, async_until, quiet_market, told

SYMBOL = "BTCUSDT"
CACHE_LEVELS = 5000


def point_at(given: Told) -> None:
    """The gateway in place of Binance, for every client made from here on."""
    for kind in (Client, AsyncClient):
        kind.API_URL = f"{given.url}/api"
        kind.MARGIN_API_URL = f"{given.url}/sapi"
        kind.WS_API_URL = f"{given.ws_url}/ws-api/v3"
    BinanceSocketManager.STREAM_URL = f"{given.ws_url}/"


def ask_in_public(given: Told, client: Client) -> None:
    """What needs no key."""
    call = given.call
    call("ping", client.ping)
    call("get_server_time", client.get_server_time)
    call("get_exchange_info", client.get_exchange_info)
    call("get_symbol_info", client.get_symbol_info, SYMBOL)
    call("get_order_book", client.get_order_book, symbol=SYMBOL, limit=20)
    call("get_recent_trades", client.get_recent_trades, symbol=SYMBOL, limit=5)
    call("get_historical_trades", client.get_historical_trades, symbol=SYMBOL, limit=5)
    call("get_aggregate_trades", client.get_aggregate_trades, symbol=SYMBOL, limit=5)
    call("get_klines", client.get_klines, symbol=SYMBOL, interval=Client.KLINE_INTERVAL_1MINUTE, limit=5)
    call("get_historical_klines", client.get_historical_klines, SYMBOL, "1m", "10 minutes ago UTC")
    call("get_avg_price", client.get_avg_price, symbol=SYMBOL)
    call("get_ticker", client.get_ticker, symbol=SYMBOL)
    call("get_symbol_ticker", client.get_symbol_ticker)
    call("get_orderbook_ticker", client.get_orderbook_ticker, symbol=SYMBOL)


def trade(given: Told, client: Client) -> None:
    """Orders of each type, looked at and taken back."""
    call = given.call
    rests = call("order_limit_buy", client.order_limit_buy, symbol=SYMBOL, quantity="0.01", price="40000")
    number = (rests or {}).get("orderId")
    call("get_order", client.get_order, symbol=SYMBOL, orderId=number)
    call("get_open_orders", client.get_open_orders, symbol=SYMBOL)
    call("cancel_order", client.cancel_order, symbol=SYMBOL, orderId=number)
    call("get_order of what is cancelled", client.get_order, symbol=SYMBOL, orderId=number)
    call("order_market_buy", client.order_market_buy, symbol=SYMBOL, quantity="0.05")
    call("order_market_buy by quoteOrderQty", client.order_market_buy, symbol=SYMBOL, quoteOrderQty="1000")
    call("order_market_sell", client.order_market_sell, symbol=SYMBOL, quantity="0.02")
    call("order_limit_sell that takes", client.order_limit_sell, symbol=SYMBOL, quantity="0.03", price="49000")
    named = {"symbol": SYMBOL, "side": "SELL", "quantity": "0.01", "price": "61000", "newClientOrderId": "mine-1"}
    call("create_order named", client.create_order, type="LIMIT", timeInForce="GTC", **named)
    call("get_order by name", client.get_order, symbol=SYMBOL, origClientOrderId="mine-1")
    waits = {"symbol": SYMBOL, "side": "SELL", "quantity": "0.01", "stopPrice": "42000", "price": "41000"}
    call("create_order STOP_LOSS_LIMIT", client.create_order, type="STOP_LOSS_LIMIT", timeInForce="GTC", **waits)
    call("create_test_order", client.create_test_order, symbol=SYMBOL, side="BUY", type="MARKET", quantity="0.01")
    call(
        "order_oco_sell", client.order_oco_sell, symbol=SYMBOL, quantity="0.01", aboveType="LIMIT_MAKER",
        abovePrice="62000", belowType="STOP_LOSS", belowStopPrice="41000",
    )  # fmt: skip
    replaced = {"symbol": SYMBOL, "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.02"}
    call(
        "cancel_replace_order", client.cancel_replace_order, cancelReplaceMode="STOP_ON_FAILURE",
        cancelOrigClientOrderId="mine-1", price="60500", newClientOrderId="mine-2", **replaced,
    )  # fmt: skip
    given.refused("an order without funds", client.order_limit_buy, symbol=SYMBOL, quantity="50", price="49000")
    given.refused("a price between ticks", client.order_limit_buy, symbol=SYMBOL, quantity="1", price="40000.001")
    call("get_all_orders", client.get_all_orders, symbol=SYMBOL)
    call("get_my_trades", client.get_my_trades, symbol=SYMBOL)
    call("get_trade_fee", client.get_trade_fee, symbol=SYMBOL)
    call("get_account", client.get_account)
    call("get_asset_balance", client.get_asset_balance, asset="USDT")


async def listen(given: Told) -> None:
    """User data beside an order of the WebSocket API, then the depth cache until the market is quiet."""
    client = await AsyncClient.create(given.key, given.secret)
    try:
        sockets = BinanceSocketManager(client)
        await given.await_call("trade_socket", first_of(sockets.trade_socket(SYMBOL)))
        await given.await_call("kline_socket", first_of(sockets.kline_socket(SYMBOL)))
        await given.await_call("multiplex_socket", first_of(sockets.multiplex_socket(["btcusdt@bookTicker"])))
        await given.await_call("user_socket", user_data(client, sockets))
        await given.await_call("DepthCacheManager", depth_cache(client))
    finally:
        await client.close_connection()


async def first_of(socket: Any) -> Any:
    """The first message of a stream."""
    async with socket as stream:
        return await stream.recv()


async def user_data(client: AsyncClient, sockets: BinanceSocketManager) -> dict[str, Any]:
    """An order and its cancel, and what was told of them."""
    messages = []
    async with sockets.user_socket() as stream:
        placed = await client.ws_create_order(
            symbol=SYMBOL, side="SELL", type="LIMIT", timeInForce="GTC", quantity="0.01", price="63000"
        )
        bought = await client.ws_create_order(symbol=SYMBOL, side="BUY", type="MARKET", quantity="0.01")
        cancelled = await client.ws_cancel_order(symbol=SYMBOL, orderId=placed["orderId"])
        while not any(message.get("x") == "CANCELED" for message in messages[:-1]):  # and the balances after it
            messages.append(await stream.recv())
    return {"placed": placed, "bought": bought, "cancelled": cancelled, "messages": messages}


async def depth_cache(client: AsyncClient) -> dict[str, Any]:
    """Kept from the stream while the market moves, until it is what the engine has."""
    last: dict[str, Any] = {}
    updates = 0
    async with DepthCacheManager(client, SYMBOL, limit=CACHE_LEVELS, conv_type=str, ws_interval=100) as cache:

        async def keep() -> None:
            nonlocal updates
            while True:
                book = await cache.recv()
                updates += 1
                last.update(bids=dict(book.get_bids()), asks=dict(book.get_asks()))

        keeping = asyncio.create_task(keep())
        try:
            await async_until(lambda: updates >= 10, "ten updates of the depth cache")
            wanted = await asyncio.to_thread(quiet_market)
            with contextlib.suppress(TimeoutError):  # the test says what differs
                await async_until(lambda: last == wanted, "the engine's book")
        finally:
            keeping.cancel()
    return {"updates": updates, **last}


def main() -> None:
    """All of it."""
    given = told()
    point_at(given)
    client = Client(given.key, given.secret)
    ask_in_public(given, client)
    trade(given, client)
    asyncio.run(listen(given))
    given.tell()


main()
