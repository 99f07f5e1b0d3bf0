"""What events make of the orders' rows, wherever these are kept: the orders consumer's fold, on rows that are fetched.

A row is left as it is by events that it has seen: so what is sent once more changes only what lags behind.
"""

from decimal import Context, Decimal, Inexact
from enum import IntEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from config.catalog import Catalog
from consumers.orders.fold import I64, ORDER, Status, about_orders, bust_marks, fold, touched
from consumers.orders.shown import order_json
from consumers.sinks.target import Row
from ringbuf.codes import NO_ID, ORDER_PAIRED, EventType, OrderType, Reason, Side, Tif
from ringbuf.records import EVENT_ORDER

Orders = NDArray[np.void]  # ORDER
_PRICES = (("price", "price_ticks"), ("stop_price", "stop_price_ticks"), ("trail", "trail_ticks"))
_QTYS = (("display_qty", "display_lots"), *((name, f"{name}_lots") for name in ("qty", "leaves", "filled", "busted")))
_SAME = ("order_id", "account", "triggered", "expire_ts_ns", "accepted_ts_ns", "updated_ts_ns", "last_seq")
_EXACT = Context(prec=100, traps=[Inexact])
_WORDS: dict[str, type[IntEnum]] = {
    "side": Side,
    "order_type": OrderType,
    "tif": Tif,
    "status": Status,
    "reason": Reason,
}


class Known(Protocol):
    """Where the rows are."""

    def rows(self, ids: I64) -> Orders:
        """Those of these orders (sorted, each once), nothing but zeros for those that it does not know."""

    def order_id(self, account: int, client_id: int) -> int:
        """The order that this account's client id names; 0 = none."""


def changed(events: NDArray[np.void], known: Known) -> tuple[Orders, Orders]:
    """(before, after) of the rows that contiguous events change, by order id; `before` is zeros for a new row.

    `last_seq` is that of the last event that changed the row, busts included. Orders whose `accepted` neither is
    among the events nor known are passed over.
    """
    changes = about_orders(events)
    busts = np.repeat(events[events["type"] == EventType.BUSTED], 2)
    marks = bust_marks(events)
    pairs = _pairs(changes, known)
    named = np.array([order_id for *both, _ in pairs for order_id in both], np.int64)
    ids = np.unique(np.concatenate((touched(changes), marks["order_id"], named)))
    before = known.rows(ids)
    after = before.copy()
    fold(changes, ids, after, 0)
    at = np.searchsorted(ids, marks["order_id"])
    np.add.at(after["busted_lots"], at, marks["qty_lots"])
    for name, source in (("last_seq", "seq"), ("updated_ts_ns", "ts_ns")):
        np.maximum.at(after[name], at, busts[source])
    for one, other, seq in pairs:
        for row_id, pair_id in ((one, other), (other, one)):
            row = after[np.searchsorted(ids, row_id)]
            row["pair_order_id"], row["last_seq"] = pair_id, max(int(row["last_seq"]), seq)
    first = int(events["seq"][0]) if len(events) else 0
    kept = (after["order_id"] != 0) & (before["last_seq"] < first)
    return before[kept], after[kept]


def _pairs(changes: NDArray[np.void], known: Known) -> list[tuple[int, int, int]]:
    """(order, the other one of which one cancels the other, sequence), as they are accepted."""
    accepted = changes[changes["type"] == EventType.ACCEPTED]
    paired = accepted[accepted.view(EVENT_ORDER)["order_flags"] & ORDER_PAIRED != 0] if len(accepted) else accepted
    if not len(paired):
        return []
    here = {(int(row["account"]), int(row["client_id"])): int(row["order_id"]) for row in accepted}
    found = []
    for event in paired:
        named = int(event["account"]), int(event["request_id"])
        other = here.get(named) or known.order_id(*named)
        if other:
            found.append((int(event["order_id"]), other, int(event["seq"])))
    return found


class OrderSpan:
    """Orders whose ids are within a span, in memory."""

    def __init__(self, first: int, last: int, names: dict[tuple[int, int], int]) -> None:
        """names: orders by account and client id, of those that a later order is paired with."""
        self._first, self._last = first, last
        self._names = names
        self._rows = np.zeros(last - first + 1, ORDER)

    def rows(self, ids: I64) -> Orders:
        """Of `Known`."""
        found = np.zeros(len(ids), ORDER)
        inside = (ids >= self._first) & (ids <= self._last)
        found[inside] = self._rows[ids[inside] - self._first]
        return found

    def order_id(self, account: int, client_id: int) -> int:
        """Of `Known`."""
        return self._names.get((account, client_id), 0)

    def take(self, events: NDArray[np.void]) -> None:
        """Go on by some events."""
        _, after = changed(events, self)
        after = after[(after["order_id"] >= self._first) & (after["order_id"] <= self._last)]
        self._rows[after["order_id"] - self._first] = after

    def all(self) -> Orders:
        """Every order there is, by order id."""
        return self._rows[self._rows["order_id"] != 0]


def order_fields(orders: Orders, catalog: Catalog) -> list[dict[str, Any]]:
    """Rows as `query order` shows them, without their fills; absent fields left out."""
    shown = (order_json(orders[at : at + 1], catalog) for at in range(len(orders)))
    return [
        {name: int(value) if name == "triggered" else value for name, value in fields.items() if value is not None}
        for fields in shown
    ]


def order_of(row: Row, catalog: Catalog) -> tuple[int, ...]:
    """The values of an ORDER of a row as it is shown: everything that the fold goes by."""
    instrument = catalog.instrument(str(row["symbol"]))
    order: dict[str, Any] = dict.fromkeys(ORDER.names or (), 0)
    order["symbol"] = instrument.id
    order["client_id"] = row.get("client_id", NO_ID)
    order["pair_order_id"] = row.get("oco_order_id", 0)
    for name in _SAME:
        order[name] = row.get(name, 0)
    for name, words in _WORDS.items():
        if name in row:
            order[name] = words[str(row[name]).upper()].value
    for scale, names in ((instrument.price_scale, _PRICES), (instrument.qty_scale, _QTYS)):
        for name, column in names:
            if name in row:
                order[column] = int(_EXACT.scaleb(Decimal(row[name]), scale.decimals)) // scale.step
    return tuple(order.values())
