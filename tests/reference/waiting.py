"""Waiting orders: which ones a print hits and in which order, and what becomes of them when they trigger."""

from fractions import Fraction
from typing import TYPE_CHECKING

from tests.reference import pairs
from tests.reference.book import TAKE_PROFITS, Order
from tests.reference.listing import Instrument
from tests.reference.matching import match
from tests.reference.walks import set_collar, walk_cost

if TYPE_CHECKING:
    from tests.reference.engine import ReferenceEngine


def reaches(price: int, side: str, order_type: str, stop_price: Fraction | int) -> bool:
    """Whether a print at this price makes such an order trigger."""
    if (side == "buy") == (order_type not in TAKE_PROFITS):
        return price >= stop_price
    return price <= stop_price


def is_reached(order: Order, price: int) -> bool:
    """Whether a print at this price makes this order trigger."""
    assert order.stop_price is not None
    return reaches(price, order.side, order.order_type, order.stop_price)


def is_reached_already(engine: "ReferenceEngine", order: Order) -> bool:
    """By the symbol's last trade; before the first one, no."""
    last = engine.last.get(order.instrument.symbol)
    return last is not None and is_reached(order, last)


def _turn(order: Order) -> tuple[bool, bool, int, int]:
    """Of what one print hits: stop buys from the lowest stop_price up, stop sells from the highest down, take-profit
    buys from the highest down, take-profit sells from the lowest up; equal ones oldest first."""
    assert order.stop_price is not None
    takes_profit, sells = order.order_type in TAKE_PROFITS, order.side == "sell"
    return takes_profit, sells, order.stop_price if takes_profit == sells else -order.stop_price, order.age


def hit(engine: "ReferenceEngine", instrument: Instrument, price: int) -> None:
    """A print: what it hits leaves the waiting ones and queues."""
    engine.last[instrument.symbol] = price
    waiting = engine.waiting[instrument.symbol]
    reached = sorted((order for order in waiting if is_reached(order, price)), key=_turn)
    for order in reached:
        waiting.remove(order)
    engine.hits.extend(reached)


def trigger(engine: "ReferenceEngine", order: Order) -> None:
    """It waits no longer: from here on it is a market or limit order, and a new taker."""
    pairs.end_other(engine, order)
    order.order_type = "market" if order.price is None else "limit"
    order.stop_price, order.triggered = None, True
    buys_market = order.order_type == "market" and order.side == "buy"
    if buys_market:
        engine.freeze(order, 0)
    engine.emit("triggered", order)
    makers = engine.books[order.instrument.symbol].against(order.side)
    set_collar(order, makers)
    if buys_market and walk_cost(order, makers, engine.limits.max_events) > engine.available(order):
        engine.cancel(order, "risk")
        return
    match(engine, order)
