"""The records, declared once: COMMAND, EVENT (and its views) and MARKET, 128 bytes each.

Little-endian, naturally aligned, no hidden padding; asserted below at import. The C header
(``client/c/matchline.h``), ``docs/wire.md`` and the schema hash derive from these dtypes; nothing else
retypes an offset. A view is another reading of the same 128 bytes, chosen by ``type``.

Units: ``*_ticks`` price steps, ``*_lots`` quantity steps, ``ts_ns`` nanoseconds since 1970 UTC,
``fee``/``amount``/``released`` minor units of the asset that the field's rule names.
"""

import hashlib

import numpy as np

RECORD_SIZE = 128
LAYOUT_VERSION = 1

# Where the checksum stands in EVENT and MARKET: the last 4 bytes, CRC-32C over the 124 before it.
CRC_OFFSET = 124

COMMAND = np.dtype(
    [
        ("ts_ns", "<i8"),  # venue time; 0 = none given
        ("ingress_ns", "<i8"),  # wall clock when it came in; never enters an event
        ("op", "u1"),
        ("flags", "u1"),  # CMD_*
        ("side", "u1"),
        ("order_type", "u1"),
        ("tif", "u1"),
        ("stp", "u1"),
        ("mask", "u1"),  # HAS_*
        ("refuse", "u1"),  # Reason found while reading the text; the engine answers with it
        ("symbol", "<u4"),  # instrument id; asset id for deposit and withdraw
        ("account", "<u4"),
        ("client_id", "<i8"),  # NO_ID where none
        ("order_id", "<i8"),  # target; 0 where none
        ("orig_client_id", "<i8"),  # target by client id; NO_ID where none. Of a place: the order to be paired with
        ("price_ticks", "<i8"),  # of a trailing stop: its distance; of a state: the reference price
        ("qty_lots", "<i8"),  # amount in minor units for deposit and withdraw
        ("stop_price_ticks", "<i8"),
        ("display_lots", "<i8"),
        ("expire_ts_ns", "<i8"),
        ("quote_budget", "<i8"),  # minor units of the quote asset
        # CMD_DECIMAL: decimal places of price_ticks, qty_lots, stop_price_ticks, which are mantissas then
        ("price_places", "u1"),
        ("qty_places", "u1"),
        ("stop_price_places", "u1"),
        ("symbol_state", "u1"),  # SymbolState that a state command asks for
        ("reserved", "V4"),
        ("min_lots", "<i8"),  # least quantity that must trade at once; of a state: the volatility band in ppm
        ("session", "<u4"),  # producer << 24 | session of that producer; copied to the events
        ("crc", "<u4"),  # unused in memory; CRC-32C where a command is stored
    ]
)

EVENT = np.dtype(
    [
        ("seq", "<i8"),
        ("ts_ns", "<i8"),
        ("type", "u1"),
        ("flags", "u1"),  # FLAG_*
        ("side", "u1"),
        ("reason", "u1"),
        ("symbol", "<u4"),  # instrument id, or asset id in deposited and withdrawn
        ("order_id", "<i8"),
        ("client_id", "<i8"),  # that placed the order, or of the command
        ("request_id", "<i8"),  # client id of the account's request that caused it, where another
        ("account", "<u4"),  # the taker's in a trade
        ("maker_account", "<u4"),
        ("price_ticks", "<i8"),
        ("qty_lots", "<i8"),  # amount in deposited and withdrawn
        ("leaves_lots", "<i8"),
        ("released", "<i8"),  # frozen amount freed; negative: newly frozen (see docs/wire.md)
        ("maker_order_id", "<i8"),
        ("maker_leaves_lots", "<i8"),
        ("fee", "<i8"),
        ("maker_fee", "<i8"),
        ("session", "<u4"),  # of the command that caused it
        ("crc", "<u4"),
    ]
)


