"""A listen key among the streams of a connection: what happens to its account, told beside the market."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from consumers.gateway.user_data import UserData

if TYPE_CHECKING:
    from consumers.gateway.gateway import Gateway


class ListenFeed:
    """From when it is made until `close`; `tell` hears each message. `ended` is called where it ends by itself.

    Raises ApiError where the account can't be had just now; the listen key has an owner, as was looked at before.
    """

    def __init__(
        self, gateway: "Gateway", token: str, tell: Callable[[dict[str, Any]], None], ended: Callable[[str], None]
    ) -> None:
        key = gateway.listen_keys.owner(token, gateway.now_ms())
        assert key is not None, "looked at before"
        self._gateway = gateway
        self._token = token
        self._tell = tell
        self._ended = ended
        self._account = gateway.accounts.of(key.account)
        self._listener = UserData(gateway, tell)
        self._account.listeners.append(self._listener)
        gateway.user_sockets.add(self)

    def look(self, now_ms: int) -> None:
        """A few times a second: over is what its listen key, or the API key behind it, is over for."""
        if self._gateway.listen_keys.owner(self._token, now_ms) is None:
            self._tell({"e": "listenKeyExpired", "E": now_ms, "listenKey": self._token})
            self._ended(self._token)

    def drop(self, why: str) -> None:
        """The connection says by itself why it ends."""
        self.close()

    def close(self) -> None:
        """Nothing more is told; as often as one likes."""
        if self in self._gateway.user_sockets:
            self._gateway.user_sockets.discard(self)
            self._account.listeners.remove(self._listener)
