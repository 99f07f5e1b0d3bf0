"""What the fold keeps in memory: arrays of records that grow, bundled for the kernels.

    cells[hash of order id] ──▶ orders[slot] ──level──▶ levels[slot], links[slot] (a skip list a side, best first)
    symbols[id] ──▶ the two heads of its skip lists; ──▶ its day: minutes[slot], oldest to newest
    candles[symbol * 7 + interval], prevs[symbol, topic]

Slot 0 of orders, levels and minutes is never used: 0 means none. All links are slots, so a table that is full is
copied into one twice as long (`grown`).
"""

# isort: off
from ringbuf.jit import kernel_of

from typing import Any, NamedTuple

import numpy as np
from numba import from_dtype, types

from consumers.marketdata.candles import SECONDS
from consumers.marketdata.order_table import put_cell
from ringbuf.records import EVENT, EVENT_ORDER, MARKET
# isort: on

CANDLES = len(SECONDS)
TOPICS = 7 + CANDLES  # of a symbol: MarketType, then 7 + interval for candles
HEIGHT = 10  # of the skip lists; a level is in the next higher one with chance 1/4

# Everything that is one number.
HEAD = np.dtype(
    [
        (name, "<i8")
        for name in (
            "epoch", "mseq", "second", "command", "at", "out_used", "bust_at", "late_used", "active_used",
            "touched_used", "dirty_used", "symbols_used", "orders_next", "orders_free", "orders_used", "levels_next",
            "levels_free", "levels_used", "minutes_next", "minutes_free", "minutes_used",
        )
    ]
)  # fmt: skip

# An open order. shown_lots is 0 and level 0 while it doesn't stand in the book; waits: a stop not yet triggered.
ORDER = np.dtype(
    [
        ("order_id", "<i8"),
        ("price_ticks", "<i8"),
        ("leaves_lots", "<i8"),
        ("display_lots", "<i8"),
        ("shown_lots", "<i8"),
        ("level", "<u4"),
        ("symbol", "<u4"),
        ("side", "<u4"),
        ("waits", "<u4"),
        ("next", "<u4"),  # on the free list
        ("spare", "<u4"),
    ]
)

# One price. key: its price on the ask side, -price on the bid side, so the best has the lowest. before: its total when
# the command `mark` began.
LEVEL = np.dtype(
    [("key", "<i8"), ("total_lots", "<i8"), ("before", "<i8"), ("mark", "<i8"), ("symbol", "<u4"), ("side", "<u4")]
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

# dirty: what the command changed, DIRTY_*. The day's sums and extremes beside its minutes; last_ticks: last print.
SYMBOL = np.dtype(
    [
        ("unit", "<i8"),  # quote minor units in one tick x one lot
        ("bid_ticks", "<i8"),  # the last BBO told
        ("bid_lots", "<i8"),
        ("ask_ticks", "<i8"),
        ("ask_lots", "<i8"),
        ("dirty", "<i8"),
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


class Tables(NamedTuple):
    """All of it, as one argument."""

    head: Any
    symbols: Any
    candles: Any
    prevs: Any
    orders: Any
    cells: Any  # order slots by hash of the id; 0 = empty
    levels: Any
    links: Any  # [slot, height]: the next level's slot
    minutes: Any
    path: Any  # of the last search in a skip list
    active: Any  # ids of the orders that may join the book when their command ends
    touched: Any  # levels that the command touched
    dirty: Any  # symbols that the command changed


def _type(dtype: np.dtype) -> Any:
    return from_dtype(dtype)[::1]


_I64 = types.int64
_U32S = types.uint32[::1]
TABLES = types.NamedTuple(
    (
        _type(HEAD), _type(SYMBOL), _type(PERIOD), _I64[:, ::1], _type(ORDER), _U32S, _type(LEVEL),
        types.uint32[:, ::1], _type(PERIOD), _U32S, _I64[::1], _U32S, _U32S,
    ),
    Tables,
)  # fmt: skip
EVENTS, TERMS, RECORDS = _type(EVENT), _type(EVENT_ORDER), _type(MARKET)
WORDS = _I64[:, ::1]


def new_tables(epoch: int) -> Tables:
    """Empty ones for a start; `grown` makes them longer as needed."""
    head = np.zeros(1, HEAD)
    head["epoch"] = epoch & 0xFFFFFFFF
    head["orders_next"] = head["levels_next"] = head["minutes_next"] = 1
    return Tables(
        head,
        np.zeros(4, SYMBOL),
        np.zeros(4 * CANDLES, PERIOD),
        np.zeros((4, TOPICS), np.int64),
        np.zeros(1024, ORDER),
        np.zeros(2048, np.uint32),
        np.zeros(1024, LEVEL),
        np.zeros((1024, HEIGHT), np.uint32),
        np.zeros(256, PERIOD),
        np.zeros(HEIGHT, np.uint32),
        np.zeros(1024, np.int64),
        np.zeros(1024, np.uint32),
        np.zeros(4, np.uint32),
    )


def _longer(array: np.ndarray, length: int) -> np.ndarray:
    found = np.zeros((length, *array.shape[1:]), array.dtype)
    found[: len(array)] = array
    return found


def grown(tables: Tables, which: str, needed: int) -> Tables:
    """The same state with room for `needed` more in one of orders, levels, minutes, symbols, active."""
    if which == "active":
        return tables._replace(active=np.zeros(2 * needed, np.int64))
    used = int(tables.head[f"{which}_used"][0]) + needed
    length = 1 << max(used, len(getattr(tables, which))).bit_length()
    longer = tables._replace(**{which: _longer(getattr(tables, which), length)})
    if which == "orders":
        longer = longer._replace(cells=np.zeros(2 * length, np.uint32))
        fill_cells(longer)
    elif which == "levels":
        longer = longer._replace(links=_longer(tables.links, length), touched=np.zeros(length, np.uint32))
    elif which == "symbols":
        longer = longer._replace(
            candles=_longer(tables.candles, length * CANDLES),
            prevs=_longer(tables.prevs, length),
            dirty=np.zeros(length, np.uint32),
        )
    return longer


@kernel_of(types.void(TABLES))
def fill_cells(t):
    """Put every open order into the empty table of cells."""
    for slot in range(1, t.head[0].orders_next):
        if t.orders[slot].order_id != 0:
            put_cell(t.orders, t.cells, slot)
