"""cryptofeed: the addresses of its Binance feed are set, nothing else."""

import asyncio
import contextlib
import os
from typing import Any

from cryptofeed import FeedHandler
from cryptofeed.connection import RestEndpoint, WebsocketEndpoint
from cryptofeed.defines import ASK, BID, CANDLES, L2_BOOK, TICKER, TRADES
from cryptofeed.exchanges import Binance

from tests.clients.telling import Told, async_until, quiet_market, told

SYMBOL = "BTC-USDT"


def point_at(given: Told) -> None:
    """The gateway in place of Binance; its streams behind TLS, as it takes no others."""
    os.environ["SSL_CERT_FILE"] = given.certificate
    routes = Binance.rest_endpoints[0].routes
    Binance.websocket_endpoints = [WebsocketEndpoint(f"wss://127.0.0.1:{given.wss_port}")]
    Binance.rest_endpoints = [RestEndpoint(given.url, routes=routes)]


class Heard:
    """The book as last told, and the first of everything else."""

    def __init__(self, given: Told) -> None:
        self._given = given
        self.updates = 0
        self.book: dict[str, dict[str, str]] = {}

    async def on_book(self, book: Any, timestamp: float) -> None:
        """Snapshot or update: the whole book is in it."""
        self.updates += 1
        sides = {"bids": book.book[BID].to_dict(), "asks": book.book[ASK].to_dict()}
        self.book = {name: {str(price): str(qty) for price, qty in side.items()} for name, side in sides.items()}

    async def on_trade(self, trade: Any, timestamp: float) -> None:
        """A print."""
        self._given.calls.setdefault("TRADES", {"symbol": trade.symbol, "price": trade.price, "amount": trade.amount})

    async def on_ticker(self, ticker: Any, timestamp: float) -> None:
        """Best bid and ask."""
        self._given.calls.setdefault("TICKER", {"symbol": ticker.symbol, "bid": ticker.bid, "ask": ticker.ask})

    async def on_candle(self, candle: Any, timestamp: float) -> None:
        """A candle, closed or not."""
        self._given.calls.setdefault("CANDLES", {"symbol": candle.symbol, "close": candle.close})


async def follow(given: Told, heard: Heard) -> dict[str, Any]:
    """Until there was one of each, and the book is what the engine has."""
    await async_until(lambda: heard.updates >= 10, "ten updates of the book")
    await async_until(lambda: {"TRADES", "TICKER", "CANDLES"} <= given.calls.keys(), "one of each channel")
    wanted = await asyncio.to_thread(quiet_market)
    with contextlib.suppress(TimeoutError):  # the test says what differs
        await async_until(lambda: heard.book == wanted, "the engine's book")
    return {"updates": heard.updates, **heard.book}


async def feed(given: Told) -> None:
    """The handler in a loop of ours: of uvloop's newer ones it takes none that was not made yet."""
    heard = Heard(given)
    handler = FeedHandler()
    callbacks = {L2_BOOK: heard.on_book, TRADES: heard.on_trade, TICKER: heard.on_ticker, CANDLES: heard.on_candle}
    handler.add_feed(Binance(symbols=[SYMBOL], channels=list(callbacks), callbacks=callbacks, candle_closed_only=False))
    handler.run(start_loop=False, install_signal_handlers=False)
    try:
        given.calls["L2_BOOK"] = await follow(given, heard)
    finally:
        await handler.stop_async()


def main() -> None:
    """All of it."""
    given = told()
    point_at(given)
    asyncio.run(feed(given))
    given.tell()


main()
