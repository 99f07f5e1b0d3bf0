"""Open orders by id: an open-addressing table of slots (cells) beside the pool of orders.

Deletion shifts back. The table is never more than half full.
"""

# isort: off
from ringbuf.jit import outline

from consumers.marketdata.tables import home_of, order_at, put_cell
from ringbuf.atomics import load_u32, store_u32
# isort: on


@outline
def find_order(t, order_id):
    """Slot of an open order, 0 if there is none of that id."""
    at = home_of(order_id, t.cell_mask)
    while True:
        slot = load_u32(t.cells_at + at * 4)
        if slot == 0 or order_at(t, slot).order_id == order_id:
            return slot
        at = (at + 1) & t.cell_mask


@outline
def new_order(t, order_id):
    """A slot for an order; the caller fills in the rest. Precondition: room."""
    slot = t.orders_free
    if slot != 0:
        t.orders_free = order_at(t, slot).next
    else:
        slot = t.orders_next
        t.orders_next = slot + 1
    t.orders_used += 1
    order_at(t, slot).order_id = order_id
    put_cell(t, slot)
    return slot


@outline
def drop_order(t, slot):
    """Forget an order that stands in no book, and close the gap that it leaves."""
    mask = t.cell_mask
    hole = home_of(order_at(t, slot).order_id, mask)
    while load_u32(t.cells_at + hole * 4) != slot:
        hole = (hole + 1) & mask
    at = hole
    while True:
        at = (at + 1) & mask
        other = load_u32(t.cells_at + at * 4)
        if other == 0:
            break
        home = home_of(order_at(t, other).order_id, mask)
        if ((at - home) & mask) >= ((at - hole) & mask):
            store_u32(t.cells_at + hole * 4, other)
            hole = at
    store_u32(t.cells_at + hole * 4, 0)
    order = order_at(t, slot)
    order.order_id = 0
    order.next = t.orders_free
    t.orders_free = slot
    t.orders_used -= 1
