"""EVENT records → the JSON form of events: one dict a record, fields and their order as the interface names them.

Absent fields are left out, as are terms that an order doesn't have. Prices, quantities and amounts are decimal strings
in the canonical form of `config.decimals`; `mass_cancelled`'s qty counts orders and is one too, as every qty is.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import orjson

from config.catalog import Asset, Catalog, listed_instrument
from ringbuf.codes import (
    FIRST_WAITING,
    NO_ACCOUNT,
    NO_ID,
    ORDER_PAIRED,
    PRICED,
    EventType,
    OrderType,
    Reason,
    Side,
    SymbolState,
)
from ringbuf.records import EVENT, EVENT_LISTED_ASSET, EVENT_ORDER

Row = tuple[Any, ...]

TYPE_NAMES: dict[int, str] = {int(t): t.name.lower() for t in EventType}
TYPE_NAMES[int(EventType.LISTED_ASSET)] = TYPE_NAMES[int(EventType.LISTED_INSTRUMENT)] = "listed"
TYPE_NAMES[int(EventType.DELISTED_ASSET)] = TYPE_NAMES[int(EventType.DELISTED_INSTRUMENT)] = "delisted"
TYPE_NAMES[int(EventType.CHANGED_INSTRUMENT)] = "changed"
REASON_NAMES: dict[int, str] = {int(r): r.name.lower() for r in Reason}
SIDE_NAMES = ("buy", "sell")
ORDER_TYPE_NAMES = tuple(t.name.lower() for t in OrderType)
_STATE_NAMES = tuple(state.name.lower() for state in SymbolState)
_BUY = int(Side.BUY)

_NAMES = EVENT.names or ()
(
    _SEQ, _TS, _TYPE, _FLAGS, _SIDE, _REASON, _SYMBOL, _ORDER, _CLIENT, _REQUEST, _ACCOUNT, _MAKER_ACCOUNT, _PRICE,
    _QTY, _LEAVES, _RELEASED, _MAKER_ORDER, _MAKER_LEAVES, _FEE, _MAKER_FEE, _SESSION, _CRC,
) = range(len(_NAMES))  # fmt: skip
_ORDER_NAMES = EVENT_ORDER.names or ()
_O_TYPE, _O_FLAGS, _O_PRICE, _O_QTY, _O_STOP, _O_DISPLAY, _O_EXPIRE, _O_TRAIL = (
    _ORDER_NAMES.index(n)
    for n in (
        "order_type", "order_flags", "price_ticks", "qty_lots", "stop_price_ticks", "display_lots", "expire_ts_ns",
        "trail_ticks",
    )
)  # fmt: skip


def _order_terms(row: Row, fields: dict[str, Any], catalog: Catalog, with_side: bool) -> None:
    """accepted and amended; ``row`` is in the EVENT_ORDER view."""
    instrument = catalog.instruments[row[_SYMBOL]]
    kind = row[_O_TYPE]
    if with_side:
        fields["side"] = SIDE_NAMES[row[_SIDE]]
    if kind in PRICED:
        fields["price"] = instrument.price_scale.text(row[_O_PRICE])
    fields["qty"] = instrument.qty_scale.text(row[_O_QTY])
    if with_side:
        fields["order_type"] = ORDER_TYPE_NAMES[kind]
    if kind >= FIRST_WAITING:
        fields["stop_price"] = instrument.price_scale.text(row[_O_STOP])


def _accepted(row: Row, fields: dict[str, Any], catalog: Catalog) -> None:
    _order_terms(row, fields, catalog, with_side=True)
    instrument = catalog.instruments[row[_SYMBOL]]
    if row[_O_TRAIL]:
        fields["trail"] = instrument.price_scale.text(row[_O_TRAIL])
    if row[_O_DISPLAY]:
        fields["display_qty"] = instrument.qty_scale.text(row[_O_DISPLAY])
    if row[_O_EXPIRE]:
        fields["expire_ts_ns"] = row[_O_EXPIRE]
    if row[_O_FLAGS] & ORDER_PAIRED:
        fields["oco_client_id"] = row[_REQUEST]


def _amended(row: Row, fields: dict[str, Any], catalog: Catalog) -> None:
    _order_terms(row, fields, catalog, with_side=False)


def _trade(row: Row, fields: dict[str, Any], catalog: Catalog) -> None:
    instrument = catalog.instruments[row[_SYMBOL]]
    qty, side = instrument.qty_scale, row[_SIDE]
    taker_gets: Asset = instrument.base_asset if side == _BUY else instrument.quote_asset
    maker_gets: Asset = instrument.quote_asset if side == _BUY else instrument.base_asset
    fields["side"] = SIDE_NAMES[side]
    fields["price"] = instrument.price_scale.text(row[_PRICE])
    fields["qty"] = qty.text(row[_QTY])
    # Who is not told of a party (engine/entry/access.py) has no account of it.
    if row[_ACCOUNT] != NO_ACCOUNT:
        fields["leaves"] = qty.text(row[_LEAVES])
    if row[_MAKER_ACCOUNT] != NO_ACCOUNT:
        fields["maker_order_id"] = row[_MAKER_ORDER]
        fields["maker_account"] = row[_MAKER_ACCOUNT]
        fields["maker_leaves"] = qty.text(row[_MAKER_LEAVES])
    if row[_ACCOUNT] != NO_ACCOUNT:
        fields["fee"] = taker_gets.scale.text(row[_FEE])
    if row[_MAKER_ACCOUNT] != NO_ACCOUNT:
        fields["maker_fee"] = maker_gets.scale.text(row[_MAKER_FEE])


def _cancelled(row: Row, fields: dict[str, Any], catalog: Catalog) -> None:
    fields["qty"] = catalog.instruments[row[_SYMBOL]].qty_scale.text(row[_QTY])


def _busted(row: Row, fields: dict[str, Any], catalog: Catalog) -> None:
    fields["trade_seq"] = row[_REQUEST]  # EVENT_BUST has it in the place of request_id


def _transfer(row: Row, fields: dict[str, Any], catalog: Catalog) -> None:
    asset = catalog.assets[row[_SYMBOL]]
    fields["asset"] = asset.name
    fields["amount"] = asset.scale.text(row[_QTY])


def _mass_cancelled(row: Row, fields: dict[str, Any], catalog: Catalog) -> None:
    fields["qty"] = str(row[_QTY])


def _state(row: Row, fields: dict[str, Any], catalog: Catalog) -> None:
    # EVENT_STATE has the state, the reference price and the band in the places of side, price and quantity.
    fields["state"] = _STATE_NAMES[row[_SIDE]]
    if row[_PRICE]:
        fields["reference_price"] = catalog.instruments[row[_SYMBOL]].price_scale.text(row[_PRICE])
    if row[_QTY]:
        fields["band_ppm"] = row[_QTY]


def _uncrossed(row: Row, fields: dict[str, Any], catalog: Catalog) -> None:
    instrument = catalog.instruments[row[_SYMBOL]]
    fields["price"] = instrument.price_scale.text(row[_PRICE])
    fields["qty"] = instrument.qty_scale.text(row[_QTY])


def _delisted_asset(row: Row, fields: dict[str, Any], catalog: Catalog) -> None:
    fields["asset"] = catalog.assets[row[_SYMBOL]].name


def _nothing(row: Row, fields: dict[str, Any], catalog: Catalog) -> None:
    """No fields of its own."""


_OWN_FIELDS: dict[int, Callable[[Row, dict[str, Any], Catalog], None]] = {
    int(EventType.ACCEPTED): _accepted,
    int(EventType.REJECTED): _nothing,
    int(EventType.TRADE): _trade,
    int(EventType.CANCELLED): _cancelled,
    int(EventType.AMENDED): _amended,
    int(EventType.TRIGGERED): _nothing,
    int(EventType.BUSTED): _busted,
    int(EventType.DEPOSITED): _transfer,
    int(EventType.WITHDRAWN): _transfer,
    int(EventType.SUSPENDED): _nothing,
    int(EventType.UNSUSPENDED): _nothing,
    int(EventType.HALTED): _nothing,
    int(EventType.RESUMED): _nothing,
    int(EventType.MASS_CANCELLED): _mass_cancelled,
    int(EventType.TIME): _nothing,
    int(EventType.STATE): _state,
    int(EventType.UNCROSSED): _uncrossed,
    int(EventType.DELISTED_INSTRUMENT): _nothing,
    int(EventType.DELISTED_ASSET): _delisted_asset,
}
_ORDER_VIEW = (int(EventType.ACCEPTED), int(EventType.AMENDED))
_WITH_TERMS = (int(EventType.LISTED_ASSET), int(EventType.LISTED_INSTRUMENT), int(EventType.CHANGED_INSTRUMENT))
OF_ASSETS = (int(EventType.DEPOSITED), int(EventType.WITHDRAWN), int(EventType.DELISTED_ASSET))
_ACCEPTED = int(EventType.ACCEPTED)
_BUSTED = int(EventType.BUSTED)
_TIME = int(EventType.TIME)


def _fields_of(row: Row, order_row: Row, catalog: Catalog) -> dict[str, Any]:
    """Any event but a listing or its change."""
    kind = row[_TYPE]
    fields: dict[str, Any] = {"seq": row[_SEQ], "ts_ns": row[_TS], "type": TYPE_NAMES[kind]}
    if kind == _TIME:
        return fields
    if kind not in OF_ASSETS and row[_SYMBOL] < len(catalog.instruments):
        fields["symbol"] = catalog.instruments[row[_SYMBOL]].symbol
    if row[_ACCOUNT] != NO_ACCOUNT:
        fields["account"] = row[_ACCOUNT]
    if row[_CLIENT] != NO_ID:
        fields["client_id"] = row[_CLIENT]
    if row[_ORDER]:
        fields["order_id"] = row[_ORDER]
    if row[_REASON]:
        fields["reason"] = REASON_NAMES[row[_REASON]]
    paired = kind == _ACCEPTED and order_row[_O_FLAGS] & ORDER_PAIRED
    if row[_REQUEST] != NO_ID and kind != _BUSTED and not paired:  # the field means something else there
        fields["request_id"] = row[_REQUEST]
    _OWN_FIELDS[kind](order_row, fields, catalog)
    return fields


def _listing(event: np.ndarray, catalog: Catalog) -> dict[str, Any]:
    """A `listed` or `changed` event (one-element array) with its terms of then: the catalog has those of now."""
    kind = int(event["type"][0])
    fields: dict[str, Any] = {"seq": int(event["seq"][0]), "ts_ns": int(event["ts_ns"][0]), "type": TYPE_NAMES[kind]}
    if kind == EventType.LISTED_ASSET:
        row = event.view(EVENT_LISTED_ASSET)[0]
        return fields | {"name": row["name"].decode("ascii"), "decimals": int(row["decimals"])}
    return fields | listed_instrument(event, catalog.assets).to_dict()


def encode_all(events: np.ndarray, catalog: Catalog) -> list[dict[str, Any]]:
    """The dicts of contiguous EVENT records; those that list something are folded into the catalog before."""
    rows, order_rows = events.tolist(), events.view(EVENT_ORDER).tolist()
    encoded = []
    for at, (row, order_row) in enumerate(zip(rows, order_rows, strict=True)):
        kind = row[_TYPE]
        if kind in _WITH_TERMS:
            encoded.append(_listing(events[at : at + 1], catalog))
        else:
            encoded.append(_fields_of(row, order_row if kind in _ORDER_VIEW else row, catalog))
    return encoded


def encode(event: np.void, catalog: Catalog) -> dict[str, Any]:
    """The dict of one EVENT record."""
    return encode_all(np.frombuffer(event.tobytes(), EVENT), catalog)[0]


def encode_lines(events: np.ndarray, catalog: Catalog) -> bytes:
    """JSON Lines of contiguous EVENT records: one line each, every line ended by a newline."""
    return b"".join(orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE) for fields in encode_all(events, catalog))
