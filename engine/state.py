"""The engine's state: tables of records in private memory, behind one header.

    STATE ──▶ orders[max_orders]        64 bytes, one cache line; slot 0 is never used (0 = none)
          ──▶ terms[max_orders]         the rarer terms of the same slots
          ──▶ levels[max_levels]        a price with its queue
          ──▶ nodes[max_nodes]          64-way radix pages over prices
          ──▶ accounts[...], balances[...] open-addressing tables
          ──▶ ids[...], clients[...]    order id → slot, (account, client id) → slot
          ──▶ instruments[...], assets[...], lanes[256], busted[...]
          ──▶ expiring[...]              heap of the orders that end at a time

Only `engine.apply` changes it. Memory is zeroed and touched on demand, so big limits cost nothing until used.
All links are slot numbers, not addresses: the tables can be copied or saved as they are.
"""

import mmap
from dataclasses import dataclass

import numpy as np

from engine.mixing import mixes
from ringbuf.codes import STATUS_DELISTED
from ringbuf.fields import record_at, record_type
from ringbuf.jit import inline

STATE = np.dtype(
    [
        # addresses of the tables
        ("orders", "<i8"),
        ("terms", "<i8"),
        ("levels", "<i8"),
        ("nodes", "<i8"),
        ("accounts", "<i8"),
        ("balances", "<i8"),
        ("ids", "<i8"),
        ("clients", "<i8"),
        ("instruments", "<i8"),
        ("assets", "<i8"),
        ("lanes", "<i8"),
        ("busted", "<i8"),
        ("expiring", "<i8"),
        # limits
        ("max_orders", "<i8"),
        ("max_levels", "<i8"),
        ("max_nodes", "<i8"),
        ("account_mask", "<i8"),
        ("balance_mask", "<i8"),
        ("id_mask", "<i8"),
        ("client_mask", "<i8"),
        ("max_instruments", "<i8"),
        ("max_assets", "<i8"),
        ("busted_mask", "<i8"),
        ("max_events", "<i8"),  # one command may emit
        ("max_account_orders", "<i8"),
        ("max_symbol_trailing", "<i8"),
        ("max_account_trailing", "<i8"),  # of one symbol
        ("max_balances", "<i8"),
        # multipliers of the hashes, see engine.mixing: they say where things lie, never what happens
        ("id_bits", "<i8"),  # in id_mask and client_mask
        ("key_mix", "<i8"),
        ("owner_mix", "<i8"),
        # pools: next never-used slot, head of the free list, used count
        ("order_next", "<i8"),
        ("order_free", "<i8"),
        ("order_count", "<i8"),
        ("level_next", "<i8"),
        ("level_free", "<i8"),
        ("level_count", "<i8"),
        ("reserved_levels", "<i8"),  # waiting orders less their levels: each can come to need one of its own
        ("node_next", "<i8"),
        ("node_free", "<i8"),
        ("node_count", "<i8"),
        ("account_count", "<i8"),
        ("balance_count", "<i8"),
        ("instrument_count", "<i8"),
        ("asset_count", "<i8"),
        ("busted_count", "<i8"),
        ("expiring_count", "<i8"),
        # where the history stands
        ("seq", "<i8"),  # last applied event
        ("ts_ns", "<i8"),  # highest venue time seen
        ("active", "<i8"),  # slot of the order that is trading now, 0 = none
        ("due_head", "<i8"),  # symbols + 1 with steps to be taken before the next command, as listed; 0 = none
        ("due_tail", "<i8"),
        ("overrun", "<i8"),  # OVERRUN_…: a pool had no slot left, nobody's was used: the state is good for nothing
    ]
)
OVERRUN_ORDERS, OVERRUN_LEVELS, OVERRUN_NODES = 1, 2, 3

ORDER = np.dtype(
    [
        ("order_id", "<i8"),  # 0 = free slot
        ("price_ticks", "<i8"),
        ("leaves_lots", "<i8"),
        ("client_id", "<i8"),
        ("account", "<u4"),  # slot in accounts
        ("symbol", "<u4"),
        ("prev", "<u4"),  # queue of its level
        ("next", "<u4"),
        ("level", "<u4"),  # where it queues, in the book or waiting; 0 = in no queue
        ("account_prev", "<u4"),  # the account's orders, oldest acceptance first
        ("account_next", "<u4"),
        ("side", "u1"),
        ("order_type", "u1"),
        ("tif", "u1"),
        ("stp_flags", "u1"),  # stp | HIT | POST_ONLY | ICEBERG | EXPIRES | PAIRED
    ]
)

