"""A taker against the book: trades, self-trade prevention, and what becomes of the rest.

Each step composes one event and applies it before the next is decided, so that apply alone changes state.
"""

from numba import int64, void

from engine.apply import apply_event, event_at, order_event_at
from engine.bands import fee_of
from engine.book import frozen_beside, is_waiting_type, order_frozen
from engine.compose import (
    OUT_TYPE,
    add_flag,
    head_word,
    open_event,
    parties_word,
    request_for,
    request_of,
    terms_word,
)
from engine.state import (
    EXPIRES,
    ICEBERG,
    PAIRED,
    POST_ONLY,
    STATE_TYPE,
    STP_MASK,
    account_at,
    instrument_at,
    level_at,
    order_at,
    side_at,
    terms_at,
)
from ringbuf.codes import FLAG_RESTS, NO_ACCOUNT, EventType, OrderType, Reason, Side, Stp, Tif
from ringbuf.jit import inline, outline, outline_of

TRADE, CANCELLED, AMENDED = int(EventType.TRADE), int(EventType.CANCELLED), int(EventType.AMENDED)
HALTED = int(EventType.HALTED)
BUY, MARKET, IOC, FOK = int(Side.BUY), int(OrderType.MARKET), int(Tif.IOC), int(Tif.FOK)
NONE, CANCEL_TAKER, CANCEL_MAKER = int(Stp.NONE), int(Stp.CANCEL_TAKER), int(Stp.CANCEL_MAKER)
CANCEL_BOTH = int(Stp.CANCEL_BOTH)
SELF_TRADE, IOC_REMAINDER = int(Reason.SELF_TRADE), int(Reason.IOC_REMAINDER)
MARKET_REMAINDER, TOO_MANY_FILLS = int(Reason.MARKET_REMAINDER), int(Reason.TOO_MANY_FILLS)
OCO, VOLATILITY = int(Reason.OCO), int(Reason.VOLATILITY)
SPARE_EVENTS = 3  # a step and the final cancel
EVENTS_BEYOND = 64  # that a command may emit beyond max_events: what ends with a pair, a suspension's mark


@inline
def crosses(side, limit_ticks, price_ticks):
    """Would an order of `side` with this limit take this price?"""
    if side == BUY:
        return price_ticks <= limit_ticks
    return price_ticks >= limit_ticks


@outline_of(void(STATE_TYPE, OUT_TYPE, int64, int64, int64))
def cancel_order(state, out, slot, reason, request_id):
    """End an open order; what it had is freed."""
    order = order_at(state, slot)
    released = order_frozen(state, slot)
    account = account_at(state, order.account).key - 1
    head = head_word(CANCELLED, order.side * 1, reason, order.symbol * 1)
    address = open_event(state, out, head, parties_word(account, 0))
    event = event_at(address)
    event.order_id = order.order_id
    event.client_id = order.client_id
    event.request_id = request_id
    event.price_ticks = order.price_ticks
    event.qty_lots = order.leaves_lots
    event.released = released
    apply_event(state, address)


@outline_of(void(STATE_TYPE, OUT_TYPE, int64, int64, int64))
def end_order(state, out, slot, reason, request_id):
    """End an open order, and then its pair if it has one."""
    pair = 0
    if order_at(state, slot).stp_flags & PAIRED != 0:
        pair = terms_at(state, slot).pair * 1
    cancel_order(state, out, slot, reason, request_id)
    if pair != 0:
        cancel_order(state, out, pair, OCO, request_for(out, order_at(state, pair)))


@outline
def end_pair(state, out, slot):
    """An order is about to trade or to trigger: the other one of its pair ends first."""
    pair = terms_at(state, slot).pair * 1
    cancel_order(state, out, pair, OCO, request_for(out, order_at(state, pair)))


@outline_of(int64(STATE_TYPE, OUT_TYPE, int64, int64, int64))
def open_terms_event(state, out, kind, reason, slot):
    """Start an event that tells an order's terms as they are; the caller puts in what changes, and applies it."""
    order = order_at(state, slot)
    account = account_at(state, order.account).key - 1
    post_only = 1 if order.stp_flags & POST_ONLY != 0 else 0
    terms = terms_word(account, order.order_type * 1, order.tif * 1, order.stp_flags & STP_MASK, post_only)
    address = open_event(state, out, head_word(kind, order.side * 1, reason, order.symbol * 1), terms)
    event = order_event_at(address)
    event.order_id = order.order_id
    event.client_id = order.client_id
    event.request_id = request_of(out, order)
    event.price_ticks = order.price_ticks
    event.qty_lots = order.leaves_lots
    event.leaves_lots = order.leaves_lots
    if is_waiting_type(order.order_type * 1):
        event.stop_price_ticks = terms_at(state, slot).stop_price_ticks
        event.trail_ticks = terms_at(state, slot).trail_ticks
    if order.stp_flags & ICEBERG != 0:
        event.display_lots = terms_at(state, slot).display_lots
    if order.stp_flags & EXPIRES != 0:
        event.expire_ts_ns = terms_at(state, slot).expire_ts_ns
    return address


@outline
def decrement_order(state, out, slot, lots):
    """Take lots off an order that met its own account; it keeps its place."""
    order = order_at(state, slot)
    leaves = order.leaves_lots - lots
    released = 0
    if order.side != BUY or order.order_type != MARKET:  # a market buy froze what its walk pays; this pays nothing
        released = order_frozen(state, slot) - frozen_beside(state, slot, order.price_ticks, 0, leaves)
    address = open_terms_event(state, out, AMENDED, SELF_TRADE, slot)
    event = order_event_at(address)
    event.qty_lots = leaves
    event.leaves_lots = leaves
    event.released = released
    apply_event(state, address)


