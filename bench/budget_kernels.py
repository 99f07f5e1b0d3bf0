"""Parts of the engine's work alone, over the events of a real run: what each costs when nothing else is done."""

import ringbuf.jit  # noqa: F401  (names the compile cache before kernels are made)
from engine.accounts import client_id_is_new, find_account, use_client_id
from engine.apply import event_at
from engine.book import drop_order, new_order
from engine.compose import HEAD_AT, PARTIES_AT, open_event, out_at
from engine.idmap import find_order
from engine.memory import load_i64
from engine.state import account_at, state_at
from ringbuf.checksum import crc32c_record
from ringbuf.codes import NO_ID, EventType
from ringbuf.jit import kernel_of

ACCEPTED, TRADE, CANCELLED = int(EventType.ACCEPTED), int(EventType.TRADE), int(EventType.CANCELLED)
AMENDED, REJECTED = int(EventType.AMENDED), int(EventType.REJECTED)


@kernel_of("int64(int64, int64, int64)")
def ids_alone(state_address, events, count):  # type: ignore[no-untyped-def]
    """Accounts found, client ids checked and used; orders given a slot, entered in both id tables and the account's
    chain, found, and removed again. They stand in no queue."""
    state = state_at(state_address)
    found = 0
    for i in range(count):
        event = event_at(events + i * 128)
        kind = event.type * 1
        account = -1
        asked = event.request_id
        if kind == ACCEPTED or kind == REJECTED:
            asked = event.client_id
        if kind != TRADE and asked != NO_ID:
            account = find_account(state, event.account * 1)
            if client_id_is_new(account_at(state, account), asked):
                found += 1
            use_client_id(account_at(state, account), asked)
        if kind == ACCEPTED:
            found += find_account(state, event.account * 1)  # once to decide, once to apply
            new_order(state, event.order_id, account, event.client_id)
        elif kind == TRADE:
            maker = find_order(state, event.maker_order_id)
            if event.maker_leaves_lots == 0:
                drop_order(state, maker)
            if event.leaves_lots == 0:
                drop_order(state, find_order(state, event.order_id))
        elif kind == CANCELLED or kind == AMENDED:
            found += find_order(state, event.order_id)
            if asked != NO_ID:
                found += find_order(state, event.order_id)
            if kind == CANCELLED:
                drop_order(state, find_order(state, event.order_id))
        elif kind == REJECTED:
            found += find_order(state, event.seq)  # is no order's id, as the one that was asked for
    return found


@kernel_of("void(int64, int64, int64, int64)")
def records_alone(state_address, out_address, events, count):  # type: ignore[no-untyped-def]
    """Each event's record written again from its fields: opened, filled word by word."""
    state = state_at(state_address)
    out = out_at(out_address)
    for i in range(count):
        source = events + i * 128
        event = event_at(source)
        out.ts_ns = event.ts_ns
        address = open_event(state, out, load_i64(source + HEAD_AT), load_i64(source + PARTIES_AT))
        composed = event_at(address)
        composed.order_id = event.order_id
        composed.client_id = event.client_id
        composed.request_id = event.request_id
        composed.price_ticks = event.price_ticks
        composed.qty_lots = event.qty_lots
        composed.leaves_lots = event.leaves_lots
        composed.released = event.released
        if event.type == TRADE:
            composed.maker_order_id = event.maker_order_id
            composed.maker_leaves_lots = event.maker_leaves_lots
            composed.fee = event.fee
            composed.maker_fee = event.maker_fee
        state.seq += 1


@kernel_of("int64(int64, int64, int64)")
def checksums_alone(slots, mask, count):  # type: ignore[no-untyped-def]
    """The checksum of so many records of a ring, one after another."""
    folded = 0
    for i in range(count):
        folded ^= crc32c_record(slots + (i & mask) * 128)
    return folded
