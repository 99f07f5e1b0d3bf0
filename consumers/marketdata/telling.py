"""MARKET records written into the output array, numbered, chained and checksummed."""

# isort: off
from ringbuf.jit import inline, outline

import numpy as np

from consumers.marketdata.candles import SECONDS
from consumers.marketdata.level_lists import give_back, sort_touched, unlink
from consumers.marketdata.periods import capped
from consumers.marketdata.tables import CANDLES
from ringbuf.checksum import crc32c_record
from ringbuf.codes import FLAG_LAST, MarketType
from ringbuf.records import RECORD_SIZE
# isort: on

FLAG_CLOSED = 2
LAST = int(FLAG_LAST)
M_TRADE, M_BBO, M_DEPTH = int(MarketType.TRADE), int(MarketType.BBO), int(MarketType.DEPTH)
M_TICKER, M_CANDLE, M_STATUS = int(MarketType.TICKER), int(MarketType.CANDLE), int(MarketType.STATUS)
CANDLE_TOPIC = 7  # column of `prevs`, + interval
DIRTY_BOOK, DIRTY_TICKER, DIRTY_TRADED = 1, 2, 4
LENGTHS = np.array(SECONDS, np.int64)


@inline
def mark_dirty(t, symbol, what):
    """Remember that the command changed something of a symbol."""
    head, kept = t.head[0], t.symbols[symbol]
    if kept.dirty == 0:
        t.dirty[head.dirty_used] = symbol
        head.dirty_used += 1
    kept.dirty |= what


@inline
def _begin(t, out, kind, symbol, seq, prev, ts_ns):
    """The next record, with what all have; the rest is 0."""
    head = t.head[0]
    record = out[head.out_used]
    head.out_used += 1
    head.mseq += 1
    record.mseq = head.mseq
    record.seq = seq
    record.prev = prev
    record.ts_ns = ts_ns
    record.type = kind
    record.flags = LAST
    record.side = 0
    record.interval = 0
    record.symbol = symbol
    record.price_ticks = 0
    record.qty_lots = 0
    record.price2_ticks = 0
    record.qty2_lots = 0
    record.open_ticks = 0
    record.high_ticks = 0
    record.low_ticks = 0
    record.volume_lots = 0
    record.quote_volume = 0
    record.trades = 0
    record.spare = head.epoch
    record.open_ts_ns = 0
    return record


@inline
def _finish(t, out):
    """The last record is complete: its checksum."""
    at = t.head[0].out_used - 1
    out[at].crc = crc32c_record(out.ctypes.data + at * RECORD_SIZE)


@inline
def _chain(t, symbol, topic, seq):
    """The sequence of the topic's message before, and note this one's."""
    prev = t.prevs[symbol, topic]
    t.prevs[symbol, topic] = seq
    return prev


@inline
def tell_trade(t, out, symbol, seq, ts_ns, side, price_ticks, lots):
    """One print."""
    record = _begin(t, out, M_TRADE, symbol, seq, _chain(t, symbol, M_TRADE, seq), ts_ns)
    record.side = side
    record.price_ticks = price_ticks
    record.qty_lots = lots
    _finish(t, out)


@outline
def tell_status(t, out, symbol, seq, ts_ns, halted):
    """Open (0) or halted (1)."""
    record = _begin(t, out, M_STATUS, symbol, seq, _chain(t, symbol, M_STATUS, seq), ts_ns)
    record.side = halted
    _finish(t, out)


@outline
def tell_ticker(t, out, symbol, seq, ts_ns):
    """The rolling 24 hours; zeros but for the last price where nothing traded in them."""
    record = _begin(t, out, M_TICKER, symbol, seq, _chain(t, symbol, M_TICKER, seq), ts_ns)
    day = t.symbols[symbol]
    record.price_ticks = day.last_ticks
    if day.oldest != 0:
        record.open_ticks = t.minutes[day.oldest].open_ticks
        record.high_ticks = day.high_ticks
        record.low_ticks = day.low_ticks
        record.volume_lots = capped(day.volume_high, day.volume_low)
        record.quote_volume = capped(day.quote_high, day.quote_low)
        record.trades = day.trades
    _finish(t, out)


