"""Reasons to refuse, in the order in which they count. Each function reads state and returns a Reason, 0 = none.

Nothing is multiplied past 63 bits: what an order freezes is compared by division.
"""

from engine.accounts import available, find_balance
from engine.book import frozen_alone, is_priced, is_waiting_type, order_frozen
from engine.levels import has_level_room
from engine.memory import LARGEST
from engine.state import GONE, PAIRED, account_at, instrument_at, order_at, terms_at
from ringbuf.codes import (
    CMD_PAIRED,
    CMD_POST_ONLY,
    HAS_BUDGET,
    HAS_DISPLAY,
    HAS_EXPIRE,
    HAS_MIN,
    HAS_PRICE,
    HAS_QTY,
    HAS_STOP_PRICE,
    HAS_TRAIL,
    OrderType,
    Reason,
    Side,
    Stp,
    SymbolState,
    Tif,
)
from ringbuf.jit import inline, outline

BUY, LIMIT, MARKET = int(Side.BUY), int(OrderType.LIMIT), int(OrderType.MARKET)
GTC, IOC, FOK, GTD = int(Tif.GTC), int(Tif.IOC), int(Tif.FOK), int(Tif.GTD)
TRAILING_STOP = int(OrderType.TRAILING_STOP)
OPEN, HALTED, CANCEL_ONLY = int(SymbolState.OPEN), int(SymbolState.HALTED), int(SymbolState.CANCEL_ONLY)
CLOSED = int(SymbolState.CLOSED)
DECREMENT = int(Stp.DECREMENT)
NONE = int(Reason.NONE)
MALFORMED, PRICE_OFF_TICK, QTY_OFF_LOT = int(Reason.MALFORMED), int(Reason.PRICE_OFF_TICK), int(Reason.QTY_OFF_LOT)
PRICE_OUT_OF_BAND, QTY_OUT_OF_RANGE = int(Reason.PRICE_OUT_OF_BAND), int(Reason.QTY_OUT_OF_RANGE)
NOTIONAL_TOO_SMALL, BOOK_FULL = int(Reason.NOTIONAL_TOO_SMALL), int(Reason.BOOK_FULL)
ACCOUNT_SUSPENDED, SYMBOL_HALTED = int(Reason.ACCOUNT_SUSPENDED), int(Reason.SYMBOL_HALTED)
INSUFFICIENT_FUNDS, STATE_FORBIDS = int(Reason.INSUFFICIENT_FUNDS), int(Reason.STATE_FORBIDS)
UNKNOWN_SYMBOL = int(Reason.UNKNOWN_SYMBOL)


@inline
def place_is_malformed(command):
    """Do the words of a place contradict each other? (Binary commands may hold anything.)"""
    if command.side > 1 or command.tif > GTD or command.stp > DECREMENT:
        return True
    mask = command.mask * 1
    if command.order_type == LIMIT and mask == (HAS_PRICE | HAS_QTY) and command.flags & CMD_PAIRED == 0:
        return command.tif == GTD or (command.flags & CMD_POST_ONLY != 0 and command.tif != GTC)
    return _rarer_is_malformed(command)


@outline
def _rarer_is_malformed(command):
    mask = command.mask * 1
    order_type = command.order_type * 1
    tif = command.tif * 1
    waits = is_waiting_type(order_type)
    rests = tif == GTC or tif == GTD
    post_only = command.flags & CMD_POST_ONLY != 0
    if order_type > TRAILING_STOP or (mask & HAS_QTY != 0) == (mask & HAS_BUDGET != 0):
        return True
    if (mask & HAS_PRICE != 0) != is_priced(order_type) or (mask & HAS_STOP_PRICE != 0) != waits:
        return True
    if (mask & HAS_TRAIL != 0) != (order_type == TRAILING_STOP) or (mask & HAS_EXPIRE != 0) != (tif == GTD):
        return True
    if (mask & HAS_TRAIL != 0 and command.price_ticks <= 0) or (command.flags & CMD_PAIRED != 0 and not waits):
        return True
    if (tif == GTD and order_type == MARKET) or (waits and (tif == FOK or (tif == IOC and not is_priced(order_type)))):
        return True
    if post_only and (order_type != LIMIT or not rests):
        return True
    if mask & HAS_BUDGET != 0 and (
        order_type != MARKET or command.side != BUY or tif == FOK or command.stp == DECREMENT or mask & HAS_MIN != 0
    ):
        return True
    if mask & HAS_DISPLAY != 0 and (not is_priced(order_type) or not rests):
        return True
    return mask & HAS_MIN != 0 and (waits or tif == FOK or post_only)


@outline
def rarer_value_reason(instrument, command, now_ns):
    """Values that only the rarer orders have, the words being right."""
    mask = command.mask * 1
    if mask & HAS_EXPIRE != 0 and command.expire_ts_ns <= now_ns:
        return MALFORMED
    if command.refuse != NONE:
        return text_reason(command)
    if mask & HAS_DISPLAY != 0 and (command.display_lots <= 0 or command.display_lots > command.qty_lots):
        return MALFORMED
    if mask & HAS_MIN != 0 and (command.min_lots <= 0 or command.min_lots > command.qty_lots):
        return MALFORMED
    if mask & HAS_STOP_PRICE != 0:
        return price_reason(instrument, command.stop_price_ticks)
    return NONE


