"""Decisions about orders: place, cancel, amend, mass cancel. The order of refusals is that of docs/wire.md."""

from engine.accounts import available
from engine.apply import apply_event, event_at, order_event_at
from engine.book import order_frozen
from engine.checks import (
    BOOK_FULL,
    INSUFFICIENT_FUNDS,
    MALFORMED,
    NONE,
    PRICE_OFF_TICK,
    PRICE_OUT_OF_BAND,
    QTY_OFF_LOT,
    QTY_OUT_OF_RANGE,
    is_full,
    lots_covered,
    notional_reason,
    place_is_malformed,
    price_reason,
    qty_reason,
    text_reason,
    tradable,
    whole_steps,
)
from engine.compose import head_word, name_symbol, open_event, parties_word, reject, request_of, terms_word
from engine.idmap import find_client, find_order
from engine.levels import has_level_room
from engine.matching import cancel_order, crosses, match, terms_of
from engine.state import account_at, instrument_at, level_at, order_at, side_at
from engine.walk import budget_walk, could_fill, walk_cost
from ringbuf.codes import (
    CMD_DECIMAL,
    CMD_POST_ONLY,
    HAS_BUDGET,
    HAS_PRICE,
    HAS_QTY,
    HAS_STOP_PRICE,
    NO_ID,
    NO_SYMBOL,
    EventType,
    OrderType,
    Reason,
    Side,
    Tif,
)
from ringbuf.jit import inline, outline

ACCEPTED, AMENDED, MASS_CANCELLED = int(EventType.ACCEPTED), int(EventType.AMENDED), int(EventType.MASS_CANCELLED)
BUY, LIMIT, FOK, GTC = int(Side.BUY), int(OrderType.LIMIT), int(Tif.FOK), int(Tif.GTC)
UNKNOWN_SYMBOL, UNKNOWN_ORDER = int(Reason.UNKNOWN_SYMBOL), int(Reason.UNKNOWN_ORDER)
WOULD_CROSS, FOK_UNFILLED = int(Reason.WOULD_CROSS), int(Reason.FOK_UNFILLED)
USER, SELF_TRADE, BY_MASS_CANCEL = int(Reason.USER), int(Reason.SELF_TRADE), int(Reason.MASS_CANCEL)
MARKET_REMAINDER = int(Reason.MARKET_REMAINDER)


@inline
def touches(state, symbol, side, limit_ticks):
    """Would a limit of this side meet the best of the other?"""
    best = side_at(state, symbol, 1 - side).best
    return best != 0 and crosses(side, limit_ticks, level_at(state, best).price_ticks)


@inline
def _value_reason(state, command, account):
    """Second group of refusals of a place, account and words being right."""
    if command.symbol >= state.instrument_count:
        return UNKNOWN_SYMBOL
    if command.mask & HAS_BUDGET != 0 and command.quote_budget <= 0:
        return MALFORMED
    reason = tradable(state, account, command.symbol * 1)
    if reason != NONE:
        return reason
    if command.refuse != NONE:
        return text_reason(command)
    instrument = instrument_at(state, command.symbol)
    if command.order_type == LIMIT:
        reason = price_reason(instrument, command.price_ticks)
        if reason != NONE:
            return reason
    if command.mask & HAS_QTY != 0:
        reason = qty_reason(instrument, command.qty_lots)
        if reason == NONE and command.order_type == LIMIT:
            reason = notional_reason(instrument, command.price_ticks, command.qty_lots)
    return reason


