"""What the market data keeps in LMDB, packed so that a commit needs few puts.

    feed_blocks   first mseq                         → whole messages' records, FEED_BLOCK or a little more
    feed_index    type, interval, symbol, first seq  → (seq, mseq) of each message of that topic in one block
    trades        symbol, first seq                  → TRADE records of one commit
    levels        symbol, side, price                → total lots
    candles       symbol, interval, start            → CANDLE_ROW
    tickers, status, auctions   symbol               → the latest record

The feed's blocks and their index are pruned together; trades stay.
"""

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from consumers.marketdata.candles import LateBust
from consumers.store import Store, StoreView, encode_key
from consumers.stored import LISTED, Tables
from ringbuf.codes import FLAG_LAST, MarketType, SymbolState
from ringbuf.records import MARKET, RECORD_SIZE

NAME = "marketdata"
FEED, INDEX = "feed_blocks", "feed_index"
TABLES = ("levels", "candles", "tickers", "trades", FEED, INDEX, "status", "auctions", LISTED)
LATEST = {"tickers": MarketType.TICKER, "status": MarketType.STATUS, "auctions": MarketType.AUCTION}
CANDLE_ROW = struct.Struct("<4q2qq")  # open, high, low, close, volume, quote volume, trades; volumes capped
CANDLE_FIELDS = (
    "open_ticks", "high_ticks", "low_ticks", "price_ticks", "volume_lots", "quote_volume", "trades"
)  # fmt: skip
FEED_KEPT = 1 << 21  # records of the feed log; older ones are answered by a snapshot
FEED_BLOCK = 1024  # records
MESSAGE = np.dtype([("seq", "<i8"), ("mseq", "<i8")])
LAST = int(FLAG_LAST)


def store_folder(data: Path) -> Path:
    """Where the store lies."""
    return Path(data) / "stores" / NAME


def topic_key(kind: int, symbol: int, interval: int, seq: int) -> bytes:
    """Key of a row in the index by topic."""
    return struct.pack(">BBIQ", kind, interval, symbol, seq)


def put_records(txn: Any, store: Tables, records: np.ndarray) -> None:
    """A commit's records, which are whole messages: feed log, its index, and what they say is so now."""
    if not len(records):
        return
    for block in _blocks(records):
        key = encode_key(int(block["mseq"][0]))
        added = txn.put(key, block.tobytes(), db=store.db(FEED), append=True)
        assert added, "behind the feed's end"
        for topic, messages in _index_of(block):
            txn.put(topic, messages, db=store.db(INDEX))
    kinds = records["type"]
    present = set(kinds.tolist())  # in most commits two or three
    rows_of = {MarketType.TRADE: _put_trades, MarketType.DEPTH: _put_levels, MarketType.CANDLE: _put_candles}
    for kind, put in rows_of.items():
        if kind in present:
            put(txn, store, records[kinds == kind])
    for table, kind in LATEST.items():
        if kind in present:
            for row in _latest(records[kinds == kind], ("symbol",)):
                txn.put(encode_key(int(row["symbol"])), row.tobytes(), db=store.db(table))
    _prune(txn, store, int(records["mseq"][-1]) - FEED_KEPT)


def _blocks(records: np.ndarray) -> Iterator[np.ndarray]:
    """Cut where messages end, so that each block and its index stand alone."""
    ends = np.flatnonzero(records["flags"] & LAST) + 1
    start = 0
    while start < len(records):
        at = int(np.searchsorted(ends, min(start + FEED_BLOCK, len(records))))
        yield records[start : ends[at]]
        start = int(ends[at])


def _index_of(block: np.ndarray) -> Iterator[tuple[bytes, bytes]]:
    """(key, value) of the index rows that belong to a feed block, which begins with a message."""
    starts = np.concatenate([[0], np.flatnonzero(block["flags"][:-1] & LAST) + 1])
    heads = block[starts]
    topics = (heads["type"].astype(np.int64) << 8 | heads["interval"]) << 32 | heads["symbol"]
    order = np.argsort(topics, kind="stable")
    heads, topics = heads[order], topics[order]
    messages = np.empty(len(heads), MESSAGE)
    messages["seq"], messages["mseq"] = heads["seq"], heads["mseq"]
    cuts = [0, *(np.flatnonzero(np.diff(topics)) + 1).tolist(), len(heads)]
    for a, b in zip(cuts[:-1], cuts[1:], strict=True):
        kind, symbol, interval = (int(heads[name][a]) for name in ("type", "symbol", "interval"))
        yield topic_key(kind, symbol, interval, int(heads["seq"][a])), messages[a:b].tobytes()


