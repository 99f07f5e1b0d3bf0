"""Waiting orders: their queues by stop price, what a print does to them, trailing stops. Only `engine.apply` calls
what changes them.

A print that reaches stop prices moves these orders into the symbol's queue of hit orders, at once and in the order in
which they will enter; `engine.steps` lets them in when the command that printed has ended.
"""

from engine.bands import set_band
from engine.book import append_to_queue, leave_queue, link_last, unlink
from engine.due import mark_due
from engine.levels import has_page_room
from engine.memory import LARGEST
from engine.state import HIT, QUEUES, hits_at, instrument_at, level_at, order_at, side_at, terms_at
from ringbuf.codes import OrderType, Side
from ringbuf.jit import inline, outline

BUY = int(Side.BUY)
TAKE_PROFIT, TAKE_PROFIT_LIMIT = int(OrderType.TAKE_PROFIT), int(OrderType.TAKE_PROFIT_LIMIT)
SELL_STOPS, BUY_STOPS = QUEUES.index("sell_stop"), QUEUES.index("buy_stop")
BUY_PROFITS, SELL_PROFITS = QUEUES.index("buy_profit"), QUEUES.index("sell_profit")


@inline
def waiting_queue(side, order_type):
    """Index into QUEUES."""
    if order_type == TAKE_PROFIT or order_type == TAKE_PROFIT_LIMIT:
        return BUY_PROFITS + side
    return BUY_STOPS - side


@inline
def reaches(queue, stop_price_ticks, print_ticks):
    """Does a print trigger what waits in this queue at this stop price?"""
    if queue & 1 != 0:
        return print_ticks >= stop_price_ticks
    return print_ticks <= stop_price_ticks


@outline
def is_reached(state, symbol, side, order_type, stop_price_ticks):
    """Has the last trade reached a stop price already?"""
    last = instrument_at(state, symbol).last_price_ticks
    return last != 0 and reaches(waiting_queue(side, order_type), stop_price_ticks, last)


@inline
def _best_price(state, symbol, queue, none):
    best = side_at(state, symbol, queue).best
    if best == 0:
        return none
    return level_at(state, best).price_ticks


@outline
def watch_prints(state, symbol):
    """Set which prints have to be looked at."""
    instrument = instrument_at(state, symbol)
    if instrument.trail_head != 0 or instrument.reference_ticks == 0:
        instrument.print_above = 0  # all of them
        return
    above = _best_price(state, symbol, BUY_STOPS, LARGEST)
    other = _best_price(state, symbol, SELL_PROFITS, LARGEST)
    instrument.print_above = other if other < above else above
    below = _best_price(state, symbol, SELL_STOPS, 0)
    other = _best_price(state, symbol, BUY_PROFITS, 0)
    instrument.print_below = other if other > below else below


@outline
def enter_waiting(state, slot):
    """Join the back of those that wait at the order's stop price."""
    order = order_at(state, slot)
    queue = waiting_queue(order.side * 1, order.order_type * 1)
    levels = state.level_count
    append_to_queue(state, slot, queue, terms_at(state, slot).stop_price_ticks, order.leaves_lots)
    state.reserved_levels += 1 - (state.level_count - levels)
    watch_prints(state, order.symbol * 1)


@outline
def leave_waiting(state, slot):
    """Leave the queue of a stop price, or that of hit orders."""
    order = order_at(state, slot)
    symbol = order.symbol * 1
    if order.stp_flags & HIT != 0:
        _leave_hits(state, slot)
    elif order.level != 0:
        _leave_stop_queue(state, slot, waiting_queue(order.side * 1, order.order_type * 1))
        watch_prints(state, symbol)


@inline
def _leave_stop_queue(state, slot, queue):
    levels = state.level_count
    leave_queue(state, slot, queue, order_at(state, slot).leaves_lots)
    state.reserved_levels -= 1 - (levels - state.level_count)


@inline
def _leave_hits(state, slot):
    order = order_at(state, slot)
    unlink(state, hits_at(state, order.symbol), slot)
    order.stp_flags = order.stp_flags & ~HIT
    state.reserved_levels -= 1


