"""Orders: their pool, their queue at a price, their account's chain. Only `engine.apply` calls what changes them."""

from engine.expiry import leave_expiry
from engine.idmap import client_hash, key_hash, map_expect, map_insert, map_remove
from engine.levels import level_for, remove_level
from engine.state import (
    EXPIRES,
    ICEBERG,
    OVERRUN_ORDERS,
    PAIRED,
    account_at,
    instrument_at,
    level_at,
    order_at,
    terms_at,
)
from ringbuf.codes import FIRST_WAITING, PRICED, OrderType, Side
from ringbuf.jit import inline, outline

BUY = int(Side.BUY)
MARKET, WAITING = int(OrderType.MARKET), int(FIRST_WAITING)
LIMIT, STOP_LIMIT, TAKE_PROFIT_LIMIT = (int(kind) for kind in PRICED)
IDS_AHEAD = 16  # ids grow: where one of the next will be put is asked for while this one is


@inline
def is_waiting_type(order_type):
    """Types that stand in no book until they are triggered."""
    return order_type >= WAITING


@inline
def is_priced(order_type):
    """Types with a limit price."""
    return order_type == LIMIT or order_type == STOP_LIMIT or order_type == TAKE_PROFIT_LIMIT


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
        if slot >= state.max_orders:
            state.overrun = OVERRUN_ORDERS
            slot = 0
        else:
            state.order_next = slot + 1
    state.order_count += 1
    order = order_at(state, slot)
    order.order_id = order_id
    order.account = account
    order.client_id = client_id
    order.level = 0
    map_insert(state.ids, state.id_mask, key_hash(state, order_id), slot)
    map_insert(state.clients, state.client_mask, client_hash(state, account, client_id), slot)
    map_expect(state.ids, state.id_mask, key_hash(state, order_id + IDS_AHEAD))
    map_expect(state.clients, state.client_mask, client_hash(state, account, client_id + IDS_AHEAD))
    append_to_account(state, slot)
    account_at(state, account).open_orders += 1
    return slot


@inline
def drop_order(state, slot):
    """Forget an order that is out of the book."""
    order = order_at(state, slot)
    map_remove(state.ids, state.id_mask, key_hash(state, order.order_id), slot)
    map_remove(state.clients, state.client_mask, client_hash(state, order.account * 1, order.client_id), slot)
    remove_from_account(state, slot)
    account_at(state, order.account).open_orders -= 1
    instrument_at(state, order.symbol).open_orders -= 1
    if state.active == slot:
        state.active = 0
    if order.stp_flags & (EXPIRES | PAIRED) != 0:
        _drop_ties(state, slot)
    order.order_id = 0
    order.next = state.order_free
    state.order_free = slot
    state.order_count -= 1


@outline
def _drop_ties(state, slot):
    flags = order_at(state, slot).stp_flags * 1
    if flags & EXPIRES != 0:
        leave_expiry(state, slot)
    if flags & PAIRED != 0:
        other = order_at(state, terms_at(state, slot).pair)
        other.stp_flags = other.stp_flags & ~PAIRED


@inline
def link_last(state, ends, slot):
    """Put an order at the back of a queue; `ends` is a record with its head and tail."""
    order = order_at(state, slot)
    tail = ends.tail * 1
    order.prev = tail
    order.next = 0
    if tail != 0:
        order_at(state, tail).next = slot
    else:
        ends.head = slot
    ends.tail = slot


@inline
def unlink(state, ends, slot):
    """Take an order out of a queue, wherever it stands in it."""
    order = order_at(state, slot)
    before = order.prev * 1
    after = order.next * 1
    if before != 0:
        order_at(state, before).next = after
    else:
        ends.head = after
    if after != 0:
        order_at(state, after).prev = before
    else:
        ends.tail = before


@inline
def append_to_queue(state, slot, queue, price_ticks, lots):
    """Join the back at a price of one of the symbol's queues, showing so many lots."""
    order = order_at(state, slot)
    level_slot = level_for(state, order.symbol * 1, queue, price_ticks)
    level = level_at(state, level_slot)
    order.level = level_slot
    link_last(state, level, slot)
    level.count += 1
    level.total_lots += lots