@outline
def prevent_self_trade(state, out, taker_slot, maker_slot, mode):
    """Both orders are of one account: the maker's event comes first. True while the taker goes on."""
    taker = order_at(state, taker_slot)
    maker = order_at(state, maker_slot)
    if mode == CANCEL_TAKER:
        end_order(state, out, taker_slot, SELF_TRADE, request_of(out, taker))
        return False
    if mode == CANCEL_MAKER:
        end_order(state, out, maker_slot, SELF_TRADE, request_of(out, maker))
        return True
    if mode == CANCEL_BOTH or taker.leaves_lots == maker.leaves_lots:
        end_order(state, out, maker_slot, SELF_TRADE, request_of(out, maker))
        end_order(state, out, taker_slot, SELF_TRADE, request_of(out, taker))
        return False
    if maker.leaves_lots < taker.leaves_lots:
        lots = maker.leaves_lots
        end_order(state, out, maker_slot, SELF_TRADE, request_of(out, maker))
        decrement_order(state, out, taker_slot, lots)
        return True
    decrement_order(state, out, maker_slot, taker.leaves_lots)
    end_order(state, out, taker_slot, SELF_TRADE, request_of(out, taker))
    return False


@inline
def trade(state, out, taker_slot, maker_slot):
    """One fill at the maker's price, composed and applied."""
    taker = order_at(state, taker_slot)
    maker = order_at(state, maker_slot)
    instrument = instrument_at(state, taker.symbol)
    qty = taker.leaves_lots
    shown = maker.leaves_lots
    if maker.stp_flags & ICEBERG != 0:
        shown = terms_at(state, maker_slot).slice_lots
    if shown < qty:
        qty = shown
    price = maker.price_ticks
    cost = qty * price * instrument.tick_lot_quote_units
    units = qty * instrument.lot_base_units
    head = head_word(TRADE, taker.side * 1, 0, taker.symbol * 1)
    parties = parties_word(account_at(state, taker.account).key - 1, account_at(state, maker.account).key - 1)
    address = open_event(state, out, head, parties)
    event = event_at(address)
    event.order_id = taker.order_id
    event.client_id = taker.client_id
    event.request_id = request_of(out, taker)
    event.price_ticks = price
    event.qty_lots = qty
    event.leaves_lots = taker.leaves_lots - qty
    event.maker_order_id = maker.order_id
    event.maker_leaves_lots = maker.leaves_lots - qty
    if taker.side == BUY:
        event.fee = fee_of(units, instrument.taker_fee_ppm * 1)
        event.maker_fee = fee_of(cost, instrument.maker_fee_ppm * 1)
        if taker.order_type == MARKET:
            event.released = cost
            if terms_at(state, taker_slot).frozen == 0:  # it was triggered: nothing is frozen for its walk
                event.released = 0
        else:
            event.released = qty * taker.price_ticks * instrument.tick_lot_quote_units
    else:
        event.fee = fee_of(cost, instrument.taker_fee_ppm * 1)
        event.maker_fee = fee_of(units, instrument.maker_fee_ppm * 1)
        event.released = units
    apply_event(state, address)


@outline
def _halt_by_volatility(state, out, slot):
    """The next trade would print outside the symbol's band: the taker's rest ends, and the symbol halts."""
    symbol = order_at(state, slot).symbol * 1
    end_order(state, out, slot, VOLATILITY, request_of(out, order_at(state, slot)))
    apply_event(state, open_event(state, out, head_word(HALTED, 0, VOLATILITY, symbol), NO_ACCOUNT))


@outline_of(void(STATE_TYPE, OUT_TYPE, int64, int64))
def match(state, out, slot, limit):
    """Run the active order against the other side, to a price, until it is done, and settle its rest."""
    order = order_at(state, slot)
    side = order.side * 1
    symbol = order.symbol * 1
    mode = order.stp_flags & STP_MASK
    book = side_at(state, symbol, 1 - side)
    instrument = instrument_at(state, symbol)
    while order.leaves_lots > 0:
        best = book.best
        if best == 0:
            break
        price = level_at(state, best).price_ticks
        if not crosses(side, limit, price):
            break
        if out.count >= state.max_events - SPARE_EVENTS:
            end_order(state, out, slot, TOO_MANY_FILLS, request_of(out, order))
            return
        maker_slot = level_at(state, best).head * 1
        maker = order_at(state, maker_slot)
        if mode != NONE and maker.account == order.account:
            if not prevent_self_trade(state, out, slot, maker_slot, mode):
                return
            continue
        if price < instrument.band_low or price > instrument.band_high:
            _halt_by_volatility(state, out, slot)
            return
        if (order.stp_flags | maker.stp_flags) & PAIRED != 0:
            if maker.stp_flags & PAIRED != 0:
                end_pair(state, out, maker_slot)
            if order.stp_flags & PAIRED != 0:
                end_pair(state, out, slot)
        order_id = order.order_id
        trade(state, out, slot, maker_slot)
        if order.order_id != order_id:  # filled: its slot is free
            return
    if order.order_type == MARKET:
        end_order(state, out, slot, MARKET_REMAINDER, request_of(out, order))
    elif order.tif == IOC or order.tif == FOK:
        end_order(state, out, slot, IOC_REMAINDER, request_of(out, order))
    else:
        add_flag(out.open, FLAG_RESTS)
