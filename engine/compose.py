"""Composing event records in their ring slots.

`open_event` starts the next record; the caller fills it and applies it. Its flags and checksum are settled when the
next one opens or the command ends: only then is it known whether it was the last.
"""

import numpy as np
from numba import int64

from engine.apply import event_at
from engine.idmap import find_client
from engine.memory import record_at, record_type, store_i64
from engine.state import STATE_TYPE, order_at
from ringbuf.checksum import crc32c_record
from ringbuf.codes import NO_ACCOUNT, NO_ID, NO_SYMBOL, EventType, Op, Reason
from ringbuf.jit import inline, outline, outline_of
from ringbuf.records import COMMAND
from ringbuf.ring_kernels import ring_claim

OUT = np.dtype(
    [
        ("slots", "<i8"),  # address of slot 0
        ("mask", "<i8"),  # capacity - 1
        ("timing", "<i8"),  # address of the timing lane, 0 = none
        ("ring", "<i8"),  # address of the ring, 0 = a private buffer
        ("open", "<i8"),  # address of the record whose flags are not settled, 0 = none
        ("count", "<i8"),  # events of this command so far
        ("ts_ns", "<i8"),
        ("ingress_ns", "<i8"),
        ("match_ns", "<i8"),
        ("now_ns", "<i8"),  # time of commands that bring none; 0 offline: the highest seen
        ("session", "<i8"),
        ("client_id", "<i8"),  # of the command, NO_ID where none
    ]
)
OUT_TYPE = record_type(OUT)
COMMAND_TYPE = record_type(COMMAND)
out_at = record_at(OUT)

REJECTED = int(EventType.REJECTED)
LIST_ASSET, LIST_INSTRUMENT, BUST = int(Op.LIST_ASSET), int(Op.LIST_INSTRUMENT), int(Op.BUST)
DEPOSIT, WITHDRAW = int(Op.DEPOSIT), int(Op.WITHDRAW)
DUPLICATE = int(Reason.DUPLICATE_CLIENT_ID)


@inline
def seal(address):
    """Write the record's checksum: its other 124 bytes are final."""
    event_at(address).crc = crc32c_record(address)


@outline_of(int64(STATE_TYPE, OUT_TYPE, int64))
def open_event(state, out, kind):
    """Start the next record; returns its address. Fields are zero or absent, but for the common ones."""
    if out.open != 0:
        seal(out.open)
    seq = state.seq + 1
    if out.ring != 0:
        ring_claim(out.ring, seq)
    address = out.slots + (seq & out.mask) * 128
    for offset in range(16, 128, 8):
        store_i64(address + offset, 0)
    event = event_at(address)
    event.seq = seq
    event.ts_ns = out.ts_ns
    event.type = kind
    event.symbol = NO_SYMBOL
    event.client_id = NO_ID
    event.request_id = NO_ID
    event.account = NO_ACCOUNT
    event.session = out.session
    if out.timing != 0:
        lane = out.timing + (seq & out.mask) * 16
        store_i64(lane, out.ingress_ns)
        store_i64(lane + 8, out.match_ns)
    out.open = address
    out.count += 1
    return address


@inline
def request_of(out, order):
    """Client id of the running request, where it is another than the one that placed the order."""
    if out.client_id == order.client_id:
        return NO_ID
    return out.client_id


@outline_of(int64(STATE_TYPE, OUT_TYPE, COMMAND_TYPE, int64, int64))
def reject(state, out, command, reason, order_id):
    """Compose a refusal; the caller applies it."""
    address = open_event(state, out, REJECTED)
    event = event_at(address)
    event.reason = reason
    event.order_id = order_id
    if command.op == LIST_ASSET or command.op == LIST_INSTRUMENT or command.op == BUST:
        return address  # other views of a command: what stands at symbol and account there is something else
    if command.symbol < state.instrument_count and command.op != DEPOSIT and command.op != WITHDRAW:
        event.symbol = command.symbol
    event.account = command.account
    if command.client_id >= 0:
        event.client_id = command.client_id
    return address


@outline
def reject_duplicate(state, out, command, account):
    """Refuse a client id that was used; names the first one's order while that is open."""
    order_id = 0
    slot = find_client(state, account, command.client_id)
    if slot != 0:
        order_id = order_at(state, slot).order_id
    return reject(state, out, command, DUPLICATE, order_id)
