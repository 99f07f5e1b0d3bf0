"""A group: several places of one account, all of which enter or none.

Its commands are consecutive records of one producer, all but the last with CMD_GROUP. What is published of a lane (or
given to an offline run) is all that there is: a run of such records that has no end there, is too long, or holds
something else than places is no group, and each of its records is answered `malformed` by itself.

Every member ends with FLAG_LAST, for it counts as a consumed command; all but the last have FLAG_MORE beside it, so
that nobody cuts the history inside a group.
"""

from numba import int64

from engine.accounts import client_id_is_new, find_account, use_client_id
from engine.apply import apply_event
from engine.checks import MALFORMED, NONE, place_is_malformed
from engine.compose import OUT_TYPE, reject, reject_duplicate
from engine.decide import PLACE, begin_answer, command_at, end_answer, is_account_op, time_of
from engine.matching import crosses
from engine.place import WOULD_CROSS, enter_limit, limit_frozen, limit_reason, value_reason
from engine.state import STATE_TYPE, account_at, instrument_at
from ringbuf.codes import (
    CMD_GROUP,
    CMD_POST_ONLY,
    FLAG_LAST,
    FLAG_MORE,
    GROUP_MAX,
    NO_ACCOUNT,
    OrderType,
    Reason,
    Side,
    SymbolState,
    Tif,
)
from ringbuf.jit import inline, outline, outline_of
from ringbuf.records import RECORD_SIZE

BUY, LIMIT, GTC, GTD = int(Side.BUY), int(OrderType.LIMIT), int(Tif.GTC), int(Tif.GTD)
DUPLICATE, UNKNOWN_ACCOUNT = int(Reason.DUPLICATE_CLIENT_ID), int(Reason.UNKNOWN_ACCOUNT)
GROUP_REFUSED = int(Reason.GROUP_REFUSED)
POST_ONLY_STATE = int(SymbolState.POST_ONLY)
MOST = int(GROUP_MAX)
PIECE = 64  # records of a run that is no group, answered at once; see EVENTS_BEYOND in engine.matching
RUN_LOOK = PIECE + MOST + 1  # so many records of a run tell how to take it


@inline
def _member(first, index):
    return command_at(first + index * RECORD_SIZE)


@outline
def _run_length(first, visible):
    """(records of the run that begins at an address, at most RUN_LOOK; whether it ends there and is all places)."""
    length = 0
    is_whole = True
    while length < visible and length < RUN_LOOK:
        command = _member(first, length)
        length += 1
        is_whole = is_whole and command.op == PLACE
        if command.flags & CMD_GROUP == 0:
            return length, is_whole
    return length, False


@outline
def _broken_reason(state, command):
    """Why a record is refused that stands in a run which is no group."""
    if is_account_op(command.op * 1) and _is_used(state, find_account(state, command.account * 1), command):
        return DUPLICATE
    return MALFORMED


@inline
def _is_used(state, account, command):
    """Was the client id used before by the account in a slot (-1: there is none)?"""
    if account < 0 or command.client_id < 0:
        return False
    return not client_id_is_new(account_at(state, account), command.client_id)


@outline
def _refuse(state, out, command, reason, flags):
    begin_answer(out, command)
    if reason == DUPLICATE:
        account = find_account(state, command.account * 1)
        apply_event(state, reject_duplicate(state, out, command, account))
    else:
        apply_event(state, reject(state, out, command, reason, 0))
    end_answer(state, out, flags)


@outline
def _decide_group(state, out, first, count):
    """All pass their checks against the state before the group, and enter one after another; or none enters."""
    _find_terms_reasons(state, out, first, count)
    _find_entry_reasons(state, out, first, count)
    passes = True
    for index in range(count):
        passes = passes and out.member_reasons[index] == NONE
    for index in range(count):
        command = _member(first, index)
        flags = FLAG_LAST if index == count - 1 else FLAG_LAST | FLAG_MORE
        if passes:
            begin_answer(out, command)
            out.account = find_account(state, command.account * 1)
            enter_limit(state, out, command, 0)
            end_answer(state, out, flags)
        else:
            reason = out.member_reasons[index] * 1
            _refuse(state, out, command, reason if reason != NONE else GROUP_REFUSED, flags)


