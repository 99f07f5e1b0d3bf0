"""How much one address and one account may ask: Binance's limits and headers, counted in this process.

An address that goes on asking while it is refused is banned: for two minutes at first, twice as long each time that
it comes to that again within a day, three days at most.
"""

from dataclasses import dataclass
from http import HTTPStatus

from config.settings import GatewaySettings
from consumers.gateway.errors import TOO_MANY_ORDERS, TOO_MANY_REQUESTS, ApiError

MINUTE_S, TEN_S, DAY_S = 60, 10, 86400
BAN_AT = 2  # times the limit, refused requests included
FIRST_BAN_S, LONGEST_BAN_S = 120, 3 * DAY_S
I_AM_A_TEAPOT = 418  # banned


def rate_limits(settings: GatewaySettings) -> list[dict[str, object]]:
    """As exchangeInfo and the WebSocket API say them."""
    return [
        {
            "rateLimitType": "REQUEST_WEIGHT",
            "interval": "MINUTE",
            "intervalNum": 1,
            "limit": settings.weight_per_minute,
        },
        *order_limits(settings),
    ]


def order_limits(settings: GatewaySettings) -> list[dict[str, object]]:
    """Those of new orders."""
    return [
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": settings.orders_per_10s},
        {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": settings.orders_per_day},
    ]


class Window:
    """Counts by key in windows of a fixed length, cut by the clock."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        self._number = 0
        self._used: dict[object, int] = {}

    def add(self, key: object, count: int, now_s: float) -> int:
        """Count more; what the key has used in this window."""
        number = int(now_s) // self.seconds
        if number != self._number:
            self._number = number
            self._used = {}
        used = self._used.get(key, 0) + count
        if count:
            self._used[key] = used
        return used

    def left_s(self, now_s: float) -> int:
        """Whole seconds until the next window, at least 1."""
        return self.seconds - int(now_s) % self.seconds


@dataclass
class _Ban:
    until_s: float
    seconds: int


class RateLimits:
    """The counters of one gateway process."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._weight = Window(MINUTE_S)
        self._ten = Window(TEN_S)
        self._day = Window(DAY_S)
        self._bans: dict[str, _Ban] = {}
        self.refused = 0

    def spend(self, address: str, weight: int, now_s: float) -> int:
        """Count a request's weight; what the address has used this minute. Raises ApiError (429, 418)."""
        self.refuse_banned(address, now_s)
        used = self._weight.add(address, weight, now_s)
        limit = self._settings.weight_per_minute
        if used <= limit:
            return used
        self.refused += 1
        if used > BAN_AT * limit:
            self._ban(address, now_s)
            self.refuse_banned(address, now_s)
        raise ApiError(
            TOO_MANY_REQUESTS,
            f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE. "
            "Please use WebSocket Streams for live updates to avoid polling the API.",
            HTTPStatus.TOO_MANY_REQUESTS,
        )

    def _ban(self, address: str, now_s: float) -> None:
        before = self._bans.get(address)
        seconds = FIRST_BAN_S if before is None else min(before.seconds * 2, LONGEST_BAN_S)
        self._bans = {name: ban for name, ban in self._bans.items() if ban.until_s + DAY_S > now_s}
        self._bans[address] = _Ban(now_s + seconds, seconds)

    def refuse_banned(self, address: str, now_s: float) -> None:
        """Raises ApiError (418) while the address is banned."""
        ban = self._bans.get(address)
        if ban is not None and ban.until_s > now_s:
            raise ApiError(
                TOO_MANY_REQUESTS,
                f"Way too much request weight used; IP banned until {int(ban.until_s * 1000)}. "
                "Please use WebSocket Streams for live updates to avoid bans.",
                I_AM_A_TEAPOT,
            )

    def retry_after_s(self, address: str, error: ApiError, now_s: float) -> int:
        """What goes into Retry-After."""
        ban = self._bans.get(address)
        if error.status == I_AM_A_TEAPOT and ban is not None:
            return max(int(ban.until_s - now_s), 1)
        return self._ten.left_s(now_s) if error.code == TOO_MANY_ORDERS else self._weight.left_s(now_s)

    def order(self, account: int, count: int, now_s: float) -> tuple[int, int]:
        """Count new orders of an account (0 = only look); (in 10 s, today). Raises ApiError (429)."""
        ten, day = self._ten.add(account, count, now_s), self._day.add(account, count, now_s)
        for used, limit, words in (
            (ten, self._settings.orders_per_10s, "10 SECOND"),
            (day, self._settings.orders_per_day, "1 DAY"),
        ):
            if count and used > limit:
                self.refused += 1
                raise ApiError(
                    TOO_MANY_ORDERS,
                    f"Too many new orders; current limit is {limit} orders per {words}.",
                    HTTPStatus.TOO_MANY_REQUESTS,
                )
        return ten, day
