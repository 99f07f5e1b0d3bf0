"""Decisions about everything but orders, listings and symbols' states: funds, suspensions, busts, time."""

from engine.accounts import available, find_account, find_balance
from engine.apply import apply_event, bust_event_at, event_at, is_busted
from engine.checks import BOOK_FULL, INSUFFICIENT_FUNDS, MALFORMED, NONE, holds_both
from engine.compose import head_word, open_event, parties_word, reject
from engine.memory import LARGEST
from engine.orders import EITHER_SIDE, UNKNOWN_ORDER, cancel_all
from engine.state import account_at, asset_at, instrument_at
from ringbuf.codes import NO_ACCOUNT, NO_ID, NO_SYMBOL, EventType, Reason
from ringbuf.fields import record_at
from ringbuf.jit import inline, outline
from ringbuf.records import COMMAND_BUST

bust_command_at = record_at(COMMAND_BUST)

MAX_SUPPLY = 1 << 62

DEPOSITED, WITHDRAWN, BUSTED = int(EventType.DEPOSITED), int(EventType.WITHDRAWN), int(EventType.BUSTED)
SUSPENDED, UNSUSPENDED = int(EventType.SUSPENDED), int(EventType.UNSUSPENDED)
TIME_PASSED = int(EventType.TIME)
SUPPLY_EXCEEDED, UNKNOWN_ACCOUNT = int(Reason.SUPPLY_EXCEEDED), int(Reason.UNKNOWN_ACCOUNT)
BY_RISK = int(Reason.RISK)
NOBODY = NO_ACCOUNT  # the parties' word of an event without an account


@inline
def _has_no_room(state, account, asset):
    """Would a deposit begin an account or a balance for which there is no cell?"""
    is_full = state.balance_count >= state.max_balances
    if account < 0:
        return is_full or state.account_count * 2 > state.account_mask
    return is_full and find_balance(state, account, asset) < 0


@outline
def decide_deposit(state, out, command, account):
    """Credit an account; the first accepted deposit begins it (account -1 here)."""
    amount = command.qty_lots
    reason = NONE
    if command.symbol >= state.asset_count or amount <= 0 or asset_at(state, command.symbol).is_delisted != 0:
        reason = MALFORMED
    elif amount > MAX_SUPPLY - asset_at(state, command.symbol).supply:
        reason = SUPPLY_EXCEEDED
    elif _has_no_room(state, account, command.symbol * 1):
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
    if asked.price_ticks > LARGEST // instrument.tick_lot_quote_units:  # its band may have been another then
        return False
    if not holds_both(state, taker, asked.symbol * 1) or not holds_both(state, maker, asked.symbol * 1):
        return False  # a trade would have begun these balances: no bust fills the table
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
