"""Order lists: two orders of which one cancels the other (OCO), on the engine's pairs.

A list has no record of its own: it is two orders that name each other, its id is that of the first. So it is known
after any crash as long as its orders are.
"""

from typing import TYPE_CHECKING, Any

from consumers.gateway.accounts import Account
from consumers.gateway.errors import INVALID_ORDER_TYPE, NEW_ORDER_REJECTED, ApiError
from consumers.gateway.market import Market
from consumers.gateway.names import LISTS
from consumers.gateway.order import Order
from consumers.gateway.params import Params, missing
from consumers.gateway.shown import NO_LIST, cancelled_json, list_id, list_order_json, terms_json
from consumers.gateway.terms import RESPONSES, Terms, leg_terms, read_side, read_stp
from consumers.gateway.tickers import MS

if TYPE_CHECKING:
    from consumers.gateway.gateway import Gateway

_STOPS = ("STOP_LOSS", "STOP_LOSS_LIMIT")
_TARGETS = ("LIMIT_MAKER", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")


def read_oco(params: Params, market: Market) -> list[Terms]:
    """The two orders of POST /api/v3/orderList/oco, in the order in which the engine takes them."""
    side = read_side(params)
    above, below = (params.word(f"{where}Type", (*_STOPS, *_TARGETS), _no_type()) for where in ("above", "below"))
    for kind, where in ((above, "above"), (below, "below")):
        if kind is None:
            raise missing(f"{where}Type")
    allowed = (_TARGETS, _STOPS) if side == "SELL" else (_STOPS, _TARGETS)
    if above not in allowed[0] or below not in allowed[1]:
        raise _no_type()
    quantity = params.decimal("quantity")
    if quantity is None:
        raise missing("quantity")
    response, stp = params.word("newOrderRespType", RESPONSES) or "RESULT", read_stp(params)
    legs = []
    for kind, where in ((above, "above"), (below, "below")):
        for name in ("StrategyId", "StrategyType"):
            params.whole(where + name)
        own_name = params.name(f"{where}ClientOrderId")
        legs.append(leg_terms(params, market, str(kind), side, own_name, response, stp, where, quantity))
    _check_prices(legs, market)
    return legs if side == "SELL" else legs[::-1]


def _no_type() -> ApiError:
    return ApiError(INVALID_ORDER_TYPE, "Invalid orderType.")


def read_old_oco(params: Params) -> Params:
    """The parameters of POST /api/v3/order/oco as those of the newer request."""
    side = read_side(params)
    stop_kind = "STOP_LOSS_LIMIT" if params.text("stopLimitPrice") is not None else "STOP_LOSS"
    target, stop = ("above", "below") if side == "SELL" else ("below", "above")
    names = {
        "limitClientOrderId": f"{target}ClientOrderId",
        "price": f"{target}Price",
        "limitIcebergQty": f"{target}IcebergQty",
        "limitStrategyId": f"{target}StrategyId",
        "limitStrategyType": f"{target}StrategyType",
        "stopClientOrderId": f"{stop}ClientOrderId",
        "stopPrice": f"{stop}StopPrice",
        "stopLimitPrice": f"{stop}Price",
        "trailingDelta": f"{stop}TrailingDelta",
        "stopIcebergQty": f"{stop}IcebergQty",
        "stopLimitTimeInForce": f"{stop}TimeInForce",
        "stopStrategyId": f"{stop}StrategyId",
        "stopStrategyType": f"{stop}StrategyType",
    }
    same = ("symbol", "side", "quantity", "newOrderRespType", "selfTradePreventionMode", "listClientOrderId")
    given = {new: params.text(old) for old, new in (*names.items(), *((name, name) for name in same))}
    params.refuse_unread()
    return Params(given | {f"{target}Type": "LIMIT_MAKER", f"{stop}Type": stop_kind})


def _check_prices(legs: list[Terms], market: Market) -> None:
    """Above is above the last price, below is below it, each by its stop price or else by its price."""
    if not market.last_ticks:
        return
    scale = market.instrument.price_scale
    above, below = (scale.exact(leg.command.get("stop_price") or leg.command["price"]) for leg in legs)
    if not above > market.last_ticks > below:
        raise ApiError(NEW_ORDER_REJECTED, "The relationship of the prices for the orders is not correct.")


def members(account: Account, order: Order) -> list[Order]:
    """The orders of a list, the first one first."""
    partner = account.partner_of(order)
    return sorted([order] if partner is None else [order, partner], key=lambda each: each.order_id)


def list_json(
    gateway: "Gateway", account: Account, orders: list[Order], ts_ns: int, name: str | None = None
) -> dict[str, Any]:
    """A list as it stands. orders: its members, the first one first."""
    is_open = any(order.is_open for order in orders)
    return {
        "orderListId": list_id(orders[0]),
        "contingencyType": "OCO",
        "listStatusType": "EXEC_STARTED" if is_open else "ALL_DONE",
        "listOrderStatus": "EXECUTING" if is_open else "ALL_DONE",
        "listClientOrderId": name or gateway.names.name(account.number, orders[0].client_id, LISTS),
        "transactionTime": ts_ns // MS,
        "symbol": gateway.symbols.name(orders[0].symbol),
        "orders": [list_order_json(gateway, order) for order in orders],
    }


def placed_list_json(gateway: "Gateway", account: Account, orders: list[Order], response: str) -> dict[str, Any]:
    """The answer to a new list."""
    found = list_json(gateway, account, orders, orders[-1].accepted_ts_ns)
    reports = []
    for order in orders:
        report = {
            **list_order_json(gateway, order),
            "orderListId": found["orderListId"],
            "transactTime": order.accepted_ts_ns // MS,
        }
        if response != "ACK":
            instrument = gateway.stream.catalog.instruments[order.symbol]
            report |= terms_json(order, instrument)
            report["workingTime"] = order.accepted_ts_ns // MS if order.is_working else -1
        reports.append(report)
    return found | {"orderReports": reports}


def cancelled_list_json(
    gateway: "Gateway", account: Account, orders: list[Order], ts_ns: int, name: str | None = None
) -> dict[str, Any]:
    """The answer to a list's cancellation."""
    reports = [cancelled_json(gateway, order, ts_ns, name) for order in orders]
    return list_json(gateway, account, orders, ts_ns) | {"orderReports": reports}


def cancelled_groups(gateway: "Gateway", account: Account, orders: list[Order], ts_ns: int) -> list[dict[str, Any]]:
    """Orders that a request has ended: single ones and lists."""
    found: list[dict[str, Any]] = []
    told: set[int] = set()
    for order in orders:
        if order.order_id in told:
            continue
        if list_id(order) == NO_LIST:
            found.append(cancelled_json(gateway, order, ts_ns, None))
            continue
        both = members(account, order)
        told.update(each.order_id for each in both)
        found.append(cancelled_list_json(gateway, account, both, ts_ns))
    return found
