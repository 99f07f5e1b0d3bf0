"""The admin API's loop: HTTP on its port on loopback, events into its state, until it is told to stop."""

import asyncio
import logging
from http import HTTPStatus
from typing import Any

import lmdb
import orjson
from aiohttp import web

from config.tls import scheme, server_tls
from consumers.gateway.door import Door
from consumers.gateway.errors import ApiError, internal, unavailable
from consumers.gateway.life import Life
from consumers.gateway.page_files import file_routes
from consumers.gateway.params import Params
from consumers.gateway.plain_http import MAX_BODY, body_of, json_response, nothing_there
from consumers.gateway.signing import KEY_HEADER, authorize, read_fields
from consumers.journal.format import JournalError
from consumers.store import StoreError
from ops.admin.booking import finish_all
from ops.admin.endpoint import Asked, Endpoint
from ops.admin.office import Office
from ops.admin.openapi import openapi
from ops.admin.picture import EVERY_S
from ops.admin.rest_accounts import ACCOUNT_ENDPOINTS
from ops.admin.rest_venue import VENUE_ENDPOINTS
from ops.admin.rest_watch import WATCH_ENDPOINTS
from ops.run_file import PORTS
from ringbuf.cursor import CursorState

log = logging.getLogger(__name__)

HOST = "127.0.0.1"  # whatever the gateway's is: who administers is on the host, or comes through a tunnel
ADMIN = "admin"  # the scope
CONNECTIONS = 128
LOOKERS = 32  # streams at once
ENDPOINTS: tuple[Endpoint, ...] = (*WATCH_ENDPOINTS, *ACCOUNT_ENDPOINTS, *VENUE_ENDPOINTS)
STREAM_PATH = "/admin/v1/pipeline/stream"
AWAY = (StoreError, lmdb.Error, JournalError, OSError)


