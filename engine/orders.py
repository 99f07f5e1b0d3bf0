"""Decisions about open orders: cancel, mass cancel, and how a command names its order."""

from engine.apply import apply_event, event_at
from engine.checks import MALFORMED, NONE, UNKNOWN_SYMBOL
from engine.compose import head_word, open_event, parties_word, reject
from engine.idmap import find_client, find_order
from engine.levels import best_level
from engine.matching import crosses, end_order
from engine.state import PAIRED, account_at, is_listed, level_at, order_at, terms_at
from ringbuf.codes import (
    CMD_DISCONNECT,
    CMD_ONE_SIDE,
    NO_ID,
    NO_SYMBOL,
    EventType,
    Reason,
    Side,
)
from ringbuf.jit import inline, outline

MASS_CANCELLED = int(EventType.MASS_CANCELLED)
BUY = int(Side.BUY)
UNKNOWN_ORDER = int(Reason.UNKNOWN_ORDER)
USER, BY_MASS_CANCEL, DISCONNECT = int(Reason.USER), int(Reason.MASS_CANCEL), int(Reason.DISCONNECT)
EITHER_SIDE = 2


@inline
def touches(state, symbol, side, limit_ticks, without):
    """Would an order with this limit trade at once, the one in slot `without` (0 = none) left out of account?"""
    best = best_level(state, symbol, 1 - side, without)
    return best != 0 and crosses(side, limit_ticks, level_at(state, best).price_ticks)


@inline
def target_of(state, command, account):
    """Slot of the account's own open order that a command names, 0 if there is none."""
    if command.order_id != 0:
        slot = find_order(state, command.order_id)
        if slot != 0 and order_at(state, slot).account != account:
            return 0
        return slot
    return find_client(state, account, command.orig_client_id)


@inline
def names_target(command):
    """Does a command name an order at all?"""
    return command.order_id > 0 or (command.order_id == 0 and command.orig_client_id >= 0)


@inline
def decide_cancel(state, out, command, account):
    """End one order of the account."""
    if not names_target(command):
        apply_event(state, reject(state, out, command, MALFORMED, 0))
        return
    slot = target_of(state, command, account)
    if slot == 0:
        apply_event(state, reject(state, out, command, UNKNOWN_ORDER, 0))
        return
    end_order(state, out, slot, USER, command.client_id)


@outline
def cancel_all(state, out, account, symbol, side, reason, request_id):
    """End an account's orders, oldest acceptance first; of one symbol or all, of one side or EITHER_SIDE. How many."""
    before = out.count
    slot = account_at(state, account).orders_head * 1
    while slot != 0:
        order = order_at(state, slot)
        following = order.account_next * 1
        if (symbol == NO_SYMBOL or order.symbol == symbol) and (side == EITHER_SIDE or order.side == side):
            if order.stp_flags & PAIRED != 0 and terms_at(state, slot).pair == following:  # it ends with this one
                following = order_at(state, following).account_next * 1
            end_order(state, out, slot, reason, request_id)
        slot = following
    return out.count - before


@outline
def decide_mass_cancel(state, out, command, account):
    """End all orders of the account, or those of one symbol or side; says how many."""
    symbol = command.symbol * 1
    side = EITHER_SIDE
    if command.flags & CMD_ONE_SIDE != 0:
        side = command.side * 1
    reason = NONE
    if command.refuse != NONE or (symbol != NO_SYMBOL and not is_listed(state, symbol)):
        reason = UNKNOWN_SYMBOL
    elif command.flags & CMD_ONE_SIDE != 0 and command.side > 1:
        reason = MALFORMED
    if reason != NONE:
        apply_event(state, reject(state, out, command, reason, 0))
        return
    why = BY_MASS_CANCEL
    request_id = command.client_id
    if command.flags & CMD_DISCONNECT != 0:
        why = DISCONNECT
        request_id = NO_ID
    count = cancel_all(state, out, account, symbol, side, why, request_id)
    head = head_word(MASS_CANCELLED, 0, 0, symbol)
    address = open_event(state, out, head, parties_word(command.account * 1, 0))
    event = event_at(address)
    event.client_id = request_id
    event.qty_lots = count
    apply_event(state, address)
