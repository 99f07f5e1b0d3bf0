"""A taker against the book: its walk, self-trade, trades and fees."""

from typing import TYPE_CHECKING

from tests.reference import pairs
from tests.reference.book import Order

if TYPE_CHECKING:
    from tests.reference.engine import ReferenceEngine

SPARE_EVENTS = 3  # the most that a step and the taker's end after it emit


def match(engine: "ReferenceEngine", taker: Order) -> None:
    """Run a taker to its end: filled, cancelled or resting. ``engine.open`` holds it already."""
    instrument = taker.instrument
    book = engine.books[instrument.symbol]
    if instrument.state == "auction":
        book.rest(taker)
        return
    while taker.leaves > 0:
        makers = book.against(taker.side)
        if not makers or not taker.crosses(makers[0]):
            break
        maker = makers[0]
        if instrument.state == "halted":  # by an order of the same group before it
            engine.cancel(taker, "volatility")
            return
        if engine.step_length() >= engine.limits.max_events - SPARE_EVENTS:
            engine.cancel(taker, "too_many_fills")
            return
        if taker.avoids(maker):
            self_trade(engine, taker, maker)
            if taker.order_id not in engine.open:
                return
        elif not instrument.in_band(maker.price or 0, instrument.reference):
            engine.cancel(taker, "volatility")
            instrument.state = "halted"
            engine.emit("halted", symbol=instrument.symbol, reason="volatility")
            return
        else:
            trade(engine, taker, maker)
    if taker.leaves == 0:
        return
    if taker.order_type == "market":
        engine.cancel(taker, "market_remainder")
    elif taker.tif == "ioc":
        engine.cancel(taker, "ioc_remainder")
    else:
        book.rest(taker)


def self_trade(engine: "ReferenceEngine", taker: Order, maker: Order) -> None:
    """Taker and maker belong to one account, and it asked not to trade with itself."""
    if taker.stp == "cancel_taker":
        engine.cancel(taker, "self_trade")
    elif taker.stp == "cancel_maker":
        engine.cancel(maker, "self_trade")
    elif taker.stp == "cancel_both":
        engine.cancel(maker, "self_trade")
        engine.cancel(taker, "self_trade")
    else:
        smaller = min(taker.leaves, maker.leaves)
        for order in (maker, taker):
            if order.leaves == smaller:
                engine.cancel(order, "self_trade")
            else:
                engine.shrink(order, order.leaves - smaller)


def fee(received: int, ppm: int) -> int:
    """Of what the party receives, floored to the minor unit."""
    return received * ppm // 1_000_000


def trade(engine: "ReferenceEngine", taker: Order, maker: Order) -> None:
    """One trade at the maker's price, against its slice."""
    assert maker.price is not None
    lots = min(taker.leaves, maker.shown)
    exchange(engine, taker, maker, maker.price, lots, taker.instrument.taker_fee_ppm)
    maker.shown -= lots
    if maker.shown == 0:
        book = engine.books[taker.instrument.symbol]
        book.remove(maker)
        if maker.leaves > 0:  # the next slice joins the back
            book.rest(maker)


def exchange(
    engine: "ReferenceEngine", taker: Order, maker: Order, price: int, lots: int, taker_fee_ppm: int
) -> None:  # fmt: skip
    """Move the funds of one trade, emit its event, close what is filled; the book is the caller's."""
    pairs.end_other(engine, maker)
    pairs.end_other(engine, taker)
    instrument = taker.instrument
    cost = instrument.cost(price, lots)
    base_units = lots * instrument.lot_base_units
    buyer, seller = (taker, maker) if taker.side == "buy" else (maker, taker)
    taker_fee = fee(base_units if taker is buyer else cost, taker_fee_ppm)
    maker_fee = fee(base_units if maker is buyer else cost, instrument.maker_fee_ppm)
    buyer_fee, seller_fee = (taker_fee, maker_fee) if taker is buyer else (maker_fee, taker_fee)

    taker.leaves -= lots
    maker.leaves -= lots
    paid, freed = engine.accounts[buyer.account].balances, cost
    if buyer.price is not None:  # a limit: what its better price saves is free at once
        freed = instrument.cost(buyer.price, lots)
    elif buyer.triggered:
        freed = 0  # it froze nothing, and pays from what is available
    buyer.hold.amount -= freed
    paid[instrument.quote.name].frozen -= freed
    paid[instrument.quote.name].available += freed - cost
    paid[instrument.base.name].available += base_units - buyer_fee
    sold = engine.accounts[seller.account].balances
    seller.hold.amount -= base_units
    sold[instrument.base.name].frozen -= base_units
    sold[instrument.quote.name].available += cost - seller_fee
    instrument.base.fees += buyer_fee
    instrument.quote.fees += seller_fee

    received = (instrument.base, instrument.quote) if taker is buyer else (instrument.quote, instrument.base)
    seq = engine.emit(
        "trade", order=taker, side=taker.side, price=instrument.tick.text(price), qty=instrument.lot.text(lots),
        leaves=instrument.lot.text(taker.leaves), maker_order_id=maker.order_id, maker_account=maker.account,
        maker_leaves=instrument.lot.text(maker.leaves), fee=received[0].unit.text(taker_fee),
        maker_fee=received[1].unit.text(maker_fee),
    )  # fmt: skip
    engine.trades[seq] = {
        "instrument": instrument, "taker": taker.account, "order_id": taker.order_id,
        "maker": maker.account, "buyer": buyer.account, "seller": seller.account,
        "cost": cost, "base_units": base_units, "buyer_fee": buyer_fee, "seller_fee": seller_fee,
    }  # fmt: skip
    for order in (maker, taker):
        if order.leaves == 0:
            engine.close(order)
    engine.printed(instrument, price)
