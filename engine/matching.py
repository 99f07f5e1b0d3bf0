"""A taker against the book: trades, self-trade prevention, and what becomes of the rest.

Each step composes one event and applies it before the next is decided, so that apply alone changes state.
"""

from numba import int64, void

from engine.apply import apply_event, event_at, order_event_at
from engine.book import order_frozen
from engine.compose import OUT_TYPE, add_flag, head_word, open_event, parties_word, request_of, terms_word
from engine.state import STATE_TYPE, account_at, instrument_at, level_at, order_at, side_at
from ringbuf.codes import FLAG_RESTS, EventType, OrderType, Reason, Side, Stp, Tif
from ringbuf.jit import inline, outline, outline_of

TRADE, CANCELLED, AMENDED = int(EventType.TRADE), int(EventType.CANCELLED), int(EventType.AMENDED)
BUY, MARKET, GTC = int(Side.BUY), int(OrderType.MARKET), int(Tif.GTC)
NONE, CANCEL_TAKER, CANCEL_MAKER = int(Stp.NONE), int(Stp.CANCEL_TAKER), int(Stp.CANCEL_MAKER)
CANCEL_BOTH = int(Stp.CANCEL_BOTH)
SELF_TRADE, IOC_REMAINDER = int(Reason.SELF_TRADE), int(Reason.IOC_REMAINDER)
MARKET_REMAINDER, TOO_MANY_FILLS = int(Reason.MARKET_REMAINDER), int(Reason.TOO_MANY_FILLS)
SPARE_EVENTS = 3  # a step and the final cancel


@inline
def fee_of(amount, ppm):
    """Floor of amount x ppm / 10**6 without leaving 63 bits."""
    return amount // 1_000_000 * ppm + amount % 1_000_000 * ppm // 1_000_000


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


@inline
def terms_of(order, account):
    """The word of an order's terms."""
    return terms_word(account, order.order_type * 1, order.tif * 1, order.stp_flags & 15, order.stp_flags >> 4)


@outline
def decrement_order(state, out, slot, lots):
    """Take lots off an order that met its own account; it keeps its place."""
    order = order_at(state, slot)
    instrument = instrument_at(state, order.symbol)
    released = lots * instrument.lot_base_units
    if order.side == BUY:
        released = lots * order.price_ticks * instrument.tick_lot_quote_units
        if order.order_type == MARKET:
            released = 0
    head = head_word(AMENDED, order.side * 1, SELF_TRADE, order.symbol * 1)
    address = open_event(state, out, head, terms_of(order, account_at(state, order.account).key - 1))
    event = order_event_at(address)
    event.order_id = order.order_id
    event.client_id = order.client_id
    event.request_id = request_of(out, order)
    event.price_ticks = order.price_ticks
    event.qty_lots = order.leaves_lots - lots
    event.leaves_lots = order.leaves_lots - lots
    event.released = released
    apply_event(state, address)


@outline
def prevent_self_trade(state, out, taker_slot, maker_slot, mode):
    """Both orders are of one account: the maker's event comes first. True while the taker goes on."""
    taker = order_at(state, taker_slot)
    maker = order_at(state, maker_slot)
    if mode == CANCEL_TAKER:
        cancel_order(state, out, taker_slot, SELF_TRADE, request_of(out, taker))
        return False
    if mode == CANCEL_MAKER:
        cancel_order(state, out, maker_slot, SELF_TRADE, request_of(out, maker))
        return True
    if mode == CANCEL_BOTH or taker.leaves_lots == maker.leaves_lots:
        cancel_order(state, out, maker_slot, SELF_TRADE, request_of(out, maker))
        cancel_order(state, out, taker_slot, SELF_TRADE, request_of(out, taker))
        return False
    if maker.leaves_lots < taker.leaves_lots:
        lots = maker.leaves_lots
        cancel_order(state, out, maker_slot, SELF_TRADE, request_of(out, maker))
        decrement_order(state, out, taker_slot, lots)
        return True
    decrement_order(state, out, maker_slot, taker.leaves_lots)
    cancel_order(state, out, taker_slot, SELF_TRADE, request_of(out, taker))
    return False


@inline
def trade(state, out, taker_slot, maker_slot):
    """One fill at the maker's price, composed and applied."""
    taker = order_at(state, taker_slot)
    maker = order_at(state, maker_slot)
    instrument = instrument_at(state, taker.symbol)
    qty = taker.leaves_lots
    if maker.leaves_lots < qty:
        qty = maker.leaves_lots
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
        else:
            event.released = qty * taker.price_ticks * instrument.tick_lot_quote_units
    else:
        event.fee = fee_of(cost, instrument.taker_fee_ppm * 1)
        event.maker_fee = fee_of(units, instrument.maker_fee_ppm * 1)
        event.released = units
    apply_event(state, address)


@outline_of(void(STATE_TYPE, OUT_TYPE, int64))
def match(state, out, slot):
    """Run the active order against the other side until it is done, and settle its rest."""
    order = order_at(state, slot)
    side = order.side * 1
    symbol = order.symbol * 1
    limit = order.price_ticks
    is_market = order.order_type == MARKET
    mode = order.stp_flags & 15
    book = side_at(state, symbol, 1 - side)
    while order.leaves_lots > 0:
        best = book.best
        if best == 0:
            break
        level = level_at(state, best)
        if not is_market and not crosses(side, limit, level.price_ticks):
            break
        if out.count >= state.max_events - SPARE_EVENTS:
            cancel_order(state, out, slot, TOO_MANY_FILLS, request_of(out, order))
            return
        maker_slot = level.head * 1
        if mode != NONE and order_at(state, maker_slot).account == order.account:
            if not prevent_self_trade(state, out, slot, maker_slot, mode):
                return
            continue
        filled = order.leaves_lots <= order_at(state, maker_slot).leaves_lots
        trade(state, out, slot, maker_slot)
        if filled:
            return
    if is_market:
        cancel_order(state, out, slot, MARKET_REMAINDER, request_of(out, order))
    elif order.tif != GTC:
        cancel_order(state, out, slot, IOC_REMAINDER, request_of(out, order))
    else:
        add_flag(out.open, FLAG_RESTS)
