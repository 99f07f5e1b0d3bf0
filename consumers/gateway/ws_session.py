"""Who is on a connection of the WebSocket API: its session's key, and the accounts whose events it hears."""

from typing import TYPE_CHECKING, Any

from config.api_keys import ApiKey
from consumers.gateway.accounts import Account
from consumers.gateway.caller import Caller
from consumers.gateway.endpoint import KEY, PUBLIC, READ
from consumers.gateway.errors import INVALID_PARAMETER, INVALID_SIGNATURE, ApiError, rejected_key
from consumers.gateway.params import Params, missing
from consumers.gateway.signing import check_time, key_of
from consumers.gateway.socket import MOST_OWN
from consumers.gateway.user_data import UserData

if TYPE_CHECKING:
    from consumers.gateway.gateway import Gateway
    from consumers.gateway.ws_api import ApiClient

MOST_SUBSCRIPTIONS = 1000  # at one time
MOST_NUMBERS = 65_535  # in the life of a connection
_OF_ANY = ("apiKey", "signature", "timestamp", "recvWindow", "returnRateLimits")  # what every request may have


class SessionRevokedError(Exception):
    """The key of the session is not valid any more: the session is over."""


class Session:
    """One connection's. `key`: that it is logged on with, None = it is not."""

    def __init__(self, gateway: "Gateway", client: "ApiClient") -> None:
        self._gateway = gateway
        self._client = client
        self.key: ApiKey | None = None
        self._since_ms = 0
        self._connected_ms = gateway.now_ms()
        self._heard: dict[int, _Subscription] = {}
        self._next = 0

    # --- who asks -----------------------------------------------------------------------------------------------------

    def caller(self, scope: str, given: dict[str, Any], params: Params) -> Caller:
        """Who sent a request: by its own key and signature, else by the session. Raises ApiError."""
        for name in _OF_ANY:
            params.text(name)
        address = self._client.socket.address
        if scope == PUBLIC:
            return Caller(address)
        if "apiKey" in given:
            return Caller(address, self.signed(scope, given, params))
        if self.key is None:
            raise missing("apiKey")
        try:
            found = key_of(self._gateway.keys, self.key.key, address, READ)
        except ApiError:
            self.key = None
            raise SessionRevokedError from None
        if scope not in (KEY, READ) and scope not in found.scopes:
            raise rejected_key()
        if scope != KEY:
            check_time(params, self._gateway.now_ms())
        return Caller(address, found)

    def signed(self, scope: str, given: dict[str, Any], params: Params) -> ApiKey:
        """The key of a request that brings its own, with its signature unless `scope` is KEY. Raises ApiError."""
        keys = self._gateway.keys
        found = key_of(keys, params.required("apiKey"), self._client.socket.address, scope)
        if scope != KEY:
            signature = params.required("signature")
            if not keys.is_signed(found.key, signed_text(given), signature):
                raise ApiError(INVALID_SIGNATURE, "Signature for this request is not valid.")
            check_time(params, self._gateway.now_ms())
        return found

    # --- session.* ----------------------------------------------------------------------------------------------------

    def log_on(self, given: dict[str, Any], params: Params) -> dict[str, Any]:
        """From now on requests without a key are of this one."""
        found = self.signed(READ, given, params)
        if found.kind != "ed25519":
            raise ApiError(INVALID_SIGNATURE, "Only Ed25519 keys can log on; sign each request instead.")
        self.key, self._since_ms = found, self._gateway.now_ms()
        return self.status(given, params)

    def status(self, given: dict[str, Any], params: Params) -> dict[str, Any]:
        """Who is logged on."""
        return {
            "apiKey": None if self.key is None else self.key.key,
            "authorizedSince": None if self.key is None else self._since_ms,
            "connectedSince": self._connected_ms,
            "returnRateLimits": self._client.shows_limits,
            "serverTime": self._gateway.now_ms(),
            "userDataStream": bool(self._heard),
        }

    def log_out(self, given: dict[str, Any], params: Params) -> dict[str, Any]:
        """Forget the key, and end what it heard as the session's."""
        self.key = None
        for number in [number for number, each in self._heard.items() if each.of_session]:
            self._end(number)
        return self.status(given, params)

    def subscriptions(self, given: dict[str, Any], params: Params) -> list[dict[str, int]]:
        """What is heard on this connection."""
        return [{"subscriptionId": number} for number in self._heard]

    # --- userDataStream.* ---------------------------------------------------------------------------------------------

    def subscribe(self, given: dict[str, Any], params: Params) -> dict[str, Any]:
        """Hear what happens to the account that is logged on."""
        if self.key is None:
            raise missing("apiKey")
        key = self._gateway.keys.find(self.key.key)
        if key is None:
            self.key = None
            raise SessionRevokedError
        return self._begin(key, of_session=True)

    def subscribe_signed(self, given: dict[str, Any], params: Params) -> dict[str, Any]:
        """Hear what happens to the account of the key that signs this request."""
        return self._begin(self.signed(READ, given, params), of_session=False)

    def unsubscribe(self, given: dict[str, Any], params: Params) -> dict[str, Any]:
        """End one subscription, or all."""
        number = params.whole("subscriptionId")
        if number is not None and number not in self._heard:
            raise ApiError(INVALID_PARAMETER, "Data sent for parameter 'subscriptionId' is not valid.")
        for each in list(self._heard) if number is None else [number]:
            self._end(each)
        return {}

    def _begin(self, key: ApiKey, of_session: bool) -> dict[str, Any]:
        if any(each.account.number == key.account for each in self._heard.values()):
            raise ApiError(INVALID_PARAMETER, "Subscription already active for this account on this connection.")
        if len(self._heard) >= MOST_SUBSCRIPTIONS or self._next >= MOST_NUMBERS:
            raise ApiError(INVALID_PARAMETER, "Too many subscriptions on this connection.")
        account = self._gateway.accounts.of(key.account)
        number, self._next = self._next, self._next + 1
        listener = UserData(self._gateway, lambda event: self._tell(number, event))
        account.listeners.append(listener)
        self._client.socket.most = MOST_OWN
        self._heard[number] = _Subscription(account, listener, key, of_session)
        return {"subscriptionId": number}

    def _tell(self, number: int, event: dict[str, Any]) -> None:
        if number in self._heard:
            self._client.send({"subscriptionId": number, "event": event})

    def _end(self, number: int) -> None:
        ended = self._heard.pop(number)
        ended.account.listeners.remove(ended.listener)

    def look(self) -> None:
        """Each second: who has no key any more hears no more."""
        for number, each in list(self._heard.items()):
            if self._gateway.keys.find(each.key.key) is None:
                self._tell(number, {"e": "eventStreamTerminated", "E": self._gateway.now_ms()})
                self._end(number)

    def close(self) -> None:
        """The connection is over."""
        for number in list(self._heard):
            self._end(number)


class _Subscription:
    def __init__(self, account: Account, listener: UserData, key: ApiKey, of_session: bool) -> None:
        self.account = account
        self.listener = listener
        self.key = key
        self.of_session = of_session


def signed_text(given: dict[str, Any]) -> bytes:
    """What is signed of a request's parameters: name=value in the order of their names, joined by &."""
    fields = [f"{name}={_text(value)}" for name, value in sorted(given.items()) if name != "signature"]
    return "&".join(fields).encode("utf-8", "surrogateescape")


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
