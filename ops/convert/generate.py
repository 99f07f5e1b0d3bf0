"""A seeded generator of order flow, calibrated to half an hour of Bitstamp BTC/USD (2026-05-02).

Used where the recording can't be fetched, and for load of any length. Same seed, same bytes. Streams of an
event each feed one clock: new orders, the end of each order's life, and bots whose post-only orders are refused
in bursts (half of the real stream is exactly that).
"""

import math
import random
from bisect import bisect_right
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import accumulate
from pathlib import Path
from typing import Any

from ops.convert.flow import Flow, Pair
from ops.convert.plain_book import BUY, SELL, PlainBook
from ops.convert.summary import Summary

START_NS = 1_777_689_380_521_000_000
NS_PER_MS = 1_000_000
LOTS = 100_000_000  # lots in one BTC
OPENING_ORDERS = 6_160  # for each symbol
_NEW, _CANCEL, _BOT, _BURST = 0, 1, 2, 3

# Inverse distributions as (probability, value): values between two points are interpolated in the logarithm.
_GAP_MS = ((0.0, 0.1), (0.3, 0.6), (0.5, 7.0), (0.75, 42.0), (0.95, 150.0), (0.99, 340.0), (1.0, 700.0))
_LIFE_MS = (
    (0.0, 1.0),
    (0.05, 8.0),
    (0.25, 33.0),
    (0.5, 206.0),
    (0.75, 2370.0),
    (0.95, 23300.0),
    (0.99, 93000.0),
    (1.0, 400000.0),
)
_SIZE = (
    (0.0, 0.0001),
    (0.05, 0.0007),
    (0.25, 0.043),
    (0.5, 0.07),
    (0.75, 0.121),
    (0.95, 0.556),
    (0.99, 1.53),
    (1.0, 6.0),
)
_TRADE_SIZE = ((0.0, 0.0001), (0.25, 0.001), (0.5, 0.019), (0.75, 0.064), (0.95, 0.152), (0.99, 0.574), (1.0, 2.0))
_COMMON_SIZES = ((0.07, 0.16), (0.075, 0.07), (0.06, 0.06), (0.05, 0.05))
# distance from the own touch in ticks: (share, least, most)
_DISTANCE = ((0.26, 0, 0), (0.234, 1, 10), (0.456, 11, 100), (0.04, 101, 1_000), (0.01, 1_001, 5_000))
_BUY_SHARE = 0.59
_TAKER_SHARE = 0.0034  # of new orders; one in 24 of them market
_MARKET_SHARE = 0.042
_LONG_LIVED_SHARE = 0.002  # of new resting orders: no end planned
_BOT_SIZES = (0.07, 0.075, 0.15)
_BOT_GAP_MS = 35.0
_BOT_STREAMS = 3
_BURST_SHARE = 0.62  # of the time that a symbol's bots are at work
_BURST_MS = 20_000.0


def _draw(rng: random.Random, table: tuple[tuple[float, float], ...]) -> float:
    """One value of an inverse distribution."""
    u = rng.random()
    at = min(bisect_right(table, (u, math.inf)), len(table) - 1)
    (p0, v0), (p1, v1) = table[at - 1], table[at]
    return float(v0 * (v1 / v0) ** ((u - p0) / (p1 - p0)))


@dataclass
class _Market:
    """One symbol: its book and its fair price, a slow random walk that new orders gather around."""

    pair: Pair
    fair: float
    book: PlainBook = field(default_factory=PlainBook)
    bots_until_ms: float = 0.0


