"""Steps: what the engine does of itself between commands, because an earlier one or the time asks for it.

Orders whose end has come, those of a delisted symbol, the trades of an uncross, trailing stops, triggered orders: each
step answers nobody, names no request, ends with FLAG_LAST like a command, and carries STEP_SESSION. Which steps are due
follows from the state alone, so a recovered engine goes on with them.
"""

from numba import boolean, int64

from engine.accounts import available
from engine.apply import apply_event, finish_event, order_event_at
from engine.apply_symbol import is_uncrossing
from engine.auction import uncross
from engine.bands import market_limit
from engine.book import frozen_alone, frozen_beside, is_priced, order_frozen
from engine.compose import OUT_TYPE, add_flag, request_of, seal
from engine.expiry import first_to_expire, is_expiry_due
from engine.levels import has_page_room
from engine.matching import end_order, end_pair, match, open_terms_event
from engine.state import GONE, PAIRED, STATE_TYPE, STP_MASK, hits_at, instrument_at, order_at
from engine.waiting import next_to_trail, trailed_stop
from engine.walk import walk_cost
from ringbuf.codes import FLAG_LAST, NO_ID, STEP_SESSION, EventType, OrderType, Reason, Side
from ringbuf.jit import inline, outline, outline_of

AMENDED, TRIGGERED = int(EventType.AMENDED), int(EventType.TRIGGERED)
BUY, LIMIT = int(Side.BUY), int(OrderType.LIMIT)
RISK, EXPIRED, TRAILED = int(Reason.RISK), int(Reason.EXPIRED), int(Reason.TRAILED)
DELISTED = int(Reason.DELISTED)
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
    address = open_terms_event(state, out, TRIGGERED, 0, slot)
    order_event_at(address).released = released
    apply_event(state, address)
    if order.order_type == LIMIT:
        if has_page_room(state):
            match(state, out, slot, order.price_ticks)
        else:
            end_order(state, out, slot, RISK, request_of(out, order))
        return
    symbol = order.symbol * 1
    limit = market_limit(state, symbol, order.side * 1, 0)
    if order.side == BUY:
        account = order.account * 1
        funds = available(state, account, instrument_at(state, symbol).quote * 1)
        if walk_cost(state, symbol, limit, order.leaves_lots, account, order.stp_flags & STP_MASK, funds, 0) < 0:
            end_order(state, out, slot, RISK, request_of(out, order))
            return
    match(state, out, slot, limit)


@outline
def _trail(state, out, slot):
    """A trailing stop follows the market."""
    order = order_at(state, slot)
    stop = trailed_stop(state, slot)
    released = order_frozen(state, slot) - frozen_beside(state, slot, order.price_ticks, stop, order.leaves_lots)
    address = open_terms_event(state, out, AMENDED, TRAILED, slot)
    event = order_event_at(address)
    event.stop_price_ticks = stop
    event.released = released
    apply_event(state, address)


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
        if instrument.symbol_state == GONE:
            end_order(state, out, first_to_expire(state), DELISTED, NO_ID)
        elif is_uncrossing(state, symbol):
            uncross(state, out, symbol)
        elif instrument.print_high != 0:
            _trail(state, out, next_to_trail(state, symbol))
        else:
            trigger(state, out, hits_at(state, symbol).head)
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
def may_have_steps(state):
    """Is anything due, or will anything ever expire? Else no step can come before a command, whatever its time."""
    return state.due_head != 0 or state.expiring_count != 0
