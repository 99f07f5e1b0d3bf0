"""Candles and the rolling day in the tables. Sums of a period are two words: high * 2**62 + low.

So what is counted beyond 63 bits is not lost, and a bust can be taken back from it; told it is capped. Anything added
is at most 2**62: no trade costs more than its asset's supply.
"""

# isort: off
from ringbuf.jit import inline, outline

import numpy as np

from consumers.marketdata.candles import WINDOW_MINUTES
from consumers.marketdata.tables import minute_at, symbol_at
# isort: on

HALF = 1 << 62
MAX_I64 = (1 << 63) - 1


@inline
def capped(high, low):
    """A sum as an i64, at most 2**63 - 1."""
    if high <= 0:
        return low
    if high == 1:
        return HALF + low
    return MAX_I64


@inline
def count(period, lots, quote, trades):
    """Add to the sums of a period or of a symbol's day; negative numbers take back."""
    period.volume_low += lots
    if period.volume_low >= HALF:
        period.volume_low -= HALF
        period.volume_high += 1
    elif period.volume_low < 0:
        period.volume_low += HALF
        period.volume_high -= 1
    period.quote_low += quote
    if period.quote_low >= HALF:
        period.quote_low -= HALF
        period.quote_high += 1
    elif period.quote_low < 0:
        period.quote_low += HALF
        period.quote_high -= 1
    period.trades += trades


@inline
def begin(period, start, price_ticks):
    """A period whose first trade is at this price."""
    period.start = start
    period.open_ticks = price_ticks
    period.high_ticks = price_ticks
    period.low_ticks = price_ticks
    period.volume_high = 0
    period.volume_low = 0
    period.quote_high = 0
    period.quote_low = 0
    period.trades = 0
    period.there = 1
    period.closed = 0


@inline
def print_in(period, price_ticks, lots, quote):
    """Take in a trade."""
    if price_ticks > period.high_ticks:
        period.high_ticks = price_ticks
    if price_ticks < period.low_ticks:
        period.low_ticks = price_ticks
    period.close_ticks = price_ticks
    count(period, lots, quote, 1)


@outline
def add_to_day(t, symbol, minute, price_ticks, lots, quote):
    """Take a trade into the rolling day. Precondition: room for a minute."""
    day = symbol_at(t, symbol)
    newest = np.int64(day.newest)
    if newest == 0:
        day.high_ticks = price_ticks
        day.low_ticks = price_ticks
    if newest == 0 or minute_at(t, newest).start != minute:
        slot = t.minutes_free
        if slot != 0:
            t.minutes_free = np.int64(minute_at(t, slot).next)
        else:
            slot = t.minutes_next
            t.minutes_next = slot + 1
        t.minutes_used += 1
        begin(minute_at(t, slot), minute, price_ticks)
        minute_at(t, slot).prev = newest
        minute_at(t, slot).next = 0
        if newest == 0:
            day.oldest = slot
        else:
            minute_at(t, newest).next = slot
        day.newest = slot
        newest = slot
    print_in(minute_at(t, newest), price_ticks, lots, quote)
    if price_ticks > day.high_ticks:
        day.high_ticks = price_ticks
    if price_ticks < day.low_ticks:
        day.low_ticks = price_ticks
    day.last_ticks = price_ticks
    count(day, lots, quote, 1)


@outline
def roll_day(t, symbol, minute):
    """Drop what is older than 24 hours; whether anything was."""
    day = symbol_at(t, symbol)
    dropped = False
    while day.oldest != 0:
        slot = np.int64(day.oldest)
        gone = minute_at(t, slot)
        if gone.start > minute - WINDOW_MINUTES:
            break
        behind = np.int64(gone.next)
        day.volume_high -= gone.volume_high
        day.quote_high -= gone.quote_high
        count(day, -gone.volume_low, -gone.quote_low, -gone.trades)
        gone.next = t.minutes_free
        t.minutes_free = slot
        t.minutes_used -= 1
        day.oldest = behind
        if behind == 0:
            day.newest = 0
        else:
            minute_at(t, behind).prev = 0
        dropped = True
    slot = np.int64(day.oldest)
    if dropped and slot != 0:
        day.high_ticks = minute_at(t, slot).high_ticks
        day.low_ticks = minute_at(t, slot).low_ticks
        while slot != 0:
            kept = minute_at(t, slot)
            if kept.high_ticks > day.high_ticks:
                day.high_ticks = kept.high_ticks
            if kept.low_ticks < day.low_ticks:
                day.low_ticks = kept.low_ticks
            slot = np.int64(kept.next)
    return dropped


@outline
def take_back_from_day(t, symbol, minute, lots, quote):
    """Undo a busted trade's volume; False where its minute has gone."""
    day = symbol_at(t, symbol)
    slot = np.int64(day.newest)
    while slot != 0:
        kept = minute_at(t, slot)
        if kept.start == minute:
            count(kept, -lots, -quote, -1)
            count(day, -lots, -quote, -1)
            return True
        slot = np.int64(kept.prev)
    return False
