"""What a gateway process is made of, put together once after the fork."""

import asyncio
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from config.api_keys import ApiKeys
from consumers.gateway.accounts import Accounts
from consumers.gateway.claims import Claims
from consumers.gateway.desk import Desk
from consumers.gateway.history import History
from consumers.gateway.hub import Hub
from consumers.gateway.limits import RateLimits
from consumers.gateway.listen_keys import ListenKeys
from consumers.gateway.market import Markets
from consumers.gateway.names import Names
from consumers.gateway.own_store import own_store
from consumers.gateway.pump import RingPump
from consumers.gateway.sockets import Sockets
from consumers.gateway.stores import Stores
from consumers.gateway.stream import EventStream
from consumers.gateway.symbols import Symbols
from consumers.gateway.trading import Trading
from consumers.marketdata import store as marketdata
from ringbuf.cursor import CursorState

MARKET_PATIENCE_S = 0.5
LOOK_S = 0.001


class Gateway:
    """The parts. `name`: of the process, its cursor and its lane."""

    def __init__(self, context: Any, name: str) -> None:
        self.name = name
        self.settings = context.settings
        self.data = context.data
        self.stream = EventStream(context, name)
        self.stores = Stores(context.data, context.epoch)
        self.stores.wait_for_all()
        self.symbols = Symbols(self.stream.catalog)
        self.markets = Markets(context, self.stores, self.stream.catalog, self.stream.take)
        self.keys = ApiKeys(context.data)
        self.limits = RateLimits(context.settings.gateway)
        sync = context.settings.engine.durability == "fsync"
        self._open = ExitStack()
        map_size = context.settings.consumers.map_gb << 30
        own = self._open.enter_context(own_store(context.data, context.epoch, sync, map_size))
        self.names = Names(own, sync)
        self.listen_keys = ListenKeys(own, self.keys)
        self.desk = Desk(context, name, self.stream.ring)
        self.accounts = Accounts(self.stream, self.stores, self.names)
        self.history = History(self.stream, self.stores, self.accounts)
        self.claims = Claims(context.data)
        self.trading = Trading(self.desk, self.names, self.claims, self.history, self.stream.catalog)
        self.stream.listeners += [self.accounts.on_events, self.desk.on_events]
        self.sockets = Sockets(context.settings.gateway.connections_per_5m)
        self.hub = Hub(self)
        self._pumps: list[RingPump] = []

    def now_ms(self) -> int:
        """The host's clock, ms since 1970."""
        return time.time_ns() // 1_000_000

    def start(self, failed: Callable[[BaseException], None]) -> None:
        """In the loop: read both rings from now on. `failed` hears once of what ends that."""
        for waiter, part in ((self.stream.waiter, self.stream), (self.markets.waiter, self.markets)):
            pump = RingPump(waiter, lambda part=part: part.position, part.take, failed)  # type: ignore[misc]
            self._pumps.append(pump)
            pump.start()
        self.hub.start(failed)

    async def market_as_of(self, seq: int) -> None:
        """Until books and last prices know of an event, or it takes too long: then they are as new as they are."""
        deadline = time.monotonic() + MARKET_PATIENCE_S
        target = None
        while time.monotonic() < deadline:
            if target is None and (self.stream.ring.sequence_of(marketdata.NAME) or 0) >= seq:
                target = self.markets.ring.published
            if target is not None and self.markets.position >= target:
                return
            await asyncio.sleep(LOOK_S)

    @property
    def is_current(self) -> bool:
        """Whether the pipeline still uses this memory."""
        return self.stream.ring.is_current

    def beat(self, state: CursorState) -> None:
        """A few times a second: show life, look whether keys changed, and after each connection."""
        self.stream.beat(state)
        self.desk.look()
        self.keys.refresh()
        self.sockets.look()

    def stop(self) -> None:
        """In the loop: read no more."""
        self.hub.stop()
        for pump in self._pumps:
            pump.stop()

    def close(self) -> None:
        """Let go of everything; after `stop`."""
        self.desk.close()
        self.claims.close()
        self._open.close()
        self.markets.close()
        self.stores.close()
        self.stream.close()
