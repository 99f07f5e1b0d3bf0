"""The end of an auction: the price at which most trades, then the trades, each a step of its own.

Price and volume are found by walking bids and asks as they will trade. The prices of most volume are those from the
last ask to the last bid that trade; of these the walk's rest says which leave the least surplus (docs/orders.md).
"""

from engine.apply import apply_event, event_at
from engine.bands import fee_of
from engine.compose import add_flag, head_word, open_event, parties_word
from engine.levels import next_level
from engine.matching import end_pair
from engine.memory import LARGEST
from engine.state import PAIRED, account_at, instrument_at, level_at, order_at, side_at
from ringbuf.codes import FLAG_AUCTION, NO_ACCOUNT, EventType, Side
from ringbuf.jit import outline

TRADE, UNCROSSED = int(EventType.TRADE), int(EventType.UNCROSSED)
BUY, SELL = int(Side.BUY), int(Side.SELL)


@outline
def _behind(state, side, slot):
    """The order after one in the order of the book, 0 at its end."""
    following = order_at(state, slot).next * 1
    if following != 0:
        return following
    level = next_level(state, side, order_at(state, slot).level * 1)
    return level_at(state, level).head * 1 if level != 0 else 0


@outline
def _first(state, symbol, side):
    return level_at(state, side_at(state, symbol, side).best).head * 1


@outline
def _lots_from(state, slot, rest):
    """What is left at the price of an order, from it on; `rest` of its own."""
    lots = rest
    slot = order_at(state, slot).next * 1
    while slot != 0:
        lots += order_at(state, slot).leaves_lots
        slot = order_at(state, slot).next * 1
    return lots


@outline
def _price_behind(state, side, slot, none):
    """Price of the level behind that of an order."""
    level = next_level(state, side, order_at(state, slot).level * 1)
    return level_at(state, level).price_ticks if level != 0 else none


@outline
def clearing(state, symbol):
    """(price_ticks, lots) of the uncross of a crossed book."""
    bid = _first(state, symbol, BUY)
    ask = _first(state, symbol, SELL)
    best_bid = order_at(state, bid).price_ticks
    best_ask = order_at(state, ask).price_ticks
    bid_rest = order_at(state, bid).leaves_lots
    ask_rest = order_at(state, ask).leaves_lots
    volume = 0
    highest = best_bid
    lowest = best_ask
    while bid != 0 and ask != 0 and order_at(state, bid).price_ticks >= order_at(state, ask).price_ticks:
        highest = order_at(state, bid).price_ticks
        lowest = order_at(state, ask).price_ticks
        lots = bid_rest if bid_rest < ask_rest else ask_rest
        volume += lots
        bid_rest -= lots
        ask_rest -= lots
        if bid_rest == 0:
            bid = _behind(state, BUY, bid)
            bid_rest = order_at(state, bid).leaves_lots if bid != 0 else 0
        if ask_rest == 0:
            ask = _behind(state, SELL, ask)
            ask_rest = order_at(state, ask).leaves_lots if ask != 0 else 0
    lowest, highest = _least_surplus(state, lowest, highest, bid, bid_rest, ask, ask_rest)
    price = instrument_at(state, symbol).reference_ticks
    if price == 0:
        price = best_ask + (best_bid - best_ask) // 2
    if price < lowest:
        price = lowest
    if price > highest:
        price = highest
    return price, volume


@outline
def _least_surplus(state, lowest, highest, bid, bid_rest, ask, ask_rest):
    """Of the prices lowest … highest, at all of which as much trades, the range that leaves the least surplus.

    bid, ask: the orders at which the walk ended (0 = none left), with what is left of them.
    """
    next_bid = order_at(state, bid).price_ticks if bid != 0 else 0
    next_ask = order_at(state, ask).price_ticks if ask != 0 else LARGEST
    over, under = next_bid + 1, next_ask - 1  # nothing is left over here
    if over > under or over > highest or under < lowest:
        bids_left = next_bid >= lowest
        asks_left = next_ask <= highest
        if bids_left and asks_left:
            bought = _lots_from(state, bid, bid_rest)
            sold = _lots_from(state, ask, ask_rest)
            bids_left = bought <= sold
            asks_left = sold <= bought
        under = next_bid
        over = next_ask
        if bids_left:
            over = _price_behind(state, BUY, bid, 0) + 1
        if asks_left:
            under = _price_behind(state, SELL, ask, LARGEST) - 1
    return (over if over > lowest else lowest), (under if under < highest else highest)


@outline
def uncross(state, out, symbol):
    """The next step of an auction's end: its price, then its trades one by one."""
    instrument = instrument_at(state, symbol)
    if instrument.uncross_lots == 0:
        price, lots = clearing(state, symbol)
        address = open_event(state, out, head_word(UNCROSSED, 0, 0, symbol), NO_ACCOUNT)
        event_at(address).price_ticks = price
        event_at(address).qty_lots = lots
        apply_event(state, address)
        return
    buyer_slot = _first(state, symbol, BUY)
    seller_slot = _first(state, symbol, SELL)
    for slot in (seller_slot, buyer_slot):
        if order_at(state, slot).stp_flags & PAIRED != 0:
            end_pair(state, out, slot)
    _trade(state, out, buyer_slot, seller_slot)


@outline
def _trade(state, out, buyer_slot, seller_slot):
    buyer = order_at(state, buyer_slot)
    seller = order_at(state, seller_slot)
    symbol = buyer.symbol * 1
    instrument = instrument_at(state, symbol)
    price = instrument.uncross_ticks
    qty = buyer.leaves_lots
    if seller.leaves_lots < qty:
        qty = seller.leaves_lots
    parties = parties_word(account_at(state, buyer.account).key - 1, account_at(state, seller.account).key - 1)
    address = open_event(state, out, head_word(TRADE, BUY, 0, symbol), parties)
    add_flag(address, FLAG_AUCTION)
    event = event_at(address)
    event.order_id = buyer.order_id
    event.client_id = buyer.client_id
    event.price_ticks = price
    event.qty_lots = qty
    event.leaves_lots = buyer.leaves_lots - qty
    event.maker_order_id = seller.order_id
    event.maker_leaves_lots = seller.leaves_lots - qty
    event.released = qty * buyer.price_ticks * instrument.tick_lot_quote_units
    event.fee = fee_of(qty * instrument.lot_base_units, instrument.maker_fee_ppm * 1)
    event.maker_fee = fee_of(qty * price * instrument.tick_lot_quote_units, instrument.maker_fee_ppm * 1)
    apply_event(state, address)
