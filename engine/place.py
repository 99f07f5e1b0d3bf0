"""Decisions about new orders. The order of refusals is that of docs/wire.md."""

from engine.accept import accept
from engine.apply import apply_event
from engine.book import is_priced, is_waiting_type
from engine.checks import (
    BOOK_FULL,
    INSUFFICIENT_FUNDS,
    MALFORMED,
    NONE,
    STATE_FORBIDS,
    UNKNOWN_SYMBOL,
    freed_by,
    is_full,
    lots_covered,
    notional_reason,
    place_is_malformed,
    price_reason,
    qty_reason,
    rarer_value_reason,
    text_reason,
    tradable,
)
from engine.compose import add_flag, reject
from engine.matching import end_order, match
from engine.orders import UNKNOWN_ORDER, names_target, target_of, touches
from engine.place_market import place_market
from engine.place_waiting import place_waiting
from engine.state import instrument_at, is_listed, order_at
from engine.waiting import is_reached
from engine.walk import fill_reason
from ringbuf.codes import (
    CMD_PAIRED,
    CMD_POST_ONLY,
    FLAG_RESTS,
    HAS_BUDGET,
    HAS_MIN,
    HAS_PRICE,
    HAS_QTY,
    NO_ID,
    OrderType,
    Reason,
    Side,
    SymbolState,
    Tif,
)
from ringbuf.jit import inline, outline

BUY, LIMIT = int(Side.BUY), int(OrderType.LIMIT)
GTC, FOK, GTD = int(Tif.GTC), int(Tif.FOK), int(Tif.GTD)
OPEN, AUCTION = int(SymbolState.OPEN), int(SymbolState.AUCTION)
WOULD_CROSS, VOLATILITY = int(Reason.WOULD_CROSS), int(Reason.VOLATILITY)


@inline
def value_reason(state, out, command, account):
    """Second group of refusals of a place, account and words being right."""
    if command.symbol >= state.instrument_count:
        return UNKNOWN_SYMBOL
    if command.mask & HAS_BUDGET != 0 and command.quote_budget <= 0:
        return MALFORMED
    reason = tradable(state, account, command.symbol * 1)
    if reason != NONE:
        return reason
    instrument = instrument_at(state, command.symbol)
    if command.mask & ~(HAS_PRICE | HAS_QTY) != 0:
        reason = rarer_value_reason(instrument, command, out.ts_ns)
        if reason != NONE:
            return reason
    if command.refuse != NONE:
        return text_reason(command)
    if is_priced(command.order_type * 1):
        reason = price_reason(instrument, command.price_ticks)
        if reason != NONE:
            return reason
    if command.mask & HAS_QTY != 0:
        reason = qty_reason(instrument, command.qty_lots)
        if reason == NONE and is_priced(command.order_type * 1):
            reason = notional_reason(instrument, command.price_ticks, command.qty_lots)
        elif reason == NONE and is_waiting_type(command.order_type * 1):
            reason = notional_reason(instrument, command.stop_price_ticks, command.qty_lots)
    if reason == NONE and instrument.symbol_state != OPEN:
        reason = _state_reason(state, command)
    return reason


@outline
def _state_reason(state, command):
    """What a symbol that does not trade (post_only, auction) takes: what can rest, and waiting orders not reached."""
    if is_waiting_type(command.order_type * 1):
        if is_reached(state, command.symbol * 1, command.side * 1, command.order_type * 1, command.stop_price_ticks):
            return STATE_FORBIDS
        return NONE
    if command.order_type != LIMIT or (command.tif != GTC and command.tif != GTD):
        return STATE_FORBIDS
    rests_plainly = command.flags & CMD_POST_ONLY == 0 and command.mask & HAS_MIN == 0
    if instrument_at(state, command.symbol).symbol_state == AUCTION and not rests_plainly:
        return STATE_FORBIDS
    return NONE


