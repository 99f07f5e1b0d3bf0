"""The columns of what sinks hold: the fields of the events' JSON form, each with its kind; stores make their own
types of these. `SCHEMA` changes with them, so that a store made by another version is noticed.
"""

from collections.abc import Iterable
from decimal import Decimal
from enum import Enum
from hashlib import sha256
from typing import Any

from consumers.sinks.target import EVENTS, LEDGER, ORDERS, TRADES, Row


class Kind(Enum):
    """What a column holds. INTEGER: 0 to 2**63 - 1. WORD: one of the interface's names. NAME: a symbol or an asset."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    WORD = "word"
    NAME = "name"


_INTEGER, _DECIMAL, _WORD, _NAME = Kind.INTEGER, Kind.DECIMAL, Kind.WORD, Kind.NAME
# The key first; every other column may be absent.
EVENT_COLUMNS: dict[str, Kind] = {
    "seq": _INTEGER,
    "ts_ns": _INTEGER,
    "type": _WORD,
    "symbol": _NAME,
    "account": _INTEGER,
    "client_id": _INTEGER,
    "order_id": _INTEGER,
    "reason": _WORD,
    "request_id": _INTEGER,
    "side": _WORD,
    "price": _DECIMAL,
    "qty": _DECIMAL,
    "leaves": _DECIMAL,
    "order_type": _WORD,
    "stop_price": _DECIMAL,
    "trail": _DECIMAL,
    "display_qty": _DECIMAL,
    "expire_ts_ns": _INTEGER,
    "oco_client_id": _INTEGER,
    "maker_order_id": _INTEGER,
    "maker_account": _INTEGER,
    "maker_leaves": _DECIMAL,
    "fee": _DECIMAL,
    "maker_fee": _DECIMAL,
    "trade_seq": _INTEGER,
    "asset": _NAME,
    "amount": _DECIMAL,
    "state": _WORD,
    "reference_price": _DECIMAL,
    "band_ppm": _INTEGER,
    # What is listed, or listed anew with other terms.
    "name": _NAME,
    "decimals": _INTEGER,
    "base": _NAME,
    "quote": _NAME,
    "tick_size": _DECIMAL,
    "lot_size": _DECIMAL,
    "price_min": _DECIMAL,
    "price_max": _DECIMAL,
    "maker_fee_ppm": _INTEGER,
    "taker_fee_ppm": _INTEGER,
    "qty_min": _DECIMAL,
    "qty_max": _DECIMAL,
    "min_notional": _DECIMAL,
    "market_collar_ppm": _INTEGER,
    "max_open_orders": _INTEGER,
}
BUSTED_SEQ = "busted_seq"  # of a trade that was taken back: the sequence of the event that did it
_OF_A_TRADE = (
    *("seq", "ts_ns", "symbol", "account", "client_id", "order_id", "request_id", "side", "price", "qty", "leaves"),
    *("maker_order_id", "maker_account", "maker_leaves", "fee", "maker_fee"),
)
TRADE_COLUMNS: dict[str, Kind] = {name: EVENT_COLUMNS[name] for name in _OF_A_TRADE} | {BUSTED_SEQ: Kind.INTEGER}
COLUMNS = {EVENTS: EVENT_COLUMNS, TRADES: TRADE_COLUMNS}
# What follows from the events: the fields that `query order` shows, and the changes that `consumers.funds` books.
ORDER_COLUMNS: dict[str, Kind] = {
    "order_id": _INTEGER,
    "account": _INTEGER,
    "client_id": _INTEGER,
    "symbol": _NAME,
    "side": _WORD,
    "order_type": _WORD,
    "tif": _WORD,
    "status": _WORD,
    "price": _DECIMAL,
    "stop_price": _DECIMAL,
    "triggered": _INTEGER,
    "trail": _DECIMAL,
    "qty": _DECIMAL,
    "leaves": _DECIMAL,
    "filled": _DECIMAL,
    "busted": _DECIMAL,
    "display_qty": _DECIMAL,
    "expire_ts_ns": _INTEGER,
    "oco_order_id": _INTEGER,
    "reason": _WORD,
    "accepted_ts_ns": _INTEGER,
    "updated_ts_ns": _INTEGER,
    "last_seq": _INTEGER,
}
LEDGER_COLUMNS: dict[str, Kind] = {
    "seq": _INTEGER,
    "line": _INTEGER,  # within the event, from 1
    "ts_ns": _INTEGER,
    "account": _INTEGER,  # absent: the fee account
    "asset": _NAME,
    "available_change": _DECIMAL,
    "frozen_change": _DECIMAL,
    "kind": _WORD,
}
ALL_COLUMNS = {**COLUMNS, ORDERS: ORDER_COLUMNS, LEDGER: LEDGER_COLUMNS}
KEYS = {EVENTS: ("seq",), TRADES: ("seq",), ORDERS: ("order_id",), LEDGER: ("seq", "line")}
DECIMALS = frozenset(name for name, kind in EVENT_COLUMNS.items() if kind is Kind.DECIMAL)
SCHEMA = sha256(repr([(t, n, k.value) for t, c in COLUMNS.items() for n, k in c.items()]).encode()).hexdigest()[:16]


def rows(table: str, fields: Iterable[dict[str, Any]]) -> list[Row]:
    """Events in their JSON form as rows of a table, decimals as Decimal. KeyError for a field that is no column."""
    columns = ALL_COLUMNS[table]
    found: list[Row] = []
    for event in fields:
        row: Row = {}
        for name, value in event.items():
            if table == TRADES and name in ("type", "reason"):  # of a trade they say nothing
                continue
            row[name] = Decimal(value) if columns[name] is Kind.DECIMAL else value
        found.append(row)
    return found
