"""Order lists of the account whose key asks."""

from typing import TYPE_CHECKING, Any

from consumers.gateway.accounts import Account
from consumers.gateway.caller import Caller
from consumers.gateway.endpoint import READ, TRADE, Endpoint
from consumers.gateway.errors import CANCEL_REJECTED, MANDATORY_PARAM, NO_SUCH_ORDER, ApiError
from consumers.gateway.lists import cancelled_list_json, list_json, members, placed_list_json, read_oco, read_old_oco
from consumers.gateway.names import LISTS
from consumers.gateway.order import Order
from consumers.gateway.params import Params
from consumers.gateway.rest_orders import MOST_ORDERS, asked_time, cancel_command
from consumers.gateway.shown import list_id
from consumers.gateway.trading import duplicate_order, refuse
from ringbuf.codes import EventType

if TYPE_CHECKING:
    from consumers.gateway.gateway import Gateway

_REJECTED = int(EventType.REJECTED)


async def place_oco(gateway: "Gateway", caller: Caller, params: Params) -> dict[str, Any]:
    """Two orders of which one cancels the other: both or none."""
    instrument = gateway.symbols.asked(params)
    name = params.name("listClientOrderId")
    account = gateway.accounts.of(caller.account)
    await gateway.market_as_of(account.seq)
    legs = read_oco(params, gateway.markets.of(instrument.id))
    params.refuse_unread()
    known = None if name is None else gateway.names.number(account.number, name, LISTS)
    holder = None if known is None else account.find_client(known)
    if holder is not None and any(order.is_open for order in members(account, holder)):
        raise duplicate_order()
    first, second = await gateway.trading.place_all(account, legs, name)
    if first.refused is not None:
        raise refuse(first.refused)
    orders = [account.find(placed.order_id) for placed in (first, second) if placed.order_id]
    found = [order for order in orders if order is not None]
    if second.refused is not None and found[0].is_open:
        await gateway.trading.ask(account, lambda number: cancel_command(account.number, number, found[0].order_id))
        raise refuse(second.refused)
    return placed_list_json(gateway, account, found, legs[0].response)


async def place_old_oco(gateway: "Gateway", caller: Caller, params: Params) -> dict[str, Any]:
    """The same in the older form."""
    return await place_oco(gateway, caller, read_old_oco(params))


async def find_list(
    gateway: "Gateway", account: Account, params: Params, by_name: str = "origClientOrderId"
) -> list[Order]:
    """The orders of the list that a request names, none where there is no such list."""
    first_id, name = params.whole("orderListId"), params.name(by_name)
    if first_id is None and name is None:
        raise ApiError(MANDATORY_PARAM, f"Param '{by_name}' or 'orderListId' must be sent, but both were empty/null!")
    order = None
    if first_id is not None:
        order = await gateway.history.order(account, first_id)
    elif name is not None:
        number = gateway.names.number(account.number, name, LISTS)
        if number is None and name.isascii() and name.isdigit() and len(name) <= 18:
            number = int(name)
        order = None if number is None else await gateway.history.order_of_client(account, number)
    if order is None or list_id(order) != order.order_id:
        return []
    return await _both(gateway, account, order)


async def _both(gateway: "Gateway", account: Account, order: Order) -> list[Order]:
    partner = await gateway.history.order(account, order.pair_order_id)
    return sorted([order] if partner is None else [order, partner], key=lambda each: each.order_id)


async def get_list(gateway: "Gateway", caller: Caller, params: Params) -> dict[str, Any]:
    """One list."""
    account = gateway.accounts.of(caller.account)
    orders = await find_list(gateway, account, params)
    if not orders:
        raise ApiError(NO_SUCH_ORDER, "Order list does not exist.")
    return list_json(gateway, account, orders, orders[-1].accepted_ts_ns)


def open_lists(gateway: "Gateway", caller: Caller, params: Params) -> list[dict[str, Any]]:
    """The lists that have an open order."""
    account = gateway.accounts.of(caller.account)
    first = {list_id(order): order for order in account.orders.values() if order.pair_order_id}
    found = [members(account, first[number]) for number in sorted(first)]
    return [list_json(gateway, account, orders, orders[-1].accepted_ts_ns) for orders in found]


async def all_lists(gateway: "Gateway", caller: Caller, params: Params) -> list[dict[str, Any]]:
    """Lists from an id on, or the last ones (of a time)."""
    from_id, most = params.whole("fromId"), params.limit(500, MOST_ORDERS)
    first_ns, end_ns = asked_time(params)
    account = gateway.accounts.of(caller.account)
    found = await gateway.history.orders_of(account, None, from_id, first_ns, end_ns, 2 * most)
    first = [order for order in found if list_id(order) == order.order_id]
    chosen = first[:most] if from_id is not None else first[-most:]
    lists = [await _both(gateway, account, order) for order in chosen]
    return [list_json(gateway, account, orders, orders[-1].accepted_ts_ns) for orders in lists]


async def cancel_list(gateway: "Gateway", caller: Caller, params: Params) -> dict[str, Any]:
    """End a list: both of its orders."""
    instrument = gateway.symbols.asked(params)
    name = params.name("newClientOrderId")
    account = gateway.accounts.of(caller.account)
    orders = await find_list(gateway, account, params, "listClientOrderId")
    target = next((order for order in orders if order.is_open and order.symbol == instrument.id), None)
    if target is None:
        raise ApiError(CANCEL_REJECTED, "Unknown order list sent.")
    rows = await gateway.trading.ask(account, lambda number: cancel_command(account.number, number, target.order_id))
    if rows[-1].type == _REJECTED:
        raise refuse(rows[-1], CANCEL_REJECTED)
    return cancelled_list_json(gateway, account, orders, rows[-1].ts_ns, name)


LIST_ENDPOINTS = (
    Endpoint("POST", "/api/v3/orderList/oco", place_oco, TRADE, orders=2),
    Endpoint("POST", "/api/v3/order/oco", place_old_oco, TRADE, orders=2),
    Endpoint("GET", "/api/v3/orderList", get_list, READ, weight=4),
    Endpoint("DELETE", "/api/v3/orderList", cancel_list, TRADE),
    Endpoint("GET", "/api/v3/allOrderList", all_lists, READ, weight=20),
    Endpoint("GET", "/api/v3/openOrderList", open_lists, READ, weight=6),
)
