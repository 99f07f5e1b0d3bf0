"""An order as people are shown it: one ORDER row → its JSON form."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.catalog import Catalog
from consumers.orders.fold import ORDER, Status
from ringbuf.codes import FIRST_WAITING, NO_ID, PRICED, OrderType, Reason, Side, Tif

_NAMES = {
    kind: {member.value: member.name.lower() for member in kind} for kind in (Side, OrderType, Tif, Status, Reason)
}


def order_json(row: NDArray[np.void], catalog: Catalog) -> dict[str, Any]:
    """One ORDER row, without its fills."""
    order: dict[str, int] = dict(zip(ORDER.names or (), row[0].item(), strict=True))
    instrument = catalog.instruments[order["symbol"]]
    order_type = order["order_type"]
    found: dict[str, Any] = {
        "order_id": order["order_id"],
        "account": order["account"],
        "client_id": None if order["client_id"] == NO_ID else order["client_id"],
        "symbol": instrument.symbol,
        "side": _NAMES[Side][order["side"]],
        "order_type": _NAMES[OrderType][order_type],
        "tif": _NAMES[Tif][order["tif"]],
        "status": _NAMES[Status][order["status"]],
    }
    if order_type in PRICED:
        found["price"] = instrument.price_text(order["price_ticks"])
    if order_type >= FIRST_WAITING:
        found["stop_price"] = instrument.price_text(order["stop_price_ticks"])
        found["triggered"] = bool(order["triggered"])
    if order_type == OrderType.TRAILING_STOP:
        found["trail"] = instrument.price_text(order["trail_ticks"])
    for name in ("qty", "leaves", "filled", "busted"):
        found[name] = instrument.qty_text(order[f"{name}_lots"])
    if order["display_lots"]:
        found["display_qty"] = instrument.qty_text(order["display_lots"])
    if order["expire_ts_ns"]:
        found["expire_ts_ns"] = order["expire_ts_ns"]
    if order["pair_order_id"]:
        found["oco_order_id"] = order["pair_order_id"]
    if order["reason"]:
        found["reason"] = _NAMES[Reason][order["reason"]]
    found["accepted_ts_ns"] = order["accepted_ts_ns"]
    found["updated_ts_ns"] = order["updated_ts_ns"]
    found["last_seq"] = order["last_seq"]
    return found
