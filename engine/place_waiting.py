"""Decisions about new waiting orders, after the refusals that every place shares (`engine.place`)."""

from engine.accept import accept
from engine.apply import apply_event
from engine.book import frozen_alone, is_priced
from engine.checks import BOOK_FULL, INSUFFICIENT_FUNDS, MALFORMED, NONE, freed_by, is_full, lots_covered
from engine.compose import add_flag, reject
from engine.idmap import find_client
from engine.orders import UNKNOWN_ORDER
from engine.state import PAIRED, instrument_at, order_at, terms_at
from engine.steps import trigger
from engine.waiting import is_reached
from ringbuf.codes import CMD_PAIRED, FLAG_RESTS, OrderType, Side
from ringbuf.jit import outline

BUY, TRAILING_STOP = int(Side.BUY), int(OrderType.TRAILING_STOP)


@outline
def _pair_reason(state, command, account, pair):
    """Can the order in slot `pair` (0 = none) be paired with the waiting order that the command places?"""
    if pair == 0:
        return UNKNOWN_ORDER
    other = order_at(state, pair)
    if other.symbol != command.symbol or other.side != command.side or other.stp_flags & PAIRED != 0:
        return MALFORMED
    return NONE


@outline
def _trails_enough(state, symbol, account, old):
    """Has the symbol as many trailing stops as it takes, or the account as many of them as one may have?"""
    own = 0
    all_of_them = 0
    slot = instrument_at(state, symbol).trail_head * 1
    while slot != 0:
        if slot != old:
            all_of_them += 1
            if order_at(state, slot).account == account:
                own += 1
        slot = terms_at(state, slot).trail_next * 1
    return all_of_them >= state.max_symbol_trailing or own >= state.max_account_trailing


@outline
def _is_full(state, command, account, old):
    """Has a table no room for one more that waits?"""
    symbol = command.symbol * 1
    before_here = -1 if old != 0 and order_at(state, old).symbol == symbol else 0
    if command.order_type == TRAILING_STOP and _trails_enough(state, symbol, account, old):
        return True
    return is_full(state, account, symbol, True, -1 if old != 0 else 0, before_here)


@outline
def place_waiting(state, out, command, account, old):
    """An order that stands in no book until a print reaches its stop price. Instead of the one in `old`, if not 0."""
    symbol = command.symbol * 1
    side = command.side * 1
    instrument = instrument_at(state, symbol)
    price = command.price_ticks if is_priced(command.order_type * 1) else 0
    freezes_at = price if is_priced(command.order_type * 1) else command.stop_price_ticks
    pair = 0
    held = 0
    reason = NONE
    freed = freed_by(state, old, instrument.quote * 1 if side == BUY else instrument.base * 1)
    if command.flags & CMD_PAIRED != 0:
        pair = find_client(state, account, command.orig_client_id)
        reason = _pair_reason(state, command, account, pair)
        if reason == NONE:
            held = frozen_alone(state, pair)
    if reason == NONE:
        if lots_covered(state, account, symbol, side, freezes_at, held + freed) < command.qty_lots:
            reason = INSUFFICIENT_FUNDS
        elif _is_full(state, command, account, old):
            reason = BOOK_FULL
    if reason != NONE:
        apply_event(state, reject(state, out, command, reason, 0))
        return
    frozen = command.qty_lots * instrument.lot_base_units
    if side == BUY:
        frozen = command.qty_lots * freezes_at * instrument.tick_lot_quote_units
    if held != 0:
        frozen = frozen - held if frozen > held else 0
    accept(state, out, command, old, price, command.qty_lots, frozen)
    if is_reached(state, symbol, side, command.order_type * 1, command.stop_price_ticks):
        trigger(state, out, state.active)
    else:
        add_flag(out.open, FLAG_RESTS)
