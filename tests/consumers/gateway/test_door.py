"""Who is slow, has too much to say or comes too often, at a door with short times; real sockets, no pipeline."""

import asyncio
import os
import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection

import pytest

pytest.importorskip("aiohttp")
import uvloop
from aiohttp import web

from consumers.gateway import connection, door, plain_http
from consumers.gateway.door import Door
from consumers.gateway.errors import ApiError
from consumers.gateway.plain_http import MAX_BODY, body_of, json_response, nothing_there
from tests.pipeline import eventually, free_port_base

SHORT_S = 0.3
MOST_EACH, MOST = 12, 20
LONG = 8 << 20  # bytes of an answer
PATIENCE_S = 20.0
POST = b"POST /body HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


class Served:
    """A door in a thread: /body says how long a body was, /long answers much, all else is not there."""

    def __init__(self, port: int, most_each: int = MOST_EACH, most: int = MOST) -> None:
        self.port = port
        self.door: Door
        self._loop = uvloop.new_event_loop()
        self._over = asyncio.Event()
        self._ready = threading.Event()
        self._most_each, self._most = most_each, most
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._ready.wait(PATIENCE_S)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        async def body(request: web.Request) -> web.StreamResponse:
            try:
                return json_response({"length": len(await body_of(request))})
            except ApiError as error:
                return json_response(error.to_dict(), error.status)

        async def long(request: web.Request) -> web.StreamResponse:
            return web.Response(body=bytes(LONG))

        async def nowhere(request: web.Request) -> web.StreamResponse:
            return nothing_there()

        app = web.Application(client_max_size=MAX_BODY)
        app.add_routes([web.post("/body", body), web.get("/long", long), web.route("*", "/{path:.*}", nowhere)])
        self.door = Door(app, self._most, self._most_each)
        await self.door.open("127.0.0.1", self.port)
        self._ready.set()
        await self._over.wait()
        await self.door.close()

    def open_now(self) -> int:
        return self.door.connections

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    for module, name in ((connection, "HEAD_S"), (connection, "TAKE_S"), (connection, "LINGER_S"),
                         (connection, "UNREAD_S"), (plain_http, "BODY_S"), (door, "LOOK_S")):  # fmt: skip
        monkeypatch.setattr(module, name, SHORT_S if name != "LOOK_S" else SHORT_S / 4)
    monkeypatch.setitem(connection.HTTP_LIMITS, "lingering_time", SHORT_S)
    made = Served(free_port_base() + 10)
    yield made
    made.close()


def dial(port: int) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port))
    made.settimeout(PATIENCE_S)
    return made


