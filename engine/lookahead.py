"""Cache lines asked for before their turn, of commands that wait: with much state, most of the time of each is waiting
for memory.

A command is looked at STEPS times, each time a little nearer to its turn. A step reads only lines that the steps
before it asked for, and asks for those that these point to:

    step  new order                               cancel, amend
    0     account, cell of its client id, symbol  account, cell of the order's id
    1     balances, root page, account's last     the order
    2     the root's entry for the price          its level, its neighbours, its other cell, symbol
    3, 4  the pages below                         balance; the level's page if the order is its last
    5     level
    6     the level's last order

Nothing is decided or changed here, and what is read may be outdated by the time that the command comes: every number
that was read is only ever the place of a hint. The command itself may still be in shared memory, where its producer
could change it: each field is read once, and checked where it leads to a read. Where the state fits the caches all
this is lost work: see `pays`.
"""

from numba import int64, void

from engine.accounts import account_home, balance_home
from engine.decide import command_at
from engine.idmap import client_hash, key_hash
from engine.levels import price_key
from engine.memory import load_i64, low_u32, shift_right
from engine.state import (
    BALANCE,
    INSTRUMENT_SIZE,
    LEVEL_SIZE,
    NODE,
    NODE_SIZE,
    ORDER_SIZE,
    STATE_TYPE,
    account_at,
    instrument_at,
    level_at,
    node_at,
    order_at,
    side_at,
)
from ringbuf.atomics import prefetch_write
from ringbuf.codes import Op
from ringbuf.jit import inline, outline_of

STEPS = 7
FIRST, SPACING = 16, 2  # commands ahead: step n looks FIRST - n * SPACING ahead
STANDING_MIN = 100_000  # orders and accounts from which on it pays
PLACE, CANCEL, AMEND = int(Op.PLACE), int(Op.CANCEL), int(Op.AMEND)
LINE = 64
ACCOUNT_SIZE, BALANCE_SIZE = 64, BALANCE.itemsize
CHILDREN_AT = NODE.fields["children"][1]  # type: ignore[index]
ALL_PAGES = 11  # more than a tree is high
HOT_LINES = 4  # of an instrument: its terms and its book's sides


@inline
def pays(state):
    """Is there so much in the tables that they are not in the caches?"""
    return state.order_count + state.account_count >= STANDING_MIN


@inline
def ask_order(state, slot):
    prefetch_write(state.orders + slot * ORDER_SIZE)


@inline
def ask_symbol(state, symbol):
    first = state.instruments + symbol * INSTRUMENT_SIZE
    for line in range(HOT_LINES):
        prefetch_write(first + line * LINE)


@inline
def ask_client(state, account, client_id):
    prefetch_write(state.clients + (client_hash(state, account, client_id) & state.client_mask) * 8)


@inline
def ask_page(state, page, key, height):
    """A page and its entry for a key."""
    address = state.nodes + page * NODE_SIZE
    prefetch_write(address)
    prefetch_write(address + CHILDREN_AT + ((key >> (6 * height)) & 63) * 4)


@inline
def page_below(state, page, key, steps):
    """The page so many steps below one, or the last on that way; 0 where the way ends before."""
    for _ in range(steps):
        node = node_at(state, page)
        height = node.height * 1
        if height == 0:
            break
        index = (key >> (6 * height)) & 63
        if (shift_right(node.bits, index) & 1) == 0:
            return 0
        page = node.children[index] * 1
    return page


@inline
def level_of(state, root, key):
    """The level of a price; 0 where there is none."""
    page = page_below(state, root, key, ALL_PAGES)
    if page == 0 or (shift_right(node_at(state, page).bits, key & 63) & 1) == 0:
        return 0
    return node_at(state, page).children[key & 63] * 1


@inline
def _look_at_place(state, command, step):
    symbol = command.symbol * 1
    side = command.side * 1
    if symbol >= state.instrument_count or side > 1:
        return
    account = account_home(state, command.account * 1)  # it stands there, or within a few cells
    if step == 0:
        prefetch_write(state.accounts + account * ACCOUNT_SIZE)
        ask_client(state, account, command.client_id)
        ask_symbol(state, symbol)
        return
    root = side_at(state, symbol, side).root
    if step == 1:
        instrument = instrument_at(state, symbol)
        prefetch_write(state.balances + balance_home(state, account, instrument.base * 1) * BALANCE_SIZE)
        prefetch_write(state.balances + balance_home(state, account, instrument.quote * 1) * BALANCE_SIZE)
        prefetch_write(state.nodes + root * NODE_SIZE)
        ask_order(state, account_at(state, account).orders_tail * 1)
        return
    if root == 0:
        return
    key = price_key(side, command.price_ticks)
    if step <= 4:
        page = page_below(state, root, key, step - 2)
        if page != 0:
            ask_page(state, page, key, node_at(state, root).height - (step - 2))
        return
    level = level_of(state, root, key)
    if level == 0:
        return
    if step == 5:
        prefetch_write(state.levels + level * LEVEL_SIZE)
    else:
        ask_order(state, level_at(state, level).tail * 1)


@inline
def _look_at_target(state, command, step):
    """A cancel's or an amend's order: whatever stands in the cell at which the search for it begins."""
    account = account_home(state, command.account * 1)
    order_id = command.order_id
    if order_id > 0:
        cell = state.ids + (key_hash(state, order_id) & state.id_mask) * 8
    else:
        cell = state.clients + (client_hash(state, account, command.orig_client_id) & state.client_mask) * 8
    _look_at_order(state, cell, account, step)


@inline
def _look_at_order(state, cell, account, step):
    """The order in a cell, and what it is linked with."""
    if step == 0:
        prefetch_write(state.accounts + account * ACCOUNT_SIZE)
        prefetch_write(cell)
        return
    slot = low_u32(load_i64(cell))
    if step == 1:
        ask_order(state, slot)
        return
    order = order_at(state, slot)
    if step == 2:
        prefetch_write(state.levels + order.level * LEVEL_SIZE)
        ask_order(state, order.prev * 1)
        ask_order(state, order.next * 1)
        ask_order(state, order.account_prev * 1)
        ask_order(state, order.account_next * 1)
        prefetch_write(state.ids + (key_hash(state, order.order_id) & state.id_mask) * 8)
        ask_client(state, order.account * 1, order.client_id)
        ask_symbol(state, order.symbol * 1)
    elif step == 3:
        instrument = instrument_at(state, order.symbol)
        asset = instrument.base * 1
        if order.side == 0:
            asset = instrument.quote * 1
        prefetch_write(state.balances + balance_home(state, account, asset) * BALANCE_SIZE)
        level = level_at(state, order.level)
        if level.count == 1:
            ask_page(state, level.leaf * 1, price_key(order.side * 1, level.price_ticks), 0)


@outline_of(void(STATE_TYPE, int64, int64))
def look(state, address, step):
    """One step (0 … STEPS - 1) of looking at the command at an address."""
    command = command_at(address)
    op = command.op * 1
    if op == PLACE:
        _look_at_place(state, command, step)
    elif (op == CANCEL or op == AMEND) and step <= 3:
        _look_at_target(state, command, step)
