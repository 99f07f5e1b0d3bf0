"""Orders of the account whose key asks: place, look, cancel, replace."""

from typing import TYPE_CHECKING, Any

import numpy as np

from config.catalog import Catalog, Instrument
from config.json_commands import decode_all
from consumers.gateway.accounts import Account
from consumers.gateway.caller import Caller
from consumers.gateway.endpoint import READ, TRADE, Endpoint
from consumers.gateway.errors import (
    CANCEL_REJECTED,
    CANCEL_REPLACE_FAILED,
    CANCEL_REPLACE_PARTLY_FAILED,
    MANDATORY_PARAM,
    NO_SUCH_ORDER,
    ApiError,
)
from consumers.gateway.lists import cancelled_groups
from consumers.gateway.order import Order
from consumers.gateway.params import Params
from consumers.gateway.rest_account import commission_rates
from consumers.gateway.shown import cancelled_json, fee_asset, fee_text, list_id, order_json, terms_json
from consumers.gateway.terms import Terms, asks_market, read_terms
from consumers.gateway.tickers import MS
from consumers.gateway.trading import Placed, refuse
from ringbuf.codes import EventType, Reason

if TYPE_CHECKING:
    from consumers.gateway.gateway import Gateway

ALWAYS_NS = 1 << 62
MOST_ORDERS = 1000
_TRADE, _CANCELLED, _REJECTED = int(EventType.TRADE), int(EventType.CANCELLED), int(EventType.REJECTED)


# --- place ------------------------------------------------------------------------------------------------------------


async def place_order(gateway: "Gateway", caller: Caller, params: Params) -> dict[str, Any]:
    """A new order; the answer as newOrderRespType asks."""
    account = gateway.accounts.of(caller.account)
    terms = await _new_terms(gateway, account, params)
    params.refuse_unread()
    placed = await gateway.trading.place(account, terms)
    return placed_json(gateway, account, terms, placed)


async def _new_terms(gateway: "Gateway", account: Account, params: Params) -> Terms:
    instrument = gateway.symbols.asked(params)
    if asks_market(params):
        await gateway.market_as_of(account.seq)
    return read_terms(params, gateway.markets.of(instrument.id))


async def test_order(gateway: "Gateway", caller: Caller, params: Params) -> dict[str, Any]:
    """Checks a new order, and does not send it."""
    wants_rates = params.flag("computeCommissionRates")
    terms = await _new_terms(gateway, gateway.accounts.of(caller.account), params)
    params.refuse_unread()
    if not wants_rates:
        return {}
    rates = commission_rates(terms.instrument)
    return {
        "standardCommissionForOrder": {"maker": rates["maker"], "taker": rates["taker"]},
        "taxCommissionForOrder": {"maker": "0.00000000", "taker": "0.00000000"},
        "discount": {
            "enabledForAccount": False,
            "enabledForSymbol": False,
            "discountAsset": "",
            "discount": "0.00000000",
        },
    }


def placed_json(gateway: "Gateway", account: Account, terms: Terms, placed: Placed) -> dict[str, Any]:
    """The answer to a new order. Raises ApiError where the engine refused it."""
    refused = placed.refused
    if refused is not None:
        if refused.reason != Reason.FOK_UNFILLED:
            raise refuse(refused)
        return _unfilled_json(gateway, account, terms, placed, refused)
    order = account.find(placed.order_id)
    assert order is not None, "the event stream has told of it"
    found = {
        "symbol": gateway.symbols.name(order.symbol),
        "orderId": order.order_id,
        "orderListId": list_id(order),
        "clientOrderId": gateway.names.name(account.number, placed.number),
        "transactTime": order.accepted_ts_ns // MS,
    }
    if terms.response == "ACK":
        return found | terms.extra
    found |= terms_json(order, terms.instrument, terms.quote_order_qty)
    found["workingTime"] = order.accepted_ts_ns // MS if order.is_working else -1
    if terms.response == "FULL":
        found["fills"] = fills_json(terms.instrument, order, placed.events)
    return found | terms.extra


def fills_json(instrument: Instrument, order: Order, events: list[Any]) -> list[dict[str, Any]]:
    """What an order traded among these events (EventRow), as the taker."""
    return [
        {
            "price": instrument.price_text(row.price_ticks),
            "qty": instrument.qty_text(row.qty_lots),
            "commission": fee_text(instrument, order.side, row.fee),
            "commissionAsset": fee_asset(instrument, order.side),
            "tradeId": row.seq,
        }
        for row in events
        if row.type == _TRADE and row.order_id == order.order_id
    ]


