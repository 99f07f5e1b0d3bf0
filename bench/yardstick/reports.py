"""From the engine's events back to the yardstick's reports, after the clock has stopped."""

import numpy as np

import ringbuf.jit  # noqa: F401  (names the compile cache before kernels are made)
from bench.yardstick.text import (
    CANCEL_ACK,
    CANCEL_REJECT,
    MODIFY_ACK,
    MODIFY_REJECT,
    ORDER_ACK,
    REPORT,
    TRADE,
)
from bench.yardstick.workload import CANCEL
from ringbuf.codes import FLAG_LAST, EventType
from ringbuf.jit import kernel

_ACCEPTED, _REJECTED, _TRADE = int(EventType.ACCEPTED), int(EventType.REJECTED), int(EventType.TRADE)
_CANCELLED, _AMENDED = int(EventType.CANCELLED), int(EventType.AMENDED)
_LAST = int(FLAG_LAST)


def reports_of(events: np.ndarray, messages: np.ndarray) -> np.ndarray:
    """Reports (dtype REPORT) told by the events (EVENT) that answer messages, both from their first on.

    Raises ValueError where an event is of a kind that the yardstick doesn't know.
    """
    base = int(events["seq"][0]) if len(events) else 0
    workload_id = np.zeros(len(events), np.int64)  # index: engine order id - base
    reports = np.empty(len(events), REPORT)
    strange = _reports(
        base,
        np.ascontiguousarray(events["type"]),
        np.ascontiguousarray(events["flags"]),
        np.ascontiguousarray(events["side"]),
        np.ascontiguousarray(events["order_id"]),
        np.ascontiguousarray(events["maker_order_id"]),
        np.ascontiguousarray(events["price_ticks"]),
        np.ascontiguousarray(events["qty_lots"]),
        messages,
        workload_id,
        reports,
    )
    if strange >= 0:
        raise ValueError(f"event {base + strange} of type {int(events['type'][strange])} has no place in the yardstick")
    return reports


@kernel
def _reports(base, kinds, flags, sides, order_ids, maker_ids, prices, qtys, messages, ids, reports):  # type: ignore[no-untyped-def]
    at = 0  # message that the event answers
    for i in range(kinds.size):
        message, report = messages[at], reports[i]
        kind = kinds[i]
        order = message["order"]
        if kind == _ACCEPTED:
            ids[order_ids[i] - base] = order
        elif kind != _REJECTED:
            order = ids[order_ids[i] - base]
        report["seq"] = at
        report["a"], report["b"] = np.int64(sides[i]), order
        report["c"], report["d"] = prices[i], qtys[i]
        if kind == _ACCEPTED:
            report["kind"] = ORDER_ACK
        elif kind == _TRADE:
            report["kind"] = TRADE
            report["a"], report["b"] = prices[i], qtys[i]
            report["c"], report["d"] = ids[maker_ids[i] - base], order
        elif kind == _CANCELLED:
            report["kind"] = CANCEL_ACK
        elif kind == _AMENDED:
            report["kind"] = MODIFY_ACK
        elif kind == _REJECTED:
            report["kind"] = CANCEL_REJECT if message["kind"] == CANCEL else MODIFY_REJECT
            report["a"] = order
        else:
            return i
        if flags[i] & _LAST != 0:
            at += 1
    return -1
