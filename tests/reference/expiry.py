"""Good till date: what the time of a command ends, before anything else of the command."""

from typing import TYPE_CHECKING

from tests.reference.book import Order

if TYPE_CHECKING:
    from tests.reference.engine import ReferenceEngine


def expire(engine: "ReferenceEngine") -> None:
    """End every order whose time has come, by expiry, then oldest; each in a step of its own."""

    def when(order: Order) -> tuple[int, int]:
        assert order.expire is not None
        return order.expire, order.age

    due = [order for order in engine.open.values() if order.expire is not None and order.expire <= engine.now]
    for order in sorted(due, key=when):
        if order.order_id in engine.open:  # it may have ended with one before it
            engine.begin_step()
            engine.cancel(order, "expired")
