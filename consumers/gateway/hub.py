"""All market streams by name, and the clock that they are told by."""

import asyncio
import logging
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import lmdb

from consumers.gateway.intervals import INTERVALS
from consumers.gateway.market import Market
from consumers.gateway.streams import (
    SECOND,
    TENTH,
    Aggregates,
    BookTicker,
    Depth,
    PartialDepth,
    Stream,
    Subscriber,
    Trades,
)
from consumers.gateway.ticker_streams import FULL, MINI, WINDOWS, AllBookTickers, Average, Klines, Tickers
from consumers.store import StoreError

if TYPE_CHECKING:
    from consumers.gateway.gateway import Gateway

log = logging.getLogger(__name__)

TICK_S = 0.1
REST = 2  # times as long as it took, nothing is told after: so streams take a third of the process at most
_DEPTH = re.compile("depth(5|10|20)?(@100ms|@1000ms)?", re.ASCII)
_KLINE = re.compile("kline_([0-9]{1,2}[smhdwM])", re.ASCII)
_TICKER = re.compile("ticker_(1h|4h|1d)", re.ASCII)
_TICKERS = re.compile("!(miniTicker|ticker|ticker_1h|ticker_4h|ticker_1d)@arr", re.ASCII)

_Simple = dict[str, type[Trades] | type[BookTicker] | type[Average]]


class Hub:
    """The streams that somebody wants."""

    def __init__(self, gateway: "Gateway") -> None:
        self.gateway = gateway
        self.markets, self.stores, self.sockets = gateway.markets, gateway.stores, gateway.sockets
        self.now_ms = gateway.now_ms
        self._streams: dict[str, Stream] = {}
        self._soon: dict[Stream, None] = {}
        self._is_due = False
        self._rests_until = 0.0
        self._ticks = 0
        self._reseeded = self.markets.reseeded
        self._timer: asyncio.TimerHandle | None = None
        self._failed: Callable[[BaseException], None] = lambda error: None

    def __len__(self) -> int:
        return len(self._streams)

    def symbol(self, market: Market) -> str:
        """As Binance writes it."""
        return self.gateway.symbols.name(market.symbol_id)

    # --- subscribers --------------------------------------------------------------------------------------------------

    def stream(self, name: str) -> Stream | None:
        """The stream of that name, as it is or new; None where there can't be one."""
        return self._streams.get(name) or self._make(name)

    def join(self, stream: Stream, subscriber: Subscriber) -> None:
        """From now on this one gets it."""
        self._streams[stream.name] = stream
        stream.add(subscriber)

    def leave(self, name: str, subscriber: Subscriber) -> None:
        """And now no more."""
        stream = self._streams[name]
        stream.discard(subscriber)
        if not stream.subscribers:
            del self._streams[name]
            self._soon.pop(stream, None)

    def _make(self, name: str) -> Stream | None:
        if name == "!bookTicker":
            return AllBookTickers(self, name, None)
        everything = _TICKERS.fullmatch(name)
        if everything is not None:
            return Tickers(self, name, None, everything[1].removeprefix("ticker_"))
        symbol, _, kind = name.partition("@")
        instrument = self.gateway.symbols.find(symbol.upper()) if symbol == symbol.lower() else None
        return None if instrument is None else self._of_symbol(name, kind, self.markets.of(instrument.id))

    def _of_symbol(self, name: str, kind: str, market: Market) -> Stream | None:
        simple: _Simple = {"trade": Trades, "aggTrade": Aggregates, "bookTicker": BookTicker, "avgPrice": Average}
        if kind in simple:
            return simple[kind](self, name, market)
        if kind in (FULL, MINI):
            return Tickers(self, name, market, kind)
        depth, kline, window = _DEPTH.fullmatch(kind), _KLINE.fullmatch(kind), _TICKER.fullmatch(kind)
        if depth is not None:
            pace = TENTH if depth[2] == "@100ms" else SECOND
            if depth[1] is None:
                return Depth(self, name, market, pace)
            return PartialDepth(self, name, market, int(depth[1]), pace)
        if kline is not None and kline[1] in INTERVALS:
            return Klines(self, name, market, INTERVALS[kline[1]])
        if window is not None and window[1] in WINDOWS:
            return Tickers(self, name, market, window[1])
        return None

    # --- the clock ----------------------------------------------------------------------------------------------------

    def start(self, failed: Callable[[BaseException], None]) -> None:
        """In the loop, from now on. `failed` hears of what ends that."""
        self._failed = failed
        self._wait()

    def _wait(self) -> None:
        delay = TICK_S - time.time() % TICK_S
        self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    def _tick(self) -> None:
        self._ticks += 1
        try:
            self._look_for_gap()
            for stream in list(self._streams.values()):
                if stream.is_due(self._ticks):
                    self._flush(stream)
        except Exception as error:  # noqa: BLE001  who started the clock decides; nothing is passed over
            self._failed(error)
            return
        self._wait()

    def soon(self, stream: Stream) -> None:
        """A stream has something to tell at the loop's next turn, together with what else there is by then."""
        self._soon[stream] = None
        if not self._is_due:
            self._is_due = True
            loop = asyncio.get_running_loop()
            if loop.time() >= self._rests_until:
                loop.call_soon(self._turn)
            else:
                loop.call_at(self._rests_until, self._turn)

    def _turn(self) -> None:
        self._is_due = False
        loop = asyncio.get_running_loop()
        begun = loop.time()
        due, self._soon = self._soon, {}
        try:
            for stream in due:
                self._flush(stream)
        except Exception as error:  # noqa: BLE001  see _tick
            self._failed(error)
            return
        ended = time.monotonic()
        self._rests_until = begun + (ended - begun) * (1 + REST)

    @staticmethod
    def _flush(stream: Stream) -> None:
        try:
            stream.flush()
        except (StoreError, lmdb.Error) as error:
            log.warning("stream %s: told at its next turn: %s: %s", stream.name, type(error).__name__, error)

    def _look_for_gap(self) -> None:
        """Where the market ring has overtaken this process prints are missing: who wants them all has to hear of it."""
        if self._reseeded != self.markets.reseeded:
            self._reseeded = self.markets.reseeded
            for stream in list(self._streams.values()):
                if isinstance(stream, Trades):
                    stream.break_off()

    def stop(self) -> None:
        """No more."""
        if self._timer is not None:
            self._timer.cancel()
