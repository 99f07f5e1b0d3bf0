"""Events into MARKET records, compiled: one command after another into the tables and the output array.

One command gives, in this order: candles that its time closed (seq of its first event), status changes and trades
(seq of their own event), then depth, bbo, ticker and candles (seq of its last event). So sequences never go
back, and no topic has two messages of one sequence. `prev` is the sequence of the topic's message before.
"""

# isort: off
from ringbuf.jit import inline, kernel_of, outline

import numpy as np
from numba import types

from consumers.marketdata.candles import NS
from consumers.marketdata.level_lists import new_side, show, slice_of
from consumers.marketdata.order_table import drop_order, find_order, new_order
from consumers.marketdata.periods import add_to_day, begin, count, print_in, roll_day, take_back_from_day
from consumers.marketdata.tables import CANDLES, EVENTS, RECORDS, TABLES, TERMS, WORDS
from consumers.marketdata.telling import (
    CANDLE_TOPIC,
    DIRTY_TICKER,
    DIRTY_TRADED,
    LENGTHS,
    mark_dirty,
    tell_books,
    tell_candle,
    tell_status,
    tell_ticker,
    tell_trade,
)
from ringbuf.codes import FLAG_LAST, NO_SYMBOL, EventType, OrderType
from ringbuf.records import EVENT_LISTED_INSTRUMENT, offset_of
# isort: on

# What `fold_events` returns: it stopped before the command at head.at.
DONE, MORE_ORDERS, MORE_LEVELS, MORE_MINUTES, MORE_SYMBOLS, MORE_ACTIVE, MORE_OUT, BAD_SYMBOL, NO_END = range(9)

LAST = int(FLAG_LAST)
ACCEPTED, TRADE, CANCELLED = int(EventType.ACCEPTED), int(EventType.TRADE), int(EventType.CANCELLED)
AMENDED, TRIGGERED, BUSTED = int(EventType.AMENDED), int(EventType.TRIGGERED), int(EventType.BUSTED)
HALTED, RESUMED, LISTED = int(EventType.HALTED), int(EventType.RESUMED), int(EventType.LISTED_INSTRUMENT)
STOP, STOP_LIMIT = int(OrderType.STOP), int(OrderType.STOP_LIMIT)
UNIT_WORD = offset_of(EVENT_LISTED_INSTRUMENT, "tick_lot_quote_units") // 8
LATE_FIELDS = 5  # symbol, interval, start, lots, quote


@inline
def _end_of(t, events, first):
    """(what is missing or DONE, index after the command that begins at `first`)."""
    end = first
    symbols = np.int64(t.head[0].symbols_used)
    while end < len(events):
        event = events[end]
        end += 1
        kind = np.int64(event.type)
        symbol = np.int64(event.symbol)
        if kind == LISTED:
            symbols += 1
        elif kind == ACCEPTED or kind == TRADE or kind == BUSTED:
            if symbol >= symbols:
                return BAD_SYMBOL, end
        elif kind == HALTED or kind == RESUMED:
            if symbol >= symbols and symbol != NO_SYMBOL:
                return BAD_SYMBOL, end
        if event.flags & LAST != 0:
            return DONE, end
    return NO_END, end


@inline
def _room(t, out, events, first, end):
    """What a command's worst could not have, or DONE: `needed` says how many of it."""
    head = t.head[0]
    events_count = end - first
    listed = 0
    statuses = 0
    for i in range(first, end):
        kind = np.int64(events[i].type)
        if kind == LISTED:
            listed += 1
        elif (kind == HALTED or kind == RESUMED) and events[i].symbol == NO_SYMBOL:
            statuses += 1
    symbols = head.symbols_used + listed
    if len(t.symbols) < symbols:
        return MORE_SYMBOLS
    if len(t.orders) - 1 - head.orders_used < events_count:
        return MORE_ORDERS
    if len(t.levels) - 1 - head.levels_used < 2 * (events_count + listed):
        return MORE_LEVELS
    if len(t.minutes) - 1 - head.minutes_used < events_count:
        return MORE_MINUTES
    if len(t.active) < events_count:
        return MORE_ACTIVE
    # Of an event: itself and two levels. Of a symbol: each candle twice, bbo, ticker; and in a halt of all its status.
    if len(out) - head.out_used < 3 * events_count + (2 * CANDLES + 2 + statuses) * symbols:
        return MORE_OUT
    return DONE


