"""What anybody may ask: time, what is listed, books, prints, candles, tickers."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from config.catalog import Instrument
from consumers.gateway.book import ASK, BID, Level
from consumers.gateway.caller import Caller
from consumers.gateway.endpoint import Endpoint
from consumers.gateway.errors import BAD_INTERVAL, BAD_SYMBOL, INVALID_PARAMETER, OPTIONAL_PARAMS_BAD_COMBO, ApiError
from consumers.gateway.intervals import INTERVALS, Interval
from consumers.gateway.klines import CandleReader, kline_json, klines
from consumers.gateway.limits import rate_limits
from consumers.gateway.params import Params, missing
from consumers.gateway.symbols import symbol_info
from consumers.gateway.tickers import MS, book_json, change_json, full_json, mini_json
from consumers.gateway.windows import AVERAGE_MINUTES, average_of, day_with_first, window_of
from consumers.marketdata.store import first_trade_at, last_trades, trades_from

if TYPE_CHECKING:
    from consumers.gateway.gateway import Gateway

MOST_ROWS = 1000
MOST_LEVELS = 5000
_WINDOW = re.compile("[0-9]{1,2}[mhd]", re.ASCII)
_WINDOWS = {"m": (60, 59), "h": (3600, 23), "d": (86400, 7)}


def ping(gateway: "Gateway", caller: Caller, params: Params) -> dict[str, Any]:
    """Whether anybody is there."""
    return {}


def time(gateway: "Gateway", caller: Caller, params: Params) -> dict[str, Any]:
    """The host's clock."""
    return {"serverTime": gateway.now_ms()}


def exchange_info(gateway: "Gateway", caller: Caller, params: Params) -> dict[str, Any]:
    """What is listed, its filters, and the limits."""
    chosen = _chosen(gateway, params)
    status = params.text("symbolStatus")
    params.text("permissions")
    params.text("showPermissionSets")
    max_orders = gateway.settings.engine.max_account_orders
    symbols = [
        symbol_info(each, gateway.symbols.name(each.id), gateway.markets.of(each.id).status, max_orders)
        for each in chosen
    ]
    return {
        "timezone": "UTC",
        "serverTime": gateway.now_ms(),
        "rateLimits": rate_limits(gateway.settings.gateway),
        "exchangeFilters": [],
        "symbols": [row for row in symbols if status is None or row["status"] == status],
    }


def depth(gateway: "Gateway", caller: Caller, params: Params) -> dict[str, Any]:
    """The best levels of a book."""
    instrument = gateway.symbols.asked(params)
    most = params.limit(100, MOST_LEVELS)
    market = gateway.markets.of(instrument.id)
    return {"lastUpdateId": market.depth_seq, **sides_json(instrument, market.book.top, most)}


def sides_json(instrument: Instrument, top: Callable[[int, int], list[Level]], most: int) -> dict[str, Any]:
    """Both sides of a book as [price, quantity], best first."""
    price, qty = instrument.price_text, instrument.qty_text
    bids, asks = ([[price(ticks), qty(lots)] for ticks, lots in top(side, most)] for side in (BID, ASK))
    return {"bids": bids, "asks": asks}


def _depth_weight(params: Params) -> int:
    most = params.limit(100, MOST_LEVELS)
    return next(weight for bound, weight in ((100, 5), (500, 25), (1000, 50), (MOST_LEVELS, 250)) if most <= bound)


def trades(gateway: "Gateway", caller: Caller, params: Params) -> list[dict[str, Any]]:
    """The last prints, oldest first."""
    instrument = gateway.symbols.asked(params)
    most = params.limit(500, MOST_ROWS)
    view = gateway.stores.market()
    with view.snapshot() as txn:
        return _prints(last_trades(txn, view, instrument.id, most), instrument)


def historical_trades(gateway: "Gateway", caller: Caller, params: Params) -> list[dict[str, Any]]:
    """Prints from an id on, or the last ones."""
    instrument = gateway.symbols.asked(params)
    most = params.limit(500, MOST_ROWS)
    first = params.whole("fromId")
    view = gateway.stores.market()
    with view.snapshot() as txn:
        if first is None:
            return _prints(last_trades(txn, view, instrument.id, most), instrument)
        return _prints(trades_from(txn, view, instrument.id, first, most), instrument)


