"""Orders with their fills, refusals and ledger lines of the stores as JSON."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.catalog import Catalog, Instrument
from consumers.orders.shown import order_json
from consumers.orders.store import OrderTables, fills_of
from ringbuf.codes import NO_ACCOUNT, NO_SYMBOL, EventType, Reason, Side


def order_with_fills(txn: Any, tables: OrderTables, row: NDArray[np.void], catalog: Catalog) -> dict[str, Any]:
    """One ORDER row and every fill, oldest first; a fill's fee is in the asset that the order receives."""
    instrument = catalog.instruments[int(row["symbol"][0])]
    buys = int(row["side"][0]) == Side.BUY
    fills = [_fill_json(fill, instrument, buys) for fill in fills_of(txn, tables, row)]
    return {**order_json(row, catalog), "fills": fills}


def _fill_json(fill: np.void, instrument: Instrument, buys: bool) -> dict[str, Any]:
    fee = int(fill["fee"])
    return {
        "seq": int(fill["seq"]),
        "ts_ns": int(fill["ts_ns"]),
        "price": instrument.price_text(int(fill["price_ticks"])),
        "qty": instrument.qty_text(int(fill["qty_lots"])),
        "leaves": instrument.qty_text(int(fill["leaves_lots"])),
        "fee": instrument.base_text(fee) if buys else instrument.quote_text(fee),
        "fee_asset": (instrument.base_asset if buys else instrument.quote_asset).name,
        "maker": bool(fill["maker"]),
        "busted": bool(fill["busted"]),
    }


def refusal_json(refusal: NDArray[np.void], catalog: Catalog) -> dict[str, Any]:
    """A command that was refused, by its `rejected` event."""
    event = refusal[0]
    symbol = int(event["symbol"])
    return {
        "status": "rejected",
        "seq": int(event["seq"]),
        "ts_ns": int(event["ts_ns"]),
        "account": None if event["account"] == NO_ACCOUNT else int(event["account"]),
        "client_id": int(event["client_id"]),
        "symbol": None
        if symbol == NO_SYMBOL or symbol >= len(catalog.instruments)
        else catalog.instruments[symbol].symbol,
        "reason": Reason(int(event["reason"])).name.lower(),
    }


def ledger_json(line: np.void, catalog: Catalog) -> dict[str, Any]:
    """One LEDGER line."""
    asset = int(line["asset"])
    amounts = {
        name: catalog.amount_text(asset, int(line[name])) for name in ("d_available", "d_frozen", "available", "frozen")
    }
    return {
        "seq": int(line["seq"]),
        "ts_ns": int(line["ts_ns"]),
        "type": EventType(int(line["type"])).name.lower(),
        "asset": catalog.assets[asset].name,
        "available_change": amounts["d_available"],
        "frozen_change": amounts["d_frozen"],
        "available": amounts["available"],
        "frozen": amounts["frozen"],
    }
