"""Accounts, their client-id windows and balances. Only `engine.apply` calls what changes them."""

from engine.memory import shift_right, swap_bytes
from engine.state import account_at, balance_at
from ringbuf.jit import inline, outline


@inline
def account_home(state, number):
    """The slot in which an account is looked for first."""
    return swap_bytes(number * state.key_mix) & state.account_mask


@inline
def find_account(state, number):
    """Slot of an account by its number, -1 where it has not begun."""
    position = account_home(state, number)
    while True:
        key = account_at(state, position).key
        if key == number + 1:
            return position
        if key == 0:
            return -1
        position = (position + 1) & state.account_mask


@outline
def begin_account(state, number):
    """Make an account. Precondition: it is not there and the table has room."""
    position = account_home(state, number)
    while account_at(state, position).key != 0:
        position = (position + 1) & state.account_mask
    account = account_at(state, position)
    account.key = number + 1
    account.client_high = -1
    account.rank = state.account_count
    state.account_count += 1
    return position


@inline
def balance_home(state, account, asset):
    """The slot in which a balance is looked for first. Four of an account's assets lie side by side, so that base and
    quote share a cache line where they are near; more would make long runs of the accounts that hold many."""
    group = account * state.owner_mix + (asset >> 2) * state.key_mix
    return ((swap_bytes(group) << 2) | (asset & 3)) & state.balance_mask


@inline
def find_balance(state, account, asset):
    """Slot of a balance by account slot and asset, -1 where there is none."""
    key = ((account << 32) | asset) + 1
    position = balance_home(state, account, asset)
    while True:
        found = balance_at(state, position).key
        if found == key:
            return position
        if found == 0:
            return -1
        position = (position + 1) & state.balance_mask


@inline
def available(state, account, asset):
    """What an account can spend of an asset, in minor units."""
    position = find_balance(state, account, asset)
    if position < 0:
        return 0
    return balance_at(state, position).available


@outline
def _begin_balance(state, account, asset):
    position = balance_home(state, account, asset)
    while balance_at(state, position).key != 0:
        position = (position + 1) & state.balance_mask
    balance_at(state, position).key = ((account << 32) | asset) + 1
    state.balance_count += 1
    return position


@inline
def move(state, account, asset, to_available, to_frozen):
    """Add to a balance; keeps count of balances below zero (only a bust makes one)."""
    position = find_balance(state, account, asset)
    if position < 0:
        position = _begin_balance(state, account, asset)
    balance = balance_at(state, position)
    before = balance.available
    after = before + to_available
    balance.available = after
    balance.frozen += to_frozen
    if (before < 0) != (after < 0):
        if after < 0:
            account_at(state, account).debts += 1
        else:
            account_at(state, account).debts -= 1


@inline
def client_id_is_new(account, client_id):
    """Above the highest seen, or unseen within the 64 below it (as in RFC 4303's anti-replay window)."""
    high = account.client_high
    if client_id > high:
        return True
    if client_id == high or client_id < high - 64:
        return False
    return (shift_right(account.client_window, high - 1 - client_id) & 1) == 0


@inline
def use_client_id(account, client_id):
    """Remember an id as seen; remembering it again changes nothing."""
    high = account.client_high
    if client_id > high:
        shift = client_id - high
        if high < 0 or shift > 64:
            account.client_window = 0
        elif shift == 64:
            account.client_window = 1 << 63
        else:
            account.client_window = (account.client_window << shift) | (1 << (shift - 1))
        account.client_high = client_id
    elif client_id < high and client_id >= high - 64:
        account.client_window |= 1 << (high - 1 - client_id)
