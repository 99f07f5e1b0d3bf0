"""Decisions about new market orders, after the refusals that every place shares (`engine.place`)."""

from engine.accept import accept
from engine.accounts import available
from engine.apply import apply_event
from engine.bands import market_limit
from engine.checks import BOOK_FULL, INSUFFICIENT_FUNDS, NONE, freed_by, is_full, lots_covered
from engine.compose import reject
from engine.matching import end_order, match
from engine.state import instrument_at
from engine.walk import budget_walk, fill_reason, walk_cost
from ringbuf.codes import HAS_BUDGET, NO_ID, Reason, Side
from ringbuf.jit import outline

BUY = int(Side.BUY)
SELF_TRADE, MARKET_REMAINDER = int(Reason.SELF_TRADE), int(Reason.MARKET_REMAINDER)


@outline
def place_market(state, out, command, account, old):
    """A market order: by quantity, or a buy by what it may cost; instead of the order in slot `old`, if not 0."""
    symbol = command.symbol * 1
    side = command.side * 1
    mode = command.stp * 1
    qty = command.qty_lots
    instrument = instrument_at(state, symbol)
    limit = market_limit(state, symbol, side, old)
    freed = freed_by(state, old, instrument.quote * 1 if side == BUY else instrument.base * 1)
    stopped = 0
    frozen = 0
    covered = True
    if side != BUY:
        covered = lots_covered(state, account, symbol, side, 0, freed) >= qty
        if covered:
            frozen = qty * instrument.lot_base_units
    else:
        funds = available(state, account, instrument.quote * 1) + freed
        if command.mask & HAS_BUDGET != 0:
            qty, frozen, stopped = budget_walk(state, symbol, limit, command.quote_budget, account, mode, funds, old)
            covered = frozen <= funds or frozen == 0
        else:
            frozen = walk_cost(state, symbol, limit, qty, account, mode, funds, old)
            covered = frozen >= 0
    if not covered:
        reason = INSUFFICIENT_FUNDS
    elif is_full(state, account, symbol, False, -1 if old != 0 else 0, 0):
        reason = BOOK_FULL
    else:
        reason = fill_reason(state, command, account, limit, old)
    if reason != NONE:
        apply_event(state, reject(state, out, command, reason, 0))
        return
    accept(state, out, command, old, 0, qty, frozen)
    slot = state.active
    if qty == 0:
        end_order(state, out, slot, SELF_TRADE if stopped != 0 else MARKET_REMAINDER, NO_ID)
        return
    match(state, out, slot, limit)
