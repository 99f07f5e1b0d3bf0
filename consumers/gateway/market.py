"""What the market is now, symbol by symbol: from the market data's store at the start, then from the market ring.

A listener is called once a message, after the state has taken it in. Who falls so far behind the ring that it is
overtaken begins again from the store: the books are right then, prints in between are not told again, and the next
depth message does not join the last one (its `prev` says so).
"""

import logging
from collections import namedtuple
from collections.abc import Callable
from typing import Any

from config.catalog import Catalog, Instrument
from consumers.gateway.book import ASK, BID, Book, Level
from consumers.gateway.stores import Stores
from consumers.marketdata.store import LATEST, last_mseq, last_of_topics, last_trades, levels_of, record_of
from consumers.runtime import attach_ring
from ringbuf.codes import FLAG_LAST, MarketType, SymbolState
from ringbuf.reader import Ahead, Lapped, RingReader
from ringbuf.records import MARKET
from ringbuf.wait import Waiter

log = logging.getLogger(__name__)

BATCH = 1024
TRADE, BBO, DEPTH = int(MarketType.TRADE), int(MarketType.BBO), int(MarketType.DEPTH)
TICKER, CANDLE, STATUS = int(MarketType.TICKER), int(MarketType.CANDLE), int(MarketType.STATUS)
_LAST = int(FLAG_LAST)
CLOSED = 2  # flag of a candle

_of_names: Any = namedtuple  # noqa: PYI024  the names are the record's, which a checker can't know
MarketRow: Any = _of_names("MarketRow", MARKET.names)
Message = list[Any]  # MarketRows that belong together: several for depth, else one
Listener = Callable[["Market", Message], None]


class Market:
    """One symbol. `ticker`, `last_trade`: the latest rows, None before the first; `status`: SymbolState or delisted.

    `depth_seq`: event sequence up to which the book is told. `listeners`: by MarketType, of this symbol.
    """

    __slots__ = ("book", "depth_seq", "last_trade", "listeners", "markets", "status", "symbol_id", "ticker")

    def __init__(self, markets: "Markets", symbol_id: int) -> None:
        self.markets = markets
        self.symbol_id = symbol_id
        self.book = Book()
        self.depth_seq = 0
        self.ticker: Any = None
        self.last_trade: Any = None
        self.status = int(SymbolState.OPEN)
        self.listeners: dict[int, list[Listener]] = {}

    @property
    def instrument(self) -> Instrument:
        """With its terms of now."""
        return self.markets.catalog.instruments[self.symbol_id]

    @property
    def last_ticks(self) -> int:
        """The last price, 0 before the first trade."""
        return int(self.ticker.price_ticks) if self.ticker is not None else 0

    def best(self) -> tuple[Level | None, Level | None]:
        """Best bid and ask."""
        return self.book.best(BID), self.book.best(ASK)


class Markets:
    """All symbols by id, on one reader of the market ring. `listeners`: by MarketType, of every symbol."""

    def __init__(self, context: Any, stores: Stores, catalog: Catalog, learn: Callable[[], bool]) -> None:
        """learn: reads on in the event stream, which fills the catalog; whether there was more."""
        self._stores = stores
        self.catalog = catalog
        self._learn = learn
        self.ring = attach_ring(context.name, "market")
        self._reader = RingReader(self.ring)
        self.waiter = Waiter("futex", self.ring)
        self._all: list[Market] = []
        self.listeners: dict[int, list[Listener]] = {}
        self.reseeded = 0  # how often it was overtaken
        self.seed()

    @property
    def position(self) -> int:
        """The last record taken."""
        return int(self._reader.position)

    def of(self, symbol_id: int) -> Market:
        """The state of a listed symbol."""
        while symbol_id >= len(self._all):
            self._all.append(Market(self, len(self._all)))
        return self._all[symbol_id]

    def seed(self) -> None:
        """Take everything from one commit of the store, and go on in the ring behind it."""
        view = self._stores.market()
        with view.snapshot() as txn:
            mseq, sequence = last_mseq(txn, view), view.cursor(txn)[1]
            told = last_of_topics(txn, view, mseq)
            for instrument in self.catalog.instruments:
                market = self.of(instrument.id)
                for side, levels in enumerate(levels_of(txn, view, instrument.id)):
                    market.book.fill(side, levels)
                market.depth_seq = told.get((DEPTH, instrument.id, 0), sequence)
                rows = {table: record_of(txn, view, table, instrument.id) for table in LATEST}
                prints = last_trades(txn, view, instrument.id, 1)
                market.last_trade = MarketRow._make(prints[0].item()) if len(prints) else None
                market.ticker = None if rows["tickers"] is None else MarketRow._make(rows["tickers"].item())
                market.status = int(SymbolState.OPEN if rows["status"] is None else rows["status"]["side"])
        self._reader.seek(mseq)

    def take(self) -> bool:
        """The next records into the state, and their messages to who listens; whether there were any."""
        try:
            records = self._reader.poll(BATCH)
        except Ahead:  # the store has what the ring is about to get
            return False
        except Lapped as gap:
            log.warning("market data: overtaken (%s): from the store again", gap)
            self.reseeded += 1
            self.seed()
            return True
        if records is None:
            return False
        if int(records["symbol"].max()) >= len(self.catalog.instruments):
            while self._learn():
                pass
        message: Message = []
        for row in map(MarketRow._make, records.tolist()):
            message.append(row)
            if row.flags & _LAST:
                self._tell(message)
                message = []
        return True

    def _tell(self, message: Message) -> None:
        row = message[-1]
        market = self.of(row.symbol)
        kind = row.type
        if kind == DEPTH:
            for level in message:
                market.book.set(level.side, level.price_ticks, level.qty_lots)
            market.depth_seq = row.seq
        elif kind == TRADE:
            market.last_trade = row
        elif kind == TICKER:
            market.ticker = row
        elif kind == STATUS:
            market.status = row.side
        for listener in market.listeners.get(kind, ()):
            listener(market, message)
        for listener in self.listeners.get(kind, ()):
            listener(market, message)

    def close(self) -> None:
        """Let go of the ring."""
        self.ring.close()
