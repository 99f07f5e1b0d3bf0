"""LOBSTER message files (NASDAQ, one symbol and day), with or without their orderbook file, to commands.

====  ==========================  ===================================================================
type  the row says                becomes
====  ==========================  ===================================================================
1     new order                   limit order, gtc
2     partial cancel              amend to less
3     deleted                     cancel
4     visible execution           an ioc order of the other side; rows of one instant and side are one
5     hidden execution            dropped: it never touched the visible book
6     cross                       dropped
7     price -1 halt, 1 resume     halt, resume; price 0 (quotes only) stays halted
====  ==========================  ===================================================================

The message file begins in the middle of a day and sees only so many levels. The orderbook file has the book after
each message: its first row, less the first message, is the opening book; where a later row shows other quantities
than the messages add up to (levels that came into sight), the difference is placed or taken away. Such orders are
*stand-ins*, one a level; messages about unknown orders go to the one at their price. An execution is certain: its
order is placed where it is unknown, and what it passed over has ended unseen.
"""

import csv
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, NoReturn

from config.errors import ConfigError
from ops.convert.day import day_of, midnight_ns
from ops.convert.feed_files import FeedFiles, pair_name
from ops.convert.market import Market
from ops.convert.packed import DAMAGED, open_text
from ops.convert.plain_book import BUY, SELL
from ops.convert.summary import Summary

NEW, PARTIAL, DELETE, VISIBLE, HIDDEN, CROSS, HALT = range(1, 8)
COLUMNS = "Time,Type,Order ID,Size,Price,Direction"
BOOK_COLUMNS = "ask price, ask size, bid price, bid size of each level"
_SIDES = {"1": BUY, "-1": SELL}
_NO_LEVEL = 9_999_999_999  # LOBSTER's price, with either sign, of a level that isn't there

# ns since midnight, type, order id, size, price, side of the resting order
Message = tuple[int, int, int, int, int, int]
Levels = tuple[dict[int, int], dict[int, int]]  # of bids and of asks: price -> shares


@dataclass(frozen=True)
class _Files:
    messages: Path
    books: Path | None
    columns: int  # of the book file


def convert(
    files: list[Path], out_dir: Path, accounts: int = 16, symbol: str | None = None, day: date | None = None
) -> Summary:
    """Convert a message file and, where there is one, its orderbook file (plain, .gz or .xz, in any order).

    Symbol and day are taken from the file's name (``AAPL_2012-06-21_…_message_10.csv``) unless given.
    Raises ConfigError naming the file and line that can't be used, and what was expected there.
    """
    found = _told_apart(files)
    name, separator, _ = found.messages.name.partition("_")
    if symbol is None and not separator:
        raise ConfigError("--symbol", f"expected, as the name of {found.messages} doesn't tell it")
    summary = Summary("lobster", out_dir)
    midnight = midnight_ns(day_of(found.messages, day, summary))
    with ExitStack() as stack:
        out = stack.enter_context(FeedFiles(out_dir, accounts, summary))
        replay = _Replay(Market(out, pair_name(symbol or name), complete=False), midnight, summary)
        messages = _messages(found.messages, stack.enter_context(open_text(found.messages)), summary)
        if found.books is None:
            for message in messages:
                replay.message(message)
        else:
            _with_books(replay, messages, found, stack.enter_context(open_text(found.books)))
        market = replay.market
        if market.listing is None:
            raise ConfigError(str(found.messages), "expected rows that place orders")
        summary.drop("orders held back to the end", len(market.held))
        summary.book_identical = not market.held and replay.is_in_sight()
        out.finish([market.open_orders()])
    return summary


# --- reading ----------------------------------------------------------------------------------------------------------


def _told_apart(files: list[Path]) -> _Files:
    """Message rows have six columns, orderbook rows four a level."""
    messages, books, columns = [], [], 0
    for path in files:
        with open_text(path) as stream:
            first: list[str] = next(_rows(path, stream), (0, []))[1]
        if len(first) == 6:
            messages.append(path)
        elif first and len(first) % 4 == 0:
            books.append(path)
            columns = len(first)
        else:
            raise ConfigError(f"{path} line 1", f"expected {COLUMNS}, or {BOOK_COLUMNS}; it has {len(first)} columns")
    if len(messages) != 1 or len(books) > 1:
        raise ConfigError("file", "expected one message file and at most one orderbook file")
    return _Files(messages[0], books[0] if books else None, columns)


def _rows(path: Path, stream: IO[str]) -> Iterator[tuple[int, list[str]]]:
    """Line number and columns of each row that isn't empty. Raises ConfigError where it is not text to its end."""
    reader = csv.reader(stream)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except (*DAMAGED, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path} line {reader.line_num + 1}", f"expected text to the file's end ({error})") from error


