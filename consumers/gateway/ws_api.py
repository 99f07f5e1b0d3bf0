"""`/ws-api/v3`: requests and answers as JSON frames, by the functions that answer REST.

Requests of one connection are begun in the order in which they came; one that waits for the engine does not hold up
those behind it. So an answer has its request's `id`, and answers may overtake one another.
"""

import asyncio
import inspect
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

from consumers.gateway.endpoint import PUBLIC, Endpoint
from consumers.gateway.errors import (
    INVALID_JSON,
    INVALID_PARAMETER,
    TOO_MANY_PARAMETERS,
    UNKNOWN,
    ApiError,
    internal,
    rejected_key,
)
from consumers.gateway.frames import POLICY, frame
from consumers.gateway.http import AWAY
from consumers.gateway.limits import order_limits, rate_limits
from consumers.gateway.params import Params, missing
from consumers.gateway.signing import MAX_FIELDS
from consumers.gateway.socket import Socket
from consumers.gateway.ws_methods import METHODS
from consumers.gateway.ws_session import Session, SessionRevokedError

if TYPE_CHECKING:
    from consumers.gateway.gateway import Gateway

log = logging.getLogger(__name__)

CONNECT_WEIGHT = 2
SESSION_WEIGHT = 2
AT_ONCE = 100  # requests of one connection that wait for an answer; no more are read meanwhile
MAX_ID = 36
_PREFIX = "v3/"


class ApiClient:
    """One connection. shows_limits: whether answers say the rate limits, unless the request says otherwise."""

    def __init__(self, gateway: "Gateway", request: web.Request) -> None:
        self._gateway = gateway
        self.shows_limits = request.query.get("returnRateLimits", "true") != "false"
        self.socket = Socket(gateway.sockets, request, self._heard)
        self.session = Session(gateway, self)
        self.socket.at_end.append(self.session.close)
        self.socket.each_look.append(self.session.look)
        self._waiting: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(AT_ONCE)
        self._own = {
            "session.logon": self.session.log_on,
            "session.status": self.session.status,
            "session.logout": self.session.log_out,
            "session.subscriptions": self.session.subscriptions,
            "userDataStream.subscribe": self.session.subscribe,
            "userDataStream.subscribe.signature": self.session.subscribe_signed,
            "userDataStream.unsubscribe": self.session.unsubscribe,
        }

    def send(self, message: dict[str, Any]) -> None:
        """One frame."""
        self.socket.write(frame(orjson.dumps(message)))

    async def _heard(self, socket: Socket, text: str) -> None:
        """One request: answered at once, or by a task that waits for it."""
        await self._room.acquire()
        request = _Request(self)
        waiting = request.begin(text)
        if waiting is None:
            self._room.release()
            return
        task = asyncio.get_running_loop().create_task(request.finish(waiting))
        self._waiting.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._waiting.discard(task)
        self._room.release()

    def answer(self, method: str, given: dict[str, Any], limits: list[dict[str, Any]]) -> Any:
        """What a method gives, or an awaitable of it. `limits` is filled with what it used. Raises ApiError."""
        endpoint = METHODS.get(method)
        own = self._own.get(method)
        params = Params(given)
        self.spend(SESSION_WEIGHT if endpoint is None else endpoint.weight_of(params), limits)
        if endpoint is None:
            if own is None:
                raise ApiError(INVALID_PARAMETER, "Data sent for parameter 'method' is not valid.")
            return own(given, params)
        caller = self.session.caller(endpoint.scope, given, params)
        if endpoint.scope != PUBLIC and endpoint.orders:
            self._count_orders(caller.account, endpoint, limits)
        return endpoint.answer(self._gateway, caller, params)

    def spend(self, weight: int, limits: list[dict[str, Any]]) -> None:
        """Count a request's weight, and say so in `limits`. Raises ApiError."""
        gateway = self._gateway
        now_s = gateway.now_ms() / 1000
        limit = rate_limits(gateway.settings.gateway)[0]
        used = gateway.limits.spend(self.socket.address, weight, now_s)
        limits.append({**limit, "count": used})

    def _count_orders(self, account: int, endpoint: Endpoint, limits: list[dict[str, Any]]) -> None:
        gateway = self._gateway
        used = gateway.limits.order(account, endpoint.orders, gateway.now_ms() / 1000)
        shown = zip(order_limits(gateway.settings.gateway), used, strict=True)
        limits[:0] = [{**limit, "count": count} for limit, count in shown]

    def refused(self, error: ApiError) -> dict[str, Any]:
        """An error as the body of an answer."""
        found = error.to_dict()
        if error.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.IM_A_TEAPOT):
            now_ms = self._gateway.now_ms()
            after_s = self._gateway.limits.retry_after_s(self.socket.address, error, now_ms / 1000)
            found["data"] = {"serverTime": now_ms, "retryAfter": now_ms + after_s * 1000}
        return found