def told(one: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    found = b""
    with one:
        try:
            while more := one.recv(1 << 16):
                found += more
        except ConnectionError:
            pass  # closed with something unread on its side
    return found


def is_answered(port: int) -> bool:
    honest = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        honest.request("POST", "/body", b"x" * 9)
        return honest.getresponse().read() == b'{"length":9}'
    finally:
        honest.close()


def drip(one: socket.socket, text: bytes) -> bytes:
    """Byte after byte, more slowly than is allowed, until the other side has enough; what it said."""
    one.settimeout(SHORT_S / 10)
    for byte in text * 1000:
        try:
            one.send(bytes([byte]))
            found = one.recv(1 << 16)
        except TimeoutError:
            continue
        except ConnectionError:
            return b""
        one.settimeout(PATIENCE_S)
        return found + told(one)
    raise AssertionError("it may go on without end")


def test_a_head_that_takes_its_time_is_over(served: Served) -> None:
    for beginning in (b"", b"G", b"GET / HTTP/1.1\r\nHost: x\r\nX-A: "):
        one = dial(served.port)
        one.sendall(beginning)
        assert told(one).startswith(b"HTTP/1.1 408 "), beginning
    slow = dial(served.port)
    slow.sendall(b"GET / HTTP/1.1\r\n")
    assert drip(slow, b"X-A: b\r\n").startswith(b"HTTP/1.1 408 ")
    assert is_answered(served.port)


def test_the_second_head_of_a_connection_is_timed_too(served: Served) -> None:
    one = dial(served.port)
    one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert one.recv(1 << 16).startswith(b"HTTP/1.1 404 ")
    time.sleep(3 * SHORT_S)  # between requests a connection may wait for long
    one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert one.recv(1 << 16).startswith(b"HTTP/1.1 404 ")
    one.sendall(b"GET / HT")
    assert told(one).startswith(b"HTTP/1.1 408 ")


def test_a_body_that_takes_its_time_is_over_whether_it_is_wanted_or_not(served: Served) -> None:
    for path, status in ((b"/body", b"408"), (b"/nowhere", b"404")):
        one = dial(served.port)
        one.sendall(b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
        assert drip(one, b"a").startswith(b"HTTP/1.1 " + status), path
    eventually(lambda: served.open_now() == 0, "none is left")
    assert is_answered(served.port)


def test_an_answer_that_nobody_takes_is_over(served: Served) -> None:
    several = [dial(served.port) for _ in range(3)]
    for one in several:
        one.sendall(b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
    eventually(lambda: served.open_now() == 3, "they are in")
    assert is_answered(served.port)
    eventually(lambda: served.open_now() == 0, "they are cut off")
    for one in several:
        one.close()


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nX-A: " + b"a" * 9000 + b"\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n" + b"Host: x\r\n" + b"X-A: b\r\n" * 200 + b"\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: " % n + b"b" * 8000 + b"\r\n" for n in range(40)), b"431"),
        (POST + b"Content-Length: 70000\r\n\r\n" + b"a" * 70_000, b"413"),
        (CHUNKED + (b"400\r\n" + b"a" * 1024 + b"\r\n") * 70, b"413"),
        (CHUNKED + b"zz\r\n", b"400"),
        (CHUNKED.replace(b"/body", b"/nowhere") + b"1\r\na\r\nzz\r\n", b"400"),
        (POST + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd", b"415"),
        (POST + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd", b"400"),
        (POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\nabcd", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), b"400"),
        (b"rubbish\r\n\r\n" * 3000, b"400"),
    ],
)  # fmt: skip
def test_what_is_too_much_or_no_request_is_refused_and_over(
    served: Served, text: bytes, status: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    one = dial(served.port)
    with suppress(ConnectionError):  # it does not want to hear all of it
        one.sendall(text)
    found = told(one)
    assert found[9:12] in (status, b"")  # "": closed while more came, so the kernel drops the answer
    eventually(lambda: served.open_now() == 0, "none is left")
    assert not caplog.records, "nobody can fill the log"
    assert is_answered(served.port)


@pytest.mark.parametrize("text", [b"GET /long HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", b"rubbish\r\n\r\n"])
def test_no_answer_says_what_serves_here_but_our_name(served: Served, text: bytes) -> None:
    one = dial(served.port)
    one.sendall(text)
    head = told(one).split(b"\r\n\r\n")[0]
    assert b"\r\nServer: matchline" in head and b"aiohttp" not in head and b"Python" not in head


def test_requests_that_are_sent_ahead_are_answered_at_most_up_to_the_first_that_is_none(served: Served) -> None:
    one = dial(served.port)
    one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 3 + b"\x00\xffrubbish\r\n\r\n" * 100)
    found = told(one)
    assert found.count(b"HTTP/1.1 404 ") <= 3 and found.count(b" 400 Bad Request") == 1


def test_one_address_has_only_so_many_connections_and_room_comes_back(served: Served) -> None:
    several = [dial(served.port) for _ in range(MOST_EACH)]
    eventually(lambda: served.open_now() == MOST_EACH, "they are in")
    assert told(dial(served.port)).startswith(b"HTTP/1.1 503 ")
    assert served.door.turned_away == 1
    several.pop().close()
    eventually(lambda: served.open_now() == MOST_EACH - 1, "one is gone")
    assert is_answered(served.port)
    for one in several:
        assert told(one).startswith(b"HTTP/1.1 408 ")
    eventually(lambda: served.open_now() == 0 and not served.door._each, "nothing is kept of them")


def test_whoever_comes_while_no_file_can_be_opened_is_let_in_later(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    one, (soft, hard) = socket.socket(), resource.getrlimit(resource.RLIMIT_NOFILE)
    one.settimeout(PATIENCE_S)
    filled: list[int] = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1 + max(map(int, os.listdir("/proc/self/fd"))), hard))
        with suppress(OSError):
            while True:
                filled.append(os.open(os.devnull, os.O_RDONLY))
        one.connect(("127.0.0.1", served.port))
        one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        eventually(lambda: "no room for another connection" in caplog.text, "it says so")
        assert served.open_now() == 0
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for each in filled:
            os.close(each)
    assert told(one).startswith(b"HTTP/1.1 404 ")
    assert is_answered(served.port)


def test_addresses_of_one_ipv6_network_count_as_one() -> None:
    counted = door._counted_as
    assert counted("2001:db8::1") == counted("2001:db8::ffff:0:0:1") == counted("2001:db8::1%eth0")
    assert counted("2001:db8::1") != counted("2001:db8:0:1::1")
    assert counted("10.0.0.1") != counted("10.0.0.2")


def test_where_it_is_crowded_who_wants_nothing_just_now_has_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "LOOK_S", SHORT_S / 4)
    made = Served(free_port_base(1) + 10, most_each=100, most=16)
    try:
        several = [dial(made.port) for _ in range(16)]
        for one in several[:14]:
            one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert one.recv(1 << 16).startswith(b"HTTP/1.1 404 ")
        eventually(lambda: made.open_now() == 2, "fourteen had no request under way")
        assert is_answered(made.port)
        for one in several:
            one.close()
    finally:
        made.close()
