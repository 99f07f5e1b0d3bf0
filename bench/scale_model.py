"""Shards as servers in a queueing simulation: what N engines give when symbols are not equally popular.

Time is whole nanoseconds, money whole units; only shares and popularity are fractions. Commands come from sessions that
have so many under way and are answered in the order of asking, as order entry does: so a hot shard holds others back.
"""

import heapq
import itertools
import random
from collections import deque
from dataclasses import dataclass
from typing import Any

WEALTH = 1_000_000  # units of each account
ORDER_MOST = 20_000  # units that one order freezes at most
OPEN_ORDERS = 20  # of an account, until the oldest ends and its funds are free again


@dataclass(frozen=True)
class Costs:
    """Nanoseconds a command: of a shard's slowest process, of the entry and the feed of all, of an engine."""

    shard_ns: int
    slowest: str
    entry_ns: int
    feed_ns: int
    engine_ns: int
    transfer_ns: int

    @classmethod
    def of(cls, measured: dict[str, Any]) -> "Costs":
        """From what `scale_costs` measured: a process is a core, so the slowest one bounds its shard."""
        stages: dict[str, int] = measured["stages"]
        inside = {name.removeprefix("shard: "): ns for name, ns in stages.items() if name.startswith("shard: ")}
        slowest = max(inside, key=lambda name: inside[name])
        return cls(
            shard_ns=inside[slowest],
            slowest=slowest,
            entry_ns=stages["outside: entry"],
            feed_ns=stages["outside: feed"],
            engine_ns=inside["engine"],
            transfer_ns=stages["outside: transfers, a transfer"],
        )

    def capacity_per_s(self, hot_share: float) -> int:
        """Commands a second at which the shard that gets `hot_share` of them is busy all the time."""
        return int(1e9 / (self.shard_ns * hot_share))


class Market:
    """Symbols by popularity, divided as `up --shards` divides them: the one of rank i is on shard i mod N."""

    def __init__(self, symbols: int, skew_per_mille: int, engines: int) -> None:
        self.engines = engines
        weights = [(rank + 1) ** (-skew_per_mille / 1000) for rank in range(symbols)]
        self.cumulated = list(itertools.accumulate(weights))
        shares = [sum(weights[shard::engines]) / self.cumulated[-1] for shard in range(engines)]
        self.hot_share = max(shares)

    def shards(self, rng: random.Random, count: int) -> list[int]:
        """The shards that so many commands are for."""
        ranks = rng.choices(range(len(self.cumulated)), cum_weights=self.cumulated, k=count)
        return [rank % self.engines for rank in ranks]


def simulate(costs: Costs, market: Market, count: int, sessions: int, window: int, seed: int, fronts: int) -> int:
    """Commands a second that sessions get through; `fronts` 0: clients go to shards directly."""
    wanted = market.shards(random.Random(seed), count)
    front_free = [0] * fronts
    shard_free = [0] * market.engines
    told = [0] * sessions  # when each session was last answered
    free = [(0, session) for session in range(sessions) for _ in range(window)]
    end = 0
    for shard in wanted:
        now, session = heapq.heappop(free)
        if fronts:
            front = session % fronts
            now = front_free[front] = max(now, front_free[front]) + costs.entry_ns
        now = shard_free[shard] = max(now, shard_free[shard]) + costs.shard_ns
        told[session] = max(now, told[session])
        end = max(end, told[session])
        heapq.heappush(free, (told[session], session))
    return count * 1_000_000_000 // end


def transfers_per_1000(market: Market, accounts: int, count: int, seed: int) -> int:
    """How often an order's funds had to be brought from another shard, where each account trades as the market does.

    A transfer brings half of what is free on the shard where most is, or what is needed, if that is more.
    """
    rng = random.Random(seed)
    held = [[0] * market.engines for _ in range(accounts)]
    for account, row in enumerate(held):
        row[account % market.engines] = WEALTH
    opened: list[deque[tuple[int, int]]] = [deque() for _ in range(accounts)]
    transfers = 0
    for shard in market.shards(rng, count):
        account = rng.randrange(accounts)
        row, open_orders = held[account], opened[account]
        if len(open_orders) == OPEN_ORDERS:
            ended, amount = open_orders.popleft()
            row[ended] += amount
        needed = rng.randint(1, ORDER_MOST)
        while row[shard] < needed:
            richest = max(range(market.engines), key=lambda one: row[one] if one != shard else -1)
            moved = min(max(row[richest] // 2, needed - row[shard]), row[richest])
            row[richest] -= moved
            row[shard] += moved
            transfers += 1
        row[shard] -= needed
        open_orders.append((shard, needed))
    for row, open_orders in zip(held, opened, strict=True):
        assert sum(row) + sum(amount for _, amount in open_orders) == WEALTH
    return round(1000 * transfers / count)
