"""`/ws/LISTENKEY` and the requests that make, prolong and end listen keys."""

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import WSMsgType, web

from consumers.gateway.caller import Caller
from consumers.gateway.endpoint import KEY, Endpoint
from consumers.gateway.errors import INVALID_LISTEN_KEY, ApiError
from consumers.gateway.params import Params
from consumers.gateway.user_data import UserData

if TYPE_CHECKING:
    from consumers.gateway.gateway import Gateway

log = logging.getLogger(__name__)

HEARTBEAT_S = 60.0
WAITING = 4 << 20  # bytes for a reader that does not take them, before it is dropped
MAX_FRAME = 4096  # bytes of what a client sends
POLICY = 1008  # close code


def listen_key(gateway: "Gateway", caller: Caller, params: Params) -> dict[str, Any]:
    """A listen key for the account of the API key."""
    assert caller.key is not None
    return {"listenKey": gateway.listen_keys.create(caller.key, gateway.now_ms())}


def prolong(gateway: "Gateway", caller: Caller, params: Params) -> dict[str, Any]:
    """Another hour for a listen key."""
    assert caller.key is not None
    gateway.listen_keys.prolong(caller.key, params.required("listenKey"), gateway.now_ms())
    return {}


def end(gateway: "Gateway", caller: Caller, params: Params) -> dict[str, Any]:
    """The end of a listen key, and of who listens with it."""
    assert caller.key is not None
    gateway.listen_keys.end(caller.key, params.required("listenKey"), gateway.now_ms())
    return {}


class UserSocket:
    """One WebSocket that hears what happens to one account."""

    def __init__(self, gateway: "Gateway", request: web.Request, token: str) -> None:
        self._gateway = gateway
        self._request = request
        self._token = token
        self._waiting: deque[bytes] = deque()
        self._size = 0  # bytes in it
        self._more = asyncio.Event()
        self._socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=MAX_FRAME, compress=False)

    async def serve(self) -> web.WebSocketResponse:
        """From the handshake to the end. Raises ApiError where the account can't be had just now."""
        key = self._gateway.listen_keys.owner(self._token, self._gateway.now_ms())
        assert key is not None, "looked at before"
        account = self._gateway.accounts.of(key.account)
        await self._socket.prepare(self._request)
        listener = UserData(self._gateway, self._put)
        account.listeners.append(listener)
        self._gateway.user_sockets.add(self)
        writer = asyncio.create_task(self._write())
        try:
            async for message in self._socket:
                if message.type == WSMsgType.ERROR:
                    break
        finally:
            account.listeners.remove(listener)
            self._gateway.user_sockets.discard(self)
            writer.cancel()
        return self._socket

    def _put(self, message: dict[str, Any]) -> None:
        text = orjson.dumps(message)
        self._waiting.append(text)
        self._size += len(text)
        self._more.set()
        if self._size > WAITING:
            self.drop("does not read")

    async def _write(self) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            while self._waiting:
                text = self._waiting.popleft()
                self._size -= len(text)
                try:
                    await self._socket.send_str(text.decode())
                except ConnectionError:
                    return

    def look(self, now_ms: int) -> None:
        """A few times a second: end it where its listen key is over, or the API key behind it is revoked."""
        if self._gateway.listen_keys.owner(self._token, now_ms) is None:
            self.drop("its listen key is over")

    def drop(self, why: str) -> None:
        """Say so, as far as the client reads, and let go of it."""
        if self in self._gateway.user_sockets:
            self._gateway.user_sockets.discard(self)
            log.info("user data: a client of %s is dropped: %s", self._request.remote, why)
            closing = asyncio.create_task(self._close(why))
            self._gateway.closing.add(closing)
            closing.add_done_callback(self._gateway.closing.discard)

    async def _close(self, why: str) -> None:
        try:
            async with asyncio.timeout(1):
                await self._socket.close(code=POLICY, message=why.encode())
        except TimeoutError:
            pass
        if self._request.transport is not None:
            self._request.transport.abort()


async def user_socket(gateway: "Gateway", request: web.Request) -> web.StreamResponse:
    """GET /ws/LISTENKEY. Raises ApiError where there is no such listen key."""
    token = request.match_info["stream"]
    if gateway.listen_keys.owner(token, gateway.now_ms()) is None:
        raise ApiError(INVALID_LISTEN_KEY, "This listenKey does not exist.")
    return await UserSocket(gateway, request, token).serve()


USER_ENDPOINTS = (
    Endpoint("POST", "/api/v3/userDataStream", listen_key, KEY, weight=2),
    Endpoint("PUT", "/api/v3/userDataStream", prolong, KEY, weight=2),
    Endpoint("DELETE", "/api/v3/userDataStream", end, KEY, weight=2),
)
