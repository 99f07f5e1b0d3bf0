"""What each field of each record means, in the words of docs/wire.md. A test holds it to the dtypes.

A view's fields are looked up under the view first, then under the record that it is a view of.
"""

RECORD_MEANINGS = {
    "command": "What a producer asks of the engine: place, replace, cancel, amend, mass_cancel, deposit, withdraw, "
    "halt, resume, state, suspend, unsuspend, time, delist_instrument, delist_asset.",
    "command_list_asset": "COMMAND with op list_asset.",
    "command_list_instrument": "COMMAND with op list_instrument, or change_instrument: all terms again, "
    "the instrument by its name.",
    "command_bust": "COMMAND with op bust, carrying the trade that it undoes as the journal has it.",
    "event": "What happened: rejected, trade, cancelled, deposited, withdrawn, suspended, unsuspended, halted, "
    "resumed, mass_cancelled, time, uncrossed, delisted_instrument, delisted_asset.",
    "event_order": "EVENT with type accepted, amended or triggered: the order's terms.",
    "event_state": "EVENT with type state: what a symbol takes from now on.",
    "event_bust": "EVENT with type busted: the whole trade again.",
    "event_listed_asset": "EVENT with type listed_asset.",
    "event_listed_instrument": "EVENT with type listed_instrument or changed_instrument.",
    "market": "One record of the market ring and the binary public feed. Which fields mean something depends on type.",
}

PARENTS = {
    "command_list_asset": ("command",),
    "command_list_instrument": ("event_listed_instrument", "command"),
    "command_bust": ("event_bust", "event", "command"),
    "event_order": ("event",),
    "event_state": ("event",),
    "event_bust": ("event",),
    "event_listed_asset": ("event",),
    "event_listed_instrument": ("event",),
}

_ABSENT_ID = "-1 = none"

