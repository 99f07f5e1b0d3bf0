"""Decisions about what is listed: new assets and instruments, changed terms, delistings."""

from engine.apply import apply_event
from engine.apply_listing import asset_event_at
from engine.checks import BOOK_FULL, MALFORMED, NONE, UNKNOWN_SYMBOL
from engine.compose import head_word, open_event, reject
from engine.memory import LARGEST, load_i64, shift_right, store_i64
from engine.scales import tick_scale
from engine.state import INSTRUMENT_SIZE, asset_at, instrument_at, is_listed
from ringbuf.codes import NO_ACCOUNT, EventType
from ringbuf.fields import record_at
from ringbuf.jit import inline, outline
from ringbuf.records import COMMAND_LIST_ASSET, COMMAND_LIST_INSTRUMENT, EVENT_LISTED_ASSET

asset_command_at = record_at(COMMAND_LIST_ASSET)
instrument_command_at = record_at(COMMAND_LIST_INSTRUMENT)

NAME_AT = COMMAND_LIST_ASSET.fields["name"][1]  # type: ignore[index]
EVENT_NAME_AT = EVENT_LISTED_ASSET.fields["name"][1]  # type: ignore[index]
LISTING_BYTES = 96
NAME_BYTES = 16

LISTED_ASSET, LISTED_INSTRUMENT = int(EventType.LISTED_ASSET), int(EventType.LISTED_INSTRUMENT)
CHANGED_INSTRUMENT = int(EventType.CHANGED_INSTRUMENT)
DELISTED_INSTRUMENT, DELISTED_ASSET = int(EventType.DELISTED_INSTRUMENT), int(EventType.DELISTED_ASSET)
NOBODY = NO_ACCOUNT  # the parties' word of an event without an account


# --- names ------------------------------------------------------------------------------------------------------------


@outline
def _name_is_sound(address):
    """1 to 16 of A-Z a-z 0-9 . _ - and then zeros: what every reader of a listing expects."""
    ended = False
    for offset in range(NAME_BYTES):
        letter = shift_right(load_i64(address + (offset & ~7)), 8 * (offset & 7)) & 255
        if letter == 0:
            ended = True
            continue
        alphanumeric = 48 <= letter <= 57 or 65 <= letter <= 90 or 97 <= letter <= 122
        if ended or not (alphanumeric or letter == 45 or letter == 46 or letter == 95):
            return False
    return (load_i64(address) & 255) != 0


@inline
def _same_name(address, other):
    return load_i64(address) == load_i64(other) and load_i64(address + 8) == load_i64(other + 8)


@outline
def _symbol_named(state, address):
    """The instrument that has the name at an address, delisted or not; -1 where none has."""
    for symbol in range(state.instrument_count):
        if _same_name(address, state.instruments + symbol * INSTRUMENT_SIZE):
            return symbol
    return -1


# --- assets -----------------------------------------------------------------------------------------------------------


@outline
def decide_list_asset(state, out, command, address):
    """A new asset, with the next id."""
    asked = asset_command_at(address)
    good = _name_is_sound(address + NAME_AT) and asked.decimals <= 18
    for asset in range(state.asset_count):
        good = good and not _same_name(address + NAME_AT, state.assets + asset * 64)
    if not good or state.asset_count >= state.max_assets:
        apply_event(state, reject(state, out, command, BOOK_FULL if good else MALFORMED, 0))
        return
    target = open_event(state, out, head_word(LISTED_ASSET, 0, 0, state.asset_count), NOBODY)
    event = asset_event_at(target)
    for offset in range(0, LISTING_BYTES, 8):
        store_i64(target + EVENT_NAME_AT + offset, 0)
    store_i64(target + EVENT_NAME_AT, load_i64(address + NAME_AT))
    store_i64(target + EVENT_NAME_AT + 8, load_i64(address + NAME_AT + 8))
    event.decimals = asked.decimals
    apply_event(state, target)


@inline
def _asset_is_listed(state, asset):
    return asset < state.asset_count and asset_at(state, asset).is_delisted == 0


