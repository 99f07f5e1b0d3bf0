"""Orders one by one through shared memory, ZeroMQ, WebSocket API and REST; and as many as REST takes.

Clients are as thin as their way in allows, and sign before the clock starts. Each order rests far below the market and
is taken back untimed.
"""

import asyncio
import itertools
import socket
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import numpy as np

from bench.gateway_place import ACCOUNT, Place
from bench.percentiles import percentiles
from client.python.commands import cancel, place
from client.python.entry_client import EntryClient
from client.python.lane_client import LaneClient
from ringbuf.codes import Side

CONNECTIONS = 16
PATIENCE_S = 60.0
LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "1", "quantity": "0.1"}
_ids = itertools.count(10)


def is_known(where: Place) -> bool:
    """Whether the gateway takes the key by now."""
    return asyncio.run(_asked(where)) == 200


async def _asked(where: Place) -> int:
    async with _http(where) as client, client.get(f"/api/v3/openOrders?{where.signed()}") as answer:
        return answer.status


@asynccontextmanager
async def _http(where: Place) -> AsyncIterator[aiohttp.ClientSession]:
    base = f"http://127.0.0.1:{where.port}"
    async with aiohttp.ClientSession(base, headers={"X-MBX-APIKEY": where.key}) as client:
        yield client


# --- one by one -------------------------------------------------------------------------------------------------------


def one_by_one(where: Place, orders: int, rounds: int) -> dict[str, dict[str, int]]:
    """Percentiles of order to acknowledgement by way in; ways take turns, so what the host does meanwhile hits all."""
    ways: dict[str, Callable[[Place, int], list[int]]] = {
        "shared memory": _shared_memory,
        "ZeroMQ": _zeromq,
        "WebSocket": lambda where, count: asyncio.run(_websocket(where, count)),
        "REST": lambda where, count: asyncio.run(_rest(where, count)),
    }
    times: dict[str, list[int]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, measure in ways.items():
            measure(where, 20)  # a new connection's first ones
            times[way] += measure(where, orders // rounds)
    return {way: percentiles(np.array(found, np.int64)) for way, found in times.items()}


def _records(client: LaneClient | EntryClient, count: int) -> list[int]:
    def answered(command: np.ndarray) -> int:
        begin, deadline = time.perf_counter_ns(), time.monotonic() + PATIENCE_S
        client.send(command)
        while not client.own_answers(client.receive(1000)):
            if time.monotonic() > deadline:
                raise RuntimeError("the engine did not answer")
        return time.perf_counter_ns() - begin

    took = []
    for _ in range(count):
        number = next(_ids)
        took.append(answered(place(ACCOUNT, number, 0, Side.BUY, 1000, price_ticks=100)))
        answered(cancel(ACCOUNT, next(_ids), orig_client_id=number))
    return took


def _shared_memory(where: Place, count: int) -> list[int]:
    client = LaneClient(where.name, "bench")
    try:
        return _records(client, count)
    finally:
        client.close()


def _zeromq(where: Place, count: int) -> list[int]:
    client = EntryClient(where.entry)
    try:
        return _records(client, count)
    finally:
        client.close()


async def _websocket(where: Place, count: int) -> list[int]:
    async with _http(where) as client, client.ws_connect("/ws-api/v3") as talk:

        async def answered(method: str, **terms: Any) -> tuple[int, Any]:
            request = {"id": next(_ids), "method": method, "params": where.signed_params(**terms)}
            begin = time.perf_counter_ns()
            await talk.send_json(request)
            answer = await talk.receive_json()
            took = time.perf_counter_ns() - begin
            if answer["status"] != 200:
                raise RuntimeError(f"{method}: {answer}")
            return took, answer["result"]

        return await _placed(answered, "order.place", "order.cancel", count)


async def _rest(where: Place, count: int) -> list[int]:
    async with _http(where) as client:

        async def answered(method: str, **terms: Any) -> tuple[int, Any]:
            path = f"/api/v3/order?{where.signed(**terms)}"
            begin = time.perf_counter_ns()
            async with client.request(method, path) as answer:
                order = await answer.json()
            took = time.perf_counter_ns() - begin
            if answer.status != 200:
                raise RuntimeError(f"{method} order: {order}")
            return took, order

        return await _placed(answered, "POST", "DELETE", count)


async def _placed(answered: Callable[..., Awaitable[tuple[int, Any]]], begin: str, end: str, count: int) -> list[int]:
    """How long each order's answer took; each is taken back, untimed."""
    found = []
    for _ in range(count):
        took, order = await answered(begin, **LIMIT)
        found.append(took)
        await answered(end, symbol="BTCUSDT", orderId=order["orderId"])
    return found


# --- as many as it takes ----------------------------------------------------------------------------------------------


def as_many_as_it_takes(where: Place, seconds: float, rounds: int) -> dict[str, Any]:
    """REST orders a second over CONNECTIONS kept ones, each asked anew when all have answered; the median round."""
    rates, costs = [], []
    for _ in range(rounds):
        cpu, begin = where.gateway_s(), time.perf_counter()
        count = _many(where, seconds)
        rates.append(count / (time.perf_counter() - begin))
        costs.append((where.gateway_s() - cpu) / count * 1e6)
    return {
        "orders_per_s": round(statistics.median(rates)),
        "best_orders_per_s": round(max(rates)),
        "gateway_us_per_order": round(statistics.median(costs), 1),
        "connections": CONNECTIONS,
    }


def _many(where: Place, seconds: float) -> int:
    sockets = [socket.create_connection(("127.0.0.1", where.port), PATIENCE_S) for _ in range(CONNECTIONS)]
    count, end = 0, time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            # An order and its end in turn, by the names that their client gives them.
            names = [f"bench-{next(_ids)}" for _ in sockets]
            _each(where, sockets, "POST", [{**LIMIT, "newClientOrderId": name} for name in names])
            _each(where, sockets, "DELETE", [{"symbol": "BTCUSDT", "origClientOrderId": name} for name in names])
            count += 2 * len(sockets)
    finally:
        for one in sockets:
            one.close()
    return count


def _each(where: Place, sockets: list[socket.socket], method: str, terms: list[dict[str, str]]) -> None:
    head = f" HTTP/1.1\r\nHost: 127.0.0.1\r\nX-MBX-APIKEY: {where.key}\r\n\r\n"
    for one, given in zip(sockets, terms, strict=True):
        one.sendall(f"{method} /api/v3/order?{where.signed(**given)}{head}".encode())
    for one in sockets:
        answer = b""
        while not answer.endswith(b"}"):
            answer += one.recv(1 << 16)
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(f"{method} order: {answer!r}")
