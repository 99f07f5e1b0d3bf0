"""What a taker would take of the book, before it does: for fok, minimum quantity, the funds of a market buy, a budget.

All of them go by `meets`, the order in which the taker meets what stands there. Prices beyond its limit, its collar or
the volatility band count as not there. No walk goes further than a command could trade before it is cancelled with
too_many_fills: ``most`` is how many events a command may emit.
"""

from collections.abc import Iterator
from itertools import groupby, islice, takewhile
from typing import NamedTuple

from tests.reference.book import Order
from tests.reference.listing import MILLION

STOPS_AT_OWN = ("cancel_taker", "cancel_both")
SPARE_EVENTS = 6  # of what a command may emit, not used by a fok or a minimum quantity


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


class Met(NamedTuple):
    """What a taker meets: an order with its slice, or later what it hides."""

    maker: Order
    lots: int
    slices: int | None = None  # of something hidden: in how many slices the whole price hides it; 0 after the first


def meets(taker: Order, makers: list[Order], most: int) -> Iterator[Met]:
    """What is met, in its order: of one price first the slices, then what is hidden; of so many makers at most.

    An order that the taker avoids is met once, with all that it has. It ends where a trade would be outside the
    volatility band; the first print sets a reference price where there is none.
    """
    instrument, reference = taker.instrument, taker.instrument.reference
    reachable = islice(takewhile(taker.crosses, makers), most)
    for price, level in groupby(reachable, key=lambda maker: maker.price):
        assert price is not None
        hiding = []
        for maker in level:
            if taker.avoids(maker):
                yield Met(maker, maker.leaves)
                continue
            if not instrument.in_band(price, reference):
                return
            reference = price if reference is None else reference
            yield Met(maker, maker.shown)
            if maker.leaves > maker.shown:
                hiding.append(maker)
        slices = sum(-(-(maker.leaves - maker.shown) // (maker.display or 1)) for maker in hiding)
        for maker in hiding:
            yield Met(maker, maker.leaves - maker.shown, slices)
            slices = 0


def can_take(taker: Order, makers: list[Order], wanted: int, most: int) -> bool:
    """Whether a fok, or a minimum quantity, could really have so many lots with what one command may emit.

    That is at least an event for each order and each partner, and one for each slice of what a price hides.
    """
    missing, room = wanted, most - SPARE_EVENTS
    for maker, lots, slices in meets(taker, makers, most):
        if slices is None:
            room -= 1 if maker.partner is None else 2
        else:
            room -= min(slices, missing)
        if room < 0:
            return False
        if not taker.avoids(maker):
            missing -= lots
        elif taker.stp != "cancel_maker":
            return False
        if missing <= 0:
            return True
    return False


def walk_cost(taker: Order, makers: list[Order], most: int) -> int:
    """Quote minor units that a market buy's walk of the book will pay."""
    cost, left = 0, taker.leaves
    for maker, lots, _ in meets(taker, makers, most):
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


def budget_quantity(taker: Order, makers: list[Order], budget: int, most: int) -> tuple[int, bool]:
    """Whole lots that the budget's walk takes, and whether an own order ended it."""
    total, rest = 0, budget
    for maker, lots, _ in meets(taker, makers, most):
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
