"""Orders as a plain fold of the events: what has ended stays ended, what is open is open in the stores, too."""

from dataclasses import dataclass
from typing import Any

from ringbuf.codes import FIRST_WAITING
from tests.faults.checker.evidence import Answers, Event, Finding, Listed

CONFIRMED, ORDERS = "confirmed stays true", "orders store"


@dataclass
class Order:
    """One order as the events tell it."""

    account: int
    client_id: int
    symbol: int
    side: str
    price_ticks: int
    stop_price_ticks: int
    leaves_lots: int
    iceberg: bool
    waits: bool
    filled_lots: int = 0
    ended_seq: int = 0
    ended_by: str = ""


class Orders:
    """Every order of the history, open or ended."""

    def __init__(self) -> None:
        self.orders: dict[int, Order] = {}
        self.found: list[Finding] = []

    def take(self, event: Event) -> None:
        """One event of the history."""
        kind = event["type"]
        if kind == "accepted":
            self._accept(event)
        elif kind == "trade":
            self._fill(event, event["order_id"], event["leaves_lots"])
            self._fill(event, event["maker_order_id"], event["maker_leaves_lots"])
        elif kind in ("cancelled", "amended", "triggered"):
            self._change(event)

    def _accept(self, event: Event) -> None:
        if event["order_id"] != event["seq"] or event["order_id"] in self.orders:
            self.found.append(Finding(CONFIRMED, f"event {event['seq']} accepts order {event['order_id']}"))
        names = ("account", "client_id", "symbol", "side", "price_ticks", "stop_price_ticks")
        waits = event["order_type"] >= FIRST_WAITING
        terms = {name: event[name] for name in names}
        self.orders[event["order_id"]] = Order(
            **terms, leaves_lots=event["qty_lots"], iceberg=event["display_lots"] > 0, waits=waits
        )

    def _of(self, event: Event, order_id: int) -> Order | None:
        """The order that an event is about; a finding where it is none, or has ended."""
        order = self.orders.get(order_id)
        what = f"event {event['seq']} ({event['type']})"
        if order is None:
            self.found.append(Finding(CONFIRMED, f"{what} is about order {order_id}, which was never accepted"))
        elif order.ended_seq:
            said = f"{what} is about order {order_id}, which was {order.ended_by} in event {order.ended_seq}"
            self.found.append(Finding(CONFIRMED, said))
        return order

    def _fill(self, event: Event, order_id: int, leaves: int) -> None:
        order = self._of(event, order_id)
        if order is None:
            return
        order.leaves_lots -= event["qty_lots"]
        order.filled_lots += event["qty_lots"]
        if order.leaves_lots != leaves or leaves < 0 or order.waits:
            said = f"event {event['seq']}: order {order_id} has {leaves} left, by its story {order.leaves_lots}"
            self.found.append(Finding(CONFIRMED, said))
        if leaves == 0:
            order.ended_seq, order.ended_by = event["seq"], "filled"

    def _change(self, event: Event) -> None:
        order = self._of(event, event["order_id"])
        if order is None:
            return
        if event["type"] == "triggered":
            order.waits = False
        elif event["type"] == "amended":
            order.leaves_lots, order.price_ticks = event["qty_lots"], event["price_ticks"]
            order.stop_price_ticks = event["stop_price_ticks"] if order.waits else order.stop_price_ticks
        else:
            if event["qty_lots"] != order.leaves_lots:
                said = f"event {event['seq']}: cancels {event['qty_lots']} of order {event['order_id']}"
                self.found.append(Finding(CONFIRMED, f"{said}, which had {order.leaves_lots} left"))
            order.ended_seq, order.ended_by = event["seq"], "cancelled"

    def open_orders(self) -> dict[int, Order]:
        """Those that have not ended."""
        return {order_id: order for order_id, order in self.orders.items() if not order.ended_seq}

    def levels(self, symbol: int) -> dict[str, dict[int, int]]:
        """{side: {price: lots}} of a symbol that has no icebergs."""
        found: dict[str, dict[int, int]] = {"buy": {}, "sell": {}}
        for order in self.open_orders().values():
            if order.symbol == symbol and not order.waits:
                side = found[order.side]
                side[order.price_ticks] = side.get(order.price_ticks, 0) + order.leaves_lots
        return found

    def compare(self, answers: Answers, listed: Listed, plain_symbol: int) -> None:
        """With what `query orders` and `query depth` say."""
        told = {row["order_id"]: row for rows in answers.orders.values() for row in rows}
        mine = self.open_orders()
        for order_id in sorted(told.keys() | mine.keys()):
            if order_id not in told or order_id not in mine:
                where = "the store has it as open" if order_id in told else "the store does not have it as open"
                order = self.orders.get(order_id)
                ended = f"by the events {order.ended_by or 'open'}" if order else "never accepted"
                self.found.append(Finding(ORDERS, f"order {order_id}: {where}, {ended}"))
                continue
            wrong = _differences(mine[order_id], told[order_id], listed)
            if wrong:
                self.found.append(Finding(ORDERS, f"order {order_id}: {', '.join(wrong)}"))
        self._compare_levels(answers, listed, plain_symbol)

    def _compare_levels(self, answers: Answers, listed: Listed, symbol: int) -> None:
        name = listed.instruments[symbol]["name"]
        levels = self.levels(symbol)
        for side, shown in (("buy", "bids"), ("sell", "asks")):
            told = {listed.ticks(symbol, price): listed.lots(symbol, qty) for price, qty in answers.depth[name][shown]}
            if told != levels[side]:
                wrong = sorted(
                    price for price in told.keys() | levels[side] if told.get(price) != levels[side].get(price)
                )
                said = f"{name} {shown} differ at {len(wrong)} prices, the first {wrong[0]} ticks"
                self.found.append(
                    Finding(ORDERS, f"{said}: {told.get(wrong[0])}, by the events {levels[side].get(wrong[0])}")
                )


def _differences(mine: Order, told: dict[str, Any], listed: Listed) -> list[str]:
    symbol = mine.symbol
    expected = {
        "account": (mine.account, told["account"]),
        "client_id": (mine.client_id, told["client_id"]),
        "symbol": (listed.instruments[symbol]["name"], told["symbol"]),
        "side": (mine.side, told["side"]),
        "leaves": (mine.leaves_lots, listed.lots(symbol, told["leaves"])),
        "filled": (mine.filled_lots, listed.lots(symbol, told["filled"])),
        "waits": (mine.waits, told["status"] == "waiting"),
    }
    if "price" in told:
        expected["price"] = (mine.price_ticks, listed.ticks(symbol, told["price"]))
    if "stop_price" in told:
        expected["stop_price"] = (mine.stop_price_ticks, listed.ticks(symbol, told["stop_price"]))
    return [f"{name} is {one[1]}, by the events {one[0]}" for name, one in expected.items() if one[0] != one[1]]
