"""What the gateway refuses with: Binance's code, its words, and the HTTP status that goes with them.

The codes that clients decide by are those of Binance's public error list; the words are its own where a client may
look at them, else ours.
"""

from http import HTTPStatus


class ApiError(Exception):
    """A request is refused. code: Binance's, below zero; status: of the HTTP answer; more: further keys of the body."""

    def __init__(self, code: int, message: str, status: int = HTTPStatus.BAD_REQUEST, **more: object) -> None:
        super().__init__(message)
        self.code = code
        self.status = int(status)
        self.more = more

    def to_dict(self) -> dict[str, object]:
        """The body of the answer."""
        return {"code": self.code, "msg": str(self), **self.more}


UNKNOWN = -1000
DISCONNECTED = -1001
TOO_MANY_REQUESTS = -1003
TIMEOUT = -1007
SERVER_BUSY = -1008
INVALID_MESSAGE = -1013
TOO_MANY_ORDERS = -1015
INVALID_TIMESTAMP = -1021
INVALID_SIGNATURE = -1022
ILLEGAL_CHARS = -1100
TOO_MANY_PARAMETERS = -1101
MANDATORY_PARAM = -1102
UNREAD_PARAMETERS = -1104
PARAM_EMPTY = -1105
PARAM_NOT_REQUIRED = -1106
BAD_PRECISION = -1111
INVALID_TIF = -1115
INVALID_ORDER_TYPE = -1116
INVALID_SIDE = -1117
BAD_INTERVAL = -1120
BAD_SYMBOL = -1121
INVALID_LISTEN_KEY = -1125
OPTIONAL_PARAMS_BAD_COMBO = -1128
INVALID_PARAMETER = -1130
INVALID_JSON = -1135
NEW_ORDER_REJECTED = -2010
CANCEL_REJECTED = -2011
NO_SUCH_ORDER = -2013
BAD_KEY_FORMAT = -2014
REJECTED_KEY = -2015
CANCEL_REPLACE_PARTLY_FAILED = -2021
CANCEL_REPLACE_FAILED = -2022


def filter_failure(name: str) -> ApiError:
    """An order that does not pass a filter of exchangeInfo."""
    return ApiError(INVALID_MESSAGE, f"Filter failure: {name}")


def rejected_key() -> ApiError:
    """A key that is unknown, revoked, used from elsewhere, or has not the scope: none of them is told from another."""
    return ApiError(REJECTED_KEY, "Invalid API-key, IP, or permissions for action.", HTTPStatus.UNAUTHORIZED)


def unavailable(code: int, message: str) -> ApiError:
    """Something behind the gateway is away just now."""
    return ApiError(code, message, HTTPStatus.SERVICE_UNAVAILABLE)


def internal() -> ApiError:
    """A store that an answer needs is not there."""
    return unavailable(DISCONNECTED, "Internal error; unable to process your request. Please try again.")
