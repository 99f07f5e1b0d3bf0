"""An order as people are shown it: one ORDER row → its JSON form."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.catalog import Catalog
from consumers.orders.fold import Status
from ringbuf.codes import FIRST_WAITING, NO_ID, PRICED, OrderType, Reason, Side, Tif


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
