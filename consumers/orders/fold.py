"""What a batch of events makes of its orders: rows before in, rows after and fills out. Pure.

The caller brings the rows of every order that the batch names (`touched`), sorted by order id; rows of
orders accepted within the batch come in empty. One pass in sequence changes them in place.
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from ringbuf.codes import FIRST_WAITING, FLAG_AUCTION, EventType
from ringbuf.jit import kernel
from ringbuf.records import EVENT, EVENT_ORDER

I64 = NDArray[np.int64]


class Status(IntEnum):
    """Where an order stands. WAITING is a stop or the like that has not been triggered; OPEN from then on."""

    UNKNOWN = 0
    OPEN = 1
    PARTLY_FILLED = 2
    FILLED = 3
    CANCELLED = 4
    WAITING = 5


ORDER = np.dtype(
    [
        ("order_id", "<i8"),
        ("client_id", "<i8"),
        ("account", "<u4"),
        ("symbol", "<u4"),
        ("price_ticks", "<i8"),  # 0 on market orders
        ("stop_price_ticks", "<i8"),  # what a waiting order waits, or waited, for
        ("qty_lots", "<i8"),  # filled + leaves while open; what it was when it ended
        ("leaves_lots", "<i8"),
        ("filled_lots", "<i8"),  # busted fills included: a bust moves money, not the order
        ("busted_lots", "<i8"),
        ("last_seq", "<i8"),
        ("accepted_ts_ns", "<i8"),
        ("updated_ts_ns", "<i8"),
        ("last_fill", "<i8"),  # index of its last FILL, -1 = none
        ("display_lots", "<i8"),  # 0 = no iceberg
        ("expire_ts_ns", "<i8"),  # 0 = never
        ("trail_ticks", "<i8"),  # distance of a trailing stop
        ("pair_order_id", "<i8"),  # one of the two cancels the other; 0 = none
        ("fills", "<u4"),
        ("status", "u1"),
        ("side", "u1"),
        ("order_type", "u1"),
        ("tif", "u1"),
        ("stp", "u1"),
        ("order_flags", "u1"),
        ("reason", "u1"),  # why it ended
        ("triggered", "u1"),  # 1 = it waited once
        ("spare", "<i4"),
    ]
)
assert ORDER.itemsize == 152

# One side of a trade, as its order saw it.
FILL = np.dtype(
    [
        ("prev", "<i8"),  # index of the order's fill before it, -1 = none
        ("seq", "<i8"),
        ("ts_ns", "<i8"),
        ("order_id", "<i8"),
        ("price_ticks", "<i8"),
        ("qty_lots", "<i8"),
        ("leaves_lots", "<i8"),
        ("fee", "<i8"),  # minor units of the asset received
        ("maker", "u1"),  # 1 = this order was resting, as both do in an auction
        ("busted", "u1"),
        ("spare", "<u2"),
        ("spare2", "<u4"),
    ]
)
assert FILL.itemsize == 72

# The two sides of one bust: fills to mark. Which fill it is, only the order's chain says.
BUST_MARK = np.dtype([("order_id", "<i8"), ("trade_seq", "<i8"), ("qty_lots", "<i8")])

_ACCEPTED = int(EventType.ACCEPTED)
_TRADE = int(EventType.TRADE)
_CANCELLED = int(EventType.CANCELLED)
_AMENDED = int(EventType.AMENDED)
_TRIGGERED = int(EventType.TRIGGERED)
_OPEN, _PARTLY, _FILLED = int(Status.OPEN), int(Status.PARTLY_FILLED), int(Status.FILLED)
_ENDED, _WAITING = int(Status.CANCELLED), int(Status.WAITING)
_FIRST_WAITING = int(FIRST_WAITING)
_OF_AUCTION = int(FLAG_AUCTION)


def is_open(rows: NDArray[np.void]) -> NDArray[np.bool_]:
    """Which ORDER rows are still open."""
    status = rows["status"]
    return (status == Status.OPEN) | (status == Status.PARTLY_FILLED) | (status == Status.WAITING)


def about_orders(events: NDArray[np.void]) -> NDArray[np.void]:
    """The events that change an order's row."""
    kinds = events["type"]
    return events[((kinds >= _ACCEPTED) & (kinds <= _TRIGGERED) & (kinds != EventType.REJECTED))]


def touched(changes: NDArray[np.void]) -> I64:
    """Ids of the orders that `changes` (of `about_orders`) name, sorted, each once."""
    makers = changes["maker_order_id"][changes["type"] == _TRADE]
    return np.unique(np.concatenate((changes["order_id"], makers)))


