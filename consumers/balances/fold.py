"""Balances after each change of a batch, and the ledger lines that say so. Pure: arrays in, arrays out."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from consumers.funds import I64, Entries
from ringbuf.codes import EventType

# One line of the ledger. `prev` is the index of the account's line before it, -1 = none.
LEDGER = np.dtype(
    [
        ("prev", "<i8"),
        ("seq", "<i8"),
        ("ts_ns", "<i8"),
        ("d_available", "<i8"),  # minor units of the asset, here and below
        ("d_frozen", "<i8"),
        ("available", "<i8"),  # after this change
        ("frozen", "<i8"),
        ("account", "<u4"),
        ("asset", "<u2"),
        ("type", "u1"),  # EventType
        ("spare", "u1"),
    ]
)
assert LEDGER.itemsize == 64

ASSET_LIMIT = 1 << 16  # what a ledger line can name


def keys_of(account: I64, asset: I64) -> I64:
    """One number for a balance; its order is by asset, then account."""
    return (asset << 32) | account


class Folded(NamedTuple):
    """What a batch did. `ledger` is in booking order, its `prev` still to be linked; `keys` are the balances
    touched, sorted; `available` and `frozen` their new amounts; `broken` indexes ledger lines that
    went below zero by something else than a bust."""

    ledger: NDArray[np.void]
    keys: I64
    available: I64
    frozen: I64
    broken: I64


def touched(entries: Entries) -> I64:
    """Keys of the balances that `fold` will want, sorted, each once."""
    return np.unique(keys_of(entries.account, entries.asset))


def fold(events: NDArray[np.void], entries: Entries, keys: I64, available: I64, frozen: I64) -> Folded:
    """Book `entries` of `events` on the balances `keys` (sorted, as `touched` gives them).

    Changes of nothing leave no line. Sums may wrap inside the cumulative sum, never in its differences.
    """
    assert len(keys) == len(available) == len(frozen)
    assert int(entries.asset.max(initial=0)) < ASSET_LIMIT, "the ledger names at most 65 536 assets"
    moves = np.flatnonzero((entries.d_available != 0) | (entries.d_frozen != 0))
    row = np.searchsorted(keys, keys_of(entries.account[moves], entries.asset[moves]))
    order = np.argsort(row, kind="stable")
    ledger = np.zeros(len(moves), LEDGER)
    at = entries.event[moves]
    ledger["seq"], ledger["ts_ns"], ledger["type"] = events["seq"][at], events["ts_ns"][at], events["type"][at]
    ledger["account"], ledger["asset"] = entries.account[moves], entries.asset[moves]
    ledger["d_available"], ledger["d_frozen"] = entries.d_available[moves], entries.d_frozen[moves]
    new_available = _running(ledger, "d_available", "available", order, row, available)
    new_frozen = _running(ledger, "d_frozen", "frozen", order, row, frozen)
    below = ((ledger["d_available"] < 0) & (ledger["available"] < 0)) | (
        (ledger["d_frozen"] < 0) & (ledger["frozen"] < 0)
    )
    broken = np.flatnonzero(below & (ledger["type"] != EventType.BUSTED))
    return Folded(ledger, keys, new_available, new_frozen, broken)


def _running(ledger: NDArray[np.void], change: str, after: str, order: I64, row: I64, start: I64) -> I64:
    """Write the amount after each change into column `after`; the amounts at the end."""
    end = start.copy()
    if not len(order):
        return end
    sorted_row = row[order]
    change_sorted = ledger[change][order]
    total = np.cumsum(change_sorted)
    first = np.flatnonzero(np.diff(sorted_row, prepend=-1))
    before = total[first] - change_sorted[first]
    lengths = np.diff(np.append(first, len(order)))
    amounts = total - np.repeat(before, lengths) + start[sorted_row]
    ledger[after][order] = amounts
    last = np.append(first[1:], len(order)) - 1
    end[sorted_row[last]] = amounts[last]
    return end


def link(ledger: NDArray[np.void], first_index: int, accounts: I64, heads: I64) -> I64:
    """Chain each account's lines: fills `prev`; line i stands at `first_index` + i.

    accounts: the sorted accounts of the batch; heads: index of each one's last line, -1 = none.
    Returns the new heads.
    """
    row = np.searchsorted(accounts, ledger["account"].astype(np.int64))
    order = np.argsort(row, kind="stable")
    sorted_row = row[order]
    index = order + first_index
    prev = np.empty(len(order), np.int64)
    prev[1:] = index[:-1]
    starts = np.diff(sorted_row, prepend=-1) != 0
    prev[starts] = heads[sorted_row[starts]]
    ledger["prev"][order] = prev
    new_heads = heads.copy()
    new_heads[sorted_row] = index  # a later index of the same account overwrites an earlier one
    return new_heads
