"""What the query verb and others ask of the market data; unknown symbols and intervals raise KeyError, saying which."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from config.catalog import Instrument
from consumers.marketdata.candles import INTERVALS, NS
from consumers.marketdata.store import (
    CANDLE_ROW,
    last_rows,
    last_trades,
    levels_of,
    open_tables,
    record_of,
    store_folder,
)
from consumers.publisher.payloads import ticker_json
from consumers.store import StoreView, encode_key
from consumers.stored import read_catalog


@contextmanager
def _opened(data: Path, symbol: str) -> Iterator[tuple[StoreView, Any, Instrument, dict[str, Any]]]:
    """(store, snapshot, instrument, the answer's first fields)."""
    with StoreView(store_folder(data)) as view:
        open_tables(view)
        with view.snapshot() as txn:
            instrument = read_catalog(txn, view).find_instrument(symbol)
            if instrument is None:
                raise KeyError(f"symbol {symbol}")
            yield view, txn, instrument, {"symbol": symbol, "seq": view.cursor(txn)[1]}


def depth(data: Path, symbol: str) -> dict[str, Any]:
    """The whole book: symbol, seq, bids and asks as [price, qty], best first."""
    with _opened(data, symbol) as (view, txn, instrument, said):
        bids, asks = (
            [[instrument.price_text(price), instrument.qty_text(total)] for price, total in side]
            for side in levels_of(txn, view, instrument.id)
        )
        return said | {"bids": bids, "asks": asks}


def ticker(data: Path, symbol: str) -> dict[str, Any]:
    """The rolling 24 hours as of the last event; prices null before the first trade."""
    with _opened(data, symbol) as (view, txn, instrument, said):
        row = record_of(txn, view, "tickers", instrument.id)
        if row is None:
            none = dict.fromkeys(("last", "open", "high", "low"))
            zero = {"volume": instrument.qty_text(0), "quote_volume": instrument.quote_text(0), "trades": 0}
            return said | none | zero
        return said | ticker_json(row, instrument)


def trades(data: Path, symbol: str, last: int) -> dict[str, Any]:
    """The last trades, oldest first."""
    with _opened(data, symbol) as (view, txn, instrument, said):
        rows = last_trades(txn, view, instrument.id, last)
        return said | {"trades": [_trade(row, instrument) for row in rows]}


def _trade(row: np.void, instrument: Instrument) -> dict[str, Any]:
    return {
        "seq": int(row["seq"]),
        "ts_ns": int(row["ts_ns"]),
        "price": instrument.price_text(int(row["price_ticks"])),
        "qty": instrument.qty_text(int(row["qty_lots"])),
        "side": "sell" if row["side"] else "buy",
    }


def candles(data: Path, symbol: str, interval: str, last: int) -> dict[str, Any]:
    """The last candles, oldest first; periods without a trade have none."""
    if interval not in INTERVALS:
        raise KeyError(f"interval {interval}, only {', '.join(INTERVALS)}")
    with _opened(data, symbol) as (view, txn, instrument, said):
        prefix = encode_key(instrument.id, INTERVALS.index(interval))
        rows = last_rows(txn, view.db("candles"), prefix, last)
        return said | {"interval": interval, "candles": [_candle(key, value, instrument) for key, value in rows]}


def _candle(key: bytes, value: bytes, instrument: Instrument) -> dict[str, Any]:
    *prices, volume, quote_volume, count = CANDLE_ROW.unpack(value)
    texts = (instrument.price_text(price) for price in prices)
    return {
        "open_ts_ns": int.from_bytes(key[16:], "big") * NS,
        **dict(zip(("open", "high", "low", "close"), texts, strict=True)),
        "volume": instrument.qty_text(volume),
        "quote_volume": instrument.quote_text(quote_volume),
        "trades": count,
    }
