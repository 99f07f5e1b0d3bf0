"""ccxt, and ccxt.pro of the same package: the hosts in `urls` are set, and that only spot markets are asked for."""

import asyncio
import contextlib
from typing import Any
from urllib.parse import urlsplit

import ccxt
import ccxt.pro

from tests.clients.telling import PATIENCE_S, Told, async_until, quiet_market, told

SYMBOL = "BTC/USDT"
TRAILS = {"trailingPercent": 1, "stopLossOrTakeProfit": "stopLoss"}
OPTIONS = {"fetchCurrencies": False, "fetchMargins": False, "fetchMarkets": {"types": ["spot"]}}


def pointed(kind: Any, given: Told) -> Any:
    """A client of the gateway in place of Binance."""
    client = kind({"apiKey": given.key, "secret": given.secret, "options": OPTIONS})
    for name, url in client.urls["api"].items():
        if isinstance(url, str):
            client.urls["api"][name] = given.url + urlsplit(url).path
    if "ws" in client.urls["api"]:
        client.urls["api"]["ws"]["spot"] = f"{given.ws_url}/ws"
        client.urls["api"]["ws"]["ws-api"]["spot"] = f"{given.ws_url}/ws-api/v3"
    return client


def ask_in_public(given: Told, client: Any) -> None:
    """What needs no key."""
    call = given.call
    call("load_markets", client.load_markets)
    call("fetch_time", client.fetch_time)
    call("fetch_order_book", client.fetch_order_book, SYMBOL, 20)
    call("fetch_trades", client.fetch_trades, SYMBOL, None, 5)
    call("fetch_ohlcv", client.fetch_ohlcv, SYMBOL, "1m", None, 5)
    call("fetch_ticker", client.fetch_ticker, SYMBOL)
    call("fetch_tickers", client.fetch_tickers)
    call("fetch_bids_asks", client.fetch_bids_asks)
    call("fetch_last_prices", client.fetch_last_prices)


def trade(given: Told, client: Any) -> None:
    """Orders of each type, looked at, edited and taken back."""
    call = given.call
    rests = call("create_limit_buy_order", client.create_limit_buy_order, SYMBOL, 0.01, 40000)
    call("fetch_order", client.fetch_order, rests["id"], SYMBOL)
    call("fetch_open_orders", client.fetch_open_orders, SYMBOL)
    edited = call("edit_order", client.edit_order, rests["id"], SYMBOL, "limit", "buy", 0.02, 40100)
    call("cancel_order", client.cancel_order, edited["id"], SYMBOL)
    call("create_market_buy_order", client.create_market_buy_order, SYMBOL, 0.05)
    call("create_market_buy_order_with_cost", client.create_market_buy_order_with_cost, SYMBOL, 1000)
    call("create_market_sell_order", client.create_market_sell_order, SYMBOL, 0.02)
    sell = (SYMBOL, "limit", "sell", 0.01)
    call("create_order IOC", client.create_order, *sell, 49000, {"timeInForce": "IOC"})
    call("create_order FOK", client.create_order, *sell, 49000, {"timeInForce": "FOK"})
    call("create_order postOnly", client.create_order, *sell, 61000, {"postOnly": True})
    call("create_order iceberg", client.create_order, SYMBOL, "limit", "sell", 0.1, 61500, {"icebergQty": "0.02"})
    call("create_order stop", client.create_order, *sell, 41000, {"triggerPrice": 42000})
    market = (SYMBOL, "market", "sell", 0.01, None)
    call("create_order stopLossPrice", client.create_order, *market, {"stopLossPrice": 41500})
    call("create_order takeProfitPrice", client.create_order, *sell, 66000, {"takeProfitPrice": 65000})
    call("create_order trailing", client.create_order, *market, TRAILS)
    call("create_order named", client.create_order, *sell, 62000, {"clientOrderId": "named-by-ccxt"})
    call("create_order test", client.create_order, *sell, 62000, {"test": True})
    given.refused("an order without funds", client.create_limit_buy_order, SYMBOL, 50, 49000)
    given.refused("an order that nobody knows", client.fetch_order, "1", SYMBOL)
    given.refused("post only that would take", client.create_order, *sell, 49000, {"postOnly": True})
    call("fetch_open_orders at the end", client.fetch_open_orders, SYMBOL)
    call("cancel_all_orders", client.cancel_all_orders, SYMBOL)
    call("fetch_orders", client.fetch_orders, SYMBOL)
    call("fetch_closed_orders", client.fetch_closed_orders, SYMBOL)
    call("fetch_canceled_orders", client.fetch_canceled_orders, SYMBOL)
    call("fetch_my_trades", client.fetch_my_trades, SYMBOL)
    call("fetch_trading_fee", client.fetch_trading_fee, SYMBOL)
    call("fetch_trading_fees", client.fetch_trading_fees)
    call("fetch_balance", client.fetch_balance)