class _Request:
    """One request, from its text to its answer."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._id: Any = None
        self._limits: list[dict[str, Any]] = []
        self._shows_limits = client.shows_limits
        self._method = ""

    def begin(self, text: str) -> Any:
        """Answer it, or give the awaitable of its answer."""
        try:
            given = self._weighed(text)
            found = self._client.answer(self._method, given, self._limits)
            if inspect.isawaitable(found):
                return found
            self._send(HTTPStatus.OK, result=found)
        except Exception as error:  # noqa: BLE001  whatever it is, the client hears of it, and the log of what is new
            self._refuse(error)
        return None

    async def finish(self, waiting: Any) -> None:
        """Send the answer once it is there."""
        try:
            self._send(HTTPStatus.OK, result=await waiting)
        except Exception as error:  # noqa: BLE001  see begin
            self._refuse(error)

    def _weighed(self, text: str) -> dict[str, Any]:
        """What is no request weighs something, too: else it could be sent without end."""
        try:
            return self._read(text)
        except ApiError:
            self._client.spend(1, self._limits)
            raise

    def _read(self, text: str) -> dict[str, Any]:
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError:
            raise ApiError(INVALID_JSON, "Invalid JSON Request") from None
        if not isinstance(message, dict):
            raise ApiError(INVALID_JSON, "Invalid JSON Request")
        self._id = _id_of(message)
        method, params = message.get("method"), message.get("params")
        if not isinstance(method, str):
            raise missing("method")
        self._method = method.removeprefix(_PREFIX)
        given = {} if params is None else params
        if not isinstance(given, dict):
            raise ApiError(INVALID_PARAMETER, "Data sent for parameter 'params' is not valid.")
        if len(given) > MAX_FIELDS:
            raise ApiError(TOO_MANY_PARAMETERS, "Too many parameters sent for this endpoint.")
        given = {name: value for name, value in given.items() if value is not None}
        wanted = given.get("returnRateLimits")
        if wanted is not None:
            self._shows_limits = wanted is True
        return given

    def _send(self, status: int, **outcome: Any) -> None:
        message = {"id": self._id, "status": int(status), **outcome}
        if self._shows_limits and self._limits:
            message["rateLimits"] = self._limits
        self._client.send(message)

    def _refuse(self, error: Exception) -> None:
        if isinstance(error, SessionRevokedError):
            self._id = None
            error = rejected_key()
        elif isinstance(error, AWAY):
            log.warning("%s: %s: %s", self._method, type(error).__name__, error)
            error = internal()
        elif not isinstance(error, ApiError):
            log.error("%s: not expected", self._method, exc_info=error)
            error = ApiError(UNKNOWN, "An unknown error occurred while processing the request.", 500)
        self._send(error.status, error=self._client.refused(error))
        if error.status == HTTPStatus.IM_A_TEAPOT:
            self._client.socket.drop(POLICY, "This address is banned.")


def _id_of(message: dict[str, Any]) -> int | str | None:
    found = message.get("id")
    if found is None or type(found) is int or (isinstance(found, str) and len(found) <= MAX_ID):
        return found
    raise ApiError(INVALID_PARAMETER, "Data sent for parameter 'id' is not valid.")


async def api_socket(gateway: "Gateway", request: web.Request) -> web.StreamResponse:
    """GET /ws-api/v3. Raises ApiError where this address has connected, or asked, too often."""
    address = request.remote or ""
    gateway.limits.spend(address, CONNECT_WEIGHT, gateway.now_ms() / 1000)
    gateway.sockets.admit(address)
    return await ApiClient(gateway, request).socket.serve()


API_SOCKETS = {"/ws-api/v3": api_socket}