def _latest(records: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """The last record of each combination of these fields, sorted by them."""
    if len(records) < 2:
        return records
    order = np.lexsort([records[name] for name in reversed(names)])  # stable: later ones stay behind
    ordered = records[order]
    is_last = np.ones(len(ordered), bool)
    is_last[:-1] = False
    for name in names:
        is_last[:-1] |= ordered[name][1:] != ordered[name][:-1]
    return ordered[is_last]


def _put_trades(txn: Any, store: Tables, trades: np.ndarray) -> None:
    for symbol in np.unique(trades["symbol"]).tolist():
        rows = trades[trades["symbol"] == symbol]
        txn.put(encode_key(symbol, int(rows["seq"][0])), rows.tobytes(), db=store.db("trades"))


def _put_levels(txn: Any, store: Tables, changes: np.ndarray) -> None:
    names = ("symbol", "side", "price_ticks")
    latest = _latest(changes, names)
    db, rows = store.db("levels"), []
    for symbol, side, price, lots in zip(*(latest[name].tolist() for name in (*names, "qty_lots")), strict=True):
        if lots:
            rows.append((encode_key(symbol, side, price), encode_key(lots)))
        else:
            txn.delete(encode_key(symbol, side, price), db=db)
    with txn.cursor(db=db) as cursor:
        cursor.putmulti(rows)


def _put_candles(txn: Any, store: Tables, candles: np.ndarray) -> None:
    names = ("symbol", "interval", "open_ts_ns")
    latest = _latest(candles, names)
    for place, values in zip(
        zip(*(latest[name].tolist() for name in names), strict=True),
        zip(*(latest[name].tolist() for name in CANDLE_FIELDS), strict=True),
        strict=True,
    ):
        txn.put(encode_key(*place), CANDLE_ROW.pack(*values), db=store.db("candles"))


def take_from_candles(txn: Any, store: Tables, busts: Iterable[LateBust], records: np.ndarray) -> None:
    """Take from candles that have ended what their trades busted since held.

    records: of the same commit, stored already; a candle told after the bust has left it out itself.
    """
    candles = store.db("candles")
    for symbol, interval, start, lots, quote, seq in busts:
        later = records[(records["seq"] > seq) & (records["symbol"] == symbol) & (records["open_ts_ns"] == start)]
        is_told = np.any((later["type"] == MarketType.CANDLE) & (later["interval"] == interval))
        key = encode_key(symbol, interval, start)
        row = txn.get(key, db=candles)
        if row is not None and not is_told:
            *prices, volume, quote_volume, trades = CANDLE_ROW.unpack(row)
            txn.put(key, CANDLE_ROW.pack(*prices, volume - lots, quote_volume - quote, trades - 1), db=candles)


def _prune(txn: Any, store: Tables, last: int) -> None:
    """Drop the feed's blocks that end at or before record `last`, with their index rows."""
    with txn.cursor(db=store.db(FEED)) as cursor:
        while cursor.first():
            first, value = int.from_bytes(cursor.key(), "big"), cursor.value()
            if first + len(value) // RECORD_SIZE - 1 > last:
                return
            for key, _ in _index_of(np.frombuffer(bytes(value), MARKET)):
                txn.delete(key, db=store.db(INDEX))
            cursor.delete()


def last_mseq(txn: Any, store: Tables) -> int:
    """Number of the last record in the feed log, 0 = none."""
    with txn.cursor(db=store.db(FEED)) as cursor:
        if not cursor.last():
            return 0
        return int.from_bytes(cursor.key(), "big") + len(cursor.value()) // RECORD_SIZE - 1


def _seek_row(cursor: Any, key: bytes, prefix: bytes) -> bool:
    """Put the cursor on the row that begins at `key` or else holds it; False where neither has the prefix."""
    if cursor.set_range(key):
        if cursor.key() == key:
            return True
        found = cursor.prev()
    else:
        found = cursor.last()
    if found and cursor.key().startswith(prefix):
        return True
    return bool(cursor.next() if found else cursor.first()) and cursor.key().startswith(prefix)


def feed_after(txn: Any, store: Tables, mseq: int, most: int) -> np.ndarray:
    """At least `most` records after `mseq`, in whole messages; fewer at the end, later ones where it is pruned."""
    parts: list[np.ndarray] = []
    count = 0
    with txn.cursor(db=store.db(FEED)) as cursor:
        found = _seek_row(cursor, encode_key(mseq + 1), b"")
        while found and count < most:
            rows = np.frombuffer(cursor.value(), MARKET)
            rows = rows[max(mseq + 1 - int.from_bytes(cursor.key(), "big"), 0) :]
            ends = np.flatnonzero(rows["flags"] & LAST) + 1
            if count + len(rows) > most:
                rows = rows[: ends[np.searchsorted(ends, most - count)]]
            parts.append(rows.copy())
            count += len(rows)
            found = cursor.next()
    return np.concatenate(parts) if parts else np.zeros(0, MARKET)


def messages_between(
    txn: Any, store: Tables, topic: tuple[int, int, int], first: int, last: int
) -> Iterator[np.ndarray]:
    """A topic's messages with first <= seq <= last that are kept: one array of records each."""
    kind, symbol, interval = topic
    prefix = topic_key(kind, symbol, interval, 0)[:6]
    with txn.cursor(db=store.db(INDEX)) as index, txn.cursor(db=store.db(FEED)) as feed:
        found = _seek_row(index, topic_key(kind, symbol, interval, max(first, 0)), prefix)
        while found and index.key()[:6] == prefix:
            messages = np.frombuffer(index.value(), MESSAGE)
            wanted = messages[(messages["seq"] >= first) & (messages["seq"] <= last)]
            if len(wanted) and _seek_row(feed, encode_key(int(wanted["mseq"][0])), b""):
                yield from _cut(np.frombuffer(bytes(feed.value()), MARKET), wanted["mseq"].tolist())
            if messages["seq"][-1] >= last:
                return
            found = index.next()


def last_of_topics(txn: Any, store: Tables, most: int) -> dict[tuple[int, int, int], int]:
    """{(type, symbol, interval): sequence of its last message} among the records up to number `most`."""
    found: dict[tuple[int, int, int], int] = {}
    with txn.cursor(db=store.db(INDEX)) as index:
        there = index.last()
        while there:
            kind, interval, symbol, _ = struct.unpack(">BBIQ", index.key())
            messages = np.frombuffer(index.value(), MESSAGE)
            messages = messages[messages["mseq"] <= most]
            if len(messages):
                found[kind, symbol, interval] = int(messages["seq"][-1])
                index.set_range(topic_key(kind, symbol, interval, 0))  # the topic's first row
            there = index.prev()
    return found


def _cut(block: np.ndarray, numbers: list[int]) -> Iterator[np.ndarray]:
    """The messages of a block whose first records have these numbers."""
    ends = np.flatnonzero(block["flags"] & LAST) + 1
    for number in numbers:
        at = number - int(block["mseq"][0])
        yield block[at : ends[np.searchsorted(ends, at, side="right")]]


def levels_of(txn: Any, store: Tables, symbol: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """(bids, asks) as (price, total), best first."""
    sides: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
    with txn.cursor(db=store.db("levels")) as cursor:
        found = cursor.set_range(encode_key(symbol, 0, 0))
        while found:
            key_symbol, side, price = struct.unpack(">QQQ", cursor.key())
            if key_symbol != symbol:
                break
            sides[side].append((price, int.from_bytes(cursor.value(), "big")))
            found = cursor.next()
    sides[0].reverse()
    return sides


def trade_at(txn: Any, store: Tables, symbol: int, seq: int) -> np.void | None:
    """A symbol's TRADE record of that event, None where it has none."""
    prefix = encode_key(symbol)
    with txn.cursor(db=store.db("trades")) as cursor:
        if not _seek_row(cursor, encode_key(symbol, seq), prefix):
            return None
        rows = np.frombuffer(bytes(cursor.value()), MARKET)
    at = int(np.searchsorted(rows["seq"], seq))
    return rows[at] if at < len(rows) and rows["seq"][at] == seq else None


def last_trades(txn: Any, store: Tables, symbol: int, most: int, before: int = (1 << 63) - 1) -> np.ndarray:
    """The last `most` TRADE records of a symbol, or the last ones before an event's sequence; oldest first."""
    parts: list[np.ndarray] = []
    count, prefix = 0, encode_key(symbol)
    with txn.cursor(db=store.db("trades")) as cursor:
        found = _seek_row(cursor, encode_key(symbol, before), prefix)
        while found and count < most and cursor.key()[: len(prefix)] == prefix:
            rows = np.frombuffer(bytes(cursor.value()), MARKET)
            parts.append(rows[: np.searchsorted(rows["seq"], before)])
            count += len(parts[-1])
            found = cursor.prev()
    rows = np.concatenate(parts[::-1]) if parts else np.zeros(0, MARKET)
    return rows[max(len(rows) - most, 0) :]


def trades_from(txn: Any, store: Tables, symbol: int, seq: int, most: int) -> np.ndarray:
    """The first `most` TRADE records of a symbol from event `seq` on."""
    parts: list[np.ndarray] = []
    count, prefix = 0, encode_key(symbol)
    with txn.cursor(db=store.db("trades")) as cursor:
        found = _seek_row(cursor, encode_key(symbol, max(seq, 0)), prefix)
        while found and count < most and cursor.key()[: len(prefix)] == prefix:
            rows = np.frombuffer(bytes(cursor.value()), MARKET)
            parts.append(rows[np.searchsorted(rows["seq"], seq) :])
            count += len(parts[-1])
            found = cursor.next()
    return np.concatenate(parts)[:most] if parts else np.zeros(0, MARKET)


def first_trade_at(txn: Any, store: Tables, symbol: int, ts_ns: int) -> int:
    """A sequence from which on a symbol's trades are at `ts_ns` or later, and none before it: by halving."""
    prefix = encode_key(symbol)
    newest = last_trades(txn, store, symbol, 1)
    low, high = 0, int(newest["seq"][0]) + 1 if len(newest) else 0
    with txn.cursor(db=store.db("trades")) as cursor:
        while low < high:  # trades below `low` are too early, those from `high` on are not
            middle = (low + high) // 2
            _seek_row(cursor, encode_key(symbol, middle), prefix)
            rows = np.frombuffer(bytes(cursor.value()), MARKET)
            early = rows[rows["ts_ns"] < ts_ns]
            if len(early) == len(rows):
                low = max(int(rows["seq"][-1]), middle) + 1
            elif len(early):
                return int(rows["seq"][len(early)])
            else:
                high = min(int(rows["seq"][0]), middle)
    return low


def count_trades(txn: Any, store: Tables) -> int:
    """How many trades of all symbols are stored."""
    with txn.cursor(db=store.db("trades")) as cursor:
        return sum(len(value) // RECORD_SIZE for value in cursor.iternext(keys=False, values=True))


def last_rows(txn: Any, db: Any, prefix: bytes, most: int) -> list[tuple[bytes, bytes]]:
    """The last `most` (key, value) whose key begins with `prefix`, oldest first."""
    rows: list[tuple[bytes, bytes]] = []
    for row in _backwards(txn, db, prefix):
        if len(rows) == most:
            break
        rows.append(row)
    rows.reverse()
    return rows


def rows_between(txn: Any, db: Any, prefix: bytes, first: int, last: int) -> Iterator[tuple[int, bytes]]:
    """(last part of the key, value) of the rows under `prefix` whose last part is `first` to `last`, rising."""
    with txn.cursor(db=db) as cursor:
        found = cursor.set_range(prefix + encode_key(max(first, 0)))
        while found and cursor.key()[: len(prefix)] == prefix:
            at = int.from_bytes(cursor.key()[len(prefix) :], "big")
            if at > last:
                return
            yield at, bytes(cursor.value())
            found = cursor.next()


def _backwards(txn: Any, db: Any, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(key, value) whose key begins with `prefix`, last first."""
    with txn.cursor(db=db) as cursor:
        after = (int.from_bytes(prefix, "big") + 1).to_bytes(len(prefix), "big")
        found = cursor.prev() if cursor.set_range(after) else cursor.last()
        while found and cursor.key()[: len(prefix)] == prefix:
            yield bytes(cursor.key()), bytes(cursor.value())
            found = cursor.prev()


def record_of(txn: Any, store: Tables, table: str, symbol: int) -> np.void | None:
    """A symbol's latest record of a table of LATEST."""
    row = txn.get(encode_key(symbol), db=store.db(table))
    return None if row is None else np.frombuffer(bytes(row), MARKET)[0]


def auction_of(txn: Any, store: Tables, status: np.void | None) -> np.void | None:
    """The latest AUCTION record of the symbol whose latest STATUS record this is.

    None where it is in no auction, or nothing would trade.
    """
    if status is None or status["side"] != SymbolState.AUCTION:
        return None
    auction = record_of(txn, store, "auctions", int(status["symbol"]))
    if auction is None or auction["seq"] < status["seq"]:
        return None
    return auction if auction["qty_lots"] else None


def open_tables(view: Store | StoreView) -> None:
    """Open every handle before a snapshot begins."""
    for table in TABLES:
        view.db(table)
