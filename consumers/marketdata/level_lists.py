"""Levels of a side in a skip list, the best first: totals by price, and which of them a command touched.

A level stays where it is until its command ends, even with nothing left (`unlink` then), so that a command that
empties and refills it has changed nothing.
"""

# isort: off
from ringbuf.jit import inline, outline

import numpy as np

from consumers.marketdata.dirty import DIRTY_AUCTION, mark_dirty
from consumers.marketdata.tables import HEIGHT, level_at, link_address, order_at, symbol_at
from ringbuf.atomics import load_u32, store_u32
from ringbuf.codes import SymbolState
# isort: on

AUCTION = int(SymbolState.AUCTION)


@inline
def _take_slot(t):
    slot = t.levels_free
    if slot != 0:
        t.levels_free = load_u32(link_address(t, slot, 0))
    else:
        slot = t.levels_next
        t.levels_next = slot + 1
    t.levels_used += 1
    for height in range(HEIGHT):
        store_u32(link_address(t, slot, height), 0)
    return slot


@inline
def give_back(t, slot):
    """Free a level that is unlinked."""
    store_u32(link_address(t, slot, 0), t.levels_free)
    t.levels_free = slot
    t.levels_used -= 1


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
        behind = load_u32(link_address(t, at, height))
        while behind != 0 and level_at(t, behind).key < key:
            at = behind
            behind = load_u32(link_address(t, at, height))
        store_u32(t.path_at + height * 4, at)
    return load_u32(link_address(t, at, 0))


@inline
def _height_of(t, key):
    bits = (key * t.height_mix) >> 30
    height = 1
    while height < HEIGHT and bits & 3 == 0:
        height += 1
        bits >>= 2
    return height


@outline
def level_for(t, symbol, side, price_ticks):
    """Slot of a price's level, made empty where missing. Precondition: room."""
    first = np.int64(symbol_at(t, symbol).asks) if side != 0 else np.int64(symbol_at(t, symbol).bids)
    key = price_ticks if side != 0 else -price_ticks
    slot = _search(t, first, key)
    if slot != 0 and level_at(t, slot).key == key:
        return slot
    slot = _take_slot(t)
    level = level_at(t, slot)
    level.key = key
    level.total_lots = 0
    level.whole_lots = 0
    level.mark = 0
    level.symbol = symbol
    level.side = side
    for height in range(_height_of(t, key)):
        before = load_u32(t.path_at + height * 4)
        store_u32(link_address(t, slot, height), load_u32(link_address(t, before, height)))
        store_u32(link_address(t, before, height), slot)
    return slot


@outline
def unlink(t, slot):
    """Take a level out of its list; its record stays readable until `give_back`."""
    level = level_at(t, slot)
    symbol = symbol_at(t, level.symbol)
    first = np.int64(symbol.asks) if level.side != 0 else np.int64(symbol.bids)
    _search(t, first, level.key)
    for height in range(_height_of(t, level.key)):
        before = load_u32(t.path_at + height * 4)
        if load_u32(link_address(t, before, height)) == slot:
            store_u32(link_address(t, before, height), load_u32(link_address(t, slot, height)))


@inline
def change_level(t, slot, lots, whole_lots):
    """Add to a level's totals (may be negative), remembering what it showed when the command began."""
    level = level_at(t, slot)
    if level.mark != t.command:
        level.mark = t.command
        level.before = level.total_lots
        store_u32(t.touched_at + (t.touched_used) * 4, slot)
        t.touched_used += 1
    level.total_lots += lots
    level.whole_lots += whole_lots
    if symbol_at(t, level.symbol).state == AUCTION:
        mark_dirty(t, np.int64(level.symbol), DIRTY_AUCTION)


@inline
def _is_before(t, a, b):
    """Whether level a is told before level b: by symbol, side, price."""
    one, other = level_at(t, a), level_at(t, b)
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
            slot = load_u32(t.touched_at + i * 4)
            at = i
            while at >= gap and _is_before(t, slot, load_u32(t.touched_at + (at - gap) * 4)):
                store_u32(t.touched_at + at * 4, load_u32(t.touched_at + (at - gap) * 4))
                at -= gap
            store_u32(t.touched_at + at * 4, slot)
        gap //= 3


@outline
def show(t, slot, lots):
    """The order stands in the book with all it has left, of which it shows `lots` (0 = not at all)."""
    order = order_at(t, slot)
    whole = order.leaves_lots if lots != 0 else 0
    if lots == order.shown_lots and whole == order.whole_lots:
        return
    level = np.int64(order.level)
    if level == 0:
        level = level_for(t, np.int64(order.symbol), np.int64(order.side), order.price_ticks)
        order.level = level
    change_level(t, level, lots - order.shown_lots, whole - order.whole_lots)
    order.shown_lots = lots
    order.whole_lots = whole
    if lots == 0:
        order.level = 0


@inline
def slice_of(order):
    """What an order shows when it joins the back of its price."""
    if order.display_lots != 0 and order.display_lots < order.leaves_lots:
        return order.display_lots
    return order.leaves_lots
