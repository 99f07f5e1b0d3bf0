"""The yardstick's canonical report text, from arrays, and its SHA-256.

One line a report, sorted stably by (seq, kind), fields joined by commas, lines by newlines with none at the end.
"""

import hashlib

import numpy as np

from ringbuf.jit import kernel

ORDER_ACK, TRADE, CANCEL_ACK, MODIFY_ACK, CANCEL_REJECT, MODIFY_REJECT = 0, 1, 2, 3, 4, 5

# a..d are the fields after `seq`, as many as the kind has:
#   ORDER_ACK, MODIFY_ACK side, order, price, qty · TRADE price, qty, maker, taker
#   CANCEL_ACK side, order, price · CANCEL_REJECT, MODIFY_REJECT order
REPORT = np.dtype([("kind", "<i8"), ("seq", "<i8"), ("a", "<i8"), ("b", "<i8"), ("c", "<i8"), ("d", "<i8")])

_FIELDS = np.array([4, 4, 3, 4, 1, 1], np.int64)
_CHUNK = 200_000  # reports rendered at a time: bounds the buffer
_LINE_MAX = 6 * 20


def digest(reports: np.ndarray) -> str:
    """SHA-256 (hex) of the canonical text of reports (dtype REPORT, in the order they were made)."""
    order = np.argsort(reports["seq"] * 8 + reports["kind"], kind="stable")
    sha = hashlib.sha256()
    buffer = np.empty(_CHUNK * _LINE_MAX, np.uint8)
    for start in range(0, len(order), _CHUNK):
        part = reports[order[start : start + _CHUNK]]
        size = _render(part, _FIELDS, buffer)
        last = start + _CHUNK >= len(order)
        sha.update(buffer[: size - 1 if last else size].data)
    return sha.hexdigest()


def text(reports: np.ndarray) -> str:
    """The canonical text itself, for small streams and for reading."""
    if len(reports) == 0:
        return ""
    part = reports[np.argsort(reports["seq"] * 8 + reports["kind"], kind="stable")]
    buffer = np.empty(len(part) * _LINE_MAX, np.uint8)
    size = _render(part, _FIELDS, buffer)
    return bytes(buffer[: size - 1]).decode()


@kernel
def _number(buffer, at, value, digits):  # type: ignore[no-untyped-def]
    if value < 0:
        buffer[at] = 45
        at += 1
        value = -value
    count = 0
    while value >= 10:
        digits[count] = 48 + value % 10
        value //= 10
        count += 1
    buffer[at] = 48 + value
    at += 1
    while count > 0:
        count -= 1
        buffer[at] = digits[count]
        at += 1
    return at


@kernel
def _render(reports, fields, buffer):  # type: ignore[no-untyped-def]
    digits = np.empty(20, np.uint8)
    at = 0
    for i in range(reports.size):
        report = reports[i]
        buffer[at] = 48 + report["kind"]
        buffer[at + 1] = 44
        at = _number(buffer, at + 2, report["seq"], digits)
        count = fields[report["kind"]]
        for k in range(count):
            value = report["a"]
            if k == 1:
                value = report["b"]
            elif k == 2:
                value = report["c"]
            elif k == 3:
                value = report["d"]
            buffer[at] = 44
            at = _number(buffer, at + 1, value, digits)
        buffer[at] = 10
        at += 1
    return at
