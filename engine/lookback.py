"""Cache lines asked for before their turn, of recorded events that will be applied: see `engine.lookahead`.

Unlike commands, events are all there and say what they changed: fewer steps do, and these look further ahead.

    step  accepted                                     trade, cancelled, amended
    0     account, cell of its client id, the balance  account, cell of the order's id
          that is held
    1     the page of its price, account's last order  the order
    2     level                                        its level, its neighbours, its other cell, balance
    3     the level's last order                       the level's page if the order is its last
"""

from numba import int64, void

from engine.accounts import account_home, balance_home
from engine.idmap import key_hash
from engine.levels import price_key
from engine.lookahead import (
    ACCOUNT_SIZE,
    BALANCE_SIZE,
    LINE,
    ask_client,
    ask_order,
    ask_page,
    level_of,
    page_below,
)
from engine.memory import load_i64, low_u32
from engine.state import LEVEL_SIZE, STATE_TYPE, account_at, instrument_at, level_at, node_at, order_at, side_at
from ringbuf.atomics import prefetch_write
from ringbuf.codes import EventType, Side
from ringbuf.fields import record_at
from ringbuf.jit import inline, outline_of
from ringbuf.records import EVENT, RECORD_SIZE

STEPS, SPACING = 4, 12  # events between two steps
FIRST = STEPS * SPACING  # ahead of the one that is applied
READ_AHEAD = FIRST + SPACING  # the records themselves
ACCEPTED, TRADE = int(EventType.ACCEPTED), int(EventType.TRADE)
CANCELLED, AMENDED = int(EventType.CANCELLED), int(EventType.AMENDED)
BUY = int(Side.BUY)
event_at = record_at(EVENT)


@inline
def _ask_held(state, account, symbol, side):
    """The balance that an order of this side holds from."""
    instrument = instrument_at(state, symbol)
    asset = instrument.base * 1
    if side == BUY:
        asset = instrument.quote * 1
    prefetch_write(state.balances + balance_home(state, account, asset) * BALANCE_SIZE)


@inline
def _look_at_place(state, event, step):
    symbol = event.symbol * 1
    side = event.side * 1
    if symbol >= state.instrument_count or side > 1:
        return
    account = account_home(state, event.account * 1)
    root = side_at(state, symbol, side).root
    key = price_key(side, event.price_ticks)
    if step == 0:
        prefetch_write(state.accounts + account * ACCOUNT_SIZE)
        ask_client(state, account, event.client_id)
        _ask_held(state, account, symbol, side)
    elif step == 1:
        ask_order(state, account_at(state, account).orders_tail * 1)
        if root != 0 and node_at(state, root).height > 0:
            page = page_below(state, root, key, node_at(state, root).height - 1)
            if page != 0 and node_at(state, page).height == 1:
                below = page_below(state, page, key, 1)
                if below != 0:
                    ask_page(state, below, key, 0)
    elif root != 0:
        level = level_of(state, root, key)
        if level != 0:
            if step == 2:
                prefetch_write(state.levels + level * LEVEL_SIZE)
            else:
                ask_order(state, level_at(state, level).tail * 1)


@inline
def _look_at_order(state, cell, account, step):
    """The order in a cell, and what it is linked with."""
    if step == 0:
        prefetch_write(state.accounts + account * ACCOUNT_SIZE)
        prefetch_write(cell)
        return
    slot = low_u32(load_i64(cell))
    order = order_at(state, slot)
    if step == 1:
        ask_order(state, slot)
    elif step == 2:
        prefetch_write(state.levels + order.level * LEVEL_SIZE)
        ask_order(state, order.prev * 1)
        ask_order(state, order.next * 1)
        ask_order(state, order.account_prev * 1)
        ask_order(state, order.account_next * 1)
        ask_client(state, order.account * 1, order.client_id)
        if order.symbol < state.instrument_count:
            _ask_held(state, account, order.symbol * 1, order.side * 1)
    else:
        level = level_at(state, order.level)
        if level.count == 1:
            ask_page(state, level.leaf * 1, price_key(order.side * 1, level.price_ticks), 0)


@inline
def _look_at(state, address, step):
    event = event_at(address)
    kind = event.type * 1
    if kind == ACCEPTED:
        _look_at_place(state, event, step)
    elif kind == TRADE or kind == CANCELLED or kind == AMENDED:
        order_id, owner = event.order_id, event.account * 1
        if kind == TRADE:
            order_id, owner = event.maker_order_id, event.maker_account * 1
        cell = state.ids + (key_hash(state, order_id) & state.id_mask) * 8
        _look_at_order(state, cell, account_home(state, owner), step)


@outline_of(void(STATE_TYPE, int64, int64))
def look_back(state, address, left):
    """Look at those that come after the event at an address, of which `left` are there: each step at one of them."""
    if left > READ_AHEAD:
        prefetch_write(address + READ_AHEAD * RECORD_SIZE)
        prefetch_write(address + READ_AHEAD * RECORD_SIZE + LINE)
    for step in range(STEPS):
        later = FIRST - step * SPACING
        if later < left:
            _look_at(state, address + later * RECORD_SIZE, step)
