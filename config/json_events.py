"""EVENT records → the JSON form of events: one dict a record, fields and their order as the interface names them.

Absent fields are left out. Prices, quantities and amounts are decimal strings in the canonical form of
`config.decimals`; `mass_cancelled`'s qty counts orders and is a decimal string too, as every qty is.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import orjson

from config.catalog import Asset, Catalog
from ringbuf.codes import NO_ACCOUNT, NO_ID, EventType, OrderType, Reason, Side
from ringbuf.records import EVENT, EVENT_LISTED_ASSET, EVENT_LISTED_INSTRUMENT, EVENT_ORDER

Row = tuple[Any, ...]

_TYPE_NAMES: dict[int, str] = {int(t): t.name.lower() for t in EventType}
_TYPE_NAMES[int(EventType.LISTED_ASSET)] = _TYPE_NAMES[int(EventType.LISTED_INSTRUMENT)] = "listed"
_REASON_NAMES: dict[int, str] = {int(r): r.name.lower() for r in Reason}
_SIDE_NAMES = ("buy", "sell")
_ORDER_TYPE_NAMES = tuple(t.name.lower() for t in OrderType)
_PRICED = (int(OrderType.LIMIT), int(OrderType.STOP_LIMIT))
_WAITING = (int(OrderType.STOP), int(OrderType.STOP_LIMIT))
_BUY = int(Side.BUY)

_NAMES = EVENT.names or ()
(
    _SEQ, _TS, _TYPE, _FLAGS, _SIDE, _REASON, _SYMBOL, _ORDER, _CLIENT, _REQUEST, _ACCOUNT, _MAKER_ACCOUNT, _PRICE,
    _QTY, _LEAVES, _RELEASED, _MAKER_ORDER, _MAKER_LEAVES, _FEE, _MAKER_FEE, _SESSION, _CRC,
) = range(len(_NAMES))  # fmt: skip
_ORDER_NAMES = EVENT_ORDER.names or ()
_O_TYPE, _O_PRICE, _O_QTY, _O_STOP = (
    _ORDER_NAMES.index(n) for n in ("order_type", "price_ticks", "qty_lots", "stop_price_ticks")
)


def _order_terms(row: Row, fields: dict[str, Any], catalog: Catalog, with_side: bool) -> None:
    """accepted and amended; ``row`` is in the EVENT_ORDER view."""
    instrument = catalog.instruments[row[_SYMBOL]]
    kind = row[_O_TYPE]
    if with_side:
        fields["side"] = _SIDE_NAMES[row[_SIDE]]
    if kind in _PRICED:
        fields["price"] = instrument.price_scale.text(row[_O_PRICE])
    fields["qty"] = instrument.qty_scale.text(row[_O_QTY])
    if with_side:
        fields["order_type"] = _ORDER_TYPE_NAMES[kind]
    if kind in _WAITING:
        fields["stop_price"] = instrument.price_scale.text(row[_O_STOP])


def _accepted(row: Row, fields: dict[str, Any], catalog: Catalog) -> None:
    _order_terms(row, fields, catalog, with_side=True)


def _amended(row: Row, fields: dict[str, Any], catalog: Catalog) -> None:
    _order_terms(row, fields, catalog, with_side=False)


def _trade(row: Row, fields: dict[str, Any], catalog: Catalog) -> None:
    instrument = catalog.instruments[row[_SYMBOL]]
    qty, side = instrument.qty_scale, row[_SIDE]
    taker_gets: Asset = instrument.base_asset if side == _BUY else instrument.quote_asset
    maker_gets: Asset = instrument.quote_asset if side == _BUY else instrument.base_asset
    fields["side"] = _SIDE_NAMES[side]
    fields["price"] = instrument.price_scale.text(row[_PRICE])
    fields["qty"] = qty.text(row[_QTY])
    fields["leaves"] = qty.text(row[_LEAVES])
    fields["maker_order_id"] = row[_MAKER_ORDER]
    fields["maker_account"] = row[_MAKER_ACCOUNT]
    fields["maker_leaves"] = qty.text(row[_MAKER_LEAVES])
    fields["fee"] = taker_gets.scale.text(row[_FEE])
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
}
_ORDER_VIEW = (int(EventType.ACCEPTED), int(EventType.AMENDED))
_LISTED = (int(EventType.LISTED_ASSET), int(EventType.LISTED_INSTRUMENT))
_TRANSFERS = (int(EventType.DEPOSITED), int(EventType.WITHDRAWN))
_BUSTED = int(EventType.BUSTED)
_TIME = int(EventType.TIME)


def _fields_of(row: Row, order_row: Row, catalog: Catalog) -> dict[str, Any]:
    """Any event but a listing."""
    kind = row[_TYPE]
    fields: dict[str, Any] = {"seq": row[_SEQ], "ts_ns": row[_TS], "type": _TYPE_NAMES[kind]}
    if kind == _TIME:
        return fields
    if kind not in _TRANSFERS and row[_SYMBOL] < len(catalog.instruments):
        fields["symbol"] = catalog.instruments[row[_SYMBOL]].symbol
    if row[_ACCOUNT] != NO_ACCOUNT:
        fields["account"] = row[_ACCOUNT]
    if row[_CLIENT] != NO_ID:
        fields["client_id"] = row[_CLIENT]
    if row[_ORDER]:
        fields["order_id"] = row[_ORDER]
    if row[_REASON]:
        fields["reason"] = _REASON_NAMES[row[_REASON]]
    if row[_REQUEST] != NO_ID and kind != _BUSTED:
        fields["request_id"] = row[_REQUEST]
    _OWN_FIELDS[kind](order_row, fields, catalog)
    return fields


def _listing(event: np.ndarray, catalog: Catalog) -> dict[str, Any]:
    """A `listed` event (one-element array), from the record itself: the catalog may not know it yet."""
    kind = int(event["type"][0])
    fields: dict[str, Any] = {"seq": int(event["seq"][0]), "ts_ns": int(event["ts_ns"][0]), "type": _TYPE_NAMES[kind]}
    if kind == EventType.LISTED_ASSET:
        row = event.view(EVENT_LISTED_ASSET)[0]
        return fields | {"name": row["name"].decode("ascii"), "decimals": int(row["decimals"])}
    listed_id = int(event.view(EVENT_LISTED_INSTRUMENT)["symbol"][0])
    if listed_id >= len(catalog.instruments):
        raise ValueError(f"instrument {listed_id} is not in the catalog: fold the event before encoding it")
    return fields | catalog.instruments[listed_id].to_dict()


def encode_all(events: np.ndarray, catalog: Catalog) -> list[dict[str, Any]]:
    """The dicts of contiguous EVENT records. `listed` events must be folded into the catalog before."""
    rows, order_rows = events.tolist(), events.view(EVENT_ORDER).tolist()
    encoded = []
    for at, (row, order_row) in enumerate(zip(rows, order_rows, strict=True)):
        kind = row[_TYPE]
        if kind in _LISTED:
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