def _prints(rows: np.ndarray, instrument: Instrument) -> list[dict[str, Any]]:
    columns = (rows[name].tolist() for name in ("seq", "ts_ns", "side", "price_ticks", "qty_lots"))
    return [
        {
            "id": seq,
            "price": instrument.price_text(price),
            "qty": instrument.qty_text(lots),
            "quoteQty": instrument.quote_text(price * lots * instrument.tick_lot_quote_units),
            "time": ts_ns // MS,
            "isBuyerMaker": bool(side),
            "isBestMatch": True,
        }
        for seq, ts_ns, side, price, lots in zip(*columns, strict=True)
    ]


def agg_trades(gateway: "Gateway", caller: Caller, params: Params) -> list[dict[str, Any]]:
    """Prints in the form of aggregates, each of one print: who took is not public, so none are put together."""
    instrument = gateway.symbols.asked(params)
    most = params.limit(500, MOST_ROWS)
    from_id = params.whole("fromId")
    start_ms, end_ms = params.whole("startTime"), params.whole("endTime")
    if from_id is not None and (start_ms is not None or end_ms is not None):
        raise ApiError(OPTIONAL_PARAMS_BAD_COMBO, "Combination of optional parameters invalid.")
    view = gateway.stores.market()
    with view.snapshot() as txn:
        if start_ms is not None:
            from_id = first_trade_at(txn, view, instrument.id, start_ms * MS)
        elif end_ms is not None:
            beyond = first_trade_at(txn, view, instrument.id, (end_ms + 1) * MS)
            rows = last_trades(txn, view, instrument.id, most, before=beyond)
            return _aggregates(rows, instrument)
        if from_id is None:
            rows = last_trades(txn, view, instrument.id, most)
        else:
            rows = trades_from(txn, view, instrument.id, from_id, most)
    if end_ms is not None:
        rows = rows[rows["ts_ns"] < (end_ms + 1) * MS]
    return _aggregates(rows, instrument)


def _aggregates(rows: np.ndarray, instrument: Instrument) -> list[dict[str, Any]]:
    columns = (rows[name].tolist() for name in ("seq", "ts_ns", "side", "price_ticks", "qty_lots"))
    return [
        aggregate_json(instrument, seq, ts_ns, side, price, lots)
        for seq, ts_ns, side, price, lots in zip(*columns, strict=True)
    ]


def aggregate_json(
    instrument: Instrument, seq: int, ts_ns: int, side: int, price_ticks: int, lots: int
) -> dict[str, Any]:
    """One print as an aggregate, of the taker's side."""
    return {
        "a": seq,
        "p": instrument.price_text(price_ticks),
        "q": instrument.qty_text(lots),
        "f": seq,
        "l": seq,
        "T": ts_ns // MS,
        "m": bool(side),
        "M": True,
    }


def asked_interval(name: str | None) -> Interval:
    """The interval of a request; refused where there is none of that name."""
    if name is None:
        raise missing("interval")
    if name not in INTERVALS:
        raise ApiError(BAD_INTERVAL, "Invalid interval.")
    return INTERVALS[name]


def candles(gateway: "Gateway", caller: Caller, params: Params) -> list[list[Any]]:
    """Candles of an interval, oldest first."""
    instrument = gateway.symbols.asked(params)
    interval = asked_interval(params.text("interval"))
    first_ms, last_ms = params.whole("startTime", high=1 << 52), params.whole("endTime", high=1 << 52)
    params.word("timeZone", ("0", "00:00", "+00:00", "+0:00"))
    most = params.limit(500, MOST_ROWS)
    view = gateway.stores.market()
    with view.snapshot() as txn:
        reader = CandleReader(txn, view, instrument.id, interval)
        found = klines(reader, interval, first_ms, last_ms, most, gateway.now_ms())
    return [kline_json(candle, interval, instrument) for candle in found]


def average_price(gateway: "Gateway", caller: Caller, params: Params) -> dict[str, Any]:
    """The average price of the last five minutes in which something traded."""
    instrument = gateway.symbols.asked(params)
    price, close_ms = average_of(gateway, instrument)
    return {"mins": AVERAGE_MINUTES, "price": price, "closeTime": close_ms}


def _chosen(gateway: "Gateway", params: Params) -> list[Instrument]:
    """The instruments that a request names by `symbol` or `symbols`; all where it names none."""
    names = asked_symbols(params)
    return gateway.symbols.listed() if names is None else [gateway.symbols.of(name) for name in names]


