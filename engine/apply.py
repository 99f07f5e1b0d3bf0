"""`apply(state, record)`: the only code that changes engine state, from state and one event record alone.

The engine runs it right after composing a record; recovery, replica and audits run it over recorded events.
`apply_event` books what the record says; `finish_event` does what its flags say (they are known only once it is
clear what follows: FLAG_RESTS puts the active order into the book, FLAG_LAST counts its command as consumed).
Records come from the engine itself or from a journal whose checks passed; numbers in them are trusted, but ids
that name nothing end in a negative result, never in a write.
"""

from numba import int64

from engine.accounts import begin_account, find_account, move, use_client_id
from engine.apply_listing import apply_listing
from engine.apply_symbol import apply_state, apply_uncrossed, set_symbol_state, settle_due, trade_in_book
from engine.apply_waiting import apply_triggered, enter_ties, leave_any_queue, replace_terms
from engine.book import drop_order, enter_book, is_waiting_type, leave_book, new_order, slice_traded
from engine.idmap import find_order, key_hash
from engine.memory import load_i64, store_i64
from engine.state import (
    GONE,
    ICEBERG,
    STATE_TYPE,
    account_at,
    asset_at,
    instrument_at,
    level_at,
    order_at,
    terms_at,
)
from engine.waiting import enter_waiting, look_at_print
from ringbuf.codes import (
    CMD_POST_ONLY,
    FLAG_AUCTION,
    FLAG_LAST,
    FLAG_MORE,
    FLAG_RESTS,
    NO_ID,
    NO_SYMBOL,
    EventType,
    OrderType,
    Reason,
    Side,
    SymbolState,
    Tif,
)
from ringbuf.fields import record_at
from ringbuf.jit import inline, outline, outline_of
from ringbuf.records import EVENT, EVENT_BUST, EVENT_ORDER

event_at = record_at(EVENT)
order_event_at = record_at(EVENT_ORDER)
bust_event_at = record_at(EVENT_BUST)

ACCEPTED, REJECTED, TRADE, CANCELLED = (
    int(EventType.ACCEPTED),
    int(EventType.REJECTED),
    int(EventType.TRADE),
    int(EventType.CANCELLED),
)
AMENDED, TRIGGERED, BUSTED = int(EventType.AMENDED), int(EventType.TRIGGERED), int(EventType.BUSTED)
DEPOSITED, WITHDRAWN = int(EventType.DEPOSITED), int(EventType.WITHDRAWN)
SUSPENDED, UNSUSPENDED = int(EventType.SUSPENDED), int(EventType.UNSUSPENDED)
HALTED, RESUMED, MASS_CANCELLED = int(EventType.HALTED), int(EventType.RESUMED), int(EventType.MASS_CANCELLED)
STATE, UNCROSSED = int(EventType.STATE), int(EventType.UNCROSSED)
LISTED_ASSET, LISTED_INSTRUMENT = int(EventType.LISTED_ASSET), int(EventType.LISTED_INSTRUMENT)
CHANGED_INSTRUMENT = int(EventType.CHANGED_INSTRUMENT)  # and all behind it
BUY, MARKET, GTD = int(Side.BUY), int(OrderType.MARKET), int(Tif.GTD)
DUPLICATE = int(Reason.DUPLICATE_CLIENT_ID)
STATE_OPEN, STATE_HALTED = int(SymbolState.OPEN), int(SymbolState.HALTED)


@inline
def _accepted(state, address):
    event = order_event_at(address)
    account = find_account(state, event.account * 1)
    slot = new_order(state, event.order_id, account, event.client_id)
    order = order_at(state, slot)
    order.price_ticks = event.price_ticks
    order.leaves_lots = event.leaves_lots
    order.symbol = event.symbol
    order.side = event.side
    order.order_type = event.order_type
    order.tif = event.tif
    order.stp_flags = event.stp | ((event.order_flags & CMD_POST_ONLY) << 4)
    if is_waiting_type(event.order_type * 1) or event.tif == GTD or event.display_lots != 0:
        enter_ties(state, slot, address)
    instrument = instrument_at(state, event.symbol)
    instrument.open_orders += 1
    asset = instrument.quote * 1
    if event.side != BUY:
        asset = instrument.base * 1
    elif event.order_type == MARKET:
        terms_at(state, slot).frozen = -event.released
    move(state, account, asset, event.released, -event.released)
    use_client_id(account_at(state, account), event.client_id)
    state.active = slot


