"""Orders: their pool, their queue at a price, their account's chain. Only `engine.apply` calls what changes them."""

from engine.idmap import client_hash, key_hash, map_insert, map_remove
from engine.levels import level_for, remove_level
from engine.state import account_at, instrument_at, level_at, order_at, terms_at
from ringbuf.codes import OrderType, Side
from ringbuf.jit import inline

BUY = int(Side.BUY)
MARKET = int(OrderType.MARKET)


@inline
def append_to_account(state, slot):
    """Put an order at the young end of its account's chain."""
    order = order_at(state, slot)
    account = account_at(state, order.account)
    tail = account.orders_tail * 1
    order.account_prev = tail
    order.account_next = 0
    if tail != 0:
        order_at(state, tail).account_next = slot
    else:
        account.orders_head = slot
    account.orders_tail = slot


@inline
def remove_from_account(state, slot):
    """Take an order out of its account's chain."""
    order = order_at(state, slot)
    account = account_at(state, order.account)
    before = order.account_prev * 1
    after = order.account_next * 1
    if before != 0:
        order_at(state, before).account_next = after
    else:
        account.orders_head = after
    if after != 0:
        order_at(state, after).account_prev = before
    else:
        account.orders_tail = before


@inline
def new_order(state, order_id, account, client_id):
    """A slot for an order, findable by both ids. Precondition: the pool has room (decide checked)."""
    slot = state.order_free
    if slot != 0:
        state.order_free = order_at(state, slot).next
    else:
        slot = state.order_next
        state.order_next = slot + 1
    state.order_count += 1
    order = order_at(state, slot)
    order.order_id = order_id
    order.account = account
    order.client_id = client_id
    order.level = 0
    map_insert(state.ids, state.id_mask, key_hash(order_id), slot)
    map_insert(state.clients, state.client_mask, client_hash(account, client_id), slot)
    append_to_account(state, slot)
    account_at(state, account).open_orders += 1
    return slot


@inline
def drop_order(state, slot):
    """Forget an order that is out of the book."""
    order = order_at(state, slot)
    map_remove(state.ids, state.id_mask, key_hash(order.order_id), slot)
    map_remove(state.clients, state.client_mask, client_hash(order.account * 1, order.client_id), slot)
    remove_from_account(state, slot)
    account_at(state, order.account).open_orders -= 1
    instrument_at(state, order.symbol).open_orders -= 1
    if state.active == slot:
        state.active = 0
    order.order_id = 0
    order.next = state.order_free
    state.order_free = slot
    state.order_count -= 1


@inline
def enter_book(state, slot):
    """Join the back of the queue at the order's price."""
    order = order_at(state, slot)
    level_slot = level_for(state, order.symbol * 1, order.side * 1, order.price_ticks)
    level = level_at(state, level_slot)
    tail = level.tail * 1
    order.prev = tail
    order.next = 0
    order.level = level_slot
    if tail != 0:
        order_at(state, tail).next = slot
    else:
        level.head = slot
    level.tail = slot
    level.count += 1
    level.total_lots += order.leaves_lots


@inline
def leave_book(state, slot):
    """Leave the queue; a level without orders goes."""
    order = order_at(state, slot)
    level_slot = order.level * 1
    level = level_at(state, level_slot)
    before = order.prev * 1
    after = order.next * 1
    if before != 0:
        order_at(state, before).next = after
    else:
        level.head = after
    if after != 0:
        order_at(state, after).prev = before
    else:
        level.tail = before
    level.count -= 1
    level.total_lots -= order.leaves_lots
    order.level = 0
    if level.head == 0:
        remove_level(state, order.symbol * 1, order.side * 1, level_slot)


@inline
def order_frozen(state, slot):
    """Frozen for an order now: quote minor units for a buy, base for a sell."""
    order = order_at(state, slot)
    instrument = instrument_at(state, order.symbol)
    if order.side != BUY:
        return order.leaves_lots * instrument.lot_base_units
    if order.order_type == MARKET:
        return terms_at(state, slot).frozen
    return order.leaves_lots * order.price_ticks * instrument.tick_lot_quote_units
