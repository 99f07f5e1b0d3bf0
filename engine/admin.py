"""Decisions about everything but orders: funds, listings, suspensions, busts, time."""

from engine.accounts import available, find_account, find_balance
from engine.apply import apply_event, asset_event_at, bust_event_at, event_at, is_busted
from engine.checks import BOOK_FULL, INSUFFICIENT_FUNDS, MALFORMED, NONE
from engine.compose import head_word, open_event, parties_word, reject
from engine.memory import LARGEST, load_i64, shift_right, store_i64
from engine.orders import EITHER_SIDE, UNKNOWN_ORDER, cancel_all
from engine.scales import tick_scale
from engine.state import INSTRUMENT_SIZE, account_at, asset_at, instrument_at
from ringbuf.codes import NO_ACCOUNT, NO_ID, NO_SYMBOL, EventType, Reason
from ringbuf.fields import record_at
from ringbuf.jit import inline, outline
from ringbuf.records import COMMAND_BUST, COMMAND_LIST_ASSET, COMMAND_LIST_INSTRUMENT, EVENT_LISTED_ASSET

asset_command_at = record_at(COMMAND_LIST_ASSET)
instrument_command_at = record_at(COMMAND_LIST_INSTRUMENT)
bust_command_at = record_at(COMMAND_BUST)

NAME_AT = COMMAND_LIST_ASSET.fields["name"][1]  # type: ignore[index]
EVENT_NAME_AT = EVENT_LISTED_ASSET.fields["name"][1]  # type: ignore[index]
LISTING_BYTES = 96
NAME_BYTES = 16
MAX_SUPPLY = 1 << 62

DEPOSITED, WITHDRAWN, BUSTED = int(EventType.DEPOSITED), int(EventType.WITHDRAWN), int(EventType.BUSTED)
LISTED_ASSET, LISTED_INSTRUMENT = int(EventType.LISTED_ASSET), int(EventType.LISTED_INSTRUMENT)
SUSPENDED, UNSUSPENDED = int(EventType.SUSPENDED), int(EventType.UNSUSPENDED)
TIME_PASSED = int(EventType.TIME)
SUPPLY_EXCEEDED, UNKNOWN_ACCOUNT = int(Reason.SUPPLY_EXCEEDED), int(Reason.UNKNOWN_ACCOUNT)
BY_RISK = int(Reason.RISK)
NOBODY = NO_ACCOUNT  # the parties' word of an event without an account


@outline
def decide_deposit(state, out, command, account):
    """Credit an account; the first accepted deposit begins it (account -1 here)."""
    amount = command.qty_lots
    reason = NONE
    if command.symbol >= state.asset_count or amount <= 0:
        reason = MALFORMED
    elif amount > MAX_SUPPLY - asset_at(state, command.symbol).supply:
        reason = SUPPLY_EXCEEDED
    elif state.balance_count >= state.max_balances or (account < 0 and state.account_count * 2 > state.account_mask):
        reason = BOOK_FULL
    if reason != NONE:
        apply_event(state, reject(state, out, command, reason, 0))
        return
    _move_funds(state, out, command, DEPOSITED)


@outline
def decide_withdraw(state, out, command, account):
    """Debit what is available."""
    reason = NONE
    if command.symbol >= state.asset_count or command.qty_lots <= 0:
        reason = MALFORMED
    elif command.qty_lots > available(state, account, command.symbol * 1):
        reason = INSUFFICIENT_FUNDS
    if reason != NONE:
        apply_event(state, reject(state, out, command, reason, 0))
        return
    _move_funds(state, out, command, WITHDRAWN)


@inline
def _move_funds(state, out, command, kind):
    head = head_word(kind, 0, 0, command.symbol * 1)
    address = open_event(state, out, head, parties_word(command.account * 1, 0))
    event = event_at(address)
    event.client_id = command.client_id
    event.qty_lots = command.qty_lots
    apply_event(state, address)


