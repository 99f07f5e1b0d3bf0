"""What `engine.apply`, alone, does with a symbol as a whole: its state, its auction's end, which steps are due."""

from engine.apply_waiting import shrink
from engine.bands import set_band
from engine.book import drop_order, leave_book
from engine.due import forget_first_due, mark_due
from engine.state import GONE, hits_at, instrument_at, level_at, order_at, side_at
from engine.waiting import look_at_print, next_to_trail, watch_prints
from ringbuf.codes import Side, SymbolState
from ringbuf.fields import record_at
from ringbuf.jit import inline, outline
from ringbuf.records import EVENT_STATE

state_event_at = record_at(EVENT_STATE)

BUY, SELL = int(Side.BUY), int(Side.SELL)
OPEN, POST_ONLY = int(SymbolState.OPEN), int(SymbolState.POST_ONLY)


@inline
def is_crossed(state, symbol):
    """Would the best bid take the best ask? Only an auction leaves a book so."""
    bid = side_at(state, symbol, BUY).best
    ask = side_at(state, symbol, SELL).best
    return bid != 0 and ask != 0 and level_at(state, bid).price_ticks >= level_at(state, ask).price_ticks


@inline
def is_uncrossing(state, symbol):
    """Has an auction ended whose book is not uncrossed, or not wholly?"""
    instrument = instrument_at(state, symbol)
    if instrument.symbol_state != OPEN and instrument.symbol_state != POST_ONLY:
        return False
    return instrument.uncross_lots != 0 or is_crossed(state, symbol)


@outline
def set_symbol_state(state, symbol, symbol_state):
    """What the symbol takes from now on; an auction's end, and hit orders that waited for it to open, are due."""
    instrument_at(state, symbol).symbol_state = symbol_state
    if _has_steps(state, symbol):
        mark_due(state, symbol)


@outline
def apply_state(state, address):
    """A `state` event."""
    event = state_event_at(address)
    set_band(state, event.symbol * 1, event.reference_ticks, event.band_ppm)
    watch_prints(state, event.symbol * 1)
    set_symbol_state(state, event.symbol * 1, event.symbol_state * 1)


@outline
def apply_uncrossed(state, symbol, price_ticks, lots):
    """An auction's price and volume are found; its trades follow."""
    instrument = instrument_at(state, symbol)
    instrument.uncross_ticks = price_ticks
    instrument.uncross_lots = lots
    set_band(state, symbol, price_ticks, instrument.band_ppm)
    watch_prints(state, symbol)


@outline
def trade_in_book(state, buyer_slot, seller_slot, price_ticks, lots):
    """Quantities of a trade between two orders of the book; the funds are the caller's."""
    symbol = order_at(state, buyer_slot).symbol * 1
    for slot in (buyer_slot, seller_slot):
        shrink(state, slot, order_at(state, slot).leaves_lots - lots, 0)
        if order_at(state, slot).leaves_lots == 0:
            leave_book(state, slot)
            drop_order(state, slot)
    instrument = instrument_at(state, symbol)
    instrument.uncross_lots -= lots
    instrument.last_price_ticks = price_ticks
    look_at_print(state, symbol, price_ticks)


@inline
def _has_steps(state, symbol):
    instrument = instrument_at(state, symbol)
    if instrument.symbol_state == GONE:
        return instrument.open_orders != 0
    if instrument.print_high != 0:
        return True
    if hits_at(state, symbol).head != 0 and instrument.symbol_state == OPEN:
        return True
    return is_uncrossing(state, symbol)


@outline
def settle_due(state):
    """A command or step has ended: forget the symbols whose steps are all taken."""
    while state.due_head != 0:
        symbol = state.due_head - 1
        instrument = instrument_at(state, symbol)
        if instrument.print_high != 0 and not is_uncrossing(state, symbol):
            instrument.trail_at = next_to_trail(state, symbol)
            if instrument.trail_at == 0:
                instrument.print_high = 0
                instrument.print_low = 0
        if _has_steps(state, symbol):
            return
        forget_first_due(state)
