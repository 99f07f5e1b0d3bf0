"""Tickers as Binance shows them, and the arithmetic that they need: integers in, decimal strings out."""

from dataclasses import dataclass
from typing import Any

from config.catalog import Instrument
from config.decimals import Scale
from consumers.gateway.market import Market

DAY_MS = 86_400_000
MS = 1_000_000  # nanoseconds
_EIGHT = Scale(1, 8)
_THREE = Scale(1, 3)


@dataclass(frozen=True)
class Window:
    """What traded in some time. Prices in ticks, 0 where nothing did; volume in lots, quote in its minor units."""

    open: int
    high: int
    low: int
    last: int
    volume: int
    quote: int
    trades: int
    open_ms: int
    close_ms: int
    first_id: int = -1
    last_id: int = -1


def average_text(instrument: Instrument, quote: int, lots: int) -> str:
    """quote ÷ lots as a price, with eight decimals; 0 where nothing traded."""
    if not lots:
        return _EIGHT.text(0)
    base = lots * instrument.lot_base_units * 10**instrument.quote_asset.decimals
    return _EIGHT.text(quote * 10 ** (instrument.base_asset.decimals + 8) // base)


def percent_text(change: int, of: int) -> str:
    """change ÷ of in per cent, with three decimals, rounded toward zero."""
    if not of:
        return _THREE.text(0)
    value = abs(change) * 100_000 // of
    return _THREE.text(value if change >= 0 else -value)


def day_of(market: Market, now_ms: int) -> Window:
    """The rolling 24 hours, as the market data tells them."""
    row, last_trade = market.ticker, market.last_trade
    if row is None:
        return Window(0, 0, 0, 0, 0, 0, 0, now_ms - DAY_MS, now_ms)
    close_ms = row.ts_ns // MS
    last_id = last_trade.seq if last_trade is not None and row.trades else -1
    return Window(
        row.open_ticks, row.high_ticks, row.low_ticks, row.price_ticks, row.volume_lots, row.quote_volume, row.trades,
        close_ms - DAY_MS, close_ms, last_id=last_id,
    )  # fmt: skip


def mini_json(name: str, instrument: Instrument, window: Window) -> dict[str, Any]:
    """What both kinds of ticker begin with."""
    price = instrument.price_text
    return {
        "symbol": name,
        "openPrice": price(window.open),
        "highPrice": price(window.high),
        "lowPrice": price(window.low),
        "lastPrice": price(window.last),
        "volume": instrument.qty_text(window.volume),
        "quoteVolume": instrument.quote_text(window.quote),
        "openTime": window.open_ms,
        "closeTime": window.close_ms,
        "firstId": window.first_id,
        "lastId": window.last_id,
        "count": window.trades,
    }


def change_json(instrument: Instrument, window: Window) -> dict[str, str]:
    """By how much the price moved in the window."""
    change = window.last - window.open if window.open else 0
    return {
        "priceChange": instrument.price_text(change),
        "priceChangePercent": percent_text(change, window.open),
        "weightedAvgPrice": average_text(instrument, window.quote, window.volume),
    }


def full_json(name: str, market: Market, window: Window) -> dict[str, Any]:
    """The 24 h ticker with the book's best and the last print."""
    instrument = market.instrument
    last = market.last_trade
    return {
        **mini_json(name, instrument, window),
        **change_json(instrument, window),
        "prevClosePrice": instrument.price_text(window.open),
        "lastQty": instrument.qty_text(last.qty_lots if last is not None else 0),
        **{key: value for key, value in book_json(name, market).items() if key != "symbol"},
    }


def book_json(name: str, market: Market) -> dict[str, str]:
    """Best bid and ask; zeros where a side is empty."""
    instrument = market.instrument
    (bid, bid_lots), (ask, ask_lots) = (level or (0, 0) for level in market.best())
    return {
        "symbol": name,
        "bidPrice": instrument.price_text(bid),
        "bidQty": instrument.qty_text(bid_lots),
        "askPrice": instrument.price_text(ask),
        "askQty": instrument.qty_text(ask_lots),
    }
