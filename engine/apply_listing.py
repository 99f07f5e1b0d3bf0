"""What `engine.apply`, alone, does when an asset or instrument is listed, changed or delisted."""

from engine.apply_symbol import set_symbol_state
from engine.expiry import end_at_once
from engine.levels import next_level
from engine.memory import LARGEST, load_i64, store_i64
from engine.scales import lot_scale, tick_scale
from engine.state import (
    GONE,
    INSTRUMENT,
    INSTRUMENT_SIZE,
    QUEUES,
    asset_at,
    hits_at,
    instrument_at,
    level_at,
    order_at,
    side_at,
)
from ringbuf.codes import EventType
from ringbuf.fields import record_at
from ringbuf.jit import outline
from ringbuf.records import EVENT_LISTED_ASSET, EVENT_LISTED_INSTRUMENT

asset_event_at = record_at(EVENT_LISTED_ASSET)
instrument_event_at = record_at(EVENT_LISTED_INSTRUMENT)

LISTED_ASSET, LISTED_INSTRUMENT = int(EventType.LISTED_ASSET), int(EventType.LISTED_INSTRUMENT)
CHANGED_INSTRUMENT = int(EventType.CHANGED_INSTRUMENT)
DELISTED_INSTRUMENT = int(EventType.DELISTED_INSTRUMENT)
ALL_QUEUES = len(QUEUES)
NAME_OFFSET = EVENT_LISTED_ASSET.fields["name"][1]  # type: ignore[index]
LISTING_BYTES = INSTRUMENT.fields["price_step"][1]  # type: ignore[index]
for _name in INSTRUMENT.names[:14]:  # type: ignore[index]
    assert INSTRUMENT.fields[_name][1] + NAME_OFFSET == EVENT_LISTED_INSTRUMENT.fields[_name][1], _name  # type: ignore[index]


@outline
def apply_listing(state, address):
    """One of the events of `ringbuf.codes.LISTINGS`; -1 where it is about what was never listed, or finds no room."""
    event = asset_event_at(address)
    kind = event.type * 1
    number = event.symbol * 1
    if kind == LISTED_ASSET:
        if number != state.asset_count or number >= state.max_assets:
            return -1
        _listed_asset(state, address)
    elif kind == LISTED_INSTRUMENT:
        terms = instrument_event_at(address)
        if number != state.instrument_count or number >= state.max_instruments:
            return -1
        if terms.base >= state.asset_count or terms.quote >= state.asset_count:
            return -1
        _listed_instrument(state, address)
    elif kind == CHANGED_INSTRUMENT or kind == DELISTED_INSTRUMENT:
        if number >= state.instrument_count:
            return -1
        if kind == CHANGED_INSTRUMENT:
            _take_terms(state, number, address)
        else:
            _delisted_instrument(state, number)
    else:
        if number >= state.asset_count:
            return -1
        asset_at(state, number).is_delisted = 1
    return 0


@outline
def _listed_asset(state, address):
    event = asset_event_at(address)
    target = state.assets + event.symbol * 64
    store_i64(target, load_i64(address + NAME_OFFSET))
    store_i64(target + 8, load_i64(address + NAME_OFFSET + 8))
    asset_at(state, event.symbol).decimals = event.decimals
    state.asset_count += 1


@outline
def _take_terms(state, symbol, address):
    """Name and terms of an event; both records begin with the same fields."""
    target = state.instruments + symbol * INSTRUMENT_SIZE
    for offset in range(0, LISTING_BYTES, 8):
        store_i64(target + offset, load_i64(address + NAME_OFFSET + offset))


@outline
def _listed_instrument(state, address):
    event = instrument_event_at(address)
    instrument = instrument_at(state, event.symbol)
    _take_terms(state, event.symbol * 1, address)
    base_decimals = asset_at(state, event.base).decimals
    quote_decimals = asset_at(state, event.quote).decimals
    units = instrument.tick_lot_quote_units
    lot = instrument.lot_base_units
    instrument.price_step, instrument.price_decimals = tick_scale(units, lot, base_decimals, quote_decimals)
    instrument.qty_step, instrument.qty_decimals = lot_scale(lot, base_decimals)
    instrument.band_high = LARGEST  # print_above is 0: the first print has to be looked at
    state.instrument_count += 1


@outline
def _delisted_instrument(state, symbol):
    """Nothing of the symbol trades, triggers or trails any more; its orders end before the next command, by age.

    They stand in the heap of expiries from now on, before all others: so the steps to come follow from the state, and
    each costs no more than an expiry however many orders there are.
    """
    for queue in range(ALL_QUEUES):
        best = side_at(state, symbol, queue).best
        while best != 0:
            _end_chain(state, level_at(state, best).head * 1)
            best = next_level(state, queue, best)
    _end_chain(state, hits_at(state, symbol).head)
    set_symbol_state(state, symbol, GONE)


@outline
def _end_chain(state, slot):
    """The orders behind one another from a slot."""
    while slot != 0:
        end_at_once(state, slot)
        slot = order_at(state, slot).next * 1