@inline
def leave_queue(state, slot, queue, lots):
    """Leave a queue, with the lots that were shown; a level without orders goes."""
    order = order_at(state, slot)
    level_slot = order.level * 1
    level = level_at(state, level_slot)
    unlink(state, level, slot)
    level.count -= 1
    level.total_lots -= lots
    order.level = 0
    if level.head == 0:
        remove_level(state, order.symbol * 1, queue, level_slot)


@outline
def next_slice(state, slot):
    """Take an iceberg's next slice; how many lots it shows."""
    leaves = order_at(state, slot).leaves_lots
    terms = terms_at(state, slot)
    lots = terms.display_lots
    if leaves < lots:
        lots = leaves
    terms.slice_lots = lots
    return lots


@inline
def shown_lots(state, slot):
    """What an order shows in the book."""
    order = order_at(state, slot)
    if order.stp_flags & ICEBERG != 0:
        return terms_at(state, slot).slice_lots
    return order.leaves_lots


@inline
def enter_book(state, slot):
    """Join the back of the queue at the order's price; an iceberg with a full slice."""
    order = order_at(state, slot)
    lots = order.leaves_lots
    if order.stp_flags & ICEBERG != 0:
        lots = next_slice(state, slot)
    append_to_queue(state, slot, order.side * 1, order.price_ticks, lots)


@inline
def leave_book(state, slot):
    """Leave the queue at the order's price."""
    leave_queue(state, slot, order_at(state, slot).side * 1, shown_lots(state, slot))


@outline
def slice_traded(state, slot, lots):
    """Lots of an iceberg's slice are gone; after the whole slice the next joins the back of its price."""
    terms = terms_at(state, slot)
    terms.slice_lots -= lots
    if terms.slice_lots > 0 or order_at(state, slot).leaves_lots == 0:
        return
    level = level_at(state, order_at(state, slot).level)
    unlink(state, level, slot)
    link_last(state, level, slot)
    level.total_lots += next_slice(state, slot)


@inline
def frozen_at(state, slot, price_ticks, stop_price_ticks, leaves_lots):
    """Frozen for the order in a slot if it had these terms: quote minor units for a buy, base for a sell."""
    order = order_at(state, slot)
    instrument = instrument_at(state, order.symbol)
    if order.side != BUY:
        return leaves_lots * instrument.lot_base_units
    if order.order_type == LIMIT:
        return leaves_lots * price_ticks * instrument.tick_lot_quote_units
    return _rarely_frozen(state, slot, price_ticks, stop_price_ticks, leaves_lots)


@outline
def _rarely_frozen(state, slot, price_ticks, stop_price_ticks, leaves_lots):
    order = order_at(state, slot)
    unit = instrument_at(state, order.symbol).tick_lot_quote_units
    if order.order_type == MARKET:
        return terms_at(state, slot).frozen
    if is_priced(order.order_type * 1):
        return leaves_lots * price_ticks * unit
    return leaves_lots * stop_price_ticks * unit


@inline
def frozen_alone(state, slot):
    """Frozen for an order now, its pair left out of account."""
    order = order_at(state, slot)
    stop_price_ticks = 0
    if is_waiting_type(order.order_type * 1):
        stop_price_ticks = terms_at(state, slot).stop_price_ticks
    return frozen_at(state, slot, order.price_ticks, stop_price_ticks, order.leaves_lots)


@outline
def frozen_beside_pair(state, slot, alone):
    """What an order adds to the frozen funds that its pair needs anyway, if it needed `alone`."""
    other = frozen_alone(state, terms_at(state, slot).pair * 1)
    return alone - other if alone > other else 0


@outline
def frozen_beside(state, slot, price_ticks, stop_price_ticks, leaves_lots):
    """`order_frozen` of the order in a slot if it had these terms."""
    alone = frozen_at(state, slot, price_ticks, stop_price_ticks, leaves_lots)
    if order_at(state, slot).stp_flags & PAIRED != 0:
        return frozen_beside_pair(state, slot, alone)
    return alone


@inline
def order_frozen(state, slot):
    """Freed if the order ended now (and its pair went on): quote minor units for a buy, base for a sell."""
    alone = frozen_alone(state, slot)
    if order_at(state, slot).stp_flags & PAIRED != 0:
        return frozen_beside_pair(state, slot, alone)
    return alone