def _messages(path: Path, stream: IO[str], summary: Summary) -> Iterator[Message]:
    for line, row in _rows(path, stream):
        try:
            time, kind, ref, size, price, direction = row
            seconds, _, fraction = time.partition(".")
            ns = int(seconds) * 1_000_000_000 + int(fraction[:9].ljust(9, "0"))
            message = (ns, int(kind), int(ref), int(size), int(price), _SIDES[direction])
        except (ValueError, KeyError):
            if line == 1 and row[0].lower() == "time":
                continue
            _refuse(path, line, COLUMNS, row)
        if ns < 0 or message[3] < 0:
            _refuse(path, line, f"{COLUMNS}, no time and no size below zero", row)
        summary.messages[kind] = summary.messages.get(kind, 0) + 1
        yield message


def _levels(path: Path, columns: int, stream: IO[str]) -> Iterator[Levels]:
    for line, row in _rows(path, stream):
        try:
            numbers = list(map(int, row))
        except ValueError:
            if line == 1 and not row[1].isdigit():
                continue
            _refuse(path, line, BOOK_COLUMNS, row)
        if len(row) != columns:
            _refuse(path, line, f"{BOOK_COLUMNS}, {columns} columns as in line 1", row)
        asks = {p: q for p, q in zip(numbers[0::4], numbers[1::4], strict=True) if q and abs(p) != _NO_LEVEL}
        bids = {p: q for p, q in zip(numbers[2::4], numbers[3::4], strict=True) if q and abs(p) != _NO_LEVEL}
        yield bids, asks


def _refuse(path: Path, line: int, expected: str, row: list[str]) -> NoReturn:
    raise ConfigError(f"{path} line {line}", f"expected {expected}; got {','.join(row)[:80]!r}")


# --- replaying --------------------------------------------------------------------------------------------------------


