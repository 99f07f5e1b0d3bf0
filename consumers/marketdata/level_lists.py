"""Levels of a side in a skip list, the best first: totals by price, and which of them a command touched.

A level stays where it is until its command ends, even with nothing left (`unlink` then), so that a command that
empties and refills it has changed nothing.
"""

# isort: off
from ringbuf.jit import inline, outline

import numpy as np

from consumers.marketdata.order_table import GOLDEN
from consumers.marketdata.tables import HEIGHT
# isort: on


@inline
def _take_slot(t):
    head = t.head[0]
    slot = head.levels_free
    if slot != 0:
        head.levels_free = np.int64(t.links[slot, 0])
    else:
        slot = head.levels_next
        head.levels_next = slot + 1
    head.levels_used += 1
    for height in range(HEIGHT):
        t.links[slot, height] = 0
    return slot


@inline
def give_back(t, slot):
    """Free a level that is unlinked."""
    head = t.head[0]
    t.links[slot, 0] = head.levels_free
    head.levels_free = slot
    head.levels_used -= 1


@inline
def new_side(t):
    """The head of an empty list. Precondition: room."""
    return _take_slot(t)


@inline
def _search(t, first, key):
    """Fill `path` with the last slot before `key` at each height; the slot at or behind the key, 0 at the end."""
    at = np.int64(first)
    for down in range(HEIGHT):
        height = HEIGHT - 1 - down
        behind = np.int64(t.links[at, height])
        while behind != 0 and t.levels[behind].key < key:
            at = behind
            behind = np.int64(t.links[at, height])
        t.path[height] = at
    return np.int64(t.links[at, 0])


@inline
def _height_of(key):
    bits = (key * GOLDEN) >> 30
    height = 1
    while height < HEIGHT and bits & 3 == 0:
        height += 1
        bits >>= 2
    return height


@outline
def level_at(t, symbol, side, price_ticks):
    """Slot of a price's level, made empty where missing. Precondition: room."""
    first = np.int64(t.symbols[symbol].asks) if side != 0 else np.int64(t.symbols[symbol].bids)
    key = price_ticks if side != 0 else -price_ticks
    slot = _search(t, first, key)
    if slot != 0 and t.levels[slot].key == key:
        return slot
    slot = _take_slot(t)
    level = t.levels[slot]
    level.key = key
    level.total_lots = 0
    level.mark = 0
    level.symbol = symbol
    level.side = side
    for height in range(_height_of(key)):
        before = np.int64(t.path[height])
        t.links[slot, height] = t.links[before, height]
        t.links[before, height] = slot
    return slot


@outline
def unlink(t, slot):
    """Take a level out of its list; its record stays readable until `give_back`."""
    level = t.levels[slot]
    symbol = t.symbols[level.symbol]
    first = np.int64(symbol.asks) if level.side != 0 else np.int64(symbol.bids)
    _search(t, first, level.key)
    for height in range(_height_of(level.key)):
        before = np.int64(t.path[height])
        if np.int64(t.links[before, height]) == slot:
            t.links[before, height] = t.links[slot, height]


@inline
def change_level(t, slot, lots):
    """Add `lots` (may be negative) to a level, remembering what it had when the command began."""
    head, level = t.head[0], t.levels[slot]
    if level.mark != head.command:
        level.mark = head.command
        level.before = level.total_lots
        t.touched[head.touched_used] = slot
        head.touched_used += 1
    level.total_lots += lots


@inline
def _is_before(t, a, b):
    """Whether level a is told before level b: by symbol, side, price."""
    one, other = t.levels[a], t.levels[b]
    if one.symbol != other.symbol:
        return one.symbol < other.symbol
    if one.side != other.side:
        return one.side < other.side
    if one.side != 0:
        return one.key < other.key
    return one.key > other.key


@outline
def sort_touched(t, count):
    """The first `count` touched levels into the order in which they are told (Shell's sort: 10**5 of a mass cancel)."""
    gap = 1
    while gap < count // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, count):
            slot = t.touched[i]
            at = i
            while at >= gap and _is_before(t, slot, t.touched[at - gap]):
                t.touched[at] = t.touched[at - gap]
                at -= gap
            t.touched[at] = slot
        gap //= 3


@inline
def show(t, slot, lots):
    """The order stands in the book with `lots` (0 = not at all)."""
    order = t.orders[slot]
    if lots == order.shown_lots:
        return
    level = np.int64(order.level)
    if level == 0:
        level = level_at(t, np.int64(order.symbol), np.int64(order.side), order.price_ticks)
        order.level = level
    change_level(t, level, lots - order.shown_lots)
    order.shown_lots = lots
    if lots == 0:
        order.level = 0


@inline
def slice_of(order):
    """What an order shows when it joins the back of its price."""
    if order.display_lots != 0 and order.display_lots < order.leaves_lots:
        return order.display_lots
    return order.leaves_lots