STP_MASK = 7
HIT = 8  # a print reached its stop price: it stands in the symbol's queue of hit orders
POST_ONLY = 16
ICEBERG = 32
EXPIRES = 64
PAIRED = 128  # one cancels the other

# Terms of the rarer orders, same slot as ORDER. A plain limit order has none: nothing here is read for it.
TERMS = np.dtype(
    [
        ("frozen", "<i8"),  # market buy: what its walk still holds
        ("stop_price_ticks", "<i8"),
        ("display_lots", "<i8"),
        ("slice_lots", "<i8"),  # what is left of the slice that is shown
        ("expire_ts_ns", "<i8"),
        ("age", "<i8"),  # sequence of its acceptance, or of the amend that sent it to the back: see `age_of`
        ("trail_ticks", "<i8"),
        ("pair", "<u4"),  # slot of the other one
        ("heap_at", "<u4"),  # place in the heap of expiries
        ("trail_prev", "<u4"),  # trailing stops of the symbol, oldest first
        ("trail_next", "<u4"),
    ]
)

LEVEL = np.dtype(
    [
        ("price_ticks", "<i8"),
        ("total_lots", "<i8"),
        ("head", "<u4"),
        ("tail", "<u4"),
        ("count", "<u4"),
        ("leaf", "<u4"),  # node that holds it; on the free list: the next free level
    ]
)

NODE = np.dtype(
    [
        ("bits", "<i8"),  # which children exist
        ("prefix", "<i8"),  # key >> (6 * (height + 1))
        ("parent", "<u4"),  # 0 = root; on the free list: the next free node
        ("height", "<u4"),  # 0 = leaf, children are levels
        ("pad", "<i8", (5,)),
        ("children", "<u4", (64,)),
    ]
)

BOOK_SIDE = np.dtype(
    [("root", "<i8"), ("best", "<i8"), ("last_leaf", "<i8"), ("levels", "<i8")]
)  # best: level slot, 0 = empty

# Queues of a symbol: bids, asks, then those of waiting orders. Even ones begin with the highest price, odd ones with
# the lowest, so that the next to be served is always the best one.
QUEUES = ("buy", "sell", "sell_stop", "buy_stop", "buy_profit", "sell_profit")

INSTRUMENT = np.dtype(
    [
        ("name", "S16"),
        ("base", "<u4"),
        ("quote", "<u4"),
        ("lot_base_units", "<i8"),
        ("tick_lot_quote_units", "<i8"),
        ("price_min_ticks", "<i8"),
        ("price_max_ticks", "<i8"),
        ("maker_fee_ppm", "<u4"),
        ("taker_fee_ppm", "<u4"),
        ("qty_min_lots", "<i8"),
        ("qty_max_lots", "<i8"),
        ("min_notional", "<i8"),
        ("market_collar_ppm", "<u4"),
        ("max_open_orders", "<u4"),
        ("price_step", "<i8"),  # tick = price_step x 10**-price_decimals, lot likewise: for amends in decimals
        ("price_decimals", "<i8"),
        ("qty_step", "<i8"),
        ("qty_decimals", "<i8"),
        ("symbol_state", "<i8"),  # SymbolState, or STATUS_DELISTED
        ("open_orders", "<i8"),
        ("last_price_ticks", "<i8"),  # 0 = none yet
        ("print_above", "<i8"),  # a print at or above it, or at or below the other, has to be looked at:
        ("print_below", "<i8"),  # it reaches a stop price, moves a trailing stop, or sets the reference price
        ("band_low", "<i8"),  # outside of these a trade halts the symbol
        ("band_high", "<i8"),
        *((f"{queue}_{field}", "<i8") for queue in QUEUES for field in ("root", "best", "last_leaf", "levels")),
        ("reference_ticks", "<i8"),  # 0 = none yet
        ("band_ppm", "<i8"),  # 0 = none
        ("uncross_ticks", "<i8"),  # the price of the uncross that runs
        ("uncross_lots", "<i8"),  # that it has still to trade; 0 = none runs
        ("hits_head", "<i8"),  # ENDS of the orders that prints reached, in the order in which they enter
        ("hits_tail", "<i8"),
        ("trail_head", "<i8"),
        ("trail_tail", "<i8"),
        ("trail_count", "<i8"),
        ("trail_at", "<i8"),  # those before it have followed the prints below, or need not; 0 = all of them
        ("print_high", "<i8"),  # of the prints that trailing stops have not followed yet; 0 = none
        ("print_low", "<i8"),
        ("due_next", "<i8"),
        ("is_due", "<i8"),
    ]
)
ENDS = np.dtype([("head", "<i8"), ("tail", "<i8")])  # of a queue of orders, linked by their prev and next
HITS_OFFSET = INSTRUMENT.fields["hits_head"][1]  # type: ignore[index]
SIDE_OFFSET = INSTRUMENT.fields["buy_root"][1]  # type: ignore[index]

