"""Price levels of one side: a radix tree of 64-way bitmap pages over price keys.

Keys grow away from the touch, so that the best level always has the lowest key: asks by price, bids by
KEY_TOP - price. The root covers just the prices in use and grows when one falls outside it; a page
whose last child goes is freed. The last leaf touched is remembered: most work is near the touch.

    root (height 2) ── bits ──▶ page (height 1) ── bits ──▶ leaf (height 0) ── bits ──▶ level slots
"""

from engine.memory import lowest_bit, shift_right
from engine.state import OVERRUN_LEVELS, OVERRUN_NODES, level_at, node_at, side_at
from ringbuf.jit import inline, outline

KEY_TOP = (1 << 63) - 1  # eleven pages of 6 bits, of which the root uses 3
PRICE_PAGES = 22  # that a price may need: a new path and a taller root


@inline
def price_key(side, price_ticks):
    """Key of a price in a queue (see `engine.state.QUEUES`): even ones begin with the highest price."""
    if side & 1 == 0:
        return KEY_TOP - price_ticks
    return price_ticks


@inline
def _prefix(key, height):
    """What a page of this height shares of its keys: the bits above its 6 x (height + 1); none at the full height."""
    shift = 6 * (height + 1)
    return key >> shift if shift < 63 else 0


@outline
def _new_node(state, prefix, height, parent):
    """Take a page from the pool; room was checked by `has_level_room`."""
    slot = state.node_free
    if slot != 0:
        state.node_free = node_at(state, slot).parent
    else:
        slot = state.node_next
        if slot >= state.max_nodes:
            state.overrun = OVERRUN_NODES
            slot = 0
        else:
            state.node_next = slot + 1
    state.node_count += 1
    node = node_at(state, slot)
    node.bits = 0
    node.prefix = prefix
    node.height = height
    node.parent = parent
    return slot


@outline
def _free_node(state, slot):
    node_at(state, slot).parent = state.node_free
    state.node_free = slot
    state.node_count -= 1


@outline
def has_level_room(state, before):
    """Can one more isolated price be stored, whatever it is, after so many others that are promised?"""
    if state.max_nodes - 1 - state.node_count < PRICE_PAGES * (before + 1):
        return False
    return state.level_count + state.reserved_levels + before < state.max_levels - 1


@inline
def has_page_room(state):
    """Are there pages for one more isolated price?"""
    return state.max_nodes - 1 - state.node_count >= PRICE_PAGES


@inline
def _child(node, index):
    return node.children[index]


@outline
def _leaf_for(state, symbol, side, key):
    """Leaf page that holds a key, made (and the root grown) where missing."""
    book = side_at(state, symbol, side)
    if book.root == 0:
        book.root = _new_node(state, key >> 6, 0, 0)
        return book.root
    root = book.root
    while _prefix(key, node_at(state, root).height * 1) != node_at(state, root).prefix:
        old = node_at(state, root)
        height = old.height + 1
        taller = _new_node(state, old.prefix >> 6, height, 0)
        index = old.prefix & 63
        above = node_at(state, taller)
        above.bits = 1 << index
        above.children[index] = root
        old.parent = taller
        root = taller
    book.root = root
    slot = root
    while node_at(state, slot).height != 0:
        height = node_at(state, slot).height * 1
        index = (key >> (6 * height)) & 63
        node = node_at(state, slot)
        if (shift_right(node.bits, index) & 1) == 0:
            below = _new_node(state, key >> (6 * height), height - 1, slot)
            node.bits |= 1 << index
            node.children[index] = below
        slot = node.children[index] * 1
    return slot


@inline
def level_for(state, symbol, side, price_ticks):
    """Level slot at a price, made empty where missing. Precondition: `has_level_room`."""
    book = side_at(state, symbol, side)
    key = price_key(side, price_ticks)
    leaf = book.last_leaf
    if leaf == 0 or node_at(state, leaf).prefix != (key >> 6):
        leaf = _leaf_for(state, symbol, side, key)
        book.last_leaf = leaf
    node = node_at(state, leaf)
    index = key & 63
    if (shift_right(node.bits, index) & 1) != 0:
        return node.children[index] * 1
    slot = state.level_free
    if slot != 0:
        state.level_free = level_at(state, slot).leaf
    else:
        slot = state.level_next
        if slot >= state.max_levels:
            state.overrun = OVERRUN_LEVELS
            slot = 0
        else:
            state.level_next = slot + 1
    level = level_at(state, slot)
    level.price_ticks = price_ticks
    level.total_lots = 0
    level.head = 0
    level.tail = 0
    level.count = 0
    level.leaf = leaf
    node.bits |= 1 << index
    node.children[index] = slot
    book.levels += 1
    state.level_count += 1
    if book.best == 0 or key < price_key(side, level_at(state, book.best).price_ticks):
        book.best = slot
    return slot


@outline
def next_level(state, side, slot):
    """The level behind one (worse price), 0 at the end."""
    level = level_at(state, slot)
    key = price_key(side, level.price_ticks)
    page = level.leaf * 1
    height = 0
    while page != 0:
        node = node_at(state, page)
        index = (key >> (6 * height)) & 63
        rest = node.bits & ~((2 << index) - 1) if index < 63 else 0
        if rest != 0:
            child = node.children[lowest_bit(rest)] * 1
            while height > 0:
                height -= 1
                below = node_at(state, child)
                child = below.children[lowest_bit(below.bits)] * 1
            return child
        page = node.parent * 1
        height += 1
    return 0


@inline
def best_level(state, symbol, side, without):
    """The best level of a queue (0 = none) as it would be without the order in a slot (0 = as it is)."""
    best = side_at(state, symbol, side).best
    if without != 0 and best != 0 and level_at(state, best).head == without and level_at(state, best).tail == without:
        return next_level(state, side, best)
    return best


@inline
def remove_level(state, symbol, side, slot):
    """Take an empty level out, with pages that this leaves empty."""
    book = side_at(state, symbol, side)
    level = level_at(state, slot)
    leaf = level.leaf * 1
    key = price_key(side, level.price_ticks)
    if book.best == slot:
        book.best = next_level(state, side, slot)
    level.leaf = state.level_free
    state.level_free = slot
    book.levels -= 1
    state.level_count -= 1
    node = node_at(state, leaf)
    node.bits &= ~(1 << (key & 63))
    if node.bits == 0:
        _prune(state, symbol, side, leaf, key)


@outline
def _prune(state, symbol, side, leaf, key):
    """Free a page without children, and its parents as far as they become empty."""
    book = side_at(state, symbol, side)
    page = leaf
    height = 0
    while page != 0 and node_at(state, page).bits == 0:
        parent = node_at(state, page).parent * 1
        if book.last_leaf == page:
            book.last_leaf = 0
        _free_node(state, page)
        height += 1
        if parent == 0:
            book.root = 0
            return
        above = node_at(state, parent)
        above.bits &= ~(1 << ((key >> (6 * height)) & 63))
        page = parent
