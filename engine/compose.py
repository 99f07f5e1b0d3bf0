"""Composing event records in their ring slots.

`open_event` starts the next record; the caller fills it and applies it. Its flags and checksum are settled when the
next one opens or the command ends: only then is it known whether it was the last.
"""

import numpy as np
from numba import int64

from engine.apply import event_at
from engine.idmap import find_client
from engine.memory import load_i64, low_u32, store_i64
from engine.state import STATE_TYPE, is_listed, order_at
from ringbuf.atomics import prefetch_write
from ringbuf.checksum import crc32c_record
from ringbuf.codes import GROUP_MAX, NO_ACCOUNT, NO_ID, NO_SYMBOL, EventType, Op, Reason
from ringbuf.fields import record_at, record_type
from ringbuf.jit import inline, outline, outline_of
from ringbuf.records import COMMAND, EVENT
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
        ("account", "<i8"),  # slot of the account that asked, -1 where none
        # while a group is checked: client ids that it has used, why each member is refused
        ("client_high", "<i8"),
        ("client_window", "<i8"),
        ("member_reasons", "<i8", (GROUP_MAX,)),
    ]
)
OUT_TYPE = record_type(OUT)
COMMAND_TYPE = record_type(COMMAND)
out_at = record_at(OUT)

# A slot's cache lines were last read by other cores: they are fetched back for writing so many events early.
PREFETCH_AHEAD = 8
HEAD_AT = EVENT.fields["type"][1]  # type: ignore[index]
PARTIES_AT = EVENT.fields["account"][1]  # type: ignore[index]
SESSION_AT = EVENT.fields["session"][1]  # type: ignore[index]
REJECTED = int(EventType.REJECTED)
LIST_ASSET, LIST_INSTRUMENT, BUST = int(Op.LIST_ASSET), int(Op.LIST_INSTRUMENT), int(Op.BUST)
CHANGE_INSTRUMENT, DELIST_ASSET = int(Op.CHANGE_INSTRUMENT), int(Op.DELIST_ASSET)
DEPOSIT, WITHDRAW = int(Op.DEPOSIT), int(Op.WITHDRAW)
DUPLICATE = int(Reason.DUPLICATE_CLIENT_ID)


@inline
def seal(address):
    """Write the record's checksum: its other 124 bytes are final."""
    event_at(address).crc = crc32c_record(address)


@inline
def head_word(kind, side, reason, symbol):
    """type, flags (none yet), side, reason and symbol as the one word that they are in memory."""
    return kind | (side << 16) | (reason << 24) | (symbol << 32)


@inline
def parties_word(account, maker_account):
    """account and maker_account as one word."""
    return account | (maker_account << 32)


@inline
def terms_word(account, order_type, tif, stp, order_flags):
    """account and the terms of an order as one word (EVENT_ORDER)."""
    return account | (order_type << 32) | (tif << 40) | (stp << 48) | (order_flags << 56)


@inline
def add_flag(address, flag):
    """Set a flag of a record that is not sealed: by the word, as the checksum reads it."""
    store_i64(address + HEAD_AT, load_i64(address + HEAD_AT) | (flag << 8))


@outline_of(int64(STATE_TYPE, OUT_TYPE, int64, int64))
def open_event(state, out, head, parties):
    """Start the next record; returns its address. Its other fields are zero or absent.

    Every field is written with its whole 8-byte word: the checksum reads words soon after, and a word put together
    from narrower stores would keep it waiting until all of them have left the store buffer.
    """
    if out.open != 0:
        seal(out.open)
    seq = state.seq + 1
    if out.ring != 0:
        ring_claim(out.ring, seq)
    address = out.slots + (seq & out.mask) * 128
    ahead = out.slots + ((seq + PREFETCH_AHEAD) & out.mask) * 128
    prefetch_write(ahead)
    prefetch_write(ahead + 64)
    for offset in range(56, 120, 8):
        store_i64(address + offset, 0)
    event = event_at(address)
    event.seq = seq
    event.ts_ns = out.ts_ns
    store_i64(address + HEAD_AT, head)
    event.order_id = 0
    event.client_id = NO_ID
    event.request_id = NO_ID
    store_i64(address + PARTIES_AT, parties)
    store_i64(address + SESSION_AT, out.session)
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


@inline
def request_for(out, order):
    """The same for an order that may be another account's than that of the request."""
    if out.account != order.account * 1:
        return NO_ID
    return request_of(out, order)


@outline_of(int64(STATE_TYPE, OUT_TYPE, COMMAND_TYPE, int64, int64))
def reject(state, out, command, reason, order_id):
    """Compose a refusal; the caller applies it."""
    symbol = NO_SYMBOL
    account = NO_ACCOUNT
    client_id = NO_ID
    # The others are views of a command: what stands at symbol and account there is something else.
    op = command.op * 1
    if op != LIST_ASSET and op != LIST_INSTRUMENT and op != CHANGE_INSTRUMENT and op != BUST:
        names_asset = op == DEPOSIT or op == WITHDRAW or op == DELIST_ASSET
        if not names_asset and is_listed(state, command.symbol * 1):
            symbol = command.symbol * 1
        account = command.account * 1
        if command.client_id >= 0:
            client_id = command.client_id
    address = open_event(state, out, head_word(REJECTED, 0, reason, symbol), parties_word(account, 0))
    event = event_at(address)
    event.order_id = order_id
    event.client_id = client_id
    return address


@inline
def name_symbol(address, symbol):
    """Put the symbol into a refusal that was composed without one."""
    head = load_i64(address + HEAD_AT)
    store_i64(address + HEAD_AT, low_u32(head) | (symbol << 32))


@outline
def reject_duplicate(state, out, command, account):
    """Refuse a client id that was used; names the first one's order while that is open."""
    order_id = 0
    slot = find_client(state, account, command.client_id)
    if slot != 0:
        order_id = order_at(state, slot).order_id
    return reject(state, out, command, DUPLICATE, order_id)
