"""What `engine.apply`, alone, does with the rarer terms of an order: stop prices, slices, expiries, pairs."""

from engine.book import append_to_account, is_priced, is_waiting_type, leave_book, remove_from_account
from engine.expiry import enter_expiry, renew_age
from engine.idmap import find_client
from engine.state import (
    EXPIRES,
    ICEBERG,
    PAIRED,
    level_at,
    order_at,
    terms_at,
)
from engine.waiting import (
    append_to_hits,
    enter_trailing,
    enter_waiting,
    is_reached,
    leave_trailing,
    leave_waiting,
)
from ringbuf.codes import ORDER_PAIRED, OrderType, Reason, Side, Tif
from ringbuf.fields import record_at
from ringbuf.jit import outline
from ringbuf.records import EVENT_ORDER

order_event_at = record_at(EVENT_ORDER)

BUY, GTD = int(Side.BUY), int(Tif.GTD)
LIMIT, MARKET, TRAILING_STOP = int(OrderType.LIMIT), int(OrderType.MARKET), int(OrderType.TRAILING_STOP)
SELF_TRADE, TRAILED = int(Reason.SELF_TRADE), int(Reason.TRAILED)


@outline
def enter_ties(state, slot, address):
    """Terms of a new order that is no plain limit or market order; the event at the address is its `accepted`."""
    event = order_event_at(address)
    order = order_at(state, slot)
    terms = terms_at(state, slot)
    terms.stop_price_ticks = event.stop_price_ticks
    terms.display_lots = event.display_lots
    terms.slice_lots = 0
    terms.expire_ts_ns = event.expire_ts_ns
    terms.age = event.seq
    terms.trail_ticks = event.trail_ticks
    if event.display_lots != 0:
        order.stp_flags = order.stp_flags | ICEBERG
    if event.tif == GTD:
        order.stp_flags = order.stp_flags | EXPIRES
        enter_expiry(state, slot)
    if event.order_type == TRAILING_STOP:
        enter_trailing(state, slot)
    if event.order_flags & ORDER_PAIRED != 0:
        other = find_client(state, order.account * 1, event.request_id)
        if other != 0:
            order.stp_flags = order.stp_flags | PAIRED
            terms.pair = other
            order_at(state, other).stp_flags = order_at(state, other).stp_flags | PAIRED
            terms_at(state, other).pair = slot


@outline
def leave_any_queue(state, slot):
    """Out of the book, of those that wait, of the hit ones, of the trailing ones; the order may be in none."""
    leave_waiting_or_book(state, slot)
    if order_at(state, slot).order_type == TRAILING_STOP:
        leave_trailing(state, slot)


@outline
def replace_terms(state, slot, address):
    """An `amended` event: in place (the same or less quantity, all else equal; self-trade), trailed, or to the back."""
    event = order_event_at(address)
    order = order_at(state, slot)
    stop = 0
    if is_waiting_type(order.order_type * 1):
        stop = terms_at(state, slot).stop_price_ticks
    same = event.price_ticks == order.price_ticks and event.stop_price_ticks == stop
    if event.reason == SELF_TRADE or (same and event.leaves_lots <= order.leaves_lots):
        shrink(state, slot, event.leaves_lots, event.released)
        return
    leave_waiting_or_book(state, slot)
    order.price_ticks = event.price_ticks
    if is_waiting_type(order.order_type * 1):
        terms_at(state, slot).stop_price_ticks = event.stop_price_ticks
    order.leaves_lots = event.leaves_lots
    _count_as_new(state, slot, event.seq)
    if event.reason != TRAILED:
        state.active = slot
    elif is_reached(state, order.symbol * 1, order.side * 1, order.order_type * 1, event.stop_price_ticks):
        append_to_hits(state, slot)
    else:
        enter_waiting(state, slot)


@outline
def _count_as_new(state, slot, seq):
    """The order counts as accepted now: youngest of its account, and among those of its expiry and of what trails."""
    remove_from_account(state, slot)
    append_to_account(state, slot)
    renew_age(state, slot, seq)
    if order_at(state, slot).order_type == TRAILING_STOP:
        leave_trailing(state, slot)
        enter_trailing(state, slot)


@outline
def leave_waiting_or_book(state, slot):
    """Out of the queue that the order stands in; a trailing stop is still remembered as one."""
    order = order_at(state, slot)
    if is_waiting_type(order.order_type * 1):
        leave_waiting(state, slot)
    elif order.level != 0:
        leave_book(state, slot)


@outline
def shrink(state, slot, leaves, released):
    """Less quantity, the same place; an iceberg's comes off its hidden part first."""
    order = order_at(state, slot)
    gone = order.leaves_lots - leaves
    if order.level == 0 and order.side == BUY and order.order_type == MARKET:
        terms_at(state, slot).frozen -= released
    if order.level != 0 and order.stp_flags & ICEBERG != 0 and not is_waiting_type(order.order_type * 1):
        terms = terms_at(state, slot)
        gone = terms.slice_lots - leaves if terms.slice_lots > leaves else 0
        terms.slice_lots -= gone
    if order.level != 0:
        level_at(state, order.level).total_lots -= gone
    order.leaves_lots = leaves


@outline
def apply_triggered(state, slot):
    """A waiting order becomes a market or limit order, and the active one."""
    order = order_at(state, slot)
    leave_any_queue(state, slot)
    if is_priced(order.order_type * 1):
        order.order_type = LIMIT
    else:
        order.order_type = MARKET
        terms_at(state, slot).frozen = 0
    state.active = slot
