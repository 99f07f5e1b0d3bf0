"""MARKET records as the public feed says them: topics, JSON payloads, merged messages.

Nothing here can name an account, a client or an order: MARKET records have none.
"""

from typing import Any

import numpy as np

from config.catalog import Catalog, Instrument
from consumers.marketdata.candles import INTERVALS
from ringbuf.codes import STATUS_DELISTED, MarketType, Side, SymbolState

TRADE, BBO, DEPTH = int(MarketType.TRADE), int(MarketType.BBO), int(MarketType.DEPTH)
TICKER, CANDLE, STATUS = int(MarketType.TICKER), int(MarketType.CANDLE), int(MarketType.STATUS)
AUCTION = int(MarketType.AUCTION)
WORDS = {int(kind): kind.name.lower() for kind in MarketType}
STATES = {int(state): state.name.lower() for state in SymbolState} | {STATUS_DELISTED: "delisted"}
CLOSED = 2
NS = 1_000_000_000
Topic = tuple[int, int, int]  # type, symbol, interval


def topic_of(record: np.void) -> Topic:
    """The topic that a record belongs to."""
    return int(record["type"]), int(record["symbol"]), int(record["interval"])


def topic_name(topic: Topic, catalog: Catalog) -> str:
    """As subscribers write it, such as `candle/BTC-USDT/1m/`."""
    kind, symbol, interval = topic
    name = f"{WORDS[kind]}/{catalog.instruments[symbol].symbol}/"
    return f"{name}{INTERVALS[interval]}/" if kind == CANDLE else name


def parse_topic(text: str, catalog: Catalog) -> Topic | None:
    """The inverse; None where there is no such topic."""
    parts = text.split("/")
    kinds = [kind for kind, word in WORDS.items() if word == parts[0]]
    instrument = catalog.find_instrument(parts[1]) if len(parts) > 2 and kinds else None
    if instrument is None or parts[-1] != "" or len(parts) != (4 if kinds[0] == CANDLE else 3):
        return None
    if kinds[0] != CANDLE:
        return kinds[0], instrument.id, 0
    return (CANDLE, instrument.id, INTERVALS.index(parts[2])) if parts[2] in INTERVALS else None


def ticker_json(row: np.void, instrument: Instrument) -> dict[str, Any]:
    """The rolling 24 hours."""
    price = instrument.price_text
    return {
        "last": price(int(row["price_ticks"])),
        "open": price(int(row["open_ticks"])),
        "high": price(int(row["high_ticks"])),
        "low": price(int(row["low_ticks"])),
        "volume": instrument.qty_text(int(row["volume_lots"])),
        "quote_volume": instrument.quote_text(int(row["quote_volume"])),
        "trades": int(row["trades"]),
    }


def payload(message: np.ndarray, epoch: int, catalog: Catalog) -> dict[str, Any]:
    """One message (the records of one topic that belong together) as its JSON object."""
    head = message[-1]
    instrument = catalog.instruments[int(head["symbol"])]
    said: dict[str, Any] = {
        "epoch": epoch,
        "seq": int(head["seq"]),
        "prev": int(head["prev"]),
        "symbol": instrument.symbol,
        "ts_ns": int(head["ts_ns"]),
    }
    return said | _BODIES[int(head["type"])](message, instrument)


def _trade(message: np.ndarray, instrument: Instrument) -> dict[str, Any]:
    row = message[0]
    return {
        "price": instrument.price_text(int(row["price_ticks"])),
        "qty": instrument.qty_text(int(row["qty_lots"])),
        "side": "sell" if row["side"] else "buy",
    }


def _level(instrument: Instrument, price: int, qty: int) -> list[str]:
    return [instrument.price_text(price), instrument.qty_text(qty) if qty else "0"]


def _bbo(message: np.ndarray, instrument: Instrument) -> dict[str, Any]:
    row = message[0]
    bid, ask = int(row["qty_lots"]), int(row["qty2_lots"])
    return {
        "bid": _level(instrument, int(row["price_ticks"]), bid) if bid else None,
        "ask": _level(instrument, int(row["price2_ticks"]), ask) if ask else None,
    }


def _depth(message: np.ndarray, instrument: Instrument) -> dict[str, Any]:
    sides: tuple[list[list[str]], list[list[str]]] = ([], [])
    names = ("side", "price_ticks", "qty_lots")
    for side, price, qty in zip(*(message[name].tolist() for name in names), strict=True):
        sides[side].append(_level(instrument, price, qty))
    return {"bids": sides[0][::-1], "asks": sides[1]}


def _ticker(message: np.ndarray, instrument: Instrument) -> dict[str, Any]:
    return ticker_json(message[0], instrument)


def _candle(message: np.ndarray, instrument: Instrument) -> dict[str, Any]:
    row = message[0]
    price = instrument.price_text
    return {
        "interval": INTERVALS[int(row["interval"])],
        "open_ts_ns": int(row["open_ts_ns"]) * NS,
        "open": price(int(row["open_ticks"])),
        "high": price(int(row["high_ticks"])),
        "low": price(int(row["low_ticks"])),
        "close": price(int(row["price_ticks"])),
        "volume": instrument.qty_text(int(row["volume_lots"])),
        "trades": int(row["trades"]),
        "closed": bool(row["flags"] & CLOSED),
    }


def state_word(row: np.void | None) -> str:
    """A STATUS record's state as subscribers read it; None, before the first one, is open."""
    return STATES[int(row["side"])] if row is not None else STATES[int(SymbolState.OPEN)]


def _status(message: np.ndarray, instrument: Instrument) -> dict[str, Any]:
    return {"status": state_word(message[0])}


def auction_json(row: np.void, instrument: Instrument) -> dict[str, Any]:
    """At which price the book would be uncrossed, how much would trade, and who would go without; null where nobody."""
    volume, surplus = int(row["qty_lots"]), int(row["qty2_lots"])
    return {
        "price": instrument.price_text(int(row["price_ticks"])) if volume else None,
        "volume": instrument.qty_text(volume),
        "surplus": instrument.qty_text(surplus),
        "surplus_side": Side(int(row["side"])).name.lower() if surplus else None,
    }


def _auction(message: np.ndarray, instrument: Instrument) -> dict[str, Any]:
    return auction_json(message[0], instrument)


_BODIES = {
    TRADE: _trade, BBO: _bbo, DEPTH: _depth, TICKER: _ticker, CANDLE: _candle, STATUS: _status, AUCTION: _auction
}  # fmt: skip


def messages_of(records: np.ndarray) -> list[np.ndarray]:
    """Records cut into messages, at FLAG_LAST."""
    ends = (np.flatnonzero(records["flags"] & 1) + 1).tolist()
    return [records[a:b] for a, b in zip([0, *ends], ends, strict=False)]


def merge_depth(messages: list[np.ndarray]) -> np.ndarray:
    """Several depth messages of one topic as one: the last total of each level, prev of the first, seq of the last."""
    if len(messages) == 1:
        return messages[0]
    levels: dict[tuple[int, int], np.ndarray] = {}
    for message in messages:
        for at in range(len(message)):
            levels[int(message["side"][at]), int(message["price_ticks"][at])] = message[at : at + 1]
    merged = np.concatenate([levels[place] for place in sorted(levels)])
    merged["prev"] = messages[0]["prev"][0]
    for name in ("mseq", "seq", "ts_ns"):
        merged[name] = messages[-1][name][-1]
    merged["flags"] = 0
    merged["flags"][-1] = 1
    return merged