class _Replay:
    """One market, its messages and, where known, how the book looks after each."""

    def __init__(self, market: Market, midnight: int, summary: Summary) -> None:
        self.market = market
        self.summary = summary
        self._midnight = midnight
        self.depth = 0  # levels that a row of the book file has room for
        self._made_up = 0  # stand-ins, named by negative ids
        self._seen: Levels | None = None  # the book file's row that the market was last made equal to

    def message(self, message: Message) -> None:
        """Pass one message on."""
        ns, kind, ref, size, price, side = message
        ts_ns, market = self._midnight + ns, self.market
        if kind == NEW:
            market.add(ref, side, price, size, ts_ns)
        elif kind == VISIBLE:
            self._execute(ref, side, price, size, ts_ns)
        elif kind == PARTIAL:
            market.reduce(self._known(ref, side, price), size, ts_ns)
        elif kind == DELETE:
            known = self._known(ref, side, price)
            if known == ref:
                market.delete(ref, ts_ns)
            else:
                market.reduce(known, size, ts_ns)
        elif kind == HIDDEN:
            self.summary.drop("hidden executions: they never touch the visible book")
        elif kind == CROSS:
            self.summary.drop("crosses")
        elif kind != HALT:
            self.summary.drop(f"rows of unknown type {kind}")
        elif price == -1:
            market.halt(ts_ns)
        elif price == 1:
            market.resume(ts_ns)

    def _known(self, ref: int, side: int, price: int) -> int:
        """The order that a message is about: the stand-in at its price where its own is unknown."""
        market = self.market
        if ref not in market.book.orders and ref not in market.held:
            for standing in market.book.level(side, price):
                if standing < 0:
                    self.summary.infer("messages of unknown orders, taken for the stand-in at their price")
                    return standing
        return ref

    def _execute(self, ref: int, side: int, price: int, shares: int, ts_ns: int) -> None:
        """An execution is certain: what isn't known to stand there, or not with so many shares, is placed for it."""
        market = self.market
        known = self._known(ref, side, price)
        order = market.book.orders.get(known)
        if known not in market.held and (order is None or order[2] < shares):
            self.summary.infer("orders known by their execution only: placed right before it")
            if order is not None and known == ref:
                market.delete(ref, ts_ns)
            known = ref
            market.add(ref, side, price, shares, ts_ns)
        if market.book.best(side) != price:
            self._seen = None  # what is passed over stands in rows that don't change
        market.execute(known, shares, ts_ns)

    def open(self, levels: Levels, first: Message) -> None:
        """Place what stood before the first message, given the book after it."""
        ns, kind, _, size, price, side = first
        before: Levels = (dict(levels[BUY]), dict(levels[SELL]))
        change = {NEW: -size, PARTIAL: size, DELETE: size, VISIBLE: size}.get(kind, 0)
        before[side][price] = before[side].get(price, 0) + change
        for of_side in (BUY, SELL):
            for at, shares in before[of_side].items():
                if shares > 0:
                    self._stand_in(of_side, at, shares, self._midnight + ns)
                    self.summary.opening_orders += 1
        self.summary.infer("opening orders, one a level of the book file's first row", self.summary.opening_orders)

    def see(self, levels: Levels, ns: int) -> None:
        """Make the market equal to a row of the book file, as far as it sees."""
        ts_ns, seen = self._midnight + ns, self._seen
        if levels == seen:
            return
        for side in (BUY, SELL):
            row = levels[side]
            changed = row if seen is None else dict(row.items() - seen[side].items())
            for price, shares in changed.items():
                self._equal(side, price, shares, ts_ns)
            self._clear(side, row, None if seen is None else seen[side], ts_ns)
        self._seen = levels

    def is_in_sight(self) -> bool:
        """Whether the market equals the last row seen; true where there was none."""
        if self._seen is None:
            return True
        pairs = ((side, *level) for side in (BUY, SELL) for level in self._seen[side].items())
        return all(self.market.total(side, price) == shares for side, price, shares in pairs)

    def _clear(self, side: int, row: dict[int, int], seen: dict[int, int] | None, ts_ns: int) -> None:
        """Nothing stands where the row shows nothing."""
        horizon = self._horizon(side, row)
        if seen is None or _is_better(side, self._horizon(side, seen), horizon):
            doubtful = set(self.market.book.prices(side))
        else:
            doubtful = set(seen)
        for price in doubtful - row.keys():
            if _is_better(side, price, horizon):
                self._equal(side, price, 0, ts_ns)

    def _horizon(self, side: int, row: dict[int, int]) -> int:
        """The price up to which a row shows everything: its worst, unless it has room for more."""
        if len(row) < self.depth:
            return 0 if side == BUY else 2 * _NO_LEVEL
        return min(row) if side == BUY else max(row)

    def _equal(self, side: int, price: int, shares: int, ts_ns: int) -> None:
        """Place or take away at a price what makes it hold these shares."""
        total = self.market.total(side, price)
        if total < shares:
            self.summary.infer("orders that came into the book file's sight")
            self._stand_in(side, price, shares - total, ts_ns)
        elif total > shares:
            self.summary.infer("prices where shares went out of the book file's sight: taken away")
            self._shed(side, price, total - shares, ts_ns)

    def _stand_in(self, side: int, price: int, shares: int, ts_ns: int) -> None:
        self._made_up += 1
        self.market.add(-self._made_up, side, price, shares, ts_ns)

    def _shed(self, side: int, price: int, shares: int, ts_ns: int) -> None:
        """Take shares away: stand-ins first, then the order of just that size, else from the back."""
        market = self.market
        orders = market.book.orders
        level = market.book.level(side, price)
        fitting = [ref for ref in reversed(level) if orders[ref][2] == shares][:1]
        for ref in [*(ref for ref in level if ref < 0), *fitting, *reversed(level)]:
            if shares and ref in orders:
                off = min(shares, orders[ref][2])
                shares -= off
                market.reduce(ref, off, ts_ns)


def _is_better(side: int, price: int, than: int) -> bool:
    return price > than if side == BUY else price < than


def _with_books(replay: _Replay, messages: Iterator[Message], files: _Files, stream: IO[str]) -> None:
    """Replay messages with the book after each.

    A taker's executions follow each other: the book is looked at when they are over, so that they stay one taker's.
    """
    assert files.books is not None
    replay.depth = files.columns // 4
    books = _levels(files.books, files.columns, stream)
    last: Message | None = None
    levels: Levels | None = None
    count = 0
    for count, message in enumerate(messages, 1):
        following = next(books, None)
        if following is None:
            raise ConfigError(str(files.books), f"expected a row for each message; it ends after {count - 1}")
        if last is None:
            replay.open(following, message)
        elif message[1] in (HIDDEN, CROSS):
            replay.message(message)
            continue
        elif levels is not None and not _is_one_taker(last, message):
            replay.see(levels, last[0])
        replay.message(message)
        last, levels = message, following
    if last is not None and levels is not None:
        replay.see(levels, last[0])
    if next(books, None) is not None:
        raise ConfigError(str(files.books), f"expected a row for each message; it has more than {count}")


def _is_one_taker(one: Message, other: Message) -> bool:
    """Whether two messages are executions of one instant, of resting orders of one side."""
    return one[1] == other[1] == VISIBLE and one[0] == other[0] and one[5] == other[5]