class Server:
    """One run: `serve` returns once it was told to stop. Raises what ended the reading of the ring."""

    def __init__(self, context: Any, office: Office) -> None:
        self._office = office
        self._port = context.port_base + PORTS["admin"]
        gateway = context.port_base + PORTS["gateway"]
        self._scheme = scheme(context.settings.gateway)
        self._tls = server_tls(context.settings.gateway)
        # Pages of this host that may ask: a foreign one that somebody has open beside can't.
        self._origins = {
            f"{self._scheme}://{host}:{port}" for host in (HOST, "localhost") for port in (gateway, self._port)
        }
        self._hosts = {f"{host}:{self._port}" for host in (HOST, "localhost")}
        self._life = Life(office)
        self._lookers = 0

    async def serve(self) -> None:
        """Until SIGTERM, the supervisor's death, or another ring under this name."""
        self._office.start(self._life.failed)
        app = web.Application(client_max_size=MAX_BODY, middlewares=[self._guard])
        document = openapi(ENDPOINTS, self._office.is_demo)
        app.add_routes([web.get("/openapi.json", lambda request: _told(document))])
        about = {"name": self._office.memory, "demo": self._office.is_demo, "adminPort": self._port}
        app.add_routes(file_routes({"/": "admin.html"}, about, self._port, self._scheme))
        app.add_routes([web.route(each.method, each.path, self._handler(each)) for each in ENDPOINTS])
        app.add_routes([web.get(STREAM_PATH, self._stream), web.route("*", "/{path:.*}", _nowhere)])
        door = Door(app, CONNECTIONS, CONNECTIONS, self._tls)
        finishing = asyncio.create_task(finish_all(self._office))
        looking = asyncio.create_task(self._look())
        try:
            await door.open(HOST, self._port)
            await self._life.watch()
        finally:
            self._office.beat(CursorState.STOPPING)
            finishing.cancel()
            looking.cancel()
            await door.close()
            self._office.stop()

    async def _look(self) -> None:
        """A new picture each second, while somebody looks."""
        await self._office.asked(self._office.picture.look)
        while True:
            await asyncio.sleep(EVERY_S)
            if self._lookers:
                await self._office.asked(self._office.picture.look)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Refuse what a foreign page sends; answer the browser's question whether our own pages may ask."""
        origin = request.headers.get("Origin")
        if request.headers.get("Host") not in self._hosts or (origin is not None and origin not in self._origins):
            return json_response({"code": -2015, "msg": "not from there"}, HTTPStatus.FORBIDDEN)
        if request.method == "OPTIONS":
            answer: web.StreamResponse = web.Response(status=HTTPStatus.NO_CONTENT)
        else:
            request["cors"] = cors = self._cors(origin)
            answer = await handler(request)
            if not answer.prepared:
                answer.headers.update(cors)
            return answer
        answer.headers.update(self._cors(origin))
        return answer

    @staticmethod
    def _cors(origin: str | None) -> dict[str, str]:
        if origin is None:
            return {}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Headers": f"{KEY_HEADER}, Content-Type",
            "Access-Control-Allow-Methods": "GET, POST, PATCH, DELETE",
            "Access-Control-Max-Age": "600",
            "Vary": "Origin",
        }

    def _handler(self, endpoint: Endpoint) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                return json_response(await self._answer(endpoint, request))
            except ApiError as error:
                return json_response(error.to_dict(), error.status)
            except AWAY as error:
                log.warning("%s %s: %s: %s", endpoint.method, endpoint.path, type(error).__name__, error)
                return json_response(internal().to_dict(), internal().status)

        return handle

    async def _answer(self, endpoint: Endpoint, request: web.Request) -> Any:
        query = request.raw_path.partition("?")[2]
        body = await body_of(request)
        fields = read_fields(query, "")
        key = self._authorize(request, endpoint.in_demo, query, body, fields)
        try:
            parsed = orjson.loads(body) if body else {}
        except orjson.JSONDecodeError as error:
            raise ApiError(-1130, f"body: expected JSON ({error})") from None
        values = endpoint.read(dict(request.match_info), fields, parsed)
        return await endpoint.answer(Asked(self._office, key, values))

    def _authorize(self, request: web.Request, in_demo: bool, query: str, body: str, fields: dict[str, str]) -> Any:
        """The key of a request; None where the demo lets anybody on this host ask. Raises ApiError."""
        given = request.headers.get(KEY_HEADER)
        if in_demo and self._office.is_demo:
            return None
        now_ms = self._office.now_ms()
        caller = authorize(self._office.keys, ADMIN, given, request.remote or "", query, body, Params(fields), now_ms)
        return caller.key

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        """The picture, a line of JSON a second, until whoever looks goes away."""
        query = request.raw_path.partition("?")[2]
        try:
            self._authorize(request, True, query, "", read_fields(query, ""))
            if self._lookers >= LOOKERS:
                raise unavailable(-1008, f"{LOOKERS} are looking on already")
        except ApiError as error:
            return json_response(error.to_dict(), error.status)
        headers = {"Content-Type": "application/x-ndjson", "Cache-Control": "no-store", **request["cors"]}
        answer = web.StreamResponse(headers=headers)
        await answer.prepare(request)
        self._lookers += 1
        try:
            told: Any = None
            while not self._life.over.done():
                now = self._office.picture.now
                if now is not told:
                    told = now
                    await answer.write(orjson.dumps(now) + b"\n")
                await asyncio.wait([self._life.over], timeout=EVERY_S / 4)
        except ConnectionError:
            pass  # gone
        finally:
            self._lookers -= 1
        return answer


async def _told(found: Any) -> web.StreamResponse:
    return json_response(found)


async def _nowhere(request: web.Request) -> web.StreamResponse:
    return nothing_there()


async def run(context: Any, name: str) -> None:
    """One admin process from its parts to its end."""
    office = Office(context, name)
    try:
        await Server(context, office).serve()
    finally:
        office.close()
