"""Events into MARKET records, compiled: one command after another into the tables and the output array.

One command gives, in this order: candles that its time closed (seq of its first event), status changes and trades
(seq of their own event), then depth, bbo, auction, ticker and candles (seq of its last event). So sequences never go
back, and no topic has two messages of one sequence. `prev` is the sequence of the topic's message before. A group of
commands is told as one.
"""

# isort: off
from ringbuf.jit import inline, kernel_of, outline

import numpy as np

from consumers.marketdata.candles import NS
from consumers.marketdata.dirty import DIRTY_AUCTION, DIRTY_TICKER, DIRTY_TRADED, mark_dirty
from consumers.marketdata.level_lists import new_side
from consumers.marketdata.periods import add_to_day, begin, count, print_in, roll_day, take_back_from_day
from consumers.marketdata.standing import accept, amend, cancel, fill, join_books, trigger
from consumers.marketdata.tables import CANDLES, candle_at, prev_address, symbol_at, tables_at
from consumers.marketdata.telling import (
    CANDLE_TOPIC,
    LENGTHS,
    tell_auction,
    tell_books,
    tell_candle,
    tell_status,
    tell_ticker,
    tell_trade,
)
from ringbuf.atomics import load, load_u32, store, store_u32
from ringbuf.codes import (
    FLAG_AUCTION,
    FLAG_LAST,
    NO_SYMBOL,
    STATUS_DELISTED,
    EventType,
    SymbolState,
)
from ringbuf.cuts import may_cut
from ringbuf.fields import record_at
from ringbuf.records import EVENT, EVENT_LISTED_INSTRUMENT, EVENT_ORDER, EVENT_STATE, RECORD_SIZE, offset_of
# isort: on

# What `fold_events` returns: it stopped before the command at t.at.
DONE, MORE_ORDERS, MORE_LEVELS, MORE_MINUTES, MORE_SYMBOLS, MORE_ACTIVE, MORE_OUT, BAD_SYMBOL, NO_END = range(9)

LAST, OF_AUCTION = int(FLAG_LAST), int(FLAG_AUCTION)
ACCEPTED, TRADE, CANCELLED = int(EventType.ACCEPTED), int(EventType.TRADE), int(EventType.CANCELLED)
AMENDED, TRIGGERED, BUSTED = int(EventType.AMENDED), int(EventType.TRIGGERED), int(EventType.BUSTED)
HALTED, RESUMED, LISTED = int(EventType.HALTED), int(EventType.RESUMED), int(EventType.LISTED_INSTRUMENT)
STATE, UNCROSSED, DELISTED = int(EventType.STATE), int(EventType.UNCROSSED), int(EventType.DELISTED_INSTRUMENT)
OPEN, IN_HALT, IN_AUCTION = int(SymbolState.OPEN), int(SymbolState.HALTED), int(SymbolState.AUCTION)
GONE = int(STATUS_DELISTED)
UNIT_AT = offset_of(EVENT_LISTED_INSTRUMENT, "tick_lot_quote_units")
_event_at = record_at(EVENT)
_terms_at = record_at(EVENT_ORDER)
_state_at = record_at(EVENT_STATE)
LATE_FIELDS = 6  # i64: symbol, interval, start, lots, quote, the bust's sequence
LATE_SIZE = 8 * LATE_FIELDS


@inline
def _end_of(t, events, count, first):
    """(what is missing or DONE, index after the command that begins at `first`)."""
    end = first
    symbols = np.int64(t.symbols_used)
    while end < count:
        event = _event_at(events + end * RECORD_SIZE)
        end += 1
        kind = np.int64(event.type)
        symbol = np.int64(event.symbol)
        if kind == LISTED:
            symbols += 1
        elif kind == ACCEPTED or kind == TRADE or kind == BUSTED or (kind >= STATE and kind <= DELISTED):
            if symbol >= symbols:
                return BAD_SYMBOL, end
        elif kind == HALTED or kind == RESUMED:
            if symbol >= symbols and symbol != NO_SYMBOL:
                return BAD_SYMBOL, end
        if may_cut(event.flags):
            return DONE, end
    return NO_END, end


@inline
def _room(t, events, first, end):
    """What is too short for a command's worst, or DONE."""
    count = end - first
    listed = 0
    statuses = 0
    for i in range(first, end):
        event = _event_at(events + i * RECORD_SIZE)
        kind = np.int64(event.type)
        if kind == LISTED:
            listed += 1
        elif (kind == HALTED or kind == RESUMED) and event.symbol == NO_SYMBOL:
            statuses += 1
    symbols = t.symbols_used + listed
    if t.symbols_length < symbols:
        return MORE_SYMBOLS
    if t.orders_length - 1 - t.orders_used < count:
        return MORE_ORDERS
    if t.levels_length - 1 - t.levels_used < 2 * (count + listed):
        return MORE_LEVELS
    if t.minutes_length - 1 - t.minutes_used < count:
        return MORE_MINUTES
    if t.active_length < count:
        return MORE_ACTIVE
    # Of an event: itself and two levels. Of a symbol: each candle twice, bbo, auction, ticker; its status in a halt.
    if t.out_length - t.out_used < 3 * count + (2 * CANDLES + 3 + statuses) * symbols:
        return MORE_OUT
    return DONE