@outline
def _find_terms_reasons(state, out, first, count):
    """The first two groups of reasons of each member into `out.member_reasons`."""
    account = find_account(state, _member(first, 0).account * 1)
    if account >= 0:  # client ids are used up one after another
        out.client_high = account_at(state, account).client_high
        out.client_window = account_at(state, account).client_window
    for index in range(count):
        out.member_reasons[index] = _terms_reason(state, out, _member(first, 0), _member(first, index), account)


@outline
def _terms_reason(state, out, leader, command, account):
    if command.account != leader.account:
        return DUPLICATE if _is_used(state, find_account(state, command.account * 1), command) else MALFORMED
    if account >= 0 and command.client_id >= 0:
        if not client_id_is_new(out, command.client_id):
            return DUPLICATE
        use_client_id(out, command.client_id)
    if command.client_id < 0 or command.account == NO_ACCOUNT or command.ts_ns != leader.ts_ns:
        return MALFORMED
    if command.refuse == MALFORMED or place_is_malformed(command) or command.order_type != LIMIT:
        return MALFORMED
    if command.tif != GTC and command.tif != GTD:
        return MALFORMED
    if account < 0:
        return UNKNOWN_ACCOUNT
    return value_reason(state, out, command, account)


@outline
def _find_entry_reasons(state, out, first, count):
    """The third group of reasons of those that have none yet: funds and room besides what those before it take."""
    passed = 0  # bit i: member i
    entering = 0
    for index in range(count):
        if out.member_reasons[index] == NONE:
            entering |= 1 << index
    for index in range(count):
        if (entering >> index) & 1 != 0:
            reason = _entry_reason(state, first, index, entering, passed)
            if reason == NONE:
                passed |= 1 << index
            out.member_reasons[index] = reason


@outline
def _entry_reason(state, first, index, entering, passed):
    command = _member(first, index)
    pays_with = _pays_with(state, command)
    promised = 0
    before = 0
    before_here = 0
    never_trades = (
        command.flags & CMD_POST_ONLY != 0 or instrument_at(state, command.symbol).symbol_state == POST_ONLY_STATE
    )
    for other_index in range(MOST):
        other = _member(first, other_index)
        if (entering >> other_index) & 1 != 0 and never_trades and _would_meet(command, other):
            return WOULD_CROSS
        if (passed >> other_index) & 1 != 0:
            before += 1
            if other.symbol == command.symbol:
                before_here += 1
            if _pays_with(state, other) == pays_with:
                promised += limit_frozen(state, other)
    return limit_reason(state, command, find_account(state, command.account * 1), 0, promised, before, before_here)


@inline
def _pays_with(state, command):
    instrument = instrument_at(state, command.symbol)
    if command.side == BUY:
        return instrument.quote * 1
    return instrument.base * 1


@inline
def _would_meet(command, other):
    """Would an order take the price of another one, if that rested?"""
    if other.symbol != command.symbol or other.side == command.side:
        return False
    return crosses(command.side * 1, command.price_ticks, other.price_ticks)


@outline_of(int64(STATE_TYPE, OUT_TYPE, int64, int64))
def decide_run(state, out, first, visible):
    """Answer the group that begins at an address, `visible` records being there; how many were answered.

    The time of all of them is the first one's. Precondition: the first has CMD_GROUP, and no steps are due at its
    time. No more events come of it than of one command.
    """
    out.count = 0
    out.ts_ns = time_of(state, out, first)
    length, is_whole = _run_length(first, visible)
    if is_whole and length <= MOST:
        _decide_group(state, out, first, length)
        return length
    if length > PIECE:  # what is left of it is too long for a group, too
        length -= MOST + 1
    for index in range(length):
        _refuse(state, out, _member(first, index), _broken_reason(state, _member(first, index)), FLAG_LAST)
    return length
