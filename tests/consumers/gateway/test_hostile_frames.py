"""A gateway under mutated frames and requests, by clients that are let in and may trade: it stands,
keeps nothing of it, and answers others meanwhile. The short form in every run, 10^7 frames with `--long`.
"""

import base64
import os
import random
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")
from tests.consumers.gateway import hostile
from tests.consumers.gateway.asking import Client, gateway_port
from tests.consumers.gateway.keys import client_of, fund
from tests.pipeline import Pipeline, eventually, pipeline

ACCOUNTS = (7, 8)
SHORT, LONG = 6000, int(os.environ.get("MATCHLINE_HOSTILE_FRAMES", 10_000_000))
A_CONNECTION = 300  # frames at most
AT_ONCE = 20
MORE_MB = 24  # that the process may have after all of it
MORE_LOG, MORE_LOG_A_SECOND = 64 << 10, 200
LIMITS = """
[gateway]
weight_per_minute = 2000000000
orders_per_10s = 2000000000
orders_per_day = 2000000000
connections_per_5m = 2000000000
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    with pipeline(tmp_path_factory.mktemp("hostile"), config=LIMITS, web=True) as made:
        made.up()
        fund(made, *ACCOUNTS, 9)
        yield made


@pytest.fixture(scope="module")
def clients(running: Pipeline) -> list[Client]:
    return [client_of(running, account) for account in ACCOUNTS]


@pytest.fixture(scope="module")
def honest(running: Pipeline) -> Client:
    return client_of(running, 9)


def dial(port: int) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port))
    made.settimeout(20)
    return made


def shaken(port: int, path: str) -> socket.socket:
    """A WebSocket after its handshake."""
    made = dial(port)
    key = base64.b64encode(os.urandom(16)).decode()
    upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    made.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{upgrade}Sec-WebSocket-Key: {key}\r\n\r\n".encode())
    assert made.recv(1 << 16).startswith(b"HTTP/1.1 101 ")
    return made


def drain(one: socket.socket) -> bool:
    """Take what has come; False once the other side has closed."""
    one.setblocking(False)
    try:
        while one.recv(1 << 18):
            pass
        return False
    except BlockingIOError:
        return True
    except ConnectionError:
        return False
    finally:
        one.settimeout(20)


def by_frames(port: int, draw: random.Random, clients: list[Client]) -> int:
    """One connection and what is sent on it; how many frames."""
    one, sent = (
        shaken(port, draw.choice(("/ws-api/v3", "/ws-api/v3", "/ws-api/v3", "/ws", "/stream?streams=btcusdt@trade"))),
        0,
    )
    with one, suppress(ConnectionError):
        while sent < A_CONNECTION and drain(one):
            some = [hostile.frames(draw, clients) for _ in range(AT_ONCE)]
            one.sendall(b"".join(data for data, _ in some))
            sent += sum(count for _, count in some)
    return sent


def by_requests(port: int, draw: random.Random, clients: list[Client]) -> int:
    """The same over HTTP; how many requests."""
    sent = 0
    with dial(port) as one, suppress(ConnectionError):
        while sent < A_CONNECTION // 10 and drain(one):
            one.sendall(b"".join(hostile.http(draw, clients) for _ in range(3)))
            sent += 3
    return sent


def own_mb(pid: int) -> float:
    """What a process has of its own: no pages of files and rings, which others write."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) / 1024


class Health:
    """What the gateway's process holds."""

    def __init__(self, running: Pipeline) -> None:
        self._running = running
        self._pid = running.pid("gateway")
        self._files, self._mb, self._logged = self._now()
        self._since_s = time.monotonic()

    def _now(self) -> tuple[int, float, int]:
        return len(os.listdir(f"/proc/{self._pid}/fd")), own_mb(self._pid), len(self.log())

    def log(self) -> bytes:
        return b"".join(path.read_bytes() for path in self._running.data.rglob("gateway*.log"))

    def check(self) -> None:
        """Nothing of it has stayed."""
        assert self._running.restarts("gateway") == 0 and self._running.pid("gateway") == self._pid
        eventually(lambda: self._now()[0] <= self._files, "its open files are what they were")
        _, mb, logged = self._now()
        print(f"memory {self._mb:.0f} MB, after it {mb:.0f} MB; log {self._logged}, after it {logged} bytes")
        assert b"Traceback" not in self.log(), self.log()[-4000:].decode(errors="replace")
        assert mb - self._mb < MORE_MB
        may_say = MORE_LOG + MORE_LOG_A_SECOND * (time.monotonic() - self._since_s)
        assert logged - self._logged < may_say, self.log()[-2000:].decode(errors="replace")


def attack(
    running: Pipeline, clients: list[Client], honest: Client, way: Callable[..., int], count: int, warm_up: int
) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    draw, port = random.Random(seed), gateway_port(running)
    terms = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "1"}
    health, sent, began, looks = None, 0, time.monotonic(), 0
    while sent < count:
        if health is None and sent >= warm_up:
            cancel(clients)
            eventually(lambda: drained(running), "the connections are gone")
            health = Health(running)
        sent += way(port, draw, clients)
        if sent > looks * count // 10:
            looks += 1
            placed = honest.signed("POST", "/api/v3/order", **terms)
            assert placed.status == 200, placed
            assert honest.signed("DELETE", "/api/v3/openOrders", symbol="BTCUSDT").status == 200
            cancel(clients)
    print(f"{sent} in {time.monotonic() - began:.1f} s: {sent / (time.monotonic() - began):.0f} a second")
    cancel(clients)
    assert clients[0].signed("GET", "/api/v3/allOrders", symbol="BTCUSDT").body, "it got as far as the engine"
    assert health is not None
    health.check()
    running.settled()
    assert running.report("reconcile")["ok"]


def drained(running: Pipeline) -> bool:
    """No client's socket is open in the gateway's process."""
    port = f"{gateway_port(running):04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return not [row for row in rows if row[1].endswith(f":{port}") and row[3] in ("01", "08")]


def cancel(clients: list[Client]) -> None:
    for client in clients:
        client.signed("DELETE", "/api/v3/openOrders", symbol="BTCUSDT")


def test_mutated_frames_do_nothing_to_the_gateway(running: Pipeline, clients: list[Client], honest: Client) -> None:
    attack(running, clients, honest, by_frames, SHORT, SHORT // 2)


def test_mutated_requests_do_nothing_to_the_gateway(running: Pipeline, clients: list[Client], honest: Client) -> None:
    attack(running, clients, honest, by_requests, SHORT // 4, SHORT // 8)


@pytest.mark.long
def test_ten_million_frames_do_nothing_to_the_gateway(running: Pipeline, clients: list[Client], honest: Client) -> None:
    attack(running, clients, honest, by_frames, LONG * 9 // 10, LONG // 100)
    attack(running, clients, honest, by_requests, LONG // 10, LONG // 100)
