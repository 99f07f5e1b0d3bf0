"""Streams of what the market data adds up: tickers, averages, candles. Told once a second or two, if they changed."""

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import orjson

from consumers.gateway.intervals import Interval
from consumers.gateway.klines import Candle, CandleReader
from consumers.gateway.market import BBO, CANDLE, TICKER, Market, Message
from consumers.gateway.stream_payloads import (
    average_json,
    book_ticker_json,
    kline_stream_json,
    mini_ticker_json,
    ticker_json,
    window_json,
)
from consumers.gateway.streams import SECOND, SOON, TWO_SECONDS, Newest, Subscriber
from consumers.gateway.tickers import Window
from consumers.gateway.windows import average_of, day_with_first, first_id_since, window_of
from consumers.marketdata.store import first_trade_at, last_trades

if TYPE_CHECKING:
    from consumers.gateway.hub import Hub

FULL, MINI = "ticker", "miniTicker"  # kinds of 24 h tickers; further ones are window sizes
WINDOWS = {"1h": (3600, "1m"), "4h": (4 * 3600, "1m"), "1d": (86400, "1m")}
MOST_CANDLES = 100  # that one who was full gets at once
_NS_A_SECOND = 1_000_000_000


class Symbols(Newest):
    """What concerns symbols, of one or of all: who has changed since when is kept by symbol."""

    hears: tuple[int, ...] = ()

    def __init__(self, hub: "Hub", name: str, market: Market | None) -> None:
        super().__init__(hub, name)
        self.market = market  # None: all
        self.tells_at_once = market is not None
        self._listeners = (hub.markets if market is None else market).listeners
        self._changed_at: OrderedDict[int, int] = OrderedDict()  # symbol: position; what changed last is last
        self._next = 1

    def begin(self) -> None:
        """See Stream."""
        for kind in self.hears:
            self._listeners.setdefault(kind, []).append(self.heard)

    def end(self) -> None:
        """See Stream."""
        for kind in self.hears:
            self._listeners[kind].remove(self.heard)

    def heard(self, market: Market, message: Message) -> None:
        """A message of a kind that counts."""
        self._changed_at[market.symbol_id] = self._next
        self._changed_at.move_to_end(market.symbol_id)

    def changed(self) -> bool:
        """See Newest."""
        last = next(reversed(self._changed_at.values()), 0)
        return last == self._next

    def advance(self) -> int:
        """See Newest."""
        told, self._next = self._next, self._next + 1
        return told

    def symbols(self, since: int) -> list[Market]:
        """Those that changed after a position, in the order of their listing."""
        if self.market is not None:
            return [self.market]
        return [self.hub.markets.of(each) for each in sorted(self._changed_at) if self._changed_at[each] > since]


class AllBookTickers(Symbols):
    """The best of every symbol, at each turn of the loop in which it changed."""

    pace = SOON
    hears = (BBO,)

    def heard(self, market: Market, message: Message) -> None:
        """See Symbols."""
        super().heard(market, message)
        self.hub.soon(self)

    def payloads(self, since: int) -> list[bytes]:
        """See Newest."""
        return [orjson.dumps(book_ticker_json(self.hub.symbol(each), each)) for each in self.symbols(since)]


class Tickers(Symbols):
    """Tickers of a kind: of one symbol, or of all that changed as an array."""

    def __init__(self, hub: "Hub", name: str, market: Market | None, kind: str) -> None:
        super().__init__(hub, name, market)
        self._kind = kind
        self.hears = (TICKER, BBO) if kind == FULL else (TICKER,)

    def payloads(self, since: int) -> list[bytes]:
        """See Newest."""
        chosen, now_ms = self.symbols(since), self.hub.now_ms()
        if self._kind in WINDOWS:
            found = [self._window(market, now_ms) for market in chosen]
        else:
            view = self.hub.stores.market()
            with view.snapshot() as txn:
                found = [self._day(market, day_with_first(market, now_ms, txn, view), now_ms) for market in chosen]
        return [orjson.dumps(found if self.market is None else found[0])]

    def _window(self, market: Market, now_ms: int) -> dict[str, Any]:
        window = window_of(self.hub.gateway, market.instrument, *WINDOWS[self._kind])
        return window_json(f"{self._kind}Ticker", self.hub.symbol(market), market.instrument, window, now_ms)

    def _day(self, market: Market, window: Window, now_ms: int) -> dict[str, Any]:
        symbol = self.hub.symbol(market)
        if self._kind == MINI:
            return mini_ticker_json(symbol, market.instrument, window, now_ms)
        return ticker_json(symbol, market, window, now_ms)


