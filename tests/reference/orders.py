"""Place and amend: the checks in their order, then the order's way into the book."""

from typing import TYPE_CHECKING, Any

from tests.reference.book import Order
from tests.reference.commands import check_fits
from tests.reference.listing import Instrument
from tests.reference.matching import budget_quantity, countable, match, walk_cost
from tests.reference.units import Refused

if TYPE_CHECKING:
    from tests.reference.engine import ReferenceEngine

Command = dict[str, Any]


def find_target(engine: "ReferenceEngine", command: Command) -> Order:
    """The account's own open order that a cancel or amend names; order_id counts where both are given."""
    if "order_id" in command:
        order = engine.open.get(command["order_id"])
    else:
        order = engine.find_open(command["account"], command["orig_client_id"])
    if order is None or order.account != command["account"]:
        raise Refused("unknown_order")
    return order


def _check_grid_and_range(
    instrument: Instrument, command: Command, leaves: int | None = None
) -> tuple[int | None, int | None]:
    """Price in ticks and quantity in lots where given, after the second group's checks on them."""
    price = instrument.tick.count(command["price"]) if "price" in command else None
    qty = instrument.lot.count(command["qty"]) if "qty" in command else None
    reasons = []
    if price is not None and price.denominator != 1:
        reasons.append("price_off_tick")
    if qty is not None and qty.denominator != 1:
        reasons.append("qty_off_lot")
    if price is not None and not instrument.price_min <= price <= instrument.price_max:
        reasons.append("price_out_of_band")
    resulting = leaves if qty is None else qty  # an amend that keeps its quantity is measured by that
    if resulting is not None and not instrument.qty_min <= resulting <= instrument.qty_max:
        reasons.append("qty_out_of_range")
    if reasons:
        raise Refused(reasons[0], as_good=tuple(reasons[1:]))
    return (None if price is None else price.numerator), (None if qty is None else qty.numerator)


def _check_state(engine: "ReferenceEngine", number: int, instrument: Instrument) -> None:
    if engine.accounts[number].suspended:
        raise Refused("account_suspended")
    if instrument.halted:
        raise Refused("symbol_halted")


def place(engine: "ReferenceEngine", command: Command) -> None:
    """A new order: refuse it, or accept it and run it to its end."""
    instrument = engine.instruments[command["symbol"]]
    number = command["account"]
    _check_state(engine, number, instrument)
    price, qty = _check_grid_and_range(instrument, command)
    if price is not None and qty is not None and instrument.cost(price, qty) < instrument.min_notional:
        raise Refused("notional_too_small")

    taker = Order(
        order_id=engine.seq + 1, account=number, client_id=command["client_id"], instrument=instrument,
        side=command["side"], order_type=command["type"], tif=command.get("tif", "gtc"),
        stp=command.get("stp", "cancel_taker"), post_only=command.get("post_only", False),
        price=price, leaves=qty or 0, frozen=0, age=0,
    )  # fmt: skip
    makers = engine.books[instrument.symbol].against(taker.side)
    own_stopped = False
    if "quote_budget" in command:
        budget = instrument.quote.unit.count(command["quote_budget"]).numerator
        taker.leaves, own_stopped = budget_quantity(taker, makers, budget)
    _check_book(taker, makers)
    taker.frozen = frozen_for(taker, makers)
    if taker.frozen > engine.accounts[number].balances[taker.pays_with].available:
        raise Refused("insufficient_funds")
    if _is_full(engine, taker):
        raise Refused("book_full")

    taker.age = engine.next_age()
    engine.open[taker.order_id] = taker
    engine.accounts[number].freeze(taker.pays_with, taker.frozen)
    engine.emit(
        "accepted", taker, side=taker.side, price=None if price is None else instrument.tick.text(price),
        qty=instrument.lot.text(taker.leaves), order_type=taker.order_type,
    )  # fmt: skip
    if taker.leaves == 0:  # the budget buys nothing
        engine.cancel(taker, "self_trade" if own_stopped else "market_remainder")
        return
    match(engine, taker)


def _check_book(taker: Order, makers: list[Order]) -> None:
    """The third group's reasons that the book gives."""
    if taker.post_only and makers and taker.crosses(makers[0]):
        raise Refused("would_cross")
    if taker.tif == "fok" and countable(taker, makers) < taker.leaves:
        raise Refused("fok_unfilled")


def _is_full(engine: "ReferenceEngine", taker: Order) -> bool:
    """Whether one order more is too many, though it may end at once."""
    limits, most = engine.limits, taker.instrument.max_open_orders
    mine = sum(order.account == taker.account for order in engine.open.values())
    here = sum(order.instrument is taker.instrument for order in engine.open.values())
    if len(engine.open) >= limits.max_orders - 1:
        return True
    if taker.order_type != "limit" or taker.tif != "gtc":
        return False  # it ends at once: a full book can still be traded away
    if mine >= limits.max_account_orders or (most is not None and here >= most):
        return True
    return not _has_level_room(engine)


def _has_level_room(engine: "ReferenceEngine") -> bool:
    """Whether one more price could stand in a book, whether this order needs it or not."""
    prices = {(order.instrument.symbol, order.side, order.price) for order in engine.open.values()}
    return len(prices) < engine.limits.max_levels - 1


def frozen_for(order: Order, makers: list[Order]) -> int:
    """Minor units that the order freezes when it is accepted."""
    if order.side == "sell":
        return order.leaves * order.instrument.lot_base_units
    if order.price is None:
        return walk_cost(order, makers)
    return order.instrument.cost(order.price, order.leaves)


def amend(engine: "ReferenceEngine", command: Command) -> None:
    """New price and remaining quantity for an open order; a refusal leaves it as it was."""
    order = find_target(engine, command)
    try:
        _change(engine, command, order)
    except Refused as refused:
        raise Refused(refused.reason, order, refused.as_good) from refused


def _change(engine: "ReferenceEngine", command: Command, order: Order) -> None:
    instrument = order.instrument
    check_fits(instrument, command)
    _check_state(engine, order.account, instrument)
    price, qty = _check_grid_and_range(instrument, command, order.leaves)
    assert order.price is not None
    price = order.price if price is None else price
    qty = order.leaves if qty is None else qty
    if instrument.cost(price, qty) < instrument.min_notional:
        raise Refused("notional_too_small")

    book = engine.books[instrument.symbol]
    makers = book.against(order.side)
    account = engine.accounts[order.account]
    before = (order.price, order.leaves)
    keeps_place = price == order.price and qty <= order.leaves
    has_room = _has_level_room(engine)  # while the order still stands at its old price
    order.price, order.leaves = price, qty
    frozen = frozen_for(order, makers)
    try:
        if not keeps_place:
            _check_book(order, makers)
        if frozen > account.balances[order.pays_with].available + order.frozen:
            raise Refused("insufficient_funds")
        if not keeps_place and not has_room:
            raise Refused("book_full")
    except Refused:
        order.price, order.leaves = before
        raise

    account.freeze(order.pays_with, frozen - order.frozen)
    order.frozen = frozen
    if not keeps_place:
        book.remove(order)
        order.age = engine.next_age()
    engine.emit("amended", order, price=instrument.tick.text(price), qty=instrument.lot.text(qty))
    if not keeps_place:
        match(engine, order)
