"""Orders and the two sides of a book, as plain sorted lists."""

from dataclasses import dataclass, field

from tests.reference.listing import Instrument

LIMIT_LIKE = ("limit", "stop_limit", "take_profit_limit")  # these have a price
TAKE_PROFITS = ("take_profit", "take_profit_limit")
WAITING = ("stop", "stop_limit", *TAKE_PROFITS, "trailing_stop")  # these stand in no book until they trigger


@dataclass(eq=False)
class Hold:
    """What is frozen for an order, or for a pair of which only one may trade; minor units."""

    amount: int = 0


@dataclass(eq=False)
class Order:
    """An accepted order. ``price`` is None on market-like ones; ``order_type`` changes when a waiting one triggers."""

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
    hold: Hold = field(default_factory=Hold)  # of the asset it pays with
    age: int = 0  # order of acceptance; an amend that sends it to the back gives a new one
    stop_price: int | None = None  # ticks; None once it has triggered
    trail: int | None = None  # ticks between the market and a trailing stop
    display: int | None = None  # lots of an iceberg's slice
    shown: int = 0  # lots of the slice that stands in the book; all of leaves where it is no iceberg
    expire: int | None = None  # ts_ns at which it ends
    worst: int | None = None  # ticks: the collar of a market order, from its entry on
    triggered: bool = False
    partner: "Order | None" = None  # one cancels the other

    @property
    def waits(self) -> bool:
        """It has not triggered yet."""
        return self.order_type in WAITING

    @property
    def frozen(self) -> int:
        """What is frozen for it and for its partner, if it has one."""
        return self.hold.amount

    @property
    def alone(self) -> int:
        """What it freezes by itself while it stands somewhere."""
        if self.side == "sell":
            return self.leaves * self.instrument.lot_base_units
        price = self.stop_price if self.price is None else self.price
        assert price is not None
        return self.instrument.cost(price, self.leaves)

    @property
    def pays_with(self) -> str:
        """The asset that it freezes."""
        return self.instrument.quote.name if self.side == "buy" else self.instrument.base.name

    def crosses(self, maker: "Order") -> bool:
        """Whether this order would take the maker's price."""
        assert maker.price is not None
        limit = self.worst if self.price is None else self.price
        if limit is None:
            return True
        return maker.price <= limit if self.side == "buy" else maker.price >= limit

    def avoids(self, maker: "Order") -> bool:
        """Whether self-trade prevention keeps these two from trading."""
        return maker.account == self.account and self.stp != "none"

    def show(self) -> None:
        """A full new slice, or what is left where that is less."""
        self.shown = self.leaves if self.display is None else min(self.display, self.leaves)

    def lose(self, lots: int) -> None:
        """Less is left; an iceberg's hidden part goes first."""
        self.leaves -= lots
        self.shown = min(self.shown, self.leaves)


class Book:
    """One symbol's resting orders, best first on each side."""

    def __init__(self) -> None:
        self.sides: dict[str, list[Order]] = {"buy": [], "sell": []}

    def against(self, side: str) -> list[Order]:
        """The makers that a taker of this side meets, in priority."""
        return self.sides["sell" if side == "buy" else "buy"]

    def rest(self, order: Order) -> None:
        """Put an order at the back of its price, an iceberg with a full slice."""
        order.show()
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
