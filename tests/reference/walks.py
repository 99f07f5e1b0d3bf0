"""What a taker would take of the book, before it does: for fok, minimum quantity, the funds of a market buy, a budget.

All of them go by `meets`, the order in which the taker meets what stands there. Prices beyond its limit, its collar or
the volatility band count as not there.
"""

from collections.abc import Iterator
from itertools import groupby, takewhile

from tests.reference.book import Order
from tests.reference.listing import MILLION

STOPS_AT_OWN = ("cancel_taker", "cancel_both")


def set_collar(taker: Order, makers: list[Order]) -> None:
    """A market order goes no further than this from the best price that it finds when it enters."""
    ppm = taker.instrument.market_collar_ppm
    if taker.order_type != "market" or ppm is None or not makers:
        return
    best = makers[0].price
    assert best is not None
    if taker.side == "buy":
        taker.worst = best * (MILLION + ppm) // MILLION
    else:
        taker.worst = -(-best * (MILLION - ppm) // MILLION)


def meets(taker: Order, makers: list[Order]) -> Iterator[tuple[Order, int]]:
    """Makers and lots in the order in which they are met: of one price first the slices, then what is hidden.

    An order that the taker avoids is met once, with all that it has. It ends where a trade would be outside the
    volatility band; the first print sets a reference price where there is none.
    """
    instrument, reference = taker.instrument, taker.instrument.reference
    reachable = takewhile(taker.crosses, makers)
    for price, level in groupby(reachable, key=lambda maker: maker.price):
        assert price is not None
        hidden = []
        for maker in level:
            if taker.avoids(maker):
                yield maker, maker.leaves
                continue
            if not instrument.in_band(price, reference):
                return
            reference = price if reference is None else reference
            yield maker, maker.shown
            hidden.append(maker)
        for maker in hidden:
            if maker.leaves > maker.shown:
                yield maker, maker.leaves - maker.shown


def countable(taker: Order, makers: list[Order]) -> int:
    """Lots that a fok, or a minimum quantity, could really take."""
    total = 0
    for maker, lots in meets(taker, makers):
        if not taker.avoids(maker):
            total += lots
        elif taker.stp != "cancel_maker":
            break
    return total


def walk_cost(taker: Order, makers: list[Order]) -> int:
    """Quote minor units that a market buy's walk of the book will pay."""
    cost, left = 0, taker.leaves
    for maker, lots in meets(taker, makers):
        taken = min(left, lots)
        if taker.avoids(maker):
            if taker.stp in STOPS_AT_OWN:
                break
            if taker.stp == "decrement":
                left -= taken
            continue
        assert maker.price is not None
        cost += taker.instrument.cost(maker.price, taken)
        left -= taken
        if left == 0:
            break
    return cost


def budget_quantity(taker: Order, makers: list[Order], budget: int) -> tuple[int, bool]:
    """Whole lots that the budget's walk takes, and whether an own order ended it."""
    total, rest = 0, budget
    for maker, lots in meets(taker, makers):
        assert maker.price is not None
        affordable = rest // taker.instrument.cost(maker.price, 1)
        if affordable == 0:
            break
        if taker.avoids(maker):
            if taker.stp in STOPS_AT_OWN:
                return total, True
            continue
        taken = min(affordable, lots)
        total += taken
        rest -= taker.instrument.cost(maker.price, taken)
    return total, False
