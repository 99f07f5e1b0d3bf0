"""A bare price-time book for the yardstick: no funds, no ids, no events.

It exists to prove that workload and text are right apart from the engine. Price levels are a dense ladder.
"""

import numpy as np

from bench.yardstick.text import (
    CANCEL_ACK,
    CANCEL_REJECT,
    MODIFY_ACK,
    MODIFY_REJECT,
    ORDER_ACK,
    REPORT,
    TRADE,
)
from bench.yardstick.workload import CANCEL, MODIFY
from ringbuf.jit import kernel

# Columns of the order table
_LEAVES, _PRICE, _SIDE, _NEXT, _PREV = 0, 1, 2, 3, 4


def replay(messages: np.ndarray) -> np.ndarray:
    """Reports (dtype REPORT) of a plain book fed with messages (dtype MESSAGE), in the order made."""
    orders = np.zeros((int(messages["order"].max()) + 1, 5), np.int64)
    ladder = np.zeros((2, int(messages["price"].max()) + 2, 2), np.int64)  # side, price, (head, tail)
    reports = np.empty(4 * len(messages), REPORT)
    return np.asarray(reports[: _replay(messages, orders, ladder, reports)])


@kernel
def _report(reports, n, kind, seq, a, b, c, d):  # type: ignore[no-untyped-def]
    report = reports[n]
    report["kind"] = kind
    report["seq"] = seq
    report["a"] = a
    report["b"] = b
    report["c"] = c
    report["d"] = d
    return n + 1


@kernel
def _unlink(orders, ladder, order):  # type: ignore[no-untyped-def]
    side, price = orders[order, _SIDE], orders[order, _PRICE]
    before, after = orders[order, _PREV], orders[order, _NEXT]
    if before == 0:
        ladder[side, price, 0] = after
    else:
        orders[before, _NEXT] = after
    if after == 0:
        ladder[side, price, 1] = before
    else:
        orders[after, _PREV] = before
    orders[order, _LEAVES] = 0


@kernel
def _rest(orders, ladder, order, side, price, leaves):  # type: ignore[no-untyped-def]
    tail = ladder[side, price, 1]
    orders[order, _LEAVES] = leaves
    orders[order, _PRICE] = price
    orders[order, _SIDE] = side
    orders[order, _NEXT] = 0
    orders[order, _PREV] = tail
    if tail == 0:
        ladder[side, price, 0] = order
    else:
        orders[tail, _NEXT] = order
    ladder[side, price, 1] = order


@kernel
def _replay(messages, orders, ladder, reports):  # type: ignore[no-untyped-def]
    n = 0
    best = np.array([0, ladder.shape[1] - 1])  # no resting bid above, no resting ask below
    top = ladder.shape[1] - 1
    for seq in range(messages.size):
        message = messages[seq]
        kind, order, side = message["kind"], message["order"], message["side"]
        price, leaves = message["price"], message["qty"]
        if kind == CANCEL:
            if orders[order, _LEAVES] == 0:
                n = _report(reports, n, CANCEL_REJECT, seq, order, 0, 0, 0)
            else:
                n = _report(reports, n, CANCEL_ACK, seq, side, order, orders[order, _PRICE], 0)
                _unlink(orders, ladder, order)
            continue
        if kind == MODIFY:
            if orders[order, _LEAVES] == 0:
                n = _report(reports, n, MODIFY_REJECT, seq, order, 0, 0, 0)
                continue
            _unlink(orders, ladder, order)
            n = _report(reports, n, MODIFY_ACK, seq, side, order, price, leaves)
        else:
            n = _report(reports, n, ORDER_ACK, seq, side, order, price, leaves)
        other = 1 - side
        while leaves > 0:
            at = best[other]
            while 0 < at < top and ladder[other, at, 0] == 0:
                at += 1 if other == 1 else -1
            best[other] = at
            maker = ladder[other, at, 0]
            if maker == 0 or (side == 0 and at > price) or (side == 1 and at < price):
                break
            filled = min(leaves, orders[maker, _LEAVES])
            n = _report(reports, n, TRADE, seq, at, filled, maker, order)
            leaves -= filled
            orders[maker, _LEAVES] -= filled
            if orders[maker, _LEAVES] == 0:
                _unlink(orders, ladder, maker)
        if leaves > 0 and message["ioc"] == 1:
            n = _report(reports, n, CANCEL_ACK, seq, side, order, price, 0)
        elif leaves > 0:
            _rest(orders, ladder, order, side, price, leaves)
            if (side == 0 and price > best[0]) or (side == 1 and price < best[1]):
                best[side] = price
    return n
