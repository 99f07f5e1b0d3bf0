"""One TCP connection to an HTTP port: what a client may be slow with, and what happens then.

aiohttp's protocol with a second hand. A request's head has HEAD_S from its first byte on (from the beginning of the
connection, for the first one) and MAX_HEAD bytes; an answer has to be taken within TAKE_S; what was closed and still
has something to send is cut off after LINGER_S. Bodies have BODY_S (see `plain_http`), connections between requests
KEEP_ALIVE_S, and WebSockets rules of their own (see `socket`).
"""

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from consumers.gateway.errors import UNKNOWN

if TYPE_CHECKING:
    from consumers.gateway.door import Door

HEAD_S, TAKE_S, LINGER_S = 10.0, 30.0, 10.0
KEEP_ALIVE_S = 75.0
UNREAD_S = 2.0  # for the rest of a body that nobody wants, before the connection is closed
MAX_LINE = 8190  # bytes of a request's first line, or of one header
MAX_HEAD = 64 << 10  # bytes of both together
MAX_HEADERS = 100
SERVER = "matchline"  # no version: nobody needs to know which holes to look for
MOST_SAID = 200  # characters of what was wrong with a request
HTTP_LIMITS: dict[str, Any] = {
    "access_log": None,
    "keepalive_timeout": KEEP_ALIVE_S,
    "lingering_time": UNREAD_S,
    "auto_decompress": False,
    "max_line_size": MAX_LINE,
    "max_field_size": MAX_LINE,
    "max_headers": MAX_HEADERS,
}


def raw_answer(status: HTTPStatus, message: str) -> bytes:
    """An answer where there was no request that could be answered; the connection ends with it."""
    body = orjson.dumps({"code": UNKNOWN, "msg": message})
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\nConnection: close\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


SLOW = raw_answer(HTTPStatus.REQUEST_TIMEOUT, f"The request's head did not come within {HEAD_S:.0f} s.")
BIG = raw_answer(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"The request's head is longer than {MAX_HEAD} bytes.")


class Connection(RequestHandler):
    """Made by a door for each socket that it lets in, from before the TLS handshake on."""

    def __init__(self, door: "Door", address: str, server: web.Server, loop: Any) -> None:
        super().__init__(server, loop=loop, **HTTP_LIMITS)
        self.address = address
        self._door = door
        self._wire: Any = None
        self._begun: float | None = None  # since when a head is under way
        self._head_bytes = 0
        self._body: Any = None  # of the newest request
        self._stuck: float | None = None  # since when more is unread than is kept
        self._closing: float | None = None

    def connection_made(self, transport: Any) -> None:
        """asyncio's: it can be spoken on, after the handshake where there is one."""
        self._wire = transport
        self._begun = self._loop.time()
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """asyncio's: it is over."""
        self._door.left(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """asyncio's: bytes of a head, a body or frames."""
        is_head = not self._upgraded and (self._body is None or self._body.is_eof())
        heads = self._request_count
        super().data_received(data)
        if self._request_count != heads:
            self._begun, self._head_bytes = None, 0
            self._body = self._messages[-1][1]
        elif is_head and data:
            self._head_bytes += len(data)
            if self._begun is None:
                self._begun = self._loop.time()
            if self._head_bytes > MAX_HEAD:
                self._refuse(BIG)

    def pause_writing(self) -> None:
        """asyncio's: the client has not taken what waits for it."""
        self._stuck = self._loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """asyncio's: it has."""
        self._stuck = None
        super().resume_writing()

    def _refuse(self, answer: bytes) -> None:
        self._wire.write(answer)
        self.force_close()

    def look(self, now: float, is_crowded: bool) -> None:
        """Once a second: end what has taken too long. is_crowded: who wants nothing just now has to go."""
        if self._wire is None:  # the handshake has its own time
            return
        if self._wire.is_closing():
            if self._closing is None:
                self._closing = now
            elif now - self._closing > LINGER_S:
                self._wire.abort()
        elif self._payload_parser is not None:  # a WebSocket
            return
        elif self._stuck is not None:
            if now - self._stuck > TAKE_S:
                self._wire.abort()
        elif self._waiter is not None:
            if self._begun is None:
                if is_crowded:
                    self.force_close()
            elif now - self._begun > HEAD_S:
                self._refuse(SLOW)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """aiohttp's: as JSON, and in the log only where the fault is ours."""
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return super().handle_error(request, status, exc, message)
        body = {"code": UNKNOWN, "msg": f"No HTTP request: {message}"[:MOST_SAID]}
        answer = web.Response(body=orjson.dumps(body), status=status, content_type="application/json")
        answer.headers["Server"] = SERVER
        answer.force_close()
        return answer

    def log_exception(self, *args: Any, **more: Any) -> None:
        """aiohttp's: a body that is none is not our fault."""
        if not isinstance(more.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*args, **more)
