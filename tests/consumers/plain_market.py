"""Events into MARKET records by plain dictionaries: the oracle of consumers.marketdata.fold, written before it.

One command gives, in this order: candles that its time closed (seq of its first event), status changes and trades
(seq of their own event), then depth, bbo, auction, ticker and candles (seq of its last event). So sequences never go
back, and no topic has two messages of one sequence. `prev` is the sequence of the topic's message before. A group of
commands is told as one.
"""

import struct
from collections.abc import Callable

import numpy as np

from consumers.marketdata.candles import NS, SECONDS
from ringbuf.codes import (
    FLAG_AUCTION,
    FLAG_LAST,
    FLAG_MORE,
    NO_SYMBOL,
    STATUS_DELISTED,
    EventType,
    MarketType,
    SymbolState,
)
from ringbuf.records import EVENT, EVENT_BUST, EVENT_LISTED_INSTRUMENT, EVENT_ORDER, EVENT_STATE, MARKET
from tests.consumers.plain_auction import plain_indicative
from tests.consumers.plain_candles import Candle, Day, begin
from tests.consumers.plain_levels import WAITING, Book, Order
from tests.reference.auction import Levels

FLAG_CLOSED = 2
MAX_I64 = 2**63 - 1
ROW = struct.Struct("<qqqqBBBBI9qIIII")  # the fields of MARKET
assert ROW.size == MARKET.itemsize

ACCEPTED, TRADE, CANCELLED = int(EventType.ACCEPTED), int(EventType.TRADE), int(EventType.CANCELLED)
AMENDED, TRIGGERED, BUSTED = int(EventType.AMENDED), int(EventType.TRIGGERED), int(EventType.BUSTED)
HALTED, RESUMED, LISTED = int(EventType.HALTED), int(EventType.RESUMED), int(EventType.LISTED_INSTRUMENT)
M_TRADE, M_BBO, M_DEPTH = int(MarketType.TRADE), int(MarketType.BBO), int(MarketType.DEPTH)
M_TICKER, M_CANDLE, M_STATUS = int(MarketType.TICKER), int(MarketType.CANDLE), int(MarketType.STATUS)
M_AUCTION = int(MarketType.AUCTION)
STATE, UNCROSSED, DELISTED = int(EventType.STATE), int(EventType.UNCROSSED), int(EventType.DELISTED_INSTRUMENT)

Topic = tuple[int, int, int]  # type, symbol, interval
TradeTime = Callable[[int, int], int | None]  # (symbol, trade's sequence) -> its ts_ns


class Symbol:
    """What is kept of one instrument."""

    def __init__(self, tick_lot_quote_units: int) -> None:
        self.unit = tick_lot_quote_units
        self.book = Book()
        self.bbo = (0, 0, 0, 0)
        self.state = int(SymbolState.OPEN)
        self.reference_ticks = 0
        self.auction = (0, 0, 0, 0)
        self.day = Day()
        self.candles: list[Candle | None] = [None] * len(SECONDS)


