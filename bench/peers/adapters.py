"""The peers, each behind the same two calls. Runs in the peers' own environment: imports nothing of matchline.

    python adapters.py NAME MESSAGES.npy COUNT     prints {"seconds", "messages", "open_lots"} as JSON

An adapter's `place(order, buy, price, qty)` and `cancel(order)` do what that package's own documentation does for a
limit order and a cancel, objects that its interface asks for included. What stands in its book is asked for after
the clock.
"""

import json
import logging
import os
import sys
import time
from typing import Any, Protocol

import numpy as np


class Adapter(Protocol):
    """One peer. `order` is the workload's number; prices and quantities are whole."""

    def place(self, order: int, buy: bool, price: int, qty: int) -> None: ...
    def cancel(self, order: int) -> None: ...
    def open_lots(self) -> int: ...


class Nanobook:
    """nanobook: Rust behind pyo3."""

    def __init__(self) -> None:
        import nanobook

        self.exchange = nanobook.Exchange()
        self.ids: dict[int, int] = {}

    def place(self, order: int, buy: bool, price: int, qty: int) -> None:
        self.ids[order] = self.exchange.submit_limit("buy" if buy else "sell", price, qty, "gtc").order_id

    def cancel(self, order: int) -> None:
        self.exchange.cancel(self.ids[order])

    def open_lots(self) -> int:
        book = self.exchange.full_book()
        return sum(level.quantity for side in (book.bids, book.asks) for level in side)


class Obook:
    """obook: Go behind a C interface, by ctypes. Its events are drained 64 messages at a time."""

    def __init__(self) -> None:
        import obook

        self.buy, self.sell = obook.BUY, obook.SELL
        self.book = obook.Book(max_orders=1_000_000)
        self.ids: dict[int, tuple[int, int]] = {}
        self.count = 0

    def _drain(self) -> None:
        self.count += 1
        if self.count % 64 == 0:
            self.book.events()

    def place(self, order: int, buy: bool, price: int, qty: int) -> None:
        user = 1 if buy else 2
        self.ids[order] = self.book.submit(user, self.buy if buy else self.sell, price, qty).order_id, user
        self._drain()

    def cancel(self, order: int) -> None:
        self.book.cancel(*self.ids[order])
        self._drain()

    def open_lots(self) -> int:
        return sum(order.qty - order.filled for order in self.book.book())


class CythonOrderbook:
    """cython-orderbook: Cython classes."""

    def __init__(self) -> None:
        from cython_orderbook import Order, OrderBook, OrderSide

        self.order, self.side, self.book = Order, OrderSide, OrderBook()
        self.orders: dict[int, Any] = {}

    def place(self, order: int, buy: bool, price: int, qty: int) -> None:
        made = self.order(side=self.side.BID if buy else self.side.ASK, price=price, original_quantity=qty)
        self.orders[order] = made
        self.book.add_limit_order(made)

    def cancel(self, order: int) -> None:
        self.book.cancel_order(self.orders[order].order_id)

    def open_lots(self) -> int:
        # Its levels' own totals drift from what stands in them.
        return sum(order.remaining_quantity for _, order in self.book.orders.values())


class Pyorderbook:
    """pyorderbook: plain Python, heaps of levels."""

    def __init__(self) -> None:
        from pyorderbook import Book, ask, bid

        self.bid, self.ask, self.book = bid, ask, Book()
        self.orders: dict[int, Any] = {}

    def place(self, order: int, buy: bool, price: int, qty: int) -> None:
        made = (self.bid if buy else self.ask)("S", price, qty)
        self.orders[order] = made
        self.book.match(made)

    def cancel(self, order: int) -> None:
        made = self.orders[order]
        if made.id in self.book.order_map:  # it raises, and logs, where the order is gone
            self.book.cancel(made)

    def open_lots(self) -> int:
        return sum(order.quantity for order in self.book.order_map.values())


class LightMatchingEngine:
    """lightmatchingengine: plain Python, dictionaries of lists."""

    def __init__(self) -> None:
        from lightmatchingengine.lightmatchingengine import LightMatchingEngine as Engine
        from lightmatchingengine.lightmatchingengine import Side

        self.engine, self.side = Engine(), Side
        self.ids: dict[int, int] = {}

    def place(self, order: int, buy: bool, price: int, qty: int) -> None:
        made, _ = self.engine.add_order("S", price, qty, self.side.BUY if buy else self.side.SELL)
        self.ids[order] = made.order_id

    def cancel(self, order: int) -> None:
        self.engine.cancel_order(self.ids[order], "S")

    def open_lots(self) -> int:
        book = self.engine.order_books["S"]
        return sum(o.leaves_qty for side in (book.bids, book.asks) for level in side.values() for o in level)


class Fastlob:
    """fastlob: plain Python, decimals, sorted dictionaries."""

    def __init__(self) -> None:
        from fastlob import Orderbook, OrderParams, OrderSide

        self.params, self.side = OrderParams, OrderSide
        self.book = Orderbook("S", start=True)
        self.ids: dict[int, str] = {}

    def place(self, order: int, buy: bool, price: int, qty: int) -> None:
        side = self.side.BID if buy else self.side.ASK
        self.ids[order] = self.book(self.params(side, price, qty)).orderid()

    def cancel(self, order: int) -> None:
        self.book.cancel(self.ids[order])

    def open_lots(self) -> int:
        book = self.book
        return int(sum(side.volume() for side in (book._bidside, book._askside)))


ADAPTERS: dict[str, type] = {
    "nanobook": Nanobook,
    "obook": Obook,
    "cython-orderbook": CythonOrderbook,
    "pyorderbook": Pyorderbook,
    "lightmatchingengine": LightMatchingEngine,
    "fastlob": Fastlob,
}


def main(name: str, path: str, count: int) -> dict[str, Any]:
    """Time the first `count` messages; the lots that stand at the end are worked out after the clock."""
    messages = np.load(path)[:count]
    rows = list(zip(*(messages[field].tolist() for field in ("kind", "order", "side", "price", "qty")), strict=True))
    logging.disable(logging.CRITICAL)
    adapter: Adapter = ADAPTERS[name]()
    place, cancel = adapter.place, adapter.cancel
    begin = time.perf_counter()
    for kind, order, side, price, qty in rows:
        if kind == 0:
            place(order, side == 0, price, qty)
        else:
            cancel(order)
    seconds = time.perf_counter() - begin
    return {"seconds": seconds, "messages": len(rows), "open_lots": adapter.open_lots()}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2], int(sys.argv[3]))), flush=True)
    os._exit(0)  # one of them has a thread that never ends