def asked_symbols(params: Params) -> list[str] | None:
    """The symbols of `symbol`, or of the JSON list in `symbols`; None where there is neither."""
    name, names = params.symbol(), params.text("symbols")
    if name is not None and names is not None:
        raise ApiError(OPTIONAL_PARAMS_BAD_COMBO, "Combination of optional parameters invalid.")
    if name is not None:
        return [name]
    if names is None:
        return None
    try:
        listed = orjson.loads(names.replace("'", '"'))
    except orjson.JSONDecodeError:
        listed = None
    if not isinstance(listed, list) or not listed or not all(isinstance(each, str) for each in listed):
        raise ApiError(INVALID_PARAMETER, "Data sent for parameter 'symbols' is not valid.")
    if len(set(listed)) < len(listed):
        raise ApiError(BAD_SYMBOL, "Invalid symbol.")
    return listed


def _one_or_all(params: Params, rows: list[dict[str, Any]]) -> Any:
    return rows[0] if params.symbol() is not None else rows


def day_tickers(gateway: "Gateway", caller: Caller, params: Params) -> Any:
    """24 h tickers of one symbol, some or all."""
    is_mini = params.word("type", ("FULL", "MINI")) == "MINI"
    rows = []
    view = gateway.stores.market()
    with view.snapshot() as txn:
        for instrument in _chosen(gateway, params):
            market, name = gateway.markets.of(instrument.id), gateway.symbols.name(instrument.id)
            window = day_with_first(market, gateway.now_ms(), txn, view)
            rows.append(mini_json(name, instrument, window) if is_mini else full_json(name, market, window))
    return _one_or_all(params, rows)


def window_tickers(gateway: "Gateway", caller: Caller, params: Params) -> Any:
    """Tickers of another window than 24 h."""
    if params.symbol() is None and params.text("symbols") is None:
        raise missing("symbol")
    size = params.text("windowSize") or "1d"
    is_mini = params.word("type", ("FULL", "MINI")) == "MINI"
    if _WINDOW.fullmatch(size) is None or not 1 <= int(size[:-1]) <= _WINDOWS[size[-1]][1]:
        raise ApiError(INVALID_PARAMETER, "Data sent for parameter 'windowSize' is not valid.")
    seconds = int(size[:-1]) * _WINDOWS[size[-1]][0]
    rows = []
    for instrument in _chosen(gateway, params):
        name = gateway.symbols.name(instrument.id)
        window = window_of(gateway, instrument, seconds, "1m" if seconds <= 86400 else "1h")
        row = mini_json(name, instrument, window)
        rows.append(row if is_mini else row | change_json(instrument, window))
    return _one_or_all(params, rows)


def prices(gateway: "Gateway", caller: Caller, params: Params) -> Any:
    """Last prices."""
    rows = [
        {
            "symbol": gateway.symbols.name(each.id),
            "price": each.price_text(gateway.markets.of(each.id).last_ticks),
        }
        for each in _chosen(gateway, params)
    ]
    return _one_or_all(params, rows)


def book_tickers(gateway: "Gateway", caller: Caller, params: Params) -> Any:
    """Best bids and asks."""
    rows = [book_json(gateway.symbols.name(each.id), gateway.markets.of(each.id)) for each in _chosen(gateway, params)]
    return _one_or_all(params, rows)


def _weight(one: int, some: int) -> Callable[[Params], int]:
    return lambda params: one if params.symbol() is not None else some


def _day_weight(params: Params) -> int:
    names = asked_symbols(params)
    count = 1000 if names is None else len(names)
    return 2 if count <= 20 else 40 if count <= 100 else 80


def _window_weight(params: Params) -> int:
    return min(4 * len(asked_symbols(params) or [""]), 200)


MARKET_ENDPOINTS = (
    Endpoint("GET", "/api/v3/ping", ping),
    Endpoint("GET", "/api/v3/time", time),
    Endpoint("GET", "/api/v3/exchangeInfo", exchange_info, weight=20),
    Endpoint("GET", "/api/v3/depth", depth, weight=_depth_weight),
    Endpoint("GET", "/api/v3/trades", trades, weight=25),
    Endpoint("GET", "/api/v3/historicalTrades", historical_trades, weight=25),
    Endpoint("GET", "/api/v3/aggTrades", agg_trades, weight=4),
    Endpoint("GET", "/api/v3/klines", candles, weight=2),
    Endpoint("GET", "/api/v3/uiKlines", candles, weight=2),
    Endpoint("GET", "/api/v3/avgPrice", average_price, weight=2),
    Endpoint("GET", "/api/v3/ticker/24hr", day_tickers, weight=_day_weight),
    Endpoint("GET", "/api/v3/ticker", window_tickers, weight=_window_weight),
    Endpoint("GET", "/api/v3/ticker/price", prices, weight=_weight(2, 4)),
    Endpoint("GET", "/api/v3/ticker/bookTicker", book_tickers, weight=_weight(2, 4)),
)
