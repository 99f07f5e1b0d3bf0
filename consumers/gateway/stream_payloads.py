"""What market streams tell, as Binance's payloads: of one symbol, from the market as it is now."""

from typing import Any

from config.catalog import Instrument
from consumers.gateway.book import ASK, BID
from consumers.gateway.intervals import Interval
from consumers.gateway.klines import Candle
from consumers.gateway.market import Market
from consumers.gateway.tickers import MS, Window, book_json, change_json, mini_json
from consumers.gateway.windows import AVERAGE_MINUTES


def trade_json(name: str, instrument: Instrument, row: Any, now_ms: int) -> dict[str, Any]:
    """One print (MarketRow)."""
    return {
        "e": "trade",
        "E": now_ms,
        "s": name,
        "t": row.seq,
        "p": instrument.price_text(row.price_ticks),
        "q": instrument.qty_text(row.qty_lots),
        "T": row.ts_ns // MS,
        "m": bool(row.side),
        "M": True,
    }


def book_ticker_json(name: str, market: Market) -> dict[str, Any]:
    """Best bid and ask, with the sequence up to which the book is told."""
    found = book_json(name, market)
    return {
        "u": market.depth_seq,
        "s": name,
        "b": found["bidPrice"],
        "B": found["bidQty"],
        "a": found["askPrice"],
        "A": found["askQty"],
    }


def mini_ticker_json(name: str, instrument: Instrument, window: Window, now_ms: int) -> dict[str, Any]:
    """The 24 h ticker in short."""
    found = mini_json(name, instrument, window)
    return {
        "e": "24hrMiniTicker",
        "E": now_ms,
        "s": name,
        "c": found["lastPrice"],
        "o": found["openPrice"],
        "h": found["highPrice"],
        "l": found["lowPrice"],
        "v": found["volume"],
        "q": found["quoteVolume"],
    }


def window_json(event: str, name: str, instrument: Instrument, window: Window, now_ms: int) -> dict[str, Any]:
    """The ticker of a window: what those of 24 h and of other windows have in common."""
    found = mini_json(name, instrument, window)
    change = change_json(instrument, window)
    return {
        "e": event,
        "E": now_ms,
        "s": name,
        "p": change["priceChange"],
        "P": change["priceChangePercent"],
        "w": change["weightedAvgPrice"],
        "o": found["openPrice"],
        "h": found["highPrice"],
        "l": found["lowPrice"],
        "c": found["lastPrice"],
        "v": found["volume"],
        "q": found["quoteVolume"],
        "O": found["openTime"],
        "C": found["closeTime"],
        "F": found["firstId"],
        "L": found["lastId"],
        "n": found["count"],
    }


def ticker_json(name: str, market: Market, window: Window, now_ms: int) -> dict[str, Any]:
    """The 24 h ticker with the book's best and the last print."""
    instrument, last = market.instrument, market.last_trade
    best = book_ticker_json(name, market)
    return {
        **window_json("24hrTicker", name, instrument, window, now_ms),
        "x": instrument.price_text(window.open),
        "Q": instrument.qty_text(last.qty_lots if last is not None else 0),
        **{key: best[key] for key in "bBaA"},
    }


def kline_stream_json(
    name: str, instrument: Instrument, interval: Interval, candle: Candle, first_id: int, last_id: int, now_ms: int
) -> dict[str, Any]:
    """One candle as it is now, closed where its period is over. Ids are -1 where nothing traded in it."""
    price, end_ms = instrument.price_text, interval.next(candle.start_s) * 1000
    return {
        "e": "kline",
        "E": now_ms,
        "s": name,
        "k": {
            "t": candle.start_s * 1000,
            "T": end_ms - 1,
            "s": name,
            "i": interval.name,
            "f": first_id,
            "L": last_id,
            "o": price(candle.open),
            "c": price(candle.close),
            "h": price(candle.high),
            "l": price(candle.low),
            "v": instrument.qty_text(candle.volume),
            "n": candle.trades,
            "x": now_ms >= end_ms,
            "q": instrument.quote_text(candle.quote),
            "V": instrument.qty_text(0),
            "Q": instrument.quote_text(0),
            "B": "0",
        },
    }


GONE = "0.00000000"  # with Binance's eight decimals: python-binance's depth cache looks for just this text


def levels_json(instrument: Instrument, changed: list[tuple[int, int, int]]) -> dict[str, list[list[str]]]:
    """(side, price in ticks, total in lots) as the sides of depthUpdate, best first."""
    price = instrument.price_text

    def qty(lots: int) -> str:
        return instrument.qty_text(lots) if lots else GONE

    bids = sorted(((ticks, lots) for side, ticks, lots in changed if side == BID), reverse=True)
    asks = sorted((ticks, lots) for side, ticks, lots in changed if side == ASK)
    return {
        "b": [[price(ticks), qty(lots)] for ticks, lots in bids],
        "a": [[price(ticks), qty(lots)] for ticks, lots in asks],
    }


def depth_update_json(
    name: str, instrument: Instrument, first: int, last: int, changed: list[tuple[int, int, int]], now_ms: int
) -> dict[str, Any]:
    """What changed in the book by events `first` to `last`."""
    return {"e": "depthUpdate", "E": now_ms, "s": name, "U": first, "u": last, **levels_json(instrument, changed)}


def average_json(name: str, price: str, last_ms: int, now_ms: int) -> dict[str, Any]:
    """The average price of the last five minutes; `last_ms`: when it traded last."""
    return {"e": "avgPrice", "E": now_ms, "s": name, "i": f"{AVERAGE_MINUTES}m", "w": price, "T": last_ms}
