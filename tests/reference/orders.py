"""Place, replace and amend: an order's entry after all checks, and its change."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.reference import pairs, waiting
from tests.reference.book import Order
from tests.reference.matching import match
from tests.reference.terms import amended_terms, placed_terms
from tests.reference.units import Refused
from tests.reference.walks import budget_quantity, can_take, set_collar, walk_cost

if TYPE_CHECKING:
    from tests.reference.engine import ReferenceEngine

Command = dict[str, Any]


def find_target(engine: "ReferenceEngine", command: Command) -> Order:
    """The account's own open order that a cancel or amend names; Refused where there is none."""
    order = target(engine, command)
    if order is None:
        raise Refused("unknown_order")
    return order


def target(engine: "ReferenceEngine", command: Command) -> Order | None:
    """The account's own open order that a command names; order_id counts where both are given."""
    if "order_id" in command:
        order = engine.open.get(command["order_id"])
        return order if order is not None and order.account == command["account"] else None
    return engine.find_open(command["account"], command["orig_client_id"])


# -- place ------------------------------------------------------------------------------------------------------------


def place(engine: "ReferenceEngine", command: Command) -> None:
    """A new order: refuse it, or accept it and run it to its end."""
    partner, reasons = pairs.wanted_partner(engine, command)
    order = placed_terms(engine, command, reasons)
    entry = check_entry(engine, command, order, partner, has_level_room(engine))
    enter(engine, order, partner, entry)


def replace(engine: "ReferenceEngine", command: Command) -> None:
    """Cancel and place, or neither: the new order is judged as if the old one were gone."""
    old = target(engine, command)
    order = placed_terms(engine, command, [] if old is not None else ["unknown_order"])
    assert old is not None
    has_room = has_level_room(engine)  # while the old one still stands at its price
    standing = engine.standing(old)
    turn = standing.index(old)
    standing.remove(old)
    del engine.open[old.order_id]
    engine.accounts[old.account].freeze(old.pays_with, -old.frozen)
    try:
        entry = check_entry(engine, command, order, None, has_room)
    finally:
        engine.accounts[old.account].freeze(old.pays_with, old.frozen)
        engine.open[old.order_id] = old
        standing.insert(turn, old)
    engine.cancel(old, "user")
    enter(engine, order, None, entry)


class Entry(NamedTuple):
    """What the third group's checks found."""

    frozen: int  # minor units for the order, and its partner where it has one
    own_stopped: bool  # whether an own order stopped the walk of its budget


def check_entry(
    engine: "ReferenceEngine", command: Command, order: Order, partner: Order | None, has_room: bool,
    before: Sequence[Order] = (),
) -> Entry:  # fmt: skip
    """The third group of reasons to refuse a new order; ``before``: orders that will enter before it."""
    makers = engine.books[order.instrument.symbol].against(order.side)
    set_collar(order, makers)
    own_stopped, most = False, engine.limits.max_events
    if "quote_budget" in command:
        budget = order.instrument.quote.unit.count(command["quote_budget"]).numerator
        order.leaves, own_stopped = budget_quantity(order, makers, budget, most)
    _check_cross(order, makers)
    frozen, already = frozen_for(order, makers, most), 0
    if partner is not None:
        frozen, already = max(frozen, partner.alone), partner.alone
    promised = sum(o.alone for o in before if o.pays_with == order.pays_with)
    if frozen - already > engine.available(order) - promised:
        raise Refused("insufficient_funds")
    if _is_full(engine, order, [*engine.open.values(), *before], has_room):
        raise Refused("book_full")
    _check_fill(command, order, makers, most)
    return Entry(frozen, own_stopped)


def enter(engine: "ReferenceEngine", order: Order, partner: Order | None, entry: Entry) -> None:
    """All checks have passed: the order is accepted, and goes where it belongs."""
    if partner is not None:
        pairs.link(order, partner)
    _accept(engine, order, entry.frozen)
    if order.leaves == 0:  # the budget buys nothing
        engine.cancel(order, "self_trade" if entry.own_stopped else "market_remainder")
    elif not order.waits:
        match(engine, order)
    else:
        wait(engine, order)


def _accept(engine: "ReferenceEngine", order: Order, frozen: int) -> None:
    """From now on the order is open."""
    order.order_id, order.age = engine.seq + 1, engine.next_age()
    engine.open[order.order_id] = order
    engine.freeze(order, frozen)
    instrument = order.instrument
    engine.emit(
        "accepted", order, side=order.side, order_type=order.order_type, price=instrument.price_text(order.price),
        qty=instrument.lot.text(order.leaves), stop_price=instrument.price_text(order.stop_price),
        trail=instrument.price_text(order.trail), oco_client_id=order.partner.client_id if order.partner else None,
        display_qty=None if order.display is None else instrument.lot.text(order.display), expire_ts_ns=order.expire,
    )  # fmt: skip