def _unfilled_json(gateway: "Gateway", account: Account, terms: Terms, placed: Placed, refused: Any) -> dict[str, Any]:
    """All or nothing, and it was nothing: the engine never accepted it, Binance calls it expired.

    Its id is the refusal's sequence, which no order has.
    """
    instrument, command = terms.instrument, terms.command
    price = instrument.price_scale.exact(command.get("price", 0))
    found: dict[str, Any] = {
        "symbol": gateway.symbols.name(instrument.id),
        "orderId": refused.seq,
        "orderListId": -1,
        "clientOrderId": gateway.names.name(account.number, placed.number),
        "transactTime": refused.ts_ns // MS,
    }
    if terms.response == "ACK":
        return found | terms.extra
    found |= {
        "price": instrument.price_text(price),
        "origQty": instrument.qty_text(instrument.qty_scale.exact(command["qty"])),
        "executedQty": instrument.qty_text(0),
        "origQuoteOrderQty": instrument.quote_text(0),
        "cummulativeQuoteQty": instrument.quote_text(0),
        "status": "EXPIRED",
        "timeInForce": "FOK",
        "type": terms.kind,
        "side": terms.side,
        "workingTime": refused.ts_ns // MS,
    }
    return found | ({"fills": []} if terms.response == "FULL" else {}) | terms.extra


# --- look -------------------------------------------------------------------------------------------------------------


async def get_order(gateway: "Gateway", caller: Caller, params: Params) -> dict[str, Any]:
    """One order, open or ended."""
    instrument = gateway.symbols.asked(params)
    account = gateway.accounts.of(caller.account)
    order = await find_order(gateway, account, params)
    if order is None or order.symbol != instrument.id:
        raise ApiError(NO_SUCH_ORDER, "Order does not exist.")
    return order_json(gateway, order)


async def find_order(
    gateway: "Gateway", account: Account, params: Params, by_id: str = "orderId", by_name: str = "origClientOrderId"
) -> Order | None:
    """The account's order that a request names; None where it has none such. Where it names it twice both must fit."""
    order_id, name = params.whole(by_id), params.name(by_name)
    if order_id is None and name is None:
        raise ApiError(MANDATORY_PARAM, f"Param '{by_name}' or '{by_id}' must be sent, but both were empty/null!")
    number = None if name is None else number_of(gateway, account, name)
    if order_id is None:
        return None if number is None else await gateway.history.order_of_client(account, number)
    order = await gateway.history.order(account, order_id)
    return order if order is not None and (name is None or order.client_id == number) else None


def number_of(gateway: "Gateway", account: Account, name: str) -> int | None:
    """The engine's number for an order's name: a name that was given, else the number itself in digits."""
    number = gateway.names.number(account.number, name)
    if number is None and name.isascii() and name.isdigit() and len(name) <= 18:
        return int(name)
    return number


def open_orders(gateway: "Gateway", caller: Caller, params: Params) -> list[dict[str, Any]]:
    """The open orders of a symbol, or of all."""
    wanted = None if params.symbol() is None else gateway.symbols.asked(params).id
    account = gateway.accounts.of(caller.account)
    found = [order for order in account.orders.values() if wanted is None or order.symbol == wanted]
    return [order_json(gateway, order) for order in sorted(found, key=lambda order: order.order_id)]


async def all_orders(gateway: "Gateway", caller: Caller, params: Params) -> list[dict[str, Any]]:
    """Orders of a symbol: from an id on, or the last ones (of a time)."""
    instrument = gateway.symbols.asked(params)
    from_id, most = params.whole("orderId"), params.limit(500, MOST_ORDERS)
    first_ns, end_ns = asked_time(params)
    account = gateway.accounts.of(caller.account)
    found = await gateway.history.orders_of(account, instrument.id, from_id, first_ns, end_ns, most)
    return [order_json(gateway, order) for order in found]


def asked_time(params: Params) -> tuple[int, int]:
    """(first, first not) in nanoseconds, of startTime and endTime in milliseconds, both included."""
    first_ms, last_ms = params.whole("startTime", high=1 << 52), params.whole("endTime", high=1 << 52)
    end_ns = ALWAYS_NS if last_ms is None else min((last_ms + 1) * MS, ALWAYS_NS)
    return min((first_ms or 0) * MS, ALWAYS_NS), end_ns


# --- cancel -----------------------------------------------------------------------------------------------------------


async def cancel_order(gateway: "Gateway", caller: Caller, params: Params) -> dict[str, Any]:
    """End one open order, and with it its partner, if it is one of a pair."""
    instrument = gateway.symbols.asked(params)
    name = params.name("newClientOrderId")
    restriction = params.word("cancelRestrictions", ("ONLY_NEW", "ONLY_PARTIALLY_FILLED"))
    account = gateway.accounts.of(caller.account)
    order = await find_order(gateway, account, params)
    return await cancel_one(gateway, account, instrument, order, name, restriction)