@outline
def _pass_time(t, out, seq, ts_ns):
    """Close the candles whose period has ended; let the 24 hours roll."""
    head = t.head[0]
    second = ts_ns // NS
    new_minute = second // 60 != head.second // 60
    head.second = second
    for symbol in range(head.symbols_used):
        for interval in range(CANDLES):
            candle = t.candles[symbol * CANDLES + interval]
            if candle.there != 0 and candle.closed == 0 and candle.start + LENGTHS[interval] <= second:
                candle.closed = 1
                tell_candle(t, out, symbol, interval, seq, ts_ns)
        if new_minute and roll_day(t, symbol, second // 60):
            mark_dirty(t, symbol, DIRTY_TICKER)


@inline
def _print(t, out, event):
    """What a trade tells, and what it adds to candles and day."""
    symbol, price, lots = np.int64(event.symbol), event.price_ticks, event.qty_lots
    quote = lots * price * t.symbols[symbol].unit
    tell_trade(t, out, symbol, event.seq, event.ts_ns, event.side, price, lots)
    second = event.ts_ns // NS
    for interval in range(CANDLES):
        start = second - second % LENGTHS[interval]
        candle = t.candles[symbol * CANDLES + interval]
        if candle.there == 0 or candle.start != start:
            begin(candle, start, price)
        print_in(candle, price, lots, quote)
    add_to_day(t, symbol, second // 60, price, lots, quote)
    mark_dirty(t, symbol, DIRTY_TRADED | DIRTY_TICKER)


@inline
def _fill(t, order_id, leaves, shown_less):
    """A trade left `leaves` of this order; a maker's shown slice is less by `shown_less`."""
    slot = find_order(t.orders, t.cells, order_id)
    if slot == 0:
        return
    order = t.orders[slot]
    order.leaves_lots = leaves
    if order.shown_lots != 0:
        shown = order.shown_lots - shown_less
        if shown <= 0:
            shown = slice_of(order)
        if shown > leaves:
            shown = leaves
        show(t, slot, shown)
    if leaves == 0:
        drop_order(t, slot)


@inline
def _activate(t, order_id):
    head = t.head[0]
    t.active[head.active_used] = order_id
    head.active_used += 1


@inline
def _accept(t, event, terms):
    slot = new_order(t, event.order_id)
    order = t.orders[slot]
    order.price_ticks = event.price_ticks
    order.leaves_lots = event.leaves_lots
    order.display_lots = terms.display_lots
    order.shown_lots = 0
    order.level = 0
    order.symbol = event.symbol
    order.side = event.side
    order.waits = 1 if terms.order_type == STOP or terms.order_type == STOP_LIMIT else 0
    _activate(t, event.order_id)


@inline
def _cancel(t, order_id):
    slot = find_order(t.orders, t.cells, order_id)
    if slot != 0:
        show(t, slot, 0)
        drop_order(t, slot)


@inline
def _amend(t, order_id, price, leaves):
    slot = find_order(t.orders, t.cells, order_id)
    if slot == 0:
        return
    order = t.orders[slot]
    if order.shown_lots != 0 and price == order.price_ticks and leaves <= order.leaves_lots:  # keeps its place
        order.leaves_lots = leaves
        if leaves < order.shown_lots:
            show(t, slot, leaves)
        return
    show(t, slot, 0)
    order.price_ticks = price
    order.leaves_lots = leaves
    _activate(t, order_id)


@inline
def _trigger(t, order_id):
    slot = find_order(t.orders, t.cells, order_id)
    if slot != 0:
        t.orders[slot].waits = 0
        _activate(t, order_id)


@outline
def _bust(t, event, ts_ns, late):
    """Take a trade of `ts_ns` (-1 = not known) back; what candles that have ended lose stands in `late`."""
    if ts_ns < 0:
        return
    head, symbol, lots = t.head[0], np.int64(event.symbol), event.qty_lots
    quote = lots * event.price_ticks * t.symbols[symbol].unit
    second = ts_ns // NS
    if take_back_from_day(t, symbol, second // 60, lots, quote):
        mark_dirty(t, symbol, DIRTY_TICKER)
    for interval in range(CANDLES):
        start = second - second % LENGTHS[interval]
        candle = t.candles[symbol * CANDLES + interval]
        is_kept = candle.there != 0 and candle.start == start
        if is_kept:
            count(candle, -lots, -quote, -1)
            mark_dirty(t, symbol, DIRTY_TRADED)
        # One that this very command of one event closed has had its last word: only what is stored can change.
        is_told = t.prevs[symbol, CANDLE_TOPIC + interval] == event.seq and event.flags & LAST != 0
        if not is_kept or is_told:
            row = late[head.late_used]
            row[0] = symbol
            row[1] = interval
            row[2] = start
            row[3] = lots
            row[4] = quote
            head.late_used += 1


@outline
def _list(t, out, seq, ts_ns, unit):
    head = t.head[0]
    symbol = head.symbols_used
    head.symbols_used = symbol + 1
    kept = t.symbols[symbol]
    kept.unit = unit
    kept.bids = new_side(t)
    kept.asks = new_side(t)
    tell_status(t, out, symbol, seq, ts_ns, 0)


@inline
def _join_books(t):
    """What is left of the command's orders joins the book."""
    head = t.head[0]
    for i in range(head.active_used):
        slot = find_order(t.orders, t.cells, t.active[i])
        if slot == 0:
            continue
        order = t.orders[slot]
        if order.leaves_lots == 0:
            drop_order(t, slot)  # nothing left and nobody says so any more
        elif order.waits == 0 and order.shown_lots == 0:
            show(t, slot, slice_of(order))
    head.active_used = 0


@outline
def _sort_dirty(t):
    """Symbols in ascending order; few, or in order already."""
    for i in range(1, t.head[0].dirty_used):
        symbol = t.dirty[i]
        at = i
        while at > 0 and t.dirty[at - 1] > symbol:
            t.dirty[at] = t.dirty[at - 1]
            at -= 1
        t.dirty[at] = symbol


@outline
def _tell_periods(t, out, seq, ts_ns):
    """Tickers, then candles, of the symbols that changed."""
    head = t.head[0]
    if head.dirty_used > 1:
        _sort_dirty(t)
    for i in range(head.dirty_used):
        symbol = np.int64(t.dirty[i])
        if t.symbols[symbol].dirty & DIRTY_TICKER != 0:
            tell_ticker(t, out, symbol, seq, ts_ns)
    for i in range(head.dirty_used):
        symbol = np.int64(t.dirty[i])
        if t.symbols[symbol].dirty & DIRTY_TRADED != 0:
            for interval in range(CANDLES):
                # A closed one that only a bust could change had its last word with seq of the first event.
                if t.candles[symbol * CANDLES + interval].there != 0:
                    if t.prevs[symbol, CANDLE_TOPIC + interval] < seq:
                        tell_candle(t, out, symbol, interval, seq, ts_ns)
        t.symbols[symbol].dirty = 0
    head.dirty_used = 0


@inline
def _status(t, out, event):
    halted = 1 if event.type == HALTED else 0
    if event.symbol != NO_SYMBOL:
        tell_status(t, out, np.int64(event.symbol), event.seq, event.ts_ns, halted)
        return
    for symbol in range(t.head[0].symbols_used):
        tell_status(t, out, symbol, event.seq, event.ts_ns, halted)


@inline
def _take(t, out, event, terms, unit, bust_times, late):
    """One event."""
    kind = np.int64(event.type)
    if kind == TRADE:
        _print(t, out, event)
        _fill(t, event.order_id, event.leaves_lots, 0)
        _fill(t, event.maker_order_id, event.maker_leaves_lots, event.qty_lots)
    elif kind == ACCEPTED:
        _accept(t, event, terms)
    elif kind == CANCELLED:
        _cancel(t, event.order_id)
    elif kind == AMENDED:
        _amend(t, event.order_id, event.price_ticks, event.leaves_lots)
    elif kind == TRIGGERED:
        _trigger(t, event.order_id)
    elif kind == BUSTED:
        head = t.head[0]
        head.bust_at += 1
        _bust(t, event, bust_times[head.bust_at - 1], late)
    elif kind == HALTED or kind == RESUMED:
        _status(t, out, event)
    elif kind == LISTED:
        _list(t, out, event.seq, event.ts_ns, unit)


@kernel_of(types.int64(TABLES, EVENTS, TERMS, WORDS, types.int64[::1], WORDS, RECORDS))
def fold_events(t, events, terms, words, bust_times, late, out):
    """Fold the events from head.at on, in whole commands; DONE, or why it stopped before the command at head.at.

    terms, words: the same memory as `events`, as EVENT_ORDER and as i64 [n, 16]. bust_times[k]: ts_ns of the trade
    that the batch's k-th bust names, -1 where unknown. late: room for 7 rows a bust.
    """
    head = t.head[0]
    while head.at < len(events):
        first = head.at
        code, end = _end_of(t, events, first)
        if code == DONE:
            code = _room(t, out, events, first, end)
        if code != DONE:
            return code
        head.command += 1
        if events[first].ts_ns // NS > head.second:
            _pass_time(t, out, events[first].seq, events[first].ts_ns)
        for i in range(first, end):
            _take(t, out, events[i], terms[i], words[i, UNIT_WORD], bust_times, late)
        _join_books(t)
        seq, ts_ns = events[end - 1].seq, events[end - 1].ts_ns
        if head.touched_used > 0:
            tell_books(t, out, seq, ts_ns)
        if head.dirty_used > 0:
            _tell_periods(t, out, seq, ts_ns)
        head.at = end
    return DONE
