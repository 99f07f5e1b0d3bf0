"""What the fold keeps in memory: arrays of records that grow, and one record over them for the kernels.

    cells[hash of order id] ──▶ orders[slot] ──level──▶ levels[slot], links[slot] (a skip list a side, best first)
    symbols[id] ──▶ the two heads of its skip lists; ──▶ its day: minutes[slot], oldest to newest
    candles[symbol * 7 + interval], prevs[symbol, topic]

Slot 0 of orders, levels and minutes is never used: 0 means none. All links are slots, so a table that is full is
copied into one twice as long (`Tables.grow`).
"""

# isort: off
from ringbuf.jit import inline, kernel_of

import secrets
from typing import Any

import numpy as np

from consumers.marketdata.candles import SECONDS
from ringbuf.atomics import load_u32, store_u32
from ringbuf.fields import record_at
# isort: on

CANDLES = len(SECONDS)
TOPICS = 8 + CANDLES  # of a symbol: MarketType, then 8 + interval for candles
GOLDEN = -7046029254386353131  # 2**64 / golden ratio, as i64
HEIGHT = 10  # of the skip lists; a level is in the next higher one with chance 1/4

# An open order. shown_lots and whole_lots (what it adds to its level's totals) are 0 and level 0 while it doesn't stand
# in the book; waits: a stop or the like, not yet triggered.
ORDER = np.dtype(
    [
        ("order_id", "<i8"),
        ("price_ticks", "<i8"),
        ("leaves_lots", "<i8"),
        ("display_lots", "<i8"),
        ("shown_lots", "<i8"),
        ("whole_lots", "<i8"),
        ("level", "<u4"),
        ("symbol", "<u4"),
        ("side", "<u4"),
        ("waits", "<u4"),
        ("next", "<u4"),  # on the free list
        ("spare", "<u4"),
    ]
)

# One price. key: its price on the ask side, -price on the bid side, so the best has the lowest. before: its total when
# the command `mark` began. whole_lots: with what its icebergs hide.
LEVEL = np.dtype(
    [
        ("key", "<i8"),
        ("total_lots", "<i8"),
        ("whole_lots", "<i8"),
        ("before", "<i8"),
        ("mark", "<i8"),
        ("symbol", "<u4"),
        ("side", "<u4"),
    ]
)

# A candle, or a minute of the day. Sums are high * 2**62 + low. start: seconds, or minutes, since 1970.
PERIOD = np.dtype(
    [
        ("start", "<i8"),
        ("open_ticks", "<i8"),
        ("high_ticks", "<i8"),
        ("low_ticks", "<i8"),
        ("close_ticks", "<i8"),
        ("volume_high", "<i8"),
        ("volume_low", "<i8"),
        ("quote_high", "<i8"),
        ("quote_low", "<i8"),
        ("trades", "<i8"),
        ("prev", "<u4"),  # the minute before
        ("next", "<u4"),  # the minute after; on the free list
        ("there", "<u4"),  # a candle that has begun
        ("closed", "<u4"),
    ]
)

# dirty: what the command changed, DIRTY_*. state: SymbolState or STATUS_DELISTED; reference_ticks: 0 = none;
# auction_*: the indicative uncross told last in this auction. The day's sums and extremes beside its minutes;
# last_ticks: last print.
SYMBOL = np.dtype(
    [
        ("unit", "<i8"),  # quote minor units in one tick x one lot
        ("bid_ticks", "<i8"),  # the last BBO told
        ("bid_lots", "<i8"),
        ("ask_ticks", "<i8"),
        ("ask_lots", "<i8"),
        ("dirty", "<i8"),
        ("state", "<i8"),
        ("reference_ticks", "<i8"),
        ("auction_ticks", "<i8"),
        ("auction_lots", "<i8"),
        ("auction_surplus", "<i8"),
        ("auction_side", "<i8"),
        ("last_ticks", "<i8"),
        ("high_ticks", "<i8"),
        ("low_ticks", "<i8"),
        ("volume_high", "<i8"),
        ("volume_low", "<i8"),
        ("quote_high", "<i8"),
        ("quote_low", "<i8"),
        ("trades", "<i8"),
        ("bids", "<u4"),  # heads of the skip lists
        ("asks", "<u4"),
        ("oldest", "<u4"),  # minutes
        ("newest", "<u4"),
    ]
)


# Tables of records; each has an address, a length, and (but for candles) how many slots are used.
POOLS = {"orders": ORDER, "levels": LEVEL, "minutes": PERIOD, "symbols": SYMBOL, "candles": PERIOD}
# Plain arrays: of i64 (prevs: [symbol, topic]; active: ids of orders that may join the book when their command ends)
# and of u32 (cells: order slots by hash of the id; links: [slot of a level, height], the slot behind; path: of the
# last search in a skip list; touched: levels, and dirty: symbols, that the command changed).
ARRAYS = {
    "prevs": np.int64, "active": np.int64,
    "cells": np.uint32, "links": np.uint32, "path": np.uint32, "touched": np.uint32, "dirty": np.uint32,
}  # fmt: skip