@inline
def decide_place(state, out, command, account):
    """A new order: refusals, then accepted, then its run against the book."""
    if place_is_malformed(command):
        apply_event(state, reject(state, out, command, MALFORMED, 0))
        return
    reason = _value_reason(state, command, account)
    if reason != NONE:
        apply_event(state, reject(state, out, command, reason, 0))
        return
    symbol = command.symbol * 1
    side = command.side * 1
    mode = command.stp * 1
    price = command.price_ticks
    qty = command.qty_lots
    is_limit = command.order_type == LIMIT
    if command.flags & CMD_POST_ONLY != 0 and touches(state, symbol, side, price):
        apply_event(state, reject(state, out, command, WOULD_CROSS, 0))
        return
    if command.tif == FOK and not could_fill(state, symbol, side, not is_limit, price, qty, account, mode):
        apply_event(state, reject(state, out, command, FOK_UNFILLED, 0))
        return
    instrument = instrument_at(state, symbol)
    stopped = 0
    if is_limit or side != BUY:
        covered = lots_covered(state, account, symbol, side, price, 0) >= qty
        if side != BUY:
            frozen = qty * instrument.lot_base_units
        else:
            frozen = qty * price * instrument.tick_lot_quote_units
    else:
        funds = available(state, account, instrument.quote * 1)
        if command.mask & HAS_BUDGET != 0:
            qty, frozen, stopped = budget_walk(state, symbol, command.quote_budget, account, mode)
            covered = frozen <= funds or frozen == 0
        else:
            frozen = walk_cost(state, symbol, qty, account, mode, funds)
            covered = frozen >= 0
    if not covered:
        apply_event(state, reject(state, out, command, INSUFFICIENT_FUNDS, 0))
        return
    if is_full(state, account, symbol, is_limit and command.tif == GTC):
        apply_event(state, reject(state, out, command, BOOK_FULL, 0))
        return
    _accept(state, out, command, qty, frozen)
    slot = state.active
    if qty == 0:
        cancel_order(state, out, slot, SELF_TRADE if stopped != 0 else MARKET_REMAINDER, NO_ID)
        return
    match(state, out, slot)


@inline
def _accept(state, out, command, qty_lots, frozen):
    """Compose and apply `accepted`; the order becomes the active one."""
    terms = terms_word(
        command.account * 1, command.order_type * 1, command.tif * 1, command.stp * 1, command.flags & CMD_POST_ONLY
    )
    address = open_event(state, out, head_word(ACCEPTED, command.side * 1, 0, command.symbol * 1), terms)
    event = order_event_at(address)
    event.order_id = event.seq
    event.client_id = command.client_id
    event.price_ticks = command.price_ticks if command.order_type == LIMIT else 0
    event.qty_lots = qty_lots
    event.leaves_lots = qty_lots
    event.released = -frozen
    apply_event(state, address)


@inline
def _target(state, command, account):
    """Slot of the account's own open order that a command names, 0 if there is none."""
    if command.order_id != 0:
        slot = find_order(state, command.order_id)
        if slot != 0 and order_at(state, slot).account != account:
            return 0
        return slot
    return find_client(state, account, command.orig_client_id)


@inline
def _names_target(command):
    return command.order_id > 0 or (command.order_id == 0 and command.orig_client_id >= 0)


@inline
def decide_cancel(state, out, command, account):
    """End one order of the account."""
    if not _names_target(command):
        apply_event(state, reject(state, out, command, MALFORMED, 0))
        return
    slot = _target(state, command, account)
    if slot == 0:
        apply_event(state, reject(state, out, command, UNKNOWN_ORDER, 0))
        return
    cancel_order(state, out, slot, USER, command.client_id)


@outline
def _amend_values(state, command, slot):
    """(reason, price_ticks, qty_lots) that an amend asks for; what it leaves out is unchanged."""
    order = order_at(state, slot)
    instrument = instrument_at(state, order.symbol)
    price = order.price_ticks
    qty = order.leaves_lots
    reason = text_reason(command)
    decimal = command.flags & CMD_DECIMAL != 0
    if command.mask & HAS_PRICE != 0:
        price = command.price_ticks
        if decimal:
            price = whole_steps(price, command.price_places * 1, instrument.price_step, instrument.price_decimals)
            if price == -1:
                reason = PRICE_OFF_TICK
            elif price < -1:
                reason = MALFORMED if price == -2 else PRICE_OUT_OF_BAND
    if command.mask & HAS_QTY != 0:
        qty = command.qty_lots
        if decimal:
            qty = whole_steps(qty, command.qty_places * 1, instrument.qty_step, instrument.qty_decimals)
            if qty == -2:
                reason = MALFORMED
            elif qty == -1 and reason == NONE:
                reason = QTY_OFF_LOT
            elif qty == -3 and reason == NONE:
                reason = QTY_OUT_OF_RANGE
    return reason, price, qty