@inline
def text_reason(command):
    """What the reader of a command's text refused; a binary command may hold any number there."""
    if command.refuse == NONE or command.refuse == PRICE_OFF_TICK or command.refuse == QTY_OFF_LOT:
        return command.refuse * 1
    return MALFORMED


@inline
def tradable(state, account, symbol):
    """Account and symbol let new orders and amends in?"""
    if account_at(state, account).suspended != 0:
        return ACCOUNT_SUSPENDED
    symbol_state = instrument_at(state, symbol).symbol_state
    if symbol_state == OPEN:
        return NONE
    if symbol_state == HALTED:
        return SYMBOL_HALTED
    if symbol_state == CANCEL_ONLY or symbol_state == CLOSED:
        return STATE_FORBIDS
    if symbol_state == GONE:
        return UNKNOWN_SYMBOL
    return NONE


@inline
def price_reason(instrument, price_ticks):
    """Band of the instrument."""
    if price_ticks < instrument.price_min_ticks or price_ticks > instrument.price_max_ticks:
        return PRICE_OUT_OF_BAND
    return NONE


@inline
def qty_reason(instrument, qty_lots):
    """Above zero and within the instrument's range, where it has one."""
    if qty_lots <= 0 or qty_lots < instrument.qty_min_lots:
        return QTY_OUT_OF_RANGE
    if instrument.qty_max_lots > 0 and qty_lots > instrument.qty_max_lots:
        return QTY_OUT_OF_RANGE
    return NONE


@inline
def notional_reason(instrument, price_ticks, qty_lots):
    """Price x quantity reaches the instrument's minimum, where it has one."""
    if instrument.min_notional > 0:
        lot_cost = price_ticks * instrument.tick_lot_quote_units
        if qty_lots < (instrument.min_notional - 1) // lot_cost + 1:
            return NOTIONAL_TOO_SMALL
    return NONE


@inline
def lots_covered(state, account, symbol, side, price_ticks, freed):
    """Lots at a price that an account's available funds, plus what is freed, can freeze."""
    instrument = instrument_at(state, symbol)
    if side == BUY:
        funds = available(state, account, instrument.quote * 1) + freed
        return funds // (price_ticks * instrument.tick_lot_quote_units)
    return (available(state, account, instrument.base * 1) + freed) // instrument.lot_base_units


@outline
def freed_by(state, old, asset):
    """What an account can freeze of an asset beside what is available if the order in slot `old` ends (0 = none)."""
    if old == 0:
        return 0
    order = order_at(state, old)
    instrument = instrument_at(state, order.symbol)
    if asset != (instrument.quote if order.side == BUY else instrument.base):
        return 0
    freed = order_frozen(state, old)
    if order.stp_flags & PAIRED != 0:
        freed += frozen_alone(state, terms_at(state, old).pair * 1)
    return freed


@outline
def holds_both(state, account, symbol):
    """Has the account a balance of base and of quote already, so that no trade of its own begins one?"""
    instrument = instrument_at(state, symbol)
    return (
        find_balance(state, account, instrument.base * 1) >= 0
        and find_balance(state, account, instrument.quote * 1) >= 0
    )


@inline
def is_full(state, account, symbol, rests, before, before_here):
    """Would one order more overfill a pool or, where it may rest, its account, its symbol or the levels?

    before, before_here: how many of the account's orders are sure to come before it, and how many of these in its
    symbol; -1 where one goes that still stands, though its price counts as taken.
    """
    instrument = instrument_at(state, symbol)
    if state.order_count + before >= state.max_orders - 1:
        return True
    if state.balance_count >= state.max_balances and not holds_both(state, account, symbol):
        return True
    if not rests:
        return False  # it ends at once: a full book can still be traded away
    if account_at(state, account).open_orders + before >= state.max_account_orders:
        return True
    if instrument.max_open_orders > 0 and instrument.open_orders + before_here >= instrument.max_open_orders:
        return True
    return not has_level_room(state, before if before > 0 else 0)


@outline
def whole_steps(mantissa, places, step, decimals):
    """mantissa x 10**-places in steps of step x 10**-decimals; -1 off step, -2 beyond 63 bits, -3 below zero."""
    if mantissa < 0:
        return -3
    if places > decimals:
        return -1
    if mantissa == 0:
        return 0
    shared, rest = mantissa, step  # divide before multiplying: only a result beyond 63 bits is one
    while rest != 0:
        shared, rest = rest, shared % rest
    mantissa //= shared
    step //= shared
    twos = fives = 0
    for _ in range(decimals - places):
        if step % 2 == 0:
            step //= 2
        else:
            twos += 1
        if step % 5 == 0:
            step //= 5
        else:
            fives += 1
    if step != 1:
        return -1
    for i in range(twos + fives):
        factor = 2 if i < twos else 5
        if mantissa > LARGEST // factor:
            return -2
        mantissa *= factor
    return mantissa
