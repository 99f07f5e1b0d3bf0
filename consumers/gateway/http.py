"""Endpoints over HTTP: limits, keys, the answer as JSON, refusals with Binance's codes and headers."""

import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import lmdb
from aiohttp import web

from consumers.gateway.caller import Caller
from consumers.gateway.endpoint import PUBLIC, Endpoint
from consumers.gateway.errors import ApiError, internal
from consumers.gateway.gateway import Gateway
from consumers.gateway.params import Params
from consumers.gateway.plain_http import body_of, json_response, nothing_there, refuse_foreign_page
from consumers.gateway.signing import KEY_HEADER, authorize, read_fields
from consumers.journal.format import JournalError
from consumers.store import StoreError

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Socket = Callable[[Gateway, web.Request], Awaitable[web.StreamResponse]]
AWAY = (StoreError, lmdb.Error, JournalError)  # of what is behind the gateway: the request may be sent again


def make_routes(gateway: Gateway, endpoints: tuple[Endpoint, ...], sockets: Mapping[str, Socket]) -> list[web.RouteDef]:
    """A route an endpoint, one a path of WebSockets, and one that answers everything else."""
    routes = [web.route(each.method, each.path, _handler(gateway, each)) for each in endpoints]
    routes += [web.get(path, _socket_handler(gateway, answer)) for path, answer in sockets.items()]
    return [*routes, web.route("*", "/{path:.*}", _nowhere(gateway))]


def _socket_handler(gateway: Gateway, answer: Socket) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await answer(gateway, request)
        except ApiError as error:
            return json_response(error.to_dict(), error.status)
        except AWAY as error:
            log.warning("%s: %s: %s", request.path, type(error).__name__, error)
            return json_response(internal().to_dict(), internal().status)

    return handle


def _handler(gateway: Gateway, endpoint: Endpoint) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        headers: dict[str, str] = {}
        address = request.remote or ""
        try:
            return json_response(await _answer(gateway, endpoint, request, address, headers), headers=headers)
        except ApiError as error:
            refused = error
        except AWAY as error:
            log.warning("%s %s: %s: %s", endpoint.method, endpoint.path, type(error).__name__, error)
            refused = internal()
        if refused.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.IM_A_TEAPOT):
            headers["Retry-After"] = str(gateway.limits.retry_after_s(address, refused, gateway.now_ms() / 1000))
        return json_response(refused.to_dict(), refused.status, headers)

    return handle


async def _answer(
    gateway: Gateway, endpoint: Endpoint, request: web.Request, address: str, headers: dict[str, str]
) -> Any:
    """What is sent back; fills in the headers that go with it, whatever becomes of it. Raises ApiError."""
    now_ms = gateway.now_ms()
    gateway.limits.refuse_banned(address, now_ms / 1000)
    query = request.raw_path.partition("?")[2]
    body = await body_of(request)
    params = Params(read_fields(query, body))
    used = gateway.limits.spend(address, endpoint.weight_of(params), now_ms / 1000)
    headers["X-MBX-USED-WEIGHT"] = headers["X-MBX-USED-WEIGHT-1M"] = str(used)
    if endpoint.own_pages:
        refuse_foreign_page(request)
    if endpoint.scope == PUBLIC:
        caller = Caller(address)
    else:
        key = request.headers.get(KEY_HEADER)
        caller = authorize(gateway.keys, endpoint.scope, key, address, query, body, params, now_ms)
    if endpoint.orders:
        ten, day = gateway.limits.order(caller.account, endpoint.orders, now_ms / 1000)
        headers["X-MBX-ORDER-COUNT-10S"], headers["X-MBX-ORDER-COUNT-1D"] = str(ten), str(day)
    found = endpoint.answer(gateway, caller, params)
    return await found if inspect.isawaitable(found) else found


def _nowhere(gateway: Gateway) -> Handler:
    """What is not there weighs something, too: else it could be asked for without end."""

    async def handle(request: web.Request) -> web.StreamResponse:
        address, now_s = request.remote or "", gateway.now_ms() / 1000
        try:
            gateway.limits.spend(address, 1, now_s)
        except ApiError as error:
            headers = {"Retry-After": str(gateway.limits.retry_after_s(address, error, now_s))}
            return json_response(error.to_dict(), error.status, headers)
        return nothing_there()

    return handle
