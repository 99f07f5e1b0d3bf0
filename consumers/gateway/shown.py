"""Orders, fills and lists as Binance shows them."""

from typing import TYPE_CHECKING, Any

from config.catalog import Instrument
from consumers.gateway.order import Order
from consumers.gateway.symbols import STP_WORDS
from consumers.gateway.tickers import MS
from ringbuf.codes import OrderType, Side, Tif

if TYPE_CHECKING:
    from consumers.gateway.gateway import Gateway

NO_LIST = -1
_TYPES = {
    int(OrderType.LIMIT): "LIMIT",
    int(OrderType.MARKET): "MARKET",
    int(OrderType.STOP): "STOP_LOSS",
    int(OrderType.STOP_LIMIT): "STOP_LOSS_LIMIT",
    int(OrderType.TAKE_PROFIT): "TAKE_PROFIT",
    int(OrderType.TAKE_PROFIT_LIMIT): "TAKE_PROFIT_LIMIT",
    int(OrderType.TRAILING_STOP): "STOP_LOSS",
}
_STPS = {int(code): word for word, code in STP_WORDS.items()}
_TIFS = {int(Tif.GTC): "GTC", int(Tif.IOC): "IOC", int(Tif.FOK): "FOK", int(Tif.GTD): "GTC"}
SIDES = {int(Side.BUY): "BUY", int(Side.SELL): "SELL"}


def type_word(order: Order) -> str:
    """LIMIT, MARKET …"""
    return "LIMIT_MAKER" if order.post_only else _TYPES[order.order_type]


def tif_word(order: Order) -> str:
    """GTC, IOC or FOK."""
    return _TIFS[order.tif]


def stp_word(order: Order) -> str:
    """The self-trade prevention mode."""
    return _STPS[order.stp]


def list_id(order: Order) -> int:
    """Of the list that an order is in: the id of its first order; -1 where it is in none."""
    return min(order.order_id, order.pair_order_id) if order.pair_order_id else NO_LIST


def terms_json(order: Order, instrument: Instrument, quote_order_qty: str | None = None) -> dict[str, Any]:
    """What every picture of an order has."""
    price, qty = instrument.price_text, instrument.qty_text
    found = {
        "price": price(order.price_ticks),
        "origQty": qty(order.qty_lots),
        "executedQty": qty(order.filled_lots),
        "origQuoteOrderQty": quote_order_qty or instrument.quote_text(0),
        "cummulativeQuoteQty": instrument.quote_text(order.quote),
        "status": order.word,
        "timeInForce": tif_word(order),
        "type": type_word(order),
        "side": SIDES[order.side],
    }
    if order.stop_price_ticks:
        found["stopPrice"] = price(order.stop_price_ticks)
    if order.display_lots:
        found["icebergQty"] = qty(order.display_lots)
    found["selfTradePreventionMode"] = stp_word(order)
    return found


def order_json(gateway: "Gateway", order: Order) -> dict[str, Any]:
    """An order that was asked for."""
    instrument = gateway.stream.catalog.instruments[order.symbol]
    found = {
        "symbol": gateway.symbols.name(order.symbol),
        "orderId": order.order_id,
        "orderListId": list_id(order),
        "clientOrderId": gateway.names.name(order.account, order.client_id),
        **terms_json(order, instrument),
        "stopPrice": instrument.price_text(order.stop_price_ticks),
        "icebergQty": instrument.qty_text(order.display_lots),
        "time": order.accepted_ts_ns // MS,
        "updateTime": order.updated_ts_ns // MS,
        "isWorking": order.is_working,
    }
    found["workingTime"] = found["time"] if order.is_working else -1
    return found


def cancelled_json(gateway: "Gateway", order: Order, ts_ns: int, name: str | None) -> dict[str, Any]:
    """An order that was cancelled by a request; `name`: what the request calls itself."""
    instrument = gateway.stream.catalog.instruments[order.symbol]
    own = gateway.names.name(order.account, order.client_id)
    return {
        "symbol": gateway.symbols.name(order.symbol),
        "origClientOrderId": own,
        "orderId": order.order_id,
        "orderListId": list_id(order),
        "clientOrderId": name or own,
        "transactTime": ts_ns // MS,
        **terms_json(order, instrument),
    }


def list_order_json(gateway: "Gateway", order: Order) -> dict[str, Any]:
    """An order in the short form of a list."""
    return {
        "symbol": gateway.symbols.name(order.symbol),
        "orderId": order.order_id,
        "clientOrderId": gateway.names.name(order.account, order.client_id),
    }


def fee_asset(instrument: Instrument, side: int) -> str:
    """The asset that a fill's fee is in: the one that its party receives."""
    return (instrument.base_asset if side == Side.BUY else instrument.quote_asset).name


def fee_text(instrument: Instrument, side: int, fee: int) -> str:
    """A fill's fee, of the party on that side."""
    return instrument.base_text(fee) if side == Side.BUY else instrument.quote_text(fee)