@outline
def _suspend(state, out, account):
    """Mark an account and end its orders."""
    parties = parties_word(account_at(state, account).key - 1, 0)
    apply_event(state, open_event(state, out, head_word(SUSPENDED, 0, 0, NO_SYMBOL), parties))
    cancel_all(state, out, account, NO_SYMBOL, EITHER_SIDE, BY_RISK, NO_ID)


@outline
def decide_suspension(state, out, command, kind):
    """Suspend or unsuspend; an account in debt stays suspended."""
    account = find_account(state, command.account * 1)
    if account < 0:
        reason = UNKNOWN_ACCOUNT
        if command.account == NO_ACCOUNT:
            reason = MALFORMED
        apply_event(state, reject(state, out, command, reason, 0))
    elif kind == SUSPENDED:
        _suspend(state, out, account)
    elif account_at(state, account).debts > 0:
        apply_event(state, reject(state, out, command, INSUFFICIENT_FUNDS, 0))
    else:
        parties = parties_word(command.account * 1, 0)
        apply_event(state, open_event(state, out, head_word(UNSUSPENDED, 0, 0, NO_SYMBOL), parties))


@outline
def decide_time(state, out):
    """Nothing but the time."""
    apply_event(state, open_event(state, out, head_word(TIME_PASSED, 0, 0, NO_SYMBOL), NOBODY))


@outline
def _name_is_sound(address):
    """1 to 16 of A-Z a-z 0-9 . _ - and then zeros: what every reader of a listing expects."""
    ended = False
    for offset in range(NAME_BYTES):
        letter = shift_right(load_i64(address + (offset & ~7)), 8 * (offset & 7)) & 255
        if letter == 0:
            ended = True
            continue
        alphanumeric = 48 <= letter <= 57 or 65 <= letter <= 90 or 97 <= letter <= 122
        if ended or not (alphanumeric or letter == 45 or letter == 46 or letter == 95):
            return False
    return (load_i64(address) & 255) != 0


@inline
def _same_name(address, other):
    return load_i64(address) == load_i64(other) and load_i64(address + 8) == load_i64(other + 8)


@outline
def decide_list_asset(state, out, command, address):
    """A new asset, with the next id."""
    asked = asset_command_at(address)
    good = _name_is_sound(address + NAME_AT) and asked.decimals <= 18
    for asset in range(state.asset_count):
        good = good and not _same_name(address + NAME_AT, state.assets + asset * 64)
    if not good or state.asset_count >= state.max_assets:
        apply_event(state, reject(state, out, command, BOOK_FULL if good else MALFORMED, 0))
        return
    target = open_event(state, out, head_word(LISTED_ASSET, 0, 0, state.asset_count), NOBODY)
    event = asset_event_at(target)
    for offset in range(0, LISTING_BYTES, 8):
        store_i64(target + EVENT_NAME_AT + offset, 0)
    store_i64(target + EVENT_NAME_AT, load_i64(address + NAME_AT))
    store_i64(target + EVENT_NAME_AT + 8, load_i64(address + NAME_AT + 8))
    event.decimals = asked.decimals
    apply_event(state, target)


@outline
def _instrument_is_sound(state, address):
    asked = instrument_command_at(address)
    if not _name_is_sound(address + NAME_AT) or asked.base >= state.asset_count or asked.quote >= state.asset_count:
        return False
    if asked.base == asked.quote or asked.lot_base_units <= 0 or asked.tick_lot_quote_units <= 0:
        return False
    if asked.price_min_ticks <= 0 or asked.price_min_ticks > asked.price_max_ticks:
        return False
    if asked.price_max_ticks > LARGEST // asked.tick_lot_quote_units:
        return False
    if asked.maker_fee_ppm > 1_000_000 or asked.taker_fee_ppm > 1_000_000:
        return False
    if asked.qty_min_lots < 0 or asked.qty_max_lots < 0 or asked.min_notional < 0:
        return False
    base_decimals = asset_at(state, asked.base).decimals
    quote_decimals = asset_at(state, asked.quote).decimals
    if tick_scale(asked.tick_lot_quote_units, asked.lot_base_units, base_decimals, quote_decimals)[0] == 0:
        return False
    for symbol in range(state.instrument_count):
        if _same_name(address + NAME_AT, state.instruments + symbol * INSTRUMENT_SIZE):
            return False
    return True


