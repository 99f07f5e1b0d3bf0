"""At which price a book would be uncrossed, and how much would trade: a pure function of both sides' levels.

The rules are those of docs/orders.md: most volume, least surplus, nearest to the reference price (where there is none:
to the middle of best bid and best ask, rounded down), the higher of two equally near. Matching the best levels of both
sides until they no longer cross gives the volume, and in its last step the prices between which that volume trades:
demand falls and supply rises with the price, so these prices are all from `low` to `high`. What is left on each side
behind that step is the surplus there; the prices of least surplus are again a range without a gap, so the nearest to
the reference is never two.
"""

# isort: off
from ringbuf.jit import inline, outline

import numpy as np

from consumers.marketdata.tables import level_at, link_address, symbol_at
from ringbuf.atomics import load_u32
from ringbuf.codes import Side
# isort: on

BUY, SELL = int(Side.BUY), int(Side.SELL)


@inline
def _behind(t, slot):
    """The level behind one, 0 at the end."""
    return np.int64(load_u32(link_address(t, slot, 0)))


@inline
def _within(price, low, high):
    """The price from `low` to `high` that is nearest."""
    if price < low:
        return low
    if price > high:
        return high
    return price


@outline
def indicative(t, symbol):
    """(price, volume, surplus, its side) with hidden quantity; all 0 where nothing would trade. No level is empty."""
    kept = symbol_at(t, symbol)
    bid, ask = _behind(t, kept.bids), _behind(t, kept.asks)
    if bid == 0 or ask == 0 or -level_at(t, bid).key < level_at(t, ask).key:
        return 0, 0, 0, 0
    aim = np.int64(kept.reference_ticks)
    if aim == 0:
        aim = (level_at(t, ask).key - level_at(t, bid).key) >> 1
    bid_left, ask_left = level_at(t, bid).whole_lots, level_at(t, ask).whole_lots
    volume = low = high = np.int64(0)
    while bid != 0 and ask != 0 and -level_at(t, bid).key >= level_at(t, ask).key:
        high, low = -level_at(t, bid).key, level_at(t, ask).key
        lots = bid_left if bid_left < ask_left else ask_left
        volume += lots
        bid_left -= lots
        ask_left -= lots
        if bid_left == 0:
            bid = _behind(t, bid)
            bid_left = level_at(t, bid).whole_lots  # of slot 0: nothing reads it
        if ask_left == 0:
            ask = _behind(t, ask)
            ask_left = level_at(t, ask).whole_lots
    # Below and at the best bid left there is a surplus of buyers, above and at the best ask left one of sellers.
    buyers = bid != 0 and -level_at(t, bid).key >= low
    sellers = ask != 0 and level_at(t, ask).key <= high
    first = -level_at(t, bid).key + 1 if buyers else low
    last = level_at(t, ask).key - 1 if sellers else high
    if first <= last:
        return _within(aim, first, last), volume, np.int64(0), 0
    return _least(t, bid, ask, low, high, aim, volume, bid_left if buyers else -1, ask_left if sellers else -1)


@inline
def _least(t, bid, ask, low, high, aim, volume, bid_left, ask_left):
    """The price where no one is without surplus: at the best bid left, or at the best ask left (-1: none within)."""
    to_bid = ask_left < 0 or (bid_left >= 0 and bid_left <= ask_left)
    to_ask = bid_left < 0 or (ask_left >= 0 and ask_left <= bid_left)
    first, last = low, high
    if to_bid:
        behind = _behind(t, bid)
        if behind != 0 and -level_at(t, behind).key >= low:
            first = -level_at(t, behind).key + 1
        if not to_ask:
            last = -level_at(t, bid).key
    if to_ask:
        behind = _behind(t, ask)
        if behind != 0 and level_at(t, behind).key <= high:
            last = level_at(t, behind).key - 1
        if not to_bid:
            first = level_at(t, ask).key
    price = _within(aim, first, last)
    if bid_left >= 0 and price <= -level_at(t, bid).key:
        return price, volume, bid_left, BUY
    return price, volume, ask_left, SELL
