"""The end of an auction: one price for all that trades, then the trades."""

from typing import TYPE_CHECKING

from tests.reference.book import Book, Order
from tests.reference.listing import Instrument
from tests.reference.matching import exchange

if TYPE_CHECKING:
    from tests.reference.engine import ReferenceEngine

Levels = dict[int, int]  # price in ticks -> lots, hidden ones included


def is_crossed(book: Book) -> bool:
    """Whether the best buy would take the best sell."""
    buys, sells = book.sides["buy"], book.sides["sell"]
    return bool(buys and sells) and buys[0].crosses(sells[0])


def uncross(engine: "ReferenceEngine", instrument: Instrument) -> None:
    """Trade what crosses at one price, each trade in a step of its own; nothing where nothing does."""
    book = engine.books[instrument.symbol]
    if not is_crossed(book):
        return
    bids, asks = _levels(book.sides["buy"]), _levels(book.sides["sell"])
    price = clearing_price(bids, asks, instrument.reference)
    volume = min(wanted(bids, price), offered(asks, price))
    engine.begin_step()
    engine.emit(
        "uncrossed", symbol=instrument.symbol, price=instrument.tick.text(price), qty=instrument.lot.text(volume)
    )
    instrument.reference = price
    buys, sells = book.sides["buy"], book.sides["sell"]
    while volume > 0:
        buy, sell = buys[0], sells[0]
        lots = min(buy.leaves, sell.leaves)
        engine.begin_step()
        exchange(engine, buy, sell, price, lots, instrument.maker_fee_ppm)
        for order, side in ((buy, buys), (sell, sells)):
            order.lose(0)  # the hidden part went first: the slice is what it was, or all that is left
            if order.leaves == 0:
                side.remove(order)
        volume -= lots


def clearing_price(bids: Levels, asks: Levels, reference: int | None) -> int:
    """Price in ticks of an uncross: the most lots, then the least surplus, then nearest to the reference (without one,
    to the middle of best bid and best ask, rounded down), then the higher."""
    best_bid, best_ask = max(bids), min(asks)
    anchor = (best_bid + best_ask) // 2 if reference is None else reference

    def badness(price: int) -> tuple[int, int, int, int]:
        buys, sells = wanted(bids, price), offered(asks, price)
        return -min(buys, sells), abs(buys - sells), abs(price - anchor), -price

    return min(range(best_ask, best_bid + 1), key=badness)


def wanted(bids: Levels, price: int) -> int:
    """Lots that would be bought at this price."""
    return sum(lots for at, lots in bids.items() if at >= price)


def offered(asks: Levels, price: int) -> int:
    """Lots that would be sold at this price."""
    return sum(lots for at, lots in asks.items() if at <= price)


def _levels(side: list[Order]) -> Levels:
    found: Levels = {}
    for order in side:
        assert order.price is not None
        found[order.price] = found.get(order.price, 0) + order.leaves
    return found
