"""Decisions about amends: of resting orders, and of those that wait."""

from engine.apply import apply_event, order_event_at
from engine.book import frozen_alone, frozen_beside, is_priced, is_waiting_type, order_frozen
from engine.checks import (
    BOOK_FULL,
    INSUFFICIENT_FUNDS,
    MALFORMED,
    NONE,
    PRICE_OFF_TICK,
    PRICE_OUT_OF_BAND,
    QTY_OFF_LOT,
    QTY_OUT_OF_RANGE,
    STATE_FORBIDS,
    lots_covered,
    notional_reason,
    price_reason,
    qty_reason,
    text_reason,
    tradable,
    whole_steps,
)
from engine.compose import add_flag, name_symbol, reject
from engine.levels import has_level_room, has_page_room
from engine.matching import match, open_terms_event
from engine.orders import UNKNOWN_ORDER, names_target, target_of, touches
from engine.state import HIT, PAIRED, POST_ONLY, instrument_at, order_at, terms_at
from engine.steps import trigger
from engine.waiting import is_reached
from ringbuf.codes import (
    CMD_DECIMAL,
    FLAG_RESTS,
    HAS_PRICE,
    HAS_QTY,
    HAS_STOP_PRICE,
    EventType,
    Reason,
    SymbolState,
)
from ringbuf.jit import outline

AMENDED, WOULD_CROSS = int(EventType.AMENDED), int(Reason.WOULD_CROSS)
OPEN, AUCTION = int(SymbolState.OPEN), int(SymbolState.AUCTION)


@outline
def _steps_reason(steps, off_step):
    """Why `whole_steps` gave no number; NONE where it gave one."""
    if steps >= 0:
        return NONE
    if steps == -2:
        return MALFORMED
    if steps == -1:
        return off_step
    return QTY_OUT_OF_RANGE if off_step == QTY_OFF_LOT else PRICE_OUT_OF_BAND


@outline
def _amend_values(state, command, slot):
    """(reason, price_ticks, qty_lots, stop_price_ticks) that an amend asks for; what it leaves out is unchanged."""
    order = order_at(state, slot)
    instrument = instrument_at(state, order.symbol)
    waits = is_waiting_type(order.order_type * 1)
    price = order.price_ticks
    qty = order.leaves_lots
    stop = terms_at(state, slot).stop_price_ticks if waits else 0
    decimal = command.flags & CMD_DECIMAL != 0
    price_why = NONE
    qty_why = NONE
    stop_why = NONE
    if command.mask & HAS_PRICE != 0:
        price = command.price_ticks
        if decimal:
            price = whole_steps(price, command.price_places * 1, instrument.price_step, instrument.price_decimals)
            price_why = _steps_reason(price, PRICE_OFF_TICK)
    if command.mask & HAS_QTY != 0:
        qty = command.qty_lots
        if decimal:
            qty = whole_steps(qty, command.qty_places * 1, instrument.qty_step, instrument.qty_decimals)
            qty_why = _steps_reason(qty, QTY_OFF_LOT)
    if command.mask & HAS_STOP_PRICE != 0:
        stop = command.stop_price_ticks
        if decimal:
            places = command.stop_price_places * 1
            stop = whole_steps(stop, places, instrument.price_step, instrument.price_decimals)
            stop_why = _steps_reason(stop, PRICE_OFF_TICK)
    reason = text_reason(command)
    if (
        (command.mask & HAS_PRICE != 0 and not is_priced(order.order_type * 1))
        or (command.mask & HAS_STOP_PRICE != 0 and not waits)
        or price_why == MALFORMED
        or qty_why == MALFORMED
        or stop_why == MALFORMED
    ):
        reason = MALFORMED
    elif reason == NONE:
        reason = price_why
        if reason == NONE:
            reason = stop_why
        if reason == NONE:
            reason = qty_why
    return reason, price, qty, stop


@outline
def _band_reason(state, mask, slot, price, qty, stop):
    """Second group of refusals: of the prices that are given (the band may have left the others behind since), and of
    the quantity that the order would have."""
    order = order_at(state, slot)
    instrument = instrument_at(state, order.symbol)
    reason = NONE
    if mask & HAS_PRICE != 0:
        reason = price_reason(instrument, price)
    if reason == NONE and mask & HAS_STOP_PRICE != 0:
        reason = price_reason(instrument, stop)
    if reason == NONE:
        reason = qty_reason(instrument, qty)
    if reason == NONE:
        reason = notional_reason(instrument, price if is_priced(order.order_type * 1) else stop, qty)
    return reason


