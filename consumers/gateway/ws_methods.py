"""The WebSocket API's methods that are REST's endpoints under another name: the same functions answer them."""

from consumers.gateway.endpoint import Endpoint
from consumers.gateway.rest_account import ACCOUNT_ENDPOINTS
from consumers.gateway.rest_amend import AMEND_ENDPOINTS
from consumers.gateway.rest_listen_keys import LISTEN_KEY_ENDPOINTS
from consumers.gateway.rest_lists import LIST_ENDPOINTS
from consumers.gateway.rest_market import MARKET_ENDPOINTS
from consumers.gateway.rest_orders import ORDER_ENDPOINTS

ENDPOINTS = (
    *MARKET_ENDPOINTS,
    *ORDER_ENDPOINTS,
    *AMEND_ENDPOINTS,
    *LIST_ENDPOINTS,
    *ACCOUNT_ENDPOINTS,
    *LISTEN_KEY_ENDPOINTS,
)
_NAMES = {
    "ping": "GET /api/v3/ping",
    "time": "GET /api/v3/time",
    "exchangeInfo": "GET /api/v3/exchangeInfo",
    "depth": "GET /api/v3/depth",
    "trades.recent": "GET /api/v3/trades",
    "trades.historical": "GET /api/v3/historicalTrades",
    "trades.aggregate": "GET /api/v3/aggTrades",
    "klines": "GET /api/v3/klines",
    "uiKlines": "GET /api/v3/uiKlines",
    "avgPrice": "GET /api/v3/avgPrice",
    "ticker": "GET /api/v3/ticker",
    "ticker.24hr": "GET /api/v3/ticker/24hr",
    "ticker.price": "GET /api/v3/ticker/price",
    "ticker.book": "GET /api/v3/ticker/bookTicker",
    "order.place": "POST /api/v3/order",
    "order.test": "POST /api/v3/order/test",
    "order.status": "GET /api/v3/order",
    "order.cancel": "DELETE /api/v3/order",
    "order.cancelReplace": "POST /api/v3/order/cancelReplace",
    "order.amend.keepPriority": "PUT /api/v3/order/amend/keepPriority",
    "openOrders.status": "GET /api/v3/openOrders",
    "openOrders.cancelAll": "DELETE /api/v3/openOrders",
    "allOrders": "GET /api/v3/allOrders",
    "orderList.place": "POST /api/v3/order/oco",
    "orderList.place.oco": "POST /api/v3/orderList/oco",
    "orderList.status": "GET /api/v3/orderList",
    "orderList.cancel": "DELETE /api/v3/orderList",
    "openOrderLists.status": "GET /api/v3/openOrderList",
    "allOrderLists": "GET /api/v3/allOrderList",
    "myTrades": "GET /api/v3/myTrades",
    "account.status": "GET /api/v3/account",
    "account.commission": "GET /api/v3/account/commission",
    "account.rateLimits.orders": "GET /api/v3/rateLimit/order",
    "userDataStream.start": "POST /api/v3/userDataStream",
    "userDataStream.ping": "PUT /api/v3/userDataStream",
    "userDataStream.stop": "DELETE /api/v3/userDataStream",
}
_BY_PATH = {f"{each.method} {each.path}": each for each in ENDPOINTS}
METHODS: dict[str, Endpoint] = {name: _BY_PATH[path] for name, path in _NAMES.items()}
