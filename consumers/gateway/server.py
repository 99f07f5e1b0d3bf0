"""The gateway's loop: HTTP on its port, both rings into the state, until it is told to stop."""

import asyncio
from typing import Any

from aiohttp import web

from config.tls import scheme, server_tls
from consumers.gateway.counts import Counts, keep_told
from consumers.gateway.demo import DEMO_ENDPOINTS
from consumers.gateway.door import Door
from consumers.gateway.gateway import Gateway
from consumers.gateway.http import make_routes
from consumers.gateway.life import Life
from consumers.gateway.page_files import page_routes
from consumers.gateway.plain_http import MAX_BODY
from consumers.gateway.stream_socket import STREAM_SOCKETS
from consumers.gateway.ws_api import API_SOCKETS
from consumers.gateway.ws_methods import ENDPOINTS
from ringbuf.cursor import CursorState

SOCKETS = STREAM_SOCKETS | API_SOCKETS


class Server:
    """One run: `serve` returns once it was told to stop. Raises what ended the reading of a ring."""

    def __init__(self, context: Any, name: str, gateway: Gateway, port: int) -> None:
        self._gateway = gateway
        self._host = context.settings.gateway.host
        self._port = port
        demo = context.settings.gateway.demo
        self._endpoints = (*ENDPOINTS, *DEMO_ENDPOINTS) if demo else ENDPOINTS
        self._pages = page_routes(context.name, demo, context.port_base, scheme(context.settings.gateway))
        self._life = Life(gateway)
        self._told_as = context.data, name

    async def serve(self) -> None:
        """Until SIGTERM, the supervisor's death, or another ring under this name."""
        self._gateway.start(self._life.failed)
        app = web.Application(client_max_size=MAX_BODY)
        app.add_routes(self._pages)
        app.add_routes(make_routes(self._gateway, self._endpoints, SOCKETS))
        settings = self._gateway.settings.gateway
        door = Door(app, settings.connections, settings.connections_per_address, server_tls(settings))
        telling = asyncio.create_task(keep_told(*self._told_as, lambda: self._counts(door)))
        try:
            await door.open(self._host, self._port, shared=settings.processes > 1)
            await self._life.watch()
        finally:
            telling.cancel()
            self._gateway.beat(CursorState.STOPPING)
            await self._gateway.sockets.close()
            await door.close()
            self._gateway.stop()

    def _counts(self, door: Door) -> Counts:
        sockets = self._gateway.sockets
        fates = sockets.conflated, sockets.too_slow, sockets.silent
        return Counts(door.connections, len(sockets), door.turned_away, *fates)


async def run(context: Any, name: str, port: int) -> None:
    """One gateway from its parts to its end."""
    gateway = Gateway(context, name)
    try:
        await Server(context, name, gateway, port).serve()
    finally:
        gateway.close()