@outline
def _state_reason(state, slot, stop):
    """What a symbol that does not trade (post_only, auction) lets be amended: nothing that could have to trade now."""
    order = order_at(state, slot)
    if is_waiting_type(order.order_type * 1):
        if order.stp_flags & HIT != 0 or is_reached(
            state, order.symbol * 1, order.side * 1, order.order_type * 1, stop
        ):
            return STATE_FORBIDS
    elif order.stp_flags & POST_ONLY != 0 and instrument_at(state, order.symbol).symbol_state == AUCTION:
        return STATE_FORBIDS
    return NONE


@outline
def _move_reason(state, slot, price, qty, stop):
    """Third group of refusals, of an amend that sends the order to the back."""
    order = order_at(state, slot)
    symbol = order.symbol * 1
    side = order.side * 1
    symbol_state = instrument_at(state, symbol).symbol_state
    waits = is_waiting_type(order.order_type * 1)
    if not waits and (order.stp_flags & POST_ONLY != 0 or (symbol_state != OPEN and symbol_state != AUCTION)):
        if touches(state, symbol, side, price, 0):
            return WOULD_CROSS
    freed = order_frozen(state, slot)
    if order.stp_flags & PAIRED != 0:
        freed += frozen_alone(state, terms_at(state, slot).pair * 1)
    freezes_at = price if is_priced(order.order_type * 1) else stop
    if lots_covered(state, order.account * 1, symbol, side, freezes_at, freed) < qty:
        return INSUFFICIENT_FUNDS
    if not (has_page_room(state) if waits else has_level_room(state, 0)):  # what waits has a level reserved
        return BOOK_FULL
    return NONE


@outline
def decide_amend(state, out, command, account):
    """Change price, remaining quantity or stop price; in place, or to the back and perhaps straight into trades."""
    if command.mask & (HAS_PRICE | HAS_QTY | HAS_STOP_PRICE) == 0 or not names_target(command):
        apply_event(state, reject(state, out, command, MALFORMED, 0))
        return
    slot = target_of(state, command, account)
    if slot == 0:
        apply_event(state, reject(state, out, command, UNKNOWN_ORDER, 0))
        return
    order = order_at(state, slot)
    symbol = order.symbol * 1
    reason, price, qty, stop = _amend_values(state, command, slot)
    if reason != MALFORMED:
        first = tradable(state, account, symbol)
        if first != NONE:
            reason = first
    if reason == NONE:
        reason = _band_reason(state, command.mask * 1, slot, price, qty, stop)
    if reason == NONE and instrument_at(state, symbol).symbol_state != OPEN:
        reason = _state_reason(state, slot, stop)
    waits = is_waiting_type(order.order_type * 1)
    same = price == order.price_ticks and (not waits or stop == terms_at(state, slot).stop_price_ticks)
    in_place = same and qty <= order.leaves_lots
    if reason == NONE and not in_place:
        reason = _move_reason(state, slot, price, qty, stop)
    if reason != NONE:
        address = reject(state, out, command, reason, order.order_id)
        name_symbol(address, symbol)
        apply_event(state, address)
        return
    _compose(state, out, slot, price, qty, stop)
    if in_place:
        return
    if waits:
        if is_reached(state, symbol, order.side * 1, order.order_type * 1, stop):
            trigger(state, out, slot)
        else:
            add_flag(out.open, FLAG_RESTS)
    elif instrument_at(state, symbol).symbol_state == AUCTION:
        add_flag(out.open, FLAG_RESTS)
    else:
        match(state, out, slot, price)


@outline
def _compose(state, out, slot, price, qty, stop):
    released = order_frozen(state, slot) - frozen_beside(state, slot, price, stop, qty)
    address = open_terms_event(state, out, AMENDED, 0, slot)
    event = order_event_at(address)
    event.stop_price_ticks = stop
    event.price_ticks = price
    event.qty_lots = qty
    event.leaves_lots = qty
    event.released = released
    apply_event(state, address)
