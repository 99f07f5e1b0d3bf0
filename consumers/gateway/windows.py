"""What traded in some time until now, by whole candles of the market data's store."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from config.catalog import Instrument
from consumers.gateway.intervals import INTERVALS
from consumers.gateway.klines import CandleReader
from consumers.gateway.market import Market
from consumers.gateway.tickers import MS, Window, average_text, day_of
from consumers.marketdata.store import first_trade_at, trades_from
from consumers.store import StoreView

if TYPE_CHECKING:
    from consumers.gateway.gateway import Gateway

AVERAGE_MINUTES = 5


def window_of(gateway: "Gateway", instrument: Instrument, seconds: int, by: str) -> Window:
    """What traded in the last `seconds`, by candles of the interval `by`. Raises StoreError, lmdb.Error."""
    now_ms = gateway.now_ms()
    interval = INTERVALS[by]
    end_s = now_ms // 1000 + 1
    first_s = interval.start(end_s - seconds)
    view = gateway.stores.market()
    with view.snapshot() as txn:
        found = list(CandleReader(txn, view, instrument.id, interval).traded(first_s, end_s).values())
        first_id = first_id_since(txn, view, instrument.id, first_s * 1000)
    if not found:
        return Window(0, 0, 0, gateway.markets.of(instrument.id).last_ticks, 0, 0, 0, first_s * 1000, now_ms)
    last = gateway.markets.of(instrument.id).last_trade
    return Window(
        found[0].open,
        max(candle.high for candle in found),
        min(candle.low for candle in found),
        found[-1].close,
        sum(candle.volume for candle in found),
        sum(candle.quote for candle in found),
        sum(candle.trades for candle in found),
        first_s * 1000,
        now_ms,
        first_id,
        last.seq if last is not None else -1,
    )


def first_id_since(txn: Any, view: StoreView, symbol: int, since_ms: int) -> int:
    """The first print since then, -1 where there is none."""
    rows = trades_from(txn, view, symbol, first_trade_at(txn, view, symbol, since_ms * MS), 1)
    return int(rows["seq"][0]) if len(rows) else -1


def day_with_first(market: Market, now_ms: int, txn: Any, view: StoreView) -> Window:
    """The rolling 24 hours, with the id of their first print."""
    window = day_of(market, now_ms)
    if window.trades:
        return replace(window, first_id=first_id_since(txn, view, market.symbol_id, window.open_ms))
    return window


def average_of(gateway: "Gateway", instrument: Instrument) -> tuple[str, int]:
    """(the average price of the last five minutes in which something traded, when it traded last in ms)."""
    window = window_of(gateway, instrument, AVERAGE_MINUTES * 60, "1m")
    market = gateway.markets.of(instrument.id)
    if window.volume:
        price = average_text(instrument, window.quote, window.volume)
    else:
        price = instrument.price_text(market.last_ticks)
    return price, market.last_trade.ts_ns // MS if market.last_trade is not None else gateway.now_ms()