@outline
def decide_list_instrument(state, out, command, address):
    """A new instrument, with the next id."""
    good = _instrument_is_sound(state, address)
    if not good or state.instrument_count >= state.max_instruments:
        apply_event(state, reject(state, out, command, BOOK_FULL if good else MALFORMED, 0))
        return
    target = open_event(state, out, head_word(LISTED_INSTRUMENT, 0, 0, state.instrument_count), NOBODY)
    for offset in range(0, LISTING_BYTES, 8):
        store_i64(target + EVENT_NAME_AT + offset, load_i64(address + NAME_AT + offset))
    apply_event(state, target)


@outline
def _bust_is_sound(state, address):
    """Evidence of a trade that this state could have made and that was not undone before."""
    asked = bust_command_at(address)
    if asked.trade_seq <= 0 or asked.trade_seq > state.seq or asked.symbol >= state.instrument_count or asked.side > 1:
        return False
    taker = find_account(state, asked.account * 1)
    maker = find_account(state, asked.maker_account * 1)
    if taker < 0 or maker < 0 or asked.qty_lots <= 0 or asked.price_ticks <= 0 or asked.fee < 0 or asked.maker_fee < 0:
        return False
    instrument = instrument_at(state, asked.symbol)
    if asked.price_ticks > instrument.price_max_ticks:
        return False
    for asset in (instrument.base * 1, instrument.quote * 1):  # a trade began them: no bust fills the table
        if find_balance(state, taker, asset) < 0 or find_balance(state, maker, asset) < 0:
            return False
    base_supply = asset_at(state, instrument.base).supply
    quote_supply = asset_at(state, instrument.quote).supply
    lot_cost = asked.price_ticks * instrument.tick_lot_quote_units
    if asked.qty_lots > MAX_SUPPLY // instrument.lot_base_units or asked.qty_lots > MAX_SUPPLY // lot_cost:
        return False
    if asked.side == 0:
        fees_fit = asked.fee <= base_supply and asked.maker_fee <= quote_supply
    else:
        fees_fit = asked.fee <= quote_supply and asked.maker_fee <= base_supply
    return fees_fit and not is_busted(state, asked.trade_seq)


@outline
def decide_bust(state, out, command, address):
    """Undo a trade; who cannot return what it got goes below zero and is suspended."""
    if command.refuse != NONE or not _bust_is_sound(state, address):
        apply_event(state, reject(state, out, command, UNKNOWN_ORDER, 0))
        return
    if state.busted_count * 2 > state.busted_mask:
        apply_event(state, reject(state, out, command, BOOK_FULL, 0))
        return
    asked = bust_command_at(address)
    head = head_word(BUSTED, asked.side * 1, 0, asked.symbol * 1)
    target = open_event(state, out, head, parties_word(asked.account * 1, asked.maker_account * 1))
    event = bust_event_at(target)
    event.trade_seq = asked.trade_seq
    event.order_id = asked.order_id
    event.price_ticks = asked.price_ticks
    event.qty_lots = asked.qty_lots
    event.maker_order_id = asked.maker_order_id
    event.fee = asked.fee
    event.maker_fee = asked.maker_fee
    apply_event(state, target)
    for number in (asked.account * 1, asked.maker_account * 1):
        account = find_account(state, number)
        if account_at(state, account).debts > 0 and account_at(state, account).suspended == 0:
            _suspend(state, out, account)