class _Generator:
    def __init__(self, flow: Flow, markets: list[_Market], rng: random.Random, summary: Summary) -> None:
        self.flow = flow
        self.markets = markets
        self.rng = rng
        self.summary = summary
        self.trades: list[dict[str, Any]] = []
        self.next_id = 1
        self.due: list[tuple[float, int, int, int, int]] = []  # (ms, tie, kind, market, order id or bot)
        self.ties = 0

    def plan(self, ms: float, kind: int, market: int, subject: int = 0) -> None:
        """Put something on the clock."""
        self.ties += 1
        heappush(self.due, (ms, self.ties, kind, market, subject))

    def take_id(self) -> int:
        """The next order id."""
        self.next_id += 1
        return self.next_id - 1

    def touch(self, market: _Market, side: int) -> int:
        """Where a new order at the touch goes: at the fair price, or as near as the other side allows."""
        against = market.book.best(1 - side)
        fair = int(market.fair)
        if side == BUY:
            return fair if against is None else min(fair, against - 1)
        return fair + 1 if against is None else max(fair + 1, against + 1)

    def size(self) -> int:
        """Lots of a new resting order."""
        u = self.rng.random()
        for size, share in _COMMON_SIZES:
            if u < share:
                return int(size * LOTS)
            u -= share
        return max(1, int(_draw(self.rng, _SIZE) * LOTS))

    def place(self, market: _Market, ts_ns: int, side: int, price: int | None, qty: int) -> int:
        """Send an order and note the trades that it makes."""
        order_id = self.take_id()
        self.flow.place(market.pair, order_id, ts_ns, side, price, qty)
        for maker, at, lots in market.book.enter(order_id, side, price, qty):
            self.trades.append(self.flow.trade(market.pair, ts_ns, side, at, lots, order_id, maker))
        return order_id

    def open_book(self, market: _Market, index: int, orders: int) -> None:
        """Orders from long before: few near the touch, nearly all far out, one or two a level."""
        for number in range(orders):
            side = BUY if self.rng.random() < 0.55 else SELL
            near = number < orders // 20
            distance = self.rng.randint(0, 60) if near else int(60 * (500 ** self.rng.random()))
            price = int(market.fair) - distance if side == BUY else int(market.fair) + 1 + distance
            price = min(max(price, market.pair.price_min), market.pair.price_max)
            order_id = self.place(market, START_NS, side, price, self.size())
            if near:
                self.plan(_draw(self.rng, _LIFE_MS) * 4, _CANCEL, index, order_id)
            self.summary.opening_orders += 1

    def step(self) -> None:
        """Take the next thing off the clock and do it."""
        ms, _, kind, index, subject = heappop(self.due)
        market = self.markets[index]
        ts_ns = START_NS + int(ms) * NS_PER_MS
        if kind == _CANCEL:
            if market.book.remove(subject):
                self.flow.cancel(subject, ts_ns)
        elif kind == _NEW:
            market.fair = max(market.fair + self.rng.gauss(0.0, 0.35), 10_000.0)
            self._new_order(market, index, ms, ts_ns)
            self.plan(ms + _draw(self.rng, _GAP_MS), _NEW, index)
        elif kind == _BURST:
            market.bots_until_ms = ms + _BURST_MS * (0.5 + self.rng.random())
            for bot in range(_BOT_STREAMS):
                self.plan(ms + self.rng.random() * _BOT_GAP_MS, _BOT, index, bot)
            pause = _BURST_MS * 2 * self.rng.random() * (1 - _BURST_SHARE) / _BURST_SHARE
            self.plan(market.bots_until_ms + pause, _BURST, index)
        elif ms < market.bots_until_ms:
            self._refused(market, subject, ts_ns)
            self.plan(ms + _BOT_GAP_MS * (0.5 + self.rng.random()), _BOT, index, subject)

    def _new_order(self, market: _Market, index: int, ms: float, ts_ns: int) -> None:
        side = BUY if self.rng.random() < _BUY_SHARE else SELL
        if self.rng.random() < _TAKER_SHARE:
            self._take(market, ts_ns)
            return
        u, at = self.rng.random(), 0
        shares = list(accumulate(share for share, _, _ in _DISTANCE))
        at = min(bisect_right(shares, u), len(shares) - 1)
        _, least, most = _DISTANCE[at]
        distance = self.rng.randint(least, most)
        touch = self.touch(market, side)
        price = touch - distance if side == BUY else touch + distance
        order_id = self.place(market, ts_ns, side, max(price, market.pair.price_min), self.size())
        if self.rng.random() >= _LONG_LIVED_SHARE:
            self.plan(ms + _draw(self.rng, _LIFE_MS), _CANCEL, index, order_id)

    def _take(self, market: _Market, ts_ns: int) -> None:
        """A taker, from the side that the fair price has moved towards."""
        best_ask = market.book.best(SELL)
        side = BUY if best_ask is not None and market.fair >= best_ask else self.rng.choice((BUY, SELL))
        against = market.book.best(1 - side)
        if against is None:
            return
        qty = max(1, sum(int(_draw(self.rng, _TRADE_SIZE) * LOTS) for _ in range(self.rng.choice((1, 1, 1, 2, 3, 8)))))
        if self.rng.random() < _MARKET_SHARE:
            self.place(market, ts_ns, side, None, qty)
        else:
            slack = self.rng.randint(0, 4)
            self.place(market, ts_ns, side, against + slack if side == BUY else against - slack, qty)

    def _refused(self, market: _Market, bot: int, ts_ns: int) -> None:
        """A bot's post-only order that comes too late: the other side already stands at its price."""
        side = BUY if self.rng.random() < 0.7 else SELL
        against = market.book.best(1 - side)
        if against is not None:
            qty = int(_BOT_SIZES[bot % len(_BOT_SIZES)] * LOTS)
            self.flow.place(market.pair, self.take_id(), ts_ns, side, against, qty, post_only=True)
            self.summary.refused_post_only += 1


def generate(
    out_dir: Path,
    commands: int = 200_000,
    seed: int = 1,
    symbols: int = 1,
    accounts: int = 16,
    opening_orders: int = OPENING_ORDERS,
) -> Summary:
    """Write ``commands.jsonl``, ``instruments.toml`` and ``expected.json`` of a made-up market into out_dir.

    `commands` counts what follows deposits and opening orders. Expected trades and books come from a plain
    price-time book. The first symbol is BTC-USD, others are BTC2-USD and so on.
    """
    if commands < 0 or symbols < 1 or accounts < 1:
        raise ValueError("expected commands >= 0, symbols >= 1, accounts >= 1")
    pairs = [Pair("BTC-USD" if n == 1 else f"BTC{n}-USD", 0, 8, 1, 200_000) for n in range(1, symbols + 1)]
    flow, summary, rng = Flow(pairs, accounts), Summary("generate", out_dir), random.Random(seed)
    markets = [_Market(pair, 78_300.5 + rng.random()) for pair in pairs]
    generator = _Generator(flow, markets, rng, summary)
    flow.deposit_all(START_NS, base_amount=100_000, quote_amount=100_000_000)
    for index, market in enumerate(markets):
        generator.open_book(market, index, opening_orders)
        generator.plan(rng.random() * 10, _NEW, index)
        generator.plan(rng.random() * 10, _BURST, index)
    total = len(flow.lines) + commands
    while len(flow.lines) < total:
        generator.step()
    summary.commands = len(flow.lines)
    summary.trades_expected = summary.trades_reproduced = len(generator.trades)
    summary.book_identical = True
    summary.infer(f"everything: made up, seed {seed}", summary.commands)
    books = {
        m.pair.symbol: {k: flow.book_rows(m.pair, m.book.side(s)) for s, k in ((BUY, "bids"), (SELL, "asks"))}
        for m in markets
    }
    flow.write(
        out_dir,
        {
            "source": "generated",
            "accounts": accounts,
            "refused_post_only": summary.refused_post_only,
            "trades": generator.trades,
            "books": books,
        },
    )
    return summary
