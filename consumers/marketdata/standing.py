"""What events do to the open orders, and so to the levels: what stands in the book, with which slice; what waits."""

# isort: off
from ringbuf.jit import inline

from consumers.marketdata.level_lists import show, slice_of
from consumers.marketdata.order_table import drop_order, find_order, new_order
from consumers.marketdata.tables import order_at
from ringbuf.atomics import load, store
from ringbuf.codes import FIRST_WAITING
# isort: on

_FIRST_WAITING = int(FIRST_WAITING)


@inline
def fill(t, order_id, leaves, shown_less):
    """A trade left `leaves` of this order; a maker's shown slice is less by `shown_less`.

    In an uncross both sides stand in the book and lose hidden lots first: 0.
    """
    slot = find_order(t, order_id)
    if slot == 0:
        return
    order = order_at(t, slot)
    order.leaves_lots = leaves
    if order.shown_lots != 0:
        shown = order.shown_lots - shown_less
        if shown <= 0:
            shown = slice_of(order)
        if shown > leaves:
            shown = leaves
        show(t, slot, shown)
    if leaves == 0:
        drop_order(t, slot)


@inline
def _activate(t, order_id):
    store(t.active_at + (t.active_used) * 8, order_id)
    t.active_used += 1


@inline
def accept(t, event, terms):
    """A new order: it joins the book when its command has ended, or waits."""
    slot = new_order(t, event.order_id)
    order = order_at(t, slot)
    order.price_ticks = event.price_ticks
    order.leaves_lots = event.leaves_lots
    order.display_lots = terms.display_lots
    order.shown_lots = 0
    order.whole_lots = 0
    order.level = 0
    order.symbol = event.symbol
    order.side = event.side
    order.waits = 1 if terms.order_type >= _FIRST_WAITING else 0
    _activate(t, event.order_id)


@inline
def cancel(t, order_id):
    """The order is gone."""
    slot = find_order(t, order_id)
    if slot != 0:
        show(t, slot, 0)
        drop_order(t, slot)


@inline
def amend(t, order_id, price, leaves):
    """Less at the same price keeps its place, hidden lots first; else out, and to the back at the command's end."""
    slot = find_order(t, order_id)
    if slot == 0:
        return
    order = order_at(t, slot)
    if order.shown_lots != 0 and price == order.price_ticks and leaves <= order.leaves_lots:  # keeps its place
        order.leaves_lots = leaves
        show(t, slot, leaves if leaves < order.shown_lots else order.shown_lots)
        return
    show(t, slot, 0)
    order.price_ticks = price
    order.leaves_lots = leaves
    _activate(t, order_id)


@inline
def trigger(t, order_id):
    """It waits no longer."""
    slot = find_order(t, order_id)
    if slot != 0:
        order_at(t, slot).waits = 0
        _activate(t, order_id)


@inline
def join_books(t):
    """What is left of a command's orders joins the book."""
    for i in range(t.active_used):
        slot = find_order(t, load(t.active_at + i * 8))
        if slot == 0:
            continue
        order = order_at(t, slot)
        if order.leaves_lots == 0:
            drop_order(t, slot)  # nothing left and nobody says so any more
        elif order.waits == 0 and order.shown_lots == 0:
            show(t, slot, slice_of(order))
    t.active_used = 0
