"""Applying recorded events, one after another: what recovery, replica, standby and audits run.

The engine that wrote them had room for each; a state with smaller tables may not have, and must not be written beyond.
"""

import numpy as np

from engine.apply import apply_event, event_at, finish_event
from engine.lookahead import pays
from engine.lookback import look_back
from engine.state import OVERRUN_LEVELS, OVERRUN_NODES, OVERRUN_ORDERS, State, state_at
from ringbuf.jit import inline, kernel_of
from ringbuf.records import RECORD_SIZE

# Cells that one event may fill, of tables that are searched until a free one comes.
NEW_ACCOUNTS, NEW_BALANCES, NEW_BUSTED = 1, 4, 1


@inline
def _has_cells(state):
    """Whether the next event finds a free cell. The engine itself refuses long before."""
    if state.account_count + NEW_ACCOUNTS > state.account_mask or state.busted_count + NEW_BUSTED > state.busted_mask:
        return False
    return state.balance_count + NEW_BALANCES <= state.balance_mask


class HistoryError(Exception):
    """Events that do not follow from the state they are applied to, or find no room in its tables."""


def fold(state: State, events: np.ndarray) -> None:
    """Apply recorded events (EVENT) to a state. Raises HistoryError naming the first that does not fit, and why."""
    events = np.ascontiguousarray(events)
    done = apply_events(state.address, events.ctypes.data, len(events))
    if done == len(events):
        return
    seq, full = int(events[done]["seq"]), full_tables(state)
    if full:
        raise HistoryError(f"event {seq} finds no room: expected {full} as large as when it was written")
    raise HistoryError(f"event {seq} does not follow from the state at {int(state.record['seq'])}")


def full_tables(state: State) -> str:
    """Which settings of [engine] are too small for what a history holds, for the error that says so; "" if none."""
    at = state.record
    full = {
        "max_orders": at["overrun"] == OVERRUN_ORDERS,
        "max_levels": at["overrun"] in (OVERRUN_LEVELS, OVERRUN_NODES),
        "max_accounts": at["account_count"] + NEW_ACCOUNTS > at["account_mask"],
        "max_balances": at["balance_count"] + NEW_BALANCES > at["balance_mask"],
        "max_assets": at["asset_count"] >= at["max_assets"],
        "max_instruments": at["instrument_count"] >= at["max_instruments"],
    }
    return ", ".join(f"engine.{name}" for name, is_full in full.items() if is_full)


@kernel_of("int64(int64, int64, int64)")
def apply_events(state_address, events_address, count):  # type: ignore[no-untyped-def]
    """Apply `count` consecutive records; returns how many were, fewer where one does not fit the state."""
    state = state_at(state_address)
    ahead = pays(state)
    for i in range(count):
        address = events_address + i * RECORD_SIZE
        if event_at(address).seq != state.seq + 1:
            return i
        if ahead:
            look_back(state, address, count - i)
        if not _has_cells(state) or apply_event(state, address) < 0:
            return i
        finish_event(state, address)
        if state.overrun != 0:
            return i
    return count