FIELD_MEANINGS: dict[str, dict[str, str]] = {
    "command": {
        "ts_ns": "venue time, ns since 1970 UTC; 0 = none given: the engine stamps it",
        "ingress_ns": "wall clock when it came in; 0 = filled in by the lane; never enters an event",
        "op": "op, see the codes",
        "flags": "bit 0: post_only; bit 1 (DECIMAL): prices and quantity are mantissas, see *_places; bit 2 (GROUP): "
        "the next command belongs to the same group; bit 3 (DISCONNECT): a mass cancel of the "
        "entry's; bit 4 (ONE_SIDE): a mass cancel of one side; bit 5 (PAIRED): a waiting order to be paired",
        "side": "side",
        "order_type": "order type",
        "tif": "time in force",
        "stp": "self-trade prevention",
        "mask": "which optional fields were given, see HAS_*",
        "refuse": "reason found while reading the text; 0 = none. The engine answers with it",
        "symbol": "instrument id; asset id for deposit and withdraw; 2^32-1 = none",
        "account": "account; 2^32-1 = none",
        "client_id": f"the request's own id, growing per account; {_ABSENT_ID}",
        "order_id": "order that is meant; 0 = none",
        "orig_client_id": f"client id of the order that is meant; place: of the one to be paired with; {_ABSENT_ID}",
        "price_ticks": "limit price in price steps; trailing_stop: its distance; state: the reference price",
        "qty_lots": "quantity in lots; amount in minor units for deposit and withdraw",
        "stop_price_ticks": "stop price in price steps",
        "display_lots": "iceberg: the slice shown",
        "expire_ts_ns": "gtd: end of life, ns since 1970 UTC",
        "quote_budget": "market buy by budget: minor units of the quote asset",
        "price_places": "with DECIMAL: price is price_ticks x 10^-price_places; else 0",
        "qty_places": "with DECIMAL: quantity is qty_lots x 10^-qty_places; else 0",
        "stop_price_places": "with DECIMAL: stop price is stop_price_ticks x 10^-stop_price_places; else 0",
        "symbol_state": "state: what the symbol takes from now on",
        "reserved": "zero",
        "min_lots": "least quantity that must trade at once; state: the volatility band in parts per million",
        "session": "producer lane << 24 | session of that producer; the lane is filled in by the lane itself",
        "crc": "unused in memory; CRC-32C of the 124 bytes before it where a command is stored",
    },
    "command_list_asset": {
        "name": "asset name, padded with zeros",
        "decimals": "digits behind the point, 0 to 18: minor units are 10^-decimals",
        "spare": "zero",
    },
    "command_list_instrument": {},
    "command_bust": {
        "symbol": "instrument of the trade",
        "account": "taker of the trade; it does not matter who asks",
        "trade_seq": "sequence of the trade; 0 = there is no such trade",
        "spare": "zero",
    },
    "event": {
        "seq": "sequence, from 1 without a gap",
        "ts_ns": "venue time of the command that caused it, ns since 1970 UTC",
        "type": "event type, see the codes",
        "flags": "bit 0 (LAST): last event of its command or step; bit 1 (RESTS): what is left of order_id joins "
        "the book now, or waits; bit 2 (MORE), with LAST: its group goes on; bit 3 (AUCTION): a trade of an uncross",
        "side": "side of the order; of the taker in a trade",
        "reason": "why refused or ended; 0 = none",
        "symbol": "instrument id; asset id in deposited and withdrawn; 2^32-1 = none",
        "order_id": "the order (the taker's in a trade): sequence of its accepted event; 0 = none",
        "client_id": f"client id that placed the order, or of the command; {_ABSENT_ID}",
        "request_id": f"client id of the account's request that caused it, where another; {_ABSENT_ID}",
        "account": "account (the taker's in a trade); 2^32-1 = none",
        "maker_account": "trade: the maker's account",
        "price_ticks": "price in price steps; trade: the maker's",
        "qty_lots": "quantity in lots; amount in minor units in deposited and withdrawn; count in mass_cancelled",
        "leaves_lots": "what the order has left after this event",
        "released": "amount freed (> 0) or newly frozen (< 0), see below",
        "maker_order_id": "trade: the maker's order",
        "maker_leaves_lots": "trade: what the maker's order has left, hidden part included",
        "fee": "trade: the taker's fee, minor units of what the taker receives",
        "maker_fee": "trade: the maker's fee, minor units of what the maker receives",
        "session": "of the command that caused it: lane << 24 | session within the lane; "
        "lane 255: a step of the engine's own",
        "crc": "CRC-32C of the 124 bytes before it",
    },
    "event_order": {
        "order_type": "order type",
        "tif": "time in force",
        "stp": "self-trade prevention",
        "order_flags": "bit 0: post_only; bit 1 (PAIRED), accepted: request_id is the client id of its pair",
        "qty_lots": "accepted: ordered quantity; amended: the new remaining one",
        "stop_price_ticks": "stop price in price steps; 0 = none",
        "display_lots": "iceberg slice; 0 = none",
        "expire_ts_ns": "gtd: end of life; 0 = none",
        "trail_ticks": "trailing_stop: its distance in price steps; 0 = none",
    },
    "event_state": {
        "symbol_state": "what the symbol takes from now on",
        "reference_ticks": "its reference price; 0 = none",
        "band_ppm": "volatility band round it, parts per million; 0 = none",
    },
    "event_bust": {"trade_seq": "sequence of the trade that is undone"},
    "event_listed_asset": {
        "symbol": "the new asset's id",
        "name": "asset name, padded with zeros",
        "decimals": "digits behind the point: minor units are 10^-decimals",
        "spare": "zero",
    },
    "event_listed_instrument": {
        "symbol": "the new instrument's id",
        "name": "symbol, padded with zeros",
        "base": "asset id of the base",
        "quote": "asset id of the quote",
        "lot_base_units": "base minor units in one lot",
        "tick_lot_quote_units": "quote minor units in one tick x one lot",
        "price_min_ticks": "lowest price accepted",
        "price_max_ticks": "highest price accepted",
        "maker_fee_ppm": "maker's fee, parts per million of what the maker receives",
        "taker_fee_ppm": "taker's fee, parts per million of what the taker receives",
        "qty_min_lots": "least quantity; 0 = no limit",
        "qty_max_lots": "greatest quantity; 0 = no limit",
        "min_notional": "least price x quantity, quote minor units; 0 = no limit",
        "market_collar_ppm": "how far a market order may walk; 0 = no limit",
        "max_open_orders": "open orders of one account; 0 = no limit",
    },
    "market": {
        "mseq": "position in the market stream, from 1 without a gap",
        "seq": "event sequence that it is from",
        "prev": "event sequence of this topic's message before; 0 = first in the epoch",
        "ts_ns": "venue time, ns since 1970 UTC",
        "type": "market type, see the codes",
        "flags": "bit 0 (LAST): last record of its message; bit 1: candle closed",
        "side": "trade: the taker's; depth: of the level; status: symbol state, 255 = delisted; "
        "auction: of the surplus",
        "interval": "candle: index of the interval",
        "symbol": "instrument id",
        "price_ticks": "trade: price; bbo: best bid; depth: the level; ticker and candle: last price (close); "
        "auction: indicative price (0 = none)",
        "qty_lots": "trade: quantity; bbo: total at the best bid (0 = none); depth: the level's new total (0 = gone); "
        "auction: indicative volume",
        "price2_ticks": "bbo: best ask",
        "qty2_lots": "bbo: total at the best ask (0 = none); auction: surplus",
        "open_ticks": "ticker and candle: first price",
        "high_ticks": "ticker and candle: highest price",
        "low_ticks": "ticker and candle: lowest price",
        "volume_lots": "ticker (24 h) and candle: traded quantity",
        "quote_volume": "ticker (24 h) and candle: traded quote minor units",
        "trades": "ticker (24 h) and candle: number of trades",
        "spare": "low 32 bits of the epoch",
        "open_ts_ns": "candle: start of its bucket in whole seconds since 1970",
        "crc": "CRC-32C of the 124 bytes before it; 0 = not computed",
    },
}


def meaning(record: str, field: str) -> str:
    """What a field of a record means; KeyError where nobody has said so."""
    for name in (record, *PARENTS.get(record, ())):
        found = FIELD_MEANINGS[name].get(field)
        if found is not None:
            return found
    raise KeyError(f"{record}.{field}")