@outline
def decide_amend(state, out, command, account):
    """Change price or remaining quantity; in place, or to the back and perhaps straight into trades."""
    wanted = command.mask & (HAS_PRICE | HAS_QTY)
    if wanted == 0 or command.mask & HAS_STOP_PRICE != 0 or not _names_target(command):
        apply_event(state, reject(state, out, command, MALFORMED, 0))
        return
    slot = _target(state, command, account)
    if slot == 0:
        apply_event(state, reject(state, out, command, UNKNOWN_ORDER, 0))
        return
    order = order_at(state, slot)
    symbol = order.symbol * 1
    side = order.side * 1
    instrument = instrument_at(state, symbol)
    reason, price, qty = _amend_values(state, command, slot)
    if reason != MALFORMED:
        first = tradable(state, account, symbol)
        if first != NONE:
            reason = first
    if reason == NONE:
        reason = price_reason(instrument, price)
    if reason == NONE:
        reason = qty_reason(instrument, qty)
    if reason == NONE:
        reason = notional_reason(instrument, price, qty)
    frozen = order_frozen(state, slot)
    in_place = price == order.price_ticks and qty <= order.leaves_lots
    if reason == NONE and not in_place:
        if (order.stp_flags >> 4) & CMD_POST_ONLY != 0 and touches(state, symbol, side, price):
            reason = WOULD_CROSS
        elif lots_covered(state, account, symbol, side, price, frozen) < qty:
            reason = INSUFFICIENT_FUNDS
        elif not has_level_room(state):
            reason = BOOK_FULL
    if reason != NONE:
        address = reject(state, out, command, reason, order.order_id)
        name_symbol(address, symbol)
        apply_event(state, address)
        return
    if side == BUY:
        wanted_frozen = qty * price * instrument.tick_lot_quote_units
    else:
        wanted_frozen = qty * instrument.lot_base_units
    head = head_word(AMENDED, side, 0, symbol)
    address = open_event(state, out, head, terms_of(order, command.account * 1))
    event = order_event_at(address)
    event.order_id = order.order_id
    event.client_id = order.client_id
    event.request_id = request_of(out, order)
    event.price_ticks = price
    event.qty_lots = qty
    event.leaves_lots = qty
    event.released = frozen - wanted_frozen
    apply_event(state, address)
    if not in_place:
        match(state, out, slot)


@outline
def cancel_all(state, out, account, symbol, reason, request_id):
    """End an account's orders, oldest acceptance first; one symbol's or all. Returns how many."""
    count = 0
    slot = account_at(state, account).orders_head * 1
    while slot != 0:
        order = order_at(state, slot)
        following = order.account_next * 1
        if symbol == NO_SYMBOL or order.symbol == symbol:
            cancel_order(state, out, slot, reason, request_id)
            count += 1
        slot = following
    return count


@outline
def decide_mass_cancel(state, out, command, account):
    """End all orders of the account, or those of one symbol; says how many."""
    symbol = command.symbol * 1
    if command.refuse != NONE or (symbol != NO_SYMBOL and symbol >= state.instrument_count):
        apply_event(state, reject(state, out, command, UNKNOWN_SYMBOL, 0))
        return
    count = cancel_all(state, out, account, symbol, BY_MASS_CANCEL, command.client_id)
    head = head_word(MASS_CANCELLED, 0, 0, symbol)
    address = open_event(state, out, head, parties_word(command.account * 1, 0))
    event = event_at(address)
    event.client_id = command.client_id
    event.qty_lots = count
    apply_event(state, address)
