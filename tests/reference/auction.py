"""The end of an auction: one price for all that trades, then the trades."""

from typing import TYPE_CHECKING

from tests.reference.book import Book
from tests.reference.listing import Instrument
from tests.reference.matching import exchange

if TYPE_CHECKING:
    from tests.reference.engine import ReferenceEngine


def is_crossed(book: Book) -> bool:
    """Whether the best buy would take the best sell."""
    buys, sells = book.sides["buy"], book.sides["sell"]
    return bool(buys and sells) and buys[0].crosses(sells[0])


def uncross(engine: "ReferenceEngine", instrument: Instrument) -> None:
    """Trade what crosses at one price, each trade in a step of its own; nothing where nothing does."""
    book = engine.books[instrument.symbol]
    if not is_crossed(book):
        return
    price, volume = clearing_price(book, instrument.reference)
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


def clearing_price(book: Book, reference: int | None) -> tuple[int, int]:
    """Price in ticks and lots that trade at it: the most lots, then the least surplus, then nearest to the reference
    (without one, to the middle of best bid and best ask, rounded down), then the higher."""
    best_bid, best_ask = book.sides["buy"][0].price, book.sides["sell"][0].price
    assert best_bid is not None and best_ask is not None
    anchor = (best_bid + best_ask) // 2 if reference is None else reference

    def wanted(price: int) -> int:
        return sum(order.leaves for order in book.sides["buy"] if order.price is not None and order.price >= price)

    def offered(price: int) -> int:
        return sum(order.leaves for order in book.sides["sell"] if order.price is not None and order.price <= price)

    def badness(price: int) -> tuple[int, int, int, int]:
        buys, sells = wanted(price), offered(price)
        return -min(buys, sells), abs(buys - sells), abs(price - anchor), -price

    price = min(range(best_ask, best_bid + 1), key=badness)
    return price, min(wanted(price), offered(price))