@inline
def _trade(state, address):
    event = event_at(address)
    taker_slot = state.active
    if taker_slot == 0 or order_at(state, taker_slot).order_id != event.order_id:
        taker_slot = find_order(state, event.order_id)
    maker_slot = find_order(state, event.maker_order_id)
    if taker_slot == 0 or maker_slot == 0:
        return -1
    taker = order_at(state, taker_slot)
    maker = order_at(state, maker_slot)
    instrument = instrument_at(state, event.symbol)
    base = instrument.base * 1
    quote = instrument.quote * 1
    cost = event.qty_lots * event.price_ticks * instrument.tick_lot_quote_units
    units = event.qty_lots * instrument.lot_base_units
    if event.side == BUY:
        move(state, taker.account * 1, quote, event.released - cost, -event.released)
        move(state, taker.account * 1, base, units - event.fee, 0)
        move(state, maker.account * 1, base, 0, -units)
        move(state, maker.account * 1, quote, cost - event.maker_fee, 0)
        asset_at(state, base).fees += event.fee
        asset_at(state, quote).fees += event.maker_fee
        if taker.order_type == MARKET:
            terms_at(state, taker_slot).frozen -= event.released
    else:
        move(state, taker.account * 1, base, 0, -units)
        move(state, taker.account * 1, quote, cost - event.fee, 0)
        move(state, maker.account * 1, quote, 0, -cost)
        move(state, maker.account * 1, base, units - event.maker_fee, 0)
        asset_at(state, quote).fees += event.fee
        asset_at(state, base).fees += event.maker_fee
    if event.flags & FLAG_AUCTION != 0:
        trade_in_book(state, taker_slot, maker_slot, event.price_ticks, event.qty_lots)
        return 0
    taker.leaves_lots -= event.qty_lots
    if taker.leaves_lots == 0:
        drop_order(state, taker_slot)
    level_at(state, maker.level).total_lots -= event.qty_lots
    maker.leaves_lots -= event.qty_lots
    if maker.stp_flags & ICEBERG != 0:
        slice_traded(state, maker_slot, event.qty_lots)
    if maker.leaves_lots == 0:
        leave_book(state, maker_slot)
        drop_order(state, maker_slot)
    instrument.last_price_ticks = event.price_ticks
    if event.price_ticks >= instrument.print_above or event.price_ticks <= instrument.print_below:
        look_at_print(state, event.symbol * 1, event.price_ticks)
    return 0


@inline
def _frozen_asset(state, order):
    instrument = instrument_at(state, order.symbol)
    if order.side == BUY:
        return instrument.quote * 1
    return instrument.base * 1


@inline
def _cancelled(state, address):
    event = event_at(address)
    slot = find_order(state, event.order_id)
    if slot == 0:
        return -1
    order = order_at(state, slot)
    move(state, order.account * 1, _frozen_asset(state, order), event.released, -event.released)
    if is_waiting_type(order.order_type * 1):
        leave_any_queue(state, slot)
    elif order.level != 0:
        leave_book(state, slot)
    if event.request_id != NO_ID:
        use_client_id(account_at(state, order.account), event.request_id)
    drop_order(state, slot)
    return 0


@outline
def _amended(state, address):
    event = order_event_at(address)
    slot = find_order(state, event.order_id)
    if slot == 0:
        return -1
    order = order_at(state, slot)
    account = order.account * 1
    move(state, account, _frozen_asset(state, order), event.released, -event.released)
    if event.request_id != NO_ID:
        use_client_id(account_at(state, account), event.request_id)
    replace_terms(state, slot, address)
    return 0


@outline
def _triggered(state, address):
    event = order_event_at(address)
    slot = find_order(state, event.order_id)
    if slot == 0:
        return -1
    order = order_at(state, slot)
    move(state, order.account * 1, _frozen_asset(state, order), event.released, -event.released)
    apply_triggered(state, slot)
    return 0


@outline
def _funds(state, address):
    event = event_at(address)
    account = find_account(state, event.account * 1)
    amount = event.qty_lots
    if event.type == WITHDRAWN:
        amount = -amount
    elif account < 0:
        account = begin_account(state, event.account * 1)
    move(state, account, event.symbol * 1, amount, 0)
    asset_at(state, event.symbol).supply += amount
    use_client_id(account_at(state, account), event.client_id)


