"""What a command has changed of which symbols, until it is told."""

# isort: off
from ringbuf.jit import inline

from consumers.marketdata.tables import symbol_at
from ringbuf.atomics import store_u32
# isort: on

DIRTY_TICKER, DIRTY_TRADED, DIRTY_AUCTION = 1, 2, 4


@inline
def mark_dirty(t, symbol, what):
    """Remember that the command changed something of a symbol."""
    kept = symbol_at(t, symbol)
    if kept.dirty == 0:
        store_u32(t.dirty_at + (t.dirty_used) * 4, symbol)
        t.dirty_used += 1
    kept.dirty |= what