@outline
def append_to_hits(state, slot):
    """A print reached the order's stop price: it enters after those that were reached before."""
    order = order_at(state, slot)
    link_last(state, hits_at(state, order.symbol), slot)
    order.stp_flags = order.stp_flags | HIT
    state.reserved_levels += 1
    mark_due(state, order.symbol * 1)


@outline
def look_at_print(state, symbol, price_ticks):
    """A print in the range that is watched: stop prices that it reaches, the first reference price, trailing stops."""
    for queue in (BUY_STOPS, SELL_STOPS, BUY_PROFITS, SELL_PROFITS):
        book = side_at(state, symbol, queue)
        while book.best != 0 and reaches(queue, level_at(state, book.best).price_ticks, price_ticks):
            slot = level_at(state, book.best).head * 1
            _leave_stop_queue(state, slot, queue)
            append_to_hits(state, slot)
    instrument = instrument_at(state, symbol)
    if instrument.reference_ticks == 0:
        set_band(state, symbol, price_ticks, instrument.band_ppm)
    if instrument.trail_head != 0:
        if price_ticks > instrument.print_high:
            instrument.print_high = price_ticks
        if instrument.print_low == 0 or price_ticks < instrument.print_low:
            instrument.print_low = price_ticks
        instrument.trail_at = instrument.trail_head
        mark_due(state, symbol)
    watch_prints(state, symbol)


# --- trailing stops -----------------------------------------------------------------------------------------------


@outline
def enter_trailing(state, slot):
    """Remember a trailing stop, behind the older ones of its symbol."""
    instrument = instrument_at(state, order_at(state, slot).symbol)
    terms = terms_at(state, slot)
    tail = instrument.trail_tail
    terms.trail_prev = tail
    terms.trail_next = 0
    if tail != 0:
        terms_at(state, tail).trail_next = slot
    else:
        instrument.trail_head = slot
    instrument.trail_tail = slot
    instrument.trail_count += 1
    watch_prints(state, order_at(state, slot).symbol * 1)


@outline
def leave_trailing(state, slot):
    """Forget a trailing stop."""
    symbol = order_at(state, slot).symbol * 1
    instrument = instrument_at(state, symbol)
    terms = terms_at(state, slot)
    before = terms.trail_prev * 1
    after = terms.trail_next * 1
    if instrument.trail_at == slot:
        instrument.trail_at = after
    if before != 0:
        terms_at(state, before).trail_next = after
    else:
        instrument.trail_head = after
    if after != 0:
        terms_at(state, after).trail_prev = before
    else:
        instrument.trail_tail = before
    instrument.trail_count -= 1
    watch_prints(state, symbol)


@outline
def trailed_stop(state, slot):
    """Stop price that a trailing stop takes after the prints it has not followed yet; 0 where it stays."""
    order = order_at(state, slot)
    instrument = instrument_at(state, order.symbol)
    terms = terms_at(state, slot)
    if instrument.print_high == 0 or order.stp_flags & HIT != 0 or not has_page_room(state):
        return 0
    if order.side == BUY:
        stop = (
            instrument.print_low + terms.trail_ticks if terms.trail_ticks <= LARGEST - instrument.print_low else LARGEST
        )
        is_better = stop < terms.stop_price_ticks
    else:
        stop = instrument.print_high - terms.trail_ticks
        is_better = stop > terms.stop_price_ticks
    if not is_better or stop < instrument.price_min_ticks or stop > instrument.price_max_ticks:
        return 0
    return stop


@outline
def next_to_trail(state, symbol):
    """Slot of the oldest trailing stop that follows now, 0 if none does.

    One that has followed goes behind the others and need not again, nor will one that need not now: however many
    steps they take, each is looked at once after a print.
    """
    slot = instrument_at(state, symbol).trail_at * 1
    while slot != 0:
        if trailed_stop(state, slot) != 0:
            return slot
        slot = terms_at(state, slot).trail_next * 1
    return 0