@inline
def is_busted(state, trade_seq):
    """Was a bust of this trade applied before?"""
    position = key_hash(state, trade_seq) & state.busted_mask
    while True:
        found = load_i64(state.busted + position * 8)
        if found == 0 or found == trade_seq:
            return found == trade_seq
        position = (position + 1) & state.busted_mask


@outline
def _busted(state, address):
    event = bust_event_at(address)
    instrument = instrument_at(state, event.symbol)
    base = instrument.base * 1
    quote = instrument.quote * 1
    cost = event.qty_lots * event.price_ticks * instrument.tick_lot_quote_units
    units = event.qty_lots * instrument.lot_base_units
    taker = find_account(state, event.account * 1)
    maker = find_account(state, event.maker_account * 1)
    if event.side == BUY:
        move(state, taker, quote, cost, 0)
        move(state, taker, base, event.fee - units, 0)
        move(state, maker, base, units, 0)
        move(state, maker, quote, event.maker_fee - cost, 0)
        asset_at(state, base).fees -= event.fee
        asset_at(state, quote).fees -= event.maker_fee
    else:
        move(state, taker, base, units, 0)
        move(state, taker, quote, event.fee - cost, 0)
        move(state, maker, quote, cost, 0)
        move(state, maker, base, event.maker_fee - units, 0)
        asset_at(state, quote).fees -= event.fee
        asset_at(state, base).fees -= event.maker_fee
    position = key_hash(state, event.trade_seq) & state.busted_mask
    while load_i64(state.busted + position * 8) != 0:
        position = (position + 1) & state.busted_mask
    store_i64(state.busted + position * 8, event.trade_seq)
    state.busted_count += 1


@outline
def _switch(state, address):
    """Suspend, unsuspend, halt, resume, refusals, mass cancel's end: marks on accounts and symbols."""
    event = event_at(address)
    kind = event.type * 1
    if kind == HALTED or kind == RESUMED:
        for symbol in range(state.instrument_count):
            is_meant = event.symbol == NO_SYMBOL or event.symbol == symbol
            if is_meant and instrument_at(state, symbol).symbol_state != GONE:
                set_symbol_state(state, symbol, STATE_HALTED if kind == HALTED else STATE_OPEN)
        return
    account = find_account(state, event.account * 1)
    if account < 0:
        return
    if kind == SUSPENDED:
        account_at(state, account).suspended = 1
    elif kind == UNSUSPENDED:
        account_at(state, account).suspended = 0
    elif kind == MASS_CANCELLED or (kind == REJECTED and event.reason != DUPLICATE):
        if event.client_id != NO_ID:
            use_client_id(account_at(state, account), event.client_id)


@outline_of(int64(STATE_TYPE, int64))
def apply_event(state, address):
    """Book one event; 0, or -1 where it names an order that is not there (a broken history)."""
    event = event_at(address)
    state.seq = event.seq
    state.ts_ns = event.ts_ns
    kind = event.type * 1
    if kind == ACCEPTED:
        _accepted(state, address)
    elif kind == TRADE:
        return _trade(state, address)
    elif kind == CANCELLED:
        return _cancelled(state, address)
    elif kind == AMENDED:
        return _amended(state, address)
    elif kind == TRIGGERED:
        return _triggered(state, address)
    elif kind == DEPOSITED or kind == WITHDRAWN:
        _funds(state, address)
    elif kind == BUSTED:
        _busted(state, address)
    elif kind == STATE:
        apply_state(state, address)
    elif kind == UNCROSSED:
        apply_uncrossed(state, event.symbol * 1, event.price_ticks, event.qty_lots)
    elif kind == LISTED_ASSET or kind == LISTED_INSTRUMENT or kind >= CHANGED_INSTRUMENT:
        return apply_listing(state, address)
    else:
        _switch(state, address)
    return 0


@inline
def finish_event(state, address):
    """What the flags ask for; on the engine's side called once they are final."""
    event = event_at(address)
    if event.flags & FLAG_RESTS != 0 and state.active != 0:
        if is_waiting_type(order_at(state, state.active).order_type * 1):
            enter_waiting(state, state.active)
        else:
            enter_book(state, state.active)
    if event.flags & FLAG_LAST != 0:
        state.active = 0
        if state.due_head != 0 and event.flags & FLAG_MORE == 0:  # what a group sets going waits for all of it
            settle_due(state)
        lane = state.lanes + (event.session >> 24) * 8
        store_i64(lane, load_i64(lane) + 1)
