"""Steps: what the engine does of itself between commands, because an earlier one or the time asks for it.

Orders whose end has come, triggered orders, trailing stops: each step answers nobody, names no request, ends with
FLAG_LAST like a command, and carries STEP_SESSION. Which steps are due follows from the state alone, so a recovered
engine goes on with them.
"""

from numba import boolean, int64

from engine.accounts import available
from engine.apply import apply_event, finish_event, order_event_at
from engine.book import frozen_alone
from engine.compose import OUT_TYPE, add_flag, head_word, open_event, request_of, seal
from engine.expiry import first_to_expire, is_expiry_due
from engine.levels import has_page_room
from engine.matching import end_order, end_pair, fill_terms, market_limit, match, terms_of
from engine.state import PAIRED, STATE_TYPE, STP_MASK, account_at, instrument_at, order_at, terms_at
from engine.waiting import is_priced, next_to_trail, trailed_stop
from engine.walk import walk_cost
from ringbuf.codes import FLAG_LAST, NO_ID, STEP_SESSION, EventType, OrderType, Reason, Side, SymbolState
from ringbuf.jit import inline, outline, outline_of

AMENDED, TRIGGERED = int(EventType.AMENDED), int(EventType.TRIGGERED)
BUY, LIMIT = int(Side.BUY), int(OrderType.LIMIT)
RISK, EXPIRED, TRAILED = int(Reason.RISK), int(Reason.EXPIRED), int(Reason.TRAILED)
OPEN = int(SymbolState.OPEN)
NOBODY = -1


@outline
def trigger(state, out, slot):
    """A waiting order enters: its pair ends, it becomes a market or limit order, and runs."""
    order = order_at(state, slot)
    if order.stp_flags & PAIRED != 0:
        end_pair(state, out, slot)
    released = 0
    if order.side == BUY and not is_priced(order.order_type * 1):
        released = frozen_alone(state, slot)
    head = head_word(TRIGGERED, order.side * 1, 0, order.symbol * 1)
    address = open_event(state, out, head, terms_of(order, account_at(state, order.account).key - 1))
    event = order_event_at(address)
    event.order_id = order.order_id
    event.client_id = order.client_id
    event.request_id = request_of(out, order)
    fill_terms(state, address, slot)
    event.price_ticks = order.price_ticks
    event.qty_lots = order.leaves_lots
    event.leaves_lots = order.leaves_lots
    event.released = released
    apply_event(state, address)
    if order.order_type == LIMIT:
        if has_page_room(state):
            match(state, out, slot, order.price_ticks)
        else:
            end_order(state, out, slot, RISK, request_of(out, order))
        return
    symbol = order.symbol * 1
    limit = market_limit(state, symbol, order.side * 1)
    if order.side == BUY:
        account = order.account * 1
        funds = available(state, account, instrument_at(state, symbol).quote * 1)
        if walk_cost(state, symbol, limit, order.leaves_lots, account, order.stp_flags & STP_MASK, funds) < 0:
            end_order(state, out, slot, RISK, request_of(out, order))
            return
    match(state, out, slot, limit)


@outline
def _trail(state, out, slot):
    """A trailing stop follows the market."""
    order = order_at(state, slot)
    stop = trailed_stop(state, slot)
    frozen = frozen_alone(state, slot)
    head = head_word(AMENDED, order.side * 1, TRAILED, order.symbol * 1)
    address = open_event(state, out, head, terms_of(order, account_at(state, order.account).key - 1))
    event = order_event_at(address)
    event.order_id = order.order_id
    event.client_id = order.client_id
    fill_terms(state, address, slot)
    event.stop_price_ticks = stop
    event.price_ticks = order.price_ticks
    event.qty_lots = order.leaves_lots
    event.leaves_lots = order.leaves_lots
    event.released = _freed_by(state, slot, stop, frozen)
    apply_event(state, address)


@inline
def _freed_by(state, slot, stop, frozen):
    order = order_at(state, slot)
    if order.side != BUY:
        return 0
    unit = instrument_at(state, order.symbol).tick_lot_quote_units
    after = order.leaves_lots * stop * unit
    if order.stp_flags & PAIRED != 0:
        other = frozen_alone(state, terms_at(state, slot).pair * 1)
        frozen = other if other > frozen else frozen
        after = other if other > after else after
    return frozen - after


@outline
def _take_step(state, out, now_ns):
    """One step; there is one to take."""
    out.open = 0
    out.count = 0
    out.session = STEP_SESSION
    out.ingress_ns = 0
    out.client_id = NO_ID
    out.account = NOBODY
    out.ts_ns = state.ts_ns
    if state.due_head != 0:
        symbol = state.due_head - 1
        instrument = instrument_at(state, symbol)
        if instrument.print_high != 0:
            _trail(state, out, next_to_trail(state, symbol))
        else:
            trigger(state, out, instrument.hit_head)
    else:
        out.ts_ns = now_ns
        end_order(state, out, first_to_expire(state), EXPIRED, NO_ID)
    add_flag(out.open, FLAG_LAST)
    finish_event(state, out.open)
    seal(out.open)


@outline_of(boolean(STATE_TYPE, OUT_TYPE, int64, int64))
def take_steps(state, out, now_ns, last_seq):
    """Take what is due, the time being now_ns, while `last_seq` is not passed. True when nothing is due any more."""
    while state.due_head != 0 or is_expiry_due(state, now_ns):
        if state.seq > last_seq:
            return False
        _take_step(state, out, now_ns)
    return True


@inline
def are_steps_due(state, now_ns):
    """Must steps be taken before a command of this time?"""
    return state.due_head != 0 or is_expiry_due(state, now_ns)
