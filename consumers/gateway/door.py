"""The port of a process that serves HTTP: who is let in, how many at once, over TLS where that is configured.

A socket counts from when the kernel hands it over, so that one which never begins its TLS handshake counts, too. A
second hand looks after each connection (see `connection`). Above CROWDED of all connections, those that wait for their
client's next request are closed; when all are taken, newcomers are.
"""

import asyncio
import errno
import logging
import socket as socketlib
import ssl
from collections import Counter
from http import HTTPStatus
from ipaddress import IPv6Address
from typing import Any

from aiohttp import web

from config.open_files import raise_open_files
from consumers.gateway.connection import SERVER, Connection, raw_answer

log = logging.getLogger(__name__)

DRAIN_S = 2.0  # at a stop: for what has been asked already
HANDSHAKE_S, GOODBYE_S = 10.0, 5.0  # of TLS
LOOK_S = 1.0
CROWDED = 7 / 8
BACKLOG = 1024
AT_ONCE = 32  # newcomers, before others have their turn
RESERVED = 512  # files that the process needs besides connections
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
FULL = raw_answer(HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections. Close some, or come again later.")


async def _sign(request: web.Request, response: web.StreamResponse) -> None:
    """Instead of what aiohttp says of itself."""
    response.headers["Server"] = SERVER


class Door:
    """One port, open from `open` to `close`.

    most, most_each: connections at once, and those of one address (of IPv6: one network of 64 bits).
    """

    def __init__(self, app: web.Application, most: int, most_each: int, tls: ssl.SSLContext | None = None) -> None:
        app.on_response_prepare.append(_sign)
        self._runner = web.AppRunner(app, shutdown_timeout=DRAIN_S)
        self._most, self._most_each = most, most_each
        self._tls = tls
        self._open: set[Connection] = set()
        self._each: Counter[str] = Counter()
        self._listening: list[socketlib.socket] = []
        self._rests = False
        self._arriving: set[asyncio.Task[None]] = set()
        self._hand: asyncio.TimerHandle | None = None
        self.turned_away = 0

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._open)

    async def open(self, host: str, port: int, shared: bool = False) -> None:
        """Serve from now on. Raises OSError where the port is in use, but by those that it is `shared` with."""
        await self._runner.setup()
        self._loop = asyncio.get_running_loop()
        self._most = min(self._most, raise_open_files() - RESERVED)
        for family, kind, protocol, _, address in _addresses(host, port):
            one = socketlib.socket(family, kind, protocol)
            self._listening.append(one)
            one.setsockopt(socketlib.SOL_SOCKET, socketlib.SO_REUSEADDR, 1)
            one.setsockopt(socketlib.SOL_SOCKET, socketlib.SO_REUSEPORT, shared)
            if family == socketlib.AF_INET6:
                one.setsockopt(socketlib.IPPROTO_IPV6, socketlib.IPV6_V6ONLY, 1)
            one.bind(address)
            one.listen(BACKLOG)
            one.setblocking(False)
        self._listen()
        self._look()

    async def close(self) -> None:
        """Nobody is let in any more; who has asked gets an answer, for DRAIN_S."""
        if self._hand is not None:
            self._hand.cancel()
        self._rest()
        for one in self._listening:
            one.close()
        for task in self._arriving:
            task.cancel()
        await self._runner.cleanup()

    def left(self, connection: Connection) -> None:
        """One is over; told as often as one likes."""
        if connection in self._open:
            self._open.discard(connection)
            self._each[connection.address] -= 1
            if not self._each[connection.address]:
                del self._each[connection.address]

    # --- who comes ----------------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        self._rests = False
        for one in self._listening:
            self._loop.add_reader(one.fileno(), self._take, one)

    def _rest(self) -> None:
        self._rests = True
        for one in self._listening:
            self._loop.remove_reader(one.fileno())

    def _take(self, listening: socketlib.socket) -> None:
        for _ in range(AT_ONCE):
            try:
                raw, address = listening.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _NO_ROOM:
                    log.warning("no room for another connection: %s", error)
                    self._rest()  # until the second hand comes round
                    return
                continue  # that one is gone already
            self._arrived(raw, _counted_as(address[0]))

    def _arrived(self, raw: socketlib.socket, address: str) -> None:
        raw.setblocking(False)
        if len(self._open) >= self._most or self._each[address] >= self._most_each:
            self.turned_away += 1
            _turn_away(raw, b"" if self._tls else FULL)
            return
        assert self._runner.server is not None
        connection = Connection(self, address, self._runner.server, self._loop)
        self._open.add(connection)
        self._each[address] += 1
        task = self._loop.create_task(self._let_in(raw, connection))
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)

    async def _let_in(self, raw: socketlib.socket, connection: Connection) -> None:
        tls: dict[str, Any] = {}
        if self._tls is not None:
            tls = {"ssl": self._tls, "ssl_handshake_timeout": HANDSHAKE_S, "ssl_shutdown_timeout": GOODBYE_S}
        try:
            await self._loop.connect_accepted_socket(lambda: connection, raw, **tls)
        except OSError:  # gone, or it does not speak TLS, or takes too long
            self.left(connection)
            raw.close()

    # --- the second hand ----------------------------------------------------------------------------------------------

    def _look(self) -> None:
        self._hand = self._loop.call_later(LOOK_S, self._look)
        if self._rests:
            self._listen()
        now, is_crowded = self._loop.time(), len(self._open) > CROWDED * self._most
        for connection in list(self._open):
            connection.look(now, is_crowded)


def _turn_away(raw: socketlib.socket, answer: bytes) -> None:
    with raw:
        try:
            raw.send(answer)
        except OSError:
            return  # gone


def _addresses(host: str, port: int) -> list[Any]:
    return socketlib.getaddrinfo(host, port, type=socketlib.SOCK_STREAM, flags=socketlib.AI_PASSIVE)


def _counted_as(address: str) -> str:
    """Whoever has one IPv6 address has 2^64."""
    return address if ":" not in address else str(int(IPv6Address(address.partition("%")[0])) >> 64)
