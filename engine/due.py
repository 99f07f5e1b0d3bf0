"""Symbols with steps to take before the next command, in the order of listing. Only `engine.apply` changes it.

A command may set several going (a resume of every symbol, a group); each then takes all of its steps before the next.
"""

from engine.state import instrument_at
from ringbuf.jit import outline


@outline
def mark_due(state, symbol):
    """Steps of this symbol come before the next command."""
    instrument = instrument_at(state, symbol)
    if instrument.is_due != 0:
        return
    instrument.is_due = 1
    before = state.due_tail
    if before > symbol:  # not behind the last: look for its place from the front
        before = 0
        following = state.due_head
        while following != 0 and following <= symbol:
            before = following
            following = instrument_at(state, following - 1).due_next
    following = state.due_head
    if before != 0:
        following = instrument_at(state, before - 1).due_next
        instrument_at(state, before - 1).due_next = symbol + 1
    else:
        state.due_head = symbol + 1
    instrument.due_next = following
    if following == 0:
        state.due_tail = symbol + 1


@outline
def forget_first_due(state):
    """The first symbol's steps are all taken."""
    instrument = instrument_at(state, state.due_head - 1)
    instrument.is_due = 0
    state.due_head = instrument.due_next
    if state.due_head == 0:
        state.due_tail = 0
