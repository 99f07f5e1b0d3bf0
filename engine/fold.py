"""Applying recorded events, one after another: what recovery, replica, standby and audits run."""

from engine.apply import apply_event, event_at, finish_event
from engine.lookahead import FIRST, SPACING, STEPS, look_back, pays
from engine.state import state_at
from ringbuf.jit import kernel_of
from ringbuf.records import RECORD_SIZE


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
            for step in range(STEPS):
                later = i + FIRST - step * SPACING
                if later < count:
                    look_back(state, events_address + later * RECORD_SIZE, step)
        if apply_event(state, address) < 0:
            return i
        finish_event(state, address)
    return count
