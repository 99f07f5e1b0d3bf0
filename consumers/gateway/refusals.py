"""The engine's reasons in Binance's words."""

from consumers.gateway.errors import (
    BAD_SYMBOL,
    INVALID_MESSAGE,
    NEW_ORDER_REJECTED,
    SERVER_BUSY,
    ApiError,
    filter_failure,
    unavailable,
)
from ringbuf.codes import Reason

_FILTERS = {
    Reason.PRICE_OFF_TICK: "PRICE_FILTER",
    Reason.PRICE_OUT_OF_BAND: "PRICE_FILTER",
    Reason.QTY_OFF_LOT: "LOT_SIZE",
    Reason.QTY_OUT_OF_RANGE: "LOT_SIZE",
    Reason.NOTIONAL_TOO_SMALL: "NOTIONAL",
    Reason.BOOK_FULL: "MAX_NUM_ORDERS",
}
_ORDERS = {
    Reason.INSUFFICIENT_FUNDS: "Account has insufficient balance for requested action.",
    Reason.UNKNOWN_ACCOUNT: "Account has insufficient balance for requested action.",
    Reason.WOULD_CROSS: "Order would immediately match and take.",
    Reason.ACCOUNT_SUSPENDED: "This action is disabled on this account.",
    Reason.DUPLICATE_CLIENT_ID: "Duplicate order sent.",
    Reason.FOK_UNFILLED: "Order could not be filled completely.",
}
_CLOSED = (Reason.SYMBOL_HALTED, Reason.STATE_FORBIDS)
_BUSY = (Reason.STORAGE_FULL, Reason.OVERLOADED)


def refusal(reason: Reason, code: int = NEW_ORDER_REJECTED) -> ApiError:
    """What a client is told. code: of the request, where none of Binance's fits better."""
    if reason in _FILTERS:
        return filter_failure(_FILTERS[reason])
    if reason in _ORDERS:
        return ApiError(code, _ORDERS[reason])
    if reason in _CLOSED:
        return ApiError(INVALID_MESSAGE, "Market is closed.")
    if reason in _BUSY:
        return unavailable(SERVER_BUSY, "Server is currently overloaded with other requests. Please try again.")
    if reason == Reason.UNKNOWN_SYMBOL:
        return ApiError(BAD_SYMBOL, "Invalid symbol.")
    if reason == Reason.UNKNOWN_ORDER:
        return ApiError(code, "Unknown order sent.")
    return ApiError(code, f"Order was refused: {reason.name.lower()}.")