class PlainFold:
    """Takes whole commands; `take` hands over the records since the last call.

    epoch: its low 32 bits stand in `spare` of each record. trade_time: when a trade that a bust names took place.
    """

    def __init__(self, epoch: int, trade_time: TradeTime) -> None:
        self.epoch = epoch & 0xFFFFFFFF
        self.trade_time = trade_time
        self.symbols: list[Symbol] = []
        self.orders: dict[int, Order] = {}
        self.mseq = 0
        self.prevs: dict[Topic, int] = {}
        self.changed_levels: dict[tuple[int, int, int], int] = {}  # symbol, side, price -> total, since take
        self.changed_candles: dict[tuple[int, int, int], tuple[int, ...]] = {}
        self.late_busts: list[tuple[int, ...]] = []  # symbol, interval, start, lots, quote, seq
        self.recent: dict[tuple[int, int], int] = {}  # times of the trades since take
        self._out: list[bytes] = []
        self._active: list[int] = []  # orders that may join the book when their command ends
        self._books: set[int] = set()
        self._traded: set[int] = set()
        self._tickers: set[int] = set()
        self._first_seq = 0
        self._second = 0

    def apply(self, events: np.ndarray) -> None:
        """Fold EVENT records that end with a whole command."""
        terms = events.view(EVENT_ORDER)
        names = ("seq", "ts_ns", "type", "flags", "side", "symbol", "order_id", "price_ticks", "qty_lots",
                 "leaves_lots", "maker_order_id", "maker_leaves_lots")  # fmt: skip
        columns = [events[name].tolist() for name in names]
        for at, row in enumerate(zip(*columns, strict=True)):
            seq, ts_ns, kind, flags, side, symbol, order_id, price, qty, leaves, maker, maker_leaves = row
            if not self._first_seq:
                self._first_seq = seq
                if ts_ns // NS > self._second:
                    self._pass_time(seq, ts_ns)
            if kind == TRADE:
                self._trade(seq, ts_ns, side, symbol, price, qty)
                self._fill(order_id, leaves, 0)
                self._fill(maker, maker_leaves, 0 if flags & FLAG_AUCTION else qty)
            elif kind == ACCEPTED:
                stop = int(terms["order_type"][at]) in WAITING
                self.orders[order_id] = Order(symbol, side, price, leaves, int(terms["display_lots"][at]), stop)
                self._active.append(order_id)
            elif kind == CANCELLED:
                order = self.orders.pop(order_id, None)
                if order is not None:
                    self._show(order, 0)
            elif kind == AMENDED:
                self._amend(order_id, price, leaves)
            elif kind == TRIGGERED:
                self._trigger(order_id)
            elif kind == BUSTED:
                self._bust(events[at : at + 1].view(EVENT_BUST)[0])
            elif kind in (HALTED, RESUMED):
                self._enter(seq, ts_ns, symbol, SymbolState.HALTED if kind == HALTED else SymbolState.OPEN)
            elif kind == STATE:
                state = events[at : at + 1].view(EVENT_STATE)[0]
                self.symbols[symbol].reference_ticks = int(state["reference_ticks"])
                self._enter(seq, ts_ns, symbol, int(state["symbol_state"]))
            elif kind == UNCROSSED and qty:
                self.symbols[symbol].reference_ticks = price
            elif kind == DELISTED:
                self._enter(seq, ts_ns, symbol, STATUS_DELISTED)
            elif kind == LISTED:
                listed = events[at : at + 1].view(EVENT_LISTED_INSTRUMENT)[0]
                self.symbols.append(Symbol(int(listed["tick_lot_quote_units"])))
                self._enter(seq, ts_ns, symbol, SymbolState.OPEN)
            if flags & FLAG_LAST:
                self._join()
                if not flags & FLAG_MORE:
                    self._end(seq, ts_ns)

    def take(self) -> np.ndarray:
        """The MARKET records since the last call; also forgets what changed since then."""
        records = np.frombuffer(b"".join(self._out), MARKET).copy()
        self._out.clear()
        self.changed_levels.clear()
        self.changed_candles.clear()
        self.late_busts.clear()
        self.recent.clear()
        return records

    def records(self) -> np.ndarray:
        """The MARKET records since `take`, which stay."""
        return np.frombuffer(b"".join(self._out), MARKET).copy()

    # -- orders -------------------------------------------------------------------------------------------------

    def _show(self, order: Order, lots: int) -> None:
        """The order stands in the book with `lots`."""
        if lots != order.shown_lots:
            self.symbols[order.symbol].book.change(order.side, order.price_ticks, lots - order.shown_lots)
            self._books.add(order.symbol)
            order.shown_lots = lots

    def _fill(self, order_id: int, leaves: int, shown_less: int) -> None:
        """A trade left `leaves` of this order; a maker's shown slice is less by `shown_less`.

        In an uncross both sides stand in the book and lose hidden lots first: 0.
        """
        order = self.orders.get(order_id)
        if order is None:
            return
        order.leaves_lots = leaves
        if order.shown_lots:
            shown = order.shown_lots - shown_less
            if shown <= 0:
                shown = _slice(order)
            self._show(order, min(shown, leaves))
        if not leaves:
            del self.orders[order_id]

    def _amend(self, order_id: int, price: int, leaves: int) -> None:
        order = self.orders.get(order_id)
        if order is None:
            return
        if order.shown_lots and price == order.price_ticks and leaves <= order.leaves_lots:  # keeps its place
            order.leaves_lots = leaves
            self._show(order, min(order.shown_lots, leaves))
            return
        self._show(order, 0)
        order.price_ticks, order.leaves_lots = price, leaves
        self._active.append(order_id)

    def _trigger(self, order_id: int) -> None:
        order = self.orders.get(order_id)
        if order is not None:
            order.waits = False
            self._active.append(order_id)

    # -- what is told -------------------------------------------------------------------------------------------

    def _emit(
        self, topic: Topic, seq: int, ts_ns: int, flags: int = FLAG_LAST, side: int = 0, price: int = 0, qty: int = 0,
        price2: int = 0, qty2: int = 0, period: Candle | None = None, first: bool = True, prev: int = 0,
    ) -> None:  # fmt: skip
        """Number and pack one record."""
        if first:
            prev = self.prevs.get(topic, 0)
            self.prevs[topic] = seq
        self.mseq += 1
        kind, symbol, interval = topic
        if period is None:
            rest = (0, 0, 0, 0, 0, 0, self.epoch, 0, 0)
        else:
            rest = (
                period.open_ticks, period.high_ticks, period.low_ticks, min(period.volume_lots, MAX_I64),
                min(period.quote_volume, MAX_I64), period.trades, self.epoch,
                period.start if kind == M_CANDLE else 0, 0,
            )  # fmt: skip
        self._out.append(
            ROW.pack(self.mseq, seq, prev, ts_ns, kind, flags, side, interval, symbol, price, qty, price2, qty2, *rest)
        )

    def _enter(self, seq: int, ts_ns: int, symbol: int, state: int) -> None:
        """A symbol's new state, or that of all that are not gone."""
        listed = [i for i, kept in enumerate(self.symbols) if kept.state != STATUS_DELISTED]
        for each in listed if symbol == NO_SYMBOL else (symbol,):
            kept = self.symbols[each]
            if state == SymbolState.AUCTION:
                kept.auction = (0, 0, 0, 0)
            kept.state = int(state)
            self._emit((M_STATUS, each, 0), seq, ts_ns, side=int(state))

    def _trade(self, seq: int, ts_ns: int, side: int, symbol: int, price: int, qty: int) -> None:
        kept = self.symbols[symbol]
        quote = qty * price * kept.unit
        kept.reference_ticks = kept.reference_ticks or price
        self.recent[symbol, seq] = ts_ns
        self._emit((M_TRADE, symbol, 0), seq, ts_ns, side=side, price=price, qty=qty)
        second = ts_ns // NS
        for interval, length in enumerate(SECONDS):
            start = second - second % length
            candle = kept.candles[interval]
            if candle is None or candle.start != start:
                candle = kept.candles[interval] = begin(start, price)
            candle.add(price, qty, quote)
        kept.day.add(ts_ns, price, qty, quote)
        self._traded.add(symbol)
        self._tickers.add(symbol)

    def _bust(self, bust: np.void) -> None:
        symbol, trade_seq, qty = int(bust["symbol"]), int(bust["trade_seq"]), int(bust["qty_lots"])
        kept = self.symbols[symbol]
        quote = qty * int(bust["price_ticks"]) * kept.unit
        ts_ns = self.recent.get((symbol, trade_seq))
        if ts_ns is None:
            ts_ns = self.trade_time(symbol, trade_seq)
        if ts_ns is None:
            return
        if kept.day.take_back(ts_ns, qty, quote):
            self._tickers.add(symbol)
        second = ts_ns // NS
        for interval, length in enumerate(SECONDS):
            start = second - second % length
            candle = kept.candles[interval]
            kept_here = candle is not None and candle.start == start
            if candle is not None and kept_here:
                candle.take_back(qty, quote)
                self._traded.add(symbol)
            # One that this very command of one event closed has had its last word: only what is stored can change.
            told = self.prevs.get((M_CANDLE, symbol, interval), 0) == bust["seq"] and bust["flags"] & FLAG_LAST
            if not kept_here or told:
                self.late_busts.append((symbol, interval, start, qty, quote, int(bust["seq"])))

    def _candle(self, symbol: int, interval: int, candle: Candle, seq: int, ts_ns: int) -> None:
        flags = FLAG_LAST | (FLAG_CLOSED if candle.closed else 0)
        topic = (M_CANDLE, symbol, interval)
        self._emit(topic, seq, ts_ns, flags, price=candle.close_ticks, period=candle)
        self.changed_candles[symbol, interval, candle.start] = (
            candle.open_ticks, candle.high_ticks, candle.low_ticks, candle.close_ticks,
            candle.volume_lots, candle.quote_volume, candle.trades,
        )  # fmt: skip

    def _pass_time(self, seq: int, ts_ns: int) -> None:
        """Close the candles whose period has ended; let the 24 hours roll."""
        second, before = ts_ns // NS, self._second
        self._second = second
        new_minute = second // 60 != before // 60
        for symbol, kept in enumerate(self.symbols):
            for interval, candle in enumerate(kept.candles):
                if candle is not None and not candle.closed and candle.start + SECONDS[interval] <= second:
                    candle.closed = True
                    self._candle(symbol, interval, candle, seq, ts_ns)
            if new_minute and kept.state != STATUS_DELISTED and kept.day.roll(second // 60):
                self._tickers.add(symbol)

    def _join(self) -> None:
        """A command is whole: what is left of its orders joins the book."""
        for order_id in self._active:
            order = self.orders.get(order_id)
            if order is None:
                continue
            if order.leaves_lots == 0:
                del self.orders[order_id]  # nothing left and nobody says so any more
            elif not order.waits and not order.shown_lots:
                self._show(order, _slice(order))
        self._active.clear()

    def _end(self, seq: int, ts_ns: int) -> None:
        """A command or group is whole: what changed is told."""
        if self._books:
            self._tell_books(seq, ts_ns)
        self._tell_auctions(seq, ts_ns)
        for symbol in sorted(self._tickers):
            total = self.symbols[symbol].day.total()
            self._emit((M_TICKER, symbol, 0), seq, ts_ns, price=total.close_ticks, period=total)
        for symbol in sorted(self._traded):
            for interval, candle in enumerate(self.symbols[symbol].candles):
                # A closed one that only a bust could change had its last word with seq of the first event.
                if candle is not None and self.prevs.get((M_CANDLE, symbol, interval), 0) < seq:
                    self._candle(symbol, interval, candle, seq, ts_ns)
        self._tickers.clear()
        self._traded.clear()
        self._first_seq = 0

    def _tell_auctions(self, seq: int, ts_ns: int) -> None:
        """At which price each book in an auction would be uncrossed, found from its orders."""
        for symbol, kept in enumerate(self.symbols):
            if kept.state != SymbolState.AUCTION:
                continue
            sides: tuple[Levels, Levels] = ({}, {})
            for order in self.orders.values():
                if order.symbol == symbol and order.shown_lots:
                    side = sides[order.side]
                    side[order.price_ticks] = side.get(order.price_ticks, 0) + order.leaves_lots
            found = plain_indicative(*sides, kept.reference_ticks)
            if found != kept.auction:
                kept.auction = found
                price, volume, surplus, side_of_it = found
                topic = (M_AUCTION, symbol, 0)
                self._emit(topic, seq, ts_ns, FLAG_LAST, side_of_it, price, volume, 0, surplus)

    def _tell_books(self, seq: int, ts_ns: int) -> None:
        for symbol in sorted(self._books):
            kept = self.symbols[symbol]
            changes = kept.book.changes()
            if not changes:
                continue
            topic = (M_DEPTH, symbol, 0)
            prev = self.prevs.get(topic, 0)
            last = len(changes) - 1
            for at, (side, price, total) in enumerate(changes):
                flags = FLAG_LAST if at == last else 0
                self._emit(topic, seq, ts_ns, flags, side, price, total, first=at == 0, prev=prev)
                self.changed_levels[symbol, side, price] = total
            bbo = (*kept.book.best(0), *kept.book.best(1))
            if bbo != kept.bbo:
                kept.bbo = bbo
                self._emit((M_BBO, symbol, 0), seq, ts_ns, FLAG_LAST, 0, *bbo)
        self._books.clear()


def _slice(order: Order) -> int:
    """What an order shows when it joins the back of its price."""
    return min(order.display_lots, order.leaves_lots) if order.display_lots else order.leaves_lots


def plain_fold_all(events: np.ndarray) -> tuple[PlainFold, np.ndarray]:
    """A fold over a whole history, and its records."""
    fold = PlainFold(0, lambda symbol, seq: int(events["ts_ns"][seq - 1]))
    fold.apply(events.view(EVENT))
    return fold, fold.take()