async def watch(given: Told, client: Any) -> None:
    """Streams of ccxt.pro; the account's beside orders over the WebSocket API."""
    try:
        await given.await_call("pro load_markets", client.load_markets())
        given.calls["pro load_markets"] = None  # the same as above
        await given.await_call("watch_trades", client.watch_trades(SYMBOL))
        await given.await_call("watch_ticker", client.watch_ticker(SYMBOL))
        await given.await_call("watch_bids_asks", client.watch_bids_asks([SYMBOL]))
        await given.await_call("watch_ohlcv", client.watch_ohlcv(SYMBOL, "1m"))
        await given.await_call("watch_orders", watch_account(client, client.watch_orders))
        await given.await_call("watch_my_trades", watch_account(client, client.watch_my_trades))
        await given.await_call("watch_balance", watch_account(client, client.watch_balance))
        await given.await_call("create_order_ws", order_by_socket(client))
        await given.await_call("pro fetch_balance", client.fetch_balance())
        await given.await_call("watch_order_book", watch_book(client), 4 * PATIENCE_S)
    finally:
        await client.close()


async def watch_account(client: Any, function: Any) -> Any:
    """What is told of a purchase; its id is `bought`."""
    heard: list[Any] = []

    async def keep() -> None:
        while True:
            heard.append(await function())

    await client.ensure_user_data_stream_ws_subscribe_signature("spot")
    keeping = asyncio.create_task(keep())
    try:
        bought = await client.create_market_buy_order(SYMBOL, 0.01)
        await async_until(lambda: heard, "what happened")
    finally:
        keeping.cancel()
    return {"bought": bought["id"], "heard": heard}


async def order_by_socket(client: Any) -> Any:
    """An order, its cancel, and the balance, over the WebSocket API."""
    placed = await client.create_order_ws(SYMBOL, "limit", "sell", 0.01, 63000)
    fetched = await client.fetch_order_ws(placed["id"], SYMBOL)
    cancelled = await client.cancel_order_ws(placed["id"], SYMBOL)
    return {"placed": placed, "fetched": fetched, "cancelled": cancelled}


async def watch_book(client: Any) -> Any:
    """Kept from the stream while the market moves, until it is what the engine has."""
    updates = 0
    last: dict[str, Any] = {}

    async def keep() -> None:
        nonlocal updates
        while True:
            book = await client.watch_order_book(SYMBOL)
            updates += 1
            last.update({side: dict(book[side]) for side in ("bids", "asks")})

    keeping = asyncio.create_task(keep())
    try:
        await async_until(lambda: updates >= 10, "ten updates of the book")
        engines = await asyncio.to_thread(quiet_market)
        wanted = {side: {float(price): float(qty) for price, qty in engines[side].items()} for side in engines}
        with contextlib.suppress(TimeoutError):  # the test says what differs
            await async_until(lambda: last == wanted, "the engine's book")
    finally:
        keeping.cancel()
    return {"updates": updates, "book": last}


def main() -> None:
    """All of it."""
    given = told()
    client = pointed(ccxt.binance, given)
    ask_in_public(given, client)
    trade(given, client)
    asyncio.run(watch(given, pointed(ccxt.pro.binance, given)))
    given.tell()


main()
