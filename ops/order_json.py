"""Orders, fills and ledger lines of the stores as JSON."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.catalog import Catalog, Instrument
from consumers.orders.fold import Status
from consumers.orders.store import OrderTables, fills_of
from ringbuf.codes import (
    FIRST_WAITING,
    NO_ACCOUNT,
    NO_ID,
    NO_SYMBOL,
    PRICED,
    EventType,
    OrderType,
    Reason,
    Side,
    Tif,
)


def order_json(row: NDArray[np.void], catalog: Catalog) -> dict[str, Any]:
    """One ORDER row, without its fills."""
    order = row[0]
    instrument = catalog.instruments[int(order["symbol"])]
    order_type = OrderType(int(order["order_type"]))
    found: dict[str, Any] = {
        "order_id": int(order["order_id"]),
        "account": int(order["account"]),
        "client_id": None if order["client_id"] == NO_ID else int(order["client_id"]),
        "symbol": instrument.symbol,
        "side": Side(int(order["side"])).name.lower(),
        "order_type": order_type.name.lower(),
        "tif": Tif(int(order["tif"])).name.lower(),
        "status": Status(int(order["status"])).name.lower(),
    }
    if order_type in PRICED:
        found["price"] = instrument.price_text(int(order["price_ticks"]))
    if order_type >= FIRST_WAITING:
        found["stop_price"] = instrument.price_text(int(order["stop_price_ticks"]))
        found["triggered"] = bool(order["triggered"])
    if order_type == OrderType.TRAILING_STOP:
        found["trail"] = instrument.price_text(int(order["trail_ticks"]))
    for name in ("qty", "leaves", "filled", "busted"):
        found[name] = instrument.qty_text(int(order[f"{name}_lots"]))
    if order["display_lots"]:
        found["display_qty"] = instrument.qty_text(int(order["display_lots"]))
    if order["expire_ts_ns"]:
        found["expire_ts_ns"] = int(order["expire_ts_ns"])
    if order["pair_order_id"]:
        found["oco_order_id"] = int(order["pair_order_id"])
    if order["reason"]:
        found["reason"] = Reason(int(order["reason"])).name.lower()
    found["accepted_ts_ns"] = int(order["accepted_ts_ns"])
    found["updated_ts_ns"] = int(order["updated_ts_ns"])
    found["last_seq"] = int(order["last_seq"])
    return found


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