class Average(Newest):
    """The average price of the last five minutes, where it is another than told last."""

    tells_at_once = True

    def __init__(self, hub: "Hub", name: str, market: Market) -> None:
        super().__init__(hub, name)
        self._market = market
        self._average = ("", 0)

    def changed(self) -> bool:
        """See Newest."""
        before, self._average = self._average, average_of(self.hub.gateway, self._market.instrument)
        return before != self._average

    def payloads(self, since: int) -> list[bytes]:
        """See Newest."""
        return [orjson.dumps(average_json(self.hub.symbol(self._market), *self._average, self.hub.now_ms()))]


class Klines(Newest):
    """Candles of one interval: the one that is open where it changed, and each once more when its period is over.

    The position is where the period begins that was told last.
    """

    tells_at_once = True

    def __init__(self, hub: "Hub", name: str, market: Market, interval: Interval) -> None:
        super().__init__(hub, name)
        self._market = market
        self._interval = interval
        self.pace = SECOND if interval.seconds == 1 else TWO_SECONDS
        self._changed_from: int | None = None

    def begin(self) -> None:
        """See Stream."""
        self.position = self.advance()
        self._market.listeners.setdefault(CANDLE, []).append(self._heard)

    def end(self) -> None:
        """See Stream."""
        self._market.listeners[CANDLE].remove(self._heard)

    def add(self, subscriber: Subscriber) -> None:
        """See Stream: the period that is open now will be told as closed, too."""
        super().add(subscriber)
        self.waiting[subscriber] = self.advance()

    def _heard(self, market: Market, message: Message) -> None:
        row = message[-1]
        if row.interval == self._interval.kept:
            start = self._interval.start(row.open_ts_ns)
            self._changed_from = start if self._changed_from is None else min(start, self._changed_from)

    def changed(self) -> bool:
        """See Newest."""
        changed_from, self._changed_from = self._changed_from, None
        if changed_from is not None:
            self.position = min(self.position, changed_from)  # also one whose period had just gone by
        return changed_from is not None or self.position != self.advance()

    def advance(self) -> int:
        """See Newest."""
        return self._interval.start(self.hub.now_ms() // 1000)

    def payloads(self, since: int) -> list[bytes]:
        """See Newest."""
        view, market, now_ms = self.hub.stores.market(), self._market, self.hub.now_ms()
        symbol, instrument = self.hub.symbol(market), market.instrument
        found = []
        with view.snapshot() as txn:
            reader = CandleReader(txn, view, instrument.id, self._interval)
            for candle in reader.between(since, now_ms // 1000 + 1)[-MOST_CANDLES:]:
                first_id, last_id = self._ids(txn, view, candle)
                told = kline_stream_json(symbol, instrument, self._interval, candle, first_id, last_id, now_ms)
                found.append(orjson.dumps(told))
        return found

    def _ids(self, txn: Any, view: Any, candle: Candle) -> tuple[int, int]:
        """Of the first and last print in a candle."""
        if not candle.trades:
            return -1, -1
        symbol, end_s = self._market.symbol_id, self._interval.next(candle.start_s)
        beyond = first_trade_at(txn, view, symbol, end_s * _NS_A_SECOND)
        rows = last_trades(txn, view, symbol, 1, before=beyond)
        return first_id_since(txn, view, symbol, candle.start_s * 1000), int(rows["seq"][0]) if len(rows) else -1
