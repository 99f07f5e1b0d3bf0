"""Clients of a gateway's WebSockets, as bots write them."""

import asyncio
import json
import socket as socketlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

PATIENCE_S = 60.0
BIG = 64 << 20
NARROW = 64 << 10


class Talk:
    """One connection, read all the time. `messages`: what came so far that was no answer; `answers` by id.

    `closed`: None, or the other side's close code and reason.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.messages: list[Any] = []
        self.answers: dict[Any, Any] = {}
        self.closed: tuple[int, str] | None = None
        self._numbers = iter(range(1, 1 << 30))
        self._news = asyncio.Event()

    async def read(self) -> None:
        """Until the other side closes."""
        while self.closed is None:
            message = await self.socket.receive()
            if message.type is aiohttp.WSMsgType.TEXT:
                found = json.loads(message.data)
                if isinstance(found, dict) and "id" in found:
                    self.answers[found["id"]] = found
                else:
                    self.messages.append(found)
            else:
                self.closed = (self.socket.close_code or 0, str(message.extra or ""))
            self._news.set()

    async def until(self, condition: Callable[[], Any], what: str) -> Any:
        """What the condition gives once it gives something."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not (found := condition()):
                    assert self.closed is None, f"closed with {self.closed}: {what}"
                    self._news.clear()
                    await self._news.wait()
                return found
        except TimeoutError:
            raise AssertionError(f"not within {PATIENCE_S} s: {what}; last came {self.messages[-3:]}") from None

    async def ask(self, method: str, params: Any = None, **more: Any) -> Any:
        """A request and its answer."""
        number = next(self._numbers)
        request = {"id": number, "method": method, **({} if params is None else {"params": params}), **more}
        await self.socket.send_str(json.dumps(request))
        await self.until(lambda: number in self.answers, f"an answer to {method}")
        return self.answers[number]

    def stop_reading(self) -> None:
        """Not a byte more is taken from the kernel: aiohttp itself would go on for half a megabyte."""
        self.transport().pause_reading()

    def read_on(self) -> None:
        """The opposite."""
        self.transport().resume_reading()

    def transport(self) -> Any:
        """While it is open."""
        connection = self.socket._response.connection
        assert connection is not None
        return connection.transport

    async def end(self) -> tuple[int, str]:
        """Wait until the other side has closed; with which code, and why."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while self.closed is None:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"not closed within {PATIENCE_S} s") from None
        return self.closed


def _narrow(address: Any) -> socketlib.socket:
    family, kind, protocol, *_ = address
    made = socketlib.socket(family, kind, protocol)
    made.setsockopt(socketlib.SOL_SOCKET, socketlib.SO_RCVBUF, NARROW)
    return made


@asynccontextmanager
async def talk(port: int, path: str, narrow: bool = False, **more: Any) -> AsyncIterator[Talk]:
    """Connect to a path of a gateway. narrow: the kernel keeps little of what is not read."""
    url = f"{'https' if 'ssl' in more else 'http'}://127.0.0.1:{port}{path}"
    connector = aiohttp.TCPConnector(socket_factory=_narrow if narrow else None)
    session = aiohttp.ClientSession(connector=connector)
    async with session, session.ws_connect(url, max_msg_size=BIG, **more) as socket:
        made = Talk(socket)
        transport = made.transport()
        reading = asyncio.create_task(made.read())
        try:
            yield made
        finally:
            reading.cancel()
    transport.abort()  # it may have something left that nobody takes, or wait for TLS's own goodbye


def run(main: Awaitable[Any]) -> Any:
    """One test's coroutine."""

    async def bounded() -> Any:
        return await main

    return asyncio.run(bounded())