# All of it, as one record: where the arrays are, how long, and everything that is one number.
TABLES = np.dtype(
    [
        (name, "<i8")
        for name in (
            *(f"{table}_at" for table in (*POOLS, *ARRAYS)),
            *(f"{pool}_length" for pool in POOLS),
            "active_length", "cell_mask", "out", "out_length", "bust_times", "late",
            "epoch", "mseq", "second", "command", "at", "out_used", "bust_at", "late_used", "active_used",
            "touched_used", "dirty_used", "symbols_used", "orders_next", "orders_free", "orders_used", "levels_next",
            "levels_free", "levels_used", "minutes_next", "minutes_free", "minutes_used",
            "height_mix",  # secret: who knew which prices stand high could choose ten thousand that do not
        )
    ]
)  # fmt: skip

tables_at = record_at(TABLES)
_order, _level, _period, _symbol = record_at(ORDER), record_at(LEVEL), record_at(PERIOD), record_at(SYMBOL)
ORDER_SIZE, LEVEL_SIZE, PERIOD_SIZE, SYMBOL_SIZE = ORDER.itemsize, LEVEL.itemsize, PERIOD.itemsize, SYMBOL.itemsize


@inline
def order_at(t, slot):
    """An order by slot."""
    return _order(t.orders_at + slot * ORDER_SIZE)


@inline
def level_at(t, slot):
    """A level by slot."""
    return _level(t.levels_at + slot * LEVEL_SIZE)


@inline
def minute_at(t, slot):
    """A minute of some day by slot."""
    return _period(t.minutes_at + slot * PERIOD_SIZE)


@inline
def symbol_at(t, symbol):
    """An instrument by id."""
    return _symbol(t.symbols_at + symbol * SYMBOL_SIZE)


@inline
def candle_at(t, symbol, interval):
    """The latest candle of an interval."""
    return _period(t.candles_at + (symbol * CANDLES + interval) * PERIOD_SIZE)


@inline
def prev_address(t, symbol, topic):
    """Where the last sequence of a topic stands (i64)."""
    return t.prevs_at + (symbol * TOPICS + topic) * 8


@inline
def link_address(t, slot, height):
    """Where the slot of the level behind one stands (u32)."""
    return t.links_at + (slot * HEIGHT + height) * 4


class Tables:
    """Owns the arrays, and the record over them (`record`, `address`) that the kernels work on."""

    def __init__(self, epoch: int) -> None:
        self._arrays: dict[str, np.ndarray] = {}
        self.record = np.zeros(1, TABLES)
        self.address = int(self.record.ctypes.data)
        self.record["epoch"] = epoch & 0xFFFFFFFF
        self.record["height_mix"] = secrets.randbits(62) | 1
        self.record["orders_next"] = self.record["levels_next"] = self.record["minutes_next"] = 1
        for pool, length in (("orders", 1024), ("levels", 1024), ("minutes", 256), ("symbols", 4)):
            self._lengthen(pool, length)
        self._put("path", np.zeros(HEIGHT, np.uint32))
        self._put("active", np.zeros(1024, np.int64))
        self.record["active_length"] = 1024

    def __getitem__(self, name: str) -> int:
        """One number of the record."""
        return int(self.record[name][0])

    def array(self, name: str) -> np.ndarray:
        """One of the arrays, for reading; good until the next `grow`."""
        return self._arrays[name]

    def grow(self, what: str, needed: int) -> None:
        """Room for `needed` more in one of orders, levels, minutes, symbols, active; twice as long at least."""
        if what == "active":
            self._put("active", np.zeros(2 * needed, np.int64))
            self.record["active_length"] = 2 * needed
            return
        self._lengthen(what, 1 << max(self[f"{what}_used"] + needed, self[f"{what}_length"]).bit_length())

    def _put(self, name: str, array: np.ndarray) -> None:
        self._arrays[name] = array
        self.record[f"{name}_at"] = array.ctypes.data

    def _longer(self, name: str, shape: tuple[int, ...], dtype: Any) -> None:
        """A longer array with what the old one had."""
        found = np.zeros(shape, dtype)
        old = self._arrays.get(name)
        if old is not None:
            found[: len(old)] = old
        self._put(name, found)

    def _lengthen(self, pool: str, length: int) -> None:
        self._longer(pool, (length,), POOLS[pool])
        self.record[f"{pool}_length"] = length
        if pool == "orders":
            self._put("cells", np.zeros(2 * length, np.uint32))
            self.record["cell_mask"] = 2 * length - 1
            fill_cells(self.address)
        elif pool == "levels":
            self._longer("links", (length, HEIGHT), np.uint32)
            self._put("touched", np.zeros(length, np.uint32))
        elif pool == "symbols":
            self._longer("candles", (length * CANDLES,), PERIOD)
            self._longer("prevs", (length, TOPICS), np.int64)
            self._put("dirty", np.zeros(length, np.uint32))


@inline
def home_of(order_id, mask):
    """Where the search for an order begins: 64 consecutive ids side by side, the groups scattered."""
    return ((((order_id >> 6) * GOLDEN) >> 26 & ~63) | (order_id & 63)) & mask


@inline
def put_cell(t, slot):
    """Make an order's slot findable by its id."""
    at = home_of(order_at(t, slot).order_id, t.cell_mask)
    while load_u32(t.cells_at + at * 4) != 0:
        at = (at + 1) & t.cell_mask
    store_u32(t.cells_at + at * 4, slot)


@kernel_of("void(int64)")
def fill_cells(address):
    """Put every open order into the empty table of cells."""
    t = tables_at(address)
    for slot in range(1, t.orders_next):
        if order_at(t, slot).order_id != 0:
            put_cell(t, slot)
