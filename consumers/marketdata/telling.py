"""MARKET records written at `t.out`, numbered and chained; their checksums are filled in by the batch."""

# isort: off
from ringbuf.jit import inline, outline

import numpy as np

from consumers.marketdata.auction import indicative
from consumers.marketdata.candles import SECONDS
from consumers.marketdata.level_lists import give_back, sort_touched, unlink
from consumers.marketdata.periods import capped
from consumers.marketdata.tables import candle_at, level_at, link_address, minute_at, prev_address, symbol_at
from ringbuf.atomics import load, load_u32, store, store_u32
from ringbuf.codes import FLAG_LAST, MarketType
from ringbuf.fields import record_at
from ringbuf.records import MARKET, RECORD_SIZE
# isort: on

FLAG_CLOSED = 2
LAST = int(FLAG_LAST)
M_TRADE, M_BBO, M_DEPTH = int(MarketType.TRADE), int(MarketType.BBO), int(MarketType.DEPTH)
M_TICKER, M_CANDLE, M_STATUS = int(MarketType.TICKER), int(MarketType.CANDLE), int(MarketType.STATUS)
M_AUCTION = int(MarketType.AUCTION)
CANDLE_TOPIC = 8  # column of `prevs`, + interval
LENGTHS = np.array(SECONDS, np.int64)
_market = record_at(MARKET)


@outline
def _begin(t, kind, symbol, seq, prev, ts_ns):
    """The next record, with what all have; the rest is 0."""
    record = _market(t.out + t.out_used * RECORD_SIZE)
    t.out_used += 1
    t.mseq += 1
    record.mseq = t.mseq
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
    record.spare = t.epoch
    record.open_ts_ns = 0
    return record


@inline
def _chain(t, symbol, topic, seq):
    """The sequence of the topic's message before, and note this one's."""
    prev = load(prev_address(t, symbol, topic))
    store(prev_address(t, symbol, topic), seq)
    return prev


@inline
def tell_trade(t, symbol, seq, ts_ns, side, price_ticks, lots):
    """One print."""
    record = _begin(t, M_TRADE, symbol, seq, _chain(t, symbol, M_TRADE, seq), ts_ns)
    record.side = side
    record.price_ticks = price_ticks
    record.qty_lots = lots


@outline
def tell_status(t, symbol, seq, ts_ns, state):
    """What the symbol takes from now on: a SymbolState, or STATUS_DELISTED."""
    record = _begin(t, M_STATUS, symbol, seq, _chain(t, symbol, M_STATUS, seq), ts_ns)
    record.side = state


@outline
def tell_auction(t, symbol, seq, ts_ns):
    """At which price the book would be uncrossed now, where that is another than told last. No level is empty."""
    kept = symbol_at(t, symbol)
    price, volume, surplus, side = indicative(t, symbol)
    if (
        price == kept.auction_ticks
        and volume == kept.auction_lots
        and surplus == kept.auction_surplus
        and side == kept.auction_side
    ):
        return
    kept.auction_ticks = price
    kept.auction_lots = volume
    kept.auction_surplus = surplus
    kept.auction_side = side
    record = _begin(t, M_AUCTION, symbol, seq, _chain(t, symbol, M_AUCTION, seq), ts_ns)
    record.price_ticks = price
    record.qty_lots = volume
    record.qty2_lots = surplus
    record.side = side


@outline
def tell_ticker(t, symbol, seq, ts_ns):
    """The rolling 24 hours; zeros but for the last price where nothing traded in them."""
    record = _begin(t, M_TICKER, symbol, seq, _chain(t, symbol, M_TICKER, seq), ts_ns)
    day = symbol_at(t, symbol)
    record.price_ticks = day.last_ticks
    if day.oldest != 0:
        record.open_ticks = minute_at(t, day.oldest).open_ticks
        record.high_ticks = day.high_ticks
        record.low_ticks = day.low_ticks
        record.volume_lots = capped(day.volume_high, day.volume_low)
        record.quote_volume = capped(day.quote_high, day.quote_low)
        record.trades = day.trades


@outline
def tell_candle(t, symbol, interval, seq, ts_ns):
    """One candle as it is now."""
    prev = _chain(t, symbol, CANDLE_TOPIC + interval, seq)
    record = _begin(t, M_CANDLE, symbol, seq, prev, ts_ns)
    candle = candle_at(t, symbol, interval)
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


@inline
def _tell_level(t, slot, prev, seq, ts_ns, flags):
    level = level_at(t, slot)
    record = _begin(t, M_DEPTH, level.symbol, seq, prev, ts_ns)
    record.flags = flags
    record.side = level.side
    record.price_ticks = level.key if level.side != 0 else -level.key
    record.qty_lots = level.total_lots


@inline
def _tell_bbo(t, symbol, seq, ts_ns):
    """Best bid and ask where they are others than told last."""
    kept = symbol_at(t, symbol)
    bid, ask = load_u32(link_address(t, kept.bids, 0)), load_u32(link_address(t, kept.asks, 0))
    bid_ticks = -level_at(t, bid).key if bid != 0 else 0
    bid_lots = level_at(t, bid).total_lots if bid != 0 else 0
    ask_ticks = level_at(t, ask).key if ask != 0 else 0
    ask_lots = level_at(t, ask).total_lots if ask != 0 else 0
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
    record = _begin(t, M_BBO, symbol, seq, _chain(t, symbol, M_BBO, seq), ts_ns)
    record.price_ticks = bid_ticks
    record.qty_lots = bid_lots
    record.price2_ticks = ask_ticks
    record.qty2_lots = ask_lots


@inline
def _keep_changed(t):
    """Unlink touched levels that are empty, and move those that changed to the front of `touched`; how many."""
    changed = 0
    for i in range(t.touched_used):
        slot = load_u32(t.touched_at + i * 4)
        level = level_at(t, slot)
        if level.total_lots == 0:
            unlink(t, slot)
        if level.total_lots != level.before:
            store_u32(t.touched_at + changed * 4, slot)
            changed += 1
        elif level.total_lots == 0:
            give_back(t, slot)
    return changed


@outline
def tell_books(t, seq, ts_ns):
    """Depth and best bid and offer of each symbol whose levels the command changed."""
    changed = _keep_changed(t)
    if changed > 1:
        sort_touched(t, changed)
    at = 0
    while at < changed:
        symbol = np.int64(level_at(t, load_u32(t.touched_at + at * 4)).symbol)
        end = at + 1
        while end < changed and np.int64(level_at(t, load_u32(t.touched_at + end * 4)).symbol) == symbol:
            end += 1
        prev = _chain(t, symbol, M_DEPTH, seq)
        for i in range(at, end):
            _tell_level(t, load_u32(t.touched_at + i * 4), prev, seq, ts_ns, LAST if i == end - 1 else 0)
        _tell_bbo(t, symbol, seq, ts_ns)
        at = end
    for i in range(changed):
        slot = load_u32(t.touched_at + i * 4)
        if level_at(t, slot).total_lots == 0:
            give_back(t, slot)
    t.touched_used = 0