def wait(engine: "ReferenceEngine", order: Order) -> None:
    """Let the order wait; where the last trade has reached its stop_price already, it triggers at once."""
    if waiting.is_reached_already(engine, order):
        waiting.trigger(engine, order)
    else:
        engine.waiting[order.instrument.symbol].append(order)


def _check_cross(taker: Order, makers: list[Order]) -> None:
    """Whether the order would trade, though it must not."""
    state = taker.instrument.state
    if state == "auction":
        return  # nothing trades now
    if (taker.post_only or state == "post_only") and not taker.waits and makers and taker.crosses(makers[0]):
        raise Refused("would_cross")


def _check_fill(command: Command, taker: Order, makers: list[Order], most: int) -> None:
    """Whether as much would trade as it must. The last check: only who has the funds may have the book walked over."""
    if taker.tif == "fok" and not can_take(taker, makers, taker.leaves, most):
        raise Refused("fok_unfilled")
    if "min_qty" in command:
        least = taker.instrument.lot.count(command["min_qty"]).numerator
        if not can_take(taker, makers, least, most):
            raise Refused("min_qty_unfilled")


def _is_full(engine: "ReferenceEngine", order: Order, others: list[Order], has_room: bool) -> bool:
    """Whether one order more is too many besides the others, though it may end at once."""
    limits, most = engine.limits, order.instrument.max_open_orders
    mine = sum(other.account == order.account for other in others)
    here = sum(other.instrument is order.instrument for other in others)
    if len(others) >= limits.max_orders - 1:
        return True
    if not order.waits and (order.order_type != "limit" or order.tif not in ("gtc", "gtd")):
        return False  # it ends at once: a full book can still be traded away
    if mine >= limits.max_account_orders or (most is not None and here >= most):
        return True
    trailing = [o for o in others if o.instrument is order.instrument and o.order_type == "trailing_stop"]
    own = sum(other.account == order.account for other in trailing)
    if order.trail is not None and (len(trailing) >= limits.max_symbol_trailing or own >= limits.max_account_trailing):
        return True
    return not has_room


def has_level_room(engine: "ReferenceEngine", before: Sequence[Order] = ()) -> bool:
    """Whether one more price could stand in a book, after those that will enter before, whether it is needed or not.

    A waiting order may need one when it triggers, and nobody could refuse it then: each counts as a price.
    """
    resting = {(o.instrument.symbol, o.side, o.price) for o in engine.open.values() if not o.waits}
    waiting_orders = sum(order.waits for order in engine.open.values())
    return len(resting) + waiting_orders + len(before) < engine.limits.max_levels - 1


def frozen_for(order: Order, makers: list[Order], most: int) -> int:
    """Minor units that the order by itself freezes when it is accepted."""
    if order.order_type == "market" and order.side == "buy":
        return walk_cost(order, makers, most)
    return order.alone


# -- amend ------------------------------------------------------------------------------------------------------------


def amend(engine: "ReferenceEngine", command: Command) -> None:
    """New price, remaining quantity or stop_price for an open order; a refusal leaves it as it was."""
    order = find_target(engine, command)
    before = (order.price, order.leaves, order.stop_price)
    has_room = has_level_room(engine)  # while the order still stands at its old price
    try:
        terms = amended_terms(engine, command, order)
        keeps_place = terms[0] == order.price and terms[1] <= order.leaves and terms[2] == order.stop_price
        order.price, order.leaves, order.stop_price = terms
        frozen = _check_amended(engine, order, keeps_place, has_room)
    except Refused as refused:
        order.price, order.leaves, order.stop_price = before
        raise Refused(refused.reason, order, refused.as_good) from refused

    engine.freeze(order, frozen)
    order.lose(0)  # the slice is never more than what is left
    if not keeps_place:
        order.age = engine.next_age()
        engine.withdraw(order)
    instrument = order.instrument
    engine.emit(
        "amended", order, price=instrument.price_text(order.price), qty=instrument.lot.text(order.leaves),
        stop_price=instrument.price_text(order.stop_price),
    )  # fmt: skip
    if not keeps_place and order.waits:
        wait(engine, order)
    elif not keeps_place:
        match(engine, order)


def _check_amended(engine: "ReferenceEngine", order: Order, keeps_place: bool, has_room: bool) -> int:
    """The third group's checks on an order that has its new terms; what it freezes with them."""
    makers = engine.books[order.instrument.symbol].against(order.side)
    if not keeps_place and not order.waits:
        _check_cross(order, makers)
    frozen = pairs.amount(order, order.alone)
    if frozen > engine.available(order) + order.frozen:
        raise Refused("insufficient_funds")
    if not keeps_place and not order.waits and not has_room:
        raise Refused("book_full")
    return frozen
