"""Market streams: each is made once and told to everybody who wants it.

How a stream treats a client that does not read as fast as it is told (see `socket`):

- trades can't be left out: they wait for the client, and one with too many unread is dropped, and told why;
- all else is what is true now: a client that is full gets nothing until it has read on, then the newest. Depth loses
  nothing by that: the next frame holds what has changed since the client's last one, and joins it (`U` = `u` + 1).

A stream exists while somebody wants it. Nothing here knows of another gateway.
"""

from abc import ABC, abstractmethod
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from consumers.gateway.book import ASK, BID
from consumers.gateway.frames import frame
from consumers.gateway.market import BBO, DEPTH, TRADE, Market, Message
from consumers.gateway.rest_market import aggregate_json, sides_json
from consumers.gateway.stream_payloads import book_ticker_json, depth_update_json, trade_json

if TYPE_CHECKING:
    from consumers.gateway.hub import Hub

SOON, TENTH, SECOND, TWO_SECONDS = 0, 1, 10, 20  # a stream's pace, in ticks of 100 ms; SOON: at the loop's next turn
NEVER = -1


class Subscriber(Protocol):
    """Who wants a stream. combined: with its stream's name around each payload."""

    combined: bool

    @property
    def is_full(self) -> bool:
        """Whether it is behind: what can be left out should be."""

    def write(self, data: bytes) -> None:
        """Whole frames to it."""

    def break_off(self) -> None:
        """It wanted everything, and something is lost."""


class Stream(ABC):
    """One stream. `subscribers`: who wants it."""

    def __init__(self, hub: "Hub", name: str) -> None:
        self.hub = hub
        self.name = name
        self.subscribers: dict[Subscriber, None] = {}
        self._prefix = b'{"stream":"' + name.encode() + b'","data":'

    def begin(self) -> None:  # noqa: B027  most have nothing to do then
        """The first subscriber is about to come."""

    def end(self) -> None:  # noqa: B027
        """The last one has gone."""

    def add(self, subscriber: Subscriber) -> None:
        """One more."""
        if not self.subscribers:
            self.begin()
        self.subscribers[subscriber] = None

    def discard(self, subscriber: Subscriber) -> None:
        """One less."""
        if subscriber in self.subscribers:
            del self.subscribers[subscriber]
            if not self.subscribers:
                self.end()

    def is_due(self, tick: int) -> bool:
        """Whether to flush at this tick of the hub's clock, though it did not ask for a turn (`Hub.soon`)."""
        return False

    @abstractmethod
    def flush(self) -> None:
        """Tell what is new. Raises what a store may raise."""

    def frames(self, payloads: list[bytes]) -> tuple[bytes, bytes]:
        """The frames for who wants them raw, and for who wants them with the stream's name."""
        return (
            b"".join(map(frame, payloads)),
            b"".join(frame(self._prefix + payload + b"}") for payload in payloads),
        )


class Newest(Stream):
    """What is true now: who is full waits, and is then told what is true then.

    pace: how often `flush` is due, in ticks; `position`: up to where everybody was told who does not wait.
    """

    pace = SECOND
    tells_at_once = False  # who comes newly gets what is true now, without waiting for a change

    def __init__(self, hub: "Hub", name: str) -> None:
        super().__init__(hub, name)
        self.waiting: dict[Subscriber, int] = {}  # that are full, or new: the position up to which each was told
        self.position = 0
        self.again = False  # the last flush failed

    @abstractmethod
    def changed(self) -> bool:
        """Whether there is something new since the last flush, which asks this first, and once."""

    def advance(self) -> int:
        """The position that this flush tells up to."""
        return 0

    @abstractmethod
    def payloads(self, since: int) -> list[bytes]:
        """What has become true after the position `since`, as JSON."""

    def add(self, subscriber: Subscriber) -> None:
        """See Stream."""
        super().add(subscriber)
        if self.tells_at_once:
            self.waiting[subscriber] = NEVER

    def discard(self, subscriber: Subscriber) -> None:
        """See Stream."""
        self.waiting.pop(subscriber, None)
        super().discard(subscriber)

    def is_due(self, tick: int) -> bool:
        """See Stream."""
        return tick % self.pace == 0 if self.pace else bool(self.waiting)

    def flush(self) -> None:
        """Tell what is new, to who has read the rest."""
        is_new = self.changed() or self.again
        before, self.position = self.position, self.advance()
        due = dict.fromkeys(self.subscribers, before) if is_new else {}
        due.update(self.waiting)
        try:
            self._tell(due, is_new)
        except Exception:
            self.position, self.again = before, True
            raise
        self.again = False

    def _tell(self, due: dict[Subscriber, int], is_new: bool) -> None:
        """Each what it has not been told yet; who is full waits."""
        told: dict[int, tuple[bytes, bytes]] = {}
        for subscriber, since in due.items():
            if subscriber.is_full:
                self.waiting[subscriber] = since
                self.hub.sockets.conflated += is_new
                continue
            if since not in told:
                told[since] = self.frames(self.payloads(since))
            self.waiting.pop(subscriber, None)
            subscriber.write(told[since][subscriber.combined])