@outline
def _pass_time(t, seq, ts_ns):
    """Close the candles whose period has ended; let the 24 hours roll."""
    second = ts_ns // NS
    new_minute = second // 60 != t.second // 60
    t.second = second
    for symbol in range(t.symbols_used):
        for interval in range(CANDLES):
            candle = candle_at(t, symbol, interval)
            if candle.there != 0 and candle.closed == 0 and candle.start + LENGTHS[interval] <= second:
                candle.closed = 1
                tell_candle(t, symbol, interval, seq, ts_ns)
        if new_minute and symbol_at(t, symbol).state != GONE and roll_day(t, symbol, second // 60):
            mark_dirty(t, symbol, DIRTY_TICKER)


@inline
def _print(t, event):
    """What a trade tells, and what it adds to candles and day."""
    symbol, price, lots = np.int64(event.symbol), event.price_ticks, event.qty_lots
    kept = symbol_at(t, symbol)
    quote = lots * price * kept.unit
    if kept.reference_ticks == 0:
        kept.reference_ticks = price
        mark_dirty(t, symbol, DIRTY_AUCTION)
    tell_trade(t, symbol, event.seq, event.ts_ns, event.side, price, lots)
    second = event.ts_ns // NS
    for interval in range(CANDLES):
        start = second - second % LENGTHS[interval]
        candle = candle_at(t, symbol, interval)
        if candle.there == 0 or candle.start != start:
            begin(candle, start, price)
        print_in(candle, price, lots, quote)
    add_to_day(t, symbol, second // 60, price, lots, quote)
    mark_dirty(t, symbol, DIRTY_TRADED | DIRTY_TICKER)


@outline
def _bust(t, event, ts_ns):
    """Take a trade of `ts_ns` (-1 = not known) back; what candles that have ended lose stands at `t.late`."""
    if ts_ns < 0:
        return
    symbol, lots = np.int64(event.symbol), event.qty_lots
    quote = lots * event.price_ticks * symbol_at(t, symbol).unit
    second = ts_ns // NS
    if take_back_from_day(t, symbol, second // 60, lots, quote):
        mark_dirty(t, symbol, DIRTY_TICKER)
    for interval in range(CANDLES):
        start = second - second % LENGTHS[interval]
        candle = candle_at(t, symbol, interval)
        is_kept = candle.there != 0 and candle.start == start
        if is_kept:
            count(candle, -lots, -quote, -1)
            mark_dirty(t, symbol, DIRTY_TRADED)
        # One that this very command of one event closed has had its last word: only what is stored can change.
        is_told = load(prev_address(t, symbol, CANDLE_TOPIC + interval)) == event.seq and event.flags & LAST != 0
        if not is_kept or is_told:
            row = t.late + t.late_used * LATE_SIZE
            store(row, symbol)
            store(row + 8, interval)
            store(row + 16, start)
            store(row + 24, lots)
            store(row + 32, quote)
            store(row + 40, event.seq)
            t.late_used += 1


@outline
def _list(t, seq, ts_ns, unit):
    symbol = t.symbols_used
    t.symbols_used = symbol + 1
    kept = symbol_at(t, symbol)
    kept.unit = unit
    kept.bids = new_side(t)
    kept.asks = new_side(t)
    tell_status(t, symbol, seq, ts_ns, 0)


@outline
def _sort_dirty(t):
    """Symbols in ascending order; few, or in order already."""
    for i in range(1, t.dirty_used):
        symbol = load_u32(t.dirty_at + i * 4)
        at = i
        while at > 0 and load_u32(t.dirty_at + (at - 1) * 4) > symbol:
            store_u32(t.dirty_at + at * 4, load_u32(t.dirty_at + (at - 1) * 4))
            at -= 1
        store_u32(t.dirty_at + at * 4, symbol)


@outline
def _tell_symbols(t, seq, ts_ns):
    """Auctions, tickers, then candles, of the symbols that changed."""
    if t.dirty_used > 1:
        _sort_dirty(t)
    for i in range(t.dirty_used):
        symbol = load_u32(t.dirty_at + i * 4)
        if symbol_at(t, symbol).dirty & DIRTY_AUCTION != 0 and symbol_at(t, symbol).state == IN_AUCTION:
            tell_auction(t, symbol, seq, ts_ns)
    for i in range(t.dirty_used):
        symbol = load_u32(t.dirty_at + i * 4)
        if symbol_at(t, symbol).dirty & DIRTY_TICKER != 0:
            tell_ticker(t, symbol, seq, ts_ns)
    for i in range(t.dirty_used):
        symbol = load_u32(t.dirty_at + i * 4)
        if symbol_at(t, symbol).dirty & DIRTY_TRADED != 0:
            for interval in range(CANDLES):
                # A closed one that only a bust could change had its last word with seq of the first event.
                if candle_at(t, symbol, interval).there != 0:
                    if load(prev_address(t, symbol, CANDLE_TOPIC + interval)) < seq:
                        tell_candle(t, symbol, interval, seq, ts_ns)
        symbol_at(t, symbol).dirty = 0
    t.dirty_used = 0


@outline
def _enter(t, symbol, state, seq, ts_ns):
    """A symbol's new state; with an auction its indicative price begins anew."""
    kept = symbol_at(t, symbol)
    if state == IN_AUCTION:
        kept.auction_ticks = 0
        kept.auction_lots = 0
        kept.auction_surplus = 0
        kept.auction_side = 0
        mark_dirty(t, symbol, DIRTY_AUCTION)
    kept.state = state
    tell_status(t, symbol, seq, ts_ns, state)


@inline
def _enter_all(t, event, state):
    """Of the symbol of a halt or its end; where it names none, of each that is not gone."""
    if event.symbol != NO_SYMBOL:
        _enter(t, np.int64(event.symbol), state, event.seq, event.ts_ns)
        return
    for symbol in range(t.symbols_used):
        if symbol_at(t, symbol).state != GONE:
            _enter(t, symbol, state, event.seq, event.ts_ns)


@outline
def _change(t, address):
    """What is rare: states, uncross, delisting."""
    event = _event_at(address)
    kind, symbol = np.int64(event.type), np.int64(event.symbol)
    if kind == STATE:
        terms = _state_at(address)
        symbol_at(t, symbol).reference_ticks = terms.reference_ticks
        _enter(t, symbol, np.int64(terms.symbol_state), event.seq, event.ts_ns)
    elif kind == UNCROSSED:
        if event.qty_lots != 0:
            symbol_at(t, symbol).reference_ticks = event.price_ticks
            mark_dirty(t, symbol, DIRTY_AUCTION)
    elif kind == DELISTED:
        _enter(t, symbol, GONE, event.seq, event.ts_ns)
    elif kind == HALTED:
        _enter_all(t, event, IN_HALT)
    elif kind == RESUMED:
        _enter_all(t, event, OPEN)


@inline
def _take(t, address):
    """One event."""
    event = _event_at(address)
    kind = np.int64(event.type)
    if kind == TRADE:
        _print(t, event)
        fill(t, event.order_id, event.leaves_lots, 0)
        fill(t, event.maker_order_id, event.maker_leaves_lots, 0 if event.flags & OF_AUCTION != 0 else event.qty_lots)
    elif kind == ACCEPTED:
        accept(t, event, _terms_at(address))
    elif kind == CANCELLED:
        cancel(t, event.order_id)
    elif kind == AMENDED:
        amend(t, event.order_id, event.price_ticks, event.leaves_lots)
    elif kind == TRIGGERED:
        trigger(t, event.order_id)
    elif kind == BUSTED:
        t.bust_at += 1
        _bust(t, event, load(t.bust_times + (t.bust_at - 1) * 8))
    elif kind == LISTED:
        _list(t, event.seq, event.ts_ns, load(address + UNIT_AT))
    elif kind >= HALTED:
        _change(t, address)
    if event.flags & LAST != 0:
        join_books(t)


@kernel_of("int64(int64, int64, int64)")
def fold_events(address, events, count):
    """Fold EVENT records from index t.at on, in whole commands; DONE, or why it stopped before the command at t.at.

    address: of a TABLES record, whose `bust_times`, `late`, `out` are set: i64 for each bust of the batch, ts_ns of the
    trade that it names or -1; room for 7 rows a bust; room for out_length MARKET records (checksums stay unset).
    """
    t = tables_at(address)
    while t.at < count:
        first = t.at
        code, end = _end_of(t, events, count, first)
        if code == DONE:
            code = _room(t, events, first, end)
        if code != DONE:
            return code
        t.command += 1
        begin_event, last = _event_at(events + first * RECORD_SIZE), _event_at(events + (end - 1) * RECORD_SIZE)
        if begin_event.ts_ns // NS > t.second:
            _pass_time(t, begin_event.seq, begin_event.ts_ns)
        for i in range(first, end):
            _take(t, events + i * RECORD_SIZE)
        if t.touched_used > 0:
            tell_books(t, last.seq, last.ts_ns)
        if t.dirty_used > 0:
            _tell_symbols(t, last.seq, last.ts_ns)
        t.at = end
    return DONE
