"""One WebSocket connection, whatever it is for: what is written to it, what it may send, and when it is let go of.

Frames go straight to the transport: they are made once for everybody, and nothing is copied for a connection that
reads as fast as it is written to. What a client has not read yet waits in the transport's buffer, and that is bounded:

- above FULL a connection is full: what a newer message makes void is left out until the client has read on (the
  streams see to it, `is_full`);
- above MOST it is closed with a reason (1008): what may not be left out would be lost, or grow without end. Who hears
  what happens to an account has more (MOST_OWN): a gateway that stood still tells much of it at once.

Whoever is let go of is told why in a close frame, and read from until it answers that with its own, or CLOSE_S are
over: what a client sent and nobody read would make the kernel reset the connection, and wipe the reason out.

A ping each 20 s has to be answered with its payload within a minute, and a connection lasts 24 h, as at Binance.
"""

import asyncio
import socket as socketlib
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from consumers.gateway.frames import GOING_AWAY, PING, POLICY, PONG, UNSUPPORTED, close_frame, frame

if TYPE_CHECKING:
    from consumers.gateway.sockets import Sockets

Heard = Callable[["Socket", str], Awaitable[None] | None]  # nothing more is read until what it returns is done

FULL, MOST, MOST_OWN = 64 << 10, 1 << 20, 4 << 20  # bytes that wait for a client to read them
PING_S, PONG_S, LIFE_S = 20.0, 60.0, 86400.0
CLOSE_S = 60.0  # for the client to take what waits for it, with the reason, and say goodbye
KERNEL = 128 << 10  # bytes that the kernel may hold besides: else it would take megabytes before anybody is full
MAX_MESSAGE = 64 << 10  # bytes of what a client sends
AT_A_STRETCH = 16  # messages of one client, before others have their turn
_PAYLOAD_BYTES = 16


class Socket:
    """`serve` from the handshake to the end; `heard` takes each text that the client sends.

    per_second: messages that a client may send, pings and pongs included; 0 = any number.
    """

    def __init__(self, sockets: "Sockets", request: web.Request, heard: Heard, per_second: int = 0) -> None:
        self.address = request.remote or ""
        self._sockets = sockets
        self._request = request
        self._heard = heard
        self._per_second = per_second
        self._second, self._in_second = 0, 0
        self._response = web.WebSocketResponse(
            timeout=CLOSE_S, autoclose=False, autoping=False, compress=False, max_msg_size=MAX_MESSAGE
        )
        self._transport: Any = None  # until the handshake
        self._early = b""  # written before that
        self.since = self._pinged = time.monotonic()
        self._unanswered: dict[bytes, float] = {}  # pings, and when they were sent
        self.is_over = False
        self._dropped: float | None = None  # when its close frame was written
        self.most = MOST
        self.at_end: list[Callable[[], None]] = []  # called once it is over
        self.each_look: list[Callable[[], None]] = []  # called each second

    async def serve(self, begin: Callable[["Socket"], None] | None = None) -> web.WebSocketResponse:
        """From the handshake to the end.

        `begin` is called before it: what a client does once it is connected, it hears of. What that raises is raised.
        """
        try:
            if begin is not None:
                begin(self)
            await self._response.prepare(self._request)
            if self._request.transport is None:
                return self._response
            self._open(self._request.transport)
            taken = 0
            async for message in self._response:
                waiting = self._take(message)
                if waiting is not None:
                    await waiting
                taken += 1
                if taken % AT_A_STRETCH == 0:
                    await asyncio.sleep(0)  # what has come already is taken without a pause: others have their turn
            await self._end()
        finally:
            self._finish()
            self._sockets.remove(self)
        return self._response

    def _open(self, transport: Any) -> None:
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socketlib.SOL_SOCKET, socketlib.SO_SNDBUF, KERNEL)
        self._transport = transport
        if self._early:
            transport.write(self._early)
        self._sockets.add(self)

    async def _end(self) -> None:
        """The client has said goodbye: answer, unless that was its answer."""
        if self._dropped is None:
            await self._response.close(drain=False)
        else:
            self._transport.close()

    def _finish(self) -> None:
        self.is_over = True
        ended, self.at_end = self.at_end, []
        for call in ended:
            call()

    def _take(self, message: Any) -> Awaitable[None] | None:
        if self.is_over or message.type == WSMsgType.ERROR:
            return None
        if self._is_too_much():
            self.drop(POLICY, "Too many messages.")
        elif message.type == WSMsgType.TEXT:
            return self._heard(self, message.data)
        elif message.type == WSMsgType.PING:
            self.write(frame(bytes(message.data), PONG))
        elif message.type == WSMsgType.PONG:
            self._unanswered = {} if bytes(message.data) in self._unanswered else self._unanswered
        else:
            self.drop(UNSUPPORTED, "Text frames only.")
        return None

    def _is_too_much(self) -> bool:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._in_second = second, 0
        self._in_second += 1
        return 0 < self._per_second < self._in_second

    @property
    def _unread(self) -> int:
        """Bytes that wait for the client to read on."""
        return 0 if self._transport is None else int(self._transport.get_write_buffer_size())

    @property
    def is_full(self) -> bool:
        """Whether the client is behind: what can wait, or be left out, should be."""
        return self._unread > FULL

    def write(self, data: bytes) -> None:
        """Whole frames to the client; nothing once it is over. A client too far behind is dropped instead."""
        if self.is_over:
            return
        if self._unread + len(data) > self.most:
            self._sockets.too_slow += 1
            self.drop(POLICY, "Too slow: more is unread than is kept for a connection.")
        else:
            self._put(data)

    def _put(self, data: bytes) -> None:
        if self._transport is None:
            self._early += data
        elif not self._transport.is_closing():
            self._transport.write(data)

    def look(self, now: float) -> None:
        """Once a second or so: ping, and let go of who does not answer or has been here for a day."""
        if self._dropped is not None:
            if now - self._dropped > CLOSE_S:
                self.abort()
            return
        if now - self.since > LIFE_S:
            self.drop(GOING_AWAY, "A connection lasts 24 hours.")
        elif self._unanswered and now - next(iter(self._unanswered.values())) > PONG_S:
            self._sockets.silent += 1
            self.drop(POLICY, "No pong within a minute.")
        elif now - self._pinged >= PING_S:
            self._pinged = now
            payload = str(time.time_ns() // 1_000_000).encode()[:_PAYLOAD_BYTES]
            self._unanswered[payload] = now
            self.write(frame(payload, PING))
        for call in self.each_look:
            call()

    def drop(self, code: int, reason: str) -> None:
        """Tell the client why, as far as it reads, and let go of it."""
        if self.is_over:
            return
        self._finish()
        self._sockets.note(self.address, reason)
        self._dropped = time.monotonic()
        self._put(close_frame(code, reason))

    def abort(self) -> None:
        """No more patience: what waits for the client is lost."""
        self._transport.abort()