async def cancel_one(
    gateway: "Gateway",
    account: Account,
    instrument: Instrument,
    order: Order | None,
    name: str | None,
    restriction: str | None,
) -> dict[str, Any]:
    """Cancel an order that was found, or not. Raises ApiError."""
    if order is None or order.symbol != instrument.id or not order.is_open:
        raise ApiError(CANCEL_REJECTED, "Unknown order sent.")
    if restriction is not None and (order.filled_lots == 0) != (restriction == "ONLY_NEW"):
        raise ApiError(CANCEL_REJECTED, "Order was not canceled due to cancel restrictions.")

    def make(number: int) -> np.ndarray:
        account.call_request(number, name)
        return cancel_command(account.number, number, order.order_id)

    rows = await gateway.trading.ask(account, make)
    if rows[-1].type == _REJECTED:
        raise refuse(rows[-1], CANCEL_REJECTED)
    return cancelled_json(gateway, order, rows[-1].ts_ns, name)


def cancel_command(account: int, number: int, order_id: int) -> np.ndarray:
    """The COMMAND that ends an order. Shape (1,)."""
    fields = {"op": "cancel", "account": account, "client_id": number, "order_id": order_id}
    return decode_all(fields, Catalog())[0]  # it names nothing that is listed


async def cancel_open_orders(gateway: "Gateway", caller: Caller, params: Params) -> list[dict[str, Any]]:
    """End every open order of a symbol."""
    instrument = gateway.symbols.asked(params)
    account = gateway.accounts.of(caller.account)
    if not any(order.symbol == instrument.id for order in account.orders.values()):
        raise ApiError(CANCEL_REJECTED, "Unknown order sent.")

    def make(number: int) -> np.ndarray:
        fields = {"op": "mass_cancel", "account": account.number, "client_id": number, "symbol": instrument.symbol}
        return decode_all(fields, gateway.stream.catalog)[0]

    rows = await gateway.trading.ask(account, make)
    if rows[-1].type == _REJECTED:
        raise refuse(rows[-1], CANCEL_REJECTED)
    ended = [account.find(row.order_id) for row in rows if row.type == _CANCELLED]
    return cancelled_groups(gateway, account, [order for order in ended if order is not None], rows[-1].ts_ns)


# --- cancel and replace -----------------------------------------------------------------------------------------------


async def cancel_replace(gateway: "Gateway", caller: Caller, params: Params) -> dict[str, Any]:
    """Cancel an order, then place another: two steps, as at Binance, each with its own outcome."""
    mode = params.required("cancelReplaceMode")
    params.word("cancelReplaceMode", ("STOP_ON_FAILURE", "ALLOW_FAILURE"))
    restriction = params.word("cancelRestrictions", ("ONLY_NEW", "ONLY_PARTIALLY_FILLED"))
    params.word("orderRateLimitExceededMode", ("DO_NOTHING", "CANCEL_ONLY"))
    account = gateway.accounts.of(caller.account)
    terms = await _new_terms(gateway, account, params)
    order = await find_order(gateway, account, params, "cancelOrderId", "cancelOrigClientOrderId")
    name = params.name("cancelNewClientOrderId")
    params.refuse_unread()
    data: dict[str, Any] = {"cancelResult": "SUCCESS", "newOrderResult": "NOT_ATTEMPTED"}
    try:
        data["cancelResponse"] = await cancel_one(gateway, account, terms.instrument, order, name, restriction)
    except ApiError as error:
        data |= {"cancelResult": "FAILURE", "cancelResponse": error.to_dict()}
    if data["cancelResult"] == "FAILURE" and mode == "STOP_ON_FAILURE":
        data["newOrderResponse"] = None
        raise ApiError(CANCEL_REPLACE_FAILED, "Order cancel-replace failed.", data=data)
    try:
        placed = await gateway.trading.place(account, terms)
        data |= {"newOrderResult": "SUCCESS", "newOrderResponse": placed_json(gateway, account, terms, placed)}
    except ApiError as error:
        data |= {"newOrderResult": "FAILURE", "newOrderResponse": error.to_dict()}
    outcomes = [data["cancelResult"], data["newOrderResult"]]
    if outcomes == ["FAILURE", "FAILURE"]:
        raise ApiError(CANCEL_REPLACE_FAILED, "Order cancel-replace failed.", data=data)
    if "FAILURE" in outcomes:
        raise ApiError(CANCEL_REPLACE_PARTLY_FAILED, "Order cancel-replace partially failed.", 409, data=data)
    return data


ORDER_ENDPOINTS = (
    Endpoint("POST", "/api/v3/order", place_order, TRADE, orders=1),
    Endpoint("POST", "/api/v3/order/test", test_order, TRADE),
    Endpoint("GET", "/api/v3/order", get_order, READ, weight=4),
    Endpoint("DELETE", "/api/v3/order", cancel_order, TRADE),
    Endpoint("GET", "/api/v3/openOrders", open_orders, READ, weight=lambda params: 6 if "symbol" in params else 80),
    Endpoint("DELETE", "/api/v3/openOrders", cancel_open_orders, TRADE),
    Endpoint("GET", "/api/v3/allOrders", all_orders, READ, weight=20),
    Endpoint("POST", "/api/v3/order/cancelReplace", cancel_replace, TRADE, orders=1),
)
