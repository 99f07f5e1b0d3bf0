"""Less of an open order, in its place: PUT /api/v3/order/amend/keepPriority."""

from typing import TYPE_CHECKING, Any

import numpy as np

from config.json_commands import decode_all
from consumers.gateway.caller import Caller
from consumers.gateway.endpoint import TRADE, Endpoint
from consumers.gateway.errors import AMEND_REJECTED, NO_SUCH_ORDER, ApiError, filter_failure
from consumers.gateway.names import ORDERS
from consumers.gateway.order import Order
from consumers.gateway.params import Params, missing
from consumers.gateway.rest_orders import find_order
from consumers.gateway.shown import list_id, terms_json
from consumers.gateway.tickers import MS
from consumers.gateway.trading import duplicate_order, refuse
from ringbuf.codes import EventType

if TYPE_CHECKING:
    from consumers.gateway.gateway import Gateway

_REJECTED = int(EventType.REJECTED)


async def amend(gateway: "Gateway", caller: Caller, params: Params) -> dict[str, Any]:
    """Lower an order's quantity. What has traded meanwhile is not taken off: see docs/api.md."""
    instrument = gateway.symbols.asked(params)
    text = params.decimal("newQty")
    if text is None:
        raise missing("newQty")
    name = params.name("newClientOrderId")
    account = gateway.accounts.of(caller.account)
    order = await find_order(gateway, account, params)
    params.refuse_unread()
    if order is None or order.symbol != instrument.id or not order.is_open:
        raise ApiError(NO_SUCH_ORDER, "Order does not exist.")
    lots = _lots(order, text, gateway)
    if name is not None:
        known = gateway.names.number(account.number, name)
        holder = None if known is None or known == order.client_id else account.find_client(known)
        if holder is not None and holder.is_open:
            raise duplicate_order()
    own = gateway.names.name(account.number, order.client_id)
    fields = {
        "op": "amend",
        "account": account.number,
        "order_id": order.order_id,
        "qty": instrument.qty_text(lots - order.filled_lots),
    }

    def make(number: int) -> np.ndarray:
        return decode_all(fields | {"client_id": number}, gateway.stream.catalog)[0]

    rows = await gateway.trading.ask(account, make)
    if rows[-1].type == _REJECTED:
        raise refuse(rows[-1], AMEND_REJECTED)
    if name is not None:
        await gateway.names.put(account.number, name, order.client_id, ORDERS)
    terms = terms_json(order, instrument)
    return {
        "transactTime": rows[-1].ts_ns // MS,
        "executionId": rows[-1].seq,
        "amendedOrder": {
            "symbol": gateway.symbols.name(order.symbol),
            "orderId": order.order_id,
            "orderListId": list_id(order),
            "origClientOrderId": own,
            "clientOrderId": name or own,
            "price": terms["price"],
            "qty": terms["origQty"],
            "executedQty": terms["executedQty"],
            "preventedQty": instrument.qty_text(0),
            "quoteOrderQty": instrument.quote_text(0),
            "cumulativeQuoteQty": terms["cummulativeQuoteQty"],
            "status": terms["status"],
            "timeInForce": terms["timeInForce"],
            "type": terms["type"],
            "side": terms["side"],
            "workingTime": order.accepted_ts_ns // MS if order.is_working else -1,
            "selfTradePreventionMode": terms["selfTradePreventionMode"],
        },
    }


def _lots(order: Order, text: str, gateway: "Gateway") -> int:
    """The new quantity, which has to be less than it is and more than what has traded. Raises ApiError."""
    instrument = gateway.stream.catalog.instruments[order.symbol]
    try:
        lots, exact = instrument.qty_scale.parse(text)
    except ValueError:
        raise filter_failure("LOT_SIZE") from None
    if not exact or lots < max(instrument.qty_min_lots, 1):
        raise filter_failure("LOT_SIZE")
    if not order.filled_lots < lots < order.qty_lots:
        raise ApiError(AMEND_REJECTED, "The new quantity has to be less than the order's, and more than it has traded.")
    return lots


AMEND_ENDPOINTS = (Endpoint("PUT", "/api/v3/order/amend/keepPriority", amend, TRADE, weight=4),)
