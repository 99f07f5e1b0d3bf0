"""What a stream takes from an order sent through shared memory until its message is read, with few and many readers.

A process of its own keeps the many connections: it reads and counts what they are told. One more, here, looks at what
comes and when.
"""

import asyncio
import itertools
import json
import random
import statistics
import time
from typing import Any

import aiohttp
import numpy as np

from bench.gateway_place import ACCOUNT, OTHER, Place
from bench.percentiles import percentiles
from bench.readers import Readers, readers
from client.python.commands import place
from client.python.lane_client import LaneClient
from ringbuf.codes import Side, Tif

TRADES_PER_S = 100
STREAMS = "btcusdt@trade/btcusdt@depth@100ms"
TICKS = 100  # of price_ticks in a whole unit of the quote asset
LEVELS, PAIRS = 1_000, 10_000  # first prices of levels that stay, and of those that are traded away
PATIENCE_S = 60.0
# For `readers`: connects as often as it is told, then reads for good; counts trades.
READERS = """
import resource, selectors, socket, sys
port, count = int(sys.argv[1]), int(sys.argv[2])
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
ask = (
    b"GET /ws/btcusdt@trade HTTP/1.1\\r\\nHost: x\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n"
    b"Sec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n\\r\\n"
)
mark = b'"e":"trade"'
readers, told, cut = selectors.DefaultSelector(), 0, {}
for _ in range(count):
    one = socket.create_connection(("127.0.0.1", port), 60)
    one.sendall(ask)
    head = b""
    while b"\\r\\n\\r\\n" not in head:
        head += one.recv(4096)
    assert head.startswith(b"HTTP/1.1 101 "), head
    readers.register(one, selectors.EVENT_READ)
    cut[one] = b""
readers.register(sys.stdin, selectors.EVENT_READ)
print("connected", flush=True)
while True:
    for key, _ in readers.select():
        one = key.fileobj
        if one is sys.stdin:
            if not sys.stdin.readline():
                sys.exit()
            print(told, flush=True)
            continue
        data = one.recv(1 << 20)
        assert data, "a connection was dropped"
        data = cut[one] + data
        told += data.count(mark)
        cut[one] = data[1 - len(mark):]
"""


class Trader:
    """Orders at a price of their own each, by which streams' messages are known: when each was sent."""

    def __init__(self, name: str) -> None:
        self._lane = LaneClient(name, "bench")
        self._ids = itertools.count(time.time_ns() // 1_000_000 << 10)
        self._levels, self._pairs = itertools.count(LEVELS), itertools.count(PAIRS)
        self.sent_ns: dict[int, int] = {}  # by price, in whole units of the quote asset

    def level(self) -> None:
        """A price level that stays."""
        self._place(ACCOUNT, Side.BUY, next(self._levels))

    def trade(self) -> None:
        """A price level that comes, above all others, and the order that takes it."""
        price = next(self._pairs)
        self._place(ACCOUNT, Side.BUY, price)
        self._place(OTHER, Side.SELL, price, Tif.IOC)

    def _place(self, account: int, side: Side, price: int, tif: Tif = Tif.GTC) -> None:
        self.sent_ns[price] = time.perf_counter_ns()
        self._lane.send(place(account, next(self._ids), 0, side, 1, price_ticks=price * TICKS, tif=tif))
        self._lane.receive(0)

    def close(self) -> None:
        """Give the lane up."""
        self._lane.close()


class Seen:
    """What one connection was told, and how long after it was sent: nanoseconds."""

    def __init__(self, trader: Trader) -> None:
        self._trader = trader
        self.trade_ns: list[int] = []
        self.depth_ns: list[int] = []

    async def read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """For good."""
        async for message in socket:
            now, data = time.perf_counter_ns(), json.loads(message.data)["data"]
            if data["e"] == "trade":
                self.trade_ns.append(now - self._trader.sent_ns[int(float(data["p"]))])
            else:
                prices = (int(float(price)) for price, _ in data["b"])
                sent = (self._trader.sent_ns.get(price) for price in prices if price < PAIRS)
                self.depth_ns += [now - ns for ns in sent if ns is not None]  # None: of who traded before


async def _traded(trader: Trader, seconds: float) -> int:
    """Trades at an even pace, and levels at any moment of a tenth of a second; how many trades."""
    begin, level_at = time.monotonic(), 0.0
    for number in range(round(seconds * TRADES_PER_S)):
        await asyncio.sleep(max(0.0, begin + number / TRADES_PER_S - time.monotonic()))
        trader.trade()
        if time.monotonic() >= level_at:
            level_at = time.monotonic() + random.uniform(0.1, 0.2)
            trader.level()
    return number + 1


async def _round(
    where: Place, trader: Trader, others: Readers, count: int, seconds: float
) -> tuple[Seen, int, float, float]:
    """What was seen, messages that were told, processor seconds of the gateway, and seconds."""
    seen = Seen(trader)
    url = f"http://127.0.0.1:{where.port}/stream?streams={STREAMS}"
    async with aiohttp.ClientSession() as client, client.ws_connect(url) as socket:
        reading = asyncio.create_task(seen.read(socket))
        before, cpu, begin = others.count(), where.gateway_s(), time.monotonic()
        trades = await _traded(trader, seconds)
        took, cpu = time.monotonic() - begin, where.gateway_s() - cpu
        while len(seen.trade_ns) < trades or others.count() - before < trades * count:
            if reading.done():
                reading.result()
            if time.monotonic() - begin > seconds + PATIENCE_S:
                many = others.count() - before
                raise RuntimeError(f"of {trades} trades {len(seen.trade_ns)} were told to one, {many} to the others")
            await asyncio.sleep(0.01)
        reading.cancel()
    return seen, trades * (count + 1), cpu, took


def told(where: Place, subscribers: int, seconds: float, rounds: int) -> dict[str, Any]:
    """Percentiles of trade and level until told, messages a second, and what share of a core the gateway takes."""
    trade_ns, depth_ns, rates, shares = [], [], [], []
    trader = Trader(where.name)
    try:
        with readers(READERS, where.port, subscribers - 1) as others:
            for _ in range(rounds):
                seen, messages, cpu, took = asyncio.run(_round(where, trader, others, subscribers - 1, seconds))
                trade_ns += seen.trade_ns
                depth_ns += seen.depth_ns
                rates.append(messages / took)
                shares.append(cpu / took)
    finally:
        trader.close()
    return {
        "trade_ns": percentiles(np.array(trade_ns, np.int64)),
        "depth_ns": percentiles(np.array(depth_ns, np.int64)),
        "messages_per_s": round(statistics.median(rates)),
        "gateway_share": round(statistics.median(shares), 3),
        "trades_per_s": TRADES_PER_S,
    }