ASSET = np.dtype(
    [
        ("name", "S16"),
        ("decimals", "<i8"),
        ("supply", "<i8"),  # deposits - withdrawals
        ("fees", "<i8"),
        ("is_delisted", "<i8"),
        ("pad", "<i8", (2,)),
    ]
)

ACCOUNT = np.dtype(
    [
        ("key", "<i8"),  # account number + 1; 0 = free cell
        ("client_high", "<i8"),  # highest client id seen; -1 = none
        ("client_window", "<i8"),  # bit i: client_high - 1 - i was seen
        ("orders_head", "<u4"),
        ("orders_tail", "<u4"),
        ("open_orders", "<i8"),
        ("suspended", "<i8"),
        ("debts", "<i8"),  # balances below zero
        ("rank", "<i8"),  # order of appearance; for later reports
    ]
)

BALANCE = np.dtype(
    [("key", "<i8"), ("available", "<i8"), ("frozen", "<i8"), ("pad", "<i8")]
)  # key: (account slot << 32 | asset) + 1

for _dtype, _size in ((ORDER, 64), (TERMS, 72), (LEVEL, 32), (NODE, 320), (ACCOUNT, 64), (BALANCE, 32), (ASSET, 64)):
    assert _dtype.itemsize == _size, f"{_dtype} is {_dtype.itemsize} bytes, expected {_size}"
assert BOOK_SIDE.itemsize == 32 and INSTRUMENT.itemsize % 8 == 0

STATE_TYPE = record_type(STATE)
_state_at = record_at(STATE)
_order_at = record_at(ORDER)
_terms_at = record_at(TERMS)
_level_at = record_at(LEVEL)
_node_at = record_at(NODE)
_side_at = record_at(BOOK_SIDE)
_ends_at = record_at(ENDS)
_instrument_at = record_at(INSTRUMENT)
_asset_at = record_at(ASSET)
_account_at = record_at(ACCOUNT)
_balance_at = record_at(BALANCE)

ORDER_SIZE, LEVEL_SIZE, NODE_SIZE = 64, 32, 320
INSTRUMENT_SIZE = INSTRUMENT.itemsize
SIDE_SIZE = BOOK_SIDE.itemsize
TERMS_SIZE = TERMS.itemsize
MAX_LANES = 256
# Private: a shared mapping gets no huge pages where the host keeps them from shared memory, as most do.
_PRIVATE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
GONE = int(STATUS_DELISTED)


@inline
def state_at(address):
    """The header record at an address."""
    return _state_at(address)


@inline
def order_at(state, slot):
    """Order record of a slot; 1 <= slot < max_orders."""
    return _order_at(state.orders + slot * ORDER_SIZE)


@inline
def terms_at(state, slot):
    """Rarer terms of the order in a slot; see TERMS for when they mean something."""
    return _terms_at(state.terms + slot * TERMS_SIZE)


@inline
def level_at(state, slot):
    """Level record of a slot; 1 <= slot < max_levels."""
    return _level_at(state.levels + slot * LEVEL_SIZE)


@inline
def node_at(state, slot):
    """Radix page of a slot; 1 <= slot < max_nodes."""
    return _node_at(state.nodes + slot * NODE_SIZE)


@inline
def instrument_at(state, symbol):
    """Instrument record; symbol < instrument_count."""
    return _instrument_at(state.instruments + symbol * INSTRUMENT_SIZE)


@inline
def is_listed(state, symbol):
    """Does a number name an instrument that is not delisted?"""
    return symbol < state.instrument_count and instrument_at(state, symbol).symbol_state != GONE


@inline
def side_at(state, symbol, side):
    """One queue of a symbol, see QUEUES: 0 bids, 1 asks."""
    return _side_at(state.instruments + symbol * INSTRUMENT_SIZE + SIDE_OFFSET + side * SIDE_SIZE)


@inline
def hits_at(state, symbol):
    """Head and tail of a symbol's hit orders, in the order in which they will enter."""
    return _ends_at(state.instruments + symbol * INSTRUMENT_SIZE + HITS_OFFSET)