@outline
def tell_candle(t, out, symbol, interval, seq, ts_ns):
    """One candle as it is now."""
    prev = _chain(t, symbol, CANDLE_TOPIC + interval, seq)
    record = _begin(t, out, M_CANDLE, symbol, seq, prev, ts_ns)
    candle = t.candles[symbol * CANDLES + interval]
    if candle.closed != 0:
        record.flags = LAST | FLAG_CLOSED
    record.interval = interval
    record.price_ticks = candle.close_ticks
    record.open_ticks = candle.open_ticks
    record.high_ticks = candle.high_ticks
    record.low_ticks = candle.low_ticks
    record.volume_lots = capped(candle.volume_high, candle.volume_low)
    record.quote_volume = capped(candle.quote_high, candle.quote_low)
    record.trades = candle.trades
    record.open_ts_ns = candle.start
    _finish(t, out)


@inline
def _tell_level(t, out, slot, prev, seq, ts_ns, flags):
    level = t.levels[slot]
    record = _begin(t, out, M_DEPTH, level.symbol, seq, prev, ts_ns)
    record.flags = flags
    record.side = level.side
    record.price_ticks = level.key if level.side != 0 else -level.key
    record.qty_lots = level.total_lots
    _finish(t, out)


@inline
def _tell_bbo(t, out, symbol, seq, ts_ns):
    """Best bid and ask where they are others than told last."""
    kept = t.symbols[symbol]
    bid, ask = np.int64(t.links[kept.bids, 0]), np.int64(t.links[kept.asks, 0])
    bid_ticks = -t.levels[bid].key if bid != 0 else 0
    bid_lots = t.levels[bid].total_lots if bid != 0 else 0
    ask_ticks = t.levels[ask].key if ask != 0 else 0
    ask_lots = t.levels[ask].total_lots if ask != 0 else 0
    if (
        bid_ticks == kept.bid_ticks
        and bid_lots == kept.bid_lots
        and ask_ticks == kept.ask_ticks
        and ask_lots == kept.ask_lots
    ):
        return
    kept.bid_ticks = bid_ticks
    kept.bid_lots = bid_lots
    kept.ask_ticks = ask_ticks
    kept.ask_lots = ask_lots
    record = _begin(t, out, M_BBO, symbol, seq, _chain(t, symbol, M_BBO, seq), ts_ns)
    record.price_ticks = bid_ticks
    record.qty_lots = bid_lots
    record.price2_ticks = ask_ticks
    record.qty2_lots = ask_lots
    _finish(t, out)


@inline
def _keep_changed(t):
    """Unlink touched levels that are empty, and move those that changed to the front of `touched`; how many."""
    changed = 0
    for i in range(t.head[0].touched_used):
        slot = np.int64(t.touched[i])
        level = t.levels[slot]
        if level.total_lots == 0:
            unlink(t, slot)
        if level.total_lots != level.before:
            t.touched[changed] = slot
            changed += 1
        elif level.total_lots == 0:
            give_back(t, slot)
    return changed


@outline
def tell_books(t, out, seq, ts_ns):
    """Depth and best bid and offer of each symbol whose levels the command changed."""
    changed = _keep_changed(t)
    if changed > 1:
        sort_touched(t, changed)
    at = 0
    while at < changed:
        symbol = np.int64(t.levels[t.touched[at]].symbol)
        end = at + 1
        while end < changed and np.int64(t.levels[t.touched[end]].symbol) == symbol:
            end += 1
        prev = _chain(t, symbol, M_DEPTH, seq)
        for i in range(at, end):
            _tell_level(t, out, np.int64(t.touched[i]), prev, seq, ts_ns, LAST if i == end - 1 else 0)
        _tell_bbo(t, out, symbol, seq, ts_ns)
        at = end
    for i in range(changed):
        slot = np.int64(t.touched[i])
        if t.levels[slot].total_lots == 0:
            give_back(t, slot)
    t.head[0].touched_used = 0
