"""`decide(state, command)`: from a command to the events that answer it, one at a time, each applied at once.

The refusals that every account command shares come first: a used client id, words that make no sense,
an account that has not begun.
"""

from numba import int64, void

from engine.accounts import client_id_is_new, find_account
from engine.admin import (
    SUSPENDED,
    UNKNOWN_ACCOUNT,
    UNSUSPENDED,
    decide_bust,
    decide_deposit,
    decide_suspension,
    decide_time,
    decide_withdraw,
)
from engine.amend import decide_amend
from engine.apply import apply_event, finish_event
from engine.checks import MALFORMED
from engine.compose import OUT_TYPE, add_flag, reject, reject_duplicate, seal
from engine.listing import (
    decide_change_instrument,
    decide_delist_asset,
    decide_delist_instrument,
    decide_list_asset,
    decide_list_instrument,
)
from engine.orders import decide_cancel, decide_mass_cancel
from engine.place import decide_place, decide_replace
from engine.state import STATE_TYPE, account_at
from engine.symbols import decide_halt, decide_state
from ringbuf.codes import CMD_DISCONNECT, FLAG_LAST, NO_ACCOUNT, EventType, Op
from ringbuf.fields import record_at
from ringbuf.jit import inline, outline, outline_of
from ringbuf.records import COMMAND

command_at = record_at(COMMAND)

PLACE, CANCEL, AMEND, MASS_CANCEL = int(Op.PLACE), int(Op.CANCEL), int(Op.AMEND), int(Op.MASS_CANCEL)
DEPOSIT, WITHDRAW, OP_MALFORMED, TIME = int(Op.DEPOSIT), int(Op.WITHDRAW), int(Op.MALFORMED), int(Op.TIME)
LIST_ASSET, LIST_INSTRUMENT, BUST = int(Op.LIST_ASSET), int(Op.LIST_INSTRUMENT), int(Op.BUST)
CHANGE_INSTRUMENT = int(Op.CHANGE_INSTRUMENT)
DELIST_INSTRUMENT, DELIST_ASSET = int(Op.DELIST_INSTRUMENT), int(Op.DELIST_ASSET)
SUSPEND, UNSUSPEND, HALT, RESUME = int(Op.SUSPEND), int(Op.UNSUSPEND), int(Op.HALT), int(Op.RESUME)
REPLACE, STATE = int(Op.REPLACE), int(Op.STATE)
HALTED, RESUMED = int(EventType.HALTED), int(EventType.RESUMED)


@inline
def _decide_account(state, out, command):
    """A command of an account: funds and orders, and text that could not be read."""
    op = command.op * 1
    account = find_account(state, command.account * 1)
    out.account = account
    if account >= 0 and command.client_id >= 0:
        if not client_id_is_new(account_at(state, account), command.client_id):
            apply_event(state, reject_duplicate(state, out, command, account))
            return
    malformed = op == OP_MALFORMED or command.refuse == MALFORMED
    if command.client_id < 0 and (op != MASS_CANCEL or command.flags & CMD_DISCONNECT == 0):
        malformed = True
    if malformed or command.account == NO_ACCOUNT:
        apply_event(state, reject(state, out, command, MALFORMED, 0))
    elif account < 0 and op != DEPOSIT:
        apply_event(state, reject(state, out, command, UNKNOWN_ACCOUNT, 0))
    elif op == PLACE:
        decide_place(state, out, command, account, 0)
    elif op == REPLACE:
        decide_replace(state, out, command, account)
    elif op == CANCEL:
        decide_cancel(state, out, command, account)
    elif op == AMEND:
        decide_amend(state, out, command, account)
    elif op == MASS_CANCEL:
        decide_mass_cancel(state, out, command, account)
    elif op == DEPOSIT:
        decide_deposit(state, out, command, account)
    else:
        decide_withdraw(state, out, command, account)


@outline
def _decide_admin(state, out, command, address):
    """Commands of the operator."""
    op = command.op * 1
    if command.refuse == MALFORMED:
        apply_event(state, reject(state, out, command, MALFORMED, 0))
    elif op == STATE:
        decide_state(state, out, command)
    elif op == LIST_ASSET:
        decide_list_asset(state, out, command, address)
    elif op == LIST_INSTRUMENT:
        decide_list_instrument(state, out, command, address)
    elif op == CHANGE_INSTRUMENT:
        decide_change_instrument(state, out, command, address)
    elif op == DELIST_INSTRUMENT:
        decide_delist_instrument(state, out, command)
    elif op == DELIST_ASSET:
        decide_delist_asset(state, out, command)
    elif op == SUSPEND:
        decide_suspension(state, out, command, SUSPENDED)
    elif op == UNSUSPEND:
        decide_suspension(state, out, command, UNSUSPENDED)
    elif op == HALT:
        decide_halt(state, out, command, HALTED)
    elif op == RESUME:
        decide_halt(state, out, command, RESUMED)
    elif op == BUST:
        decide_bust(state, out, command, address)
    elif op == TIME:
        decide_time(state, out)
    else:
        apply_event(state, reject(state, out, command, MALFORMED, 0))


@inline
def time_of(state, out, address):
    """The time at which a command comes: its own, else now; never before what was seen."""
    ts_ns = command_at(address).ts_ns
    if ts_ns == 0:
        ts_ns = out.now_ns
    if ts_ns > state.ts_ns:
        return ts_ns
    return state.ts_ns


@inline
def is_account_op(op):
    """Ops whose commands carry an account and a client id."""
    return op == OP_MALFORMED or (op >= DEPOSIT and op <= MASS_CANCEL) or op == REPLACE


@inline
def begin_answer(out, command):
    """From here on the events are this command's; their time and how many there may be is the caller's."""
    out.open = 0
    out.session = command.session
    out.ingress_ns = command.ingress_ns
    out.client_id = command.client_id
    out.account = -1


@inline
def end_answer(state, out, flags):
    """The last event of a command is known: FLAG_LAST, and FLAG_MORE where its group goes on."""
    add_flag(out.open, flags)
    finish_event(state, out.open)
    seal(out.open)


@outline_of(void(STATE_TYPE, OUT_TYPE, int64))
def decide(state, out, address):
    """Answer the command at an address with one or more events, the last one flagged and sealed.

    Precondition: no steps are due at the command's time (`engine.steps.take_steps`).
    """
    command = command_at(address)
    out.count = 0
    out.ts_ns = time_of(state, out, address)
    begin_answer(out, command)
    if is_account_op(command.op * 1):
        _decide_account(state, out, command)
    else:
        _decide_admin(state, out, command, address)
    end_answer(state, out, FLAG_LAST)
