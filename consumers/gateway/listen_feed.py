"""A listen key among the streams of a connection: what happens to its account, told beside the market."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from consumers.gateway.errors import INVALID_LISTEN_KEY, ApiError
from consumers.gateway.user_data import UserData

if TYPE_CHECKING:
    from consumers.gateway.gateway import Gateway


class ListenFeed:
    """From when it is made until `close`; `tell` hears each message.

    Raises ApiError where nobody has the listen key, or the account can't be had just now.
    """

    def __init__(self, gateway: "Gateway", token: str, tell: Callable[[dict[str, Any]], None]) -> None:
        key = gateway.listen_keys.owner(token, gateway.now_ms())
        if key is None:
            raise ApiError(INVALID_LISTEN_KEY, "This listenKey does not exist.")
        self._gateway = gateway
        self._token = token
        self._tell = tell
        self._account = gateway.accounts.of(key.account)
        self._listener = UserData(gateway, tell)
        self._account.listeners.append(self._listener)

    def is_over(self) -> bool:
        """Whether its listen key, or the API key behind it, is over; then it has said so."""
        now_ms = self._gateway.now_ms()
        if self._gateway.listen_keys.owner(self._token, now_ms) is not None:
            return False
        self._tell({"e": "listenKeyExpired", "E": now_ms, "listenKey": self._token})
        return True

    def close(self) -> None:
        """Nothing more is told."""
        self._account.listeners.remove(self._listener)
