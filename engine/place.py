"""Decisions about new orders. The order of refusals is that of docs/wire.md."""

from engine.accounts import available
from engine.apply import apply_event, order_event_at
from engine.bands import market_limit
from engine.book import frozen_alone, is_priced, is_waiting_type
from engine.checks import (
    BOOK_FULL,
    INSUFFICIENT_FUNDS,
    MALFORMED,
    NONE,
    STATE_FORBIDS,
    UNKNOWN_SYMBOL,
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
from engine.compose import add_flag, head_word, open_event, reject, terms_word
from engine.idmap import find_client
from engine.matching import end_order, match
from engine.orders import UNKNOWN_ORDER, touches
from engine.state import PAIRED, instrument_at, order_at
from engine.steps import trigger
from engine.waiting import is_reached
from engine.walk import budget_walk, could_fill, walk_cost
from ringbuf.codes import (
    CMD_PAIRED,
    CMD_POST_ONLY,
    FLAG_RESTS,
    HAS_BUDGET,
    HAS_DISPLAY,
    HAS_EXPIRE,
    HAS_MIN,
    HAS_PRICE,
    HAS_QTY,
    NO_ID,
    ORDER_PAIRED,
    EventType,
    OrderType,
    Reason,
    Side,
    SymbolState,
    Tif,
)
from ringbuf.jit import inline, outline

ACCEPTED = int(EventType.ACCEPTED)
BUY, LIMIT, TRAILING_STOP = int(Side.BUY), int(OrderType.LIMIT), int(OrderType.TRAILING_STOP)
GTC, FOK, GTD = int(Tif.GTC), int(Tif.FOK), int(Tif.GTD)
OPEN, AUCTION = int(SymbolState.OPEN), int(SymbolState.AUCTION)
WOULD_CROSS, FOK_UNFILLED = int(Reason.WOULD_CROSS), int(Reason.FOK_UNFILLED)
MIN_QTY_UNFILLED, SELF_TRADE = int(Reason.MIN_QTY_UNFILLED), int(Reason.SELF_TRADE)
MARKET_REMAINDER, VOLATILITY = int(Reason.MARKET_REMAINDER), int(Reason.VOLATILITY)


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
def decide_place(state, out, command, account):
    """A new order: refusals, then accepted, then its run against the book."""
    if place_is_malformed(command):
        apply_event(state, reject(state, out, command, MALFORMED, 0))
        return
    reason = value_reason(state, out, command, account)
    if reason != NONE:
        apply_event(state, reject(state, out, command, reason, 0))
        return
    if command.order_type != LIMIT:
        if is_waiting_type(command.order_type * 1):
            _place_waiting(state, out, command, account)
        else:
            _place_market(state, out, command, account)
        return
    reason = limit_reason(state, command, account, 0, 0, 0)
    if reason != NONE:
        apply_event(state, reject(state, out, command, reason, 0))
        return
    enter_limit(state, out, command)


@inline
def limit_reason(state, command, account, freed, before, before_here):
    """Third group of refusals of a limit order: what the book, funds and room say.

    freed: what of its funds is free beside those available, below zero where orders that enter before it take some;
    before, before_here: see `engine.checks.is_full`.
    """
    symbol = command.symbol * 1
    side = command.side * 1
    price = command.price_ticks
    qty = command.qty_lots
    rests = command.tif == GTC or command.tif == GTD
    symbol_state = instrument_at(state, symbol).symbol_state
    crosses_allowed = command.flags & CMD_POST_ONLY == 0 and symbol_state == OPEN
    if not crosses_allowed and symbol_state != AUCTION and touches(state, symbol, side, price):
        return WOULD_CROSS
    if lots_covered(state, account, symbol, side, price, freed) < qty:
        return INSUFFICIENT_FUNDS
    if is_full(state, account, symbol, rests, before, before_here):
        return BOOK_FULL
    if command.tif == FOK or command.mask & HAS_MIN != 0:
        return _fill_reason(state, command, account, price)
    return NONE


@inline
def limit_frozen(state, command):
    """Minor units that a limit order freezes: of quote for a buy, of base for a sell. Precondition: funds cover it."""
    instrument = instrument_at(state, command.symbol)
    if command.side == BUY:
        return command.qty_lots * command.price_ticks * instrument.tick_lot_quote_units
    return command.qty_lots * instrument.lot_base_units


@inline
def enter_limit(state, out, command):
    """A limit order that passed all checks is accepted and runs against the book."""
    _accept(state, out, command, command.price_ticks, command.qty_lots, limit_frozen(state, command))
    if instrument_at(state, command.symbol).symbol_state == OPEN:
        match(state, out, state.active, command.price_ticks)
    else:
        _rest(state, out, command)


@outline
def _rest(state, out, command):
    """In a symbol that is not open nothing trades: what would have to, as its own group halted the symbol, ends."""
    symbol = command.symbol * 1
    if instrument_at(state, symbol).symbol_state != AUCTION and touches(
        state, symbol, command.side * 1, command.price_ticks
    ):
        end_order(state, out, state.active, VOLATILITY, NO_ID)
    else:
        add_flag(out.open, FLAG_RESTS)


@outline
def _fill_reason(state, command, account, limit):
    """Can fok or a least quantity be met? Asked last: only who has the funds may have the book walked over."""
    symbol = command.symbol * 1
    side = command.side * 1
    mode = command.stp * 1
    if command.tif == FOK and not could_fill(state, symbol, side, limit, command.qty_lots, account, mode):
        return FOK_UNFILLED
    if command.mask & HAS_MIN != 0 and not could_fill(state, symbol, side, limit, command.min_lots, account, mode):
        return MIN_QTY_UNFILLED
    return NONE


@outline
def _place_market(state, out, command, account):
    symbol = command.symbol * 1
    side = command.side * 1
    mode = command.stp * 1
    qty = command.qty_lots
    instrument = instrument_at(state, symbol)
    limit = market_limit(state, symbol, side)
    stopped = 0
    frozen = 0
    covered = True
    if side != BUY:
        covered = lots_covered(state, account, symbol, side, 0, 0) >= qty
        if covered:
            frozen = qty * instrument.lot_base_units
    else:
        funds = available(state, account, instrument.quote * 1)
        if command.mask & HAS_BUDGET != 0:
            qty, frozen, stopped = budget_walk(state, symbol, limit, command.quote_budget, account, mode, funds)
            covered = frozen <= funds or frozen == 0
        else:
            frozen = walk_cost(state, symbol, limit, qty, account, mode, funds)
            covered = frozen >= 0
    if not covered:
        reason = INSUFFICIENT_FUNDS
    elif is_full(state, account, symbol, False, 0, 0):
        reason = BOOK_FULL
    else:
        reason = _fill_reason(state, command, account, limit)
    if reason != NONE:
        apply_event(state, reject(state, out, command, reason, 0))
        return
    _accept(state, out, command, 0, qty, frozen)
    slot = state.active
    if qty == 0:
        end_order(state, out, slot, SELF_TRADE if stopped != 0 else MARKET_REMAINDER, NO_ID)
        return
    match(state, out, slot, limit)


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
def _place_waiting(state, out, command, account):
    symbol = command.symbol * 1
    side = command.side * 1
    instrument = instrument_at(state, symbol)
    price = command.price_ticks if is_priced(command.order_type * 1) else 0
    freezes_at = price if is_priced(command.order_type * 1) else command.stop_price_ticks
    pair = 0
    held = 0
    reason = NONE
    if command.flags & CMD_PAIRED != 0:
        pair = find_client(state, account, command.orig_client_id)
        reason = _pair_reason(state, command, account, pair)
        if reason == NONE:
            held = frozen_alone(state, pair)
    if reason == NONE:
        no_trail_room = command.order_type == TRAILING_STOP and instrument.trail_count >= state.max_symbol_trailing
        if lots_covered(state, account, symbol, side, freezes_at, held) < command.qty_lots:
            reason = INSUFFICIENT_FUNDS
        elif no_trail_room or is_full(state, account, symbol, True, 0, 0):
            reason = BOOK_FULL
    if reason != NONE:
        apply_event(state, reject(state, out, command, reason, 0))
        return
    frozen = command.qty_lots * instrument.lot_base_units
    if side == BUY:
        frozen = command.qty_lots * freezes_at * instrument.tick_lot_quote_units
    if held != 0:
        frozen = frozen - held if frozen > held else 0
    _accept(state, out, command, price, command.qty_lots, frozen)
    if is_reached(state, symbol, side, command.order_type * 1, command.stop_price_ticks):
        trigger(state, out, state.active)
    else:
        add_flag(out.open, FLAG_RESTS)


@inline
def _accept(state, out, command, price_ticks, qty_lots, frozen):
    """Compose and apply `accepted`; the order becomes the active one."""
    terms = terms_word(
        command.account * 1, command.order_type * 1, command.tif * 1, command.stp * 1, command.flags & CMD_POST_ONLY
    )
    address = open_event(state, out, head_word(ACCEPTED, command.side * 1, 0, command.symbol * 1), terms)
    event = order_event_at(address)
    event.order_id = event.seq
    event.client_id = command.client_id
    event.price_ticks = price_ticks
    event.qty_lots = qty_lots
    event.leaves_lots = qty_lots
    event.released = -frozen
    if command.mask & ~(HAS_PRICE | HAS_QTY) != 0:
        _fill_rarer(address, command)
    apply_event(state, address)


@outline
def _fill_rarer(address, command):
    event = order_event_at(address)
    if is_waiting_type(command.order_type * 1):
        event.stop_price_ticks = command.stop_price_ticks
    if command.mask & HAS_DISPLAY != 0:
        event.display_lots = command.display_lots
    if command.mask & HAS_EXPIRE != 0:
        event.expire_ts_ns = command.expire_ts_ns
    if command.order_type == TRAILING_STOP:
        event.trail_ticks = command.price_ticks
    if command.flags & CMD_PAIRED != 0:
        event.order_flags = event.order_flags | ORDER_PAIRED
        event.request_id = command.orig_client_id
