"""Decisions about a symbol as a whole: its state, halt and resume."""

from engine.apply import apply_event
from engine.apply_symbol import is_crossed, state_event_at
from engine.checks import MALFORMED, NONE, STATE_FORBIDS, UNKNOWN_SYMBOL, price_reason, text_reason
from engine.compose import head_word, open_event, reject
from engine.state import instrument_at, is_listed
from ringbuf.codes import (
    HAS_MIN,
    HAS_PRICE,
    MAX_BAND_PPM,
    NO_ACCOUNT,
    NO_SYMBOL,
    EventType,
    SymbolState,
)
from ringbuf.jit import outline

STATE, NOBODY = int(EventType.STATE), NO_ACCOUNT
HALTED, CLOSED, CANCEL_ONLY = int(SymbolState.HALTED), int(SymbolState.CLOSED), int(SymbolState.CANCEL_ONLY)
LAST_STATE = max(SymbolState)


@outline
def keeps_crossed(symbol_state):
    """States in which a crossed book stays as the auction left it."""
    return symbol_state == HALTED or symbol_state == CLOSED or symbol_state == CANCEL_ONLY


@outline
def _state_reason(state, command):
    """Why a symbol does not take the state that is asked for."""
    if not is_listed(state, command.symbol * 1):
        return UNKNOWN_SYMBOL
    band_ppm = command.min_lots
    if command.symbol_state > LAST_STATE or (command.mask & HAS_MIN != 0 and (band_ppm < 0 or band_ppm > MAX_BAND_PPM)):
        return MALFORMED
    if command.refuse != NONE:
        return text_reason(command)
    instrument = instrument_at(state, command.symbol)
    reason = NONE
    if command.mask & HAS_PRICE != 0:
        reason = price_reason(instrument, command.price_ticks)
    if reason == NONE and keeps_crossed(instrument.symbol_state) and keeps_crossed(command.symbol_state * 1):
        if is_crossed(state, command.symbol * 1):
            reason = STATE_FORBIDS
    return reason


@outline
def decide_state(state, out, command):
    """Another state, and where they are given another reference price and volatility band."""
    reason = _state_reason(state, command)
    if reason != NONE:
        apply_event(state, reject(state, out, command, reason, 0))
        return
    symbol = command.symbol * 1
    instrument = instrument_at(state, symbol)
    reference = instrument.reference_ticks
    band_ppm = instrument.band_ppm
    if command.mask & HAS_PRICE != 0:
        reference = command.price_ticks
    if command.mask & HAS_MIN != 0:
        band_ppm = command.min_lots
    address = open_event(state, out, head_word(STATE, command.symbol_state * 1, 0, symbol), NOBODY)
    state_event_at(address).reference_ticks = reference
    state_event_at(address).band_ppm = band_ppm
    apply_event(state, address)


@outline
def decide_halt(state, out, command, kind):
    """Halt or resume one symbol or, without one, all: one event."""
    symbol = command.symbol * 1
    if command.refuse != NONE or (symbol != NO_SYMBOL and not is_listed(state, symbol)):
        apply_event(state, reject(state, out, command, UNKNOWN_SYMBOL, 0))
        return
    apply_event(state, open_event(state, out, head_word(kind, 0, 0, symbol), NOBODY))