@inline
def asset_at(state, asset):
    """Asset record; asset < asset_count."""
    return _asset_at(state.assets + asset * 64)


@inline
def account_at(state, slot):
    """Account record of a slot in the table."""
    return _account_at(state.accounts + slot * 64)


@inline
def balance_at(state, slot):
    """Balance record of a slot in the table."""
    return _balance_at(state.balances + slot * 32)


@dataclass(frozen=True)
class Limits:
    """How much of everything the engine holds. Tables are sized to powers of two above these."""

    max_orders: int = 1 << 18
    max_levels: int = 1 << 17
    max_nodes: int = 1 << 20  # more than the isolated prices of max_levels can take, so levels are what runs out
    max_accounts: int = 1 << 17
    max_balances: int = 1 << 18
    max_instruments: int = 1 << 12
    max_assets: int = 1 << 10
    max_busted: int = 1 << 16
    max_events: int = 16384
    max_account_orders: int = 8000
    max_symbol_trailing: int = 1024
    max_account_trailing: int = 128


ID_CELLS_MIN = 128  # the hashes need more than six bits


def _table_cells(entries: int) -> int:
    """Cells of an open-addressing table that stays at most half full."""
    return 1 << max(4, (2 * entries - 1).bit_length())


class State:
    """Owns the memory of one engine state; `address` is what kernels take.

    `seed` scatters the hashed tables (engine.mixing): to be secret where strangers choose ids.
    """

    def __init__(self, limits: Limits, seed: int = 0) -> None:
        self.limits = limits
        cells = {
            "accounts": _table_cells(limits.max_accounts),
            "balances": _table_cells(max(limits.max_balances, (limits.max_balances + limits.max_orders + 1) // 2)),
            "ids": max(_table_cells(limits.max_orders), ID_CELLS_MIN),
            "clients": max(_table_cells(limits.max_orders), ID_CELLS_MIN),
            "busted": _table_cells(limits.max_busted),
        }
        # Once there are max_balances nothing that may begin one is let in, but what was may: a cell is always free.
        assert cells["balances"] >= limits.max_balances + limits.max_orders
        sizes = {
            "orders": limits.max_orders * ORDER_SIZE,
            "terms": limits.max_orders * TERMS_SIZE,
            "levels": limits.max_levels * LEVEL_SIZE,
            "nodes": limits.max_nodes * NODE_SIZE,
            "accounts": cells["accounts"] * 64,
            "balances": cells["balances"] * 32,
            "ids": cells["ids"] * 8,
            "clients": cells["clients"] * 8,
            "instruments": limits.max_instruments * INSTRUMENT_SIZE,
            "assets": limits.max_assets * 64,
            "lanes": MAX_LANES * 8,
            "busted": cells["busted"] * 8,
            "expiring": limits.max_orders * 8,
        }
        self._memory = {name: mmap.mmap(-1, -(-size // 4096) * 4096, _PRIVATE) for name, size in sizes.items()}
        self.tables = {name: np.frombuffer(memory, np.uint8) for name, memory in self._memory.items()}
        self.header = np.zeros(1, STATE)
        self.record = self.header[0]
        for name, table in self.tables.items():
            self.record[name] = table.ctypes.data
        for name in ("max_orders", "max_levels", "max_nodes", "max_instruments", "max_assets", "max_events"):
            self.record[name] = getattr(limits, name)
        for name in ("max_account_orders", "max_symbol_trailing", "max_account_trailing", "max_balances"):
            self.record[name] = getattr(limits, name)
        self.record["id_bits"] = cells["ids"].bit_length() - 1
        self.record["key_mix"], self.record["owner_mix"] = mixes(seed)
        masks = (("account", "accounts"), ("balance", "balances"), ("id", "ids"), ("client", "clients"))
        for name, table_name in masks:
            self.record[f"{name}_mask"] = cells[table_name] - 1
        self.record["busted_mask"] = cells["busted"] - 1
        for name in ("order_next", "level_next", "node_next"):
            self.record[name] = 1
        self.address: int = self.header.ctypes.data

    def use_huge_pages(self) -> None:
        """Ask for huge pages: for the engine's own state, not for the small copies in consumers."""
        for name in ("orders", "levels", "nodes", "accounts", "balances", "ids", "clients"):
            self._memory[name].madvise(mmap.MADV_HUGEPAGE)

    def view(self, table: str, dtype: np.dtype, count: int) -> np.ndarray:
        """The first `count` records of a table, as a view."""
        return self.tables[table][: count * dtype.itemsize].view(dtype)
