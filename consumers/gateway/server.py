"""The gateway's loop: HTTP on its port, both rings into the state, until it is told to stop."""

from typing import Any

from aiohttp import web

from consumers.gateway.demo import DEMO_ENDPOINTS
from consumers.gateway.gateway import Gateway
from consumers.gateway.http import MAX_BODY, make_routes
from consumers.gateway.life import Life
from consumers.gateway.page_files import page_routes
from consumers.gateway.stream_socket import STREAM_SOCKETS
from consumers.gateway.ws_api import API_SOCKETS
from consumers.gateway.ws_methods import ENDPOINTS
from ringbuf.cursor import CursorState

KEEP_ALIVE_S = 75.0
DRAIN_S = 2.0  # at a stop: for what has been asked already
MAX_LINE = 8190  # bytes of a request's first line, or of one header
SOCKETS = STREAM_SOCKETS | API_SOCKETS


class Server:
    """One run: `serve` returns once it was told to stop. Raises what ended the reading of a ring."""

    def __init__(self, context: Any, gateway: Gateway, port: int) -> None:
        self._gateway = gateway
        self._host = context.settings.gateway.host
        self._port = port
        demo = context.settings.gateway.demo
        self._endpoints = (*ENDPOINTS, *DEMO_ENDPOINTS) if demo else ENDPOINTS
        self._pages = page_routes(context.name, demo, context.port_base)
        self._life = Life(gateway)

    async def serve(self) -> None:
        """Until SIGTERM, the supervisor's death, or another ring under this name."""
        self._gateway.start(self._life.failed)
        app = web.Application(client_max_size=MAX_BODY)
        app.add_routes(self._pages)
        app.add_routes(make_routes(self._gateway, self._endpoints, SOCKETS))
        runner = web.AppRunner(
            app,
            access_log=None,
            keepalive_timeout=KEEP_ALIVE_S,
            max_line_size=MAX_LINE,
            max_field_size=MAX_LINE,
            shutdown_timeout=DRAIN_S,
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
            await self._life.watch()
        finally:
            self._gateway.beat(CursorState.STOPPING)
            await self._gateway.sockets.close()
            await runner.cleanup()
            self._gateway.stop()


async def run(context: Any, name: str, port: int) -> None:
    """One gateway from its parts to its end."""
    gateway = Gateway(context, name)
    try:
        await Server(context, gateway, port).serve()
    finally:
        gateway.close()
