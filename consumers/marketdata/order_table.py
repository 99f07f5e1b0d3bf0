"""Open orders by id: an open-addressing table of slots beside the pool of orders (see tables).

Sixty-four consecutive ids lie side by side, as they are used one after another; the groups are scattered. Deletion
shifts back. The table is never more than half full.
"""

# isort: off
from ringbuf.jit import inline

import numpy as np
# isort: on

GOLDEN = -7046029254386353131  # 2**64 / golden ratio, as i64


@inline
def _home(order_id, mask):
    return ((((order_id >> 6) * GOLDEN) >> 26 & ~63) | (order_id & 63)) & mask


@inline
def put_cell(orders, cells, slot):
    """Make an order's slot findable by its id."""
    mask = len(cells) - 1
    at = _home(orders[slot].order_id, mask)
    while cells[at] != 0:
        at = (at + 1) & mask
    cells[at] = slot


@inline
def find_order(orders, cells, order_id):
    """Slot of an open order, 0 if there is none of that id."""
    mask = len(cells) - 1
    at = _home(order_id, mask)
    while True:
        slot = np.int64(cells[at])
        if slot == 0 or orders[slot].order_id == order_id:
            return slot
        at = (at + 1) & mask


@inline
def new_order(t, order_id):
    """A slot for an order; the caller fills in the rest. Precondition: room."""
    head = t.head[0]
    slot = head.orders_free
    if slot != 0:
        head.orders_free = np.int64(t.orders[slot].next)
    else:
        slot = head.orders_next
        head.orders_next = slot + 1
    head.orders_used += 1
    t.orders[slot].order_id = order_id
    put_cell(t.orders, t.cells, slot)
    return slot


@inline
def drop_order(t, slot):
    """Forget an order that stands in no book, and close the gap that it leaves."""
    orders, cells = t.orders, t.cells
    mask = len(cells) - 1
    hole = _home(orders[slot].order_id, mask)
    while cells[hole] != slot:
        hole = (hole + 1) & mask
    at = hole
    while True:
        at = (at + 1) & mask
        other = np.int64(cells[at])
        if other == 0:
            break
        home = _home(orders[other].order_id, mask)
        if ((at - home) & mask) >= ((at - hole) & mask):
            cells[hole] = other
            hole = at
    cells[hole] = 0
    head = t.head[0]
    orders[slot].order_id = 0
    orders[slot].next = head.orders_free
    head.orders_free = slot
    head.orders_used -= 1
