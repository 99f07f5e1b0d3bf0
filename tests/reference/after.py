"""What comes after a command: an auction's end is uncrossed, trailing stops follow, triggered orders enter."""

from typing import TYPE_CHECKING

from tests.reference import pairs
from tests.reference.auction import uncross
from tests.reference.book import Order
from tests.reference.listing import Instrument
from tests.reference.waiting import is_reached_already, trigger

if TYPE_CHECKING:
    from tests.reference.engine import ReferenceEngine


UNCROSSES = ("open", "post_only")


def settle(engine: "ReferenceEngine") -> None:
    """After a command: one symbol after the other, as they are listed, does what the command has set going.

    An auction's end is uncrossed, trailing stops follow what printed, and the orders that the prints hit enter one by
    one, each in a step of its own, after which trailing stops follow again.
    """
    for instrument in list(engine.instruments.values()):
        if instrument.state in UNCROSSES:
            uncross(engine, instrument)
        follow(engine, instrument)
        while (order := _next_hit(engine, instrument)) is not None:
            engine.hits.remove(order)
            engine.begin_step()
            trigger(engine, order)
            follow(engine, instrument)


def _next_hit(engine: "ReferenceEngine", instrument: Instrument) -> Order | None:
    """The first of a symbol; none while it is not open."""
    if instrument.state != "open":
        return None
    return next((order for order in engine.hits if order.instrument is instrument), None)


def follow(engine: "ReferenceEngine", instrument: Instrument) -> None:
    """The trailing stops of a symbol move after what it printed, oldest first, each in its own step."""
    prints = engine.prints.pop(instrument.symbol, [])
    if not prints:
        return
    trailing = [order for order in engine.waiting[instrument.symbol] if order.trail is not None]
    for order in sorted(trailing, key=lambda order: order.age):
        stop_price = _following(order, prints)
        if stop_price is not None:
            engine.begin_step()
            _move(engine, order, stop_price)


def _following(order: Order, prints: list[int]) -> int | None:
    """The better stop_price that these prints give, in ticks; None where they give none."""
    assert order.trail is not None and order.stop_price is not None
    if order.side == "sell":
        stop_price = max(prints) - order.trail
        is_better = stop_price > order.stop_price
    else:
        stop_price = min(prints) + order.trail
        is_better = stop_price < order.stop_price
    in_band = order.instrument.price_min <= stop_price <= order.instrument.price_max
    return stop_price if is_better and in_band else None


def _move(engine: "ReferenceEngine", order: Order, stop_price: int) -> None:
    """Behind those that wait at the new price; hit at once where the last of the prints has reached it already."""
    order.stop_price, order.age = stop_price, engine.next_age()
    engine.freeze(order, pairs.amount(order, order.alone))
    engine.withdraw(order)
    instrument = order.instrument
    engine.emit(
        "amended", order, reason="trailed", qty=instrument.lot.text(order.leaves),
        stop_price=instrument.price_text(stop_price),
    )  # fmt: skip
    if is_reached_already(engine, order):
        engine.hits.append(order)
    else:
        engine.waiting[instrument.symbol].append(order)
