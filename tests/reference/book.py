"""Orders and the two sides of a book, as plain sorted lists."""

from dataclasses import dataclass

from tests.reference.listing import Instrument


@dataclass
class Order:
    """An accepted order. ``price`` is None on a market order."""

    order_id: int
    account: int
    client_id: int
    instrument: Instrument
    side: str
    order_type: str
    tif: str
    stp: str
    post_only: bool
    price: int | None  # ticks
    leaves: int  # lots
    frozen: int  # minor units of the asset it pays with
    age: int  # order of acceptance; an amend that sends it to the back gives a new one

    @property
    def pays_with(self) -> str:
        """The asset that it freezes."""
        return self.instrument.quote.name if self.side == "buy" else self.instrument.base.name

    def crosses(self, maker: "Order") -> bool:
        """Whether this order would take the maker's price."""
        assert maker.price is not None
        if self.price is None:
            return True
        return maker.price <= self.price if self.side == "buy" else maker.price >= self.price


class Book:
    """One symbol's resting orders, best first on each side."""

    def __init__(self) -> None:
        self.sides: dict[str, list[Order]] = {"buy": [], "sell": []}

    def against(self, side: str) -> list[Order]:
        """The makers that a taker of this side meets, in priority."""
        return self.sides["sell" if side == "buy" else "buy"]

    def rest(self, order: Order) -> None:
        """Put an order at the back of its price."""
        orders = self.sides[order.side]
        assert order.price is not None
        place = 0
        while place < len(orders) and not self._is_better(order, orders[place]):
            place += 1
        orders.insert(place, order)

    @staticmethod
    def _is_better(order: Order, other: Order) -> bool:
        assert order.price is not None and other.price is not None
        return order.price > other.price if order.side == "buy" else order.price < other.price

    def remove(self, order: Order) -> None:
        """Take an order out."""
        self.sides[order.side].remove(order)

    def orders(self) -> list[Order]:
        """All orders: buys from the best, then sells from the best."""
        return self.sides["buy"] + self.sides["sell"]