@inline
def decide_place(state, out, command, account, old):
    """A new order: refusals, then accepted, then its run against the book.

    old: slot of the order that it replaces, 0 = none. It is judged as if that one were gone.
    """
    if place_is_malformed(command):
        apply_event(state, reject(state, out, command, MALFORMED, 0))
        return
    reason = value_reason(state, out, command, account)
    if reason != NONE:
        apply_event(state, reject(state, out, command, reason, 0))
        return
    if command.order_type != LIMIT:
        if is_waiting_type(command.order_type * 1):
            place_waiting(state, out, command, account, old)
        else:
            place_market(state, out, command, account, old)
        return
    reason = limit_reason(state, command, account, old, 0, 0, 0)
    if reason != NONE:
        apply_event(state, reject(state, out, command, reason, 0))
        return
    enter_limit(state, out, command, old)


@inline
def limit_reason(state, command, account, old, promised, before, before_here):
    """Third group of refusals of a limit order: what the book, funds and room say.

    old: as in `decide_place`. promised: of its funds, what orders that enter before it take; before, before_here: see
    `engine.checks.is_full`.
    """
    symbol = command.symbol * 1
    side = command.side * 1
    price = command.price_ticks
    qty = command.qty_lots
    rests = command.tif == GTC or command.tif == GTD
    instrument = instrument_at(state, symbol)
    may_cross = command.flags & CMD_POST_ONLY == 0 and instrument.symbol_state == OPEN
    if not may_cross and instrument.symbol_state != AUCTION and touches(state, symbol, side, price, old):
        return WOULD_CROSS
    freed = -promised
    if old != 0:
        freed = freed_by(state, old, instrument.quote * 1 if side == BUY else instrument.base * 1)
        before = -1
        before_here = -1 if order_at(state, old).symbol == symbol else 0
    if lots_covered(state, account, symbol, side, price, freed) < qty:
        return INSUFFICIENT_FUNDS
    if is_full(state, account, symbol, rests, before, before_here):
        return BOOK_FULL
    if command.tif == FOK or command.mask & HAS_MIN != 0:
        return fill_reason(state, command, account, price, old)
    return NONE


@inline
def limit_frozen(state, command):
    """Minor units that a limit order freezes: of quote for a buy, of base for a sell. Precondition: funds cover it."""
    instrument = instrument_at(state, command.symbol)
    if command.side == BUY:
        return command.qty_lots * command.price_ticks * instrument.tick_lot_quote_units
    return command.qty_lots * instrument.lot_base_units


@inline
def enter_limit(state, out, command, old):
    """A limit order that passed all checks is accepted and runs against the book."""
    accept(state, out, command, old, command.price_ticks, command.qty_lots, limit_frozen(state, command))
    if instrument_at(state, command.symbol).symbol_state == OPEN:
        match(state, out, state.active, command.price_ticks)
    else:
        _rest(state, out, command)


@outline
def _rest(state, out, command):
    """In a symbol that is not open nothing trades: what would have to, as its own group halted the symbol, ends."""
    symbol = command.symbol * 1
    if instrument_at(state, symbol).symbol_state != AUCTION and touches(
        state, symbol, command.side * 1, command.price_ticks, 0
    ):
        end_order(state, out, state.active, VOLATILITY, NO_ID)
    else:
        add_flag(out.open, FLAG_RESTS)


@outline
def decide_replace(state, out, command, account):
    """Cancel and place, or neither."""
    reason = NONE
    old = 0
    if not names_target(command) or command.flags & CMD_PAIRED != 0:
        reason = MALFORMED
    else:
        old = target_of(state, command, account)
        if old == 0:
            reason = MALFORMED if place_is_malformed(command) else UNKNOWN_ORDER
            if reason == UNKNOWN_ORDER and not is_listed(state, command.symbol * 1):
                reason = UNKNOWN_SYMBOL
    if reason != NONE:
        apply_event(state, reject(state, out, command, reason, 0))
        return
    decide_place(state, out, command, account, old)