def fold(changes: NDArray[np.void], ids: I64, rows: NDArray[np.void], first_fill: int) -> NDArray[np.void]:
    """Apply `changes` to `rows` (ORDER, of the orders `ids`, both sorted) in place.

    Returns the batch's fills (FILL, linked to each order's earlier ones); fill i gets index `first_fill` + i.
    """
    assert changes.dtype == EVENT and rows.dtype == ORDER and len(ids) == len(rows)
    if not len(changes):
        return np.zeros(0, FILL)
    changes = np.ascontiguousarray(changes)
    trades = int(np.count_nonzero(changes["type"] == _TRADE))
    fills = np.zeros(2 * trades, FILL)
    own = np.searchsorted(ids, changes["order_id"])
    maker = np.searchsorted(ids, changes["maker_order_id"])
    made = _fold(changes, changes.view(EVENT_ORDER), own, maker, rows, fills, first_fill)
    assert made == len(fills)
    return fills


@kernel
def _fold(events, orders, own, maker, rows, fills, first_fill):  # type: ignore[no-untyped-def]
    """One pass over the batch; `own` and `maker` are the row of each event's order."""
    made = 0
    for i in range(len(events)):
        kind = events[i].type
        row = rows[own[i]]
        if kind == _ACCEPTED:
            terms = orders[i]
            row.order_id = terms.order_id
            row.client_id = terms.client_id
            row.account = terms.account
            row.symbol = terms.symbol
            row.side = terms.side
            row.order_type = terms.order_type
            row.tif = terms.tif
            row.stp = terms.stp
            row.order_flags = terms.order_flags
            row.price_ticks = terms.price_ticks
            row.stop_price_ticks = terms.stop_price_ticks
            row.display_lots = terms.display_lots
            row.expire_ts_ns = terms.expire_ts_ns
            row.trail_ticks = terms.trail_ticks
            row.qty_lots = terms.qty_lots
            row.leaves_lots = terms.qty_lots
            row.accepted_ts_ns = terms.ts_ns
            row.last_fill = -1
            row.status = _WAITING if terms.order_type >= _FIRST_WAITING else _OPEN
        elif kind == _TRADE:
            event = events[i]
            rested = 1 if event.flags & _OF_AUCTION else 0
            _fill(event, row, event.leaves_lots, event.fee, rested, fills, made, first_fill)
            _fill(event, rows[maker[i]], event.maker_leaves_lots, event.maker_fee, 1, fills, made + 1, first_fill)
            rows[maker[i]].last_seq = event.seq
            rows[maker[i]].updated_ts_ns = event.ts_ns
            made += 2
        elif kind == _CANCELLED:
            row.status = _ENDED
            row.reason = events[i].reason
            row.qty_lots = row.filled_lots + events[i].qty_lots
            row.leaves_lots = 0
        elif kind == _AMENDED:
            terms = orders[i]
            row.price_ticks = terms.price_ticks
            if row.status == _WAITING:  # of one that has triggered the stop price stays as it was
                row.stop_price_ticks = terms.stop_price_ticks
            row.leaves_lots = terms.qty_lots
            row.qty_lots = row.filled_lots + terms.qty_lots
        elif kind == _TRIGGERED:
            row.status = _OPEN
            row.triggered = 1
        row.last_seq = events[i].seq
        row.updated_ts_ns = events[i].ts_ns
    return made


@kernel
def _fill(event, row, leaves, fee, is_maker, fills, at, first_fill):  # type: ignore[no-untyped-def]
    """Book one side of a trade on its order and write the fill."""
    fill = fills[at]
    fill.prev = row.last_fill
    fill.seq = event.seq
    fill.ts_ns = event.ts_ns
    fill.order_id = row.order_id
    fill.price_ticks = event.price_ticks
    fill.qty_lots = event.qty_lots
    fill.leaves_lots = leaves
    fill.fee = fee
    fill.maker = is_maker
    row.last_fill = first_fill + at
    row.fills += 1
    row.filled_lots += event.qty_lots
    row.leaves_lots = leaves
    row.status = _FILLED if leaves == 0 else _PARTLY


def warm() -> None:
    """Compile or load the kernel (supervisor, before the forks)."""
    event = np.zeros(1, EVENT)
    event["type"] = EventType.CANCELLED
    fold(event, np.zeros(1, np.int64), np.zeros(1, ORDER), 0)


def bust_marks(events: NDArray[np.void]) -> NDArray[np.void]:
    """BUST_MARK of both sides of each busted trade in the batch."""
    busts = events[events["type"] == EventType.BUSTED]
    marks = np.zeros(2 * len(busts), BUST_MARK)
    marks["order_id"][0::2], marks["order_id"][1::2] = busts["order_id"], busts["maker_order_id"]
    for name, source in (("trade_seq", "request_id"), ("qty_lots", "qty_lots")):
        marks[name][0::2] = marks[name][1::2] = busts[source]
    return marks