def _view(changes: dict[str, tuple[str, str]]) -> np.dtype:
    """EVENT with some fields read under another name and type of the same size."""
    fields = []
    for name in EVENT.names or ():
        new_name, new_type = changes.get(name, (name, EVENT[name].str))
        assert np.dtype(new_type).itemsize == EVENT[name].itemsize
        fields.append((new_name, new_type))
    return np.dtype(fields)


# accepted, amended, triggered: the order's terms
EVENT_ORDER = np.dtype(
    [
        *((n, EVENT[n].str) for n in (EVENT.names or ())[:11]),
        ("order_type", "u1"),
        ("tif", "u1"),
        ("stp", "u1"),
        ("order_flags", "u1"),  # CMD_POST_ONLY, ORDER_PAIRED
        ("price_ticks", "<i8"),
        ("qty_lots", "<i8"),
        ("leaves_lots", "<i8"),
        ("released", "<i8"),
        ("stop_price_ticks", "<i8"),
        ("display_lots", "<i8"),
        ("expire_ts_ns", "<i8"),
        ("trail_ticks", "<i8"),  # distance of a trailing stop
        ("session", "<u4"),
        ("crc", "<u4"),
    ]
)

# state: what a symbol takes from now on
EVENT_STATE = _view({"price_ticks": ("reference_ticks", "<i8"), "qty_lots": ("band_ppm", "<i8"),
                     "side": ("symbol_state", "u1")})  # fmt: skip

# busted: the whole trade again, with the trade's sequence in place of the request
EVENT_BUST = _view({"request_id": ("trade_seq", "<i8")})

EVENT_LISTED_ASSET = np.dtype(
    [
        *((n, EVENT[n].str) for n in (EVENT.names or ())[:7]),  # symbol = asset id
        ("name", "S16"),
        ("decimals", "u1"),
        ("spare", "V79"),
        ("session", "<u4"),
        ("crc", "<u4"),
    ]
)

EVENT_LISTED_INSTRUMENT = np.dtype(
    [
        *((n, EVENT[n].str) for n in (EVENT.names or ())[:7]),  # symbol = instrument id
        ("name", "S16"),
        ("base", "<u4"),  # asset ids
        ("quote", "<u4"),
        ("lot_base_units", "<i8"),  # base minor units in one lot
        ("tick_lot_quote_units", "<i8"),  # quote minor units in one tick x one lot
        ("price_min_ticks", "<i8"),
        ("price_max_ticks", "<i8"),
        ("maker_fee_ppm", "<u4"),
        ("taker_fee_ppm", "<u4"),
        ("qty_min_lots", "<i8"),  # 0 = no limit, here and below
        ("qty_max_lots", "<i8"),
        ("min_notional", "<i8"),  # quote minor units
        ("market_collar_ppm", "<u4"),
        ("max_open_orders", "<u4"),
        ("session", "<u4"),
        ("crc", "<u4"),
    ]
)

# Views of COMMAND for listing and bust. They keep the first 24 bytes and the last 8 of COMMAND.
_COMMAND_HEAD = [(n, COMMAND[n].str) for n in (COMMAND.names or ())[:10]]
_COMMAND_TAIL = [("session", "<u4"), ("crc", "<u4")]
_LISTING = [(n, EVENT_LISTED_INSTRUMENT[n].str) for n in (EVENT_LISTED_INSTRUMENT.names or ())[7:-2]]

COMMAND_LIST_ASSET = np.dtype(
    [
        *_COMMAND_HEAD,
        ("name", "S16"),
        ("decimals", "u1"),
        ("spare", "V79"),
        *_COMMAND_TAIL,
    ]
)
COMMAND_LIST_INSTRUMENT = np.dtype([*_COMMAND_HEAD, *_LISTING, *_COMMAND_TAIL])

# A bust brings the trade it undoes, as the journal has it: the engine keeps no history.
# trade_seq 0 = there is no such trade. Filled by config.wide_commands from the journal.
COMMAND_BUST = np.dtype(
    [
        *_COMMAND_HEAD,
        ("symbol", "<u4"),
        ("account", "<u4"),  # the taker's
        ("trade_seq", "<i8"),
        ("order_id", "<i8"),
        ("maker_order_id", "<i8"),
        ("price_ticks", "<i8"),
        ("qty_lots", "<i8"),
        ("fee", "<i8"),
        ("maker_fee", "<i8"),
        ("maker_account", "<u4"),
        ("spare", "V28"),
        *_COMMAND_TAIL,
    ]
)

