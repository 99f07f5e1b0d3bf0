"""A new order that passed all checks becomes an open one."""

from engine.apply import apply_event, order_event_at
from engine.book import is_waiting_type
from engine.compose import head_word, open_event, terms_word
from engine.matching import end_order
from ringbuf.codes import (
    CMD_PAIRED,
    CMD_POST_ONLY,
    HAS_DISPLAY,
    HAS_EXPIRE,
    HAS_PRICE,
    HAS_QTY,
    ORDER_PAIRED,
    EventType,
    OrderType,
    Reason,
)
from ringbuf.jit import inline, outline

ACCEPTED, TRAILING_STOP, USER = int(EventType.ACCEPTED), int(OrderType.TRAILING_STOP), int(Reason.USER)


@inline
def accept(state, out, command, old, price_ticks, qty_lots, frozen):
    """Compose and apply `accepted`; the order becomes the active one. The one that it replaces, if any, ends first."""
    if old != 0:
        end_order(state, out, old, USER, command.client_id)
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