@outline
def decide_delist_asset(state, out, command):
    """No more deposits and listings, where no listed instrument has it; what accounts hold stays theirs."""
    asset = command.symbol * 1
    good = _asset_is_listed(state, asset)
    for symbol in range(state.instrument_count):
        instrument = instrument_at(state, symbol)
        if (instrument.base == asset or instrument.quote == asset) and is_listed(state, symbol):
            good = False
    if not good:
        apply_event(state, reject(state, out, command, MALFORMED, 0))
        return
    apply_event(state, open_event(state, out, head_word(DELISTED_ASSET, 0, 0, asset), NOBODY))


# --- instruments ------------------------------------------------------------------------------------------------------


@outline
def _terms_are_sound(state, address):
    """Everything about an instrument's terms but its name."""
    asked = instrument_command_at(address)
    if not _asset_is_listed(state, asked.base * 1) or not _asset_is_listed(state, asked.quote * 1):
        return False
    if asked.base == asked.quote or asked.lot_base_units <= 0 or asked.tick_lot_quote_units <= 0:
        return False
    if asked.price_min_ticks <= 0 or asked.price_min_ticks > asked.price_max_ticks:
        return False
    if asked.price_max_ticks > LARGEST // asked.tick_lot_quote_units:
        return False
    if asked.maker_fee_ppm > 1_000_000 or asked.taker_fee_ppm > 1_000_000:
        return False
    if asked.qty_min_lots < 0 or asked.qty_max_lots < 0 or asked.min_notional < 0:
        return False
    if asked.qty_max_lots > 0 and asked.qty_min_lots > asked.qty_max_lots:
        return False
    base_decimals = asset_at(state, asked.base).decimals
    quote_decimals = asset_at(state, asked.quote).decimals
    return tick_scale(asked.tick_lot_quote_units, asked.lot_base_units, base_decimals, quote_decimals)[0] != 0


@outline
def _tell_terms(state, out, kind, symbol, address):
    """The event with an instrument's name and all its terms, as they stand in the command at an address."""
    target = open_event(state, out, head_word(kind, 0, 0, symbol), NOBODY)
    for offset in range(0, LISTING_BYTES, 8):
        store_i64(target + EVENT_NAME_AT + offset, load_i64(address + NAME_AT + offset))
    apply_event(state, target)


@outline
def decide_list_instrument(state, out, command, address):
    """A new instrument, with the next id; its name must never have been one's."""
    name = address + NAME_AT
    good = _name_is_sound(name) and _symbol_named(state, name) < 0 and _terms_are_sound(state, address)
    if not good or state.instrument_count >= state.max_instruments:
        apply_event(state, reject(state, out, command, BOOK_FULL if good else MALFORMED, 0))
        return
    _tell_terms(state, out, LISTED_INSTRUMENT, state.instrument_count, address)


@outline
def _keeps_what_is_fixed(state, symbol, address):
    asked = instrument_command_at(address)
    instrument = instrument_at(state, symbol)
    same_assets = asked.base == instrument.base and asked.quote == instrument.quote
    same_lot = asked.lot_base_units == instrument.lot_base_units
    return same_assets and same_lot and asked.tick_lot_quote_units == instrument.tick_lot_quote_units


@outline
def decide_change_instrument(state, out, command, address):
    """New terms of the instrument with this name, all of them; open orders stay as they are."""
    symbol = _symbol_named(state, address + NAME_AT)
    reason = NONE
    if command.refuse != NONE or symbol < 0 or not is_listed(state, symbol):
        reason = UNKNOWN_SYMBOL
    elif not _keeps_what_is_fixed(state, symbol, address) or not _terms_are_sound(state, address):
        reason = MALFORMED
    if reason != NONE:
        apply_event(state, reject(state, out, command, reason, 0))
        return
    _tell_terms(state, out, CHANGED_INSTRUMENT, symbol, address)


@outline
def decide_delist_instrument(state, out, command):
    """The symbol is gone for good; `engine.steps` ends its orders."""
    symbol = command.symbol * 1
    if command.refuse != NONE or not is_listed(state, symbol):
        apply_event(state, reject(state, out, command, UNKNOWN_SYMBOL, 0))
        return
    apply_event(state, open_event(state, out, head_word(DELISTED_INSTRUMENT, 0, 0, symbol), NOBODY))