class Trades(Stream):
    """Prints of a symbol; nothing is left out for anybody. What comes together is told in one write."""

    def __init__(self, hub: "Hub", name: str, market: Market) -> None:
        super().__init__(hub, name)
        self.market = market
        self.symbol = hub.symbol(market)
        self._untold: list[bytes] = []

    def begin(self) -> None:
        """See Stream."""
        self.market.listeners.setdefault(TRADE, []).append(self._heard)

    def end(self) -> None:
        """See Stream."""
        self.market.listeners[TRADE].remove(self._heard)
        self._untold = []

    def _heard(self, market: Market, message: Message) -> None:
        self._untold.append(orjson.dumps(self.told(message[-1])))
        self.hub.soon(self)

    def told(self, row: Any) -> dict[str, Any]:
        """The payload of one print (MarketRow)."""
        return trade_json(self.symbol, self.market.instrument, row, self.hub.now_ms())

    def flush(self) -> None:
        """See Stream."""
        payloads, self._untold = self._untold, []
        if payloads:
            told = self.frames(payloads)
            for subscriber in list(self.subscribers):
                subscriber.write(told[subscriber.combined])

    def break_off(self) -> None:
        """Prints are lost."""
        for subscriber in list(self.subscribers):
            subscriber.break_off()


class Aggregates(Trades):
    """The same as aggregates, each of one print."""

    def told(self, row: Any) -> dict[str, Any]:
        """See Trades."""
        found = aggregate_json(self.market.instrument, row.seq, row.ts_ns, row.side, row.price_ticks, row.qty_lots)
        return {"e": "aggTrade", "E": self.hub.now_ms(), "s": self.symbol, **found}


class BookTicker(Newest):
    """The best of a symbol, at each turn of the loop in which it changed."""

    pace = SOON

    def __init__(self, hub: "Hub", name: str, market: Market) -> None:
        super().__init__(hub, name)
        self._market = market
        self._symbol = hub.symbol(market)
        self._is_new = False

    def begin(self) -> None:
        """See Stream."""
        self._market.listeners.setdefault(BBO, []).append(self._heard)

    def end(self) -> None:
        """See Stream."""
        self._market.listeners[BBO].remove(self._heard)

    def _heard(self, market: Market, message: Message) -> None:
        self._is_new = True
        self.hub.soon(self)

    def changed(self) -> bool:
        """See Newest."""
        is_new, self._is_new = self._is_new, False
        return is_new

    def payloads(self, since: int) -> list[bytes]:
        """See Newest."""
        return [orjson.dumps(book_ticker_json(self._symbol, self._market))]


class Depth(Newest):
    """What changed in a book, chained by event sequences: U is one more than the u before."""

    def __init__(self, hub: "Hub", name: str, market: Market, pace: int) -> None:
        super().__init__(hub, name)
        self.market = market
        self.pace = pace
        self._symbol = hub.symbol(market)
        self._changed_at: OrderedDict[tuple[int, int], int] = OrderedDict()  # level: event; what changed last is last
        self._reseeded = 0

    def begin(self) -> None:
        """See Stream."""
        self._changed_at.clear()
        self.position = self.market.depth_seq
        self._reseeded = self.hub.markets.reseeded
        self.market.listeners.setdefault(DEPTH, []).append(self._heard)

    def end(self) -> None:
        """See Stream."""
        self.market.listeners[DEPTH].remove(self._heard)

    def _heard(self, market: Market, message: Message) -> None:
        changed_at = self._changed_at
        for row in message:
            level = (row.side, row.price_ticks)
            changed_at[level] = row.seq
            changed_at.move_to_end(level)

    def changed(self) -> bool:
        """See Newest."""
        if self._reseeded != self.hub.markets.reseeded:  # what changed meanwhile nobody knows: the chain begins anew
            self._reseeded = self.hub.markets.reseeded
            self._changed_at.clear()
            self.waiting.clear()
            self.position = self.market.depth_seq
        kept_from = min(self.waiting.values(), default=self.position)
        while self._changed_at and next(iter(self._changed_at.values())) <= kept_from:
            self._changed_at.popitem(last=False)
        return self.market.depth_seq > self.position

    def advance(self) -> int:
        """See Newest."""
        return self.market.depth_seq

    def payloads(self, since: int) -> list[bytes]:
        """See Newest."""
        book, levels = self.market.book, []
        for (side, ticks), seq in reversed(self._changed_at.items()):
            if seq <= since:
                break
            levels.append((side, ticks, book.lots(side, ticks)))
        instrument, now_ms = self.market.instrument, self.hub.now_ms()
        return [orjson.dumps(depth_update_json(self._symbol, instrument, since + 1, self.position, levels, now_ms))]


class PartialDepth(Newest):
    """The best levels of a book, where they changed."""

    tells_at_once = True

    def __init__(self, hub: "Hub", name: str, market: Market, levels: int, pace: int) -> None:
        super().__init__(hub, name)
        self._market = market
        self.pace = pace
        self._levels = levels
        self._seen: Any = None

    def changed(self) -> bool:
        """See Newest."""
        seen = [self._market.book.top(side, self._levels) for side in (BID, ASK)]
        before, self._seen = self._seen, seen
        return bool(seen != before)

    def payloads(self, since: int) -> list[bytes]:
        """See Newest."""
        market = self._market
        sides = sides_json(market.instrument, market.book.top, self._levels)
        return [orjson.dumps({"lastUpdateId": market.depth_seq, **sides})]