# One record of the market ring. Which fields mean something depends on type:
#   TRADE   price, qty, side (taker's), ts_ns
#   BBO     price/qty = best bid and its total, price2/qty2 = best ask (0 qty = no such side)
#   DEPTH   one level: side, price, qty = its new total (0 = gone); FLAG_LAST ends a message
#   TICKER  price = last, open/high/low, volume_lots, quote_volume over 24 h, trades
#   CANDLE  interval, open_ts_ns, open/high/low/close(price), volume_lots, trades; closed in flags bit 1
#   STATUS  side = SymbolState, or STATUS_DELISTED
#   AUCTION indicative: price, qty = volume, side and qty2 = surplus (all 0 where nothing would trade)
MARKET = np.dtype(
    [
        ("mseq", "<i8"),  # position in the market stream, from 1 without a gap
        ("seq", "<i8"),  # event sequence that it is from
        ("prev", "<i8"),  # event sequence of this topic's message before; 0 = first in the epoch
        ("ts_ns", "<i8"),
        ("type", "u1"),  # MarketType
        ("flags", "u1"),  # FLAG_LAST: last record of its message; 2 = candle closed
        ("side", "u1"),
        ("interval", "u1"),  # index into consumers.marketdata intervals
        ("symbol", "<u4"),
        ("price_ticks", "<i8"),
        ("qty_lots", "<i8"),
        ("price2_ticks", "<i8"),
        ("qty2_lots", "<i8"),
        ("open_ticks", "<i8"),
        ("high_ticks", "<i8"),
        ("low_ticks", "<i8"),
        ("volume_lots", "<i8"),
        ("quote_volume", "<i8"),  # quote minor units
        ("trades", "<u4"),
        ("spare", "<u4"),
        ("open_ts_ns", "<u4"),  # bucket start in whole seconds since 1970
        ("crc", "<u4"),
    ]
)

RECORDS: dict[str, np.dtype] = {
    "command": COMMAND,
    "command_list_asset": COMMAND_LIST_ASSET,
    "command_list_instrument": COMMAND_LIST_INSTRUMENT,
    "command_bust": COMMAND_BUST,
    "event": EVENT,
    "event_order": EVENT_ORDER,
    "event_state": EVENT_STATE,
    "event_bust": EVENT_BUST,
    "event_listed_asset": EVENT_LISTED_ASSET,
    "event_listed_instrument": EVENT_LISTED_INSTRUMENT,
    "market": MARKET,
}


def offset_of(dtype: np.dtype, field: str) -> int:
    """Where a field stands in a record; KeyError where it has none of that name."""
    fields = dtype.fields
    assert fields is not None, "not a record"
    return int(fields[field][1])


def _check(name: str, dtype: np.dtype) -> None:
    """Assert size, natural alignment and the absence of holes."""
    assert dtype.itemsize == RECORD_SIZE, f"{name} is {dtype.itemsize} bytes, expected {RECORD_SIZE}"
    offset = 0
    for field in dtype.names or ():
        base, at = dtype[field], offset_of(dtype, field)
        assert at == offset, f"{name}.{field} stands at {at}, expected {offset}"
        if base.kind in "iu":
            assert at % base.itemsize == 0, f"{name}.{field} at {at} is not aligned to {base.itemsize}"
        offset = at + base.itemsize
    assert offset_of(dtype, "crc") == CRC_OFFSET, name


for _name, _dtype in RECORDS.items():
    _check(_name, _dtype)


def schema_hash() -> int:
    """64 bits over every name, type and offset above; readers of another schema refuse."""
    text = "\n".join(f"{name}:{dtype.descr}" for name, dtype in RECORDS.items())
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") & (2**63 - 1)


SCHEMA_HASH = schema_hash()
